"""Native code and the state around it: functions from object files in executable memory, the words that they share.

An object file from LLVM is loaded by hand: a region needs nothing but its own sections, so there is one kind of
relocation to carry out, and a warm start need not import llvmlite.
"""

from __future__ import annotations

import mmap
import struct

from toyvm.base.errors import ToyvmError
from toyvm.base.light_types import TYPE_CHECKING

from . import state_layout as layout

if TYPE_CHECKING:
    from array import array

CODE_BYTES = 64 << 20

_SHT_SYMTAB, _SHT_RELA, _SHT_NOBITS, _SHF_ALLOC = 2, 4, 8, 2
_R_X86_64_64, _R_X86_64_PC32, _R_X86_64_PLT32 = 1, 2, 4
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # named by Python from 3.12 on
ANONYMOUS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


class ObjectError(ToyvmError):
    """An object file holds something that the loader of regions does not know."""


def address_of(memory: mmap.mmap | memoryview | bytearray | array[int]) -> int:
    """Where these bytes are in the host's memory. They must stay there as long as the address is used."""
    import ctypes  # only a program with hot code pays for it

    view = ctypes.c_char.from_buffer(memory)
    return ctypes.addressof(view)


class CodeArena:
    """Executable memory, given out from its beginning and taken back whole."""

    def __init__(self, size: int = CODE_BYTES):
        self._map = mmap.mmap(
            -1, size, flags=ANONYMOUS | NO_RESERVE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        self.base = address_of(self._map)
        self.size = size
        self.used = 0

    def load(self, data: bytes) -> dict[str, int] | None:
        """The addresses of an object's functions once it is in the arena; None when it does not fit any more.

        Raises ObjectError for relocations that a region never has.
        """
        sections = _sections(data)
        places: dict[int, int] = {}
        at = self.used
        for number, (_, kind, flags, offset, size, _, align) in enumerate(sections):
            if flags & _SHF_ALLOC:
                at = -(-at // max(align, 16)) * max(align, 16)
                places[number] = at
                if at + size > self.size:
                    return None
                self._map[at : at + size] = (
                    bytes(size) if kind == _SHT_NOBITS else data[offset : offset + size]
                )
                at += size
        symbols = _symbols(data, sections, places, self.base)
        for _, kind, _, offset, size, info, _ in sections:
            if kind == _SHT_RELA and info in places:
                self._relocate(data, offset, size, places[info], symbols)
        self.used = at
        return {name: address for name, address in symbols if name}

    def _relocate(self, data: bytes, offset: int, size: int, at: int, symbols: list[tuple[str, int]]) -> None:
        for entry in range(offset, offset + size, 24):
            where, info, addend = struct.unpack_from("<QQq", data, entry)
            value = symbols[info >> 32][1] + addend
            kind = info & 0xFFFFFFFF
            if kind == _R_X86_64_64:
                struct.pack_into("<Q", self._map, at + where, value & (1 << 64) - 1)
            elif kind in (_R_X86_64_PC32, _R_X86_64_PLT32):
                struct.pack_into("<i", self._map, at + where, value - (self.base + at + where))
            else:
                raise ObjectError(f"native code with a relocation of type {kind}")

    def clear(self) -> None:
        """Take everything back."""
        self.used = 0


def _sections(data: bytes) -> list[tuple[int, int, int, int, int, int, int]]:
    """(name, type, flags, offset, size, info, alignment) of each section."""
    (table,) = struct.unpack_from("<Q", data, 0x28)
    entry_size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = []
    for number in range(count):
        name, kind, flags, _, offset, size, _, info, align, _ = struct.unpack_from(
            "<IIQQQQIIQQ", data, table + number * entry_size
        )
        sections.append((name, kind, flags, offset, size, info, align))
    return sections


def _symbols(
    data: bytes, sections: list[tuple[int, int, int, int, int, int, int]], places: dict[int, int], base: int
) -> list[tuple[str, int]]:
    """(name, address) of each symbol."""
    number = next(n for n, section in enumerate(sections) if section[1] == _SHT_SYMTAB)
    (table,) = struct.unpack_from("<Q", data, 0x28)
    (entry_size,) = struct.unpack_from("<H", data, 0x3A)
    (link,) = struct.unpack_from("<I", data, table + number * entry_size + 0x28)
    strings = sections[link][3]
    found = []
    for at in range(sections[number][3], sections[number][3] + sections[number][4], 24):
        name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", data, at)
        end = data.index(b"\0", strings + name)
        found.append((data[strings + name : end].decode(), base + places.get(section, 0) + value))
    return found


class NativeState:
    """The words of `llvm_layout`, as a view and at an address."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, 8 * layout.WORDS, flags=ANONYMOUS)
        self.address = address_of(self._map)
        self.words = memoryview(self._map).cast("Q")
