"""LEB128, the variable-length integers of DWARF and of .riscv.attributes (DWARF 5, 7.6)."""

from __future__ import annotations


def uleb128(value: int, size: int = 1) -> bytes:
    """`value` (not negative) as ULEB128, in as few bytes as it takes, but at least `size`."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        more = value or len(out) + 1 < size
        out.append(low | (0x80 if more else 0))
        if not more:
            return bytes(out)


def sleb128(value: int, size: int = 1) -> bytes:
    """`value` as SLEB128, in as few bytes as it takes, but at least `size`."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        done = value == -(low >> 6) and len(out) + 1 >= size
        out.append(low | (0 if done else 0x80))
        if done:
            return bytes(out)


def read_uleb128(data: bytes, offset: int) -> tuple[int, int]:
    """(the ULEB128 number at `offset`, the offset behind it). ValueError when it does not end in `data`."""
    value = shift = 0
    while offset < len(data) and shift < 128:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, offset
    raise ValueError("a ULEB128 number without end")
