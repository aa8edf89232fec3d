"""Writes an ObjectFile as a `.o`, in the layout of GNU as.

The section headers are: group sections, then each section followed by its .rela, .symtab, .strtab, .shstrtab. The file
holds the contents in that order, .symtab, .strtab, all .rela sections, .shstrtab, and the section headers at the end.
"""

from __future__ import annotations

import struct

import numpy as np

from toyvm.base.record import Record

from ..base.bits import align_up
from ..base.errors import ElfError
from .constants import (
    EHDR_SIZE,
    ELFOSABI_GNU,
    ELFOSABI_NONE,
    ET_REL,
    RELA_SIZE,
    SHF_GNU_RETAIN,
    SHF_GROUP,
    SHF_INFO_LINK,
    SHF_LINK_ORDER,
    SHN_LORESERVE,
    SHT_GROUP,
    SHT_NOBITS,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
    ST_BIND_SHIFT,
    ST_TYPE_MASK,
    STB_GNU_UNIQUE,
    STT_GNU_IFUNC,
    SYM_SIZE,
)
from .headers import Ehdr, Shdr
from .object_file import ObjectFile, Section
from .record_arrays import RELA, StringTable


class _Numbers(Record):
    """The number of each part of the model in the section header table."""

    section: list[int]  # number in the model -> number in the file
    rela: dict[int, int]  # number in the model -> number of its .rela section in the file
    symtab: int


def write_object(obj: ObjectFile) -> bytes:
    """The ELF file of `obj`. The same object gives the same bytes. ElfError for more than 65,280 sections."""
    numbers = _number(obj)
    strtab, symtab = _symbols(obj, numbers)
    shstrtab, name_offsets = _section_names(obj)
    out = bytearray(EHDR_SIZE)
    headers: dict[int, Shdr] = {0: Shdr()}

    def put(number: int, name: str, data: bytes, shdr: Shdr) -> None:
        start = align_up(len(out), max(shdr.addralign, 1))
        out.extend(bytes(start - len(out)))
        headers[number] = shdr._replace(name=name_offsets[name], offset=start, size=shdr.size or len(data))
        out.extend(data)

    for index, group in enumerate(obj.groups):
        members = [file for m in group.members for file in (numbers.section[m], numbers.rela.get(m)) if file]
        data = struct.pack(f"<{1 + len(members)}I", group.flags, *members)
        put(1 + index, ".group", data, Shdr(0, SHT_GROUP, 0, 0, 0, 0, numbers.symtab, group.signature, 4, 4))
    for index, section in enumerate(obj.sections[1:], start=1):
        put(numbers.section[index], section.name, section.data, _section_header(section, numbers))
    put(
        numbers.symtab,
        ".symtab",
        symtab,
        Shdr(0, SHT_SYMTAB, 0, 0, 0, 0, numbers.symtab + 1, obj.symbols.first_global, 8, SYM_SIZE),
    )
    put(numbers.symtab + 1, ".strtab", strtab, Shdr(0, SHT_STRTAB, addralign=1))
    for index, number in numbers.rela.items():
        section = obj.sections[index]
        flags = SHF_INFO_LINK | (SHF_GROUP if section.group is not None else 0)
        shdr = Shdr(0, SHT_RELA, flags, 0, 0, 0, numbers.symtab, numbers.section[index], 8, RELA_SIZE)
        put(number, f".rela{section.name}", np.ascontiguousarray(section.relocs, RELA).tobytes(), shdr)
    put(numbers.symtab + 2, ".shstrtab", shstrtab, Shdr(0, SHT_STRTAB, addralign=1))
    out.extend(bytes(-len(out) % 8))
    osabi = ELFOSABI_GNU if _uses_gnu_extensions(obj) else ELFOSABI_NONE
    ehdr = Ehdr(
        ET_REL,
        osabi=osabi,
        shoff=len(out),
        flags=obj.e_flags,
        shnum=len(headers),
        shstrndx=numbers.symtab + 2,
    )
    out[:EHDR_SIZE] = ehdr.pack()
    for number in range(len(headers)):
        out += headers[number].pack()
    return bytes(out)


def _uses_gnu_extensions(obj: ObjectFile) -> bool:
    """Whether the object uses a GNU extension: retained sections, IFUNC symbols or unique symbols."""
    if any(section.flags & SHF_GNU_RETAIN for section in obj.sections):
        return True
    info = obj.symbols.array["st_info"]
    return bool(
        ((info & ST_TYPE_MASK) == STT_GNU_IFUNC).any() or ((info >> ST_BIND_SHIFT) == STB_GNU_UNIQUE).any()
    )


def _number(obj: ObjectFile) -> _Numbers:
    section = [0]
    rela: dict[int, int] = {}
    following = 1 + len(obj.groups)
    for index, each in enumerate(obj.sections[1:], start=1):
        section.append(following)
        following += 1
        if len(each.relocs):
            rela[index] = following
            following += 1
    if following + 3 > SHN_LORESERVE:
        raise ElfError(
            f"{obj.name}: {following + 3} sections; an ELF file without extended numbering holds {SHN_LORESERVE}"
        )
    return _Numbers(section, rela, following)


def _symbols(obj: ObjectFile, numbers: _Numbers) -> tuple[bytes, bytes]:
    """(.strtab, .symtab)."""
    strings = StringTable()
    for name in obj.symbols.names:
        strings.add(name)
    strtab, offsets = strings.finish()
    array = obj.symbols.array.copy()
    array["st_name"] = [offsets[name] for name in obj.symbols.names]
    ordinary = array["st_shndx"] < SHN_LORESERVE
    array["st_shndx"][ordinary] = np.array(numbers.section, dtype=np.uint16)[array["st_shndx"][ordinary]]
    return strtab, array.tobytes()


def _section_names(obj: ObjectFile) -> tuple[bytes, dict[str, int]]:
    strings = StringTable()
    for name in (".symtab", ".strtab", ".shstrtab"):
        strings.add(name)
    for section in obj.sections[1:]:
        if len(section.relocs):
            strings.add(f".rela{section.name}")
        strings.add(section.name)
    if obj.groups:
        strings.add(".group")
    return strings.finish()


def _section_header(section: Section, numbers: _Numbers) -> Shdr:
    return Shdr(
        name=0,
        type=section.type,
        flags=section.flags,
        size=section.size if section.type == SHT_NOBITS else len(section.data),
        link=numbers.section[section.link] if section.flags & SHF_LINK_ORDER else 0,
        info=numbers.section[section.info] if section.flags & SHF_INFO_LINK else 0,
        addralign=section.addralign,
        entsize=section.entsize,
    )
