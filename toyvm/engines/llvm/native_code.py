"""Native functions in executable memory, and the state that they share with Python.

This module loads LLVM's object files, so that a warm start does not import llvmlite. A region needs
only its own sections and three types of relocations.
"""

from __future__ import annotations

import mmap
import struct
from _ctypes import FUNCFLAG_CDECL, CFuncPtr, _SimpleCData, addressof

from toyvm.base.bits import M64
from toyvm.base.errors import ElfError
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.elf.constants import R_SYM_SHIFT, R_TYPE_MASK, SHF_ALLOC, SHN_UNDEF, SHT_RELA, SHT_SYMTAB, SYM_SIZE
from toyvm.elf.headers import Shdr, read_shdrs, string_at
from toyvm.elf.symbol import relocation_fields, symbol_at

from . import state_layout as layout

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Mapping

    from toyvm.machine.physical_memory import PhysicalMemory

CODE_BYTES = 64 << 20

_KERNEL = "kernel_"  # how the names of the kernel's own functions begin
_NAME = "native code"  # the file's name in error messages
_R_X86_64_64, _R_X86_64_PC32, _R_X86_64_PLT32 = 1, 2, 4
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python has the name since 3.12
ANONYMOUS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


def address_of(memory: mmap.mmap | memoryview | bytearray | array[int]) -> int:
    """The host address of these bytes. The caller keeps them alive while the address is in use."""
    return addressof(_Char.from_buffer(memory))


# `ctypes` is the module `_ctypes` with more types, which take two milliseconds to make.
class _Char(_SimpleCData):  # type: ignore[type-arg]  # generic in stubs only
    _type_ = "c"


class _Address(_SimpleCData):  # type: ignore[type-arg]  # generic in stubs only
    _type_ = "P"


class _Word(_SimpleCData):  # type: ignore[type-arg]  # generic in stubs only
    _type_ = "L"  # unsigned long: 8 bytes where there is native code


class Enter(CFuncPtr):
    """The native function `enter` at an address: called with those of the state and of a function."""

    _flags_ = FUNCFLAG_CDECL
    _argtypes_ = _Address, _Address
    _restype_ = None


class OnFault(CFuncPtr):
    """A Python function of four numbers with a number as its result, for native code to call."""

    _flags_ = FUNCFLAG_CDECL
    _argtypes_ = _Word, _Word, _Word, _Word
    _restype_ = _Word

    @property
    def address(self) -> int:
        """The host address of the function, valid as long as this object lives."""
        address: int = _Word.from_address(addressof(self)).value
        return address


class CodeArena:
    """Executable memory: a bump allocator that frees everything at once."""

    def __init__(self, size: int = CODE_BYTES):
        self._map = mmap.mmap(
            -1, size, flags=ANONYMOUS | NO_RESERVE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        self.base = address_of(self._map)
        self.size = size
        self.used = 0

    def load(self, data: bytes, known: Mapping[str, int] = {}) -> dict[str, int] | None:
        """Load an object file; the addresses of its named symbols, or None if it does not fit.

        `known` has the addresses of the symbols that it does not define.

        Raises ElfError for a relocation type other than R_X86_64_64, PC32 and PLT32.
        """
        sections = read_shdrs(data, _NAME)
        offsets: dict[int, int] = {}  # of each section in the arena
        at = self.used
        for number, section in enumerate(sections):
            if section.flags & SHF_ALLOC:
                alignment = max(section.addralign, 16)
                at = -(-at // alignment) * alignment
                offsets[number] = at
                if at + section.size > self.size:
                    return None
                contents = data[section.offset : section.offset + section.file_size]
                self._map[at : at + section.size] = contents or bytes(section.size)
                at += section.size
        symbols = self._symbols(data, sections, offsets, known)
        for section in sections:
            if section.type == SHT_RELA and section.info in offsets:
                table = data[section.offset : section.offset + section.size]
                self._relocate(table, offsets[section.info], symbols)
        self.used = at
        return {name: address for name, address in symbols if name}

    def _symbols(
        self, data: bytes, sections: list[Shdr], offsets: dict[int, int], known: Mapping[str, int]
    ) -> list[tuple[str, int]]:
        """(name, address) of each symbol, in the order of the table."""
        table = next(section for section in sections if section.type == SHT_SYMTAB)
        linked = sections[table.link]
        strings = data[linked.offset : linked.offset + linked.size]
        records = data[table.offset : table.offset + table.size]
        found = []
        for number in range(table.size // SYM_SIZE):
            symbol = symbol_at(records, number)
            name = string_at(strings, symbol.name, _NAME)
            address = self.base + offsets.get(symbol.shndx, 0) + symbol.value
            found.append((name, known.get(name, address) if symbol.shndx == SHN_UNDEF else address))
        return found

    def _relocate(self, table: bytes, at: int, symbols: list[tuple[str, int]]) -> None:
        """Apply the relocations of the section at offset `at` of the arena."""
        for where, info, addend in relocation_fields(table):
            value = symbols[info >> R_SYM_SHIFT][1] + addend
            kind = info & R_TYPE_MASK
            if kind == _R_X86_64_64:
                struct.pack_into("<Q", self._map, at + where, value & M64)
            elif kind in (_R_X86_64_PC32, _R_X86_64_PLT32):
                struct.pack_into("<i", self._map, at + where, value - (self.base + at + where))
            else:
                raise ElfError(f"{_NAME}: relocation of type {kind}")

    def place(self, content: bytes) -> None:
        """Copy code that needs no relocation to the beginning."""
        self._map[: len(content)] = content
        self.used = len(content)

    def contents(self) -> bytes:
        """The bytes of everything that has been loaded."""
        return self._map[: self.used]

    def clear(self) -> None:
        """Free everything."""
        self.used = 0


class NativeState:
    """The words of `state_layout`: a view, and its host address."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, 8 * layout.WORDS, flags=ANONYMOUS)
        self.address = address_of(self._map)
        self.words = memoryview(self._map).cast("Q")

    def describe(self, memory: PhysicalMemory) -> int:
        """Enter the addresses of physical memory and its frame table. Returns that of the table's words, or 0."""
        words, table = self.words, memory.table
        words[layout.MEMORY] = address_of(memory.u8)
        words[layout.FRAMES] = memory.frame_count
        if table is None:
            return 0
        words[layout.REFS], words[layout.BORN] = address_of(table.refs), address_of(table.born)
        words[layout.GIVEN], words[layout.FREED] = address_of(table.given), address_of(table.freed)
        return address_of(table.words)


def kernel_functions(
    symbols: Mapping[str, int], state: NativeState, arena: CodeArena
) -> dict[str, Callable[[array[int]], None]]:
    """The functions of the kernel's policy that the kernel calls itself (`FrameTable.native`)."""

    def function(address: int) -> Callable[[array[int]], None]:
        call = Enter(address)
        held = arena  # its memory must stay while the function can be called

        def native(work: array[int]) -> None:
            assert held
            call(state.address, address_of(work))

        return native

    return {name: function(address) for name, address in symbols.items() if name.startswith(_KERNEL)}
