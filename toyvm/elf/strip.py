"""Dropping symbols and debugging information (`strip`), each time as a new file.

A program or library keeps every byte at its place: what is not in memory at run time is left out behind it, and the
section headers are written anew. A relocatable object goes through the model and keeps the symbols that its relocations
and groups need.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toyvm.base.record import replace

from ..base.errors import ElfError
from .constants import (
    EHDR_SIZE,
    ET_REL,
    MAX_ALIGN,
    PHDR_SIZE,
    PT_LOAD,
    SHF_ALLOC,
    SHF_INFO_LINK,
    SHN_ABS,
    SHT_NOBITS,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
)
from .elf_file import ElfFile, ElfSection
from .headers import Buffer, Shdr
from .object_file import ObjectFile, Section, SectionGroup, SymbolTable
from .object_reader import read_object
from .object_writer import write_object
from .string_table import StringTable

_DEBUG = (".debug", ".zdebug", ".line", ".stab", ".gdb_index", ".gnu.debuglto_")


def strip(data: Buffer, name: str, debug_only: bool = False) -> bytes:
    """The file without its symbols, or with `debug_only` only without debugging information. Raises ElfError as `ElfFile` does."""
    elf = ElfFile.parse(data, name)
    if elf.header.type == ET_REL:
        return write_object(strip_object(read_object(data, name), debug_only))
    return _strip_image(elf, debug_only)


def is_debugging(name: str, flags: int) -> bool:
    """Whether a section is debugging information."""
    return not flags & SHF_ALLOC and name.startswith(_DEBUG)


def strip_object(obj: ObjectFile, debug_only: bool = False) -> ObjectFile:
    """`obj` without debugging sections; without `debug_only` also without the symbols that nothing in it needs."""
    numbers = [0]
    kept: list[Section] = [obj.sections[0]]
    for section in obj.sections[1:]:
        drop = is_debugging(section.name, section.flags)
        numbers.append(0 if drop else len(kept))
        if not drop:
            kept.append(section)
    used = {int(symbol) for section in kept for symbol in np.unique(section.relocs["r_sym"])}
    used.update(group.signature for group in obj.groups)
    array = obj.symbols.array
    homes = array["st_shndx"].tolist()
    keep = [0]
    for symbol in range(1, len(obj.symbols)):
        home = homes[symbol]
        gone = 0 < home < len(numbers) and not numbers[home]
        if symbol in used or (debug_only and not gone):
            keep.append(symbol)
    renumber = np.zeros(len(obj.symbols), dtype=np.uint32)
    renumber[keep] = np.arange(len(keep))
    return _renumbered(obj, kept, numbers, keep, renumber)


def without_constants(obj: ObjectFile) -> ObjectFile:
    """`obj` without the local symbols that are numbers (`.equ`) and that no relocation needs."""
    used = {int(symbol) for section in obj.sections for symbol in np.unique(section.relocs["r_sym"])}
    array = obj.symbols.array
    constant = (array["st_shndx"] == SHN_ABS) & (array["st_info"] == 0)  # STB_LOCAL, STT_NOTYPE
    keep = [symbol for symbol in range(len(array)) if not constant[symbol] or symbol in used]
    renumber = np.zeros(len(array), dtype=np.uint32)
    renumber[keep] = np.arange(len(keep))
    return _renumbered(obj, list(obj.sections), list(range(len(obj.sections))), keep, renumber)


def _renumbered(
    obj: ObjectFile,
    kept: list[Section],
    numbers: list[int],
    keep: list[int],
    renumber: npt.NDArray[np.uint32],
) -> ObjectFile:
    sections = []
    for section in kept:
        relocs = section.relocs.copy()
        relocs["r_sym"] = renumber[relocs["r_sym"]]
        link, info = numbers[section.link], section.info
        info = numbers[info] if section.flags & SHF_INFO_LINK else info
        sections.append(replace(section, relocs=relocs, link=link, info=info))
    array = obj.symbols.array[keep].copy()
    home = array["st_shndx"]
    inside = home < len(numbers)
    home[inside] = np.array(numbers, dtype=np.uint16)[home[inside]]
    array["st_shndx"] = home
    first = sum(1 for symbol in keep if symbol < obj.symbols.first_global)
    symbols = SymbolTable([obj.symbols.names[symbol] for symbol in keep], array, first)
    groups = tuple(
        SectionGroup(int(renumber[g.signature]), g.flags, tuple(numbers[m] for m in g.members if numbers[m]))
        for g in obj.groups
    )
    return replace(obj, sections=tuple(sections), symbols=symbols, groups=groups)


def _strip_image(elf: ElfFile, debug_only: bool) -> bytes:
    kept = [section for section in elf.sections if _stays(elf, section, debug_only)]
    in_memory = [s for s in kept if s.header.flags & SHF_ALLOC and s.header.type != SHT_NOBITS]
    end = max([p.offset + p.filesz for p in elf.segments if p.type == PT_LOAD] + [0])
    end = max(
        [end, elf.header.phoff + PHDR_SIZE * elf.header.phnum]
        + [s.header.offset + s.header.size for s in in_memory]
    )
    out = bytearray(elf.data[:end])
    strings = StringTable()
    for section in kept:
        strings.add(section.name)
    strings.add(".shstrtab")
    table, offsets = strings.finish()
    numbers = {section.number: index for index, section in enumerate(kept)}
    headers = []
    for section in kept:
        shdr = section.header
        if section.number and not shdr.flags & SHF_ALLOC:
            if shdr.addralign > MAX_ALIGN:
                raise ElfError(
                    f"{elf.name}: section {section.name}: alignment {shdr.addralign} is larger than {MAX_ALIGN}"
                )
            out += bytes(-len(out) % max(shdr.addralign, 1))
            shdr = shdr._replace(offset=len(out))
            out += elf.contents(section)
        info = numbers.get(shdr.info, 0) if shdr.flags & SHF_INFO_LINK else shdr.info
        headers.append(shdr._replace(name=offsets[section.name], link=numbers.get(shdr.link, 0), info=info))
    ehdr = elf.header._replace(shoff=0, shnum=0, shstrndx=0)
    if kept:
        shdr = Shdr(offsets[".shstrtab"], SHT_STRTAB, offset=len(out), size=len(table), addralign=1)
        out += table + bytes(-(len(out) + len(table)) % 8)
        headers.append(shdr)
        ehdr = ehdr._replace(shoff=len(out), shnum=len(headers), shstrndx=len(headers) - 1)
    out[:EHDR_SIZE] = ehdr.pack()
    return bytes(out) + b"".join(shdr.pack() for shdr in headers)


def _stays(elf: ElfFile, section: ElfSection, debug_only: bool) -> bool:
    shdr = section.header
    if section.number == elf.header.shstrndx and section.number:
        return False  # written anew
    if is_debugging(section.name, shdr.flags) or (shdr.type == SHT_RELA and not shdr.flags & SHF_ALLOC):
        return False
    strings = {s.header.link for s in elf.sections_of_type(SHT_SYMTAB)}
    return debug_only or not (
        shdr.type == SHT_SYMTAB or (section.number in strings and not shdr.flags & SHF_ALLOC)
    )
