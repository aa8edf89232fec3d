"""The functions that generated Python calls for what one Python expression does not say."""

from __future__ import annotations


def quotient(a: int, b: int) -> int:
    """Division that rounds towards zero, as the hardware does and Python's `//` does not."""
    return abs(a) // abs(b) if (a < 0) == (b < 0) else -(abs(a) // abs(b))


def rest(a: int, b: int) -> int:
    """The remainder of `quotient`: it has the sign of the dividend."""
    return abs(a) % abs(b) if a >= 0 else -(abs(a) % abs(b))


def trailing(value: int, width: int) -> int:
    """The number of zero bits below the lowest that is set; `width` for 0."""
    return (value & -value).bit_length() - 1 if value else width


HELPERS: dict[str, object] = {"quotient": quotient, "rest": rest, "trailing": trailing}
