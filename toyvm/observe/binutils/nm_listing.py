"""`nm`: the symbols of a file, each with the letter that tells where it is.

Letters and their rules are BFD's (bfd_decode_symclass): by the name of the section, else by what it holds; upper case
for symbols that other files see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from toyvm.elf.constants import (
    SHN_ABS,
    SHN_COMMON,
    SHN_UNDEF,
    ST_BIND_SHIFT,
    ST_TYPE_MASK,
    STB_GLOBAL,
    STB_GNU_UNIQUE,
    STB_LOCAL,
    STB_WEAK,
    STT_FILE,
    STT_GNU_IFUNC,
    STT_OBJECT,
    STT_SECTION,
)
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.elf.symbol_versions import symbol_versions

from .binaries import has_contents, is_alloc, is_code, is_debugging, is_readonly


class NmSymbol(NamedTuple):
    """A row of `nm`. `value` of a common symbol is its size."""

    name: str
    value: int
    size: int
    letter: str
    is_defined: bool
    is_external: bool


_BY_NAME = {
    "*DEBUG*": "N",
    ".debug": "N",
    ".drectve": "i",
    ".edata": "e",
    ".fini": "t",
    ".idata": "i",
    ".init": "t",
    ".pdata": "p",
    ".rdata": "r",
    ".rodata": "r",
    ".sbss": "s",
    ".scommon": "c",
    ".sdata": "g",
    ".text": "t",
    "vars": "d",
    "zerovars": "b",
}


def section_letter(section: ElfSection) -> str:
    """The letter of the symbols in a section, in lower case."""
    for name, letter in _BY_NAME.items():
        if section.name == name or (
            section.name.startswith(name) and section.name[len(name)] in ".$0123456789"
        ):
            return letter
    if is_code(section):
        return "t"
    if is_alloc(section) and has_contents(section):
        return "r" if is_readonly(section) else "d"
    if not has_contents(section):
        return "b"
    if is_debugging(section):
        return "N"
    return "n" if is_readonly(section) else "?"


# Labels that assemblers make for themselves, and the psABI's marks of code and data.
_SPECIAL = re.compile(r"\.L|\.\.|_\.L_|\$[dx]|L\d+[\x01\x02]|\Z")


def is_special(name: str) -> bool:
    """Whether a name is one that tools hide: empty, an assembler's own label, a mapping symbol."""
    return _SPECIAL.match(name) is not None


def symbols(
    elf: ElfFile, dynamic: bool = False, debugging: bool = False, special: bool = False
) -> Iterator[NmSymbol]:
    """The symbols of .symtab (or .dynsym), without number 0; section and file symbols only with `debugging`."""
    table = elf.symbols(".dynsym" if dynamic else ".symtab")
    if table is None:
        return
    letters = {section.number: section_letter(section) for section in elf.sections}
    versions = symbol_versions(elf) if dynamic else {}
    fields = ("st_info", "st_shndx", "st_value", "st_size")
    rows = zip(table.names, *(table.array[field].tolist() for field in fields), strict=True)
    for number, (name, info, shndx, value, size) in enumerate(rows):
        kind, binding = info & ST_TYPE_MASK, info >> ST_BIND_SHIFT
        if number == 0 or (kind in (STT_SECTION, STT_FILE) and not debugging):
            continue
        if kind == STT_SECTION and not name:
            name = elf.section_name(shndx)
        if not special and is_special(name):
            continue
        letter = _letter(binding, kind, shndx, letters)
        version = versions[number].text if number in versions else ""
        name += (
            "" if version.endswith(f"@{name}") else version
        )  # the symbol of a version's own definition is bare
        yield NmSymbol(
            name,
            value if shndx != SHN_COMMON else size,
            size,
            letter,
            shndx != SHN_UNDEF,
            binding != STB_LOCAL,
        )


def _letter(binding: int, kind: int, shndx: int, letters: dict[int, str]) -> str:
    if shndx == SHN_COMMON:
        return "C"
    if shndx == SHN_UNDEF:
        return ("v" if kind == STT_OBJECT else "w") if binding == STB_WEAK else "U"
    if kind == STT_GNU_IFUNC:
        return "i"
    if binding == STB_WEAK:
        return "V" if kind == STT_OBJECT else "W"
    if binding == STB_GNU_UNIQUE:
        return "u"
    letter = "a" if shndx == SHN_ABS else letters.get(shndx, "?")
    return letter.upper() if binding == STB_GLOBAL and letter not in "?" else letter


def line(symbol: NmSymbol, with_size: bool = False) -> str:
    """One line of `nm` in BSD's format."""
    value = f"{symbol.value:016x}" if symbol.is_defined else " " * 16
    size = f" {symbol.size:016x}" if with_size and symbol.is_defined and symbol.size else ""
    return f"{value}{size} {symbol.letter} {symbol.name}"
