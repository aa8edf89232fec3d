"""The output's .symtab: each object's locals behind its FILE symbol, then the globals, as nm and debuggers expect."""

from __future__ import annotations

import numpy as np

from toyvm.base.bits import M64
from toyvm.base.record import Record
from toyvm.elf.constants import (
    SHF_ALLOC,
    SHN_ABS,
    SHN_UNDEF,
    STB_GLOBAL,
    STB_LOCAL,
    STB_WEAK,
    STT_FILE,
    STT_NOTYPE,
    STT_SECTION,
    STT_TLS,
    STV_DEFAULT,
    STV_HIDDEN,
    STV_INTERNAL,
    STV_PROTECTED,
)
from toyvm.elf.record_arrays import SYM
from toyvm.elf.symbol import st_info

from ..image_layout import ImageLayout
from ..inputs.columns import ABSOLUTE, LINKER, SHARED, UNDEFINED, Column, ProgramColumns
from ..link_options import LinkOptions
from .addresses import Addresses

_BOUNDS = ("__start_", "__stop_")  # symbols that bound a section


class SymbolTableBytes(Record, eq=False):
    """.symtab and .strtab, and how many symbols at the front are local (sh_info).

    With --emit-relocs also where relocations find their symbols: `index` by symbol number (0: not in the table),
    `sections` by section header number.
    """

    symbols: bytes
    strings: bytes
    first_global: int
    index: Column
    sections: Column


Row = tuple[int, int, int, int, int, int]  # an Elf64_Sym


class Strings:
    """A string table that keeps each string once."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0")
        self._at: dict[str, int] = {"": 0}

    def add(self, text: str) -> int:
        """The offset of `text`."""
        at = self._at.get(text)
        if at is None:
            at = self._at[text] = len(self.data)
            self.data += text.encode("utf-8", "surrogateescape") + b"\0"
        return at


_ENDS = frozenset(("__etext", "_etext", "etext", "_edata", "edata"))


def section_numbers(layout: ImageLayout) -> Column:
    """Index in `layout.outputs` -> section header number; empty sections have none (0), unless a script keeps them."""
    present = np.array([bool(s.size or s.kept) for s in layout.outputs], dtype=bool)
    numbers: Column = np.where(present, np.cumsum(present), 0)
    return numbers


def section_of(layout: ImageLayout, numbers: Column, sid: int, address: int) -> int:
    """The header number for a symbol in section `sid`; a symbol in an empty section goes to a neighbour."""
    output = int(layout.output[sid])
    return (int(numbers[output]) if output >= 0 else 0) or home(layout, numbers, address)


def home(layout: ImageLayout, numbers: Column, address: int, name: str = "") -> int:
    """The header number of the section that a linker-defined symbol at `address` belongs to, or SHN_ABS.

    Between two sections, `edata` and its like belong to the one that ends there.
    """
    found = SHN_ABS
    for section, number in zip(layout.outputs, numbers.tolist(), strict=True):
        inside = section.addr <= address & M64 <= section.end and not section.is_tbss
        if not number or not section.flags & SHF_ALLOC or not inside:
            continue
        if found == SHN_ABS or name not in _ENDS or not section.size or section.addr < address & M64:
            found = number
    return found


def of_script(
    layout: ImageLayout, numbers: Column, program: ProgramColumns, name: str
) -> tuple[int, int] | None:
    """(section header number, type) of a symbol that a script defines; None for other symbols."""
    symbol = layout.symbols.get(name)
    if symbol is None:
        return None
    table = program.resolution.table
    kind = int(program.symbols.type[table[symbol.like].id]) if symbol.like in table else STT_NOTYPE
    if symbol.output < 0:
        return SHN_ABS, kind
    return int(numbers[symbol.output]) or home(layout, numbers, symbol.value), kind


def _linker_visibility(layout: ImageLayout, program: ProgramColumns, name: str) -> int:
    """The visibility that .symtab shows of a symbol that the linker or a script defines."""
    symbol = layout.symbols.get(name)  # a script may define a symbol of such a name, too
    if symbol is None:
        return STV_PROTECTED if name.startswith(_BOUNDS) else STV_DEFAULT
    source = layout.symbols.get(symbol.like)
    if source is not None:
        return STV_HIDDEN if source.hidden else STV_DEFAULT
    known = program.resolution.table.get(symbol.like)
    return known.visibility if known is not None else STV_DEFAULT


def build(
    program: ProgramColumns, layout: ImageLayout, known: Addresses, options: LinkOptions
) -> SymbolTableBytes:
    """The whole table."""
    strings = Strings()
    numbers = section_numbers(layout)
    index = np.zeros(len(program.symbols), dtype=np.int64)
    sections = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.int64)
    wanted = np.zeros(len(program.symbols), dtype=bool)
    retained = None if options.retained is None else frozenset(options.retained)
    rows: list[Row] = [(0, 0, 0, 0, 0, 0)]
    if options.emit_relocs:
        for section, number in zip(layout.outputs, numbers.tolist(), strict=True):
            if number:
                sections[number] = len(rows)
                rows.append((0, STT_SECTION, 0, number, section.addr & M64, 0))
        wanted[program.relocs.sym[program.sections.live[program.relocs.sid]]] = True
    if options.discard != "all":
        for file in range(len(program.file_symbols)):
            mine, found = _locals(program, layout, known, options, numbers, strings, file, wanted, retained)
            index[found] = np.arange(len(mine) - len(found), len(mine)) + len(rows)
            rows += mine
    requested = frozenset(options.undefined)
    hidden, visible, order = _globals(program, layout, known, numbers, strings, wanted, retained, requested)
    index[order] = np.arange(len(order)) + len(rows)
    rows += hidden
    table = np.array(rows + visible, dtype=SYM)
    return SymbolTableBytes(table.tobytes(), bytes(strings.data), len(rows), index, sections)


def _locals(
    program: ProgramColumns,
    layout: ImageLayout,
    known: Addresses,
    options: LinkOptions,
    numbers: Column,
    strings: Strings,
    file: int,
    wanted: Column,
    retained: frozenset[str] | None,
) -> tuple[list[Row], list[int]]:
    """The rows of an object's locals, and the symbol number of each but that of a source file; `wanted` ones stay."""
    table = program.resolution.files[file].object.symbols
    symbols = program.symbols
    mine = program.file_symbols[file][: table.first_global]
    kind, sid = symbols.type[mine], symbols.sid[mine]
    placed = (sid >= 0) & (layout.output[np.maximum(sid, 0)] >= 0)
    keep = (kind != STT_SECTION) & (kind != STT_FILE) & (placed | (sid == ABSOLUTE))
    if options.strip == "debug":
        alloc = (program.sections.flags[np.maximum(sid, 0)] & SHF_ALLOC) != 0
        keep &= alloc | ~placed
    rows = []
    found = []
    names = table.names
    chosen = np.flatnonzero(keep)
    ids = mine[chosen]
    # Columns as lists: a number of an array costs ten times as much as one of a list.
    shown = np.where(placed, numbers[np.maximum(layout.output[np.maximum(sid, 0)], 0)], SHN_ABS)[chosen]
    columns = (chosen, ids, kind[chosen], shown, known.symbol[ids], symbols.size[ids])
    for i, number, type_, section, address, size in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        name = names[i]
        if retained is not None and name not in retained and not wanted[number]:
            continue
        if not name or (name.startswith(".L") and options.discard == "locals" and not wanted[number]):
            continue
        found.append(number)
        shndx = section or home(layout, numbers, address)  # a symbol in an empty section goes to a neighbour
        value = address - (known.tls_start if type_ == STT_TLS else 0)
        rows.append((strings.add(name), type_, 0, shndx, value & M64, size & M64))
    source = [i for i in np.flatnonzero(kind == STT_FILE).tolist() if names[i]]
    if source and rows:
        rows.insert(0, (strings.add(names[source[0]]), STT_FILE, 0, SHN_ABS, 0, 0))
    return rows, found


def _globals(
    program: ProgramColumns,
    layout: ImageLayout,
    known: Addresses,
    numbers: Column,
    strings: Strings,
    wanted: Column,
    retained: frozenset[str] | None,
    requested: frozenset[str],
) -> tuple[list[Row], list[Row], list[int]]:
    """(hidden ones, which become local, those that stay global, the symbol numbers of both). `requested`: by -u."""
    hidden: list[Row] = []
    visible: list[Row] = []
    order: tuple[list[int], list[int]] = ([], [])
    symbols = program.symbols
    sids, values = symbols.sid[: symbols.globals].tolist(), known.symbol[: symbols.globals].tolist()
    visibility = symbols.visibility.tolist()
    for symbol, sid, value in zip(program.resolution.symbols, sids, values, strict=True):
        if not symbol.object_reference:
            continue
        if retained is not None and symbol.name not in retained and not wanted[symbol.id]:
            continue
        kind = int(symbols.type[symbol.id])
        # The binding of an undefined symbol is that of its references, not that of the library's definition.
        weak = symbol.weak and (sid >= 0 or sid == ABSOLUTE or not symbol.strong_reference)
        binding = STB_WEAK if weak else STB_GLOBAL
        if sid >= 0:
            if layout.output[sid] < 0:
                continue
            shndx = section_of(layout, numbers, sid, value)
            if symbol.shared is not None and known.tables.plt_entry[symbol.id] >= 0:
                shndx = SHN_UNDEF  # a canonical PLT entry
        elif sid == LINKER:
            binding = STB_GLOBAL
            shndx, kind = of_script(layout, numbers, program, symbol.name) or (
                home(layout, numbers, value, symbol.name), STT_NOTYPE,
            )  # fmt: skip
            if symbol.name in layout.symbols and layout.symbols[symbol.name].hidden:
                binding = STB_LOCAL
        elif sid == ABSOLUTE:
            shndx = SHN_ABS
        else:
            assert sid in (UNDEFINED, SHARED)
            if not symbol.strong_reference and not symbol.weak and symbol.name not in requested:
                continue
            shndx = SHN_UNDEF
        if kind == STT_TLS and shndx:
            value -= known.tls_start
        seen = visibility[symbol.id]
        if seen in (STV_HIDDEN, STV_INTERNAL) and shndx and sid != LINKER:
            binding = STB_LOCAL
        if sid == LINKER:
            seen = _linker_visibility(layout, program, symbol.name)
        elif binding == STB_LOCAL:
            seen = STV_DEFAULT  # as in GNU ld: a local symbol has nobody to hide from
        row = (
            strings.add(symbol.name),
            st_info(binding, kind),
            seen,
            shndx,
            value & M64,  # an absolute symbol may be negative
            int(program.symbols.size[symbol.id]) & M64 if shndx else 0,
        )
        (hidden if binding == STB_LOCAL else visible).append(row)
        order[binding != STB_LOCAL].append(symbol.id)
    return hidden, visible, order[0] + order[1]
