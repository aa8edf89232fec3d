"""The bulk tables of an ELF file, symbols and relocations, as numpy record arrays.

A view of the file's bytes costs nothing for each record, and the linker works on whole columns. (pyelftools takes 43
microseconds for each symbol and 10 for each relocation.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..base.errors import ElfError
from .headers import Buffer

if TYPE_CHECKING:
    import numpy.typing as npt

    Table = npt.NDArray[np.void]
    _Numbers = npt.NDArray[Any]
else:
    Table = np.ndarray  # numpy.typing is slow to import

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


class Names(Sequence[str]):
    """The names of a symbol table. Each is made when it is asked for; a slice makes a list."""

    __slots__ = ("_ends", "_raw", "_starts", "_text")

    def __init__(self, starts: _Numbers, ends: _Numbers, strings: bytes):
        self._starts, self._ends, self._raw = starts, ends, strings
        self._text = strings.decode("ascii") if strings.isascii() else None

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return self.at(number)
        return self._raw[int(self._starts[number]) : int(self._ends[number])].decode(
            "utf-8", "surrogateescape"
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.at(slice(None)))

    def at(self, numbers: _Numbers | slice) -> list[str]:
        """The names of symbols `numbers`."""
        bounds = zip(self._starts[numbers].tolist(), self._ends[numbers].tolist(), strict=True)
        text, raw = self._text, self._raw
        if text is not None:
            return [text[start:end] for start, end in bounds]
        return [raw[start:end].decode("utf-8", "surrogateescape") for start, end in bounds]

    def begin_with(self, prefix: bytes, numbers: _Numbers) -> _Numbers:
        """Which of symbols `numbers` have names that begin with `prefix`."""
        raw = np.frombuffer(self._raw + bytes(len(prefix)), dtype=np.uint8)
        starts = self._starts[numbers]
        result: _Numbers = np.ones(len(starts), dtype=bool)
        for at, byte in enumerate(prefix):
            result &= raw[starts + at] == byte
        return result

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a list: it compares by its items


def names(array: Table, strings: Buffer, name: str) -> Names:
    """The name of every symbol of `array` in the string table `strings`. ElfError on an offset outside it."""
    strings = bytes(strings)
    starts = array["st_name"].copy()  # not a view, which would keep the whole table
    if len(array) and int(starts.max()) >= max(len(strings), 1):
        raise ElfError(f"{name}: symbol name offset {int(starts.max()):#x} outside its string table")
    if strings and strings[-1]:
        raise ElfError(f"{name}: string table does not end with a NUL")
    nuls = np.flatnonzero(np.frombuffer(strings, dtype=np.uint8) == 0)
    ends = nuls.astype(np.uint32)[np.searchsorted(nuls, starts)] if len(nuls) else starts.copy()
    ends[starts == 0] = 0
    if int(ends.sum()) - int(starts.sum()) > MAX_SHARED * (len(strings) + len(starts)):
        raise ElfError(
            f"{name}: the symbols' names overlap: together they are longer than their string table"
        )
    return Names(starts, ends, strings)
