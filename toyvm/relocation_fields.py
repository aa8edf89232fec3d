"""Writes the values of relocations into their fields, with checks of range, alignment and bounds.

`relocations` describes the fields. A value is checked as a signed number. `apply` writes one
relocation, `apply_many` a column of one type.
"""

from __future__ import annotations

from collections.abc import Iterable

from .base.bits import M64, sext
from .base.errors import ToyvmError
from .base.light_types import TYPE_CHECKING, Any
from .relocations import ULEB128, Field, Reloc

if TYPE_CHECKING:
    import numpy.typing as npt


class RelocationError(ToyvmError):
    """A relocation that cannot be applied.

    `index` is its index in the arrays given to `apply_many`, or 0.
    """

    def __init__(self, message: str, index: int = 0):
        super().__init__(message)
        self.index = index


class RelocationOverflow(RelocationError):
    """A value outside the field's range `low`..`high`, or not a multiple of its `alignment`."""

    def __init__(self, reloc: Reloc, value: int, index: int = 0):
        self.reloc, self.value = reloc, value
        self.low, self.high, self.alignment = reloc.field.low, reloc.field.high, reloc.field.alignment
        if self.low <= self.high and not self.low <= value <= self.high:
            limit = f"out of range: {value} is not in [{self.low}, {self.high}]"
        else:
            limit = f"misaligned: {value} is not a multiple of {self.alignment}"
        super().__init__(f"relocation {reloc.name} {limit}", index)


def _check(reloc: Reloc, value: int) -> None:
    """Raise RelocationOverflow unless the signed number `value` fits the field of `reloc`."""
    field = reloc.field
    if value % field.alignment or (field.low <= field.high and not field.low <= value <= field.high):
        raise RelocationOverflow(reloc, value)


def apply(buf: bytearray | memoryview, offset: int, reloc: Reloc, value: int) -> None:
    """Write `value` (the formula's result, modulo 2**64) into the field of `reloc` at `offset`.

    "add" and "sub" change the number at the place. Raises RelocationOverflow if the value does not
    fit, and RelocationError if the field is outside `buf`.
    """
    field = reloc.field
    if field is ULEB128:
        _apply_uleb128(buf, offset, reloc, value)
        return
    if offset < 0 or offset + field.width > len(buf):
        raise RelocationError(
            f"relocation {reloc.name} at {offset:#x} is outside its section of {len(buf):#x} bytes"
        )
    if not reloc.operation:
        return
    value = sext(value, 64)
    _check(reloc, value)
    unit = int.from_bytes(buf[offset : offset + field.width], "little")
    if reloc.operation != "set":
        value = unit + value if reloc.operation == "add" else unit - value
    unit = unit & ~field.mask | scatter(field, value)
    buf[offset : offset + field.width] = unit.to_bytes(field.width, "little")


def scatter(field: Field, value: int) -> int:
    """The bits of `value` in the positions of the field; all other bits are 0."""
    unit = 0
    for high, low, at, bias in field.pieces:
        unit |= ((value + bias) >> low & ((1 << (high - low + 1)) - 1)) << at
    return unit


def gather(field: Field, unit: int) -> int:
    """The unsigned number in a unit's field: the inverse of `scatter`, except for bias and sign."""
    value = 0
    for high, low, at, _ in field.pieces:
        value |= (unit >> at & ((1 << (high - low + 1)) - 1)) << low
    return value


_ULEB128_LIMIT = 16  # bytes; 10 hold 64 bits


def uleb128_length(buf: bytearray | memoryview, offset: int, reloc: Reloc) -> int:
    """The length in bytes of the ULEB128 number at `offset`.

    Raises RelocationError if it does not end.
    """
    for end in range(offset, offset + _ULEB128_LIMIT):
        if not 0 <= end < len(buf):
            break
        if not buf[end] & 0x80:
            return end + 1 - offset
    raise RelocationError(f"relocation {reloc.name} at {offset:#x}: no ULEB128 number ends there")


def _apply_uleb128(buf: bytearray | memoryview, offset: int, reloc: Reloc, value: int) -> None:
    """Write a ULEB128 number of the same length: the assembler has reserved the bytes."""
    length = uleb128_length(buf, offset, reloc)
    old = sum((buf[offset + i] & 0x7F) << 7 * i for i in range(length))
    new = (value if reloc.operation == "set" else old - value) & min(M64, (1 << 7 * length) - 1)
    for i in range(length):
        buf[offset + i] = new >> 7 * i & 0x7F | (0x80 if i + 1 < length else 0)


def apply_many(
    buf: bytearray | memoryview, offsets: npt.NDArray[Any], reloc: Reloc, values: npt.NDArray[Any]
) -> None:
    """Apply many relocations of one type, at `offsets` (integers) with `values` (int64).

    If a value does not fit, nothing is written, and `index` of the error is the first such
    relocation. (ULEB128 numbers are written one by one.) "add" and "sub" may name the same place
    several times; other fields must not overlap.
    """
    import numpy as np

    field = reloc.field
    if field is ULEB128:
        _apply_each(buf, offsets.tolist(), reloc, values.tolist())
        return
    offsets = offsets.astype(np.int64, copy=False)
    values = values.astype(np.int64, copy=False)
    _check_many(len(buf), offsets, reloc, values)
    if not reloc.operation or not len(offsets):
        return
    if reloc.operation != "set":
        offsets, inverse = np.unique(offsets, return_inverse=True)
        sums = np.zeros(len(offsets), dtype=np.int64)
        np.add.at(sums, inverse.reshape(-1), values)
        values = sums
    raw = np.frombuffer(buf, dtype=np.uint8)
    dtype = np.dtype(f"<u{field.width}")
    where = offsets[:, None] + np.arange(field.width)
    units = raw[where].view(dtype).reshape(-1)
    if reloc.operation != "set":
        old = units.astype(np.int64)
        values = old + values if reloc.operation == "add" else old - values
    units = units & dtype.type(field.mask ^ ((1 << 8 * field.width) - 1))
    for high, low, at, bias in field.pieces:
        bits = ((values + bias) >> low) & np.int64(-1 if high - low == 63 else (1 << (high - low + 1)) - 1)
        units |= bits.astype(dtype) << dtype.type(at)
    raw[where] = units.reshape(-1, 1).view(np.uint8)


def _check_many(size: int, offsets: npt.NDArray[Any], reloc: Reloc, values: npt.NDArray[Any]) -> None:
    field = reloc.field
    outside = (offsets < 0) | (offsets > size - field.width)
    if outside.any():
        index = int(outside.argmax())
        raise RelocationError(
            f"relocation {reloc.name} at {int(offsets[index]):#x} is outside its section of {size:#x} bytes",
            index,
        )
    bad = values % field.alignment != 0
    if field.low <= field.high:
        bad |= (values < field.low) | (values > field.high)
    if bad.any():
        index = int(bad.argmax())
        raise RelocationOverflow(reloc, int(values[index]), index)


def _apply_each(
    buf: bytearray | memoryview, offsets: Iterable[int], reloc: Reloc, values: Iterable[int]
) -> None:
    for offset, value in zip(offsets, values, strict=True):
        apply(buf, offset, reloc, value)
