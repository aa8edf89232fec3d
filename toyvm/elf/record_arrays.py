"""The bulk tables of an ELF file, symbols and relocations, as numpy record arrays.

A view of the file's bytes costs nothing for each record, and the linker works on whole columns. (pyelftools takes 43
microseconds for each symbol and 10 for each relocation.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.errors import ElfError
from .headers import Buffer

Table = npt.NDArray[np.void]

SYM = np.dtype(
    [
        ("st_name", "<u4"),
        ("st_info", "u1"),
        ("st_other", "u1"),
        ("st_shndx", "<u2"),
        ("st_value", "<u8"),
        ("st_size", "<u8"),
    ]
)
"""Elf64_Sym; `constants` has the shift and the masks of `st_info` and `st_other`."""

RELA = np.dtype([("r_offset", "<u8"), ("r_type", "<u4"), ("r_sym", "<u4"), ("r_addend", "<i8")])
"""Elf64_Rela with r_info in two halves: the file is little-endian, so the type comes first."""

_SYM32 = np.dtype(
    [
        ("st_name", "<u4"),
        ("st_value", "<u4"),
        ("st_size", "<u4"),
        ("st_info", "u1"),
        ("st_other", "u1"),
        ("st_shndx", "<u2"),
    ]
)
_RELA32 = np.dtype([("r_offset", "<u4"), ("r_info", "<u4"), ("r_addend", "<i4")])

DYN = np.dtype([("d_tag", "<i8"), ("d_val", "<u8")])
"""Elf64_Dyn."""


def symbols(data: Buffer, name: str) -> Table:
    """A symbol table's bytes as an array of SYM (a read-only view of `data`). ElfError on a broken size."""
    return _view(data, SYM, name, "symbol table")


def relocations(data: Buffer, name: str) -> Table:
    """A SHT_RELA section's bytes as an array of RELA (a read-only view of `data`). ElfError on a broken size."""
    return _view(data, RELA, name, "relocation table")


def symbols32(data: Buffer, name: str) -> Table:
    """The symbol table of an ELF32 file as an array of SYM. ElfError on a broken size."""
    narrow = _view(data, _SYM32, name, "symbol table")
    table: Table = np.zeros(len(narrow), dtype=SYM)
    for field in _SYM32.names or ():
        table[field] = narrow[field]
    return table


def relocations32(data: Buffer, name: str) -> Table:
    """A SHT_RELA section of an ELF32 file as an array of RELA. ElfError on a broken size."""
    narrow = _view(data, _RELA32, name, "relocation table")
    table: Table = np.zeros(len(narrow), dtype=RELA)
    table["r_offset"], table["r_addend"] = narrow["r_offset"], narrow["r_addend"]
    table["r_type"], table["r_sym"] = narrow["r_info"] & 0xFF, narrow["r_info"] >> 8
    return table


def symbol_bytes32(table: Table) -> bytes:
    """The symbol table of an ELF32 file. Values are taken modulo 2**32."""
    narrow = np.zeros(len(table), dtype=_SYM32)
    for field in _SYM32.names or ():
        narrow[field] = (
            table[field] & np.array(0xFFFFFFFF, table[field].dtype)
            if field
            in (
                "st_value",
                "st_size",
            )
            else table[field]
        )
    return narrow.tobytes()


def relocation_bytes32(table: Table) -> bytes:
    """A SHT_RELA section of an ELF32 file. Addends are taken modulo 2**32."""
    narrow = np.zeros(len(table), dtype=_RELA32)
    narrow["r_offset"] = table["r_offset"] & np.uint64(0xFFFFFFFF)
    narrow["r_info"] = table["r_sym"].astype(np.uint32) << 8 | table["r_type"].astype(np.uint32) & 0xFF
    narrow["r_addend"] = table["r_addend"].astype(np.int32)
    return narrow.tobytes()


def _view(data: Buffer, dtype: np.dtype[Any], name: str, what: str) -> Table:
    if len(data) % dtype.itemsize:
        raise ElfError(f"{name}: {what} of {len(data)} bytes is not a multiple of {dtype.itemsize}")
    table: Table = np.frombuffer(data, dtype=dtype)
    table.flags.writeable = False
    return table


def empty(dtype: np.dtype[Any]) -> Table:
    """An array of no records."""
    return np.zeros(0, dtype=dtype)


MAX_SHARED = 64  # the names of all symbols have at most this many times the bytes of their string table


def names(array: Table, strings: Buffer, name: str) -> list[str]:
    """The name of every symbol of `array` in the string table `strings`. ElfError on an offset outside it."""
    strings = bytes(strings)
    if len(array) and int(array["st_name"].max()) >= max(len(strings), 1):
        raise ElfError(
            f"{name}: symbol name offset {int(array['st_name'].max()):#x} outside its string table"
        )
    if strings and strings[-1]:
        raise ElfError(f"{name}: string table does not end with a NUL")
    find = strings.find
    offsets = array["st_name"].tolist()
    ends = [find(b"\0", offset) if offset else 0 for offset in offsets]
    if sum(ends) - sum(offsets) > MAX_SHARED * (len(strings) + len(offsets)):
        raise ElfError(
            f"{name}: the symbols' names overlap: together they are longer than their string table"
        )
    return [
        strings[offset:end].decode("utf-8", "surrogateescape") if offset else ""
        for offset, end in zip(offsets, ends, strict=True)
    ]
