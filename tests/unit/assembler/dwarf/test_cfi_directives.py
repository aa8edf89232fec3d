"""Call frame directives: register numbers, encodings by hand, and directives that make no sense."""

from __future__ import annotations

import pytest

from tests.support.cfi_script import run
from toyvm.assembler.dwarf.call_frames import DEF_CFA, DEF_CFA_OFFSET, OFFSET, RESTORE, encode_instruction
from toyvm.assembler.dwarf.cfi_directives import CallFrameTable, CfiError, dwarf_register
from toyvm.elf.leb128 import read_uleb128, sleb128, uleb128
from toyvm.relocations import R


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("zero", 0),
        ("ra", 1),
        ("sp", 2),
        ("s0", 8),
        ("fp", 8),
        ("x31", 31),
        ("ft0", 32),
        ("fs0", 40),
        ("f31", 63),
    ],
)
def test_register_numbers(name: str, number: int) -> None:
    assert dwarf_register(name) == number


def test_csrs_follow_at_4096_and_other_words_are_none() -> None:
    assert dwarf_register("fflags") == 4097
    assert dwarf_register("nope") is None


@pytest.mark.parametrize(
    ("operation", "operands", "data"),
    [
        (OFFSET, (1, -8), "8102"),
        (OFFSET, (1, 8), "11017e"),
        (OFFSET, (70, -8), "054602"),
        (DEF_CFA, (8, 0), "0c0800"),
        (DEF_CFA, (2, -8), "120202"),
        (DEF_CFA_OFFSET, (1000,), "0ee807"),
        (DEF_CFA_OFFSET, (-16,), "1304"),
        (RESTORE, (1,), "c1"),
        (RESTORE, (70,), "0646"),
    ],
)
def test_instructions(operation: int, operands: tuple[int, ...], data: str) -> None:
    assert encode_instruction(operation, operands).hex() == data


@pytest.mark.parametrize(
    ("value", "data"), [(0, "00"), (63, "3f"), (64, "c000"), (-1, "7f"), (-64, "40"), (-65, "bf7f")]
)
def test_sleb128(value: int, data: str) -> None:
    assert sleb128(value).hex() == data


@pytest.mark.parametrize("value", [0, 127, 128, 300, 1 << 63])
def test_uleb128_comes_back(value: int) -> None:
    data = uleb128(value)
    assert read_uleb128(b"x" + data + b"y", 1) == (value, 1 + len(data))


def test_a_frame_by_hand() -> None:
    table, places = run(
        ".cfi_startproc\nnop\n.cfi_def_cfa_offset 16\ncall f\n.cfi_offset ra, -8\n.cfi_endproc\n"
    )
    (section,) = table.finish(lambda handle: places[handle])
    cie = "1000000000000000037a5200017c01011b0d0200"
    fde = "1800000018000000000000000000000000440e104881020000000000"
    assert section.data.hex() == cie + fde
    assert len(section.data) % 8 == 0 and section.name == ".eh_frame" and section.alloc
    kinds = [(fixup.offset, fixup.type) for fixup in section.fixups]
    advance = section.data.index(b"\x48")
    assert kinds == [(28, R.PCREL32), (32, R.ADD32), (32, R.SUB32), (advance, R.SET6), (advance, R.SUB6)]


def test_nothing_without_a_frame() -> None:
    table, places = run("nop\n")
    assert table.finish(lambda handle: places[handle]) == [] and not table


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (".cfi_def_cfa_offset 16", "without corresponding .cfi_startproc"),
        (".cfi_endproc", "without corresponding .cfi_startproc"),
        (".cfi_startproc\n.cfi_startproc", "not closed"),
        (".cfi_startproc\n.cfi_offset ra", "takes 2 arguments, not 1"),
        (".cfi_startproc\n.cfi_escape", "needs an argument"),
        (".cfi_startproc\n.cfi_restore_state", "without previous remember"),
        (".cfi_startproc\n.cfi_personality 0x55, f", "unsupported encoding 0x55"),
        (".cfi_startproc\n.cfi_personality 0x10, f", "no 64-bit pc-relative"),
        (".cfi_startproc\n.cfi_lsda 0x1b", "requires an encoding and a symbol"),
        (".cfi_sections .text", "unsupported .cfi_sections"),
    ],
)
def test_directives_out_of_place(text: str, words: str) -> None:
    with pytest.raises(CfiError, match=words):
        run(text)


def test_an_open_frame_is_known() -> None:
    table: CallFrameTable[int] = CallFrameTable()
    table.startproc(lambda: 1)
    assert table.is_open
    table.endproc(lambda: 2)
    assert not table.is_open and table
