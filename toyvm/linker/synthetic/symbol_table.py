"""The output's .symtab: each object's locals behind its FILE symbol, then the globals, as nm and debuggers expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from toyvm.base.bits import M64
from toyvm.base.record import Record
from toyvm.elf.constants import (
    SHF_ALLOC,
    SHN_ABS,
    SHN_UNDEF,
    ST_BIND_SHIFT,
    ST_TYPE_MASK,
    STB_GLOBAL,
    STB_GNU_UNIQUE,
    STB_LOCAL,
    STB_WEAK,
    STT_COMMON,
    STT_FILE,
    STT_FUNC,
    STT_GNU_IFUNC,
    STT_NOTYPE,
    STT_OBJECT,
    STT_SECTION,
    STT_TLS,
    STV_DEFAULT,
    STV_HIDDEN,
    STV_INTERNAL,
)
from toyvm.elf.object_file import names_of
from toyvm.elf.record_arrays import SYM, Names

from ..image_layout import ImageLayout
from ..inputs.columns import ABSOLUTE, LINKER, SHARED, UNDEFINED, Column, ProgramColumns
from ..inputs.global_symbols import GlobalSymbol, GlobalSymbols
from ..link_options import LinkOptions
from .addresses import Addresses
from .symbol_order import walk_order

_OWN = (
    "__ehdr_start",
    "_GLOBAL_OFFSET_TABLE_",
    "_PROCEDURE_LINKAGE_TABLE_",
    "_DYNAMIC",
)  # the output's alone
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
    if name.startswith(_BOUNDS):
        return int(program.symbols.visibility[program.resolution.table[name].id])
    if symbol is None:
        return STV_DEFAULT
    source = layout.symbols.get(symbol.like)
    if source is not None:
        return STV_HIDDEN if source.hidden else STV_DEFAULT
    known = program.resolution.table.get(symbol.like)
    return known.visibility if known is not None else STV_DEFAULT


def build(
    program: ProgramColumns, layout: ImageLayout, known: Addresses, options: LinkOptions, local: Column
) -> SymbolTableBytes:
    """The whole table. `local` marks globals that a version script keeps in the file."""
    return _Builder(program, layout, known, options, local).build()


class _Builder:
    """Collects parts of the table, and the names for it.

    A name gets its place in .strtab in the order of `names`; `order` says which of them each row has.
    """

    def __init__(
        self,
        program: ProgramColumns,
        layout: ImageLayout,
        known: Addresses,
        options: LinkOptions,
        local: Column,
    ) -> None:
        self.program, self.layout, self.known, self.options = program, layout, known, options
        self.local = np.zeros_like(local) if options.static else local  # no version script there
        self.numbers = section_numbers(layout)
        self.wanted = np.zeros(len(program.symbols), dtype=bool)
        self.retained = None if options.retained is None else frozenset(options.retained)
        self.names: list[str] = []
        self.order: list[Column] = []
        self.parts: list[Column] = []
        self.count = 0
        self.index = np.zeros(len(program.symbols), dtype=np.int64)

    def build(self) -> SymbolTableBytes:
        program, numbers = self.program, self.numbers
        sections = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.int64)
        self._add([""], np.zeros(1, dtype=SYM), np.zeros(1, dtype=np.int64))
        if self.options.emit_relocs:
            present = np.flatnonzero(numbers)
            sections[numbers[present]] = np.arange(len(present)) + self.count
            rows = np.zeros(len(present), dtype=SYM)
            rows["st_info"], rows["st_shndx"] = STT_SECTION, numbers[present]
            rows["st_value"] = [self.layout.outputs[i].addr & M64 for i in present.tolist()]
            self._add([""], rows, np.zeros(len(rows), dtype=np.int64))
            self.wanted[program.relocs.sym[program.sections.live[program.relocs.sid]]] = True
        if self.options.discard != "all":
            self._locals()
        first_global = self._globals()
        table, order = np.concatenate(self.parts), np.concatenate(self.order)
        if self.options.unique_symbols:
            names = [self.names[number] for number in order.tolist()]
            self.names, order = with_counts(names, table["st_info"].tolist()), np.arange(len(names))
        strings, offsets = _interned(self.names)
        table["st_name"] = offsets[order]
        return SymbolTableBytes(table.tobytes(), strings, first_global, self.index, sections)

    def _add(self, names: list[str], rows: Column, order: Column) -> None:
        """Add rows; `order` are indices of their names in `names`."""
        self.order.append(order + len(self.names))
        self.names += names
        self.parts.append(rows)
        self.count += len(rows)

    def _rows(self, ids: Column, kind: Column, shndx: Column) -> Column:
        """Rows of symbols `ids`, with their addresses; TLS symbols count from the start of the template."""
        rows = np.zeros(len(ids), dtype=SYM)
        value = self.known.symbol[ids].copy()
        for at in self._chosen(ids):
            value[at] = self.known.resolvers[int(ids[at])][1]
        value[(kind == STT_TLS) & (shndx != SHN_UNDEF)] -= self.known.tls_start
        rows["st_info"], rows["st_shndx"] = kind, shndx
        rows["st_value"], rows["st_size"] = (
            value.view(np.uint64),
            self.program.symbols.size[ids].view(np.uint64),
        )
        return rows

    def _chosen(self, ids: Column) -> list[int]:
        """Where in `ids` functions are that a resolver chooses: the table has the resolver's address."""
        resolvers = self.known.resolvers
        return np.flatnonzero(np.isin(ids, list(resolvers))).tolist() if resolvers else []

    def _section_of(self, ids: Column) -> Column:
        """The header numbers for symbols in sections; a symbol in an empty section goes to a neighbour."""
        sid = self.program.symbols.sid[ids]
        for at in self._chosen(ids):
            sid[at] = self.known.resolvers[int(ids[at])][0]
        output = self.layout.output[sid]
        shndx: Column = np.where(output >= 0, self.numbers[np.maximum(output, 0)], 0)
        for at in np.flatnonzero(shndx == 0).tolist():
            shndx[at] = home(self.layout, self.numbers, int(self.known.symbol[ids[at]]))
        return shndx

    def _locals(self) -> None:
        """The locals of each object behind the name of its source file; those in `wanted` stay in any case."""
        program, symbols = self.program, self.program.symbols
        first = symbols.globals
        kind, sid = symbols.type[first:], symbols.sid[first:]
        placed = (sid >= 0) & (self.layout.output[np.maximum(sid, 0)] >= 0)
        keep = (kind != STT_SECTION) & (kind != STT_FILE) & (placed | (sid == ABSOLUTE))
        if self.options.strip == "debug":
            alloc = (program.sections.flags[np.maximum(sid, 0)] & SHF_ALLOC) != 0
            keep &= alloc | ~placed
        chosen = np.flatnonzero(keep) + first
        sources = dict(_by_file(symbols.file, np.flatnonzero(kind == STT_FILE) + first))
        names: list[str] = []
        order: list[int] = []
        ids: list[int] = []  # -1 for the name of a source file
        for file, mine in _by_file(symbols.file, chosen):
            kept = self._kept(file, mine)
            if not kept:
                continue
            start = len(names)
            names += kept.values()
            source = next(filter(None, self._names(file, sources[file])), "") if file in sources else ""
            if source:
                order.append(len(names))
                names.append(source)
                ids.append(-1)
            order += range(start, start + len(kept))
            ids += kept
        numbers = np.array(ids, dtype=np.int64)
        real = np.flatnonzero(numbers >= 0)
        self.index[numbers[real]] = real + self.count
        rows = np.zeros(len(numbers), dtype=SYM)
        rows["st_info"], rows["st_shndx"] = STT_FILE, SHN_ABS
        found = numbers[real]
        shndx = np.full(len(found), SHN_ABS, dtype=np.int64)
        inside = np.flatnonzero(symbols.sid[found] >= 0)
        shndx[inside] = self._section_of(found[inside])
        rows[real] = self._rows(found, symbols.type[found], shndx)
        self._add(names, rows, np.array(order, dtype=np.int64))

    def _names(self, file: int, ids: Column) -> list[str]:
        """The names of locals of object `file`."""
        table = self.program.resolution.files[file].object.symbols
        return names_of(table, ids - int(self.program.file_symbols[file][0]))

    def _kept(self, file: int, ids: Column) -> dict[int, str]:
        """Of locals of an object, those that have a name that stays, with their names."""
        table = self.program.resolution.files[file].object.symbols
        if self.options.discard == "locals" and isinstance(table.names, Names):
            temporary = table.names.begin_with(b".L", ids - int(self.program.file_symbols[file][0]))
            ids = ids[~temporary | self.wanted[ids]]
        found = dict(zip(ids.tolist(), self._names(file, ids), strict=True))
        prefix = ".L" if self.options.discard == "locals" else "\0"
        return {
            number: name
            for number, name in found.items()
            if name
            and (not name.startswith(prefix) or self.wanted[number])
            and (self.retained is None or name in self.retained or self.wanted[number])
        }

    def _globals(self) -> int:
        """Add the globals: hidden ones, which become local, then those that stay global. The number of the first of these."""
        symbols, table = self.program.symbols, self.program.resolution.symbols
        ids = np.flatnonzero(table.column("object_reference"))
        if self.retained is not None:
            retained = np.array([table.names[n] in self.retained for n in ids.tolist()], dtype=bool)
            ids = ids[retained | self.wanted[ids]]
        sid = symbols.sid[ids]
        gone = (sid >= 0) & (self.layout.output[np.maximum(sid, 0)] < 0)
        nowhere = (sid == UNDEFINED) | (sid == SHARED)
        idle = nowhere & ~table.strong_reference[ids] & ~table.weak[ids]
        requested = frozenset(self.options.undefined)
        hidden_by_linker = (symbols.visibility[ids] == STV_HIDDEN) & (table.visibility[ids] == STV_DEFAULT)
        idle |= (sid == UNDEFINED) & hidden_by_linker
        for at in np.flatnonzero(idle).tolist():
            idle[at] = table.names[ids[at]] not in requested
        ids = ids[~gone & ~idle]
        ids = in_walk_order(table, ids)
        sid, kind = symbols.sid[ids], symbols.type[ids].astype(np.int64)
        kind[kind == STT_COMMON] = STT_OBJECT  # it has its place now
        # The binding of an undefined symbol is that of its references, not that of the library's definition.
        weak = table.weak[ids] & ((sid >= 0) | (sid == ABSOLUTE) | ~table.strong_reference[ids])
        binding = np.where(weak, STB_WEAK, STB_GLOBAL)
        binding[table.info[ids] >> ST_BIND_SHIFT == STB_GNU_UNIQUE] = STB_GNU_UNIQUE
        shndx = np.where(sid == ABSOLUTE, SHN_ABS, SHN_UNDEF)
        inside = np.flatnonzero(sid >= 0)
        shndx[inside] = self._section_of(ids[inside])
        for number in table.shared if (self.known.tables.plt_entry >= 0).any() else ():
            if self.known.tables.plt_entry[number] >= 0 and symbols.sid[number] >= 0:
                shndx[ids == number] = SHN_UNDEF  # a canonical PLT entry
        kind[(kind == STT_GNU_IFUNC) & (shndx == SHN_UNDEF)] = STT_FUNC  # here it is a function as any other
        seen = symbols.visibility[ids].copy()
        linker = np.flatnonzero(sid == LINKER)
        for at in linker.tolist():
            name = table.names[ids[at]]
            shndx[at], kind[at] = self._made(name, int(self.known.symbol[ids[at]]))
        hidden = ((seen == STV_HIDDEN) | (seen == STV_INTERNAL)) & self._local_if_hidden(ids)
        hidden = (hidden | self.local[ids]) & (shndx != SHN_UNDEF)
        seen[hidden] = STV_DEFAULT  # as in GNU ld: a local symbol has nobody to hide from
        for at in linker.tolist():
            name = table.names[ids[at]]
            placed = self.layout.symbols.get(name)
            hidden[at] = placed.hidden if placed is not None else name.startswith((".", *_OWN))
            seen[at] = _linker_visibility(self.layout, self.program, name)
        binding[linker] = STB_GLOBAL
        rows = self._rows(ids, kind, shndx)
        rows["st_info"] = np.where(hidden, STB_LOCAL, binding) << ST_BIND_SHIFT | kind
        rows["st_size"][shndx == SHN_UNDEF] = 0
        rows["st_other"] = seen
        order = np.concatenate((np.flatnonzero(hidden), np.flatnonzero(~hidden)))
        self.index[ids[order]] = np.arange(len(order)) + self.count
        first_global = self.count + int(hidden.sum())
        names = [table.names[number] for number in ids.tolist()]
        if table.versions or table.shared:
            names = [_versioned(table[number]) for number in ids.tolist()]
        self._add(names, rows[order], order)
        return first_global

    def _local_if_hidden(self, ids: Column) -> Column:
        """Which symbols are local if they are hidden: those that the loader could see otherwise (bfd: forced_local).

        The others of a program stay global, and hidden.
        """
        if self.options.shared:
            return np.ones(len(ids), dtype=bool)
        if self.options.static:
            return np.zeros(len(ids), dtype=bool)
        tables = self.known.tables
        needed: Column = (tables.got_entry[ids] >= 0) | (tables.plt_entry[ids] >= 0)
        needed |= self.program.resolution.symbols.library_reference[ids] | self.options.export_dynamic
        return needed

    def _made(self, name: str, value: int) -> tuple[int, int]:
        """(section header number, type) of a symbol that the linker or a script defines."""
        found = of_script(self.layout, self.numbers, self.program, name)
        if found is None and name == "__ehdr_start":  # as in GNU ld, it belongs to the first section
            return int(self.numbers.max(initial=0) > 0) or SHN_ABS, STT_NOTYPE
        return found or (home(self.layout, self.numbers, value, name), STT_NOTYPE)


def with_counts(names: list[str], info: list[int]) -> list[str]:
    """-z unique-symbol: `names` of a table's rows, those of local symbols with a count; `info` is each row's st_info.

    As in GNU ld, the first `f` is `f.0` and the count is hexadecimal.
    """
    counts: Counter[str] = Counter()
    made = []
    for name, each in zip(names, info, strict=True):
        local = each >> ST_BIND_SHIFT == STB_LOCAL and each & ST_TYPE_MASK not in (STT_FILE, STT_SECTION)
        made.append(f"{name}.{counts[name]:x}" if local and name else name)
        counts[name] += local
    return made


def any_unique(program: ProgramColumns) -> bool:
    """Whether a definition has the binding STB_GNU_UNIQUE, which makes a file one for GNU systems."""
    unique = program.resolution.symbols.column("info") >> ST_BIND_SHIFT == STB_GNU_UNIQUE
    return bool((unique & (program.symbols.sid[: len(unique)] >= 0)).any())


def in_walk_order(table: GlobalSymbols, ids: Column) -> Column:
    """Global symbols in the order of GNU ld's symbol tables."""
    hashed = [table.names[number] for number in ids.tolist()]
    if table.versions or table.shared:
        hashed = [_versioned(table[number], "@@") for number in ids.tolist()]
    result: Column = ids[walk_order(hashed, ids, len(table.names))]
    return result


def _versioned(symbol: GlobalSymbol, default: str = "@") -> str:
    """The name in .symtab, with its version: `foo@V` of a library, `foo@@V` for a default version defined here.

    `default` is what stands before the default version of a library.
    """
    name, shared = symbol.name, symbol.shared
    if "@" in name:
        return name
    if shared is not None and shared.version:
        return f"{name}{default}{shared.version}"
    return f"{name}@@{symbol.version}" if symbol.version else name


def _by_file(files: Column, ids: Column) -> Iterator[tuple[int, Column]]:
    """(object, its part of `ids`); `ids` of one object stand together."""
    of = files[ids]
    starts = np.flatnonzero(np.diff(of, prepend=-1)) if len(ids) else ids
    ends = [*starts[1:].tolist(), len(ids)]
    for file, start, end in zip(of[starts].tolist(), starts.tolist(), ends, strict=False):
        yield file, ids[start:end]


def _interned(names: list[str]) -> tuple[bytes, Column]:
    """(a string table that has each of `names` once, the offset of each)."""
    unique = dict.fromkeys(names)
    unique.pop("", None)
    text = "\0".join(unique)
    raw = text.encode("utf-8", "surrogateescape")
    sizes = map(len, unique if text.isascii() else (n.encode("utf-8", "surrogateescape") for n in unique))
    starts = (np.cumsum(np.fromiter(sizes, dtype=np.int64, count=len(unique)) + 1) + 1).tolist()
    at = dict(zip(unique, [1, *starts], strict=False))
    at[""] = 0
    return b"\0" + raw + b"\0" * bool(unique), np.array([at[name] for name in names], dtype=np.int64)
