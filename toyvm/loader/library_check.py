"""Check the ELF header of a library before it is mapped, with glibc's messages (its open_verify).

The library search skips a library for another machine, but stops at an invalid one.
"""

from __future__ import annotations

import errno

from ..elf import constants as c
from ..elf.headers import unpack_ehdr
from .dlerror import DlError
from .guest_process import LibraryFile


class WrongKind(Exception):
    """A valid library for another machine. `message` is "" if glibc reports it as not found."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def verify(path: str, file: LibraryFile) -> None:
    """Raise DlError if `file` is not a shared object, WrongKind if it is for another machine."""
    try:
        data = file.pread(0, c.EHDR_SIZE)
    except OSError as error:
        raise DlError(path, "cannot read file data", error.errno or errno.EIO) from error
    if len(data) < c.EHDR_SIZE:
        raise DlError(path, "file too short")
    if data[:4] != c.ELFMAG:
        raise DlError(path, "invalid ELF header")
    if data[c.EI_CLASS] == c.ELFCLASS32:
        raise WrongKind("wrong ELF class: ELFCLASS32")
    _verify_ident(path, data)
    ehdr = unpack_ehdr(data)
    if ehdr.version != c.EV_CURRENT:
        raise DlError(path, "ELF file version does not match current one")
    if ehdr.machine != c.EM_RISCV:
        raise WrongKind("")
    if ehdr.type not in (c.ET_DYN, c.ET_EXEC):
        raise DlError(path, "only ET_DYN and ET_EXEC can be loaded")
    if ehdr.phentsize != c.PHDR_SIZE:
        raise DlError(path, "ELF file's phentsize not the expected size")
    if ehdr.phoff + ehdr.phnum * c.PHDR_SIZE > file.size:
        raise DlError(path, "cannot read file data")
    if ehdr.type == c.ET_EXEC:
        raise DlError(path, "cannot dynamically load executable")


def _verify_ident(path: str, data: bytes) -> None:
    """Check e_ident after the magic number. Raises DlError."""
    if data[c.EI_CLASS] != c.ELFCLASS64:
        raise DlError(path, "invalid ELF header")
    if data[c.EI_DATA] != c.ELFDATA2LSB:
        raise DlError(path, "ELF file data encoding not little-endian")
    if data[c.EI_VERSION] != c.EV_CURRENT:
        raise DlError(path, "ELF file version ident does not match current one")
    if data[c.EI_OSABI] not in (c.ELFOSABI_NONE, c.ELFOSABI_GNU):
        raise DlError(path, "ELF file OS ABI invalid")
    if data[c.EI_ABIVERSION] != 0:
        raise DlError(path, "ELF file ABI version invalid")
    if any(data[c.EI_PAD : c.EI_NIDENT]):
        raise DlError(path, "nonzero padding in e_ident")
