"""All inputs as columns: one number for every section, symbol and relocation of the link.

From here on the object of origin matters only for messages. Section numbers
(`sid`) run over all objects in link order, then over the sections the linker makes itself. Symbol numbers: first the
globals (as in `Resolution.symbols`), then every object's locals. Passes take a ProgramColumns and return a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from toyvm.base.bits import sext
from toyvm.base.record import Record, replace
from toyvm.elf.constants import (
    SHF_ALLOC,
    SHF_EXCLUDE,
    SHF_TLS,
    SHF_WRITE,
    SHN_ABS,
    SHN_LORESERVE,
    SHN_UNDEF,
    SHT_NOBITS,
    SHT_NULL,
    SHT_RISCV_ATTRIBUTES,
    ST_TYPE_MASK,
    STT_TLS,
    STV_HIDDEN,
)
from toyvm.elf.object_file import Section
from toyvm.elf.record_arrays import RELA

from ..link_errors import Diagnostics
from .global_symbols import Column as Column
from .global_symbols import DefinitionKind
from .resolution import Resolution

# Where a symbol is, if not in a section (sid >= 0).
UNDEFINED, ABSOLUTE, SHARED, LINKER = -1, -2, -3, -4

MAX_ALIGN = 1 << 30
MAX_SIZE = 1 << 46

WARNING_PREFIX = (
    ".gnu.warning."  # followed by a symbol: the section holds a warning for objects that use the symbol
)
_DEBUG = (".debug", ".zdebug", ".line", ".stab", ".gdb_index")
FILE_WARNING = ".gnu.warning"  # the section holds a warning for every link with its object
_NOT_LINKED = frozenset(
    {FILE_WARNING, ".note.GNU-stack", ".note.gnu.property", ".note.gnu.build-id", ".gnu.lto_.symtab"}
)


def distinct(numbers: Column) -> Column:
    """The different numbers in ascending order. (`np.unique` without an index imports numpy.ma.)"""
    result: Column = np.unique(numbers, return_index=True)[0]
    return result


class SectionColumns(Record, eq=False):
    """Column per property, row per section. `file` is -1 for what the linker makes. `live` rows go to the output."""

    name: list[str]
    data: list[bytes]
    file: Column
    type: Column
    flags: Column
    align: Column
    size: Column
    entsize: Column
    live: Column
    link: Column  # sid of SHF_LINK_ORDER's partner, or -1

    def __len__(self) -> int:
        return len(self.name)

    @property
    def alloc(self) -> Column:
        """Which sections are in memory when the program runs."""
        result: Column = (self.flags & SHF_ALLOC) != 0
        return result


class SymbolColumns(Record, eq=False):
    """Column per property. `sid` is a section or one of UNDEFINED, ABSOLUTE, SHARED, LINKER; `value` an offset in it."""

    sid: Column
    value: Column
    size: Column
    type: Column
    weak: Column
    visibility: Column
    file: Column
    globals: int  # the number of globals, which come first

    def __len__(self) -> int:
        return len(self.sid)


class RelocColumns(Record, eq=False):
    """Column per property, row per relocation, in the order of sections."""

    sid: Column
    offset: Column
    type: Column
    sym: Column
    addend: Column
    origin: Column | None = None  # the row that it was when read, if the link keeps its history

    def __len__(self) -> int:
        return len(self.sid)

    def where(self, mask: Column) -> RelocColumns:
        """The rows that `mask` (booleans or indices) selects."""
        if mask.dtype == np.bool_ and mask.all():
            return self
        origin = None if self.origin is None else self.origin[mask]
        return RelocColumns(
            self.sid[mask], self.offset[mask], self.type[mask], self.sym[mask], self.addend[mask], origin
        )

    def numbered(self) -> RelocColumns:
        """The same rows, each with its number as its origin."""
        return replace(self, origin=np.arange(len(self), dtype=np.int64))


class NewSection(Record, eq=False):
    """A section that the linker makes. Without `data` its bytes are written later, when addresses are known."""

    name: str
    type: int
    flags: int
    align: int
    size: int
    entsize: int = 0
    data: bytes = b""


class ProgramColumns(Record, eq=False):
    """The program that is being linked: all sections, symbols and relocations."""

    resolution: Resolution
    sections: SectionColumns
    symbols: SymbolColumns
    relocs: RelocColumns
    file_sections: Column  # sid of section 0 of each object
    file_symbols: list[Column]  # per object: its symbol numbers -> numbers here

    def section_label(self, sid: int) -> str:
        """`main.o:(.text`, the beginning of a message; the caller adds the offset and the bracket."""
        return f"{self.file_name(int(self.sections.file[sid]))}:({self.sections.name[sid]}"

    def file_name(self, file: int) -> str:
        """The name of object number `file` in messages."""
        return self.resolution.files[file].object.name if file >= 0 else "linker"

    def symbol_name(self, number: int) -> str:
        """A symbol's name; a section symbol is called by its section."""
        if number < self.symbols.globals:
            return self.resolution.symbols[number].name
        file = int(self.symbols.file[number])
        if file < 0:
            return self.sections.name[int(self.symbols.sid[number])]
        local = number - int(self.file_symbols[file][0])
        name = self.resolution.files[file].object.symbols.names[local]
        sid = int(self.symbols.sid[number])
        return name or (self.sections.name[sid] if sid >= 0 else "*ABS*")

    def extend(self, made: Sequence[NewSection]) -> tuple[ProgramColumns, list[int]]:
        """(This program with the sections `made` added, their section numbers)."""
        old = self.sections
        first = len(old)
        columns = {
            "type": [m.type for m in made],
            "flags": [m.flags for m in made],
            "align": [m.align for m in made],
            "size": [m.size for m in made],
            "entsize": [m.entsize for m in made],
            "file": [-1] * len(made),
            "live": [True] * len(made),
            "link": [-1] * len(made),
        }
        grown = {
            name: np.concatenate((getattr(old, name), np.array(values, dtype=getattr(old, name).dtype)))
            for name, values in columns.items()
        }
        sections = SectionColumns(
            name=[*old.name, *(m.name for m in made)], data=[*old.data, *(m.data for m in made)], **grown
        )
        return replace(self, sections=sections), list(range(first, first + len(made)))


def flatten(
    resolution: Resolution,
    errors: Diagnostics,
    relocatable: bool = False,
    commons: bool = True,
    sort_common: str = "",
) -> ProgramColumns:
    """Put the resolved objects into columns. Each common symbol becomes a section called COMMON.

    `relocatable` (-r) keeps the sections that are there for the last link only; without `commons`, common symbols stay so.

    A section or common symbol that no address space could hold is added to `errors` and is empty in the result.
    """
    bases = np.cumsum([0] + [len(f.object.sections) for f in resolution.files], dtype=np.int64)
    sections = _sections(resolution, bases, errors, relocatable)
    file_symbols, locals_ = _symbol_numbers(resolution)
    program = ProgramColumns(
        resolution, sections, _symbols(resolution, bases, locals_), _relocs(resolution, bases, file_symbols),
        bases[:-1], file_symbols,
    )  # fmt: skip
    return _place_commons(program, errors, sort_common) if commons else program


def _sections(
    resolution: Resolution, bases: Column, errors: Diagnostics, relocatable: bool
) -> SectionColumns:
    name: list[str] = []
    data: list[bytes] = []
    rows: list[tuple[int, ...]] = []
    for number, loaded in enumerate(resolution.files):
        base = int(bases[number])
        for index, s in enumerate(loaded.object.sections):
            name.append(s.name)
            data.append(s.data)
            live = (
                s.type not in (SHT_NULL, SHT_RISCV_ATTRIBUTES)
                and (relocatable or not _is_for_linker(s))
                and index not in loaded.dropped
            )
            align, size, link = max(s.addralign, 1), s.size, base + s.link if s.link else -1
            if live and not _is_possible(f"{loaded.object.name}:({s.name}): section", size, align, errors):
                align, size, live = 1, 0, False
            entsize = s.entsize if s.entsize <= MAX_SIZE else 0
            rows.append(
                (
                    number,
                    s.type,
                    sext(s.flags, 64),
                    min(align, MAX_ALIGN),
                    min(size, MAX_SIZE),
                    entsize,
                    live,
                    link,
                )
            )
    columns = np.array(rows, dtype=np.int64).reshape(-1, 8)
    file, kind, flags, aligns, sizes, entsizes, lives, links = columns.T.copy()
    return SectionColumns(name, data, file, kind, flags, aligns, sizes, entsizes, lives.astype(bool), links)


def _is_for_linker(section: Section) -> bool:
    """Whether a section tells the linker something, and is not part of a program."""
    name = section.name
    return bool(section.flags & SHF_EXCLUDE) or name in _NOT_LINKED or name.startswith(WARNING_PREFIX)


def without_debug(program: ProgramColumns) -> ProgramColumns:
    """-S and -s: debugging sections are not linked at all."""
    sections = program.sections
    debug = np.array([name.startswith(_DEBUG) for name in sections.name], dtype=bool) & ~sections.alloc
    return replace(program, sections=replace(sections, live=sections.live & ~debug))


def _is_possible(what: str, size: int, align: int, errors: Diagnostics) -> bool:
    if size <= MAX_SIZE and align <= MAX_ALIGN and not align & (align - 1):
        return True
    errors.error(f"{what} of {size:#x} bytes aligned to {align:#x} is too large")
    return False


def _symbol_numbers(resolution: Resolution) -> tuple[list[Column], int]:
    """(per object the numbers of its symbols here, the number after the last)."""
    following = len(resolution.symbols)
    numbers = []
    for loaded in resolution.files:
        first = loaded.object.symbols.first_global
        local = np.arange(following, following + first, dtype=np.int64)
        numbers.append(np.concatenate((local, loaded.ids)))
        following += first
    return numbers, following


def _symbols(resolution: Resolution, bases: Column, count: int) -> SymbolColumns:
    sid = np.full(count, UNDEFINED, dtype=np.int64)
    value, size = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    kind, visibility = np.zeros(count, dtype=np.uint8), np.zeros(count, dtype=np.uint8)
    weak = np.zeros(count, dtype=bool)
    file = np.full(count, -1, dtype=np.int64)
    known, n = resolution.symbols, len(resolution.symbols)
    of_kind = known.column("kind")
    here = np.flatnonzero((of_kind == DefinitionKind.DEFINED) | (of_kind == DefinitionKind.COMMON))
    section = known.section[here].astype(np.int64)
    file[here] = known.file[here]
    sid[here] = np.where(section < SHN_LORESERVE, bases[file[here]] + section, UNDEFINED)
    sid[here[section == SHN_ABS]] = ABSOLUTE
    sid[:n][of_kind == DefinitionKind.SHARED] = SHARED
    value[:n], size[:n] = known.column("value").view(np.int64), known.column("size").view(np.int64)
    kind[:n], visibility[:n] = known.column("info") & ST_TYPE_MASK, known.column("visibility")
    weak[:n] = known.column("weak")
    at = len(resolution.symbols)
    for number, loaded in enumerate(resolution.files):
        table = loaded.object.symbols
        local = table.array[: table.first_global]
        rows = slice(at, at + len(local))
        shndx = local["st_shndx"].astype(np.int64)
        sid[rows] = np.where(shndx < SHN_LORESERVE, shndx + bases[number], ABSOLUTE)
        sid[rows][shndx == SHN_UNDEF] = UNDEFINED
        sid[rows][:1] = (
            ABSOLUTE  # symbol 0 is no symbol: its relocations mean the number in their addend (gABI)
        )
        value[rows] = local["st_value"].view(np.int64)
        size[rows] = local["st_size"].view(np.int64)
        kind[rows] = local["st_info"] & ST_TYPE_MASK
        visibility[rows] = STV_HIDDEN
        file[rows] = number
        at += len(local)
    return SymbolColumns(sid, value, size, kind, weak, visibility, file, len(resolution.symbols))


def _relocs(resolution: Resolution, bases: Column, file_symbols: list[Column]) -> RelocColumns:
    parts, sids, syms = [], [], []
    for number, loaded in enumerate(resolution.files):
        base = int(bases[number])
        mine = [(base + i, s.relocs) for i, s in enumerate(loaded.object.sections) if len(s.relocs)]
        if not mine:
            continue
        rows = np.concatenate([relocs for _, relocs in mine])
        parts.append(rows)
        sids.append(np.repeat([sid for sid, _ in mine], [len(relocs) for _, relocs in mine]))
        syms.append(file_symbols[number][rows["r_sym"]])
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return RelocColumns(none, none, none, none, none)
    rows = np.concatenate(parts)
    assert rows.dtype == RELA
    return RelocColumns(
        np.concatenate(sids).astype(np.int64),
        rows["r_offset"].astype(np.int64),
        rows["r_type"].astype(np.int64),
        np.concatenate(syms),
        rows["r_addend"].astype(np.int64),
    )


# --sort-common -> the place of a common symbol of an alignment of 2 ** power. GNU ld tells apart alignments up to 16.
_COMMON_ORDERS: dict[str, Callable[[int], int]] = {
    "descending": lambda power: -min(power, 4),
    "ascending": lambda power: min(power, 5),
}


def _place_commons(program: ProgramColumns, errors: Diagnostics, sort: str) -> ProgramColumns:
    """Give each common symbol a NOBITS section of its own, with its own alignment; `sort` is that of --sort-common."""
    symbols = program.resolution.symbols
    commons = [
        s
        for s in symbols.of(np.flatnonzero(symbols.column("kind") == DefinitionKind.COMMON).tolist())
        if _is_possible(f"common symbol `{s.name}'", s.size, max(s.value, 1), errors)
    ]
    if not commons:
        return program
    if sort in _COMMON_ORDERS:
        commons.sort(key=lambda s: _COMMON_ORDERS[sort](max(s.value, 1).bit_length() - 1))
    made = [
        NewSection(
            ".tcommon" if s.info & ST_TYPE_MASK == STT_TLS else "COMMON",
            SHT_NOBITS, SHF_ALLOC | SHF_WRITE | (SHF_TLS if s.info & ST_TYPE_MASK == STT_TLS else 0), max(s.value, 1), s.size,
        )
        for s in commons
    ]  # fmt: skip
    program, numbers = program.extend(made)
    sid, value = program.symbols.sid.copy(), program.symbols.value.copy()
    ids = [s.id for s in commons]
    sid[ids], value[ids] = numbers, 0
    # A map file names the object of each common symbol.
    file = program.sections.file.copy()
    file[numbers] = [s.file for s in commons]
    return replace(
        program,
        symbols=replace(program.symbols, sid=sid, value=value),
        sections=replace(program.sections, file=file),
    )
