"""The headers and records of an ELF32 file, converted to those of ELF64, which the rest of toyvm handles.

An ELF32 file differs in the widths and the order of the fields only. Layouts: gABI, "ELF Header" and what follows it.
Bulk tables are in `record_arrays`.
"""

from __future__ import annotations

import struct

from ..base.light_types import TYPE_CHECKING
from .constants import ELFCLASS32, ELFDATA2LSB, ELFMAG, EV_CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterable

EHDR_SIZE = 52
PHDR_SIZE = 32
SHDR_SIZE = 40
SYM_SIZE = 16
RELA_SIZE = 12
DYN_SIZE = 8

EHDR = struct.Struct("<HHIIIIIHHHHHH")
PHDR = struct.Struct("<8I")
SHDR = struct.Struct("<10I")
DYN = struct.Struct("<iI")
_SYM = struct.Struct("<IIIBBH")
_RELA = struct.Struct("<IIi")
_MASK = 0xFFFFFFFF


def pack_ehdr(fields: tuple[int, ...]) -> bytes:
    """The 52 bytes of the file header, from the fields of `headers.Ehdr`; the sizes of records are those of ELF32."""
    *head, _, _, phnum, _, shnum, shstrndx, osabi, abiversion = fields
    ident = ELFMAG + bytes((ELFCLASS32, ELFDATA2LSB, EV_CURRENT, osabi, abiversion))
    sizes = (EHDR_SIZE, PHDR_SIZE if phnum else 0, phnum, SHDR_SIZE, shnum, shstrndx)
    return ident.ljust(16, b"\0") + EHDR.pack(*head, *sizes)


def phdr_fields(raw: tuple[int, ...]) -> tuple[int, ...]:
    """The fields of an Elf32_Phdr in the order of Elf64_Phdr."""
    kind, offset, vaddr, paddr, filesz, memsz, flags, align = raw
    return kind, flags, offset, vaddr, paddr, filesz, memsz, align


def pack_phdr(fields: tuple[int, ...]) -> bytes:
    """The 32 bytes of a program header, from the fields of `headers.Phdr`."""
    kind, flags, offset, vaddr, paddr, filesz, memsz, align = fields
    return PHDR.pack(kind, offset, vaddr & _MASK, paddr & _MASK, filesz, memsz, flags, align)


def pack_shdr(fields: tuple[int, ...]) -> bytes:
    """The 40 bytes of a section header, from the fields of `headers.Shdr`."""
    name, kind, flags, addr, *rest = fields
    return SHDR.pack(name, kind, flags, addr & _MASK, *rest)


def pack_sym(fields: tuple[int, ...]) -> bytes:
    """The 16 bytes of a symbol, from the fields of `symbol.Sym`."""
    name, info, other, shndx, value, size = fields
    return _SYM.pack(name, value & _MASK, size & _MASK, info, other, shndx)


def pack_relas(rows: Iterable[tuple[int, int, int, int]]) -> bytes:
    """Relocations from rows (r_offset, type, symbol, r_addend). The addend is taken modulo 2**32."""
    return b"".join(
        [
            _RELA.pack(offset & _MASK, symbol << 8 | kind, (addend + (1 << 31) & _MASK) - (1 << 31))
            for offset, kind, symbol, addend in rows
        ]
    )
