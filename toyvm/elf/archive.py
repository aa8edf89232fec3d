"""Archives (`ar`) in the GNU format, with its symbol index: the linker opens only the members that it needs.

The output is deterministic, as with `ar D`: no times, no owners. Layout: "!<arch>\\n", then members, each a 60-byte
header and its data, padded to an even length. Member "/" is the index (big-endian count, header offsets, names),
"//" holds the names longer than 15 characters. BSD's "#1/N" names are read and BSD's index is ignored. A thin
archive ("!<thin>\\n") has headers only: a member is a file, whose path is in "//" and starts at the archive's folder.
Source: ar(5), binutils bfd/archive.c.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence

from toyvm.base.record import Record

from ..base.errors import ElfError
from ..base.light_types import TYPE_CHECKING
from ..base.resources import read_input
from .constants import SHN_UNDEF, ST_BIND_SHIFT, STB_LOCAL
from .headers import Buffer, is_elf

if TYPE_CHECKING:
    from .object_file import ObjectFile

MAGIC = b"!<arch>\n"
THIN_MAGIC = b"!<thin>\n"
MAX_THIN = 1 << 30  # bytes of all files that a thin archive names
HEADER_SIZE = 60
_END = b"`\n"
_PLAIN = b"0           0     0     644     "  # time, owners and mode in an archive of `ar D`
_SPECIAL = (b"/", b"//", b"/SYM64/")  # the names of members that are tables
_SHORT_NAME = 15  # bytes of a name in a header


class Member(Record):
    """One file of an archive. `offset` is the offset of its header, and is not used for writing."""

    name: str
    offset: int
    data: bytes
    mtime: int = 0
    uid: int = 0
    gid: int = 0
    mode: int = 0o644


class Archive(Record):
    """An archive as read. `index` maps a symbol to the number in `members` of the one that defines it; None without an index."""

    name: str
    members: list[Member]
    index: dict[str, int] | None
    thin: bool = False
    objects: dict[int, ObjectFile] = {}  # the members that were read, by number

    def object(self, number: int) -> ObjectFile:
        """A member as an object. It is read once. Raises ElfError."""
        found = self.objects.get(number)
        if found is None:
            from .object_reader import read_object  # imports numpy

            member = self.members[number]
            found = self.objects[number] = read_object(member.data, f"{self.name}({member.name})")
        return found

    @classmethod
    def parse(cls, data: Buffer, name: str) -> Archive:
        """The archive in `data`. The members of a thin one are read from the files that it names.

        ElfError("NAME: ...") on anything malformed, and on a file that cannot be read.
        """
        return _Parser(bytes(data), name).parse()

    @staticmethod
    def is_archive(data: Buffer) -> bool:
        """Whether `data` begins as an archive does (thin ones included)."""
        return bytes(data[:8]) in (MAGIC, THIN_MAGIC)


class _Parser:
    def __init__(self, data: bytes, name: str):
        self.data = data
        self.name = name
        self.long_names = b""
        self.thin = False
        self.files: dict[str, bytes] = {}  # of a thin archive, which may name one many times
        self.index: bytes | None = None
        self.index_word = 4

    def parse(self) -> Archive:
        self.thin = self.data[:8] == THIN_MAGIC
        if self.data[:8] != MAGIC and not self.thin:
            raise ElfError(f"{self.name}: not an archive")
        members: list[Member] = []
        at = len(MAGIC)
        while at < len(self.data):
            member, size = self._member(at)
            at += HEADER_SIZE
            if member is None or not self.thin:
                at += size
            at += at & 1
            if member is not None:
                members.append(member)
        return Archive(self.name, members, self._symbols(members), self.thin)

    def _member(self, at: int) -> tuple[Member | None, int]:
        """(the member whose header is at `at`, the size there); None for the special ones, which are remembered."""
        if at + HEADER_SIZE > len(self.data):
            raise ElfError(f"{self.name}: truncated archive header at {at:#x}")
        if self.data[at + 58 : at + 60] != _END:
            raise ElfError(f"{self.name}: no archive header at {at:#x}")
        stated = size = self._number(at, 48, 10, 10, "size")
        body = at + HEADER_SIZE
        field = self.data[at : at + 16].rstrip(b" ")
        is_file = self.thin and field not in _SPECIAL
        if is_file:
            size = 0
        if body + size > len(self.data):
            raise ElfError(f"{self.name}: truncated: member at {at:#x} of {size} bytes ends beyond the file")
        data = self.data[body : body + size]
        if field in (b"/", b"/SYM64/"):
            self.index, self.index_word = data, 4 if field == b"/" else 8
            return None, stated
        if field == b"//":
            self.long_names = data
            return None, stated
        name, data = self._name(at, field, data)
        if is_file:
            data = self._file(at, name)
        if name.startswith("__.SYMDEF"):
            return None, stated
        if self.data[at + 16 : at + 48] == _PLAIN:
            return Member(name, at, data), stated
        time, owner, group = (
            self._number(at, *where, 10, "number") for where in ((16, 12), (28, 6), (34, 6))
        )
        return Member(name, at, data, time, owner, group, self._number(at, 40, 8, 8, "mode")), stated

    def _name(self, at: int, field: bytes, data: bytes) -> tuple[str, bytes]:
        """(a member's name, its data): GNU short and long names, BSD names at the front of the data."""
        if field.startswith(b"#1/") and field[3:].isdigit():
            length = int(field[3:])
            if length > len(data):
                raise ElfError(f"{self.name}: name of {length} bytes in a member of {len(data)} at {at:#x}")
            return data[:length].rstrip(b"\0").decode("utf-8", "surrogateescape"), data[length:]
        if field[:1] == b"/" and field[1:].isdigit():
            start = int(field[1:])
            end = self.long_names.find(b"\n", start)
            if start >= len(self.long_names) or end < 0:
                raise ElfError(
                    f"{self.name}: long name {start} of the member at {at:#x} is not in the name table"
                )
            field = self.long_names[start:end]
        return field.removesuffix(b"/").decode("utf-8", "surrogateescape"), data

    def _file(self, at: int, name: str) -> bytes:
        """The contents of a member of a thin archive."""
        path = os.path.join(os.path.dirname(self.name), name)
        if path not in self.files:
            try:
                self.files[path] = read_input(path)
            except OSError as error:
                raise ElfError(f"{self.name}: member {path} of the thin archive: {error.strerror}") from None
            if sum(map(len, self.files.values())) > MAX_THIN:
                raise ElfError(
                    f"{self.name}: the files of the thin archive have more than {MAX_THIN >> 20} MiB"
                )
        return self.files[path]

    def _number(self, at: int, offset: int, width: int, base: int, what: str) -> int:
        text = self.data[at + offset : at + offset + width].strip(b" ")
        digits = b"01234567" if base == 8 else b"0123456789"
        if text.strip(digits):
            raise ElfError(
                f"{self.name}: bad {what} {text.decode('latin-1')!r} in the archive header at {at:#x}"
            )
        return int(text, base) if text else 0

    def _symbols(self, members: list[Member]) -> dict[str, int] | None:
        if self.index is None:
            return None
        word, raw = self.index_word, self.index
        count = int.from_bytes(raw[:word], "big")
        if len(raw) < word or (count + 1) * word > len(raw):
            raise ElfError(f"{self.name}: symbol index of {count} symbols in {len(raw)} bytes")
        names = raw[(count + 1) * word :].split(b"\0", count)
        if len(names) <= count and count:
            raise ElfError(f"{self.name}: symbol index names {len(names) - 1} of {count} symbols")
        at_offset = {member.offset: number for number, member in enumerate(members)}
        offsets = struct.unpack_from(f">{count}{'I' if word == 4 else 'Q'}", raw, word)
        index: dict[str, int] = {}
        for name, offset in zip(names, offsets, strict=False):  # after the last name there may be padding
            if offset not in at_offset:
                raise ElfError(f"{self.name}: symbol index points to {offset:#x}, where there is no member")
            index.setdefault(name.decode("utf-8", "surrogateescape"), at_offset[offset])
        return index


def write(members: Sequence[Member], index: bool = True, thin: bool = False) -> bytes:
    """The archive of `members` (name, data; in order), with the symbol index unless `index` is false.

    In a `thin` archive the name of a member is its path from the archive's folder, and data is read for the index only.
    """
    table, fields = _long_names(members, 0 if thin else _SHORT_NAME)
    symbols = [list(defined_symbols(member)) if index else [] for member in members]
    head = b""
    size = 4 + sum(4 + len(name) + 1 for names in symbols for name in names)
    size += size & 1
    if index:
        head = _header(b"/", size, mode=b"0")
    start = len(MAGIC) + len(head) + (size if index else 0) + len(table)
    offsets = []
    body = bytearray()
    for member, field in zip(members, fields, strict=True):
        offsets.append(start + len(body))
        body += _header(field, len(member.data), mode=b"%o" % member.mode)
        if not thin:
            body += member.data + b"\n" * (len(member.data) & 1)
    if index:
        words = [sum(map(len, symbols))]
        words += [offset for offset, names in zip(offsets, symbols, strict=True) for _ in names]
        raw = b"".join(word.to_bytes(4, "big") for word in words)
        raw += b"".join(name + b"\0" for names in symbols for name in names)
        head += raw.ljust(size, b"\0")
    return (THIN_MAGIC if thin else MAGIC) + head + table + bytes(body)


def _long_names(members: Iterable[Member], longest: int) -> tuple[bytes, list[bytes]]:
    """(the "//" member or nothing, each member's name field); names of up to `longest` bytes stand in the field."""
    names = bytearray()
    fields = []
    for member in members:
        raw = member.name.encode("utf-8", "surrogateescape")
        if len(raw) > longest:
            fields.append(b"/%d" % len(names))
            names += raw + b"/\n"
        else:
            fields.append(raw + b"/")
    if not names:
        return b"", fields
    names += b"\n" * (len(names) & 1)
    return b"//".ljust(48) + b"%-10d" % len(names) + _END + bytes(names), fields


def _header(field: bytes, size: int, mode: bytes) -> bytes:
    return b"%-16s%-12d%-6d%-6d%-8s%-10d" % (field, 0, 0, 0, mode, size) + _END


def defined_symbols(member: Member) -> list[bytes]:
    """The symbols that an archive's index lists for a member: defined or common, not local. An empty list for a file that is not ELF."""
    if not is_elf(member.data):
        return []
    from .elf_file import ElfFile  # numpy, needed only to make an index

    table = ElfFile.parse(member.data, member.name).symbols(".symtab")
    if table is None:
        return []
    array = table.array
    listed = (array["st_shndx"] != SHN_UNDEF) & (array["st_info"] >> ST_BIND_SHIFT != STB_LOCAL)
    return [table.names[i].encode("utf-8", "surrogateescape") for i in listed.nonzero()[0].tolist()]
