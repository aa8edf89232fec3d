"""Builds the object: numbers symbols, sorts relocations, and makes the `ObjectFile`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from toyvm.elf.constants import (
    GRP_COMDAT,
    SHF_GNU_MBIND,
    SHF_GNU_RETAIN,
    SHF_GROUP,
    SHF_LINK_ORDER,
    SHF_TLS,
    SHN_ABS,
    SHN_COMMON,
    SHN_UNDEF,
    ST_TYPE_MASK,
    STB_GLOBAL,
    STB_GNU_UNIQUE,
    STB_LOCAL,
    STB_WEAK,
    STT_COMMON,
    STT_FILE,
    STT_GNU_IFUNC,
    STT_OBJECT,
    STT_SECTION,
    STT_TLS,
)
from toyvm.elf.object_layout import (
    Contents,
    GroupRow,
    SectionRow,
    object_bytes,
    relocation_bytes,
    symbol_bytes,
)
from toyvm.relocations import R

from ..fixup_resolution import FixupResolver, PendingReloc
from ..sections import AsmSymbol

if TYPE_CHECKING:
    from toyvm.elf.object_file import ObjectFile
    from toyvm.elf.record_arrays import Table

    from ..sections import AsmSection
    from ..state import AssemblyState


# st_name (not used), st_info, st_other, st_shndx, st_value, st_size
SymbolRow = tuple[int, int, int, int, int, int]


class ObjectOutput:
    """Collects sections with their bytes and relocations. `object` makes the object file."""

    def __init__(self, state: AssemblyState, resolver: FixupResolver):
        self.state = state
        self.resolver = resolver
        self.sections: list[tuple[AsmSection, bytes, list[PendingReloc]]] = []
        # Signature of a group that the text does not define as a symbol -> number of the first member.
        self._group_names: dict[AsmSymbol, int] = {}

    def add(self, section: AsmSection, data: bytes, relocs: list[PendingReloc]) -> None:
        """Append a section, and add the symbols of its relocations to the symbol table."""
        section.index = len(self.sections) + 1
        self.sections.append((section, data, relocs))
        order = self.state.symbols
        for _, _, symbol, _, _ in relocs:
            if symbol is not None and not symbol.used:
                symbol.used = True
                order.list(symbol)

    def finish(self, name: str, e_flags: int) -> AssembledFile:
        """Number the symbols and the groups; nothing can be added any more."""
        groups = self._groups()
        names, rows, first_global = self._symbols()
        members: dict[int, int] = {}
        group_rows = []
        for number, (signature, sections) in enumerate(groups):
            flags = GRP_COMDAT if any(section.comdat for section in sections) else 0
            group_rows.append(GroupRow(signature.index, flags, tuple(section.index for section in sections)))
            members.update({section.index: number for section in sections})
        made = [self._section(section, data, members) for section, data, _ in self.sections]
        relocs = [relocs for _, _, relocs in self.sections]
        return AssembledFile(
            name, made, relocs, group_rows, names, rows, first_global, e_flags, self.state.xlen
        )

    def _section(self, section: AsmSection, data: bytes, groups: dict[int, int]) -> SectionRow:
        link = 0
        if section.flags & SHF_LINK_ORDER:
            # A symbol; the name of a section is one, too.
            target = self.state.symbols.by_name.get(section.link)
            link = target.chunk.section.index if target is not None and target.chunk is not None else 0
        group = groups.get(section.index)
        return SectionRow(
            section.name,
            section.type,
            section.flags | (SHF_GROUP if group is not None else 0),
            section.align,
            section.entsize,
            data,
            section.size if section.is_nobits else len(data),
            link,
            section.node,
            group,
        )

    def _groups(self) -> list[tuple[AsmSymbol, list[AsmSection]]]:
        """Each section group: its signature and its members."""
        found: dict[str, list[AsmSection]] = {}
        for section, _, _ in self.sections:
            if section.group:
                found.setdefault(section.group, []).append(section)
        return [(self._signature(name, sections[0].index), sections) for name, sections in found.items()]

    def _signature(self, name: str, member: int) -> AsmSymbol:
        symbol = self.state.symbols.by_name.get(name)
        if symbol is None or not symbol.is_defined:
            # GNU as makes a local symbol, in a section of the group, if the file defines no such symbol.
            symbol = symbol or self.state.symbols.get(name)
            if symbol.binding == STB_LOCAL:
                self._group_names[symbol] = member
        symbol.used = True
        return self.state.symbols.list(symbol)

    # -- symbols ----------------------------------------------------------------------------------

    def _symbols(self) -> tuple[list[str], list[SymbolRow], int]:
        """Names and rows of the symbol table, and the number of the first global. Sets `AsmSymbol.index`."""
        state = self.state
        kept = [symbol for symbol in state.symbols.order if symbol.used or self._is_kept(symbol)]
        late = [section.symbol for section, _, _ in self.sections if not section.symbol.listed]
        local: list[AsmSymbol] = []
        others: list[AsmSymbol] = []
        for symbol in kept:
            binding = symbol.binding if symbol.chunk is not None else self._binding(symbol)
            (local if binding == STB_LOCAL else others).append(symbol)
        symbols = [*state.symbols.files, *local, *late, *others]
        rows: list[SymbolRow] = [(0, 0, 0, 0, 0, 0)]
        names = [""]
        address = self.resolver.layout.address
        for number, symbol in enumerate(symbols, start=1):
            symbol.index = number
            names.append("" if symbol.section is not None else symbol.name)
            chunk = symbol.chunk
            if chunk is None or symbol.section is not None or symbol.size or chunk.section.flags & SHF_TLS:
                rows.append(self._row(symbol))
            else:  # a label without a size: nearly all are
                info = symbol.binding << 4 | symbol.type
                rows.append((0, info, symbol.visibility, chunk.section.index, address(symbol), 0))
        return names, rows, len(symbols) - len(others) + 1

    def _is_kept(self, symbol: AsmSymbol) -> bool:
        if symbol.used or symbol.section is not None or self.state.options.keep_locals:
            return True
        if symbol.value is not None and self.resolver.value_of(symbol).symbol is not None:
            return False  # an alias of an undefined symbol: relocations name the undefined symbol
        if symbol.is_temporary and self._binding(symbol) == STB_LOCAL:
            return False
        # An undefined symbol with a version is kept only if a relocation uses it.
        return symbol.is_defined or (symbol.binding != STB_WEAK and "@" not in symbol.name)

    def _binding(self, symbol: AsmSymbol) -> int:
        """The binding of a symbol. An undefined symbol is global, unless it is a group's signature."""
        if symbol.binding == STB_LOCAL and not symbol.is_defined and symbol not in self._group_names:
            return STB_GLOBAL
        return symbol.binding

    def _row(self, symbol: AsmSymbol) -> SymbolRow:
        """st_name (not used), st_info, st_other, st_shndx, st_value, st_size."""
        if symbol.section is not None:
            return 0, STT_SECTION, 0, symbol.section.index, 0, 0
        if symbol.type == STT_FILE:
            return 0, STT_FILE, 0, SHN_ABS, 0, 0
        info = self._binding(symbol) << 4 | symbol.type
        size = self.resolver.size_of(symbol)
        if symbol.common is not None and self.state.options.stt_common and symbol.type == STT_OBJECT:
            info = info & 0xF0 | STT_COMMON
        if symbol.common is not None:
            return 0, info, symbol.visibility, SHN_COMMON, symbol.common[1], symbol.common[0]
        value = self.resolver.value_of(symbol)
        if symbol in self._group_names:
            return 0, info, symbol.visibility, self._group_names[symbol], 0, 0
        if value.symbol is not None:
            return 0, info, symbol.visibility, SHN_UNDEF, 0, size
        index = SHN_ABS if value.section is None else value.section.index
        if value.section is not None and value.section.flags & SHF_TLS:
            info = info & 0xF0 | STT_TLS
        return 0, info, symbol.visibility, index, value.value & 0xFFFFFFFFFFFFFFFF, size


class AssembledFile:
    """An assembled object: as a model for the linker (`object`), or as a file (`file`), which for a short text needs no numpy."""

    def __init__(
        self,
        name: str,
        sections: list[SectionRow],
        relocs: list[list[PendingReloc]],
        groups: list[GroupRow],
        names: list[str],
        rows: list[SymbolRow],
        first_global: int,
        e_flags: int,
        xlen: int = 64,
    ):
        self._name = name
        self._sections = sections
        self._relocs = relocs
        self._groups = groups
        self._names = names
        self._rows = rows
        self._first_global = first_global
        self._e_flags = e_flags
        self._xlen = xlen

    @cached_property
    def object(self) -> ObjectFile:
        """The object file."""
        import numpy as np

        from toyvm.elf.object_file import NULL_SECTION, ObjectFile, Section, SectionGroup, SymbolTable
        from toyvm.elf.record_arrays import SYM

        array = np.zeros(len(self._rows), dtype=SYM)
        array[:] = self._rows
        sections = [NULL_SECTION]
        for row, relocs in zip(self._sections, self._relocs, strict=True):
            name, type, flags, addralign, entsize, data, size, link, info, group = row
            found = _rela(relocs)
            sections.append(
                Section(name, type, flags, addralign, entsize, data, size, link, info, found, group)
            )
        table = SymbolTable(self._names, array, self._first_global)
        groups = [SectionGroup(*group) for group in self._groups]
        return ObjectFile(self._name, sections, table, self._e_flags, groups, xlen=self._xlen)

    def file(self) -> bytes:
        """The bytes of the `.o`."""
        if len(self._rows) + sum(map(len, self._relocs)) > _FEW:
            from toyvm.elf.object_writer import write_object

            return write_object(self.object)
        infos = [row[1] for row in self._rows]
        gnu = any(section.flags & (SHF_GNU_RETAIN | SHF_GNU_MBIND) for section in self._sections)
        gnu |= any(info & ST_TYPE_MASK == STT_GNU_IFUNC or info >> 4 == STB_GNU_UNIQUE for info in infos)
        relas = {
            index: relocation_bytes(_rela_rows(relocs), self._xlen)
            for index, relocs in enumerate(self._relocs, start=1)
            if relocs
        }
        symtab = symbol_bytes(self._rows, self._names, self._xlen)
        return object_bytes(
            Contents(
                self._name,
                self._sections,
                self._groups,
                relas,
                self._names,
                symtab,
                self._first_global,
                self._e_flags,
                gnu,
                self._xlen,
            )
        )


_FEW = 2000  # symbols and relocations: importing numpy takes as long as handling so many without it


def _rela_rows(relocs: list[PendingReloc]) -> list[tuple[int, int, int, int]]:
    """The rows of `_rela`."""
    rows = []
    for reloc in sorted(relocs, key=lambda reloc: reloc.offset):
        addend = _signed(reloc.addend)
        rows.append(
            (reloc.offset, int(reloc.type), 0 if reloc.symbol is None else reloc.symbol.index, addend)
        )
        if reloc.relax:
            rows.append((reloc.offset, int(R.RELAX), 0, addend))
    return rows


def _rela(relocs: list[PendingReloc]) -> Table:
    """Relocations by address (stable), each followed by its R_RISCV_RELAX."""
    import numpy as np

    from toyvm.elf.object_file import NO_RELOCS
    from toyvm.elf.record_arrays import RELA

    if not relocs:
        return NO_RELOCS
    places, types, symbols, addends, relaxed = zip(*relocs, strict=True)
    offsets = np.array(places, dtype=np.uint64)
    relax = np.array(relaxed, dtype=np.intp)
    order = np.argsort(offsets, kind="stable")
    table = np.zeros(len(relocs), dtype=RELA)
    table["r_offset"] = offsets
    table["r_type"] = np.fromiter(map(int, types), np.uint32, len(types))
    table["r_sym"] = [0 if symbol is None else symbol.index for symbol in symbols]
    try:
        table["r_addend"] = np.array(addends, np.int64)
    except OverflowError:
        table["r_addend"] = [_signed(addend) for addend in addends]
    table, relax = table[order], relax[order]
    if not relax.any():
        return table
    out = np.repeat(table, 1 + relax)
    extra = np.cumsum(1 + relax)[relax.astype(bool)] - 1
    out["r_type"][extra] = R.RELAX
    out["r_sym"][extra] = 0  # the addend stays, as in GNU as; it has no effect
    return out


def _signed(value: int) -> int:
    """`value` modulo 2**64, as a signed number."""
    value &= 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >> 63 else value
