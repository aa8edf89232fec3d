"""An ELF file taken apart, so that sections, symbols and relocations can be removed, renamed and added.

Sections refer to sections and to symbols as objects, not by number, so that a removal breaks no reference. The tables
that only describe others (.symtab, .strtab, .shstrtab, .rela.* of a section) are not among `parts`: `elf_output` makes
them anew.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ...base.errors import ElfError
from .. import class32
from ..constants import (
    ET_DYN,
    ET_EXEC,
    ET_REL,
    MAX_ALIGN,
    PT_LOAD,
    SHF_ALLOC,
    SHF_INFO_LINK,
    SHN_ABS,
    SHN_COMMON,
    SHN_LORESERVE,
    SHN_UNDEF,
    SHT_GROUP,
    SHT_NOBITS,
    SHT_NULL,
    SHT_PROGBITS,
    SHT_RELA,
    SHT_SYMTAB,
    SHT_SYMTAB_SHNDX,
    ST_BIND_SHIFT,
    ST_TYPE_MASK,
    ST_VISIBILITY_MASK,
    STB_GLOBAL,
    STB_GNU_UNIQUE,
    STB_LOCAL,
    STB_WEAK,
    STT_FILE,
    STT_SECTION,
)
from ..elf_file import ElfFile, ElfSection
from ..headers import Ehdr, Phdr, require_riscv

if TYPE_CHECKING:
    from ..record_arrays import Table

_DEBUG = (
    ".debug",
    ".gnu.debuglto_.debug_",
    ".gnu.linkonce.wi.",
    ".zdebug",
    ".line",
    ".stab",
    ".gdb_index",
)


def is_debugging(name: str, flags: int) -> bool:
    """Whether a section is debugging information, by its name (BFD's rule)."""
    return not flags & SHF_ALLOC and name.startswith(_DEBUG)


class Part:
    """A section. `offset` is its place in the original file, None for a new section.

    `lma` is the address at which its bytes are loaded (p_paddr); `relocs` is an array of RELA whose r_sym is the `number` of
    a Name. `loads` is BFD's SEC_LOAD, which only --set-section-flags takes from a section.
    """

    def __init__(self, name: str, data: bytes = b"", type: int = SHT_PROGBITS, flags: int = 0):
        self.name = name
        self.old_name = name
        self.type = type
        self.flags = flags
        self.data = data
        self.size = len(data)
        self.addr = 0
        self.lma = 0
        self.offset: int | None = None
        self.old_size = 0
        self.align = 1
        self.entsize = 0
        self.link: Part | None = None
        self.info = 0
        self.info_part: Part | None = None
        self.relocs: Table | None = None
        self.reloc_flags = 0
        self.group: Group | None = None
        self.loads = True

    @property
    def has_contents(self) -> bool:
        """Whether the section has bytes in the file."""
        return self.type not in (SHT_NOBITS, SHT_NULL)

    @property
    def is_loaded(self) -> bool:
        """Whether its bytes are part of the memory image."""
        return bool(self.flags & SHF_ALLOC) and self.has_contents and self.loads

    @property
    def is_debugging(self) -> bool:
        """Whether it is debugging information."""
        return is_debugging(self.old_name, self.flags)

    @property
    def is_dwo(self) -> bool:
        """Whether it is debugging information for a .dwo file."""
        return self.old_name.endswith(".dwo")

    def put(self, data: bytes) -> None:
        """Give the section other contents."""
        self.data, self.size = data, len(data)


class Name:
    """A symbol. `home` is its section, or None with `special`: SHN_UNDEF, SHN_ABS, SHN_COMMON or another reserved number."""

    def __init__(self, name: str, number: int, home: Part | None = None, special: int = SHN_UNDEF):
        self.name = name
        self.number = number
        self.home = home
        self.special = special
        self.type = 0
        self.binding = STB_LOCAL
        self.other = 0
        self.value = 0
        self.size = 0
        self.is_used = False  # by a relocation of a section that stays

    @property
    def is_undefined(self) -> bool:
        """Whether another file defines it."""
        return self.home is None and self.special == SHN_UNDEF

    @property
    def is_common(self) -> bool:
        """Whether it is a common symbol."""
        return self.home is None and self.special == SHN_COMMON

    @property
    def is_global(self) -> bool:
        """Whether other files see it, or could."""
        return self.binding in (STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE)

    @property
    def is_section(self) -> bool:
        """Whether it stands for its section."""
        return self.type == STT_SECTION

    @property
    def is_file(self) -> bool:
        """Whether it names a source file."""
        return self.type == STT_FILE

    @property
    def visibility(self) -> int:
        """STV_*"""
        return self.other & ST_VISIBILITY_MASK


class Group:
    """A section group: `part` is its section, `signature` the symbol that names it."""

    def __init__(self, part: Part, signature: Name, flags: int, members: list[Part]):
        self.part = part
        self.signature = signature
        self.flags = flags
        self.members = members


class Image:
    """A whole file.

    `data` are the bytes it was read from; `symtab` stands for .symtab where a section links to it. `names` are the
    symbols without the null symbol, `removed` the sections that are gone. `debug_only`: what is loaded has no bytes.
    """

    def __init__(self, name: str, header: Ehdr, data: bytes = b""):
        self.name = name
        self.header = header
        self.is_class32 = header.ehsize == class32.EHDR_SIZE
        self.data = data
        self.segments: list[Phdr] = []
        self.parts: list[Part] = []
        self.names: list[Name] = []
        self.groups: list[Group] = []
        self.symtab = Part(".symtab", type=SHT_SYMTAB)
        self.removed: list[Part] = []
        self.numbers = 1  # symbols so far, dropped ones too
        self.debug_only = False

    @property
    def is_relocatable(self) -> bool:
        """Whether this is a `.o`."""
        return self.header.type == ET_REL

    @property
    def has_addresses(self) -> bool:
        """Whether the values of symbols are addresses."""
        return self.header.type in (ET_EXEC, ET_DYN)

    def part(self, name: str) -> Part | None:
        """The first section called `name` in the output."""
        return next((part for part in self.parts if part.name == name), None)

    def new_name(self, name: str, home: Part | None, special: int = SHN_ABS) -> Name:
        """A new symbol, which is not in `names` yet."""
        made = Name(name, self.numbers, home, special)
        self.numbers += 1
        return made


def new_image(name: str) -> Image:
    """An object without sections."""
    return Image(name, Ehdr(ET_REL))


def read_image(data: bytes, name: str) -> Image:
    """The ELF file in `data`, taken apart. Raises ElfError("NAME: ...") when it is malformed."""
    elf = ElfFile.parse(data, name)
    require_riscv(elf.header, name)
    image = Image(name, elf.header, elf.data)
    image.segments = list(elf.segments)
    tables = list(elf.sections_of_type(SHT_SYMTAB))
    if len(tables) > 1:
        raise ElfError(f"{name}: {len(tables)} symbol tables")
    parts = _parts(elf, image, tables[0] if tables else None)
    if tables:
        image.names = _names(elf, tables[0], parts)
        image.numbers = len(image.names) + 1
    _relocations(elf, image, parts, tables[0].number if tables else 0)
    _groups(elf, image, parts)
    return image


def _described(elf: ElfFile, section: ElfSection, symtab: ElfSection | None) -> bool:
    """Whether a section only describes others."""
    shdr = section.header
    if shdr.type in (SHT_NULL, SHT_SYMTAB, SHT_SYMTAB_SHNDX) or section.number == elf.header.shstrndx:
        return True
    if symtab is not None and section.number == symtab.header.link and not shdr.flags & SHF_ALLOC:
        return True
    return shdr.type == SHT_RELA and not shdr.flags & SHF_ALLOC


def _parts(elf: ElfFile, image: Image, symtab: ElfSection | None) -> list[Part | None]:
    """Section number in the file -> its part; the described ones have none."""
    found: list[Part | None] = []
    for section in elf.sections:
        shdr = section.header
        if _described(elf, section, symtab):
            found.append(None)
            continue
        where = f"{elf.name}: section {section.name}"
        if shdr.addralign & (shdr.addralign - 1):
            raise ElfError(f"{where}: alignment {shdr.addralign} is not a power of two")
        if shdr.addralign > MAX_ALIGN:
            raise ElfError(f"{where}: alignment {shdr.addralign} is larger than {MAX_ALIGN}")
        part = Part(section.name, elf.contents(section), shdr.type, shdr.flags)
        part.size = part.old_size = shdr.size
        part.addr, part.offset = shdr.addr, shdr.offset
        part.lma = _load_address(image.segments, part)
        part.align, part.entsize, part.info = shdr.addralign, shdr.entsize, shdr.info
        found.append(part)
        image.parts.append(part)
    for section, made in zip(elf.sections, found, strict=True):
        if made is None:
            continue
        if symtab is not None and section.header.link == symtab.number:
            made.link = image.symtab
        elif section.header.link < len(found):
            made.link = found[section.header.link]
        if section.header.flags & SHF_INFO_LINK and section.header.info < len(found):
            made.info_part = found[section.header.info]
    return found


def _load_address(segments: list[Phdr], part: Part) -> int:
    """Where the bytes of a section are loaded: its segment's physical address."""
    assert part.offset is not None
    for phdr in segments:
        if phdr.type != PT_LOAD or not part.flags & SHF_ALLOC:
            continue
        inside = phdr.vaddr <= part.addr and part.addr + part.size <= phdr.vaddr + phdr.memsz
        if inside and (not part.has_contents or phdr.offset <= part.offset < phdr.offset + phdr.filesz):
            return part.addr - phdr.vaddr + phdr.paddr
    return part.addr


def _names(elf: ElfFile, table: ElfSection, parts: list[Part | None]) -> list[Name]:
    symbols = elf.symbols_of(table)
    names = []
    rows = zip(symbols.names, symbols.array.tolist(), strict=True)
    for number, (text, (_, info, other, shndx, value, size)) in enumerate(rows):
        if not number:
            continue
        home = None
        if SHN_UNDEF < shndx < SHN_LORESERVE:
            if shndx >= len(parts):
                raise ElfError(
                    f"{elf.name}: symbol {number} '{text}' is in section {shndx}, which does not exist"
                )
            home = parts[shndx]
        made = Name(text, number, home, shndx if home is None else SHN_UNDEF)
        if home is None and SHN_UNDEF < shndx < SHN_LORESERVE:
            made.special = SHN_ABS  # in a table that is written anew
        made.type, made.binding = info & ST_TYPE_MASK, info >> ST_BIND_SHIFT
        made.other, made.value, made.size = other, value, size
        names.append(made)
    return names


def _relocations(elf: ElfFile, image: Image, parts: list[Part | None], symtab: int) -> None:
    import numpy as np

    for section, array in elf.relocations():
        if parts[section.number] is not None:
            continue  # the dynamic loader's
        where = f"{elf.name}: section {section.name}"
        target = parts[section.header.info] if section.header.info < len(parts) else None
        if target is None:
            raise ElfError(f"{where}: relocates section {section.header.info}, which does not exist")
        if section.header.link != symtab and array["r_sym"].any():
            raise ElfError(f"{where}: its symbols are not those of .symtab")
        target.relocs = array if target.relocs is None else np.concatenate([target.relocs, array])
        target.reloc_flags = section.header.flags


def _groups(elf: ElfFile, image: Image, parts: list[Part | None]) -> None:
    for section in elf.sections_of_type(SHT_GROUP):
        where = f"{elf.name}: section {section.name}"
        part, data = parts[section.number], elf.contents(section)
        if part is None or len(data) < 4 or len(data) % 4:
            raise ElfError(f"{where}: a group of {len(data)} bytes")
        if not 0 < section.header.info <= len(image.names):
            raise ElfError(f"{where}: signature symbol {section.header.info} of {len(image.names) + 1}")
        flags, *numbers = struct.unpack(f"<{len(data) // 4}I", data)
        if any(number >= len(parts) for number in numbers):
            raise ElfError(f"{where}: member {max(numbers)}, which does not exist")
        group = Group(part, image.names[section.header.info - 1], flags, [])
        for number in numbers:
            member = parts[number]
            if member is not None and member.group is None:
                member.group = group
                group.members.append(member)
        part.group = group
        image.groups.append(group)
