"""What the tables of the loader look like in an ELF64 and in an ELF32 file: sizes of records, their bytes, relocation types.

The rest of the linker counts in the records of ELF64. `narrowing` turns the headers and tables that are not loaded into
those of ELF32; what the loader reads is made here in its final form, because its sizes decide addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toyvm.base.record import Record
from toyvm.elf import class32
from toyvm.elf import constants as c
from toyvm.elf.headers import pack_dynamic
from toyvm.elf.record_arrays import relocation_bytes32, symbol_bytes32
from toyvm.relocations import R

if TYPE_CHECKING:
    from toyvm.elf.record_arrays import Table

    from ..inputs.columns import Column


class FileClass(Record):
    """Sizes in bytes, and the types of the loader's relocations."""

    word: int
    rela: int
    sym: int
    dyn: int
    address: R
    module: R
    in_module: R
    from_tp: R

    def relocations(self, table: Table) -> bytes:
        """The bytes of relocations, from those of ELF64."""
        return table.tobytes() if self.word == 8 else relocation_bytes32(table)

    def symbols(self, table: Table) -> bytes:
        """The bytes of symbols, from those of ELF64."""
        return table.tobytes() if self.word == 8 else symbol_bytes32(table)

    def dynamic(self, entries: list[tuple[int, int]]) -> bytes:
        """The bytes of a dynamic section; the caller ends the list with (DT_NULL, 0)."""
        if self.word == 8:
            return pack_dynamic(entries)
        # Tags above 2**31, as those of GNU, are negative numbers of 32 bits.
        signed = (((tag + (1 << 31) & _MASK) - (1 << 31), value & _MASK) for tag, value in entries)
        return b"".join(class32.DYN.pack(tag, value) for tag, value in signed)

    def words(self, values: Column) -> bytes:
        """The bytes of words."""
        return values.astype("<i8").astype("<i8" if self.word == 8 else "<i4").tobytes()


_MASK = 0xFFFFFFFF
_CLASSES = {
    64: FileClass(
        8, c.RELA_SIZE, c.SYM_SIZE, c.DYN_SIZE, R.ABS64, R.TLS_DTPMOD64, R.TLS_DTPREL64, R.TLS_TPREL64
    ),
    32: FileClass(
        4,
        class32.RELA_SIZE,
        class32.SYM_SIZE,
        class32.DYN_SIZE,
        R.ABS32,
        R.TLS_DTPMOD32,
        R.TLS_DTPREL32,
        R.TLS_TPREL32,
    ),
}


def file_class(xlen: int) -> FileClass:
    """That of a machine whose registers have `xlen` bits."""
    return _CLASSES[xlen]
