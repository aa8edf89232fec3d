"""A corner case a line: an instruction as a program writes it, what was before, what is after; on every engine.

    STATEMENT | REGISTERS AND MEMORY BEFORE | WHAT THEY ARE AFTERWARDS

A register is named as in assembly, `m8` is the doubleword at byte 8 of the data, whose address is D (in a1 and sp, unless a line says
otherwise); `flags` are those of floating point, `pc` is a distance, `trap` a cause. Numbers that end in s or d are floating point,
single (boxed) or double.
Expected values are the manual's. What test_corners.py says otherwise is not repeated; every row of the table is in one of the two.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from tests.support.bare_machine import CODE, DATA, Machine
from tests.unit.engines import newer_lines
from tests.unit.engines.llvm.test_llvm_engine import AT_ONCE
from tests.unit.engines.test_rows import make_native
from toyvm.assembler import assemble_text
from toyvm.base.bits import M64
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.decode import decode
from toyvm.isa.registers import F_NAMES, X_NAMES
from toyvm.isa.table import INSNS
from toyvm.machine.traps import Cause

LINES = """
lui a0, 0x80000                     |                               | a0=-0x80000000
lui a0, 0x7ffff                     |                               | a0=0x7ffff000
auipc a0, 0xfffff                   |                               | a0=0xf000
beq a0, a2, .+16                    | a0=-1 a2=-1                   | pc=16
beq a0, a2, .+16                    | a0=0 a2=0x100000000           | pc=4
blt a0, a2, .-8                     | a0=MIN a2=MAX                 | pc=-8
bge a0, a2, .+8                     | a0=MIN a2=MIN                 | pc=8
bltu a0, a2, .+8                    | a0=MIN a2=MAX                 | pc=4
bgeu a0, a2, .+8                    | a0=-1 a2=0                    | pc=8
fence rw, w                         | a0=7                          | a0=7 pc=4
fence.tso                           | a0=7                          | a0=7 pc=4
pause                               | a0=7                          | a0=7 pc=4
sret                                | a0=7                          | trap=illegal pc=0
wfi                                 | a0=7                          | trap=illegal pc=0
amoand.w a0, a2, (a1)               | m0=0x11111111ffffffff a2=0x80000000 | a0=-1 m0=0x1111111180000000
amoor.w a0, a2, (a1)                | m0=0x80000000 a2=1            | a0=-0x80000000 m0=0x80000001
amoswap.d a0, a2, (a1)              | m0=1 a2=-1                    | a0=1 m0=-1
amoxor.d a0, a2, (a1)               | m0=-1 a2=-1                   | a0=-1 m0=0
amomax.d a0, a2, (a1)               | m0=MIN a2=-1                  | a0=MIN m0=-1
amominu.d a0, a2, (a1)              | m0=MIN a2=1                   | a0=MIN m0=1
csrrc a0, fflags, a2                | flags=0x1f a2=0x11            | a0=0x1f flags=0xe
sh1add.uw a0, a2, a3                | a2=-1 a3=2                    | a0=0x200000000
sh2add.uw a0, a2, a3                | a2=MIN a3=-1                  | a0=-1
flw fa0, 0(a1)                      | m0=0x7f800001                 | fa0=0xffffffff7f800001 flags=0
fsw fa0, 0(a1)                      | fa0=0x123456783f800000 m0=-1  | m0=0xffffffff3f800000
fld fa0, 1(a1)                      | m1=0x7ff0000000000001         | fa0=0x7ff0000000000001 flags=0
fsd fa0, 1(a1)                      | fa0=0x7ff0000000000001        | m1=0x7ff0000000000001 flags=0
fmadd.s fa0, fa1, fa2, fa3          | fa1=infs fa2=0s fa3=nans      | fa0=nans flags=NV
fmsub.s fa0, fa1, fa2, fa3, rdn     | fa1=1s fa2=1s fa3=1s          | fa0=-0s flags=0
fnmsub.s fa0, fa1, fa2, fa3         | fa1=1s fa2=1s fa3=1s          | fa0=0s flags=0
fnmadd.s fa0, fa1, fa2, fa3         | fa1=0s fa2=1s fa3=0s          | fa0=-0s flags=0
fadd.s fa0, fa1, fa2                | fa1=1s fa2=0xffffffff33800000 | fa0=1s flags=NX
fadd.s fa0, fa1, fa2, rup           | fa1=1s fa2=0xffffffff33800000 | fa0=0xffffffff3f800001 flags=NX
fsub.s fa0, fa1, fa2                | fa1=infs fa2=infs             | fa0=nans flags=NV
fmul.s fa0, fa1, fa2                | fa1=0xffffffff7f7fffff fa2=2s | fa0=infs flags=OF|NX
fmul.s fa0, fa1, fa2, rtz           | fa1=0xffffffff7f7fffff fa2=2s | fa0=0xffffffff7f7fffff flags=OF|NX
fdiv.s fa0, fa1, fa2                | fa1=1s fa2=-0s                | fa0=-infs flags=DZ
fsqrt.s fa0, fa1                    | fa1=-0s                       | fa0=-0s flags=0
fsgnj.s fa0, fa1, fa2               | fa1=nans fa2=-0s              | fa0=0xffffffffffc00000 flags=0
fsgnjn.s fa0, fa1, fa2              | fa1=1s fa2=1s                 | fa0=-1s flags=0
fsgnjx.s fa0, fa1, fa2              | fa1=-1s fa2=-1s               | fa0=1s flags=0
fmin.s fa0, fa1, fa2                | fa1=0s fa2=-0s                | fa0=-0s flags=0
fmax.s fa0, fa1, fa2                | fa1=0xffffffff7f800001 fa2=1s | fa0=1s flags=NV
fcvt.w.s a0, fa0, rtz               | fa0=nans                      | a0=0x7fffffff flags=NV
fcvt.wu.s a0, fa0, rtz              | fa0=-1s                       | a0=0 flags=NV
fcvt.l.s a0, fa0, rtz               | fa0=infs                      | a0=MAX flags=NV
fcvt.lu.s a0, fa0, rtz              | fa0=-0.5s                     | a0=0 flags=NX
feq.s a0, fa0, fa1                  | fa0=nans fa1=1s               | a0=0 flags=0
flt.s a0, fa0, fa1                  | fa0=nans fa1=1s               | a0=0 flags=NV
fle.s a0, fa0, fa1                  | fa0=0s fa1=-0s                | a0=1 flags=0
fclass.s a0, fa0                    | fa0=1                         | a0=0x200 flags=0
fcvt.s.w fa0, a0, rne               | a0=0x1000001                  | fa0=16777216s flags=NX
fcvt.s.wu fa0, a0, rne              | a0=-1                         | fa0=4294967296s flags=NX
fcvt.s.l fa0, a0, rne               | a0=MIN                        | fa0=-9223372036854775808s flags=0
fcvt.s.lu fa0, a0, rtz              | a0=-1                         | fa0=0xffffffff5f7fffff flags=NX
fmv.x.w a0, fa0                     | fa0=0x80000000                | a0=-0x80000000
fmv.w.x fa0, a0                     | a0=0x123456789                | fa0=0xffffffff23456789
fmadd.d fa0, fa1, fa2, fa3          | fa1=infd fa2=0d fa3=nand      | fa0=nand flags=NV
fmsub.d fa0, fa1, fa2, fa3          | fa1=1d fa2=1d fa3=1d          | fa0=0d flags=0
fnmsub.d fa0, fa1, fa2, fa3, rdn    | fa1=1d fa2=1d fa3=1d          | fa0=-0d flags=0
fnmadd.d fa0, fa1, fa2, fa3         | fa1=1d fa2=1d fa3=-1d         | fa0=0d flags=0
fadd.d fa0, fa1, fa2                | fa1=1d fa2=0x3ca0000000000000 | fa0=1d flags=NX
fsub.d fa0, fa1, fa2, rdn           | fa1=1d fa2=1d                 | fa0=-0d flags=0
fmul.d fa0, fa1, fa2                | fa1=0x0010000000000000 fa2=0.5d | fa0=0x0008000000000000 flags=0
fmul.d fa0, fa1, fa2                | fa1=0x0010000000000001 fa2=0.5d | fa0=0x0008000000000000 flags=UF|NX
fdiv.d fa0, fa1, fa2                | fa1=0d fa2=0d                 | fa0=nand flags=NV
fsqrt.d fa0, fa1                    | fa1=-1d                       | fa0=nand flags=NV
fsgnj.d fa0, fa1, fa2               | fa1=nand fa2=-1d              | fa0=0xfff8000000000000 flags=0
fsgnjn.d fa0, fa1, fa2              | fa1=infd fa2=infd             | fa0=-infd flags=0
fsgnjx.d fa0, fa1, fa2              | fa1=1d fa2=-0d                | fa0=-1d flags=0
fmin.d fa0, fa1, fa2                | fa1=nand fa2=1d               | fa0=1d flags=0
fmax.d fa0, fa1, fa2                | fa1=-0d fa2=0d                | fa0=0d flags=0
fcvt.w.d a0, fa0, rtz               | fa0=2147483647.5d             | a0=0x7fffffff flags=NX
fcvt.wu.d a0, fa0, rtz              | fa0=4294967296d               | a0=-1 flags=NV
fcvt.l.d a0, fa0, rtz               | fa0=9223372036854775808d      | a0=MAX flags=NV
fcvt.lu.d a0, fa0, rtz              | fa0=-1d                       | a0=0 flags=NV
feq.d a0, fa0, fa1                  | fa0=0x7ff0000000000001 fa1=1d | a0=0 flags=NV
flt.d a0, fa0, fa1                  | fa0=-infd fa1=infd            | a0=1 flags=0
fle.d a0, fa0, fa1                  | fa0=1d fa1=nand               | a0=0 flags=NV
fclass.d a0, fa0                    | fa0=-0d                       | a0=8 flags=0
fcvt.d.w fa0, a0                    | a0=0x80000000                 | fa0=-2147483648d flags=0
fcvt.d.wu fa0, a0                   | a0=-1                         | fa0=4294967295d flags=0
fcvt.d.l fa0, a0, rne               | a0=MAX                        | fa0=9223372036854775808d flags=NX
fcvt.d.lu fa0, a0, rne              | a0=-1                         | fa0=18446744073709551616d flags=NX
fmv.x.d a0, fa0                     | fa0=MIN                       | a0=MIN
fmv.d.x fa0, a0                     | a0=1                          | fa0=1
fcvt.s.d fa0, fa1                   | fa1=1e300d                    | fa0=infs flags=OF|NX
fcvt.d.s fa0, fa1                   | fa1=0xffffffff7f800001        | fa0=nand flags=NV
fcvt.d.s fa0, fa1                   | fa1=0x3f800000                | fa0=nand flags=0
c.unimp                             |                               | trap=illegal pc=0
c.ebreak                            |                               | trap=breakpoint pc=0
c.nop                               | a0=7                          | a0=7 pc=2
c.addi4spn a0, sp, 1020             | sp=-4                         | a0=1016
c.addi16sp sp, -512                 | sp=0                          | sp=-512
c.li a0, -32                        |                               | a0=-32 pc=2
c.lui a0, 0xfffe0                   |                               | a0=-0x20000
c.addiw a0, -1                      | a0=0x80000000                 | a0=0x7fffffff
c.slli a0, 63                       | a0=3                          | a0=MIN
c.srli a0, 63                       | a0=-1                         | a0=1
c.srai a0, 63                       | a0=MIN                        | a0=-1
c.andi a0, -32                      | a0=31                         | a0=0
c.sub a0, a2                        | a0=0 a2=MIN                   | a0=MIN
c.xor a0, a2                        | a0=-1 a2=MIN                  | a0=MAX
c.or a0, a2                         | a0=1 a2=MIN                   | a0=-0x7fffffffffffffff
c.and a0, a2                        | a0=MAX a2=MIN                 | a0=0
c.subw a0, a2                       | a0=0 a2=0x80000000            | a0=-0x80000000
c.addw a0, a2                       | a0=0x7fffffff a2=1            | a0=-0x80000000
c.add a0, a2                        | a0=-1 a2=1                    | a0=0
c.mv a0, a2                         | a2=MIN                        | a0=MIN
c.j .-4                             |                               | pc=-4
c.jr a0                             | a0=0x10101                    | pc=0x100
c.jalr a0                           | a0=0x10101                    | pc=0x100 ra=0x10002
c.beqz a0, .+8                      | a0=0x100000000                | pc=2
c.bnez a0, .-2                      | a0=0x100000000                | pc=-2
c.lw a0, 124(a1)                    | m124=0x80000000               | a0=-0x80000000
c.ld a0, 248(a1)                    | m248=MIN                      | a0=MIN
c.sw a0, 4(a1)                      | a0=-2 m0=0                    | m0=0xfffffffe00000000
c.sd a0, 248(a1)                    | a0=-2                         | m248=-2 m240=0
c.fld fa0, 248(a1)                  | m248=0x7ff0000000000001       | fa0=0x7ff0000000000001
c.fsd fa0, 8(a1)                    | fa0=nand                      | m8=nand
c.lwsp a0, 252(sp)                  | m252=0xffffffff               | a0=-1
c.ldsp a0, 504(sp)                  | m504=MIN                      | a0=MIN
c.swsp a0, 252(sp)                  | a0=0x123456789                | m252=0x23456789
c.sdsp a0, 504(sp)                  | a0=-2                         | m504=-2
c.fldsp fa0, 504(sp)                | m504=nand                     | fa0=nand
c.fsdsp fa0, 0(sp)                  | fa0=-infd                     | m0=-infd
"""
CASES = [line for line in (LINES + newer_lines.LINES).splitlines() if line]
NAMES = {"D": DATA, "MIN": 1 << 63, "MAX": (1 << 63) - 1, "NX": 1, "UF": 2, "OF": 4, "DZ": 8, "NV": 16}
NAMES |= {"illegal": Cause.ILLEGAL_INSTRUCTION, "breakpoint": Cause.BREAKPOINT}
NAMES |= {"nans": 0xFFFFFFFF7FC00000, "nand": 0x7FF8 << 48}
EXTENSIONS = """zba zbb zbc zbs zbkb zbkx zknd zkne zknh zksed zksh zicond zihintpause zihintntl zcb zcmop zimop zacas zabha
zfh zfa zfbfmin zawrs zicbom zicbop zicboz svinval h smrnmi"""
ARCHITECTURE = f".option norelax\n.option arch, {', '.join(f'+{name}' for name in EXTENSIONS.split())}\n"


def number(text: str) -> int:
    """A value of a line, as 64 bits."""
    if "|" in text:
        return sum(number(part) for part in text.split("|"))
    if text in NAMES:
        return NAMES[text]
    if text[-1] in "sd" and not text.startswith(("0x", "-0x")):
        value = float(text[:-1])
        if text[-1] == "s":
            (bits,) = struct.unpack("<I", struct.pack("<f", value))
            return int(bits) | M64 << 32 & M64
        return int.from_bytes(struct.pack("<d", value), "little")
    return int(text, 0) & M64


def assignments(text: str) -> dict[str, str]:
    return dict(word.split("=") for word in text.split())


def statement_bytes(statement: str) -> bytes:
    option = ".option rvc\n" if statement.startswith("c.") else ".option norvc\n"
    object_file = assemble_text(f"{ARCHITECTURE}{option}{statement}\n", "line")
    return next(bytes(section.data) for section in object_file.sections if section.name == ".text")


def put(machine: Machine, name: str, value: int) -> None:
    hart = machine.hart
    if name in X_NAMES:
        hart.x[X_NAMES.index(name)] = value
    elif name in F_NAMES:
        hart.f[F_NAMES.index(name)] = value
    elif name == "flags":
        hart.fcsr = value
    else:
        machine.write_data(DATA + int(name[1:]), value.to_bytes(8, "little"))


def get(machine: Machine, name: str) -> int:
    hart = machine.hart
    if name in X_NAMES:
        return hart.x[X_NAMES.index(name)]
    if name in F_NAMES:
        return hart.f[F_NAMES.index(name)]
    if name == "flags":
        return hart.fcsr & 0x1F
    if name == "pc":
        return hart.pc - CODE & M64
    at = int(name[1:])
    return int.from_bytes(machine.data()[at : at + 8], "little")


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator(folder=None)


@pytest.mark.parametrize("line", CASES, ids=lambda line: re.sub(r"\s*\|\s*", "|", line))
def test_line(line: str, translator: Translator) -> None:
    statement, before, after = line.split("|", 2)
    text = statement_bytes(statement.strip())
    decoded = decode(int.from_bytes(text, "little"))
    assert decoded is not None and decoded.insn.name == statement.split()[0] and decoded.length == len(text)
    expected = {name: number(value) for name, value in assignments(after).items()}
    cause = expected.pop("trap", None)
    for way in ("walk", "single", "trace", "llvm"):
        machine = Machine(text)
        translator.forget()
        engine = {
            "walk": lambda memory: WalkEngine(memory),
            "single": lambda memory: ReferenceEngine(memory, hot=1 << 30),
            "trace": lambda memory: ReferenceEngine(memory, hot=1),
            "llvm": lambda memory: LlvmEngine(memory, translator=translator, thresholds=AT_ONCE),
        }[way](machine.memory)
        for attempt in range(3):
            hart = machine.hart
            hart.x[:], hart.f[:], hart.fcsr, hart.pc = [0] * 32, [0] * 32, 0, CODE
            for name, value in {"a1": "D", "sp": "D", **assignments(before)}.items():
                put(machine, name, number(value))
            if attempt == 1 and isinstance(engine, LlvmEngine) and not unavailable():
                make_native(engine, machine)
            trap = engine.run(hart, 1)
            assert (None if trap is None else trap.cause) == cause, way
            got = {name: get(machine, name) for name in expected}
            assert got == expected, (way, {name: hex(value) for name, value in got.items()})


def test_every_row_has_a_line() -> None:
    lines = {line.split()[0] for line in CASES}
    others = set(re.findall(r'"([a-z0-9.]+)"', (Path(__file__).parent / "test_corners.py").read_text()))
    assert set(INSNS) <= lines | others, set(INSNS) - lines - others
    assert lines <= set(INSNS)
