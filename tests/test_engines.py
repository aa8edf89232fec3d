"""All engines do the same with whole programs: output, instructions, faults; lockstep would find a difference; and what
happens where there is no LLVM.

The samples and guest tests (test_samples.py, test_guest.py) run on all engines too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.images import PROGRAMS, build
from tests.support.harness import ASM, OPTIONS, C, Case, check_case, compiled, expected_output, run_case
from tests.support.oracles import GCC, require_oracle
from tests.support.ways import WAYS, check_every_way
from toyvm.base.errors import UsageError
from toyvm.base.record import replace
from toyvm.base.resources import cache_path
from toyvm.build import build_program
from toyvm.cli import cache
from toyvm.engines.checking.lockstep_engine import LockstepEngine, LockstepError
from toyvm.engines.llvm.interp.interpreting_engine import InterpretingEngine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import unavailable
from toyvm.engines.python.code_cache import TRANSLATIONS, CodeCache
from toyvm.machine.hart import Hart
from toyvm.machine.traps import Trap
from toyvm.result import RunResult
from toyvm.system import run

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")


@pytest.mark.oracle
@pytest.mark.parametrize("path", sorted(C.glob("*.c")), ids=lambda path: path.stem)
def test_compiled_programs(path: Path, tmp_path: Path) -> None:
    """C made by gcc, long enough that most of it runs as native code."""
    require_oracle(GCC)
    source = tmp_path / f"{path.stem}.s"
    source.write_text(compiled(path, "O2"))
    program = build_program([source], linkage="static")

    def check(result: RunResult) -> None:
        assert result.stdout == expected_output(path, "static")
        assert (result.status, result.frames_leaked) == (0, 0)

    check_every_way(lambda options: run(program, [path.stem], options, stdin=b"", capture=True), check)


# Benchmarks that are mostly page faults and forks: each costs what thousands of other instructions do, and lockstep would compare
# memory after each.
FAULTING = ("faults", "forks", "map_storm", "storm")


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted(path.stem for path in PROGRAMS.glob("*.c")))
def test_benchmarks(name: str, tmp_path: Path) -> None:
    """Stock static programs, short, or stopped in the midst of native code: exactly at the limit on every engine."""
    require_oracle(GCC)
    image = build(name, tmp_path)
    limit = 250_000 if name in FAULTING else 1_500_000

    def check(result: RunResult) -> None:
        assert result.stats.instructions == limit if result.status == 124 else result.status == 0, (
            result.stderr
        )
        assert result.frames_leaked == 0

    check_every_way(
        lambda options: run(image, [name, "20"], options, capture=True),
        check,
        replace(OPTIONS, max_instructions=limit),
        ways=WAYS if name in FAULTING else (*WAYS, "lockstep"),
    )


@pytest.mark.parametrize("name", ["cow", "isolation", "sbrk"])
def test_the_definition_counts_the_same(name: str) -> None:
    """The tree walk, which is too slow for more."""
    case = Case(ASM / f"{name}.s", "static")
    check_every_way(
        lambda options: run_case(case, options),
        lambda result: check_case(case, result),
        ways=("reference", "walk"),
    )


def test_lockstep_finds_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: LockstepEngine, hart: Hart, budget: int) -> Trap | None:
        hart.x[5] ^= 1
        return original(self, hart, budget)

    original = InterpretingEngine.run
    monkeypatch.setattr(InterpretingEngine, "run", wrong)
    with pytest.raises(LockstepError, match=r"\* t0 +llvm 0x1 +reference 0x0"):
        run_case(Case(ASM / "hello.s", "static"), replace(OPTIONS, engine="lockstep", memory=4 << 20))


def test_without_llvm_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("toyvm.engines.llvm.translator.unavailable", lambda: "llvmlite is not installed")
    case = Case(ASM / "cow.s", "static")
    monkeypatch.setattr(LlvmEngine.__init__, "__defaults__", (None, None, EAGER, True))
    check_case(case, run_case(case, replace(OPTIONS, engine="auto")))
    assert (
        capsys.readouterr().err
        == "toyvm: hot code stays in Python, which is slow: llvmlite is not installed\n"
    )
    with pytest.raises(UsageError, match="--engine llvm: llvmlite is not installed"):
        run_case(case, replace(OPTIONS, engine="llvm"))


def test_the_cache_command_shows_and_clears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    CodeCache(cache_path(TRANSLATIONS), b"version").put(4096, b"text", ([], 0, bytes(1000)))
    for arguments, text in (
        (["show"], "1 translations"),
        (["clear"], "removed 1 translations"),
        ([], " 0 translations, 0 bytes"),
    ):
        assert cache.main(arguments) == 0
        assert text in capsys.readouterr().out
