"""Symbols, relocations, and notes one at a time: Elf64_Sym, Elf64_Rela, and Elf64_Nhdr, read and written with `struct` alone.

The loader and the engines come through here, so this module does not import numpy. `record_arrays` reads the same
tables as whole columns. Layouts: gABI, "Symbol Table", "Relocation", "Note Section".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ..base.light_types import NamedTuple
from .constants import R_SYM_SHIFT, R_TYPE_MASK, ST_BIND_SHIFT, ST_TYPE_MASK, ST_VISIBILITY_MASK, SYM_SIZE
from .headers import Buffer

_SYM = struct.Struct("<IBBHQQ")
_RELA = struct.Struct("<QQq")
_NHDR = struct.Struct("<III")


class Sym(NamedTuple):
    """An Elf64_Sym. `name` is the offset of the symbol's name in the string table."""

    name: int = 0
    info: int = 0
    other: int = 0
    shndx: int = 0
    value: int = 0
    size: int = 0

    @property
    def type(self) -> int:
        """STT_*"""
        return self.info & ST_TYPE_MASK

    @property
    def binding(self) -> int:
        """STB_*"""
        return self.info >> ST_BIND_SHIFT

    @property
    def visibility(self) -> int:
        """STV_*"""
        return self.other & ST_VISIBILITY_MASK

    def pack(self) -> bytes:
        """The 24 bytes of the symbol."""
        return _SYM.pack(*self)


def st_info(binding: int, kind: int) -> int:
    """The st_info byte of a symbol: STB_* in the high four bits, STT_* in the low four."""
    return binding << ST_BIND_SHIFT | kind


def symbol_at(table: Buffer, index: int) -> Sym:
    """Symbol number `index` of a symbol table's bytes. struct.error when it is not within `table`."""
    return Sym._make(_SYM.unpack_from(table, index * SYM_SIZE))


class Rela(NamedTuple):
    """An Elf64_Rela."""

    offset: int
    info: int
    addend: int = 0

    @property
    def type(self) -> int:
        """R_* of the file's machine."""
        return self.info & R_TYPE_MASK

    @property
    def symbol(self) -> int:
        """The number of the symbol in the linked symbol table; 0 for none."""
        return self.info >> R_SYM_SHIFT

    def pack(self) -> bytes:
        """The 24 bytes of the relocation."""
        return _RELA.pack(*self)


def r_info(symbol: int, kind: int) -> int:
    """The r_info word of a relocation: the symbol number in the high half, the type in the low half."""
    return symbol << R_SYM_SHIFT | kind


def relocation_fields(table: Buffer) -> Iterator[tuple[int, int, int]]:
    """(r_offset, r_info, r_addend) of each relocation, as plain tuples: a library has thousands of them.

    `table` is a whole number of records, else struct.error is raised.
    """
    return _RELA.iter_unpack(table)


NHDR_SIZE = _NHDR.size


def note_header(data: Buffer, at: int) -> tuple[int, int, int]:
    """(n_namesz, n_descsz, n_type) of the note at offset `at`."""
    namesz, descsz, kind = _NHDR.unpack_from(data, at)
    return namesz, descsz, kind


def pack_note(owner: bytes, kind: int, desc: bytes) -> bytes:
    """A note with 4-byte alignment. `owner` is written with its final NUL; `desc` is the last field, not padded."""
    name = owner + b"\0"
    return _NHDR.pack(len(name), len(desc), kind) + name + bytes(-len(name) % 4) + desc
