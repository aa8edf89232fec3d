"""One line, one corner case, on every way of executing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.bare_machine import CODE, CODE_PAGES, DATA, NO_ACCESS, READ_ONLY, Machine, code
from toyvm.base.record import replace
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.interp.interpreting_engine import InterpretingEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.machine.hart import Hart
from toyvm.machine.sv39 import PTE_A, PTE_D, walk
from toyvm.machine.traps import Cause

M = (1 << 64) - 1
MIN, MAX = 1 << 63, (1 << 63) - 1
MIN32 = 0xFFFFFFFF80000000  # -2**31 as a register holds it

WAYS = ["single", "trace", "walk", *([] if unavailable() else ["interpreter"])]
_ALWAYS = replace(EAGER, arrivals=1 << 30)  # no region


def engine_for(way: str, machine: Machine) -> Engine:
    if way == "walk":
        return WalkEngine(machine.memory)
    if way == "interpreter":
        translator = Translator(str(Path(os.environ["TOYVM_TEST_SCRATCH"]) / "native"))
        return InterpretingEngine(machine.memory, translator=translator, thresholds=_ALWAYS, first=0)
    return ReferenceEngine(machine.memory, hot=1 if way == "trace" else 1 << 30)


def execute(way: str, name: str, a: int, b: int, **fields: int) -> int:
    """x3 after `name x3, x1, x2` with x1 = a and x2 = b; in a trace, the second time round."""
    operands = {"rd": 3, "rs1": 1, **(fields or {"rs2": 2})}
    machine = Machine(code((name, operands), ("jal", {"imm": -4})))
    engine = engine_for(way, machine)
    for _ in range(2):
        machine.hart.x[1:4] = [a & M, b & M, 0xDEAD]
        assert engine.run(machine.hart, 2) is None
    assert machine.hart.instret == 4 and machine.hart.pc == CODE and machine.hart.x[0] == 0
    return machine.hart.x[3]


REGISTER_CASES = [
    ("add", M, 1, 0),
    ("sub", 0, 1, M),
    ("sll", 1, 64, 1),
    ("sll", 1, 63, MIN),
    ("srl", MIN, 127, 1),
    ("sra", MIN, 63, M),
    ("slt", MIN, MAX, 1),
    ("slt", MAX, MIN, 0),
    ("slt", 0, 0, 0),
    ("sltu", MIN, MAX, 0),
    ("sltu", M, M, 0),
    ("xor", M, MIN, MAX),
    ("or", MIN, 1, MIN | 1),
    ("and", M, MIN, MIN),
    ("addw", 0x7FFFFFFF, 1, MIN32),
    ("addw", 0xFFFFFFFF, 1, 0),
    ("subw", MIN32, 1, 0x7FFFFFFF),
    ("sllw", 1, 31, MIN32),
    ("sllw", 1, 32, 1),
    ("srlw", 0xFFFFFFFF80000000, 31, 1),
    ("srlw", 0xFFFFFFFF80000000, 0, MIN32),
    ("sraw", 0x80000000, 31, M),
    ("sraw", 0x100000000, 1, 0),
    ("mul", MAX, 2, M - 1),
    ("mulh", MIN, MIN, 1 << 62),
    ("mulh", M, M, 0),
    ("mulhsu", M, M, M),
    ("mulhsu", MIN, M, MIN),
    ("mulhu", M, M, M - 1),
    ("mulw", 0x10000, 0x8000, MIN32),
    ("div", -7, 2, -3 & M),
    ("div", 7, -2, -3 & M),
    ("div", 5, 0, M),
    ("div", MIN, M, MIN),
    ("divu", 5, 0, M),
    ("divu", MIN, M, 0),
    ("rem", -7, 2, M),
    ("rem", 7, -2, 1),
    ("rem", -5, 0, -5 & M),
    ("rem", MIN, M, 0),
    ("remu", 5, 0, 5),
    ("remu", MIN, M, MIN),
    ("divw", 0x80000000, M, MIN32),
    ("divw", -7, 2, -3 & M),
    ("divw", 5, 1 << 32, M),
    ("divuw", MIN32, 1, MIN32),
    ("divuw", 5, 0, M),
    ("remw", 0x80000000, M, 0),
    ("remw", 0x80000000, 0, MIN32),
    ("remuw", MIN32, 0, MIN32),
    ("remuw", 0xFFFFFFFF, 0x10000, 0xFFFF),
]


REGISTER_CASES += [
    ("add.uw", M, 1, 1 << 32),
    ("sh1add", MIN, 1, 1),
    ("sh2add", MAX, 0, M - 3),
    ("sh3add", 1, -8, 0),
    ("sh3add.uw", M, 0, 0xFFFFFFFF << 3),
    ("andn", M, 1, M - 1),
    ("orn", 0, M, 0),
    ("orn", 0, 0, M),
    ("xnor", MIN, MIN, M),
    ("max", MIN, 0, 0),
    ("maxu", MIN, 0, MIN),
    ("min", MIN, 0, MIN),
    ("minu", MIN, 0, 0),
    ("rol", MIN, 1, 1),
    ("rol", 5, 64, 5),
    ("ror", 1, 1, MIN),
    ("ror", 5, 0, 5),
    ("rolw", MIN32, 1, 1),
    ("rorw", 1, 1, MIN32),
    ("rorw", 0xFFFFFFFF80000000, 32, MIN32),
    ("bclr", M, 63, MAX),
    ("bext", MIN, 127, 1),
    ("binv", 0, 63, MIN),
    ("bset", 0, 64, 1),
    ("czero.eqz", 7, 0, 0),
    ("czero.eqz", 7, MIN, 7),
    ("czero.nez", 7, 0, 7),
    ("czero.nez", 7, MIN, 0),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "a", "b", "expected"), REGISTER_CASES)
def test_registers(way: str, name: str, a: int, b: int, expected: int) -> None:
    assert execute(way, name, a, b) == expected


_ONE = {"rs1": 1}
UNARY_CASES = [
    ("clz", 0, _ONE, 64),
    ("clz", 1, _ONE, 63),
    ("clz", M, _ONE, 0),
    ("clzw", 1 << 32, _ONE, 32),
    ("clzw", 0x80000000, _ONE, 0),
    ("ctz", 0, _ONE, 64),
    ("ctz", MIN, _ONE, 63),
    ("ctzw", MIN, _ONE, 32),
    ("ctzw", 0x80000000, _ONE, 31),
    ("cpop", M, _ONE, 64),
    ("cpopw", M, _ONE, 32),
    ("sext.b", 0x80, _ONE, -128 & M),
    ("sext.h", 0x18000, _ONE, -32768 & M),
    ("zext.h", M, _ONE, 0xFFFF),
    ("orc.b", 0x0100008000000001, _ONE, 0xFF0000FF000000FF),
    ("rev8", 0x0102030405060708, _ONE, 0x0807060504030201),
]

IMMEDIATE_CASES = [
    *UNARY_CASES,
    ("slli.uw", M, {"shamt": 4}, 0xFFFFFFFF0),
    ("rori", 1, {"shamt": 63}, 2),
    ("roriw", 1, {"shamt": 1}, MIN32),
    ("bclri", M, {"shamt": 0}, M - 1),
    ("bexti", MIN, {"shamt": 63}, 1),
    ("binvi", MIN, {"shamt": 63}, 0),
    ("bseti", 0, {"shamt": 63}, MIN),
    ("addi", 0, {"imm": -1}, M),
    ("slti", MIN, {"imm": -2048}, 1),
    ("slti", -1, {"imm": 0}, 1),
    ("sltiu", M, {"imm": -1}, 0),
    ("sltiu", 0, {"imm": -1}, 1),
    ("xori", 5, {"imm": -1}, -6 & M),
    ("ori", 0, {"imm": -2048}, -2048 & M),
    ("andi", M, {"imm": -1}, M),
    ("slli", 1, {"shamt": 63}, MIN),
    ("srli", MIN, {"shamt": 63}, 1),
    ("srai", MIN, {"shamt": 63}, M),
    ("addiw", 0x7FFFFFFF, {"imm": 1}, MIN32),
    ("addiw", 0x80000000, {"imm": 0}, MIN32),
    ("slliw", 1, {"shamt": 31}, MIN32),
    ("srliw", M, {"shamt": 0}, M),
    ("srliw", M, {"shamt": 1}, 0x7FFFFFFF),
    ("sraiw", 0x80000000, {"shamt": 31}, M),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "a", "fields", "expected"), IMMEDIATE_CASES)
def test_immediates(way: str, name: str, a: int, fields: dict[str, int], expected: int) -> None:
    assert execute(way, name, a, 0, **fields) == expected


LOAD_CASES = [
    ("lb", 0x80, -128 & M),
    ("lb", 0x17F, 0x7F),
    ("lbu", 0x180, 0x80),
    ("lh", 0x8000, -32768 & M),
    ("lhu", 0x18000, 0x8000),
    ("lw", 0x80000000, MIN32),
    ("lw", 0x17FFFFFFF, 0x7FFFFFFF),
    ("lwu", 0x180000000, 0x80000000),
    ("ld", MIN, MIN),
]


@pytest.mark.parametrize(
    "offset", [8, 9, 0xFFC, 0xFFF], ids=["aligned", "misaligned", "page end", "across pages"]
)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "memory", "expected"), LOAD_CASES)
def test_loads(way: str, name: str, memory: int, expected: int, offset: int) -> None:
    machine = Machine(
        code((name, {"rd": 3, "rs1": 1}), ("jal", {"imm": -4})),
        data=bytes(offset) + memory.to_bytes(8, "little"),
    )
    engine = engine_for(way, machine)
    for _ in range(2):
        machine.hart.x[1:4] = [DATA + offset, 0, 0]
        assert engine.run(machine.hart, 2) is None
        assert machine.hart.x[3] == expected


@pytest.mark.parametrize("offset", [8, 9, 0xFFC, 0xFFF])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "size"), [("sb", 1), ("sh", 2), ("sw", 4), ("sd", 8)])
def test_stores(way: str, name: str, size: int, offset: int) -> None:
    value = 0xF1F2F3F4F5F6F7F8
    machine = Machine(code((name, {"rs2": 2, "rs1": 1}), ("jal", {"imm": -4})))
    machine.hart.x[1:3] = [DATA + offset, value]
    assert engine_for(way, machine).run(machine.hart, 4) is None
    assert machine.data()[offset - 1 : offset + 9] == b"\0" + value.to_bytes(8, "little")[:size] + bytes(
        9 - size
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("instruction", "x1", "cause", "tval"),
    [
        (("lw", {"rd": 1, "rs1": 1}), NO_ACCESS, Cause.LOAD_PAGE_FAULT, NO_ACCESS),
        (("lw", {"rd": 0, "rs1": 1}), NO_ACCESS, Cause.LOAD_PAGE_FAULT, NO_ACCESS),
        (("ld", {"rd": 1, "rs1": 1, "imm": -4}), NO_ACCESS, Cause.LOAD_PAGE_FAULT, NO_ACCESS - 4),
        (("ld", {"rd": 1, "rs1": 1}), READ_ONLY + 0xFFC, Cause.LOAD_PAGE_FAULT, READ_ONLY + 0x1000),
        (("lb", {"rd": 1, "rs1": 1, "imm": -1}), 0, Cause.LOAD_PAGE_FAULT, M),
        (("sd", {"rs2": 1, "rs1": 1}), READ_ONLY, Cause.STORE_PAGE_FAULT, READ_ONLY),
        (("sd", {"rs2": 1, "rs1": 1}), CODE, Cause.STORE_PAGE_FAULT, CODE),
        (("amoadd.w", {"rd": 1, "rs1": 1, "rs2": 1}), READ_ONLY, Cause.STORE_PAGE_FAULT, READ_ONLY),
        (("amoadd.d", {"rd": 1, "rs1": 1, "rs2": 1}), DATA + 4, Cause.STORE_MISALIGNED, DATA + 4),
        (("lr.d", {"rd": 1, "rs1": 1}), DATA + 4, Cause.LOAD_MISALIGNED, DATA + 4),
        (("lr.w", {"rd": 1, "rs1": 1}), NO_ACCESS, Cause.LOAD_PAGE_FAULT, NO_ACCESS),
        (("sc.w", {"rd": 1, "rs1": 1, "rs2": 1}), DATA + 2, Cause.STORE_MISALIGNED, DATA + 2),
        ("ecall", 0, Cause.ECALL_U, 0),
        ("ebreak", 0, Cause.BREAKPOINT, 0),
        ("unimp", 0, Cause.ILLEGAL_INSTRUCTION, 0xC0001073),
        ("mret", 0, Cause.ILLEGAL_INSTRUCTION, 0x30200073),
        ("sfence.vma", 0, Cause.ILLEGAL_INSTRUCTION, 0x12000073),
        (0, 0, Cause.ILLEGAL_INSTRUCTION, 0),
        (0x12348002, 0, Cause.ILLEGAL_INSTRUCTION, 0x8002),  # 16 bits: the reserved c.jr x0
        (0xFFFFFFFF, 0, Cause.ILLEGAL_INSTRUCTION, 0xFFFFFFFF),
        (("csrrw", {"rd": 1, "csr": 0xC00, "rs1": 1}), 0, Cause.ILLEGAL_INSTRUCTION, 0xC00090F3),
        (("csrrs", {"rd": 1, "csr": 0x300}), 0, Cause.ILLEGAL_INSTRUCTION, 0x300020F3),
    ],
)
def test_traps_leave_the_hart_at_the_instruction(
    way: str, instruction: tuple[str, dict[str, int]] | str | int, x1: int, cause: Cause, tval: int
) -> None:
    text = code(("addi", {"rd": 5, "rs1": 5, "imm": 1}), instruction, ("jal", {"imm": -8}))
    machine = Machine(text)
    machine.hart.x[1] = x1
    trap = engine_for(way, machine).run(machine.hart, 10)
    assert trap is not None and (trap.cause, trap.tval) == (cause, tval)
    assert (machine.hart.pc, machine.hart.instret, machine.hart.x[5], machine.hart.x[1]) == (
        CODE + 4,
        1,
        1,
        x1,
    )


def test_a_trap_in_the_middle_of_a_loop_trace() -> None:
    text = code(
        ("addi", {"rd": 5, "rs1": 5, "imm": 1}),
        ("ld", {"rd": 6, "rs1": 1}),
        ("addi", {"rd": 1, "rs1": 1, "imm": 8}),
        ("jal", {"imm": -12}),
    )
    machine = Machine(text)
    machine.hart.x[1] = READ_ONLY
    trap = engine_for("trace", machine).run(machine.hart, 10_000)
    assert trap is not None and trap.tval == READ_ONLY + 0x1000
    assert (machine.hart.pc, machine.hart.x[5], machine.hart.instret) == (CODE + 4, 513, 512 * 4 + 1)


@pytest.mark.parametrize("way", WAYS)
def test_jalr_reads_before_it_writes(way: str) -> None:
    machine = Machine(code(("jalr", {"rd": 1, "rs1": 1, "imm": 5})))
    engine = engine_for(way, machine)
    for _ in range(3):
        machine.hart.x[1], machine.hart.pc = CODE + 0x100, CODE
        assert engine.run(machine.hart, 1) is None
        assert (machine.hart.pc, machine.hart.x[1]) == (CODE + 0x104, CODE + 4)


@pytest.mark.parametrize("way", WAYS)
def test_jump_to_a_page_without_x(way: str) -> None:
    machine = Machine(code(("jalr", {"rs1": 1})))
    machine.hart.x[1] = DATA
    trap = engine_for(way, machine).run(machine.hart, 2)
    assert trap is not None and (trap.cause, trap.tval) == (Cause.INSTRUCTION_PAGE_FAULT, DATA)
    assert (machine.hart.pc, machine.hart.instret) == (DATA, 1)


@pytest.mark.parametrize("way", WAYS)
def test_an_instruction_across_two_pages(way: str) -> None:
    machine = Machine(code(("jalr", {"rs1": 1, "imm": 0xFE - 0x100})))
    machine.write_code(CODE + 0xFFE, code(("addi", {"rd": 2, "rs1": 2, "imm": 7}), ("jal", {"imm": -4})))
    machine.hart.x[1] = CODE + 0x1000
    assert engine_for(way, machine).run(machine.hart, 9) is None
    assert (machine.hart.x[2], machine.hart.pc) == (4 * 7, CODE + 0xFFE)


@pytest.mark.parametrize("way", WAYS)
def test_a_short_instruction_at_the_end_of_the_last_page(way: str) -> None:
    """It is fetched whole though nothing is mapped behind it, and a long one there is not."""
    last = CODE + CODE_PAGES * 0x1000 - 2
    for first, count in ((code(("c.addi", {"rd": 3, "imm": -1})), 1), (code(("addi", {"rd": 3}))[:2], 0)):
        machine = Machine(b"")
        machine.write_code(last, first)
        machine.hart.pc = last
        trap = engine_for(way, machine).run(machine.hart, 5)
        assert trap is not None and (trap.cause, trap.tval) == (Cause.INSTRUCTION_PAGE_FAULT, last + 2)
        assert (machine.hart.instret, machine.hart.x[3], machine.hart.pc) == (
            count,
            -count & M,
            last + 2 * count,
        )


@pytest.mark.parametrize("way", WAYS)
def test_hints_change_nothing_and_reserved_encodings_are_illegal(way: str) -> None:
    hints = [
        0x0005,
        0x4005,
        0x6005,
        0x8006,
        0x9006,
        0x0502,
        0x0501,
    ]  # c.addi/li/lui/mv/add to x0, c.slli 0, c.addi 0
    machine = Machine(code(*hints), x=range(100, 132))
    before = list(machine.hart.x)
    assert engine_for(way, machine).run(machine.hart, len(hints)) is None and machine.hart.x == before
    for word in (0x0000, 0x0004, 0x2005, 0x6101, 0x6501, 0x4002, 0x6002, 0x8002, 0x9C79):
        machine = Machine(code(word))
        trap = engine_for(way, machine).run(machine.hart, 1)
        assert trap is not None and (trap.cause, trap.tval) == (Cause.ILLEGAL_INSTRUCTION, word)


@pytest.mark.parametrize("way", WAYS)
def test_store_conditional(way: str) -> None:
    lr, sc = ("lr.w", {"rd": 3, "rs1": 1}), ("sc.w", {"rd": 4, "rs1": 1, "rs2": 2})
    machine = Machine(code(lr, sc, sc), data=(0x80000000).to_bytes(8, "little"))
    machine.hart.x[1:3] = [DATA, 0x1_2345_6789]
    engine = engine_for(way, machine)
    assert engine.run(machine.hart, 2) is None
    assert (machine.hart.x[3], machine.hart.x[4], machine.data()[:8]) == (
        MIN32,
        0,
        (0x23456789).to_bytes(8, "little"),
    )
    assert engine.run(machine.hart, 1) is None and machine.hart.x[4] == 1  # the reservation is used up
    for _ in range(3):  # through a trace as well, and with the reservation lost in between
        machine.hart.pc = CODE
        engine.run(machine.hart, 1)
        machine.hart.reservation = None
        engine.run(machine.hart, 1)
        assert machine.hart.x[4] == 1


@pytest.mark.parametrize("way", WAYS)
def test_store_conditional_elsewhere(way: str) -> None:
    text = code(("lr.d", {"rd": 3, "rs1": 1}), ("sc.d", {"rd": 4, "rs1": 2, "rs2": 2}), ("jal", {"imm": -8}))
    machine = Machine(text)
    machine.hart.x[1:3] = [DATA, DATA + 8]
    assert engine_for(way, machine).run(machine.hart, 9) is None
    assert machine.hart.x[4] == 1 and machine.data()[8:16] == bytes(8)


@pytest.mark.parametrize("way", WAYS)
def test_a_store_conditional_without_a_reservation_accesses_nothing(way: str) -> None:
    text = code(("sc.d", {"rd": 4, "rs1": 2, "rs2": 2}), ("jal", {"imm": -4}))
    for address in (NO_ACCESS, READ_ONLY, DATA):
        machine = Machine(text)
        machine.hart.x[2] = address
        before = walk(machine.memory, machine.hart.mmu.root_ppn, address)
        assert engine_for(way, machine).run(machine.hart, 9) is None
        assert machine.hart.x[4] == 1
        assert walk(machine.memory, machine.hart.mmu.root_ppn, address) == before


@pytest.mark.parametrize("way", WAYS)
def test_a_store_conditional_with_another_reservation_is_a_write_to_the_tables(way: str) -> None:
    text = code(("lr.d", {"rd": 3, "rs1": 1}), ("sc.d", {"rd": 4, "rs1": 2, "rs2": 2}), ("jal", {"imm": -8}))
    for address in (NO_ACCESS, READ_ONLY):
        machine = Machine(text)
        machine.hart.x[1:3] = [DATA, address]
        trap = engine_for(way, machine).run(machine.hart, 9)
        assert trap is not None and (trap.cause, trap.tval) == (Cause.STORE_PAGE_FAULT, address)
        assert machine.hart.pc == CODE + 4
    machine = Machine(text)
    machine.hart.x[1:3] = [DATA, DATA + 4096]
    assert engine_for(way, machine).run(machine.hart, 9) is None
    found = walk(machine.memory, machine.hart.mmu.root_ppn, DATA + 4096)
    assert found is not None and found[1] & (PTE_A | PTE_D) == PTE_A | PTE_D
    assert machine.hart.x[4] == 1 and machine.data()[4096:4104] == bytes(8)


AMO_CASES = [
    ("amoswap.w", 1, 2, 2),
    ("amoadd.w", 0x7FFFFFFF, 1, 0x80000000),
    ("amoand.d", M, MIN, MIN),
    ("amoor.d", 1, MIN, MIN | 1),
    ("amoxor.w", 0xFFFFFFFF, M, 0),
    ("amomin.w", 0x80000000, 1, 0x80000000),
    ("amomax.w", 0x80000000, 1, 1),
    ("amominu.w", 0x80000000, 1, 1),
    ("amomaxu.w", 0x80000000, 1, 0x80000000),
    ("amomin.d", MIN, 0, MIN),
    ("amomaxu.d", MIN, MAX, MIN),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "memory", "operand", "expected"), AMO_CASES)
def test_amo(way: str, name: str, memory: int, operand: int, expected: int) -> None:
    size = 4 if name.endswith("w") else 8
    machine = Machine(code((name + ".aqrl", {"rd": 2, "rs1": 1, "rs2": 2}), ("jal", {"imm": -4})))
    engine = engine_for(way, machine)
    for _ in range(2):
        machine.hart.x[1:3] = [DATA + 8, operand]
        machine.memory.u8[(16 << 12) + 8 : (16 << 12) + 8 + size] = memory.to_bytes(size, "little")
        assert engine.run(machine.hart, 2) is None
        assert int.from_bytes(machine.data()[8 : 8 + size], "little") == expected
        assert machine.hart.x[2] == (memory ^ (1 << 8 * size - 1)) - (1 << 8 * size - 1) & M
    assert machine.data()[8 + size : 24] == bytes(16 - size)


@pytest.mark.parametrize("way", WAYS)
def test_counters_are_exact_at_the_reading(way: str) -> None:
    nop, read = ("addi", {}), ("csrrs", {"rd": 3, "csr": 0xC02})
    machine = Machine(
        code(nop, nop, read, ("csrrs", {"rd": 4, "csr": 0xC01}), ("csrrs", {"rd": 5, "csr": 0xC00}))
    )
    machine.hart.time_offset = 1000
    assert engine_for(way, machine).run(machine.hart, 5) is None
    assert machine.hart.x[3:6] == [2, 1003, 4]


@pytest.mark.parametrize("way", WAYS)
def test_floating_point_csrs(way: str) -> None:
    text = code(
        ("csrrwi", {"csr": 2, "uimm": 31, "rd": 1}),
        ("csrrsi", {"csr": 1, "uimm": 5}),
        ("csrrs", {"csr": 3, "rd": 2}),
        ("csrrci", {"csr": 3, "uimm": 1, "rd": 3}),
        ("csrrs", {"csr": 2, "rd": 4}),
    )
    machine = Machine(text)
    assert engine_for(way, machine).run(machine.hart, 5) is None
    assert (machine.hart.fcsr, machine.hart.x[1:5]) == (0xE4, [0, 0xE5, 0xE5, 7])


@pytest.mark.parametrize("way", WAYS)
def test_the_budget_is_exact(way: str) -> None:
    body = [("addi", {"rd": 1, "rs1": 1, "imm": 1})] * 5
    machine = Machine(code(*body, ("jal", {"imm": -20})))
    engine, total = engine_for(way, machine), 0
    for budget in (1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 100, 1, 1, 1000, 0):
        assert engine.run(machine.hart, budget) is None
        total += budget
        assert machine.hart.instret == total
        assert machine.hart.x[1] == total - total // 6
        assert machine.hart.pc == CODE + 4 * (total % 6)


def addi(imm: int) -> tuple[str, dict[str, int]]:
    return ("addi", {"rd": 1, "imm": imm})


@pytest.mark.parametrize("way", ["single", "trace"])
def test_changed_code_is_seen_after_invalidation(way: str) -> None:
    machine = Machine(code(addi(1), ("jal", {"imm": -4})))
    engine = engine_for(way, machine)
    engine.run(machine.hart, 10)
    machine.write_code(CODE, code(addi(2)))
    engine.invalidate_page(machine.hart.mmu, CODE + 123)
    engine.run(machine.hart, 10)
    assert machine.hart.x[1] == 2
    machine.write_code(CODE, code(addi(3)))
    engine.invalidate(machine.hart.mmu)
    engine.run(machine.hart, 10)
    assert machine.hart.x[1] == 3


@pytest.mark.parametrize("way", WAYS)
def test_fence_i_makes_a_program_see_its_own_stores(way: str) -> None:
    text = code(("sw", {"rs1": 5, "rs2": 2}), "fence.i", addi(1), ("jal", {"imm": -12}))
    machine = Machine(text)
    machine.map(DATA, 8, 0b110)  # the code page again, writable
    machine.hart.x[2], machine.hart.x[5] = int.from_bytes(code(addi(1)), "little"), DATA + 8
    engine = engine_for(way, machine)
    engine.run(machine.hart, 40)
    machine.hart.x[2] = int.from_bytes(code(addi(77)), "little")
    engine.run(machine.hart, 4)
    assert machine.hart.x[1] == 77


def test_traces_serve_another_address_space_with_the_same_bytes() -> None:
    machine = Machine(code(addi(1), ("jal", {"imm": -4})))
    engine = ReferenceEngine(machine.memory, hot=1)
    engine.run(machine.hart, 10)
    machine.hart.mmu.code = None  # as a new process has it
    engine.run(machine.hart, 10)
    assert len(engine._paths) == 1 and machine.hart.mmu.code.hot


def test_traces_are_not_reused_where_the_bytes_differ() -> None:
    machine = Machine(code(addi(1), ("jal", {"imm": -4})))
    engine = ReferenceEngine(machine.memory, hot=1)
    engine.run(machine.hart, 10)
    machine.write_code(CODE + 4, code(("jal", {"imm": 0x100})))
    machine.hart.mmu.code, machine.hart.pc = None, CODE
    assert engine.run(machine.hart, 2) is None
    assert machine.hart.pc == CODE + 0x104


def test_a_trace_is_forgotten_with_any_of_its_pages() -> None:
    machine = Machine(code(("jal", {"imm": 0x1000})))
    machine.write_code(CODE + 0x1000, code(addi(1), ("jal", {"imm": -0x1004})))
    engine = ReferenceEngine(machine.memory, hot=2)  # the second time round both pages have been executed
    engine.run(machine.hart, 12)
    assert CODE in machine.hart.mmu.code.hot
    machine.write_code(CODE + 0x1000, code(addi(2)))
    engine.invalidate_page(machine.hart.mmu, CODE + 0x1000)
    assert not machine.hart.mmu.code.hot
    engine.run(machine.hart, 12)
    assert machine.hart.x[1] == 2


def test_a_page_that_loses_execute_permission_stops_a_trace() -> None:
    machine = Machine(code(addi(1), ("jal", {"imm": -4})))
    engine = ReferenceEngine(machine.memory, hot=1)
    engine.run(machine.hart, 10)
    machine.map(CODE, 8, 0b010)
    machine.hart.mmu.tlb.flush()
    engine.invalidate_page(machine.hart.mmu, CODE)
    trap = engine.run(machine.hart, 10)
    assert trap is not None and (trap.cause, trap.tval) == (Cause.INSTRUCTION_PAGE_FAULT, CODE)


def test_returns_inside_a_trace_may_go_elsewhere() -> None:
    """call f; f: a return through a register that is sometimes changed on the way."""
    text = code(
        ("jal", {"rd": 1, "imm": 12}),  # call f
        ("addi", {"rd": 2, "rs1": 2, "imm": 1}),
        ("jal", {"imm": -8}),
        ("addi", {"rd": 3, "rs1": 3, "imm": 1}),  # f
        ("andi", {"rd": 4, "rs1": 3, "imm": 3}),
        ("bne", {"rs1": 4, "imm": 8}),
        ("addi", {"rd": 1, "rs1": 1, "imm": 4}),  # every fourth time skip the addi after the call
        ("jalr", {"rs1": 1}),
    )
    results = []
    for way in WAYS:
        machine = Machine(text)
        assert engine_for(way, machine).run(machine.hart, 5000) is None
        results.append(machine.state())
    assert results[0] == results[1] == results[2]
    assert machine.hart.x[2] < machine.hart.x[3]


def test_tracing_sees_each_instruction_before_it_happens() -> None:
    seen: list[tuple[int, str, int]] = []
    machine = Machine(code(addi(1), addi(2), ("jal", {"imm": -8}), "ecall"))
    engine = ReferenceEngine(
        machine.memory,
        on_trace=lambda hart, decoded: seen.append((hart.pc - CODE, decoded.name, hart.x[1])),
        hot=1,
    )
    assert engine.run(machine.hart, 5) is None
    assert seen == [(0, "addi", 0), (4, "addi", 1), (8, "jal", 2), (0, "addi", 2), (4, "addi", 1)]
    assert machine.hart.instret == 5


def test_hart_copy_runs_on_its_own() -> None:
    machine = Machine(code(("addi", {"rd": 1, "rs1": 1, "imm": 1}), ("jal", {"imm": -4})))
    engine = ReferenceEngine(machine.memory, hot=1)
    engine.run(machine.hart, 10)
    twin: Hart = machine.hart.copy()
    engine.run(twin, 10)
    assert (machine.hart.x[1], twin.x[1], twin.instret) == (5, 10, 10)
