"""Reads numbers and strings of a section of debugging information, one after the other, within bounds."""

from __future__ import annotations

from toyvm.base.errors import ElfError


class Malformed(ElfError):
    """Debugging information that cannot be read on."""


class Cursor:
    """A place `at` in `data`, below `end`. Every reader advances, and raises Malformed at the end."""

    def __init__(self, data: bytes, at: int = 0, end: int | None = None):
        self.data = data
        self.at = at
        self.end = len(data) if end is None else min(end, len(data))

    def __bool__(self) -> bool:
        return self.at < self.end

    def number(self, size: int) -> int:
        """A number of `size` bytes."""
        at = self.at
        self.at = at + size
        if self.at > self.end:
            raise Malformed(f"the data ends at {self.end:#x}, inside a number of {size} bytes at {at:#x}")
        return int.from_bytes(self.data[at : self.at], "little")

    def signed(self, size: int) -> int:
        """A signed number of `size` bytes."""
        value = self.number(size)
        return value - (1 << 8 * size) if value >> 8 * size - 1 else value

    def uleb(self) -> int:
        """A ULEB128 number, modulo 2**64."""
        value, _ = self._leb()
        return value & 0xFFFF_FFFF_FFFF_FFFF

    def sleb(self) -> int:
        """A SLEB128 number, wrapped to 64 bits."""
        value, bits = self._leb()
        if bits < 64:
            return value - (1 << bits) if value >> bits - 1 else value
        value &= 0xFFFF_FFFF_FFFF_FFFF
        return value - (1 << 64) if value >> 63 else value

    def _leb(self) -> tuple[int, int]:
        """(value, bits)."""
        data, at, end = self.data, self.at, self.end
        value = bits = 0
        while at < end:
            byte = data[at]
            at += 1
            if bits < 128:
                value |= (byte & 0x7F) << bits
            bits += 7
            if byte < 0x80:
                self.at = at
                return value, bits
        raise Malformed(f"the data ends at {end:#x}, inside a LEB128 number")

    def text(self) -> str:
        """A string that ends with a zero byte, or at the end of the data."""
        found = self.data.find(b"\0", self.at, self.end)
        stop = self.end if found < 0 else found
        raw = self.data[self.at : stop]
        self.at = min(stop + 1, self.end)
        return raw.decode("utf-8", "surrogateescape")

    def block(self, size: int) -> bytes:
        """`size` bytes, or fewer at the end of the data."""
        at = self.at
        self.at = min(at + size, self.end)
        return self.data[at : self.at]

    def initial_length(self) -> tuple[int, int]:
        """(length of a unit, size of its offsets: 4, or 8 in 64-bit DWARF)."""
        length = self.number(4)
        return (length, 4) if length != 0xFFFF_FFFF else (self.number(8), 8)


def hexadecimal(value: int, digits: int = 0) -> str:
    """As C's %#x: zero has no prefix. `digits` is the least number of digits."""
    return f"0x{value:0{digits}x}" if value else "0" * max(digits, 1)


def padded(value: int, size: int) -> str:
    """All digits of a number of `size` bytes."""
    return f"{value & (1 << 8 * size) - 1:0{2 * size}x}"
