"""GNU symbol versions: `printf@GLIBC_2.27` in the dynamic symbol table (LSB, "Symbol Versioning").

.gnu.version has a 16-bit number for each dynamic symbol. .gnu.version_d and .gnu.version_r say which version a number
means: one that the file defines (Elf64_Verdef, Elf64_Verdaux) or one that it needs from a library (Elf64_Verneed,
Elf64_Vernaux). The records of both are linked by their distances in bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from toyvm.base.record import Record

from ..base.errors import ElfError
from .constants import (
    SHT_GNU_VERDEF,
    SHT_GNU_VERNEED,
    SHT_GNU_VERSYM,
    VER_FLG_BASE,
    VER_NEED_CURRENT,
    VERSYM_HIDDEN,
    VERSYM_SIZE,
)
from .elf_file import ElfFile
from .hashes import sysv_hash
from .headers import Buffer, string_at

_VERDEF = struct.Struct("<HHHHIII")
_VERDAUX = struct.Struct("<II")
_VERNEED = struct.Struct("<HHIII")
_VERNAUX = struct.Struct("<IHHII")


class Verdef(NamedTuple):
    """A version that the file defines; `aux` is the distance to its first Verdaux, `next` to the next Verdef (0: none)."""

    version: int
    flags: int
    ndx: int
    cnt: int
    hash: int
    aux: int
    next: int


class Verdaux(NamedTuple):
    """A name of a defined version: the first is its own, others are those of the versions it inherits from."""

    name: int
    next: int


class Verneed(NamedTuple):
    """A library whose versions are needed; `file` is the offset of its name."""

    version: int
    cnt: int
    file: int
    aux: int
    next: int


class Vernaux(NamedTuple):
    """A version needed from a library. `other` is its number in .gnu.version."""

    hash: int
    flags: int
    other: int
    name: int
    next: int


class NeededVersion(Record):
    """A version to be written into .gnu.version_r: `name` is its name, `name_offset` where the name is in .dynstr."""

    name: bytes
    name_offset: int
    number: int


class Version(Record):
    """The version of a dynamic symbol: `text` follows its name, "@NAME", or "@@NAME" for the default definition."""

    text: str
    number: int
    is_needed: bool


_Linked = TypeVar("_Linked", Verdef, Verdaux, Verneed, Vernaux)


def read_versym(data: Buffer) -> tuple[int, ...]:
    """.gnu.version: the number for each dynamic symbol, VERSYM_HIDDEN included. A last odd byte is ignored."""
    count = len(data) // VERSYM_SIZE
    return struct.unpack_from(f"<{count}H", data)


def pack_versym(numbers: Sequence[int]) -> bytes:
    """The bytes of .gnu.version."""
    return struct.pack(f"<{len(numbers)}H", *numbers)


def defined_versions(data: bytes, strings: bytes, name: str) -> dict[int, str]:
    """.gnu.version_d: number -> name of each version, without the file's own (VER_FLG_BASE). ElfError("NAME: ...")."""
    found: dict[int, str] = {}
    for at, verdef in _chain(Verdef, _VERDEF, data, 0, name):
        if not verdef.flags & VER_FLG_BASE:
            _, verdaux = next(_chain(Verdaux, _VERDAUX, data, at + verdef.aux, name))
            found[verdef.ndx] = string_at(strings, verdaux.name, name, "version name")
    return found


def needed_versions(data: bytes, strings: bytes, name: str) -> dict[int, str]:
    """.gnu.version_r: number -> name of each version wanted from a library. ElfError("NAME: ...")."""
    found: dict[int, str] = {}
    for at, verneed in _chain(Verneed, _VERNEED, data, 0, name):
        for _, vernaux in _chain(Vernaux, _VERNAUX, data, at + verneed.aux, name):
            found[vernaux.other] = string_at(strings, vernaux.name, name, "version name")
    return found


def pack_needed_versions(libraries: Sequence[tuple[int, Sequence[NeededVersion]]]) -> bytes:
    """.gnu.version_r of (offset of the library's name in .dynstr, its versions), neither sequence empty."""
    out = b""
    for i, (file, versions) in enumerate(libraries):
        aux = b""
        for k, version in enumerate(versions):
            following = _VERNAUX.size if k + 1 < len(versions) else 0
            aux += _VERNAUX.pack(sysv_hash(version.name), 0, version.number, version.name_offset, following)
        following = _VERNEED.size + len(aux) if i + 1 < len(libraries) else 0
        out += _VERNEED.pack(VER_NEED_CURRENT, len(versions), file, _VERNEED.size, following) + aux
    return out


def symbol_versions(elf: ElfFile) -> dict[int, Version]:
    """Number of a dynamic symbol -> its version, for the symbols that have one."""
    versym = next(elf.sections_of_type(SHT_GNU_VERSYM), None)
    if versym is None:
        return {}
    needed: dict[int, str] = {}
    defined: dict[int, str] = {}
    for section in elf.sections_of_type(SHT_GNU_VERNEED, SHT_GNU_VERDEF):
        data, strings = elf.contents(section), elf.contents(elf.linked(section))
        where = f"{elf.name}: section {section.name}"
        if section.header.type == SHT_GNU_VERNEED:
            needed.update(needed_versions(data, strings, where))
        else:
            defined.update(defined_versions(data, strings, where))
    found = {}
    for number, version in enumerate(read_versym(elf.contents(versym))):
        index = version & ~VERSYM_HIDDEN
        if index in needed:
            found[number] = Version(f"@{needed[index]}", index, True)
        elif index in defined:
            found[number] = Version(
                f"{'@' if version & VERSYM_HIDDEN else '@@'}{defined[index]}", index, False
            )
    return found


def _chain(
    kind: type[_Linked], layout: struct.Struct, data: bytes, at: int, name: str
) -> Iterator[tuple[int, _Linked]]:
    """(offset, record) of the records that are linked by their field `next`, from the one at `at` on."""
    while True:
        if at + layout.size > len(data):
            raise ElfError(f"{name}: a version record outside the section")
        record = kind._make(layout.unpack_from(data, at))
        yield at, record
        if not record.next:
            return
        at += record.next
