"""What the dynamic linker looks symbols up with, in the format of GNU readelf -W: versions and hash tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from toyvm.base.errors import ElfError
from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.elf.hashes import chain_lengths
from toyvm.elf.headers import string_at
from toyvm.elf.symbol_versions import (
    defined_records,
    needed_versions,
    read_versym,
    version_definitions,
    version_needs,
)

_FLAGS = {c.VER_FLG_BASE: "BASE", c.VER_FLG_WEAK: "WEAK", c.VER_FLG_INFO: "INFO"}
_COLUMNS = 4  # versions in a line
_LOCAL, _GLOBAL = "   0 (*local*)    ", "   1 (*global*)   "


def versions(elf: ElfFile) -> Iterator[str]:
    """`-V`: the version of each dynamic symbol, and the versions that the file defines and needs."""
    found = False
    for section in elf.sections:
        show = _SECTIONS.get(section.header.type)
        if show is not None:
            found = True
            yield from show(elf, section)
    if not found:
        yield ""
        yield "No version information found in this file."


def _heading(elf: ElfFile, section: ElfSection, what: str, count: int) -> Iterator[str]:
    header = section.header
    yield ""
    yield f"{what} section '{section.name}' contains {count} {'entry' if count == 1 else 'entries'}:"
    yield (
        f" Addr: {header.addr:#018x}  Offset: {header.offset:#010x}  "
        f"Link: {header.link} ({elf.section_name(header.link)})"
    )


def _symbol_versions(elf: ElfFile, section: ElfSection) -> Iterator[str]:
    numbers = read_versym(elf.contents(section))
    yield from _heading(elf, section, "Version symbols", len(numbers))
    names = _version_names(elf)
    for first in range(0, len(numbers), _COLUMNS):
        cells = (_cell(number, names) for number in numbers[first : first + _COLUMNS])
        yield f"  {first:03x}:{''.join(cells)}"


def _cell(number: int, names: dict[int, str]) -> str:
    if number in (0, 1):
        return _GLOBAL if number else _LOCAL
    index = number & ~c.VERSYM_HIDDEN
    hidden = "h" if number & c.VERSYM_HIDDEN else " "
    name = names.get(index, "*invalid*")
    return f"{index:4x}{hidden}({name}{')'.ljust(abs(12 - len(name)))}".ljust(18)


def _version_names(elf: ElfFile) -> dict[int, str]:
    """The name of each version by its number; the file's own (VER_FLG_BASE) included."""
    names: dict[int, str] = {}
    for section in elf.sections_of_type(c.SHT_GNU_VERNEED, c.SHT_GNU_VERDEF):
        data, strings = elf.contents(section), elf.contents(elf.linked(section))
        if section.header.type == c.SHT_GNU_VERNEED:
            names.update(needed_versions(data, strings, elf.name))
            continue
        for verdef, verdaux in defined_records(data, elf.name):
            names.setdefault(verdef.ndx, string_at(strings, verdaux.name, elf.name, "version name"))
    return names


def _definitions(elf: ElfFile, section: ElfSection) -> Iterator[str]:
    yield from _heading(elf, section, "Version definition", section.header.info)
    strings = elf.contents(elf.linked(section))
    for at, verdef, names in version_definitions(elf.contents(section), elf.name):
        for number, (where, verdaux) in enumerate(names):
            name = string_at(strings, verdaux.name, elf.name, "version name")
            if number:
                yield f"  {_offset(where)}: Parent {number}: {name}"
            else:
                yield (
                    f"  {_offset(at)}: Rev: {verdef.version}  Flags: {_flags(verdef.flags)}  "
                    f"Index: {verdef.ndx}  Cnt: {verdef.cnt}  Name: {name}"
                )


def _needs(elf: ElfFile, section: ElfSection) -> Iterator[str]:
    yield from _heading(elf, section, "Version needs", section.header.info)
    strings = elf.contents(elf.linked(section))
    for at, verneed, entries in version_needs(elf.contents(section), elf.name):
        library = string_at(strings, verneed.file, elf.name, "library name")
        yield f"  {_offset(at)}: Version: {verneed.version}  File: {library}  Cnt: {verneed.cnt}"
        for where, vernaux in entries:
            name = string_at(strings, vernaux.name, elf.name, "version name")
            yield f"  {_offset(where)}:   Name: {name}  Flags: {_flags(vernaux.flags)}  Version: {vernaux.other}"


_SECTIONS = {
    c.SHT_GNU_VERSYM: _symbol_versions,
    c.SHT_GNU_VERDEF: _definitions,
    c.SHT_GNU_VERNEED: _needs,
}


def _offset(value: int) -> str:
    """As C's %#06lx, which gives zero no prefix."""
    return f"{value:#06x}" if value else "000000"


def _flags(flags: int) -> str:
    known = [name for bit, name in _FLAGS.items() if flags & bit]
    if flags & ~sum(_FLAGS):
        known.append("<unknown>")
    return " | ".join(known) or "none"


def histograms(elf: ElfFile) -> Iterator[str]:
    """`-I`: how many buckets of .hash and .gnu.hash have how many symbols; nothing for .gnu.hash of none.

    Raises ElfError.
    """
    for kind in (c.SHT_HASH, c.SHT_GNU_HASH):
        for section in elf.sections_of_type(kind):
            try:
                lengths = chain_lengths(elf.contents(section), gnu=kind == c.SHT_GNU_HASH)
            except ValueError as error:
                raise ElfError(f"{elf.name}: section {section.name}: {error}") from None
            if kind == c.SHT_GNU_HASH and not any(lengths):
                continue
            yield from _histogram(lengths, " for `.gnu.hash'" if kind == c.SHT_GNU_HASH else " for")


def _histogram(lengths: list[int], which: str) -> Iterator[str]:
    buckets, symbols, covered = len(lengths), sum(lengths), 0
    yield ""
    yield f"Histogram{which} bucket list length (total of {buckets} bucket{'' if buckets == 1 else 's'}):"
    yield " Length  Number     % of total  Coverage"
    counts = Counter(lengths)
    for length in range(max(lengths, default=-1) + 1):
        line = f"{length:7}  {counts[length]:<10} ({counts[length] * 100 / buckets:5.1f}%)"
        covered += counts[length] * length
        yield line if not length else f"{line}    {covered * 100 / symbols:5.1f}%"
