"""The smallest ELF images that a kernel maps: a header, program headers, filler."""

from __future__ import annotations

from tests.support.guest_kernel import PAGE
from toyvm.elf import constants as elf
from toyvm.elf.headers import Ehdr, Phdr


def image(*phdrs: Phdr, e_type: int = elf.ET_DYN, entry: int = 0x1000, size: int = 3 * PAGE) -> bytes:
    header = Ehdr(e_type, entry=entry, phoff=64, phentsize=56, phnum=len(phdrs), shentsize=0)
    return (header.pack() + b"".join(p.pack() for p in phdrs)).ljust(size, b"\xaa")


LOAD = Phdr(elf.PT_LOAD, elf.PF_R | elf.PF_W, 0, 0, 0, 0x1234, 0x5000, PAGE)
