"""The tables of `objdump` in GNU's format: section headers, symbols, relocations, contents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from toyvm.base.bits import M64
from toyvm.base.errors import ElfError
from toyvm.elf import constants as c
from toyvm.elf.compression import decompressed_shape
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.elf.symbol_versions import read_versym, symbol_versions

from .binaries import content_sections, has_contents, is_alloc, is_code, is_debugging, is_readonly
from .disassembly import relocation_lines
from .nm_listing import is_special
from .readelf_tables import printable

_ADDEND = re.compile(r"([-+])0x([0-9a-f]+)\Z")


def section_headers(elf: ElfFile, wide: bool = False) -> Iterator[str]:
    """`-h`: the section headers. `wide`: a line each."""
    relocated = (
        {s.header.info for s in elf.sections_of_type(c.SHT_RELA)} if elf.header.type == c.ET_REL else set()
    )
    yield "Sections:"
    sections = content_sections(elf)
    digits = elf.digits
    width = max([13, *(len(section.name) for section in sections)]) if wide else 13
    flags_title = "  Flags" if wide else ""
    yield f"Idx {'Name':<{width}} Size      {'VMA':<{digits}}  {'LMA':<{digits}}  File off  Algn{flags_title}"
    for index, section in enumerate(sections):
        shdr = section.header
        lma = _load_address(elf, section)
        size, align = shdr.size, max(shdr.addralign, 1).bit_length() - 1
        flags = ", ".join(_flags(section, section.number in relocated))
        if shdr.flags & c.SHF_COMPRESSED:
            size, alignment = _expanded(elf, section)
            align = alignment.bit_length() - 1
        place = f"{shdr.addr:0{digits}x}  {lma:0{digits}x}  {shdr.offset:08x}  2**{align}"
        yield f"{index:3} {section.name:<{width}} {size:08x}  {place}" + (f"  {flags}" if wide else "")
        if not wide:
            yield f"                  {flags}"


def _expanded(elf: ElfFile, section: ElfSection) -> tuple[int, int]:
    """(size, alignment) that a compressed section has when it is expanded; of a damaged one, its own."""
    try:
        return decompressed_shape(elf.data[section.header.offset :][: section.header.size], elf.name)
    except ElfError:
        return section.header.size, max(section.header.addralign, 1)


def _load_address(elf: ElfFile, section: ElfSection) -> int:
    """The LMA, by the first segment that has the section; those of an overlay differ only in their places in the file."""
    shdr = section.header
    kind = c.PT_TLS if shdr.flags & c.SHF_TLS else c.PT_LOAD
    if is_alloc(section):
        for phdr in elf.segments:
            inside = phdr.type == kind and phdr.vaddr <= shdr.addr < phdr.vaddr + phdr.memsz
            if inside and has_contents(section):
                inside = phdr.offset <= shdr.offset and shdr.offset + shdr.size <= phdr.offset + phdr.filesz
            elif inside:
                inside = shdr.addr + shdr.size <= phdr.vaddr + phdr.memsz
            if inside:
                return shdr.addr - phdr.vaddr + phdr.paddr
    return shdr.addr


def _flags(section: ElfSection, relocated: bool) -> Iterator[str]:
    if has_contents(section):
        yield "CONTENTS"
    if is_alloc(section):
        yield "ALLOC"
        if has_contents(section):
            yield "LOAD"
    if relocated:
        yield "RELOC"
    if is_readonly(section):
        yield "READONLY"
    if is_code(section):
        yield "CODE"
    elif is_alloc(section) and has_contents(section):
        yield "DATA"
    if is_debugging(section):
        yield "DEBUGGING"
        yield "OCTETS"
    if section.header.flags & c.SHF_EXCLUDE:
        yield "EXCLUDE"
    if section.header.flags & c.SHF_TLS:
        yield "THREAD_LOCAL"
    if section.header.type == c.SHT_GROUP:
        yield "GROUP"
        yield "LINK_ONCE_DISCARD"


def symbols(elf: ElfFile, dynamic: bool = False, spell: Callable[[str], str] = str) -> Iterator[str]:
    """`-t`: the symbols, or `-T`: the dynamic symbols. `spell` writes their names."""
    table = elf.symbols(".dynsym" if dynamic else ".symtab")
    yield "DYNAMIC SYMBOL TABLE:" if dynamic else "SYMBOL TABLE:"
    rows = zip(table.names, table.array.tolist(), strict=True) if table else ()
    shown = 0
    versions = _version_column(elf)
    for number, (name, (_, info, other, shndx, value, size)) in enumerate(rows):
        kind = info & c.ST_TYPE_MASK
        if number == 0 or (kind not in (c.STT_SECTION, c.STT_FILE) and is_special(name)):
            continue
        if kind == c.STT_FILE and not name:
            continue
        shown += 1
        section = {c.SHN_UNDEF: "*UND*", c.SHN_ABS: "*ABS*", c.SHN_COMMON: "*COM*"}.get(
            shndx
        ) or elf.section_name(shndx)
        if kind == c.STT_SECTION and not name:
            name = section
        if shndx == c.SHN_COMMON:
            value, size = size, value
        hidden = {c.STV_INTERNAL: ".internal ", c.STV_HIDDEN: ".hidden ", c.STV_PROTECTED: ".protected "}.get(
            other & c.ST_VISIBILITY_MASK, ""
        )
        version = versions(number if dynamic else 0) if versions else ""
        flags = _symbol_flags(info, shndx, dynamic)
        yield f"{value:0{elf.digits}x} {flags} {section}\t{size:0{elf.digits}x}{version} {hidden}{spell(name)}"
    if not shown:
        yield "no symbols"


def _version_column(elf: ElfFile) -> Callable[[int], str] | None:
    """What gives the version of a dynamic symbol in its column; None without versions. Symbol 0 has none."""
    section = next(elf.sections_of_type(c.SHT_GNU_VERSYM), None)
    if section is None or not any(elf.sections_of_type(c.SHT_GNU_VERDEF, c.SHT_GNU_VERNEED)):
        return None
    numbers, versions = read_versym(elf.contents(section)), symbol_versions(elf)

    def column(number: int) -> str:
        plain = numbers[number] & ~c.VERSYM_HIDDEN if number < len(numbers) else 0
        if plain < 2 or number not in versions:
            return f"  {'Base' if plain == 1 else '':<11}"
        text = versions[number].text
        name = text.lstrip("@")
        return f"  {name:<11}" if text.startswith("@@") else f" {f'({name})':<12}"

    return column


def _symbol_flags(info: int, shndx: int, dynamic: bool) -> str:
    binding, kind = info >> c.ST_BIND_SHIFT, info & c.ST_TYPE_MASK
    visible = shndx not in (c.SHN_UNDEF, c.SHN_COMMON)
    scope = {c.STB_LOCAL: "l", c.STB_GLOBAL: "g" if visible else " ", c.STB_GNU_UNIQUE: "u"}.get(binding, " ")
    weak = "w" if binding == c.STB_WEAK else " "
    indirect = "i" if kind == c.STT_GNU_IFUNC else " "
    debug = "d" if kind in (c.STT_SECTION, c.STT_FILE) else "D" if dynamic else " "
    what = {c.STT_FUNC: "F", c.STT_FILE: "f", c.STT_OBJECT: "O", c.STT_COMMON: "O"}.get(kind, " ")
    return f"{scope}{weak}  {indirect}{debug}{what}"


def relocations(elf: ElfFile, spell: Callable[[str], str] = str) -> Iterator[str]:
    """`-r`: the relocations of a relocatable object."""
    for section, array in elf.relocations() if elf.header.type == c.ET_REL else ():
        yield f"RELOCATION RECORDS FOR [{elf.section_name(section.header.info)}]:"
        yield f"{'OFFSET':<{elf.digits}} TYPE              VALUE"
        for offset, text in relocation_lines(elf, section, array, spell):
            name, _, value = text.partition("\t")
            if addend := _ADDEND.search(value):
                value = f"{value[: addend.start()]}{addend[1]}0x{int(addend[2], 16):0{elf.digits}x}"
            yield f"{offset:0{elf.digits}x} {name:<16}  {value}"
        yield ""
        yield ""


def contents(
    elf: ElfFile, section: ElfSection, low: int = 0, high: int = M64, offsets: bool = False
) -> Iterator[str]:
    """`-s`: the bytes of one section, of those from address `low` to below `high`. `offsets`: with its place (-F)."""
    data, start = elf.contents(section), section.header.addr
    data = data[max(low - start, 0) : max(high - start, 0)]
    if not data:
        return
    start = max(start, low)
    place = section.header.offset + start - section.header.addr
    yield f"Contents of section {section.name}:" + (
        f"  (Starting at file offset: {place:#x})" if offsets else ""
    )
    digits = max(4, len(f"{start + len(data) - 1:x}"))
    for at in range(0, len(data), 16):
        chunk = data[at : at + 16]
        words = "".join(chunk[i : i + 4].hex().ljust(8) + " " for i in range(0, 16, 4))
        yield f" {start + at:0{digits}x} {words} {printable(chunk):<16}"
