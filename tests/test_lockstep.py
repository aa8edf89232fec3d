"""Every program in lockstep: the LLVM engine against the reference engine after each piece of a run, the processes
interleaved by quanta of random length.

One round by default; `TOYVM_LOCKSTEP_ROUNDS=20` runs twenty, each with a seed of its own. What fails is repeated by
`toyvm run --engine lockstep --schedule-seed N PROGRAM`.
"""

from __future__ import annotations

import os

import pytest

from tests.support.harness import ASM, GUEST, OPTIONS, Case, cases, check_case, run_case
from tests.support.ways import LONG, engines_made, facts, native_entries
from toyvm.base.record import replace
from toyvm.engines.checking.lockstep_engine import LockstepError
from toyvm.engines.llvm.interp.interpreting_engine import InterpretingEngine
from toyvm.engines.llvm.translator import unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.kernel.proc.scheduler import random_quanta
from toyvm.machine.hart import Hart
from toyvm.machine.traps import Trap

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

ROUNDS = int(os.environ.get("TOYVM_LOCKSTEP_ROUNDS", "1"))


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("case", [*cases(ASM), *cases(GUEST)], ids=str)
def test_no_difference(case: Case, seed: int) -> None:
    with engines_made("lockstep") as made:
        result = run_case(case, replace(OPTIONS, engine="lockstep", schedule_seed=seed))
    check_case(case, result)
    assert native_entries(made[0]) > 0 or result.stats.instructions < LONG


def test_a_wild_write_is_found_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a frame that nobody has ever touched."""

    def wild(self: InterpretingEngine, hart: Hart, budget: int) -> Trap | None:
        self._memory.u8[self._memory.size - 100] = 7
        return original(self, hart, budget)

    original = InterpretingEngine.run
    monkeypatch.setattr(InterpretingEngine, "run", wild)
    with pytest.raises(LockstepError, match=r"\* \[0x3ffff98\] +llvm 0x700000000 +reference 0x0"):
        run_case(Case(ASM / "hello.s", "static"), replace(OPTIONS, engine="lockstep"))


def test_a_schedule_seed_is_another_interleaving() -> None:
    """The same one each time, and the same answer in all."""
    case = Case(ASM / "pipeline.s", "static")
    results = [run_case(case, replace(OPTIONS, schedule_seed=seed)) for seed in (None, 1, 1, 2)]
    for result in results:
        check_case(case, result)
    usual, first, again, second = (facts(result) for result in results)
    assert first == again
    assert len({str(told["context_switches"]) for told in (usual, first, second)}) == 3


def test_the_interleaving_of_a_seed_does_not_depend_on_how_far_an_engine_runs_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that continues after its quantum, because no other can run, keeps the length of its quanta."""
    case = Case(ASM / "pipeline.s", "static")
    results = []
    for stretch in (1, 700, 1_000_000):
        monkeypatch.setattr(ReferenceEngine, "stretch", stretch)
        results.append(run_case(case, replace(OPTIONS, engine="reference", schedule_seed=5, quantum=300)))
    first, *others = (facts(result) for result in results)
    assert all(other == first for other in others)


def test_random_quanta_are_short_and_long() -> None:
    drawn = [length for length, _ in zip(random_quanta(5, 1000), range(500), strict=False)]
    assert min(drawn) == 1 and max(drawn) == 1000
    assert sum(length < 30 for length in drawn) > 100 and sum(length > 300 for length in drawn) > 20
