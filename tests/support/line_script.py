"""An object with a line table, built by hand: two code sections, relocations between the rows, two files."""

from __future__ import annotations

import numpy as np

from toyvm.assembler.dwarf.code_places import EmittedSection, Place, SectionStart
from toyvm.assembler.dwarf.compile_unit import Unit
from toyvm.assembler.dwarf.line_program import Loc
from toyvm.assembler.dwarf.line_table import LineTableWriter
from toyvm.elf.constants import SHF_ALLOC, SHF_EXECINSTR, STB_LOCAL
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, Section, SymbolTable
from toyvm.elf.record_arrays import RELA, SYM

# (section, offset, fragment, file, line); instructions are 4 bytes
ROWS = (
    (1, 0, 0, "one.s", 3),
    (1, 4, 0, "one.s", 4),
    (1, 8, 0, "one.s", 400),
    (1, 12, 1, "one.s", 5),
    (1, 612, 2, "lib/two.s", 7),
    (1, 616, 2, "lib/two.s", 6),
    (2, 0, 3, "one.s", 30),
    (2, 4, 4, "one.s", 31),
    (2, 70004, 5, "one.s", 32),
)
SIZES = {1: 620, 2: 70008}
Handle = tuple[int, int]


def lines_by_row(level: int = 5) -> LineTableWriter[int, Handle]:
    """What `as -g` does: a row for each instruction."""
    table: LineTableWriter[int, Handle] = LineTableWriter("/home/me", level=level)
    for section, offset, _, file, line in ROWS:
        table.row(section, lambda place=(section, offset): place, table.file_number(file), line)
    return table


def lines_by_loc() -> LineTableWriter[int, Handle]:
    """What a compiler's `.file` and `.loc` do."""
    table: LineTableWriter[int, Handle] = LineTableWriter()
    table.file(0, "one.c", "/home/me")
    table.file(1, "one.s")
    table.file(2, "lib/two.s")
    for section, offset, _, file, line in ROWS:
        number = 1 if file == "one.s" else 2
        loc = Loc(number, line, column=line % 50, is_stmt=line % 2 == 0, prologue_end=line == 4)
        table.loc(loc, section, lambda: (0, 0))
        table.instruction(section, lambda place=(section, offset): place)
    return table


def build(table: LineTableWriter[int, Handle]) -> ObjectFile:
    """The object: .text, far and the debugging sections, with a symbol for each handle used."""
    fragments = {(section, offset): fragment for section, offset, fragment, *_ in ROWS}
    fragments |= {(section, size): 90 + section for section, size in SIZES.items()}
    emitted = table.finish(
        lambda handle: Place(handle[1], fragments[handle]),
        lambda s: ((s, 0), (s, SIZES[s])),
        Unit("one.s", "/home/me"),
    )
    code = [
        Section(name, 1, SHF_ALLOC | SHF_EXECINSTR, 4, data=b"\x13\0\0\0" * (SIZES[n] // 4))
        for n, name in _CODE
    ]
    handles: dict[object, int] = {}
    array = np.zeros(1 + len(emitted) + 64, dtype=SYM)
    for index, section in enumerate(emitted):
        array[1 + index]["st_info"] = STB_LOCAL << 4 | 3
        array[1 + index]["st_shndx"] = 3 + index
        handles[SectionStart(section.name)] = 1 + index
    debug = [_section(section, handles, array) for section in emitted]
    count = 1 + len(handles)
    return ObjectFile(
        "t.o", (NULL_SECTION, *code, *debug), SymbolTable([""] * count, array[:count], count), 4
    )


_CODE = ((1, ".text"), (2, "far"))


def _section(section: EmittedSection[Handle], handles: dict[object, int], array: np.ndarray) -> Section:
    relocs = np.zeros(len(section.fixups), dtype=RELA)
    for index, fixup in enumerate(section.fixups):
        if fixup.symbol not in handles:
            number = handles[fixup.symbol] = 1 + len(handles)
            array[number]["st_shndx"], array[number]["st_value"] = fixup.symbol
        relocs[index] = (fixup.offset, fixup.type, handles[fixup.symbol], fixup.addend)
    return Section(section.name, addralign=section.addralign, data=section.data, relocs=relocs)
