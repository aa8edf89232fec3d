"""Native code and the state around it: functions from object files in executable memory, the words that they share.

An object file from LLVM is loaded here and not by LLVM: a region needs nothing but its own sections, with three types of
relocations, and a warm start does not import llvmlite.
"""

from __future__ import annotations

import mmap
import struct

from toyvm.base.bits import M64
from toyvm.base.errors import ElfError
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.elf.constants import R_SYM_SHIFT, R_TYPE_MASK, SHF_ALLOC, SHT_RELA, SHT_SYMTAB, SYM_SIZE
from toyvm.elf.headers import Shdr, read_shdrs, string_at
from toyvm.elf.symbol import relocation_fields, symbol_at

from . import state_layout as layout

if TYPE_CHECKING:
    from array import array

CODE_BYTES = 64 << 20

_NAME = "native code"  # in the message of an error
_R_X86_64_64, _R_X86_64_PC32, _R_X86_64_PLT32 = 1, 2, 4
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # named by Python from 3.12 on
ANONYMOUS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


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

        Raises ElfError for a relocation of a type that no region has.
        """
        sections = read_shdrs(data, _NAME)
        places: dict[int, int] = {}  # where each section goes, from the arena's beginning
        at = self.used
        for number, section in enumerate(sections):
            if section.flags & SHF_ALLOC:
                alignment = max(section.addralign, 16)
                at = -(-at // alignment) * alignment
                places[number] = at
                if at + section.size > self.size:
                    return None
                contents = data[section.offset : section.offset + section.file_size]
                self._map[at : at + section.size] = contents or bytes(section.size)
                at += section.size
        symbols = self._symbols(data, sections, places)
        for section in sections:
            if section.type == SHT_RELA and section.info in places:
                table = data[section.offset : section.offset + section.size]
                self._relocate(table, places[section.info], symbols)
        self.used = at
        return {name: address for name, address in symbols if name}

    def _symbols(self, data: bytes, sections: list[Shdr], places: dict[int, int]) -> list[tuple[str, int]]:
        """(name, address) of each symbol, in the order of the table."""
        table = next(section for section in sections if section.type == SHT_SYMTAB)
        linked = sections[table.link]
        strings = data[linked.offset : linked.offset + linked.size]
        records = data[table.offset : table.offset + table.size]
        found = []
        for number in range(table.size // SYM_SIZE):
            symbol = symbol_at(records, number)
            address = self.base + places.get(symbol.shndx, 0) + symbol.value
            found.append((string_at(strings, symbol.name, _NAME), address))
        return found

    def _relocate(self, table: bytes, at: int, symbols: list[tuple[str, int]]) -> None:
        """Carry out the relocations of a section that is `at` bytes from the arena's beginning."""
        for where, info, addend in relocation_fields(table):
            value = symbols[info >> R_SYM_SHIFT][1] + addend
            kind = info & R_TYPE_MASK
            if kind == _R_X86_64_64:
                struct.pack_into("<Q", self._map, at + where, value & M64)
            elif kind in (_R_X86_64_PC32, _R_X86_64_PLT32):
                struct.pack_into("<i", self._map, at + where, value - (self.base + at + where))
            else:
                raise ElfError(f"{_NAME}: relocation of type {kind}")

    def clear(self) -> None:
        """Take everything back."""
        self.used = 0


class NativeState:
    """The words of `state_layout`, as a view and at an address."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, 8 * layout.WORDS, flags=ANONYMOUS)
        self.address = address_of(self._map)
        self.words = memoryview(self._map).cast("Q")
