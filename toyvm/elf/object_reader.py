"""Reads a `.o` into an ObjectFile, and checks everything that the linker relies on.

In the result every section number, symbol number and string is valid, alignments are powers of two, and relocations
begin inside their section. The linker does not check these again.
"""

from __future__ import annotations

import struct

import numpy as np

from ..base.errors import ElfError
from .compression import (
    decompressed,
    decompressed_size,
    is_compressed,
    is_in_gnu_form,
    is_zdebug,
    plain_name,
    require_room,
)
from .constants import (
    ET_REL,
    MAX_ALIGN,
    SHF_ALLOC,
    SHF_COMPRESSED,
    SHF_GNU_MBIND,
    SHF_GROUP,
    SHF_INFO_LINK,
    SHF_LINK_ORDER,
    SHN_LORESERVE,
    SHN_UNDEF,
    SHT_GROUP,
    SHT_NOBITS,
    SHT_NULL,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
    SHT_SYMTAB_SHNDX,
    ST_BIND_SHIFT,
    STB_LOCAL,
)
from .elf_file import ElfFile as ElfFile
from .elf_file import ElfSection
from .headers import Buffer, Shdr, require_riscv
from .object_file import NO_RELOCS, NULL_SECTION, ObjectFile, Section, SectionGroup, SymbolTable, null_symbols
from .record_arrays import Table


def read_object(data: Buffer, name: str) -> ObjectFile:
    """The relocatable object in `data`; messages call it `name`. Raises ElfError when it is malformed."""
    elf = ElfFile.parse(data, name)
    if elf.header.type != ET_REL:
        raise ElfError(f"{name}: not a relocatable object file")
    require_riscv(elf.header, name)
    if not elf.sections:
        raise ElfError(f"{name}: a relocatable object without sections")
    numbers = _number_sections(elf)
    symbols = _symbols(elf, numbers)
    relocs = _relocations(elf, numbers, symbols)
    groups, group_of = _groups(elf, numbers, symbols)
    sections = [NULL_SECTION]
    packed = (s for s in elf.sections if _is_packed(elf, s))
    require_room(((s.name, elf.contents(s)) for s in packed), name)
    kept = (section for section in elf.sections if numbers[section.number])
    sections += [_section(elf, s, numbers, relocs, group_of.get(s.number)) for s in kept]
    xlen = 32 if elf.is_class32 else 64
    return ObjectFile(name, tuple(sections), symbols, elf.header.flags, groups, xlen=xlen)


def _is_packed(elf: ElfFile, section: ElfSection) -> bool:
    """Whether a section is compressed, as the gABI says or in the form before it."""
    kind, flags = section.header.type, section.header.flags
    if is_zdebug(section.name, kind, flags):
        return is_in_gnu_form(elf.contents(section))
    return is_compressed(kind, flags)


def _number_sections(elf: ElfFile) -> list[int]:
    """Section number in the file -> number in the model; 0 for a section that only describes others."""
    describing = {elf.header.shstrndx}
    describing.update(s.header.link for s in elf.sections_of_type(SHT_SYMTAB))
    numbers = []
    following = 1
    for section in elf.sections:
        kind = section.header.type
        drop = kind in (SHT_NULL, SHT_SYMTAB, SHT_GROUP, SHT_SYMTAB_SHNDX)
        drop |= kind == SHT_STRTAB and section.number in describing
        drop |= kind == SHT_RELA and not section.header.flags & SHF_ALLOC
        numbers.append(0 if drop else following)
        following += not drop
    return numbers


def _symbols(elf: ElfFile, numbers: list[int]) -> SymbolTable:
    tables = list(elf.sections_of_type(SHT_SYMTAB))
    if not tables:
        return null_symbols()
    if len(tables) > 1:
        raise ElfError(f"{elf.name}: {len(tables)} symbol tables")
    table = elf.symbols_of(tables[0])
    if not len(table):
        return null_symbols()
    array = table.array.copy()
    local = array["st_info"] >> ST_BIND_SHIFT == STB_LOCAL
    first = table.first_global
    if not local[:first].all() or local[first:].any():
        raise ElfError(f"{elf.name}: local and global symbols are mixed (first global symbol: {first})")
    ordinary = array["st_shndx"] < SHN_LORESERVE
    if ordinary.any() and int(array["st_shndx"][ordinary].max()) >= len(numbers):
        bad = int(np.flatnonzero(ordinary & (array["st_shndx"] >= len(numbers)))[0])
        raise ElfError(
            f"{elf.name}: symbol {bad} '{table.names[bad]}' is in section {array['st_shndx'][bad]}, which does not exist"
        )
    array["st_shndx"][ordinary] = np.array(numbers, dtype=np.uint16)[array["st_shndx"][ordinary]]
    return SymbolTable(table.names, array, first)


def _relocations(elf: ElfFile, numbers: list[int], symbols: SymbolTable) -> dict[int, Table]:
    """Section number in the file -> its relocations."""
    found: dict[int, Table] = {}
    for section, array in elf.relocations():
        if section.header.flags & SHF_ALLOC:
            continue
        target = section.header.info
        where = f"{elf.name}: section {section.name}"
        if target >= len(numbers) or not numbers[target]:
            raise ElfError(f"{where}: relocates section {target}, which does not exist")
        if len(array) and int(array["r_sym"].max()) >= len(symbols):
            raise ElfError(f"{where}: symbol {int(array['r_sym'].max())} of {len(symbols)}")
        header = elf.sections[target].header
        limit = header.file_size
        if _is_packed(elf, elf.sections[target]):
            limit = decompressed_size(elf.contents(elf.sections[target]), where)
        if len(array) and int(array["r_offset"].max()) > limit:
            raise ElfError(
                f"{where}: offset {int(array['r_offset'].max()):#x} outside the section's {limit:#x} bytes"
            )
        found[target] = np.concatenate([found[target], array]) if target in found else array
    return found


def _groups(
    elf: ElfFile, numbers: list[int], symbols: SymbolTable
) -> tuple[tuple[SectionGroup, ...], dict[int, int]]:
    """The section groups, and section number in the file -> index of its group."""
    groups: list[SectionGroup] = []
    group_of: dict[int, int] = {}
    for section in elf.sections_of_type(SHT_GROUP):
        where = f"{elf.name}: section {section.name}"
        data = elf.contents(section)
        if len(data) < 4 or len(data) % 4:
            raise ElfError(f"{where}: a group of {len(data)} bytes")
        if section.header.info >= len(symbols):
            raise ElfError(f"{where}: signature symbol {section.header.info} of {len(symbols)}")
        flags, *members = struct.unpack(f"<{len(data) // 4}I", data)
        for member in members:
            if member == SHN_UNDEF or member >= len(numbers):
                raise ElfError(f"{where}: member {member}, which does not exist")
            if member in group_of:
                raise ElfError(f"{where}: member {member} is in another group already")
            group_of[member] = len(groups)
        kept = tuple(numbers[member] for member in members if numbers[member])
        groups.append(SectionGroup(section.header.info, flags, kept))
    return tuple(groups), group_of


def _info(shdr: Shdr, numbers: list[int]) -> int:
    """A section of the model, or the node of memory of an mbind section."""
    if shdr.flags & SHF_INFO_LINK:
        return numbers[shdr.info] if shdr.info < len(numbers) else 0
    return shdr.info if shdr.flags & SHF_GNU_MBIND else 0


def _section(
    elf: ElfFile, section: ElfSection, numbers: list[int], relocs: dict[int, Table], group: int | None
) -> Section:
    shdr = section.header
    where = f"{elf.name}: section {section.name}"
    data, size, flags, align = elf.contents(section), shdr.size, shdr.flags & ~SHF_GROUP, shdr.addralign
    name = section.name
    if _is_packed(elf, section):
        data, align = decompressed(data, where)
        name = plain_name(name)
        size, flags = len(data), flags & ~SHF_COMPRESSED
    if align & (align - 1):
        raise ElfError(f"{where}: alignment {align} is not a power of two")
    if align > MAX_ALIGN:
        raise ElfError(f"{where}: alignment {align} is larger than {MAX_ALIGN}")
    if shdr.type == SHT_NOBITS and section.number in relocs:
        raise ElfError(f"{where}: relocations for a section without contents")
    link = shdr.link if shdr.link < len(numbers) else 0
    return Section(
        name=name,
        type=shdr.type,
        flags=flags,
        addralign=max(align, 1),
        entsize=shdr.entsize,
        data=data,
        size=size,
        link=numbers[link] if shdr.flags & SHF_LINK_ORDER else 0,
        info=_info(shdr, numbers),
        relocs=relocs.get(section.number, NO_RELOCS),
        group=group,
    )
