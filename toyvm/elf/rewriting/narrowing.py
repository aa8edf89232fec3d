"""An ELF64 file as an ELF32 file of the same layout.

The linker makes every file as ELF64. An ELF32 file has smaller headers and records: contents keep their offsets, and
what the smaller tables leave free is zero.
"""

from __future__ import annotations

import struct

from ...base.errors import ElfError
from .. import class32
from ..constants import EHDR_SIZE, PHDR_SIZE, PT_PHDR, RELA_SIZE, SHF_ALLOC, SHT_RELA, SHT_SYMTAB, SYM_SIZE
from ..headers import Phdr, Shdr, read_ehdr, read_phdrs, read_shdrs

_SYM = struct.Struct("<IBBHQQ")
_RELA = struct.Struct("<QIIq")
_TOP = 1 << 32


def narrow(data: bytes, name: str) -> bytes:
    """The ELF32 file. Raises ElfError if an address or a size is beyond 4 GiB."""
    ehdr = read_ehdr(data, name)
    phdrs, shdrs = read_phdrs(data, name, ehdr), read_shdrs(data, name, ehdr)
    for place in (
        *(p.vaddr + p.memsz for p in phdrs),
        *(s.addr + s.size for s in shdrs),
        ehdr.entry,
        len(data),
    ):
        if place > _TOP and place & (1 << 64) - 1 < (1 << 64) - _TOP:
            raise ElfError(f"{name}: address {place:#x} is beyond the 4 GiB of a 32-bit machine")
    out = bytearray(data)
    headers = EHDR_SIZE + PHDR_SIZE * len(phdrs)
    out[:headers] = bytes(headers)
    new = [_table(out, data, shdr) for shdr in shdrs]
    del out[ehdr.shoff :]
    out += b"".join(class32.pack_shdr(shdr) for shdr in new)
    head = class32.pack_ehdr(ehdr._replace(entry=ehdr.entry % _TOP, phoff=class32.EHDR_SIZE if phdrs else 0))
    head += b"".join(class32.pack_phdr(_segment(phdr, len(phdrs))) for phdr in phdrs)
    out[: len(head)] = head
    return bytes(out)


def _segment(phdr: Phdr, count: int) -> Phdr:
    """A program header; that of the program headers themselves moves with them."""
    if phdr.type != PT_PHDR:
        return phdr
    moved, size = class32.EHDR_SIZE - EHDR_SIZE, class32.PHDR_SIZE * count
    place = {"offset": phdr.offset + moved, "vaddr": phdr.vaddr + moved, "paddr": phdr.paddr + moved}
    return phdr._replace(**place, filesz=size, memsz=size, align=4)


def _table(out: bytearray, data: bytes, shdr: Shdr) -> Shdr:
    """The header of a section. Symbols and relocations are written into `out` in their smaller form.

    Those of the loader already have it.
    """
    if shdr.flags & SHF_ALLOC:
        return shdr
    if shdr.type == SHT_SYMTAB:
        records = _SYM.iter_unpack(_whole(data, shdr, SYM_SIZE))
        made, size = b"".join(class32.pack_sym(fields) for fields in records), class32.SYM_SIZE
    elif shdr.type == SHT_RELA:
        records = _RELA.iter_unpack(_whole(data, shdr, RELA_SIZE))
        made, size = (
            class32.pack_relas((o, kind, sym, addend) for o, kind, sym, addend in records),
            class32.RELA_SIZE,
        )
    else:
        return shdr
    out[shdr.offset : shdr.offset + shdr.size] = made.ljust(shdr.size, b"\0")
    return shdr._replace(size=len(made), entsize=size, addralign=4)


def _whole(data: bytes, shdr: Shdr, size: int) -> bytes:
    return data[shdr.offset : shdr.offset + shdr.size // size * size]
