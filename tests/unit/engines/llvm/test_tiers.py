"""How much is done to make code fast: what becomes one trace or one native function, and how often that is looked into."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bare_machine import CODE, Machine, code
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import ALLOWANCE, MISS_WORK, NATIVE_WORK, CompileBudget, NativeCode, Thresholds
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.traces import FLOAT_WORK, select, work_of
from toyvm.isa.decode import decode
from toyvm.machine.mmu import Mmu
from toyvm.machine.traps import Cause, Trap

needs_llvm = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

NEVER = 1 << 30
ADD = ("addi", {"rd": 5, "rs1": 5, "imm": 1})
LAST = CODE + 12  # where all of `HEADS` go on
HEADS = (CODE, CODE + 4, CODE + 8)
JOINING = code(
    ("jal", {"rd": 0, "imm": 12}),
    ("jal", {"rd": 0, "imm": 8}),
    ("jal", {"rd": 0, "imm": 4}),
    ADD,
    ("jal", {"rd": 0, "imm": -4}),
)


def engine_on(machine: Machine, thresholds: Thresholds) -> LlvmEngine:
    return LlvmEngine(machine.memory, translator=Translator(folder=None), thresholds=thresholds)


@pytest.mark.parametrize(("known", "length"), [(4, 8), (8, 8), (12, 12), (99, 20)])
def test_a_trace_of_some_length_ends_where_another_begins(known: int, length: int) -> None:
    """From instruction `known` on there are other traces; one of 8 is long enough."""
    words = [int.from_bytes(code(ADD), "little")] * 20
    steps = select(
        lambda pc: decode(words[pc // 4]) if pc < 80 else None,
        lambda pc: 0,
        lambda pc, before: pc // 4 >= known and before >= 8,
        0,
    )
    assert len(steps) == length == work_of(steps)


def test_floating_point_is_more_work() -> None:
    words = [
        int.from_bytes(code(ADD, ("fmul.d", {"rd": 1, "rs1": 2, "rs2": 3, "rm": 0}))[at : at + 4], "little")
        for at in (0, 4)
    ]
    steps = select(
        lambda pc: decode(words[pc // 4]) if pc < 8 else None, lambda pc: 0, lambda pc, before: False, 0
    )
    assert work_of(steps) == 2 + FLOAT_WORK


@needs_llvm
def test_a_block_is_looked_at_at_its_thresholds_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    adopt = LlvmEngine.adopt

    def watched(self: LlvmEngine, mmu: Mmu, space: NativeCode, head: int) -> bool:
        looked.append(space.blocks[head].heat)
        return adopt(self, mmu, space, head)

    monkeypatch.setattr(LlvmEngine, "adopt", watched)
    machine = Machine(code(ADD, ("jal", {"rd": 0, "imm": -4})))
    llvm = engine_on(
        machine, Thresholds(ask=4, trace=50, hot=NEVER, missed=NEVER, first=0, price=0, cold=1, piece=NEVER)
    )
    assert llvm.run(machine.hart, 2 * 500) is None
    assert looked == [0, 4, 50]  # when it was new, in the cache, and before its trace, which has run it since


@needs_llvm
def test_no_code_is_part_of_three_functions() -> None:
    machine = Machine(JOINING)
    llvm = engine_on(
        machine,
        Thresholds(ask=NEVER, trace=NEVER, hot=NEVER, missed=NEVER, first=0, price=0, cold=1, piece=NEVER),
    )
    for head in HEADS:
        machine.hart.pc = head
        assert llvm.run(machine.hart, 101) is None
    found = [llvm._region(machine.hart.mmu, head) for head in HEADS]
    assert [region is not None and (LAST, ()) in region.blocks for region in found] == [True, True, False]


@needs_llvm
def test_what_hardly_ran_is_not_translated() -> None:
    machine = Machine(JOINING)
    llvm = engine_on(
        machine,
        Thresholds(ask=NEVER, trace=NEVER, hot=NEVER, missed=NEVER, first=0, price=0, cold=4, piece=NEVER),
    )
    for rounds, part in ((3, False), (1, True)):
        machine.hart.pc = LAST if part else CODE
        assert llvm.run(machine.hart, 2 * rounds + (not part)) is None
        region = llvm._region(machine.hart.mmu, CODE)
        assert region is not None and ((LAST, ()) in region.blocks) is part


@needs_llvm
@pytest.mark.parametrize("first", [0, 3000])
def test_llvm_is_not_imported_for_little_work(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of two instructions is worth it each 20 instructions; before `first` of them nobody asks."""
    asked: list[int] = []
    translator = Translator(folder=None)
    machine = Machine(code(ADD, ("jal", {"rd": 0, "imm": -4})))
    eager = Thresholds(ask=1, trace=1, hot=10, missed=NEVER, first=first, price=0, cold=1, piece=10)
    llvm = LlvmEngine(machine.memory, translator=translator, thresholds=eager)
    monkeypatch.setattr(translator, "translate", lambda *_: asked.append(machine.hart.instret))
    assert llvm.run(machine.hart, 2000) is None
    assert bool(asked) is (first == 0)
    assert llvm.run(machine.hart, 2000) is None
    assert asked


@needs_llvm
def test_what_an_earlier_run_translated_needs_no_llvm(tmp_path: Path) -> None:
    """Native code that looks for a function in vain may ask for one that no block asks for: a CSR access has no count."""
    for first in (0, NEVER):
        machine = Machine(code(ADD, ("jal", {"rd": 0, "imm": -4})))
        llvm = LlvmEngine(
            machine.memory,
            translator=Translator(str(tmp_path)),
            thresholds=Thresholds(
                ask=NEVER, trace=NEVER, hot=NEVER, missed=NEVER, first=first, price=0, cold=1, piece=NEVER
            ),
        )
        assert llvm.run(machine.hart, 100) is None
        llvm.want(CODE)
        assert CODE in llvm._space.native


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What translations are made of; none is."""
    heads: list[int] = []
    monkeypatch.setattr(Translator, "translate", lambda self, head, *_: heads.append(head))
    return heads


def bound(missed: int, first: int, price: int = 0) -> LlvmEngine:
    """An engine that has run a loop, and asks for a translation at these thresholds alone."""
    machine = Machine(code(ADD, ("jal", {"rd": 0, "imm": -4})))
    thresholds = Thresholds(
        ask=NEVER, trace=NEVER, hot=NEVER, missed=missed, first=first, price=price, cold=1, piece=NEVER
    )
    llvm = engine_on(machine, thresholds)
    assert llvm.run(machine.hart, 100) is None
    return llvm


@needs_llvm
def test_looking_in_vain_is_work_too(asked: list[int]) -> None:
    llvm = bound(missed=10, first=25 * MISS_WORK)
    for _ in range(29):
        llvm._miss(CODE)
    assert asked == []
    llvm._miss(CODE)
    assert asked == [CODE]


@needs_llvm
def test_faults_are_work_too(asked: list[int]) -> None:
    llvm = bound(missed=NEVER, first=5 * MISS_WORK)
    llvm._effects.on_fault = lambda trap, pc, instret: True
    for faults in (4, 5):
        while llvm._effects.faults < faults:
            assert llvm._effects.again(Trap(Cause.LOAD_PAGE_FAULT, 0), CODE, 1)
        llvm.want(CODE)
        assert asked == [CODE] * (faults == 5)


def test_translation_takes_no_longer_than_what_it_is_for() -> None:
    price, first = 5000, 1000
    budget = CompileBudget(
        Thresholds(ask=1, trace=1, hot=1, missed=1, first=first, price=price, cold=1, piece=1)
    )
    assert not budget.affordable  # LLVM is not imported for so little
    budget.work = first
    translated = 0
    while budget.affordable:
        budget.spend(100)
        translated += 100
    assert translated == (ALLOWANCE + first) // (100 * price) * 100 + 100
    budget.work += 100 * price  # what Python does
    assert budget.affordable
    budget.spend(200)
    assert not budget.affordable
    budget.native += 200 * price * NATIVE_WORK  # what native code does, which is so many times faster
    assert budget.affordable


@needs_llvm
def test_no_translation_where_they_have_taken_too_long(asked: list[int]) -> None:
    llvm = bound(missed=NEVER, first=0, price=ALLOWANCE)
    for length, allowed in ((0, True), (1, True), (1, False)):
        llvm._compile_budget.spend(length)
        asked.clear()
        llvm.want(CODE)
        assert bool(asked) is allowed
