"""GNU symbol versions: `printf@GLIBC_2.27` in the dynamic symbol table (LSB, "Symbol Versioning").

.gnu.version has a 16-bit number for each dynamic symbol. .gnu.version_d and .gnu.version_r give the
version of a number: the file defines it (Elf64_Verdef, Elf64_Verdaux), or needs it from a library
(Elf64_Verneed, Elf64_Vernaux). Each record holds the distance in bytes to the next.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from toyvm.base.record import Record

from ..base.errors import ElfError
from .constants import (
    SHT_GNU_VERDEF,
    SHT_GNU_VERNEED,
    SHT_GNU_VERSYM,
    VER_DEF_CURRENT,
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
    """A version that the file defines.

    `aux` is the distance to its first Verdaux, `next` that to the next Verdef (0: none).
    """

    version: int
    flags: int
    ndx: int
    cnt: int
    hash: int
    aux: int
    next: int


class Verdaux(NamedTuple):
    """A name of a defined version. The first is its own, the others are the versions it inherits from."""

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
    """A version to write into .gnu.version_r. `name_offset` is the offset of `name` in .dynstr."""

    name: bytes
    name_offset: int
    number: int


class DefinedVersion(Record):
    """A version to write into .gnu.version_d. The offsets are those of names in .dynstr."""

    name: bytes
    name_offset: int
    parent_offsets: tuple[int, ...]
    number: int
    flags: int


class Version(Record):
    """The version of a dynamic symbol.

    `text` follows the symbol's name: "@NAME", or "@@NAME" for the default definition.
    """

    text: str
    number: int
    is_needed: bool


class Sliceable(Protocol):
    """Bytes, or what reads them when a slice is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, where: slice, /) -> bytes: ...


_Linked = TypeVar("_Linked", Verdef, Verdaux, Verneed, Vernaux)


def read_versym(data: Buffer) -> tuple[int, ...]:
    """.gnu.version: the number of each dynamic symbol, with VERSYM_HIDDEN. A last odd byte is ignored."""
    count = len(data) // VERSYM_SIZE
    return struct.unpack_from(f"<{count}H", data)


def pack_versym(numbers: Sequence[int]) -> bytes:
    """The bytes of .gnu.version."""
    return struct.pack(f"<{len(numbers)}H", *numbers)


def defined_versions(data: bytes, strings: bytes, name: str) -> dict[int, str]:
    """.gnu.version_d: the name of each version by its number, without the file's own (VER_FLG_BASE).

    Raises ElfError, whose message begins with `name`.
    """
    return {
        verdef.ndx: string_at(strings, verdaux.name, name, "version name")
        for verdef, verdaux in defined_records(data, name)
        if not verdef.flags & VER_FLG_BASE
    }


def needed_versions(data: bytes, strings: bytes, name: str) -> dict[int, str]:
    """.gnu.version_r: the name of each version that the file needs, by its number.

    Raises ElfError, whose message begins with `name`.
    """
    return {
        vernaux.other: string_at(strings, vernaux.name, name, "version name")
        for _, vernaux in needed_records(data, name)
    }


def needed_records(data: Sliceable, name: str) -> Iterator[tuple[Verneed, Vernaux]]:
    """.gnu.version_r: each version that is needed, with the library that it is needed from.

    Raises ElfError, whose message begins with `name`.
    """
    for _, verneed, versions in version_needs(data, name):
        for _, vernaux in versions:
            yield verneed, vernaux


def version_needs(data: Sliceable, name: str) -> Iterator[tuple[int, Verneed, Iterator[tuple[int, Vernaux]]]]:
    """.gnu.version_r: (offset, library, its versions with their offsets), as they are linked.

    Raises ElfError, whose message begins with `name`.
    """
    records = _Records(data, name)
    for at, verneed in records.chain(Verneed, _VERNEED, 0):
        yield at, verneed, records.chain(Vernaux, _VERNAUX, at + verneed.aux)


def defined_records(data: Sliceable, name: str) -> Iterator[tuple[Verdef, Verdaux]]:
    """.gnu.version_d: each version that is defined, with its first name, which is its own.

    Raises ElfError, whose message begins with `name`.
    """
    for _, verdef, names in version_definitions(data, name):
        yield verdef, next(names)[1]


def version_definitions(
    data: Sliceable, name: str
) -> Iterator[tuple[int, Verdef, Iterator[tuple[int, Verdaux]]]]:
    """.gnu.version_d: (offset, version, its names with their offsets), as they are linked.

    Raises ElfError, whose message begins with `name`.
    """
    records = _Records(data, name)
    for at, verdef in records.chain(Verdef, _VERDEF, 0):
        yield at, verdef, records.chain(Verdaux, _VERDAUX, at + verdef.aux)


def pack_needed_versions(libraries: Sequence[tuple[int, Sequence[NeededVersion]]]) -> bytes:
    """.gnu.version_r of pairs: the offset of a library's name in .dynstr, and its versions.

    There is at least one library, and each has at least one version.
    """
    out = bytearray()
    for i, (file, versions) in enumerate(libraries):
        aux = b""
        for k, version in enumerate(versions):
            following = _VERNAUX.size if k + 1 < len(versions) else 0
            aux += _VERNAUX.pack(sysv_hash(version.name), 0, version.number, version.name_offset, following)
        following = _VERNEED.size + len(aux) if i + 1 < len(libraries) else 0
        out += _VERNEED.pack(VER_NEED_CURRENT, len(versions), file, _VERNEED.size, following) + aux
    return bytes(out)


def pack_defined_versions(versions: Sequence[DefinedVersion]) -> bytes:
    """.gnu.version_d of at least one version. Each begins with its own name, and its parents' follow."""
    out = bytearray()
    for i, version in enumerate(versions):
        names = (version.name_offset, *version.parent_offsets)
        aux = b"".join(
            _VERDAUX.pack(name, _VERDAUX.size if k + 1 < len(names) else 0) for k, name in enumerate(names)
        )
        following = _VERDEF.size + len(aux) if i + 1 < len(versions) else 0
        digest = sysv_hash(version.name)
        out += _VERDEF.pack(
            VER_DEF_CURRENT, version.flags, version.number, len(names), digest, _VERDEF.size, following
        )
        out += aux
    return bytes(out)


def symbol_versions(elf: ElfFile) -> dict[int, Version]:
    """The version of each dynamic symbol that has one, by the symbol's number."""
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


class _Records:
    """The records of one section. All chains together read each byte at most once, so that hostile
    chains, which share records, end soon.
    """

    def __init__(self, data: Sliceable, name: str):
        self._data = data
        self._name = name
        self._unread = len(data)

    def chain(self, kind: type[_Linked], layout: struct.Struct, at: int) -> Iterator[tuple[int, _Linked]]:
        """(offset, record) of the records from `at` on that their `next` fields link. Raises ElfError."""
        while True:
            if at + layout.size > len(self._data):
                raise ElfError(f"{self._name}: a version record outside the section")
            self._unread -= layout.size
            if self._unread < 0:
                raise ElfError(f"{self._name}: version records overlap")
            record = kind._make(layout.unpack(self._data[at : at + layout.size]))
            yield at, record
            if not record.next:
                return
            at += record.next
