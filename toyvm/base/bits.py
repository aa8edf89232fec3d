"""Fixed-width integers on top of Python's unbounded ones.

A register is an int with 0 <= v < 2**64. These functions convert between unsigned and signed values
and the fields of instructions and relocations.
"""

from __future__ import annotations

M32 = (1 << 32) - 1
M64 = (1 << 64) - 1


def sext(value: int, width: int) -> int:
    """Sign-extend the low `width` bits of `value`."""
    sign = 1 << (width - 1)
    return ((value & ((1 << width) - 1)) ^ sign) - sign


def u64(value: int) -> int:
    """`value` modulo 2**64."""
    return value & M64


def fits_signed(value: int, width: int) -> bool:
    """Whether `value` fits in a signed field of `width` bits."""
    return -(1 << (width - 1)) <= value < 1 << (width - 1)


def fits_unsigned(value: int, width: int) -> bool:
    """Whether `value` fits in an unsigned field of `width` bits."""
    return 0 <= value < 1 << width


def align_up(value: int, alignment: int) -> int:
    """Round `value` up to a multiple of `alignment`, a power of two."""
    return (value + alignment - 1) & -alignment


def align_down(value: int, alignment: int) -> int:
    """Round `value` down to a multiple of `alignment`, a power of two."""
    return value & -alignment
