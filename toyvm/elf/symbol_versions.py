"""GNU symbol versions: `printf@GLIBC_2.27` in the dynamic symbol table (LSB, "Symbol Versioning")."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..base.errors import ElfError
from .constants import SHT_GNU_VERDEF, SHT_GNU_VERNEED, SHT_GNU_VERSYM
from .elf_file import ElfFile, ElfSection
from .headers import string_at

_HIDDEN = 0x8000


class Version(NamedTuple):
    """The version of a dynamic symbol: `text` follows its name, "@NAME", or "@@NAME" for the default definition."""

    text: str
    number: int
    is_needed: bool


def symbol_versions(elf: ElfFile) -> dict[int, Version]:
    """Number of a dynamic symbol -> its version."""
    versym = next(elf.sections_of_type(SHT_GNU_VERSYM), None)
    if versym is None:
        return {}
    needed, defined = _needed(elf), _defined(elf)
    data = elf.contents(versym)
    found = {}
    for number, (version,) in enumerate(struct.iter_unpack("<H", data[: len(data) & ~1])):
        index = version & ~_HIDDEN
        if index in needed:
            found[number] = Version(f"@{needed[index]}", index, True)
        elif index in defined:
            found[number] = Version(f"{'@' if version & _HIDDEN else '@@'}{defined[index]}", index, False)
    return found


def _needed(elf: ElfFile) -> dict[int, str]:
    """Version index -> name, of the versions wanted from libraries (Elf64_Verneed, Elf64_Vernaux)."""
    found: dict[int, str] = {}
    for section in elf.sections_of_type(SHT_GNU_VERNEED):
        data, strings = elf.contents(section), elf.contents(elf.linked(section))
        for at, (_, _, _, first, _) in _chain(elf, section, data, "<HHIII", 0, 4):
            for _, (_, _, index, name, _) in _chain(elf, section, data, "<IHHII", at + first, 4):
                found[index] = string_at(strings, name, elf.name, "version name")
    return found


def _defined(elf: ElfFile) -> dict[int, str]:
    """Version index -> name, of the versions that the file defines (Elf64_Verdef, Elf64_Verdaux); not its own name."""
    found: dict[int, str] = {}
    for section in elf.sections_of_type(SHT_GNU_VERDEF):
        data, strings = elf.contents(section), elf.contents(elf.linked(section))
        for at, (_, flags, index, _, _, first, _) in _chain(elf, section, data, "<HHHHIII", 0, 6):
            if not flags & 1:  # VER_FLG_BASE
                _, (name, _) = next(iter(_chain(elf, section, data, "<II", at + first, 1)))
                found[index] = string_at(strings, name, elf.name, "version name")
    return found


def _chain(
    elf: ElfFile, section: ElfSection, data: bytes, layout: str, at: int, link: int
) -> list[tuple[int, tuple[int, ...]]]:
    """(offset, fields) of records linked by their field `link`, the distance to the next one (0 at the end)."""
    records = []
    while True:
        if at + struct.calcsize(layout) > len(data):
            raise ElfError(f"{elf.name}: section {section.name}: a version record outside the section")
        fields = struct.unpack_from(layout, data, at)
        records.append((at, fields))
        if not fields[link]:
            return records
        at += fields[link]
