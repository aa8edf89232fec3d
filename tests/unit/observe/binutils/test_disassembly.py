"""Disassembly of what capstone does not know."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toyvm.assembler import AssemblerOptions, assemble_text
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_writer import write_object
from toyvm.isa.table import INSNS
from toyvm.observe.binutils.disassembly import Listing, disassemble, source_text, with_numbers
from toyvm.observe.binutils.short_aliases import uncompressed
from toyvm.observe.symbolize import disassemble_one


@pytest.mark.parametrize("insn", INSNS.values(), ids=lambda insn: insn.name)
def test_every_row_has_a_text(insn) -> None:  # type: ignore[no-untyped-def]  # any row
    # x8 is in every set of registers: the compressed ones, and the even ones that begin a pair.
    fields = {field.name: 8 for field in insn.free if field.name in ("rd", "rs1", "rs2", "rs3")}
    fields |= {
        field.name: min(2 * field.step, field.high)
        for field in insn.free
        if field.name in ("imm", "uimm", "shamt")
    }
    raw = insn.encode(**fields).to_bytes(insn.length, "little")
    (line,) = disassemble(raw, 0x1000)
    assert not line.mnemonic.startswith("."), line
    assert not disassemble_one(raw, 0x1000).startswith(".")


def test_bit_manipulation_is_read_by_the_table() -> None:
    raw = INSNS["sh2add"].encode(rd=10, rs1=11, rs2=12).to_bytes(4, "little")
    assert [line.text for line in disassemble(raw + b"\xff\xff\xff\xff", 0)] == [
        "sh2add a0,a1,a2",
        ".4byte 0xffffffff",
    ]
    assert disassemble_one(raw, 0) == "sh2add a0, a1, a2"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0x0FF5F513, "zext.b a0,a1"),
        (0x0FE5F513, "andi a0,a1,254"),
        (0x0805853B, "zext.w a0,a1"),
        (0x08C5853B, "add.uw a0,a1,a2"),
        (0x00200033, "ntl.p1"),
        (0x00300033, "ntl.pall"),
        (0x00400033, "ntl.s1"),
        (0x00500033, "ntl.all"),
        (0x00600033, "add zero,zero,t1"),
        (0x00200533, "add a0,zero,sp"),
        (0x002080B3, "add ra,ra,sp"),
        (0x00210033, "add zero,sp,sp"),
    ],
)
def test_aliases(word: int, text: str) -> None:
    assert [line.text for line in disassemble(word.to_bytes(4, "little"), 0)] == [text]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0x0001, "c.nop"),
        (0x0005, "c.nop 1"),
        (0x107D, "c.nop -1"),
        (0x0505, "c.addi a0,1"),
        (0x900A, "c.ntl.p1"),
        (0x900E, "c.ntl.pall"),
        (0x9012, "c.ntl.s1"),
        (0x9016, "c.ntl.all"),
        (0x901A, "c.add zero,t1"),
        (0x950A, "c.add a0,sp"),
    ],
)
def test_short_aliases(word: int, text: str) -> None:
    assert [line.text for line in disassemble(word.to_bytes(2, "little"), 0)] == [text]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("c.jr ra", "ret"),
        ("c.jr a0", "jr a0"),
        ("c.add a0,a1", "add a0,a0,a1"),
        ("c.addi a0,1", "addi a0,a0,1"),
        ("c.addi16sp sp,-32", "addi sp,sp,-32"),
        ("c.addi4spn a0,sp,16", "addi a0,sp,16"),
        ("c.addiw a0,0", "sext.w a0,a0"),
        ("c.sdsp ra,8(sp)", "sd ra,8(sp)"),
        ("c.not a0", "not a0,a0"),
        ("c.nop", "nop"),
        ("c.nop 3", "c.nop 3"),
        ("c.li zero,3", "c.li zero,3"),
        ("addi a0,a0,1", "addi a0,a0,1"),
    ],
)
def test_names_without_c(short: str, long: str) -> None:
    assert " ".join(uncompressed(*short.partition(" ")[::2])).rstrip() == long


def test_data_in_code_is_shown_in_words_wherever_it_begins() -> None:
    text = "c.nop\n.4byte 0xdeadbeef\n.byte 1, 2\n.half 0x1234\nc.nop\n.byte 1\nl: .byte 2, 3\nm: .byte 4, 5, 6, 7, 8\n"
    elf = ElfFile.parse(write_object(assemble_text(text, "a.s", AssemblerOptions(relax=False))), "a.o")
    section = elf.section(".text")
    assert section is not None
    lines = [line.split("\t") for line in Listing(elf).section(section) if "\t" in line]
    assert [(int(line[0].rstrip(":"), 16), " ".join(line[2:])) for line in lines] == [
        (0, "c.nop"),
        (2, ".word 0xdeadbeef"),
        (6, ".word 0x12340201"),
        (10, "c.nop"),
        (12, ".byte 0x01"),
        (13, ".half 0x0302"),
        (15, ".word 0x07060504"),
        (19, ".byte 0x08"),
    ]


def test_debugging_information_that_names_a_device_or_a_huge_file(tmp_path: Path) -> None:
    """A listing shows the lines of the file that debugging information names, whatever that is."""
    huge = tmp_path / "huge"
    with huge.open("wb") as stream:
        stream.truncate(1 << 40)
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", huge, tmp_path / "pipe", tmp_path, "a\0b", "x" * 300):
        assert source_text(str(path)) is None
    (tmp_path / "a.c").write_text("one\ntwo\n")
    assert source_text(str(tmp_path / "a.c")) == ["one", "two"]


@pytest.mark.parametrize(
    ("arch", "text", "listed"),
    [
        ("rv64ima_zfinx", "fadd.s a0,a1,a2", ["fadd.s\ta0,a1,a2,dyn"]),
        ("rv64ima_zca_zcmp", "cm.push {ra,s0},-16", ["cm.push\t{ra,s0},-16"]),
        (
            "rv64gc",
            "fsd fs4,48(sp)\n.option push\n.option arch,-d,-zcd\n.option arch,+zcmp\ncm.push {ra,s0},-16\n"
            ".option pop\nfsd fs4,48(sp)",
            ["c.fsdsp\tfs4,48(sp)", "cm.push\t{ra,s0},-16", "c.fsdsp\tfs4,48(sp)"],
        ),
    ],
)
def test_the_named_instruction_set_decides_what_an_encoding_means(
    arch: str, text: str, listed: list[str]
) -> None:
    elf = ElfFile.parse(write_object(assemble_text(text + "\n", "a.s", AssemblerOptions(march=arch))), "a.o")
    section = elf.section(".text")
    assert section is not None
    lines = [line for line in Listing(elf).section(section) if line.count("\t") > 1]
    assert [line.split("\t", 2)[2] for line in lines] == listed


@pytest.mark.parametrize(
    ("word", "short", "own", "numbers"),
    [
        (0x00058513, "mv a0,a1", "addi a0,a1,0", "x10,x11,0"),
        (0x00008067, "ret", "jalr zero,0(ra)", "x0,0(x1)"),
        (0xFF018293, "addi t0,gp,-16", "addi t0,gp,-16", "x5,x3,-16"),
        (0x02B50553, "fadd.d fa0,fa0,fa1,rne", "fadd.d fa0,fa0,fa1,rne", "f10,f10,f11,rne"),
    ],
)
def test_an_instruction_without_aliases(word: int, short: str, own: str, numbers: str) -> None:
    raw = word.to_bytes(4, "little")
    assert [line.text for line in disassemble(raw, 0)] == [short]
    (line,) = disassemble(raw, 0, aliases=False, gp=0x1800)
    assert line.text == own
    assert with_numbers(line.operands) == numbers
    assert line.target == {0xFF018293: 0x17F0}.get(word)
