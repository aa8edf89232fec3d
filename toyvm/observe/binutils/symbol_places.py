"""Where symbols are in the source: `nm -l`."""

from __future__ import annotations

from toyvm.elf import constants as c
from toyvm.elf.declarations import Declarations
from toyvm.elf.dwarf import LineTable
from toyvm.elf.elf_file import ElfFile

from .nm_listing import NmSymbol


class SymbolPlaces:
    """The places of one file's symbols. Raises ElfError when its debugging information is malformed."""

    def __init__(self, elf: ElfFile):
        self._lines = LineTable.from_elf(elf.data, elf.name, full_paths=True)
        self._declarations = Declarations(elf)
        self._uses: dict[str, tuple[int, int]] = {}  # the first use of an undefined symbol: section, offset
        for section, array in elf.relocations() if elf.header.type == c.ET_REL else ():
            names = elf.symbols_of(elf.linked(section)).names if section.header.link else []
            for offset, _, symbol, _ in array.tolist():
                if symbol < len(names) and names[symbol]:
                    self._uses.setdefault(names[symbol], (section.header.info, offset))

    def of(self, symbol: NmSymbol) -> str:
        """`/src/main.c:12` for a function, a variable, or an undefined symbol that is used there; "" if unknown."""
        if not symbol.is_defined:
            use = self._uses.get(symbol.name)
            row = self._lines.row(use[1], use[0]) if use else None
        else:
            declared = self._declarations.at(symbol.value, symbol.shndx)
            if declared is not None:
                return f"{declared[0]}:{declared[1]}"
            row = self._lines.row(symbol.value, symbol.shndx) if symbol.letter in "tTwWi" else None
        return f"{row.file}:{row.line}" if row else ""
