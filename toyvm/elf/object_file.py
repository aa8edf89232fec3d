"""A relocatable object in memory: the assembler makes it, `.o` files hold it, the linker reads it.

Section 0 is the null section. Sections that only describe others (.symtab, .strtab, .shstrtab, .rela.*, .group) are
not among `sections`: their contents are `symbols`, each section's `relocs`, and `groups`. Section numbers therefore
differ from those in a file; the reader and the writer translate them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record, replace

from .constants import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_GROUP,
    SHF_WRITE,
    SHN_ABS,
    SHT_NOBITS,
    SHT_NULL,
    SHT_PROGBITS,
)
from .record_arrays import RELA, SYM, Names, Table, empty

if TYPE_CHECKING:
    from toyvm.base.rows import Rows

NO_RELOCS: Table = empty(RELA)


class Section(Record, eq=False):
    """One section with its contents and its relocations.

    `size` defaults to len(data); only a SHT_NOBITS section has more. `link` and `info` are section numbers of this model
    where the type, SHF_LINK_ORDER or SHF_INFO_LINK makes them section numbers. `group` is an index in
    `ObjectFile.groups`. `relocs` is an array of record_arrays.RELA, whose r_sym indexes `symbols`.
    """

    name: str
    type: int = SHT_PROGBITS
    flags: int = 0
    addralign: int = 1
    entsize: int = 0
    data: bytes = b""
    size: int = -1
    link: int = 0
    info: int = 0
    relocs: Table = NO_RELOCS
    group: int | None = None

    def __post_init__(self) -> None:
        if self.size < 0:
            object.__setattr__(self, "size", len(self.data))
        if self.group is not None:
            object.__setattr__(self, "flags", self.flags | SHF_GROUP)

    @property
    def is_nobits(self) -> bool:
        """Whether the section takes memory but no bytes in the file."""
        return self.type == SHT_NOBITS

    @property
    def is_alloc(self) -> bool:
        """Whether the section is in memory when the program runs."""
        return bool(self.flags & SHF_ALLOC)

    @property
    def is_code(self) -> bool:
        """Whether the section holds instructions."""
        return bool(self.flags & SHF_EXECINSTR)

    @property
    def is_writable(self) -> bool:
        """Whether the program may write to the section."""
        return bool(self.flags & SHF_WRITE)


NULL_SECTION = Section("", type=SHT_NULL, addralign=0)


class SymbolTable(Record, eq=False):
    """All symbols of an object: `names`, and beside it `array`, of record_arrays.SYM. Number 0 is the null symbol.

    Locals come before `first_global` (gABI: sh_info). `st_name` is not used. The name of a section symbol is "".
    `st_shndx` is a section number of the model, or SHN_UNDEF, SHN_ABS, SHN_COMMON.
    """

    names: Sequence[str]
    array: Table
    first_global: int

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"SymbolTable({len(self):,} symbols)"


def names_of(table: SymbolTable, numbers: Table) -> list[str]:
    """The names of symbols `numbers` (an array of integers)."""
    if isinstance(table.names, Names):
        return table.names.at(numbers)
    return [table.names[number] for number in numbers.tolist()]


def null_symbols() -> SymbolTable:
    """A symbol table with the null symbol alone."""
    return SymbolTable([""], np.zeros(1, dtype=SYM), 1)


class SectionGroup(Record):
    """A section group: the linker keeps or drops all `members` (section numbers) together. The symbol `signature` names it."""

    signature: int
    flags: int
    members: tuple[int, ...]


class ObjectFile(Record, eq=False):
    """A relocatable object file. `name` is what messages call it: "main.o", "libc.a(printf.o)".

    `raw`: made of any file's bytes, so that it has no calling convention. `xlen` is 32 for an ELF32 file.
    """

    name: str
    sections: Sequence[Section]
    symbols: SymbolTable
    e_flags: int = 0
    groups: Sequence[SectionGroup] = ()
    raw: bool = False
    xlen: int = 64

    def section(self, name: str) -> Section | None:
        """The first section called `name`."""
        return next((section for section in self.sections[1:] if section.name == name), None)

    def __repr__(self) -> str:
        size = sum(len(section.data) for section in self.sections)
        return (
            f"ObjectFile({self.name}: {len(self.sections) - 1} sections, {size:,} bytes, "
            f"{len(self.symbols) - 1} symbols, {sum(len(section.relocs) for section in self.sections)} relocations)"
        )

    def _repr_html_(self) -> str:
        from toyvm.base import notebook
        from toyvm.base.rows import rows_html

        rows = [
            {"section": s.name, "size": s.size, "relocations": len(s.relocs)}
            for s in self.sections[1:]
            if s.is_alloc and (s.size or len(s.relocs))
        ]
        return notebook.fragment(
            [
                notebook.heading(self.name, "relocatable object"),
                rows_html(("section", "size", "relocations"), rows),
                notebook.folded("relocations", self.relocations.html()),
            ]
        )

    @property
    def relocations(self) -> Rows:
        """A row for each relocation: section, offset in it, type, symbol, addend.

        A symbol without a name is that of a section, and has the section's name here.
        """
        from toyvm.base.rows import Rows
        from toyvm.relocations import relocation_name

        columns = ("section", "offset", "type", "symbol", "addend")
        rows = []
        for section in self.sections[1:]:
            for offset, kind, number, addend in section.relocs.tolist():
                row = (section.name, offset, relocation_name(kind), self._symbol_name(number), addend)
                rows.append(dict(zip(columns, row, strict=True)))
        return Rows(columns, rows)

    def _symbol_name(self, number: int) -> str:
        at = int(self.symbols.array["st_shndx"][number])
        return self.symbols.names[number] or (self.sections[at].name if at < len(self.sections) else "")


def without_constants(obj: ObjectFile) -> ObjectFile:
    """`obj` without the local symbols that are numbers (`.equ`) and that no relocation needs."""
    used = {int(symbol) for section in obj.sections for symbol in np.unique(section.relocs["r_sym"])}
    array = obj.symbols.array
    constant = (array["st_shndx"] == SHN_ABS) & (array["st_info"] == 0)  # STB_LOCAL, STT_NOTYPE
    keep = [symbol for symbol in range(len(array)) if not constant[symbol] or symbol in used]
    renumber = np.zeros(len(array), dtype=np.uint32)
    renumber[keep] = np.arange(len(keep))
    sections = []
    for section in obj.sections:
        relocs = section.relocs.copy()
        relocs["r_sym"] = renumber[relocs["r_sym"]]
        sections.append(replace(section, relocs=relocs))
    first = sum(symbol < obj.symbols.first_global for symbol in keep)
    symbols = SymbolTable([obj.symbols.names[symbol] for symbol in keep], array[keep], first)
    groups = tuple(replace(group, signature=int(renumber[group.signature])) for group in obj.groups)
    return replace(obj, sections=tuple(sections), symbols=symbols, groups=groups)
