"""The LLVM engine does what the reference engine does, to the instruction; its cache and its tables are what they say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.bare_machine import CODE, DATA, DATA_PAGES, READ_ONLY, Machine, code
from tests.unit.engines.test_agreement import (
    ADDRESSES,
    ALL,
    MEMORY,
    MEMORY_NAMES,
    PLAIN,
    instructions,
    loop,
    outcome,
    values,
)
from toyvm.engines.code_map import CodeMap
from toyvm.engines.llvm.emit.effects_text import native
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER, Thresholds
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.code_cache import CodeCache, files, shrink
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.properties import reads, writes
from toyvm.isa.table import INSNS
from toyvm.isa.trees import tree
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.sv39 import PTE_A, PTE_D, PTE_R, PTE_U, PTE_V, PTE_W, make_pte
from toyvm.machine.traps import Cause, Trap

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

AT_ONCE = Thresholds(ask=1, trace=1, hot=1, missed=1, first=0, price=0, cold=1, piece=20)
END = DATA + (DATA_PAGES << 12)


@pytest.fixture(scope="module")
def translator() -> Iterator[Translator]:
    """One translator for many engines: it keeps nothing of a machine but what it was asked before."""
    yield Translator(folder=None)


def engine(machine: Machine, translator: Translator, thresholds: Thresholds = AT_ONCE) -> LlvmEngine:
    translator.forget()
    return LlvmEngine(machine.memory, translator=translator, thresholds=thresholds)


def compare(text: bytes, x: list[int], pieces: list[int], translator: Translator) -> bool:
    """Run the same machine on both engines in pieces, stepping over traps; whether native code ran."""
    ours, theirs = Machine(text, x, MEMORY), Machine(text, x, MEMORY)
    llvm, reference = engine(ours, translator), ReferenceEngine(theirs.memory)
    for piece in pieces:
        got, expected = llvm.run(ours.hart, piece), reference.run(theirs.hart, piece)
        assert outcome(got) == outcome(expected)
        assert ours.state() == theirs.state()
        if got is not None:
            if got.cause is Cause.INSTRUCTION_PAGE_FAULT:
                break
            ours.hart.pc += 4
            theirs.hart.pc += 4
    return llvm.native_entries > 0


quick = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
budgets = st.lists(st.integers(1, 90), min_size=3, max_size=6)


@quick
@given(
    body=st.lists(instructions(PLAIN), min_size=1, max_size=12),
    x=st.lists(values, min_size=13, max_size=13),
    pieces=budgets,
)
def test_random_loops(translator: Translator, body: list[bytes], x: list[int], pieces: list[int]) -> None:
    compare(loop(body), x, [40, *pieces], translator)


@quick
@given(
    body=st.lists(st.one_of(instructions(PLAIN), instructions(ALL)), min_size=1, max_size=12),
    x=st.lists(values, min_size=13, max_size=13),
    pieces=budgets,
)
def test_random_programs(translator: Translator, body: list[bytes], x: list[int], pieces: list[int]) -> None:
    compare(loop(body), x, [40, *pieces], translator)


@quick
@given(
    body=st.lists(instructions(MEMORY_NAMES), min_size=1, max_size=10),
    bases=st.lists(st.sampled_from(ADDRESSES[:9]), min_size=13, max_size=13),
    pieces=budgets,
)
def test_random_accesses(
    translator: Translator, body: list[bytes], bases: list[int], pieces: list[int]
) -> None:
    compare(loop(body), bases, [40, *pieces], translator)


REGISTER_ROWS = [
    name
    for name in PLAIN
    if INSNS[name].length == 4
    and reads(INSNS[name]) == {"rs1", "rs2"}
    and writes(INSNS[name]) == {"rd"}
    and native(tree(INSNS[name]))
]


@pytest.mark.parametrize("start", range(8))
def test_every_register_operation_on_corner_cases(translator: Translator, start: int) -> None:
    """One native loop with every row: the operands change each time round."""
    rows = REGISTER_ROWS[start::8]
    body = [
        code((name, {"rd": 5, "rs1": 1, "rs2": 2}), ("xor", {"rd": 6, "rs1": 6, "rs2": 5})) for name in rows
    ]
    body.append(code(("sub", {"rd": 1, "rs1": 6, "rs2": 1}), ("srli", {"rd": 2, "rs1": 6, "shamt": 29})))
    for a, b in [
        (0, 0),
        (1 << 63, (1 << 64) - 1),
        ((1 << 64) - 1, 0),
        (0xFFFFFFFF80000000, (1 << 64) - 1),
        (7, 3),
    ]:
        assert compare(loop(body), [0, a, b], [3 * len(body) * 2] * 4, translator)


COUNT = [code(("addi", {"rd": 1, "rs1": 1, "imm": 1})), code(("ld", {"rd": 2, "rs1": 3, "imm": 0}))]
STORE = [code(("sd", {"rs1": 3, "rs2": 1, "imm": 0})), code(("addi", {"rd": 3, "rs1": 3, "imm": 8}))]


@pytest.mark.parametrize("piece", [1, 2, 3, 4, 5, 97, 1000])
def test_every_budget_is_used_exactly(translator: Translator, piece: int) -> None:
    assert compare(loop(COUNT), [0, 0, 0, DATA], [200, *[piece] * 7], translator)


def test_a_fault_in_native_code_is_at_its_instruction(translator: Translator) -> None:
    """A store that walks out of the writable pages: the same trap at the same count."""
    machine = Machine(loop(STORE), [0, 7, 0, DATA])
    llvm = engine(machine, translator)
    trap = llvm.run(machine.hart, 1_000_000)
    assert trap is not None and trap.cause is Cause.STORE_PAGE_FAULT and trap.tval == END
    assert llvm.native_entries and machine.hart.pc == CODE
    assert machine.hart.instret == 3 * (END - DATA) // 8


FRESH = 0x40000  # nothing is mapped there


def faulting(translator: Translator) -> tuple[Machine, LlvmEngine]:
    """A machine whose loop of stores runs as native code, one store before a page that is not there."""
    machine = Machine(loop(STORE), [0, 7, 0, DATA])
    llvm = engine(machine, translator)
    assert llvm.run(machine.hart, 3000) is None and llvm.native_entries
    machine.hart.x[3] = FRESH - 8
    machine.map(FRESH - 0x1000, 30, PTE_R | PTE_W)
    machine.hart.f[1] = 0
    machine.hart.fcsr = 0
    return machine, llvm


def test_a_fault_is_resolved_while_native_code_waits(translator: Translator) -> None:
    machine, llvm = faulting(translator)
    asked: list[tuple[int, int, int]] = []

    def resolve(trap: Trap, pc: int, instret: int) -> bool:
        asked.append((trap.tval, pc, instret))
        assert 1.0 / 3.0 > 0  # an inexact result: no flag of the guest's
        machine.map(trap.tval & -0x1000, 31 if trap.tval < FRESH + 0x1000 else 29, PTE_R | PTE_W)
        return True

    start, before, steps = machine.hart.instret, llvm.native_entries, llvm.slow_steps
    assert llvm.run(machine.hart, 3 * 600, resolve) is None
    assert asked == [(FRESH, CODE, start + 3), (FRESH + 0x1000, CODE, start + 3 * 513)]
    assert machine.hart.instret == start + 3 * 600 and machine.hart.fcsr == 0
    assert llvm.native_entries == before + 1 and llvm.slow_steps == steps
    assert machine.memory.u64[31 << 9] == machine.memory.u64[29 << 9] == 7


def test_a_fault_may_move_a_page_between_two_accesses_to_it(translator: Translator) -> None:
    """One look at a range serves the three stores through x3; the one through x4 between them faults, and x3's page moves."""
    stores = [("sd", {"rs1": 3, "rs2": 1, "imm": 8}), ("sd", {"rs1": 3, "rs2": 1, "imm": 16})]
    body = [
        code(("addi", {"rd": 1, "rs1": 1, "imm": 1}), ("sd", {"rs1": 3, "rs2": 1, "imm": 0})),
        code(("sd", {"rs1": 4, "rs2": 1, "imm": 0}), *stores, ("addi", {"rd": 4, "rs1": 4, "imm": 8})),
    ]
    machine = Machine(loop(body), [0, 0, 0, DATA, END - 0x1000])
    llvm = engine(machine, translator)
    seen: list[int] = []

    def resolve(trap: Trap, pc: int, instret: int) -> bool:
        seen.append(machine.hart.mmu.memory.u64[16 << 9])
        machine.memory.copy_frame(16, 28)
        machine.map(DATA, 28, PTE_R | PTE_W)
        machine.hart.mmu.tlb.drop(DATA >> 12)
        llvm.invalidate_page(machine.hart.mmu, DATA)
        machine.map(trap.tval, 30, PTE_R | PTE_W)
        return True

    steps = 7 * 700
    assert llvm.run(machine.hart, steps, resolve) is None and llvm.native_entries
    assert seen == [513]  # the store through x4 that faults is in round 513
    assert machine.memory.u64[16 << 9 : (16 << 9) + 3].tolist() == [513, 512, 512]
    assert machine.memory.u64[28 << 9 : (28 << 9) + 3].tolist() == [700, 700, 700]


@pytest.mark.parametrize("answer", [False, KeyboardInterrupt()])
def test_a_fault_that_is_not_resolved_ends_the_run_where_it_is(
    translator: Translator, answer: BaseException | bool
) -> None:
    machine, llvm = faulting(translator)
    asked = 0

    def refuse(trap: Trap, pc: int, instret: int) -> bool:
        nonlocal asked
        asked += 1
        if isinstance(answer, BaseException):
            raise answer
        return False

    start = machine.hart.instret
    if answer is False:
        trap = llvm.run(machine.hart, 3000, refuse)
        assert trap is not None and outcome(trap) == (Cause.STORE_PAGE_FAULT, FRESH)
        assert machine.hart.instret == start + 3 and machine.hart.pc == CODE
    else:
        with pytest.raises(KeyboardInterrupt):
            llvm.run(machine.hart, 3000, refuse)
    assert asked == 1 and machine.hart.x[3] == FRESH


def test_a_fault_ends_a_reservation(translator: Translator) -> None:
    """lr, a store that faults now and then, sc: it fails each time that the store has faulted, on both engines."""
    text = loop(
        [
            code(("lr.d", {"rd": 5, "rs1": 4})),
            *STORE,
            code(("sc.d", {"rd": 6, "rs1": 4, "rs2": 5}), ("add", {"rd": 7, "rs1": 7, "rs2": 6})),
        ]
    )
    failed: list[int] = []
    for by_llvm in (True, False):
        machine = Machine(text, [0, 7, 0, DATA + 0x800, DATA + 0x100])
        runs = engine(machine, translator) if by_llvm else ReferenceEngine(machine.memory)

        def resolve(trap: Trap, pc: int, instret: int, machine: Machine = machine) -> bool:
            machine.hart.reservation = None
            machine.map(trap.tval & -0x1000, 20 + (trap.tval - END >> 12), PTE_R | PTE_W)
            return True

        assert runs.run(machine.hart, 6 * (0x4000 // 8), resolve) is None
        failed.append(machine.hart.x[7])
        assert not isinstance(runs, LlvmEngine) or runs.native_entries
    assert failed == [1, 1]


def test_native_accesses_set_a_and_d(translator: Translator) -> None:
    machine = Machine(loop(STORE), [0, 7, 0, DATA])
    llvm = engine(machine, translator)
    assert llvm.run(machine.hart, 3 * 1100) is None  # into the third page
    entries = [machine.memory.u64[((3 << 12) >> 3) + (DATA >> 12) + page] for page in range(4)]
    assert [bool(entry & PTE_D) for entry in entries] == [True, True, True, False]
    assert [bool(entry & PTE_A) for entry in entries] == [True, True, True, False]


def test_a_page_that_is_taken_away_faults_again(translator: Translator) -> None:
    machine = Machine(loop(COUNT), [0, 0, 0, DATA])
    llvm = engine(machine, translator)
    assert llvm.run(machine.hart, 3000) is None and llvm.native_entries
    machine.map(DATA, 0, 0)
    machine.hart.mmu.tlb.drop(DATA >> 12)
    llvm.invalidate_page(machine.hart.mmu, DATA)
    trap = llvm.run(machine.hart, 3000)
    assert trap is not None and trap.cause is Cause.LOAD_PAGE_FAULT and trap.tval == DATA


@pytest.mark.parametrize("gap", range(3, 14, 2))
def test_what_may_be_read_is_not_written(translator: Translator, gap: int) -> None:
    """Many pointers share few ranges: a store does not use one that a load of a read-only page has left there."""
    nop, short_nop = ("addi", dict[str, int]()), 1
    body = b""
    for number in range(64):
        load = ("addi", {"rd": 6, "rs1": 1, "imm": 8 * number}), ("lw", {"rd": 7, "rs1": 6})
        body += code(*load, *[nop] * (number % 4 == 0))
    body += code(*[short_nop] * gap)
    store = CODE + len(body) + 4
    body += code(("addi", {"rd": 8, "rs1": 2}), ("sw", {"rs1": 8}), ("jalr", {"rs1": 3}))
    machine = Machine(body, [0, READ_ONLY, DATA, CODE])
    whole = Thresholds(ask=1, trace=1, hot=1, missed=1, first=0, price=0, cold=1, piece=len(body))
    llvm = engine(machine, translator, whole)
    assert llvm.run(machine.hart, len(body)) is None
    llvm.want(CODE)
    assert llvm.run(machine.hart, len(body)) is None and llvm.native_entries
    machine.hart.x[2] = READ_ONLY
    for _ in range(40):  # an access outside its range does not change the range each time
        machine.hart.pc = CODE
        trap = llvm.run(machine.hart, len(body))
        assert trap is not None and outcome(trap) == (Cause.STORE_PAGE_FAULT, READ_ONLY)
        assert machine.hart.pc == store


def test_a_jump_to_a_page_that_is_not_there_is_done_before_it_faults(translator: Translator) -> None:
    """The registers that native code has written are there, though nothing can be translated where it goes."""
    machine = Machine(code(("addi", {"rd": 5, "rs1": 5, "imm": 1}), ("jal", {"rd": 31, "imm": 0x80000})))
    llvm = engine(machine, translator)
    for times in range(1, 6):
        machine.hart.pc, machine.hart.x[31] = CODE, 0
        trap = llvm.run(machine.hart, 5)
        assert trap is not None and outcome(trap) == (Cause.INSTRUCTION_PAGE_FAULT, CODE + 0x80004)
        assert (machine.hart.x[5], machine.hart.x[31], machine.hart.instret) == (times, CODE + 8, 2 * times)
        llvm.want(CODE)
    assert llvm.native_entries


def test_where_may_be_written_is_forgotten_and_code_kept(translator: Translator) -> None:
    """What a fork does: W goes, everything else stays, and the child begins with the parent's native code."""
    machine = Machine(loop([*COUNT, STORE[0]]), [0, 0, 0, DATA])
    llvm = engine(machine, translator)
    assert llvm.run(machine.hart, 3000) is None
    machine.map(DATA, 16, PTE_R | PTE_A)
    mmu, entered = machine.hart.mmu, llvm.native_entries
    mmu.tlb.write.clear()
    llvm.invalidate_writes(mmu)
    child = machine.hart.copy(Mmu(machine.memory, mmu.root_ppn))
    llvm.inherit_code(mmu, child.mmu)
    for hart in (machine.hart, child):
        trap = llvm.run(hart, 3000)
        assert trap is not None and trap.cause is Cause.STORE_PAGE_FAULT and trap.tval == DATA
    machine.map(DATA, 16, PTE_R | PTE_W)
    for hart in (machine.hart, child):
        before = llvm.native_entries
        assert llvm.run(hart, 3000) is None and llvm.native_entries > before >= entered
    llvm.invalidate(child.mmu)
    assert isinstance(mmu.code, CodeMap) and isinstance(child.mmu.code, CodeMap)
    assert CODE in mmu.code.blocks and CODE not in child.mmu.code.blocks


def test_changed_code_is_forgotten(translator: Translator) -> None:
    machine = Machine(loop(COUNT), [0, 0, 0, DATA])
    llvm = engine(machine, translator)
    assert llvm.run(machine.hart, 3000) is None and llvm.native_entries
    before = machine.hart.x[1]
    machine.write_code(CODE, code(("addi", {"rd": 1, "rs1": 1, "imm": 100})))
    llvm.invalidate(machine.hart.mmu)
    assert llvm.run(machine.hart, 3000) is None
    assert machine.hart.x[1] == before + 100 * 1000


def test_an_arena_that_is_full_begins_again(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toyvm.engines.llvm.native_code.CODE_BYTES", 4096)
    for bias in range(6):
        assert compare(
            loop([*COUNT, code(("addi", {"rd": 7, "rs1": 7, "imm": bias}))]),
            [0, 0, 0, DATA],
            [900] * 4,
            translator,
        )
    machine = Machine(
        b"".join(loop([*COUNT, code(("addi", {"rd": 7, "imm": n}))]) for n in range(12)), [0, 0, 0, DATA]
    )
    llvm = engine(machine, translator)
    for n in range(12):
        machine.hart.pc = CODE + 16 * n
        assert llvm.run(machine.hart, 400) is None
        assert machine.hart.x[7] == n and machine.hart.x[1] == 100 * (n + 1)


# --- the cache ---


def test_the_cache_gives_back_what_fits(tmp_path: Path) -> None:
    cache = CodeCache(str(tmp_path), b"version")
    cache.put(0x1000, b"text", ([(0x1000, b"text")], 7, b"object"))
    assert cache.get(0x1000, b"text") == ([(0x1000, b"text")], 7, b"object")
    assert cache.get(0x1000, b"other") is None
    assert cache.get(0x2000, b"text") is None
    assert CodeCache(str(tmp_path), b"newer").get(0x1000, b"text") is None


def test_a_damaged_file_is_no_translation(tmp_path: Path) -> None:
    cache = CodeCache(str(tmp_path), b"version")
    cache.put(0x1000, b"text", ([(0x1000, b"text")], 7, b"object" * 50))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (
        b"",
        whole[:10],
        whole[:-1],
        whole[:60] + bytes([whole[60] ^ 1]) + whole[61:],
        b"\0" * 99,
    ):
        path.write_bytes(damaged)
        assert cache.get(0x1000, b"text") is None


def test_the_cache_stays_within_its_limit(tmp_path: Path) -> None:
    cache = CodeCache(str(tmp_path), b"version", limit=4000)
    for number in range(200):
        cache.put(number, b"text", ([], 0, bytes(100)))
        (path,) = [p for p, _, _ in files(str(tmp_path)) if p == cache.path(number, b"text")]
        os.utime(path, (number, number))
    shrink(str(tmp_path), 4000)
    assert sum(size for _, size, _ in files(str(tmp_path))) <= 4000
    assert cache.get(199, b"text") is not None and cache.get(0, b"text") is None


def test_a_second_run_needs_no_llvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for attempt in range(2):
        machine = Machine(loop(COUNT), [0, 0, 0, DATA])
        own = Translator(str(tmp_path))
        if attempt:
            monkeypatch.setattr(own, "compile", lambda module: pytest.fail("translated again"))
        llvm = LlvmEngine(machine.memory, translator=own, thresholds=EAGER)
        for _ in range(10):
            assert llvm.run(machine.hart, 3000) is None
        assert llvm.native_entries


MEGAPAGE = DATA & -(1 << 21) | 3 << 21


def with_megapage(frame: int, flags: int, x: list[int]) -> Machine:
    """A machine with more memory and a leaf of level 1 at MEGAPAGE."""
    machine = Machine(loop([*COUNT, STORE[0]]), x)
    memory = PhysicalMemory(8 << 20)
    memory.u8[: machine.memory.size] = machine.memory.u8[:]
    machine.memory, machine.hart.mmu = memory, machine.hart.mmu.over(memory)
    memory.u64[(2 << 9) + (MEGAPAGE >> 21)] = make_pte(frame, flags | PTE_U | PTE_V)
    return machine


def test_native_accesses_see_a_megapage_as_one(translator: Translator) -> None:
    machine = with_megapage(512, PTE_R | PTE_W, [0, 7, 0, MEGAPAGE + (100 << 12)])
    llvm = engine(machine, translator)
    assert llvm.run(machine.hart, 20_000) is None and llvm.native_entries
    before = machine.hart.mmu.tlb.misses
    machine.hart.x[3] = MEGAPAGE + (511 << 12)
    assert llvm.run(machine.hart, 2_000) is None
    assert machine.hart.mmu.tlb.misses == before
    assert machine.memory.u64[(2 << 9) + (MEGAPAGE >> 21)] & (PTE_A | PTE_D) == PTE_A | PTE_D
    assert machine.memory.u64[512 + 511 << 9]
    llvm.invalidate_page(machine.hart.mmu, machine.hart.x[3])  # and may be forgotten page by page
    machine.hart.mmu.tlb.flush()
    machine.memory.u64[(2 << 9) + (MEGAPAGE >> 21)] = 0
    trap = llvm.run(machine.hart, 2_000)
    assert trap is not None and trap.cause is Cause.LOAD_PAGE_FAULT and trap.tval == machine.hart.x[3]


@pytest.mark.parametrize(
    "frame, flags, cause",
    [
        (513, PTE_R | PTE_W, Cause.LOAD_PAGE_FAULT),  # misaligned
        (512, PTE_W, Cause.LOAD_PAGE_FAULT),
        (512, PTE_R, Cause.STORE_PAGE_FAULT),
        (1 << 20, PTE_R | PTE_W, Cause.LOAD_ACCESS),
    ],
)
def test_native_accesses_refuse_a_megapage_as_the_manual_does(
    translator: Translator, frame: int, flags: int, cause: Cause
) -> None:
    machine = with_megapage(512, PTE_R | PTE_W, [0, 7, 0, MEGAPAGE])
    llvm = engine(machine, translator)
    assert llvm.run(machine.hart, 3000) is None and llvm.native_entries
    machine.memory.u64[(2 << 9) + (MEGAPAGE >> 21)] = make_pte(frame, flags | PTE_U | PTE_V)
    machine.hart.mmu.tlb.flush()
    llvm.invalidate_page(machine.hart.mmu, MEGAPAGE)
    trap = llvm.run(machine.hart, 3000)
    assert trap is not None and (trap.cause, trap.tval) == (cause, MEGAPAGE)
