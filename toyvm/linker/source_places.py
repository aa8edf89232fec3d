"""Places in messages: the function, and file, section and offset, or the source line if DWARF has it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import ElfError
from ..elf.constants import SHF_EXECINSTR, STT_FUNC, STT_NOTYPE, STT_OBJECT
from .inputs.columns import ProgramColumns
from .inputs.declared_places import DeclaredPlaces

if TYPE_CHECKING:
    from ..elf.dwarf import LineTable
    from ..elf.elf_file import ElfSection


class SourcePlaces:
    """Describes places of one program. GNU ld names a function once for consecutive errors in it, so the last one is kept."""

    def __init__(self, program: ProgramColumns):
        self.program = program
        self._last: tuple[int, str] = (-1, "")
        self._lines = lru_cache(maxsize=None)(self._line_table)
        self._declared = DeclaredPlaces()

    def describe(self, sid: int, offset: int, brief: bool = False) -> str:
        """`main.o:(.text+0x8)`, or `main.c:5:(.text+0x8)`; preceded by a line with the function when it is a new one.

        If the line is known, `brief` leaves out the section. It also knows the lines of data, as GNU ld in such messages.
        """
        program = self.program
        file = int(program.sections.file[sid])
        source = self.source(sid, offset) or (self._declaration(sid, offset) if brief and file >= 0 else "")
        text = f"{source or program.file_name(file)}:({program.sections.name[sid]}+{offset:#x})"
        text = source if brief and source else text
        function = self.function(sid, offset)
        if function and (file, function) != self._last:
            text = f"{program.file_name(file)}: in function `{function}':\n{text}"
        self._last = (file, function)
        return text

    def function(self, sid: int, offset: int) -> str:
        """The name of the function at `offset` of section `sid`, or ""."""
        symbols = self.program.symbols
        before = (symbols.sid == sid) & (symbols.value <= offset)
        inside = before & (symbols.type == STT_FUNC)
        inside &= offset < symbols.value + np.maximum(symbols.size, 1)
        found = np.flatnonzero(inside)
        if len(found):
            return self.program.symbol_name(int(found[-1]))
        if not int(self.program.sections.flags[sid]) & SHF_EXECINSTR:
            return ""
        # The nearest label before it, as in GNU ld, for code without types.
        labels = np.flatnonzero(before & (symbols.type == STT_NOTYPE)).tolist()
        for number in sorted(labels, key=lambda n: (-int(symbols.value[n]), -n)):
            name = self.program.symbol_name(number)
            if name and not name.startswith(("$", ".L")):
                return name
        return ""

    def source(self, sid: int, offset: int) -> str:
        """`main.c:5`, or "" without line tables."""
        file = int(self.program.sections.file[sid])
        if file < 0:
            return ""
        found = self._line(file, sid, offset)
        return f"{found[0]}:{found[1]}" if found else ""

    def _declaration(self, sid: int, offset: int) -> str:
        """The line that declares the datum at a place; "" if it is not known."""
        symbols, file = self.program.symbols, int(self.program.sections.file[sid])
        inside = (symbols.sid == sid) & (symbols.type == STT_OBJECT)
        inside &= (symbols.value <= offset) & (offset < symbols.value + symbols.size)
        starts = symbols.value[inside].tolist()
        obj, number = self.program.resolution.files[file].object, sid - int(self.program.file_sections[file])
        return next(filter(None, (self._declared.of(obj, number, start) for start in starts)), "")

    def _line(self, file: int, sid: int, offset: int) -> tuple[str, int] | None:
        obj = self.program.resolution.files[file].object
        lines = self._lines(file)
        if lines is None:
            return None
        table, sections = lines
        number = sid - int(self.program.file_sections[file])
        name = obj.sections[number].name
        nth = sum(section.name == name for section in obj.sections[:number])
        same = [section.number for section in sections if section.name == name]
        return table.lookup(offset, same[nth]) if nth < len(same) else None

    def _line_table(self, file: int) -> tuple[LineTable, list[ElfSection]] | None:
        """The line table of an input, and the sections that it describes; None when there is none or it is malformed."""
        obj = self.program.resolution.files[file].object
        if obj.section(".debug_line") is None:
            return None
        # Only a failed link comes here, so the time that pyelftools takes does not matter.
        from ..elf.dwarf import LineTable
        from ..elf.elf_file import ElfFile
        from ..elf.object_writer import write_object

        try:
            data = write_object(obj)
            return LineTable.from_elf(data, obj.name), ElfFile.parse(data, obj.name).sections
        except ElfError:
            return None  # malformed debugging information must not hide the error that is being reported
