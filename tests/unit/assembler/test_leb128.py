"""`.uleb128` and `.sleb128` of distances: in data, over code that may shrink, and with labels further down."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.small_links import START, elf_of, link_all
from toyvm.assembler import assemble_text
from toyvm.base.errors import AssemblyError
from toyvm.elf.leb128 import read_uleb128, sleb128, uleb128
from toyvm.relocations import R


def section(text: str, name: str = ".data") -> tuple[bytes, list[tuple[int, int, str, int]]]:
    made = assemble_text(text, "a.s")
    found = next(section for section in made.sections if section.name == name)
    rows = [
        (int(o), int(t), made.symbols.names[s], int(a))
        for o, t, s, a in found.relocs[["r_offset", "r_type", "r_sym", "r_addend"]]
    ]
    return found.data, rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".uleb128 b-a\na: .byte 3, 1\nb:\n", "020301"),
        (".uleb128 b-a + 300\na: .byte 3, 1\nb:\n", "ae020301"),
        (".sleb128 a-b\na: .byte 3, 1\nb:\n", "7e0301"),
        (".sleb128 b-a\na: .zero 64\nb:\n", "c000" + "00" * 64),
        (".uleb128 a-b\na: .byte 1\nb:\n", "ff" * 9 + "01" + "01"),
        (".uleb128 b-a, 1, c-b\na: .byte 3, 1\nb: .byte 4\nc:\n", "020101030104"),
        ("a: .byte 5\nb: .uleb128 b-a\n", "0501"),
        ("a: .uleb128 b-a\nb:\n", "01"),
        ("a: .uleb128 b-a\n.zero 126\nb:\n", "7f" + "00" * 126),
        ("a: .uleb128 b-a\n.zero 127\nb:\n", "8101" + "00" * 127),
        (".set d, b-a\n.uleb128 d\na: .byte 1\nb:\n", "0101"),
        (".uleb128 (b-a)*2 + 1\na: .byte 1\nb:\n", "0301"),
        ("a: .uleb128 b-a\n.balign 4\nb:\n", "04000000"),
    ],
)  # fmt: skip
def test_distances_in_data_are_numbers(text: str, expected: str) -> None:
    assert section(".data\n" + text) == (bytes.fromhex(expected), [])


@pytest.mark.parametrize("before", [True, False], ids=["labels before", "labels after"])
@pytest.mark.parametrize("place", [".text", ".data", '.section .gcc_except_table,"a"'])
def test_distances_in_code_may_shrink(place: str, before: bool) -> None:
    code = ".text\na: call f\nnop\nb: nop\nc:\n"
    numbers = f"{place}\nn: .uleb128 b-a + 1, c-b\n"
    data, rows = section(code + numbers if before else numbers + code, place.split(",")[0].split()[-1])
    at = 12 if place == ".text" and before else 0
    assert data[at : at + 2] == bytes((11, 2))
    assert [row for row in rows if row[1] in (R.SET_ULEB128, R.SUB_ULEB128)] == [
        (at, R.SET_ULEB128, "b", 1),
        (at, R.SUB_ULEB128, "a", 0),
    ]


def test_the_linker_writes_the_distance_that_is_left() -> None:
    """Of the nops for an alignment some go; a number as in an exception table counts the rest, in the same length."""
    text = (
        START
        + 'a: c.nop\n.p2align 4\nb: .section .gcc_except_table,"a"\n.uleb128 b-a, b-a+0x200\n.byte b-a\n'
    )
    result = link_all(text)
    elf = elf_of(result)
    table = elf.section(".gcc_except_table")
    assert table is not None
    first, at = read_uleb128(elf.contents(table), 0)
    second, at = read_uleb128(elf.contents(table), at)
    assert first == elf.contents(table)[at] == second - 0x200
    assert first < 2 + 14


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".text\na: call f\nb: .sleb128 b-a\n", "a.s:3:1: error: this distance may shrink"),
        (".text\na: call f\nb: .uleb128 (b-a)*2\n", "a.s:3:1: error: this distance may shrink"),
        (".data\n.uleb128 nowhere\n", "a.s:2:10: error: 'nowhere' must be defined in this file"),
        (".data\na: .uleb128 a\n", "a.s:2:1: error: a LEB128 number cannot be an address"),
        (".data\na: .text\nb: .uleb128 b-a\n", "a.s:3:1: error: this expression is neither a number nor"),
        (".bss\n.uleb128 b-a\na: .zero 1\nb:\n", "without contents"),
    ],
)  # fmt: skip
def test_refused(text: str, message: str) -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble_text(text, "a.s")
    assert message in str(caught.value)


@given(value=st.integers(-(1 << 63), (1 << 64) - 1), size=st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_padded_numbers_keep_their_value(value: int, size: int) -> None:
    assert len(sleb128(value, size)) >= size
    assert sleb128(value, size)[-1] < 0x80
    if value >= 0:
        data = uleb128(value, size)
        assert read_uleb128(data, 0) == (value, len(data))
        assert len(data) == max(size, len(uleb128(value)))
    low = sum((byte & 0x7F) << 7 * at for at, byte in enumerate(sleb128(value, size)))
    bits = 7 * len(sleb128(value, size))
    assert (low ^ 1 << bits - 1) - (1 << bits - 1) == value
