"""The rows that are only encoded, and RV32, against GNU as: the same text gives the same bytes and relocations."""

import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AS, require_oracle
from toyvm.assembler.assemble import assemble_text
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_reader import read_object
from toyvm.elf.object_writer import write_object
from toyvm.isa.encoded.table import ENCODED
from toyvm.isa.fields import Field
from toyvm.isa.registers import F_NAMES, X_NAMES
from toyvm.isa.spec import Insn
from toyvm.isa.table import INSNS
from toyvm.isa.widths import needs

pytestmark = pytest.mark.oracle
THEAD = "_".join(
    f"xthead{name}"
    for name in (
        "ba",
        "bb",
        "bs",
        "cmo",
        "condmov",
        "fmemidx",
        "fmv",
        "int",
        "mac",
        "memidx",
        "mempair",
        "sync",
    )
)
KNOWN = f"gcqv_zfh_zbkb_zknd_zkne_zknh_{THEAD}"  # what binutils 2.40 has of them


def written(kind: str, insn: Insn, chance: random.Random) -> str:
    """A random operand of a kind."""
    if kind in ("rd", "rs1", "rs2"):
        return X_NAMES[chance.randrange(32)]
    if kind in ("frd", "frs1", "frs2", "frs3"):
        return F_NAMES[chance.randrange(32)]
    if kind in ("vd", "vs1", "vs2"):
        return f"v{chance.randrange(1, 32)}"
    if kind == "amo_mem":
        return f"({X_NAMES[chance.randrange(32)]})"
    if kind in ("load_mem", "store_mem"):
        return f"{chance.randrange(-2048, 2048)}({X_NAMES[chance.randrange(32)]})"
    if kind in ("vtype", "vtype10"):
        return f"e{8 << chance.randrange(4)},m{1 << chance.randrange(4)},t{chance.choice('au')},m{chance.choice('au')}"
    if "@" in kind:
        field = Field(
            f"s{kind[4:]}" if kind.startswith("less") else kind,
            ((0, int(re.sub(r"\D*(\d+)@.*", r"\1", kind)), 0),),
        )
        more = int(kind.startswith("less"))
        return str(chance.randint(field.low + more, field.high + more))
    return {"vm": "v0.t", "v0": "v0", "rm": "rtz"}.get(kind, kind.lstrip("#"))


def samples(insn: Insn) -> Iterator[str]:
    """Statements of a row; th.lwia and its kin take no base register that they load."""
    chance = random.Random(insn.name + insn.syntax)
    kinds = [operand.kind for operand in insn.operands]
    for index in range(6):
        shown = kinds[:-1] if kinds[-1:] == ["vm"] and index & 1 else kinds
        operands = [written(kind, insn, chance) for kind in shown]
        if insn.name.startswith("th.l") and operands:
            operands[0] = "t6"
            operands[1:] = [
                f"s{4 + at}" if kind == "rs2" else text
                for at, (kind, text) in enumerate(zip(kinds[1:], operands[1:], strict=False))
            ]
            operands = ["(s1)" if text[0] == "(" else text for text in operands]
        yield f"{insn.name} {','.join(operands)}"


def gnu(folder: Path, text: str, march: str, *options: str) -> bytes:
    """The object that GNU as makes."""
    require_oracle(GNU_AS)
    source, output = folder / "g.s", folder / "g.o"
    source.write_text(text)
    command = [GNU_AS, f"-march={march}", "-misa-spec=20191213", *options, str(source), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    return output.read_bytes()


def ours(text: str, march: str) -> bytes:
    """The object of this assembler, as a file."""
    return write_object(assemble_text(text, "o.s", AssemblerOptions(march=march)))


def parts(data: bytes) -> dict[str, object]:
    """The sections of an object that say something, with their relocations by name."""
    elf = ElfFile.parse(data, "x.o")
    found = read_object(data, "x.o")
    sections: dict[str, object] = {
        section.name: (section.data, section.relocs["r_type"].tolist(), section.relocs["r_addend"].tolist())
        for section in found.sections
    }
    return sections | {"flags": elf.header.flags, "class": elf.is_class32, "names": found.symbols.names}


@pytest.mark.parametrize("width", [64, 32])
def test_gnu_as_encodes_every_row_the_same(tmp_path: Path, width: int) -> None:
    lines = []
    for insn in (insn for insns in ENCODED.values() for insn in insns if insn.length == 4):
        if needs(insn).startswith(f"RV{96 - width}") or insn.ext.startswith(("Zvb", "Zvk", "Zvf", "Zic")):
            continue
        if insn.ext == "RV32 Zfa and D":
            continue
        lines += samples(insn)
    text = "\n".join(lines) + "\n"
    assert len(lines) > 4000
    march = f"rv{width}{KNOWN}"
    expected = gnu(tmp_path, text, march)
    assert parts(ours(text, march))[".text"] == parts(expected)[".text"]


PROGRAM = """
    .text
    .globl f
f:  addi sp, sp, -32
    sw ra, 28(sp)
    fsw fa0, 8(sp)
    flw fa1, 4(a0)
    fld fa2, 8(a1)
    li a0, 0x80000123
    li a1, -5
    li a2, 0xfffff
    la a3, object
    lla a4, object
    lw a5, object
    sw a5, object+4, t0
    jal f
    j 1f
    call g
    tail g
1:  beq a0, a1, f
    bnez a0, 1b
    srai a0, a0, 31
    slli a2, a2, 7
    rdcycleh a0
    csrr a1, mcycleh
    zext.h a0, a1
    sext.b a0, a1
    lui a0, %hi(object)
    addi a0, a0, %lo(object)
    la.tls.ie a0, t
    la.tls.gd a0, t
    .option pic
    la a0, object
    .cfi_startproc
    ret
    .cfi_def_cfa_offset 16
    .cfi_endproc
    .section .tdata,"awT"
t:  .word 1
    .data
    .balign 8
object: .word f, object+4, object-f
    .half 1
    .dword 5
    .comm buffer, 64, 8
"""


def test_an_object_of_rv32_equals_that_of_gnu_as(tmp_path: Path) -> None:
    expected = parts(gnu(tmp_path, PROGRAM, "rv32gc"))
    assert parts(ours(PROGRAM, "rv32gc")) == expected
    assert expected["class"]


def test_every_row_of_both_widths_equals_that_of_gnu_as(tmp_path: Path) -> None:
    """The rows of the main table that RV32 has, without operands that are labels."""
    kinds = {"rd", "rs1", "rs2", "frd", "frs1", "frs2", "frs3", "rm", "load_mem", "store_mem", "amo_mem"}
    lines = []
    wanted = ("I", "Zmmul", "M", "A", "Zaamo", "Zalrsc", "F", "D", "Zba", "Zbb", "Zbc", "Zbs")
    for insn in INSNS.values():
        fits = insn.length == 4 and insn.ext in wanted and not needs(insn).startswith("RV64")
        if fits and {operand.kind for operand in insn.operands} <= kinds:
            lines += samples(insn)
    text = ".option norvc\n" + "\n".join(lines) + "\n"
    march = "rv32gc_zba_zbb_zbc_zbs"
    assert len(lines) > 400
    assert parts(ours(text, march))[".text"] == parts(gnu(tmp_path, text, march))[".text"]
