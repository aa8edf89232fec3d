"""Fixed-width integers on top of Python's endless ones.

A register holds an unsigned Python int of 0 <= v < 2**64; these helpers move between that, its signed
reading, and the fields of instructions and relocations.
"""

from __future__ import annotations

M32 = (1 << 32) - 1
M64 = (1 << 64) - 1


def sext(value: int, width: int) -> int:
    """The signed reading of the low `width` bits of `value`."""
    sign = 1 << (width - 1)
    return ((value & ((1 << width) - 1)) ^ sign) - sign


def u64(value: int) -> int:
    """`value` modulo 2**64."""
    return value & M64


def fits_signed(value: int, width: int) -> bool:
    """Whether the signed number `value` can be held in `width` bits."""
    return -(1 << (width - 1)) <= value < 1 << (width - 1)


def fits_unsigned(value: int, width: int) -> bool:
    """Whether `value` can be held in `width` bits without a sign."""
    return 0 <= value < 1 << width


def align_up(value: int, alignment: int) -> int:
    """The smallest multiple of `alignment` (a power of two) that is not below `value`."""
    return (value + alignment - 1) & -alignment


def align_down(value: int, alignment: int) -> int:
    """The largest multiple of `alignment` (a power of two) that is not above `value`."""
    return value & -alignment
