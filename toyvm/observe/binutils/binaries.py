"""Shared by the binutils commands: input files, archive members, and BFD's section attributes.

After a file that cannot be read, a command prints a message and continues with the next file; its
exit code is 1, as with GNU binutils.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence

from toyvm.base.errors import ElfError, NotFoundError
from toyvm.base.record import Record
from toyvm.base.resources import read_input
from toyvm.elf.archive import Archive, Member
from toyvm.elf.constants import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_WRITE,
    SHT_NOBITS,
    SHT_NULL,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
    SHT_SYMTAB_SHNDX,
)
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.elf.rewriting.model import is_debugging as has_debugging_name


class Binary(Record):
    """An ELF file on the command line, or a member of `archive`."""

    name: str
    archive: str | None
    elf: ElfFile
    member: Member | None = None  # as the archive has it

    @property
    def title(self) -> str:
        """`libc.a(printf.o)` or `main.o`."""
        return f"{self.archive}({self.name})" if self.archive else self.name


def read(path: str) -> bytes:
    """Read a file. Raises NotFoundError or ElfError with the messages of GNU binutils."""
    try:
        return read_input(path)
    except FileNotFoundError:
        error = NotFoundError(f"'{path}': No such file")
        error.exit_code = 1
        raise error from None
    except OSError as error:
        raise ElfError(f"{path}: {error.strerror}") from None


def binaries(path: str) -> Iterator[Binary]:
    """The ELF file at `path`, or the ELF members of the archive at `path`.

    Raises ElfError for a file that is not ELF; for archive members, after the last one.
    """
    data = read(path)
    if not Archive.is_archive(data):
        yield Binary(path, None, ElfFile.parse(data, path))
        return
    errors: list[ElfError] = []
    for member in Archive.parse(data, path).members:
        try:
            elf = ElfFile.parse(member.data, f"{path}({member.name})")
        except ElfError as error:
            errors.append(error)
            continue
        yield Binary(member.name, path, elf, member)
    if errors:
        raise ElfError("\n".join(map(str, errors)))


def for_each(tool: str, paths: Sequence[str], report: Callable[[str], object]) -> int:
    """Call `report` with each path. Prints errors and continues.

    Returns the exit code: 1 after an error.
    """
    status = 0
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="surrogateescape"
        )  # names that are not UTF-8 come out as the bytes they are
    for path in paths:
        try:
            report(path)
        except (ElfError, NotFoundError) as error:
            sys.stdout.flush()
            print(f"toyvm {tool}: {error}", file=sys.stderr)
            status = 1
    return status


_TABLES = {SHT_NULL, SHT_SYMTAB, SHT_SYMTAB_SHNDX}


def content_sections(elf: ElfFile) -> list[ElfSection]:
    """The sections that `size` and `objdump -h` list: all but the file's own tables."""
    tables = {elf.header.shstrndx} | {s.header.link for s in elf.sections_of_type(SHT_SYMTAB)}
    kept = []
    for section in elf.sections:
        kind = section.header.type
        described = kind == SHT_RELA and not section.header.flags & SHF_ALLOC
        if kind not in _TABLES and not described and not (kind == SHT_STRTAB and section.number in tables):
            kept.append(section)
    return kept


def is_readonly(section: ElfSection) -> bool:
    """Whether the section is not writable."""
    return not section.header.flags & SHF_WRITE


def is_code(section: ElfSection) -> bool:
    """Whether the section holds instructions."""
    return bool(section.header.flags & SHF_EXECINSTR)


def is_alloc(section: ElfSection) -> bool:
    """Whether the section occupies memory at run time."""
    return bool(section.header.flags & SHF_ALLOC)


def has_contents(section: ElfSection) -> bool:
    """Whether the section occupies space in the file."""
    return section.header.type != SHT_NOBITS


def is_debugging(section: ElfSection) -> bool:
    """Whether the section is debugging information, by its name."""
    return has_debugging_name(section.name, section.header.flags)
