"""What addr2line says about an address: function, file and line, and the calls that were inlined there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from toyvm.elf import constants as c
from toyvm.elf.dwarf import LineTable
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.elf.inlined_calls import InlinedCalls

from .nm_listing import is_special


class Place(NamedTuple):
    """A place in the source; "" and 0 where it is not known."""

    function: str = ""
    file: str = ""
    line: int = 0
    discriminator: int = 0


class AddressPlaces:
    """The places of one file. Raises ElfError when its debugging information is malformed."""

    def __init__(self, elf: ElfFile):
        self._elf = elf
        self._lines = LineTable.from_elf(elf.data, elf.name, full_paths=True)
        self._calls: InlinedCalls | None = None
        self._symbols: dict[int, tuple[list[int], list[tuple[str, str]]]] | None = None

    def at(self, address: int, section: ElfSection | None = None) -> list[Place]:
        """The places of an address, the innermost first; empty when nothing is known.

        With `section`, the address is an offset in it.
        """
        if section is not None:
            if address >= section.header.size:
                return []
            return self._in_section(section, section.header.addr + address)
        for candidate in self._elf.sections:
            shdr = candidate.header
            if shdr.flags & c.SHF_ALLOC and shdr.addr <= address < shdr.addr + shdr.size:
                found = self._in_section(candidate, address)
                if found:
                    return found
        return []

    def _in_section(self, section: ElfSection, address: int) -> list[Place]:
        row = self._lines.row(address, section.number)
        function, file = self._symbol(section, address)
        if row is None:
            return [Place(function, file)] if function else []
        if self._calls is None:
            self._calls = InlinedCalls(self._elf)
        frames = self._calls.at(address, section.number)
        if not frames:
            return [Place(function, row.file, row.line, row.discriminator)]
        places = []
        at = (row.file, row.line, row.discriminator)
        for frame in frames:
            places.append(Place(frame.name or function, *at))
            at = (frame.call_file, frame.call_line, 0)
        return places

    def _symbol(self, section: ElfSection, address: int) -> tuple[str, str]:
        """(the symbol before an address, the file that defines it if it is local)."""
        if self._symbols is None:
            self._symbols = _code_symbols(self._elf)
        addresses, names = self._symbols.get(section.number, ([], []))
        index = bisect_right(addresses, address) - 1
        return names[index] if index >= 0 else ("", "")


def _code_symbols(elf: ElfFile) -> dict[int, tuple[list[int], list[tuple[str, str]]]]:
    """Section number -> (addresses, (name, file) of each); of several symbols at one address a function wins."""
    found: dict[int, dict[int, tuple[bool, str, str]]] = {}
    for name, file, shndx, value, is_function in _symbols(elf):
        known = found.setdefault(shndx, {}).get(value)
        if known is None or (is_function and not known[0]):
            found[shndx][value] = (is_function, name, file)
    return {shndx: (sorted(at), [at[value][1:] for value in sorted(at)]) for shndx, at in found.items()}


def _symbols(elf: ElfFile) -> Iterator[tuple[str, str, int, int, bool]]:
    table = elf.symbols(".symtab") or elf.symbols(".dynsym")
    file = ""
    for name, (_, info, _, shndx, value, _) in (
        zip(table.names, table.array.tolist(), strict=True) if table else ()
    ):
        kind, binding = info & c.ST_TYPE_MASK, info >> c.ST_BIND_SHIFT
        if kind == c.STT_FILE:
            file = name
        elif kind not in (c.STT_FUNC, c.STT_NOTYPE, c.STT_GNU_IFUNC) or is_special(name):
            continue
        elif c.SHN_UNDEF < shndx < c.SHN_LORESERVE:
            yield name, file if binding == c.STB_LOCAL else "", shndx, value, kind != c.STT_NOTYPE
