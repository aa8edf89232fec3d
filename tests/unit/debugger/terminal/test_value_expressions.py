"""Expressions against Python's arithmetic, and what is wrong with the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toyvm.base.bits import sext
from toyvm.debugger.terminal.formats import formatted, read_format
from toyvm.debugger.terminal.value_expressions import ExpressionFault, evaluate


class Surroundings:
    """A register, a symbol, and memory in which each byte is the low byte of its address."""

    def register(self, name: str) -> int:
        if name != "a0":
            raise ExpressionFault(f"No register is called ${name}.")
        return 5

    def address(self, name: str) -> int:
        return {"table": 0x1000, "main": 0x2000}[name]

    def value(self, name: str) -> int:
        return self.memory(self.address(name), 4)

    def memory(self, address: int, size: int) -> int:
        return int.from_bytes(bytes((address + i) & 0xFF for i in range(size)), "little", signed=True)


HERE = Surroundings()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("1 << 4 | 0x0f & 0b110", 0x16),
        ("~0", -1),
        ("!3 || 2 && 0", 0),
        ("$a0 == 5 && $a0 != 4", 1),
        ("0xffffffffffffffff", -1),
        ("1 << 63", -(1 << 63)),
        ("&table + 8", 0x1008),
        ("{1}&table + 3", 3),
        ("*0x2001", 0x0807060504030201),
        ("table", 0x03020100),
        ("'A' + '\\n'", 75),
        ("- - 3", 3),
    ],
)
def test_values(text: str, value: int) -> None:
    assert evaluate(text, HERE) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 +", "at its end"),
        ("1 + / 2", "at column 5"),
        ("", "syntax error"),
        ("1 / 0", "Division by zero"),
        ("{3}0", "a size is"),
        ("$zz", "No register"),
        ("(" * 300, "too long"),
        ("a b", "at column 3"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(ExpressionFault, match=message):
        evaluate(text, HERE)


@given(st.text(alphabet="01a$&*{}()+-<>=!|^~' \\x", max_size=40))
def test_any_text_has_a_value_or_a_fault(text: str) -> None:
    try:
        value = evaluate(text, HERE)
    except (ExpressionFault, KeyError):  # KeyError: a symbol that HERE lacks
        return
    assert value == sext(value & (1 << 64) - 1, 64)


@pytest.mark.parametrize(
    ("value", "form", "size", "text"),
    [
        (-1, "", 8, "-1"),
        (-1, "x", 4, "0xffffffff"),
        (5, "z", 2, "0x0005"),
        (65, "c", 1, "65 'A'"),
        (10, "c", 1, "10 '\\012'"),
        (0x3FF8000000000000, "f", 8, "1.5"),
        (0x3FC00000, "f", 4, "1.5"),
        (5, "t", 8, "101"),
        (8, "o", 8, "010"),
        (-1, "u", 1, "255"),
    ],
)
def test_formats(value: int, form: str, size: int, text: str) -> None:
    assert formatted(value, form, size) == text


def test_the_slash_of_print_and_x() -> None:
    assert read_format("12xg") == (12, "x", 8)
    assert read_format("i") == (1, "i", 0)
    with pytest.raises(ValueError, match="q"):
        read_format("3q")
