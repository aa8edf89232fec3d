"""Mapping the segments of an ELF file, for exec and the dynamic loader.

Each PT_LOAD is mapped private from the page cache, so text stays shared. The part of the last page
beyond p_filesz is cleared, which copies that page; whole pages of bss are anonymous. A file that
cannot be mapped is rejected with NotExecutableError before any part of it is mapped.
"""

from __future__ import annotations

from toyvm.base.bits import align_down, align_up, u64
from toyvm.base.errors import ElfError, NotExecutableError
from toyvm.base.record import Record
from toyvm.elf import constants as elf
from toyvm.elf.headers import Ehdr, Phdr, read_ehdr, read_phdrs, require_riscv
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SIZE
from toyvm.machine.sv39 import USER_TOP

from ..vfs.nodes import FileNode
from .address_space import MMAP_MIN, PIE_BASE, AddressSpace
from .vma import PROT_EXEC, PROT_READ, PROT_WRITE

_MAX_FILE = 256 << 20
_PATH_MAX = 4096


class LoadedImage(Record):
    """An ELF file mapped into an address space by `map_image`. All addresses are virtual.

    `bias` is the difference to the file's own addresses (0 for ET_EXEC). `start` and `end` bound
    its pages. `phdr` is the address of the program headers, or 0 if no segment contains them.
    `file` provides the file's bytes (`file.pread(offset, n)`, `file.size`).
    """

    path: str
    file: FileNode
    e_type: int
    e_flags: int
    bias: int
    entry: int
    start: int
    end: int
    phdr: int
    phdrs: tuple[Phdr, ...]
    interpreter: str | None
    executable_stack: bool

    @property
    def is_library(self) -> bool:
        """Whether this is a shared object that is no program: it has no entry point and no PT_INTERP."""
        return self.e_type == elf.ET_DYN and self.entry == self.bias and self.interpreter is None


def map_image(mm: AddressSpace, file: FileNode, path: str, *, library: bool = False) -> LoadedImage:
    """Map the segments of `file` into `mm`.

    ET_EXEC is mapped at its own addresses, ET_DYN at PIE_BASE, a `library` in the mmap area. Raises
    NotExecutableError for a file that is not such an image, OSError(ENOMEM) if it does not fit.
    """
    ehdr, phdrs = read_headers(file, path)
    loads = [p for p in phdrs if p.type == elf.PT_LOAD and p.memsz]
    _check_segments(loads, path)
    low = align_down(min(p.vaddr for p in loads), PAGE_SIZE)
    high = align_up(max(p.vaddr + p.memsz for p in loads), PAGE_SIZE)
    bias = _choose_bias(mm, ehdr, low, high, path, library)
    for phdr in loads:
        _map_segment(mm, file, phdr, bias, path)
    stack = next((p for p in phdrs if p.type == elf.PT_GNU_STACK), None)
    return LoadedImage(
        path=path,
        file=file,
        e_type=ehdr.type,
        e_flags=ehdr.flags,
        bias=bias,
        entry=u64(ehdr.entry + bias),
        start=low + bias,
        end=high + bias,
        phdr=headers_address(ehdr, loads, bias),
        phdrs=tuple(phdrs),
        interpreter=_interpreter(file, phdrs, path),
        executable_stack=stack is not None and bool(stack.flags & elf.PF_X),
    )


def read_headers(file: FileNode, path: str) -> tuple[Ehdr, list[Phdr]]:
    """The checked headers of an executable or shared object. Raises NotExecutableError."""
    if file.size > _MAX_FILE:
        raise NotExecutableError(f"{path}: cannot execute: file too large")
    data = file.pread(0, file.size)
    try:
        ehdr = read_ehdr(data, path)
        require_riscv(ehdr, path)
        phdrs = read_phdrs(data, path, ehdr)
    except ElfError as failure:
        raise NotExecutableError(f"{failure}: cannot execute") from None
    if ehdr.type not in (elf.ET_EXEC, elf.ET_DYN):
        kind = "a relocatable object" if ehdr.type == elf.ET_REL else f"type {ehdr.type}"
        raise NotExecutableError(f"{path}: cannot execute {kind}; link it first")
    return ehdr, phdrs


def _check_segments(loads: list[Phdr], path: str) -> None:
    if not loads:
        raise NotExecutableError(f"{path}: cannot execute: no PT_LOAD segment")
    end = 0
    for number, phdr in enumerate(loads):
        where = f"{path}: cannot execute: PT_LOAD {number} (vaddr {phdr.vaddr:#x}, memsz {phdr.memsz:#x})"
        if phdr.filesz > phdr.memsz:
            raise NotExecutableError(f"{where}: p_filesz {phdr.filesz:#x} is larger than p_memsz")
        if phdr.vaddr + phdr.memsz > USER_TOP:
            raise NotExecutableError(f"{where}: ends above the user half {USER_TOP:#x}")
        if (phdr.vaddr ^ phdr.offset) & PAGE_MASK:
            raise NotExecutableError(f"{where}: p_vaddr and p_offset {phdr.offset:#x} differ modulo the page")
        if align_down(phdr.vaddr, PAGE_SIZE) < end:
            raise NotExecutableError(f"{where}: shares a page with the segment before it, or is out of order")
        end = align_up(phdr.vaddr + phdr.memsz, PAGE_SIZE)


def _choose_bias(mm: AddressSpace, ehdr: Ehdr, low: int, high: int, path: str, library: bool) -> int:
    if ehdr.type == elf.ET_EXEC:
        if low < MMAP_MIN:
            raise NotExecutableError(f"{path}: cannot execute: segment at {low:#x}, below {MMAP_MIN:#x}")
        if library:
            raise NotExecutableError(f"{path}: cannot load: an executable, not a shared object")
        return 0
    alignment = PAGE_SIZE
    if library:
        base = mm.vmas.find_gap(high - low + alignment, MMAP_MIN, mm.mmap_top)
    else:
        base = PIE_BASE + alignment if PIE_BASE + high - low < mm.mmap_top else None
    if base is None:
        raise NotExecutableError(
            f"{path}: cannot execute: {high - low:#x} bytes of address space are not free"
        )
    return align_up(base, alignment) - low


def _map_segment(mm: AddressSpace, file: FileNode, phdr: Phdr, bias: int, path: str) -> None:
    prot = (
        (PROT_READ if phdr.flags & elf.PF_R else 0)
        | (PROT_WRITE if phdr.flags & elf.PF_W else 0)
        | (PROT_EXEC if phdr.flags & elf.PF_X else 0)
    )
    start = align_down(phdr.vaddr + bias, PAGE_SIZE)
    file_end = phdr.vaddr + bias + phdr.filesz
    end = align_up(phdr.vaddr + bias + phdr.memsz, PAGE_SIZE)
    mapped = align_up(file_end, PAGE_SIZE) if phdr.filesz else start
    if mapped > start:
        mm.mmap(
            start,
            mapped - start,
            prot,
            fixed=True,
            file=file,
            offset=align_down(phdr.offset, PAGE_SIZE),
            name=path,
        )
        if phdr.memsz > phdr.filesz and file_end & PAGE_MASK and prot & PROT_WRITE:
            mm.write(file_end, bytes(mapped - file_end))
    if end > mapped:
        mm.mmap(mapped, end - mapped, prot, fixed=True)


def headers_address(ehdr: Ehdr, loads: list[Phdr], bias: int) -> int:
    """The address of the program headers for AT_PHDR; 0 if no segment contains them."""
    size = ehdr.phnum * ehdr.phentsize
    for phdr in loads:
        if phdr.offset <= ehdr.phoff and ehdr.phoff + size <= phdr.offset + phdr.filesz:
            return phdr.vaddr + bias + ehdr.phoff - phdr.offset
    return 0


def _interpreter(file: FileNode, phdrs: list[Phdr], path: str) -> str | None:
    for phdr in phdrs:
        if phdr.type == elf.PT_INTERP:
            if not 2 <= phdr.filesz <= _PATH_MAX:
                raise NotExecutableError(f"{path}: cannot execute: PT_INTERP of {phdr.filesz} bytes")
            return file.pread(phdr.offset, phdr.filesz).split(b"\0")[0].decode("utf-8", "surrogateescape")
    return None
