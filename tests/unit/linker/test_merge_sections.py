"""Equal strings and constants are kept once, and references find them."""

from __future__ import annotations

import pytest

from tests.support.small_links import START, at, elf_of, link_all

STRINGS = """
        .section .rodata.str1.1,"aMS",@progbits,1
.LC0:   .string "{0}"
        .globl {1}
{1}:    .string "shared"
        .data
        .globl p{1}
p{1}:   .dword .LC0, {1}, .LC0 + 2
"""


def test_strings_of_two_objects() -> None:
    result = link_all(START, STRINGS.format("shared", "x"), STRINGS.format("other", "y"))
    assert result.sizes[".rodata"] == len("shared\0other\0")
    px, py = result.symbols["px"], result.symbols["py"]
    assert (
        at(result, px)
        == at(result, px + 8)
        == at(result, py + 8)
        == result.symbols["x"]
        == result.symbols["y"]
    )
    assert elf_of(result).at_address(at(result, py), 6) == b"other\0"
    assert at(result, px + 16) == at(result, px) + 2  # into the middle of a string


def test_constants() -> None:
    text = '.section .rodata.cst8,"aM",@progbits,8\n.globl {0}\n{0}: .dword {1}\n.dword 7\n'
    result = link_all(START, text.format("x", 5), text.format("y", 7))
    assert result.sizes[".rodata"] == 16
    assert (at(result, "x"), at(result, "y")) == (5, 7)


def test_alignment_of_strings_is_kept() -> None:
    text = '.section .rodata.str1.8,"aMS",@progbits,1\n.p2align 3\n.string "a"\n.p2align 3\n.globl second\nsecond: .string "bb"\n'
    assert link_all(START, text).symbols["second"] % 8 == 0


def test_without_terminator_left_alone() -> None:
    text = '.section .rodata.str1.1,"aMS",@progbits,1\n.globl x\nx: .ascii "no end"\n'
    result = link_all(START, text, text.replace("x", "y"))
    assert result.sizes[".rodata"] == 12


def test_a_tail_shares_the_bytes_of_the_whole() -> None:
    text = '.section .rodata.str1.1,"aMS",@progbits,1\n.globl {0}\n{0}: .string "{1}"\n'
    result = link_all(START, text.format("a", "tail"), text.format("b", "a tail"), text.format("c", "il"))
    assert result.sizes[".rodata"] == len("a tail") + 1
    base = result.symbols["b"]
    assert (result.symbols["a"], result.symbols["c"]) == (base + 2, base + 4)


@pytest.mark.parametrize("flags", ["aM", "aMS"])
def test_a_section_without_contents_is_not_merged(flags: str) -> None:
    room = f'.section .room,"{flags}",@nobits,1\n.skip 64\n'
    result = link_all(f"{START} la a0, r\n{room}r:", room)
    assert result.sizes[".room"] == 128
