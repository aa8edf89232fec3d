"""Where a breakpoint of the command line is: in the program, or in the libraries as they are mapped."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from typing import TYPE_CHECKING

from ..base.errors import ElfError, UsageError
from ..elf.constants import PT_LOAD, SHN_UNDEF
from ..elf.elf_file import ElfFile
from ..kernel.mm.frame_allocator import OutOfFrames
from ..kernel.mm.user_memory import Fault
from ..kernel.mm.vma import PROT_EXEC

if TYPE_CHECKING:
    from ..kernel.mm.vma import Vma
    from ..kernel.proc.breakpoints import Breakpoints
    from ..kernel.proc.process import Process


class BreakpointPlaces:
    """Sets a breakpoint at `text`: a symbol, a hexadecimal address with 0x, or FILE:LINE.

    It is set in the program if that has such a place, else in each library that has one, when the
    library is mapped. Children that the process forks have it too.
    """

    def __init__(self, text: str, breakpoints: Breakpoints):
        self._text, self._breakpoints = text, breakpoints
        self._number = _number(text)
        self._program: str | None = None  # the path of the program whose libraries are searched
        self._offsets: dict[Hashable, int | None] = {}  # by file: where the place is in it
        self._set = False

    def start(self, process: Process, name: str) -> None:
        """Set the breakpoint in the program of `process`, or expect it in a library.

        Raises UsageError, with the program's `name`, if neither is possible.
        """
        image = process.image
        assert image is not None
        dynamic = image.interpreter is not None
        va = self._number
        if va is None:
            linked = linked_address_of(self._text, ElfFile.parse(image.file.pread(0, image.file.size), name))
            if linked is None and not dynamic:
                raise UsageError(f"{name}: {self._missing()} to break at")
            va = None if linked is None else linked + image.bias
        if va is not None and (process.mm.vmas.find(va) is not None or not dynamic):
            try:
                self._breakpoints.set(process, va)
            except Fault:
                raise UsageError(f"{name}: {va:#x} is not the address of an instruction") from None
            self._set = True
        else:
            self._program = process.exe
            self.search(process)

    def search(self, process: Process, start: int = 0, end: int = 1 << 64) -> None:
        """Set the breakpoint in the libraries of `process` whose code is mapped from `start` to `end`."""
        if process.exe != self._program:
            return
        for area in list(process.mm.vmas):
            if area.start < end and area.end > start and area.prot & PROT_EXEC and area.file is not None:
                va = self._number if self._number is not None else self._place(area)
                if va is not None and area.start <= va < area.end:
                    with suppress(Fault, OutOfFrames):  # an odd address, or no memory for the copy
                        self._breakpoints.set(process, va)
                        self._set = True

    def report(self) -> str:
        """What the user should know when the run has ended; "" if there is nothing."""
        if not self._set:
            return f"{self._missing()} in the program and in the libraries that it loaded"
        if not self._breakpoints.reached:
            return f"no process reached '{self._text}'{self._breakpoints.required_hits()}"
        return ""

    def _missing(self) -> str:
        what = "code at" if ":" in self._text else "address" if self._number is not None else "symbol"
        return f"no {what} '{self._text}'"

    def _place(self, area: Vma) -> int | None:
        """The address of the breakpoint in a mapped file, if the file has it."""
        file = area.file
        assert file is not None
        if file.identity not in self._offsets:
            self._offsets[file.identity] = None
            with suppress(ElfError):  # not an ELF file, or one without readable lines
                elf = ElfFile.parse(file.pread(0, file.size), area.name)
                linked = linked_address_of(self._text, elf)
                self._offsets[file.identity] = None if linked is None else _file_offset(elf, linked)
        offset = self._offsets[file.identity]
        return None if offset is None else area.start + offset - area.offset


def _file_offset(elf: ElfFile, va: int) -> int | None:
    """The file offset of the byte at a link-time address; None if the file does not have it."""
    for segment in elf.segments:
        if segment.type == PT_LOAD and segment.vaddr <= va < segment.vaddr + segment.filesz:
            return va - segment.vaddr + segment.offset
    return None


def _number(text: str) -> int | None:
    """The value of a hexadecimal number with 0x, else None."""
    try:
        return int(text, 16) if text.startswith("0x") else None
    except ValueError:
        return None


def linked_address_of(text: str, elf: ElfFile) -> int | None:
    """The link-time address of a symbol or of FILE:LINE. None if the file has no such place.

    Raises ElfError if the line tables cannot be read.
    """
    for name in (".symtab", ".dynsym"):
        table = elf.symbols(name)
        if table is not None and text in table.names:
            row = table.array[table.names.index(text)]
            if row["st_shndx"] != SHN_UNDEF:
                return int(row["st_value"])
    file, colon, line = text.rpartition(":")
    if colon and line.isascii() and line.isdigit():
        from ..elf.dwarf import LineTable  # imports pyelftools

        return LineTable.from_elf(elf.data).address_of(file, int(line))
    return None
