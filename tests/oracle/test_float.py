"""Every floating-point instruction against qemu-riscv64: results and flags on corner-case operands in every rounding mode.

One generated program computes everything in one run of qemu; our engines run the same machine code.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle.test_isa import MARCH, gnu_assemble, section_bytes
from tests.support.bare_machine import CODE, DATA, Machine
from tests.support.oracles import GNU_AS, GNU_LD, QEMU, require_oracle
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import Thresholds
from toyvm.engines.llvm.translator import Translator
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.spec import Insn
from toyvm.isa.table import INSNS
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.traps import Cause

pytestmark = pytest.mark.oracle
BOX = 0xFFFFFFFF << 32
SINGLES = [
    0x00000000, 0x00000001, 0x007FFFFF, 0x00800000, 0x00800001, 0x33800000, 0x34000000, 0x3EFFFFFF, 0x3F000000,
    0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x3FC00000, 0x40200000, 0x4B000001, 0x4B800000, 0x4EFFFFFF, 0x4F000000,
    0x4F800000, 0x5F000000, 0x5F800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF,
]  # fmt: skip
DOUBLES = [
    0, 1, (1 << 52) - 1, 1 << 52, (1 << 52) + 1, 0x369 << 52, 0x380 << 52, 0x36A0000000000001, 0x3690000000000000,
    0x380FFFFFE0000000, 0x380FFFFFF0000000, 0x3810000010000000, 0x3CA0000000000000, 0x3FDFFFFFFFFFFFFF, 0x3FE << 52,
    0x3FEFFFFFFFFFFFFF, 0x3FF << 52, 0x3FF0000000000001, 0x3FF8000000000000, 0x4004000000000000, 0x41DFFFFFFFC00000,
    0x41DFFFFFFFE00000, 0x41EFFFFFFFE00000, 0x41F << 52, 0x4330000000000001, 0x43E << 52, 0x43F << 52,
    0x47EFFFFFE0000000, 0x47EFFFFFF0000000, (0x7FF << 52) - 1, 0x7FF << 52, (0x7FF << 52) + 1, 0x7FF8 << 48,
    (1 << 63) - 1,
]  # fmt: skip
HALVES = [
    0x0000, 0x0001, 0x03FF, 0x0400, 0x0401, 0x0C00, 0x1400, 0x37FF, 0x3800, 0x3BFF, 0x3C00, 0x3C01, 0x3E00, 0x4100,
    0x6401, 0x6800, 0x77FF, 0x7800, 0x7BFF, 0x7C00, 0x7C01, 0x7E00, 0x7FFF,
]  # fmt: skip
MODES = range(5)
EXTENSIONS = {
    "s": ("F", "D"), "d": ("F", "D"), "h": ("Zfh", "Zfhmin", "Zfhmin or Zfbfmin", "Zfhmin and D"),
}  # fmt: skip


def operands(letter: str) -> list[tuple[int, int, int]]:
    """Patterns of three registers: every pair of corners, both signs of the second, and a third number from the list."""
    if letter == "d":
        values, sign = DOUBLES, 1 << 63
    elif letter == "h":
        values, sign = [value | -1 << 16 & (1 << 64) - 1 for value in HALVES], 1 << 15
    else:
        values, sign = [value | BOX for value in SINGLES], 1 << 31
    found = []
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            c = values[(7 * i + 3 * j) % len(values)]
            found.append(
                (
                    a ^ (sign if (i + j) % 3 == 1 else 0),
                    b ^ (sign if j & 1 else 0),
                    c ^ (sign if i & 1 else 0),
                )
            )
    if letter == "h":  # not NaN-boxed, and wider formats as operands of conversions
        found += [(HALVES[10], values[10], values[11]), (values[10], HALVES[3], 1), (1, 2, 3)]
        found += [(value | BOX, values[1], values[2]) for value in SINGLES]
        found += [(value, values[3], values[4]) for value in DOUBLES]
    if letter == "s":  # not NaN-boxed
        found += [
            (SINGLES[10], values[10], values[11]),
            (values[10], SINGLES[3], 1),
            (0x3FF << 52, values[1], values[2]),
        ]
    return found


def statements(insn: Insn) -> Iterator[tuple[str, str]]:
    """(statement, register of its result): in the dynamic mode, and in a static one."""
    registers = {"frd": "fa0", "frs1": "fa1", "frs2": "fa2", "frs3": "fa3", "rd": "a0", "rs1": "a1"}
    kinds = [operand.kind for operand in insn.operands]
    if not set(kinds) <= {*registers, "rm"}:
        return
    text = f"{insn.name} {', '.join(registers[kind] for kind in kinds if kind != 'rm')}"
    result = registers[kinds[0]]
    yield text, result
    if "rm" in kinds:
        yield text + ", rup", result


def body(letter: str) -> tuple[str, int]:
    """Assembly that stores result and flags of every instruction of one precision at s1; and the bytes that it stores."""
    lines, at = [], 0
    for insn in INSNS.values():
        if insn.ext in EXTENSIONS[letter] and f".{letter}" in insn.name:
            for text, result in statements(insn):
                store = "fsd" if result == "fa0" else "sd"
                lines += [
                    "fsflags zero",
                    text,
                    "frflags t0",
                    f"{store} {result}, {at}(s1)",
                    f"sd t0, {at + 8}(s1)",
                ]
                at += 16
    return "\n".join([*lines, "ret"]), at


def program(work: str, size: int, triples: list[tuple[int, int, int]]) -> str:
    data = "\n".join(f".dword {a}, {b}, {c}" for a, b, c in triples)
    return f"""
    .globl _start
    _start: la s1, out; li s3, 0
    mode:   la s0, triples; li s2, {len(triples)}
    again:  fsrm s3; ld a1, 0(s0); fld fa1, 0(s0); fld fa2, 8(s0); fld fa3, 16(s0); call body
            addi s0, s0, 24; addi s1, s1, {size}; addi s2, s2, -1; bnez s2, again
            addi s3, s3, 1; li t0, {len(MODES)}; bltu s3, t0, mode
            la s1, out; li s2, {size * len(triples) * len(MODES)}
    write:  li a0, 1; mv a1, s1; mv a2, s2; li a7, 64; ecall
            add s1, s1, a0; sub s2, s2, a0; bgtz s2, write
            li a0, 0; li a7, 93; ecall
    .section .body, "ax"
    body:
    {work}
    .data
    .balign 8
    triples: {data}
    .bss
    .balign 8
    out: .zero {size * len(triples) * len(MODES)}
    """


Computed = tuple[bytes, int, list[tuple[int, int, int]], bytes]


@pytest.fixture(scope="module", params=["s", "d", "h"])
def computed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Computed:
    """(the code of the body, bytes that it stores, operands, what qemu computed)."""
    require_oracle(GNU_AS, GNU_LD, QEMU)
    folder: Path = tmp_path_factory.mktemp("float")
    work, size = body(request.param)
    assert 500 < size < 2048
    triples = operands(request.param)
    compiled = gnu_assemble(folder, program(work, size, triples), "program", march=f"{MARCH}_zfh")
    subprocess.run([GNU_LD, "-o", str(folder / "program"), str(compiled)], check=True, capture_output=True)
    out = subprocess.run(
        [QEMU, "-cpu", "rv64,Zfh=true", str(folder / "program")], capture_output=True, check=True, timeout=60
    ).stdout
    assert len(out) == size * len(triples) * len(MODES)
    return section_bytes(compiled, ".body"), size, triples, out


NATIVE = Thresholds(ask=2, trace=4, hot=20, missed=4, first=0, price=0, cold=1, piece=20_000)


def engine_for(way: str, memory: PhysicalMemory) -> Engine:
    if way == "llvm":
        return LlvmEngine(memory, translator=Translator(folder=None), thresholds=NATIVE)
    return (
        WalkEngine(memory) if way == "walk" else ReferenceEngine(memory, hot=1 if way == "trace" else 1 << 30)
    )


@pytest.mark.parametrize(("way", "every"), [("single", 1), ("trace", 7), ("walk", 23), ("llvm", 3)])
def test_qemu_computes_the_same(computed: Computed, way: str, every: int) -> None:
    """`every`: only each so manieth case on the slower ways, whose arithmetic is the same code. Native code is to compute all
    that the host can: nearly everything but rounding to nearest, ties away, where it is not entered."""
    text, size, triples, out = computed
    machine = Machine(text)
    engine = engine_for(way, machine.memory)
    hart = machine.hart
    modes = len(MODES) - 1 if way == "llvm" else len(MODES)
    for index in range(0, modes * len(triples), every):
        mode, which = divmod(index, len(triples))
        hart.pc, hart.fcsr = CODE, mode << 5
        hart.x[1], hart.x[9], hart.x[11] = 0, DATA, triples[which][0]
        hart.f[11:14] = triples[which]
        trap = engine.run(hart, 100_000)
        assert trap is not None and (trap.cause, trap.tval) == (Cause.INSTRUCTION_PAGE_FAULT, 0)
        ours, theirs = machine.data()[:size], out[size * index : size * (index + 1)]
        if ours != theirs:
            pytest.fail(difference(ours, theirs, triples[which], mode))
    halves = size == body("h")[1]  # there is no native code for them
    if isinstance(engine, LlvmEngine) and not halves:
        assert engine.native_entries > 4 * len(triples) // every
        assert engine.slow_steps < hart.instret // 50


def difference(ours: bytes, theirs: bytes, triple: tuple[int, int, int], mode: int) -> str:
    """The instructions that disagree, by their place."""
    names = [
        [
            text
            for insn in INSNS.values()
            if insn.ext in EXTENSIONS[letter] and f".{letter}" in insn.name
            for text, _ in statements(insn)
        ]
        for letter in "sdh"
    ]
    listed = next(each for each in names if 16 * len(each) == len(ours))
    found = [
        f"{text}: {ours[at : at + 9].hex()} instead of {theirs[at : at + 9].hex()}"
        for at, text in zip(range(0, len(ours), 16), listed, strict=True)
        if ours[at : at + 16] != theirs[at : at + 16]
    ]
    return f"{[hex(value) for value in triple]} in mode {mode}: {found}"
