"""Values of expressions: numbers, section-relative and absolute ones (GNU ld's meaning, checked by oracle tests, too)."""

from __future__ import annotations

import pytest

from tests.support.scripted import script_errors, script_link
from tests.support.small_links import elf_of

LAYOUT = (
    "SECTIONS {{ . = 0x1000; .text : {{ *(.text*) {inside} }} .data 0x2000 : {{ *(.data*) }} {outside} }}"
)


def value(result_of: str, where: str = "outside") -> tuple[int, str]:
    """The value of an expression, and the section that the symbol is in."""
    text = LAYOUT.format(**{"inside": "", "outside": "", where: f"x = {result_of};"})
    elf = elf_of(script_link(text))
    table = elf.symbols()
    assert table is not None
    row = table.array[table.names.index("x")]
    shndx = int(row["st_shndx"])
    return int(row["st_value"]), elf.sections[shndx].name if shndx < 0xFF00 else "ABS"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("1 << 40", 1 << 40),
        ("0xff >> 4", 15),
        ("~0", -1),
        ("!5", 0),
        ("-1 > 1", 1),
        ("5 > 3 && 2 < 1", 0),
        ("5 || 0", 1),
        ("6 & 3 | 8", 10),
        ("6 ^ 3", 5),
        ("0 ? 2 : 3", 3),
        ("010", 8),
        ("10h", 16),
        ("$1f", 31),
        ("101b", 5),
        ("2K", 2048),
        ("0x10M", 16 << 20),
        ("MAX(3, 4)", 4),
        ("MIN(-1, 4)", 4),
        ("LOG2CEIL(5)", 3),
        ("LOG2CEIL(1)", 0),
        ("ALIGN(0x123, 0x10)", 0x130),
        ("ALIGN(7, 3)", 9),
        ("CONSTANT(MAXPAGESIZE)", 0x1000),
        ("SIZEOF(.data)", 0x24),
        ("ALIGNOF(.data)", 32),
        ("LOADADDR(.data)", 0x2000),
        ("DEFINED(one) + DEFINED(nothing)", 1),
        ("ADDR(.data) - ADDR(.text)", 0x1000),
        ("ABSOLUTE(one)", 0x1006),
        ('ASSERT(1, "no") + 2', 3),
    ],
)
def test_outside_of_sections(expression: str, expected: int) -> None:
    assert value(expression) == (expected & (1 << 64) - 1, "ABS")


@pytest.mark.parametrize(
    ("expression", "expected", "section"),
    [
        ("one", 0x1006, ".text"),
        ("one + 1", 0x1007, "ABS"),  # a number outside of sections is absolute
        (".", 0x2024, ".data"),
        ("ALIGN(0x100)", 0x2100, ".data"),
        ('SEGMENT_START("other", 0x77)', 0x77, ".data"),
    ],
)
def test_kept_sections_outside(expression: str, expected: int, section: str) -> None:
    assert value(expression) == (expected, section)


@pytest.mark.parametrize(
    ("expression", "expected", "section"),
    [
        ("3", 0x1003, ".text"),  # a number counts from the start of the section
        (".", 0x100A, ".text"),
        (". + 4", 0x100E, ".text"),
        ("ABSOLUTE(.)", 0x100A, "ABS"),
        ("one - _start", 0x1006, ".text"),  # the difference is a number
        ("ABSOLUTE(0x5)", 5, "ABS"),
        ("NEXT(16)", 0x1010, "ABS"),
        ("value", 0x2000, ".data"),
    ],
)
def test_inside_of_a_section(expression: str, expected: int, section: str) -> None:
    assert value(expression, "inside") == (expected, section)


def test_location_counter_is_relative_inside() -> None:
    result = script_link("SECTIONS { .text 0x1000 : { *(.text*) . = 0x40; end = .; } }")
    assert result.symbols["end"] == 0x1040


def test_forward_references() -> None:
    result = script_link(
        "SECTIONS { .text 0x1000 : { *(.text*) } . = later; .data : { *(.data*) } later = 0x3000; gap = SIZEOF(.end); "
        ".end : { LONG(1) } }"
    )
    assert result.symbols["value"] == 0x3000
    assert result.symbols["gap"] == 4


def test_assignment_operators() -> None:
    result = script_link(
        "a = 1; a += 5; a -= 2; a *= 6; a /= 4; a <<= 3; a >>= 1; a |= 1; a &= 0xfd; a ^= 2; "
        + LAYOUT.format(inside="", outside="")
    )
    assert result.symbols["a"] == (((4 * 6 // 4) << 3 >> 1 | 1) & 0xFD) ^ 2


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("x = nothing;", "undefined symbol `nothing' referenced in expression"),
        ("x = 1 / 0;", "test.ld:1:84: error: / by zero"),
        ("x = 1 % (2 - 2);", "% by zero"),
        ("x = ADDR(.nothing);", "undefined section `.nothing' referenced in expression"),
        ("x = ORIGIN(R);", "undefined MEMORY region `R' referenced in expression"),
        ("x = CONSTANT(SIZE);", "unknown constant `SIZE' referenced in expression"),
        ('ASSERT(SIZEOF(.text) > 0x1000, "too small")', "error: too small"),
        ("y = y + 1;", "undefined symbol `y'"),
    ],
)
def test_errors(statement: str, message: str) -> None:
    assert message in script_errors(LAYOUT.format(inside="", outside=statement))


def test_counter_cannot_move_backwards_inside() -> None:
    assert (
        "cannot move location counter backwards (from 000000000000100a to 0000000000001004)"
        in script_errors(LAYOUT.format(inside=". = 4;", outside=""))
    )


def test_sane_expressions() -> None:
    """LD_FEATURE("SANE_EXPR"): numbers are numbers everywhere."""
    text = 'LD_FEATURE("SANE_EXPR") ' + LAYOUT.format(inside="", outside="x = one + 1;")
    elf = elf_of(script_link(text))
    table = elf.symbols()
    assert table is not None
    row = table.array[table.names.index("x")]
    assert (int(row["st_value"]), elf.sections[int(row["st_shndx"])].name) == (0x1007, ".text")
