"""DWARF expressions of call frame information."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toyvm.observe.expressions import ExpressionError, evaluate

REGISTERS: list[int | None] = [0, None, 1000, *range(3, 32)]
MEMORY = {1008: 77}


def value(code: str, first: int | None = None) -> int:
    return evaluate(bytes.fromhex(code), REGISTERS, MEMORY.get, first)


@pytest.mark.parametrize(
    ("code", "first", "result"),
    [
        ("72 08", None, 1008),  # breg2 8
        ("72 78", None, 992),  # breg2 -8
        ("72 08 06", None, 77),  # deref
        ("23 90 01", 1, 145),  # plus_uconst 144
        ("35 33 1c", None, 2),  # lit5 lit3 minus
        ("33 35 1c", None, 2**64 - 2),
        ("09 ff", None, 2**64 - 1),  # const1s
        ("08 ff 0a 34 12 22", None, 0x1333),  # const1u const2u plus
        ("31 12 24", None, 2),  # lit1 dup shl
        ("35 33 16 14 13 1c", None, 2**64 - 2),  # swap over drop minus
        ("09 fe 31 26", None, 2**64 - 1),  # shra
        ("31 28 01 00 36 37", None, 7),  # bra over lit6
        ("11 7f 31 2d", None, 1),  # consts -1, lit1, lt
        ("35 20", None, 2**64 - 6),  # not
        ("35 1f 96", None, 2**64 - 5),  # neg nop
    ],
)
def test_operations(code: str, first: int | None, result: int) -> None:
    assert value(code, first) == result


@pytest.mark.parametrize(
    "code",
    ["", "22", "71 00", "06", "30 06", "08", "2f fd ff", "2f 00 80", "e0", "10 80", "12" * 10],
    ids=["empty", "no operands", "unknown register", "no address", "no memory", "cut", "loop", "out", "unknown", "leb", "dup"],
)  # fmt: skip
def test_what_cannot_be_evaluated(code: str) -> None:
    with pytest.raises(ExpressionError):
        value(code)


@given(st.binary(max_size=60), st.none() | st.integers(0, 2**64 - 1))
def test_any_bytes_end(code: bytes, first: int | None) -> None:
    try:
        assert 0 <= evaluate(code, REGISTERS, lambda va: va & 0xFF, first) < 2**64
    except ExpressionError:
        return
