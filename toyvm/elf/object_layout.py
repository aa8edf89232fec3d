"""The layout of a `.o`, which is that of GNU as: from sections, groups, tables as bytes to a file.

The section headers are: group sections, then each section followed by its .rela, .symtab, .strtab, .shstrtab. The file
holds the contents in that order, .symtab, .strtab, all .rela sections, .shstrtab, and the section headers at the end.
This module does not import numpy: `object_writer` gives it the arrays of an ObjectFile as bytes, and the assembler its
rows, of a text that is short.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from toyvm.base.record import Record

from ..base.bits import align_up
from ..base.errors import ElfError
from . import class32
from .constants import (
    EHDR_SIZE,
    ELFOSABI_GNU,
    ELFOSABI_NONE,
    ET_REL,
    RELA_SIZE,
    SHF_GNU_MBIND,
    SHF_GROUP,
    SHF_INFO_LINK,
    SHF_LINK_ORDER,
    SHN_LORESERVE,
    SHT_GROUP,
    SHT_NOBITS,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
    SYM_SIZE,
)
from .headers import Ehdr, Shdr
from .string_table import StringTable
from .symbol import Rela, Sym, r_info


class SectionNumbers(Record):
    """The number of each part of the model in the section header table."""

    section: list[int]  # number in the model -> number in the file
    rela: dict[int, int]  # number in the model -> number of its .rela section in the file
    symtab: int


class LaidSection(Protocol):
    """What the layout needs of a section: `object_file.Section` has it, and `SectionRow`."""

    @property
    def name(self) -> str:
        """The name."""

    @property
    def type(self) -> int:
        """SHT_*"""

    @property
    def flags(self) -> int:
        """SHF_*"""

    @property
    def addralign(self) -> int:
        """The alignment in bytes."""

    @property
    def entsize(self) -> int:
        """The size in bytes of an entry, or 0."""

    @property
    def data(self) -> bytes:
        """The contents."""

    @property
    def size(self) -> int:
        """The size in bytes, also of a section without contents."""

    @property
    def link(self) -> int:
        """A section number of the model."""

    @property
    def info(self) -> int:
        """A section number of the model."""

    @property
    def group(self) -> int | None:
        """The index of its group."""


class SectionRow(NamedTuple):
    """A section as a tuple; the fields are those of `object_file.Section`, without relocations."""

    name: str
    type: int
    flags: int
    addralign: int
    entsize: int
    data: bytes
    size: int
    link: int
    info: int
    group: int | None


class GroupRow(NamedTuple):
    """A section group as `object_file.SectionGroup`."""

    signature: int
    flags: int
    members: tuple[int, ...]


class Contents(Record):
    """An object ready to be laid out.

    relas     number of a section in the model -> the bytes of its relocations, only where there are some
    symtab    makes the symbol table from the section numbers and the offsets of names
    xlen      32 for an ELF32 file
    gnu       whether it uses a GNU extension: retained sections, IFUNC symbols or unique symbols
    """

    name: str
    sections: Sequence[LaidSection]  # without the null section
    groups: Sequence[GroupRow]
    relas: dict[int, bytes]
    names: Sequence[str]
    symtab: Callable[[list[int], dict[str, int]], bytes]
    first_global: int
    e_flags: int
    gnu: bool
    xlen: int = 64


def object_bytes(made: Contents) -> bytes:
    """The ELF file. ElfError for more than 65,280 sections."""
    numbers = _number(made)
    strings = StringTable()
    for name in made.names:
        strings.add(name)
    strtab, offsets = strings.finish()
    symtab = made.symtab(numbers.section, offsets)
    shstrtab, name_offsets = _section_names(made)
    narrow = made.xlen == 32
    word, sym_size, rela_size = (
        (4, class32.SYM_SIZE, class32.RELA_SIZE) if narrow else (8, SYM_SIZE, RELA_SIZE)
    )
    out = bytearray(class32.EHDR_SIZE if narrow else EHDR_SIZE)
    headers: dict[int, Shdr] = {0: Shdr()}

    def put(number: int, name: str, data: bytes, shdr: Shdr) -> None:
        start = align_up(len(out), max(shdr.addralign, 1))
        out.extend(bytes(start - len(out)))
        headers[number] = shdr._replace(name=name_offsets[name], offset=start, size=shdr.size or len(data))
        out.extend(data)

    for index, group in enumerate(made.groups):
        members = [file for m in group.members for file in (numbers.section[m], numbers.rela.get(m)) if file]
        data = struct.pack(f"<{1 + len(members)}I", group.flags, *members)
        put(1 + index, ".group", data, Shdr(0, SHT_GROUP, 0, 0, 0, 0, numbers.symtab, group.signature, 4, 4))
    for index, section in enumerate(made.sections, start=1):
        put(numbers.section[index], section.name, section.data, _section_header(section, numbers))
    put(
        numbers.symtab,
        ".symtab",
        symtab,
        Shdr(0, SHT_SYMTAB, 0, 0, 0, 0, numbers.symtab + 1, made.first_global, word, sym_size),
    )
    put(numbers.symtab + 1, ".strtab", strtab, Shdr(0, SHT_STRTAB, addralign=1))
    for index, number in numbers.rela.items():
        section = made.sections[index - 1]
        flags = SHF_INFO_LINK | (SHF_GROUP if section.group is not None else 0)
        shdr = Shdr(0, SHT_RELA, flags, 0, 0, 0, numbers.symtab, numbers.section[index], word, rela_size)
        put(number, f".rela{section.name}", made.relas[index], shdr)
    put(numbers.symtab + 2, ".shstrtab", shstrtab, Shdr(0, SHT_STRTAB, addralign=1))
    out.extend(bytes(-len(out) % word))
    ehdr = Ehdr(
        ET_REL,
        osabi=ELFOSABI_GNU if made.gnu else ELFOSABI_NONE,
        shoff=len(out),
        flags=made.e_flags,
        shnum=len(headers),
        shstrndx=numbers.symtab + 2,
    )
    head = class32.pack_ehdr(ehdr) if narrow else ehdr.pack()
    out[: len(head)] = head
    for number in range(len(headers)):
        out += class32.pack_shdr(headers[number]) if narrow else headers[number].pack()
    return bytes(out)


def _number(made: Contents) -> SectionNumbers:
    section = [0]
    rela: dict[int, int] = {}
    following = 1 + len(made.groups)
    for index in range(1, len(made.sections) + 1):
        section.append(following)
        following += 1
        if index in made.relas:
            rela[index] = following
            following += 1
    if following + 3 > SHN_LORESERVE:
        raise ElfError(
            f"{made.name}: {following + 3} sections; an ELF file without extended numbering holds {SHN_LORESERVE}"
        )
    return SectionNumbers(section, rela, following)


def _section_names(made: Contents) -> tuple[bytes, dict[str, int]]:
    strings = StringTable()
    for name in (".symtab", ".strtab", ".shstrtab"):
        strings.add(name)
    for index, section in enumerate(made.sections, start=1):
        if index in made.relas:
            strings.add(f".rela{section.name}")
        strings.add(section.name)
    if made.groups:
        strings.add(".group")
    return strings.finish()


def _section_header(section: LaidSection, numbers: SectionNumbers) -> Shdr:
    return Shdr(
        name=0,
        type=section.type,
        flags=section.flags,
        size=section.size if section.type == SHT_NOBITS else len(section.data),
        link=numbers.section[section.link] if section.flags & SHF_LINK_ORDER else 0,
        info=_info(section, numbers),
        addralign=section.addralign,
        entsize=section.entsize,
    )


def _info(section: LaidSection, numbers: SectionNumbers) -> int:
    """sh_info: a section, or the node of memory of an mbind section."""
    if section.flags & SHF_INFO_LINK:
        return numbers.section[section.info]
    return section.info if section.flags & SHF_GNU_MBIND else 0


def symbol_bytes(
    rows: Sequence[tuple[int, int, int, int, int, int]], names: Sequence[str], xlen: int = 64
) -> Callable[[list[int], dict[str, int]], bytes]:
    """`Contents.symtab` for rows of (not used, st_info, st_other, section of the model, st_value, st_size)."""

    def symtab(numbers: list[int], offsets: dict[str, int]) -> bytes:
        pack = class32.pack_sym if xlen == 32 else Sym.pack
        return b"".join(
            pack(
                Sym(
                    offsets[name],
                    info,
                    other,
                    numbers[index] if index < SHN_LORESERVE else index,
                    value,
                    size,
                )
            )
            for (_, info, other, index, value, size), name in zip(rows, names, strict=True)
        )

    return symtab


def relocation_bytes(rows: Sequence[tuple[int, int, int, int]], xlen: int = 64) -> bytes:
    """A .rela section of rows (r_offset, type, symbol, r_addend)."""
    if xlen == 32:
        return class32.pack_relas(rows)
    return b"".join(
        [Rela(offset, r_info(symbol, kind), addend).pack() for offset, kind, symbol, addend in rows]
    )
