"""The native interpreter where it meets other code: pages, changed code, regions, budgets; the reference engine beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.bare_machine import CODE, DATA, Machine, code
from tests.unit.engines.test_agreement import outcome
from toyvm.base.record import replace
from toyvm.engines.llvm.interp import op_pages
from toyvm.engines.llvm.interp.interpreting_engine import InterpretingEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.machine.physical_memory import PAGE_SIZE
from toyvm.machine.sv39 import PTE_A, walk
from toyvm.machine.traps import Cause

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

ALONE = replace(EAGER, arrivals=1 << 30)  # no region
NOP = code(("addi", {}))


def engine(machine: Machine, *, regions: bool = False) -> InterpretingEngine:
    translator = Translator(str(Path(os.environ["TOYVM_TEST_SCRATCH"]) / "native"))
    translator.keeping = False
    return InterpretingEngine(
        machine.memory, translator=translator, thresholds=EAGER if regions else ALONE, first=0
    )


def pair(text: bytes, x: tuple[int, ...] = ()) -> tuple[Machine, Machine]:
    return Machine(text, x), Machine(text, x)


def same(ours: Machine, theirs: Machine, pieces: list[int], *, regions: bool = False) -> InterpretingEngine:
    """Run both in pieces; every piece ends the same."""
    native, reference = engine(ours, regions=regions), ReferenceEngine(theirs.memory)
    for piece in pieces:
        got, expected = native.run(ours.hart, piece), reference.run(theirs.hart, piece)
        assert outcome(got) == outcome(expected)
        assert ours.state() == theirs.state()
    return native


def add(register: int, by: int) -> tuple[str, dict[str, int]]:
    return "addi", {"rd": register, "rs1": register, "imm": by}


def test_each_budget_ends_at_its_instruction() -> None:
    text = code(add(1, 1), add(2, 2), ("bne", {"rs1": 1, "rs2": 3, "imm": -8}), add(4, 1), "ecall")
    for regions in (False, True):
        ours, theirs = pair(text, (0, 0, 0, 40))
        assert same(ours, theirs, [*range(1, 14), 200], regions=regions).interpreted


def test_an_instruction_in_two_pages() -> None:
    """It is executed with the bytes that the second page has now; its page may be absent."""
    jump = code(("jal", {"rd": 5, "imm": PAGE_SIZE - 6}))
    tail = code(add(1, 7), ("jalr", {"rd": 0, "rs1": 6, "imm": 0}))
    text = jump.ljust(PAGE_SIZE - 6, b"\0") + NOP + tail
    ours, theirs = pair(text, (0, 0, 0, 0, 0, 0, CODE))
    native, reference = engine(ours), ReferenceEngine(theirs.memory)
    for _ in range(3):
        for run, machine in ((native, ours), (reference, theirs)):
            assert run.run(machine.hart, 4) is None
        assert ours.state() == theirs.state() and ours.hart.pc == CODE
    for run, machine in ((native, ours), (reference, theirs)):
        other = code(add(1, 0x700))
        machine.write_code(CODE + PAGE_SIZE, other[2:])
        run.invalidate_page(machine.hart.mmu, CODE + PAGE_SIZE)
        run.invalidate_page(machine.hart.mmu, CODE)
        assert run.run(machine.hart, 4) is None
    assert ours.state() == theirs.state() and ours.hart.x[1] == 21 + 0x700
    for run, machine in ((native, ours), (reference, theirs)):
        machine.map(CODE + PAGE_SIZE, 0, 0)
        machine.hart.mmu.tlb.flush()
        run.invalidate(machine.hart.mmu)
        trap = run.run(machine.hart, 4)
        assert trap is not None and trap.cause is Cause.INSTRUCTION_PAGE_FAULT
        assert (trap.tval, machine.hart.pc) == (CODE + PAGE_SIZE, CODE + PAGE_SIZE - 2)


def test_changed_code_after_fence_i() -> None:
    """The program writes an instruction of its own next page, once with fence.i and once before its first execution."""
    store = ("sw", {"rs1": 10, "rs2": 11, "imm": 0})
    text = code(store, "fence.i", ("jalr", {"rd": 1, "rs1": 10, "imm": 0}), "ecall")
    text = text.ljust(PAGE_SIZE, b"\0") + code(add(5, 1), ("jalr", {"rd": 0, "rs1": 1, "imm": 0}))
    results = []
    for regions in (False, True):
        ours, theirs = pair(text, (0,) * 10 + (CODE + PAGE_SIZE,))
        for machine in (ours, theirs):
            machine.map(CODE + PAGE_SIZE, 9, 0xE)  # R, W and X
        native, reference = engine(ours, regions=regions), ReferenceEngine(theirs.memory)
        for step in range(12):
            for run, machine in ((native, ours), (reference, theirs)):
                machine.hart.pc, machine.hart.x[11] = CODE, int.from_bytes(code(add(5, step)), "little")
                trap = run.run(machine.hart, 10)
                assert trap is not None and trap.cause is Cause.ECALL_U
            assert ours.state() == theirs.state()
        results.append(ours.hart.x[5])
    assert results == [66, 66]


def test_a_page_is_marked_as_accessed_again_after_its_entry_changed() -> None:
    machine = Machine(code(add(1, 1), ("jal", {"rd": 0, "imm": -4})))
    native, mmu = engine(machine), machine.hart.mmu
    assert native.run(machine.hart, 10) is None
    found = walk(machine.memory, mmu.root_ppn, CODE)
    assert found is not None and found[1] & PTE_A
    machine.memory.u64[found[0]] &= ~PTE_A
    mmu.tlb.drop(CODE >> 12)
    native.invalidate_page(mmu, CODE)
    assert native.run(machine.hart, 10) is None
    assert machine.memory.u64[found[0]] & PTE_A and machine.hart.instret == 20


def test_pages_are_used_again_when_all_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(op_pages, "MOST_PAGES", 2)
    hop = code(add(1, 1), ("jal", {"rd": 0, "imm": PAGE_SIZE - 4})).ljust(PAGE_SIZE, b"\0")
    last = code(add(1, 1), ("jal", {"rd": 0, "imm": -3 * PAGE_SIZE - 4}))
    ours, theirs = pair(hop * 3 + last)
    same(ours, theirs, [1, 2, 3, 50, 7])


def test_hot_code_becomes_a_region_and_returns_to_the_interpreter() -> None:
    """The loop calls a function whose first instruction no region can contain."""
    loop = code(add(1, 1), ("jal", {"rd": 5, "imm": 12}), ("blt", {"rs1": 1, "rs2": 3, "imm": -8}), "ecall")
    text = loop + code(("csrrs", {"rd": 6, "rs1": 0, "csr": 0xC02}), ("jalr", {"rd": 0, "rs1": 5, "imm": 0}))
    ours, theirs = pair(text, (0, 0, 0, 200))
    native = same(ours, theirs, [300, 17, 2000], regions=True)
    assert ours.hart.mmu.code is not None and native.slow_steps > 100


def test_a_fault_in_the_middle_is_asked_for_and_the_access_repeated() -> None:
    text = code(
        ("sd", {"rs1": 10, "rs2": 1, "imm": 0}), add(10, 8), add(1, 1), ("jal", {"rd": 0, "imm": -12})
    )
    machine = Machine(text, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, DATA))
    machine.map(DATA + PAGE_SIZE, 0, 0)
    asked = []

    def resolve(trap: object, pc: int, instret: int) -> bool:
        asked.append((pc, instret))
        machine.map(DATA + PAGE_SIZE, 17, 6)
        return True

    assert engine(machine).run(machine.hart, 4 * 600, resolve) is None
    assert asked == [(CODE, 4 * 512)] and machine.hart.x[1] == 600
