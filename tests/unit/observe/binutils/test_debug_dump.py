"""`readelf -w` on debugging information that is damaged: messages, and bounded work."""

from __future__ import annotations

import random
from functools import cache

import pytest

from toyvm.assembler.assemble import AssemblerOptions, assemble_text
from toyvm.base.errors import ElfError, UsageError
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.leb128 import uleb128
from toyvm.elf.object_writer import write_object
from toyvm.observe.binutils.debug_dump.byte_cursor import Cursor, Malformed
from toyvm.observe.binutils.debug_dump.dump import EVERYTHING, DumpOptions, chosen_letters, chosen_words, dump
from toyvm.observe.binutils.debug_dump.location_text import Shape, expression

TEXT = """
    .globl  main
main:
    .cfi_startproc
    addi sp, sp, -16
    .cfi_def_cfa_offset 16
    sd ra, 8(sp)
    .cfi_offset ra, -8
    call other
    ld ra, 8(sp)
    addi sp, sp, 16
    .cfi_restore ra
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
"""
ALL = DumpOptions(EVERYTHING | {"decodedline"})


@cache
def sample() -> bytes:
    """An object with lines, units and frames."""
    return write_object(assemble_text(TEXT, "t.s", AssemblerOptions(debug_lines=True)))


def test_lines_of_an_object_of_ours() -> None:
    lines = list(dump(ElfFile.parse(sample(), "t.o"), ALL, pytest.fail))
    assert "Contents of the .debug_line section:" in lines
    assert "Raw dump of debug contents of section .debug_line:" in lines
    assert "  DW_CFA_def_cfa_offset: 16" in lines


def test_each_flip_of_bits_is_shown_or_refused() -> None:
    pick = random.Random(15)
    sections = [
        s
        for s in ElfFile.parse(sample(), "t.o").sections
        if (s.header.size and "debug" in s.name) or s.name == ".eh_frame"
    ]
    for number in range(300):
        data = bytearray(sample())
        for _ in range(pick.choice((1, 2, 5, 20))):
            section = pick.choice(sections).header
            data[section.offset + pick.randrange(section.size)] = pick.choice(
                (0, 1, 0x7F, 0x80, 0xFF, pick.randrange(256))
            )
        interpreted = DumpOptions(EVERYTHING | {"frames-interp"}, wide=True)
        try:
            lines = list(
                dump(ElfFile.parse(bytes(data), "t.o"), interpreted if number % 2 else ALL, lambda _: None)
            )
        except ElfError:
            continue
        assert len(lines) < 10_000


def test_numbers_stop_at_the_end() -> None:
    assert Cursor(b"\xe5\x8e\x26").uleb() == 624485
    assert Cursor(b"\x80\x7f").sleb() == -128
    for read in (Cursor(b"\x80").uleb, Cursor(b"").sleb, lambda: Cursor(b"abc").number(4)):
        with pytest.raises(Malformed):
            read()


def test_nested_expressions_are_limited() -> None:
    code = b""
    for _ in range(100):
        code = b"\xa3" + uleb128(len(code)) + code
    with pytest.raises(Malformed, match="nested"):
        expression(code, Shape(8, 4, 5))


def test_shapes_of_operations() -> None:
    text, needs_base = expression(b"\x91\x6c\x23\x08\x9f", Shape(8, 4, 5))
    assert (text, needs_base) == ("DW_OP_fbreg: -20; DW_OP_plus_uconst: 8; DW_OP_stack_value", True)


def test_choices() -> None:
    assert chosen_letters("iL") == {"info", "decodedline"} == chosen_words("info,decodedline")
    assert chosen_letters("") == chosen_words("") == EVERYTHING
    with pytest.raises(UsageError, match="which is not shown"):
        chosen_letters("g")
    with pytest.raises(UsageError, match="choose of"):
        chosen_words("inf")
