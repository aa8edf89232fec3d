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

    from .headers import Ehdr, Phdr, Shdr
    from .symbol import Sym

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


def pack_ehdr(ehdr: Ehdr) -> bytes:
    """The 52 bytes of the file header."""
    ident = ELFMAG + bytes((ELFCLASS32, ELFDATA2LSB, EV_CURRENT, ehdr.osabi, ehdr.abiversion))
    phentsize = PHDR_SIZE if ehdr.phnum else 0
    sized = ehdr._replace(ehsize=EHDR_SIZE, phentsize=phentsize, shentsize=SHDR_SIZE)
    return ident.ljust(16, b"\0") + EHDR.pack(*sized[:13])


def phdr_fields(raw: tuple[int, ...]) -> tuple[int, ...]:
    """The fields of an Elf32_Phdr in the order of Elf64_Phdr."""
    kind, offset, vaddr, paddr, filesz, memsz, flags, align = raw
    return kind, flags, offset, vaddr, paddr, filesz, memsz, align


def pack_phdr(phdr: Phdr) -> bytes:
    """The 32 bytes of a program header."""
    kind, flags, offset, vaddr, paddr, filesz, memsz, align = phdr
    return PHDR.pack(kind, offset, vaddr & _MASK, paddr & _MASK, filesz, memsz, flags, align)


def pack_shdr(shdr: Shdr) -> bytes:
    """The 40 bytes of a section header."""
    return SHDR.pack(*shdr._replace(addr=shdr.addr & _MASK))


def pack_sym(sym: Sym) -> bytes:
    """The 16 bytes of a symbol."""
    return _SYM.pack(sym.name, sym.value & _MASK, sym.size & _MASK, sym.info, sym.other, sym.shndx)


def pack_relas(rows: Iterable[tuple[int, int, int, int]]) -> bytes:
    """Relocations from rows (r_offset, type, symbol, r_addend). The addend is taken modulo 2**32."""
    return b"".join(
        [
            _RELA.pack(offset & _MASK, symbol << 8 | kind, (addend + (1 << 31) & _MASK) - (1 << 31))
            for offset, kind, symbol, addend in rows
        ]
    )
