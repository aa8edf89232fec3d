"""Directives that GNU as 2.40 lacks, or whose output it writes otherwise on purpose; and bad operands of the rarer ones."""

from __future__ import annotations

import struct

import pytest

from toyvm.assembler.assemble import assemble_text, assemble_texts
from toyvm.base.errors import AssemblyError
from toyvm.elf.object_file import ObjectFile
from toyvm.relocations import R


def data(text: str, name: str = ".data") -> bytes:
    found = assemble_text(f".data\n{text}", "t.s").section(name)
    assert found is not None
    return bytes(found.data)


def relocs(made: ObjectFile, name: str) -> list[tuple[int, str, str, int]]:
    found = made.section(name)
    assert found is not None
    names = made.symbols.names
    return [(int(o), R(int(t)).name, names[int(s)], int(a)) for o, t, s, a in found.relocs.tolist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".bfloat16 1.5, -2, 1.0078125, 1.00390625, 1.01171875", "c03f00c0813f803f823f"),
        (".float 16777217, 16777219", struct.pack("<2f", 16777216, 16777220).hex()),  # ties to even
        (".float 0x1.8p1, -0x1p-149", struct.pack("<2f", 3.0, -(2.0**-149)).hex()),
        (".dc.x 1e-4950", "03000000000000000000"),
        (".double 1e-400", "0000000000000000"),
        (".rept 3\n.byte \\+\n.endr", "000102"),
        (".irp x, 7, 8\n.byte \\x, \\+\n.endr", "07000801"),
        (".macro m\n.byte \\+, \\@\n.endm\n.macro k\n.byte \\+, \\@\n.endm\nm\nk\nm", "000000010102"),
        (".altmacro\n.macro m a\n.ascii a\n.endm\nm 'x!\"y'", "782279"),
        (".altmacro\n.macro m a, b:vararg\n.byte a\n.ifnb \\b\n.byte b\n.endif\n.endm\nm 1\nm 2, 3, 4", "01020304"),
        (".ds.w 2\n.dcb.l 1, -1", "00000000ffffffff"),
        (".irep x, 1, 2\n.byte \\x\n.endr\n.irepc x, 34\n.byte \\x\n.endr", "01020304"),
        (".if 0\n.byte 1\n.elsec\n.byte 2\n.endc", "02"),
    ],
)  # fmt: skip
def test_data(text: str, expected: str) -> None:
    assert data(text).hex() == expected


def test_nops_fill_a_size() -> None:
    assert data(".text\n.nops 6\n.nop", ".text").hex() == "0100" + "13000000" + "0100"


def test_weak_reference_used_before_it_is_one() -> None:
    made = assemble_text("call a\n.weakref b, c\n.weakref a, b\ncall a", "t.s")
    calls = [name for _, kind, name, _ in relocs(made, ".text") if kind == "CALL_PLT"]
    assert calls == ["c", "c"]
    assert made.symbols.names.count("a") == 0


def test_reloc_keeps_a_local_label() -> None:
    made = assemble_text("nop\n.reloc ., R_RISCV_PCREL_LO12_I, .L1\nnop\n.L1: nop", "t.s")
    assert relocs(made, ".text") == [(2, "PCREL_LO12_I", ".L1", 0)]


def test_raw_branches_of_other_opcodes_keep_their_size() -> None:
    made = assemble_text(".insn b CUSTOM_0, 1, a0, a1, far", "t.s")
    assert relocs(made, ".text") == [(0, "BRANCH", "far", 0)]


def test_stabs_are_dropped_with_one_warning() -> None:
    made = assemble_texts([('.stabs "x",1,0,0,f\n.stabn 1,0,0,4\nf:', "t.s")], "t.s")
    assert len(made.warnings) == 1 and "stabs" in made.warnings[0]
    assert not [part.name for part in made.object.sections if "stab" in part.name]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (".struct 4\n.word 3", "t.s:2:1: error: attempt to store a value in the absolute section"),
        (".struct 4\n.word x", "t.s:2:1: error: attempt to store a value in the absolute section"),
        (".struct 4\nnop", "an instruction cannot be put into the absolute section"),
        (".struct 4\n.skip b-a\n.text\na: call f\nb:", "in the absolute section this must be known here"),
        (".struct 1<<60", "is not in -"),
        (".struct x", "must be a number that is known here"),
        (".struct 0\n.cfi_startproc", "has no call frames"),
        ('.file 1 "a"\n.struct 0\n.loc 1 1', "has no lines"),
        (".struct 0\n.subsection 1", "has no subsections"),
        (".struct 0\n.attach_to_group g", "cannot be in a group"),
        (".struct 0\n.reloc ., R_RISCV_32", "a relocation cannot be put into the absolute section"),
        (".reloc 100, R_RISCV_32, f", "t.s:1:1: error: the place of this .reloc is not within section .text"),
        (".reloc x, R_RISCV_32, f", "must be a label of this file"),
        (".reloc ., R_RISCV_33", "unknown relocation type 'R_RISCV_33'"),
        ("nop\nnop\n.reloc 0, R_RISCV_32, a*b", "operator '*' needs numbers"),
        (".weakref a, a", "'a' is a weak reference to itself"),
        (".weakref a, b\n.weakref b, a", "'b' is a weak reference to itself"),
        ("a: nop\n.weakref a, b", "symbol 'a' is already defined"),
        (".eqv x, x+1\n.dword x", "symbol 'x' is defined in terms of itself"),
        (".eqv x, 1\n.set x, 2", "symbol 'x' is already defined"),
        (".float 1e39", "'1e39' is too large"),
        (".float 1e999999999999", "'1e999999999999' is too large"),
        (".float foo", "'foo' is not a floating-point number"),
        (".float 0x:123456789", "9 digits do not fit 4 bytes"),
        (".dcb.w -1, 2", "count -1 is negative"),
        (".insn 10, 0x13", "0x13 has 4 bytes by its lowest bits"),
        (".insn 0x707f", "has no length"),
        (".insn ,, 1", "unknown format of .insn"),
        (".insn 0x10000000000000013", "does not fit 4 bytes"),
        (".insn r C0, 0, 0, a0, a1, a2", "the lowest bits of the opcode of 4 bytes are 0b11"),
        (".insn cl C0, 2, a0, 32(a1)", "32 is not in 0..31"),
        (".insn ciw C0, 8, a0, 1", "funct3 8 is not in 0..7"),
        (".insn ca C1, 0, a0, a1", ".insn ca takes 5 operands, not 4"),
        (".loc_mark_labels 2", "expected 0 or 1"),
        (".macro m\n.endm\n.macro m\n.endm", "macro 'm' is already defined"),
        (".altmacro\n.macro m a\n.endm\nm <a", "'<' without '>'"),
        ('.altmacro\n.macro m a\n.endm\nm "a', "a string without its end"),
        (".altmacro\n.macro m a\n.endm\nm %x", "the expression after % must be a number"),
        (".altmacro\n.macro m a\n.endm\nm 1, 2", "too many arguments for macro 'm'"),
        (".abort\n.byte 1", "t.s:1:1: error: .abort"),
        (".fail 5", ".fail 5 encountered"),
        (".psize 5, 6", "new paper width is too small"),
        (".nops 3", "3 bytes cannot be filled with nops"),
        (".nop x", "the size must be a number"),
    ],
)
def test_errors(text: str, words: str) -> None:
    with pytest.raises(AssemblyError) as raised:
        assemble_text(text, "t.s")
    assert words in str(raised.value)
