"""The functions that generated Python calls for what one Python expression does not say."""

from __future__ import annotations


def quotient(a: int, b: int) -> int:
    """Division that rounds towards zero, as the hardware does and Python's `//` does not."""
    return abs(a) // abs(b) if (a < 0) == (b < 0) else -(abs(a) // abs(b))


def rest(a: int, b: int) -> int:
    """The remainder of `quotient`: it has the sign of the dividend."""
    return abs(a) % abs(b) if a >= 0 else -(abs(a) % abs(b))


HELPERS: dict[str, object] = {"quotient": quotient, "rest": rest}
