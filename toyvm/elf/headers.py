"""The fixed headers of an ELF64 file, read and written with `struct` alone.

`toyvm run` comes through here before anything else, so this module imports neither numpy nor pyelftools.
Everything read is checked against the file's size, so a caller may slice the file by the headers it gets.
Layouts: gABI, "ELF Header", "Section Header", "Program Header", "Dynamic Section".
"""

from __future__ import annotations

import struct

from ..base.errors import ElfError
from ..base.light_types import TYPE_CHECKING, NamedTuple
from . import class32
from .constants import (
    DT_NEEDED,
    DT_NULL,
    DT_STRTAB,
    EHDR_SIZE,
    EI_ABIVERSION,
    EI_CLASS,
    EI_DATA,
    EI_NIDENT,
    EI_OSABI,
    EI_VERSION,
    ELFCLASS32,
    ELFCLASS64,
    ELFDATA2LSB,
    ELFMAG,
    EM_RISCV,
    EV_CURRENT,
    PHDR_SIZE,
    PN_XNUM,
    PT_DYNAMIC,
    PT_INTERP,
    PT_LOAD,
    SHDR_SIZE,
    SHN_XINDEX,
    SHT_NOBITS,
    SHT_NULL,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Buffer = bytes | bytearray | memoryview

_EHDR = struct.Struct("<HHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_SHDR = struct.Struct("<IIQQQQIIQQ")
_DYN = struct.Struct("<qQ")


class Ehdr(NamedTuple):
    """The file header after e_ident; `phnum`, `shnum` and `shstrndx` are the true values (no PN_XNUM left)."""

    type: int
    machine: int = EM_RISCV
    version: int = EV_CURRENT
    entry: int = 0
    phoff: int = 0
    shoff: int = 0
    flags: int = 0
    ehsize: int = EHDR_SIZE
    phentsize: int = 0
    phnum: int = 0
    shentsize: int = SHDR_SIZE
    shnum: int = 0
    shstrndx: int = 0
    osabi: int = 0
    abiversion: int = 0

    def pack(self) -> bytes:
        """The 64 bytes of the file header."""
        ident = ELFMAG + bytes((ELFCLASS64, ELFDATA2LSB, EV_CURRENT, self.osabi, self.abiversion))
        return ident.ljust(EI_NIDENT, b"\0") + _EHDR.pack(*self[:13])


class Phdr(NamedTuple):
    """A segment."""

    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int

    def pack(self) -> bytes:
        """The 56 bytes of the program header."""
        return _PHDR.pack(*self)


class Shdr(NamedTuple):
    """A section header. `name` is the offset in .shstrtab."""

    name: int = 0
    type: int = SHT_NULL
    flags: int = 0
    addr: int = 0
    offset: int = 0
    size: int = 0
    link: int = 0
    info: int = 0
    addralign: int = 0
    entsize: int = 0

    def pack(self) -> bytes:
        """The 64 bytes of the section header."""
        return _SHDR.pack(*self)

    @property
    def file_size(self) -> int:
        """Bytes that the section takes in the file."""
        return 0 if self.type in (SHT_NOBITS, SHT_NULL) else self.size


def is_elf(data: Buffer) -> bool:
    """Whether `data` begins as an ELF file does (of any class and machine)."""
    return bytes(data[:4]) == ELFMAG


def unpack_ehdr(data: Buffer) -> Ehdr:
    """The file header in the first EHDR_SIZE bytes of `data` as it stands: nothing is checked."""
    layout = class32.EHDR if data[EI_CLASS] == ELFCLASS32 else _EHDR
    return Ehdr._make((*layout.unpack_from(data, EI_NIDENT), data[EI_OSABI], data[EI_ABIVERSION]))


def is_class32(data: Buffer) -> bool:
    """Whether an ELF file has the format of 32-bit machines."""
    return data[EI_CLASS] == ELFCLASS32


def read_ehdr(data: Buffer, name: str, *, any_class: bool = False) -> Ehdr:
    """The file header of `data`. `any_class` takes an ELF32 file too.

    Raises ElfError when this is not such a little-endian ELF file or when its tables lie outside the file.
    """
    if not is_elf(data):
        raise ElfError(f"{name}: not an ELF file")
    smallest = class32.EHDR_SIZE if any_class and data[EI_CLASS : EI_CLASS + 1] == b"\1" else EHDR_SIZE
    if len(data) < smallest:
        raise ElfError(f"{name}: truncated: {len(data)} bytes, an ELF header has {smallest}")
    wide = data[EI_CLASS] == ELFCLASS64
    if not (wide or (any_class and data[EI_CLASS] == ELFCLASS32)) or data[EI_DATA] != ELFDATA2LSB:
        raise ElfError(f"{name}: not a {'' if any_class else '64-bit '}little-endian ELF file")
    if data[EI_VERSION] != EV_CURRENT:
        raise ElfError(f"{name}: unknown ELF version {data[EI_VERSION]}")
    ehdr = unpack_ehdr(data)
    if ehdr.version != EV_CURRENT:
        raise ElfError(f"{name}: unknown ELF version {ehdr.version}")
    if ehdr.shoff:
        ehdr = _extended_numbers(data, ehdr, name)
    elif ehdr.shnum:
        raise ElfError(f"{name}: {ehdr.shnum} section headers but no table of them")
    phdr_size, shdr_size = (PHDR_SIZE, SHDR_SIZE) if wide else (class32.PHDR_SIZE, class32.SHDR_SIZE)
    _check_table(data, name, "program header", ehdr.phoff, ehdr.phnum, ehdr.phentsize, phdr_size)
    _check_table(data, name, "section header", ehdr.shoff, ehdr.shnum, ehdr.shentsize, shdr_size)
    if ehdr.shstrndx and ehdr.shstrndx >= ehdr.shnum:
        raise ElfError(f"{name}: section name table {ehdr.shstrndx} of {ehdr.shnum} sections")
    return ehdr


def _extended_numbers(data: Buffer, ehdr: Ehdr, name: str) -> Ehdr:
    """Counts that do not fit in 16 bits are kept in section header 0 (gABI)."""
    if ehdr.shnum and ehdr.shstrndx != SHN_XINDEX and ehdr.phnum != PN_XNUM:
        return ehdr
    narrow = is_class32(data)
    size = class32.SHDR_SIZE if narrow else SHDR_SIZE
    _check_table(data, name, "section header", ehdr.shoff, 1, ehdr.shentsize, size)
    first = Shdr(*(class32.SHDR if narrow else _SHDR).unpack_from(data, ehdr.shoff))
    return ehdr._replace(
        shnum=ehdr.shnum or first.size,
        shstrndx=first.link if ehdr.shstrndx == SHN_XINDEX else ehdr.shstrndx,
        phnum=first.info if ehdr.phnum == PN_XNUM else ehdr.phnum,
    )


def _check_table(
    data: Buffer, name: str, what: str, offset: int, count: int, entsize: int, expected: int
) -> None:
    if not count:
        return
    if entsize != expected:
        raise ElfError(f"{name}: {what} size {entsize}, expected {expected}")
    if offset + count * entsize > len(data):
        raise ElfError(
            f"{name}: truncated: {count} {what}s at {offset:#x} end beyond the file's {len(data):#x} bytes"
        )


def require_riscv(ehdr: Ehdr, name: str) -> None:
    """Raise ElfError unless the file is for RISC-V."""
    if ehdr.machine != EM_RISCV:
        raise ElfError(f"{name}: not a RISC-V file (machine {ehdr.machine})")


def read_phdrs(data: Buffer, name: str, ehdr: Ehdr | None = None) -> list[Phdr]:
    """All program headers; each one's file contents are known to lie in the file.

    A segment of 0 bytes in the file may have any offset, as in Linux.
    """
    ehdr = ehdr or read_ehdr(data, name)
    raw = data[ehdr.phoff : ehdr.phoff + ehdr.phnum * ehdr.phentsize]
    if is_class32(data):
        phdrs = [Phdr(*class32.phdr_fields(fields)) for fields in class32.PHDR.iter_unpack(raw)]
    else:
        phdrs = [Phdr(*fields) for fields in _PHDR.iter_unpack(raw)]
    for index, phdr in enumerate(phdrs):
        if phdr.filesz and phdr.offset + phdr.filesz > len(data):
            raise ElfError(
                f"{name}: truncated: segment {index} (offset {phdr.offset:#x}, {phdr.filesz:#x} bytes) ends beyond "
                f"the file's {len(data):#x} bytes"
            )
    return phdrs


def names_interpreter(head: bytes) -> bool:
    """Whether the program headers in a file's first bytes have a PT_INTERP; nothing is checked, nothing raised."""
    if not is_elf(head) or len(head) < EHDR_SIZE:
        return False
    ehdr = unpack_ehdr(head)
    raw = head[ehdr.phoff : ehdr.phoff + ehdr.phnum * PHDR_SIZE]
    return any(
        fields[0] == PT_INTERP for fields in _PHDR.iter_unpack(raw[: len(raw) // PHDR_SIZE * PHDR_SIZE])
    )


MAX_OVERLAP = 4  # all sections together have at most this many times the file's bytes


def read_shdrs(data: Buffer, name: str, ehdr: Ehdr | None = None) -> list[Shdr]:
    """All section headers; each one's file contents are known to lie in the file.

    Sections of real files share few bytes, if any; those of a hostile file could make readers copy it many times.
    """
    ehdr = ehdr or read_ehdr(data, name)
    raw = data[ehdr.shoff : ehdr.shoff + ehdr.shnum * ehdr.shentsize]
    layout = class32.SHDR if is_class32(data) else _SHDR
    shdrs = [Shdr(*fields) for fields in layout.iter_unpack(raw)]
    for index, shdr in enumerate(shdrs):
        if shdr.file_size and shdr.offset + shdr.size > len(data):
            raise ElfError(
                f"{name}: truncated: section {index} (offset {shdr.offset:#x}, {shdr.size:#x} bytes) ends beyond "
                f"the file's {len(data):#x} bytes"
            )
    if sum(shdr.file_size for shdr in shdrs) > MAX_OVERLAP * len(data):
        raise ElfError(f"{name}: the sections overlap: together they have more bytes than the file")
    return shdrs


def read_dynamic(data: Buffer, *, class32_file: bool = False) -> list[tuple[int, int]]:
    """(d_tag, d_val) of a dynamic section's bytes, up to and without DT_NULL. A last part of an entry is ignored."""
    entries = []
    layout = class32.DYN if class32_file else _DYN
    for tag, value in layout.iter_unpack(data[: len(data) // layout.size * layout.size]):
        if tag == DT_NULL:
            break
        entries.append((tag, value))
    return entries


def needed_libraries(data: Buffer, name: str, phdrs: Sequence[Phdr]) -> list[str]:
    """The DT_NEEDED names of an image, in order; empty without a dynamic section. Raises ElfError."""
    section = next((p for p in phdrs if p.type == PT_DYNAMIC), None)
    if section is None:
        return []
    entries = read_dynamic(data[section.offset : section.offset + section.filesz])
    at = dict(entries).get(DT_STRTAB, 0)
    strings = next((p for p in phdrs if p.type == PT_LOAD and p.vaddr <= at < p.vaddr + p.filesz), None)
    table = data[strings.offset + at - strings.vaddr :] if strings is not None else b""
    return [string_at(table, value, name, "DT_NEEDED") for tag, value in entries if tag == DT_NEEDED]


def pack_dynamic(entries: list[tuple[int, int]]) -> bytes:
    """The bytes of a dynamic section; the caller ends the list with (DT_NULL, 0)."""
    return b"".join(_DYN.pack(tag, value) for tag, value in entries)


def string_at(table: Buffer, offset: int, name: str, what: str = "string") -> str:
    """The NUL-terminated string at `offset` of a string table; bytes that are not UTF-8 are kept as surrogates."""
    if offset >= len(table):
        if offset == 0:
            return ""
        raise ElfError(f"{name}: {what} offset {offset:#x} outside its string table of {len(table):#x} bytes")
    table = bytes(table) if isinstance(table, memoryview) else table
    end = table.find(b"\0", offset)
    if end < 0:
        raise ElfError(f"{name}: {what} at {offset:#x} is not terminated in its string table")
    return table[offset:end].decode("utf-8", "surrogateescape")
