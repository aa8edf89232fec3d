"""Names for addresses, such as `main+0x34 (cow.s:41)`, and the instructions at addresses.

An address of a process is looked up in four steps: its mapping gives an offset in a file; the
file's program headers convert the offset to the address at link time; the symbol table gives the
symbol; and DWARF, if present, gives the source line. Files are read on first use.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from ..base.errors import ElfError
from ..base.record import Record
from ..elf.constants import (
    PT_LOAD,
    SHF_ALLOC,
    SHN_UNDEF,
    ST_TYPE_MASK,
    ST_VISIBILITY_MASK,
    STB_LOCAL,
    STT_FILE,
    STT_FUNC,
    STT_SECTION,
    STT_TLS,
    STV_HIDDEN,
    STV_INTERNAL,
)
from ..elf.elf_file import ElfFile
from ..kernel.syscalls.tracing.trace_text import peek

if TYPE_CHECKING:
    from ..elf.dwarf import LineTable
    from ..kernel.kernel import Kernel


class FilePlace(Record):
    """The position of an address in a mapped file.

    Files with the same `identity` have the same contents.
    """

    identity: Hashable
    name: str
    offset: int
    read: Callable[[], bytes]


class ImageSymbols:
    """The symbols and lines of one ELF file by link-time address. Any other file has none."""

    def __init__(self, data: bytes, name: str):
        self.elf: ElfFile | None = None
        self.values: list[int] = []
        self.entries: list[tuple[str, int]] = []  # (name, size) at self.values
        self.functions: list[int] = []  # the values of functions and of other global symbols, sorted
        self.lines: LineTable | None = None
        try:
            elf = ElfFile.parse(data, name)
            self._read_symbols(elf)
            self.elf = elf
        except ElfError:
            return  # not an ELF file, or a damaged one: its addresses are shown without names
        try:
            self.lines = self._read_lines(data)
        except ElfError:
            return  # such as compressed lines: addresses have their symbols at least

    def _read_symbols(self, elf: ElfFile) -> None:
        table = elf.symbols(".symtab") or elf.symbols(".dynsym")
        if table is None:
            return
        found: dict[int, tuple[tuple[bool, bool, int, str], str, int]] = {}
        functions: set[int] = set()
        rows = table.array[["st_value", "st_size", "st_info", "st_other", "st_shndx"]].tolist()
        for name, (value, size, info, other, shndx) in zip(table.names, rows, strict=True):
            if (
                not name
                or shndx == SHN_UNDEF
                or info & ST_TYPE_MASK in (STT_SECTION, STT_FILE, STT_TLS)
                or name[0] == "$"
            ):
                continue
            if info & ST_TYPE_MASK == STT_FUNC or info >> 4 != STB_LOCAL:
                functions.add(value)
            # Of several symbols at one address, take one that has a size, and that others may use: puts, not __libc_puts.
            hidden = other & ST_VISIBILITY_MASK in (STV_HIDDEN, STV_INTERNAL)
            entry = ((not size, hidden, len(name) - len(name.lstrip("_")), name), name, size)
            if value not in found or entry < found[value]:
                found[value] = entry
        self.values = sorted(found)
        self.entries = [found[value][1:] for value in self.values]
        self.functions = sorted(functions)

    @staticmethod
    def _read_lines(data: bytes) -> LineTable | None:
        from ..elf.dwarf import LineTable  # imports pyelftools

        return LineTable.from_elf(data)

    def linked_address(self, offset: int) -> int | None:
        """The link-time address of the byte at file offset `offset`; None if it is not loaded."""
        if self.elf is None:
            return None
        for segment in self.elf.segments:
            if segment.type == PT_LOAD and segment.offset & -4096 <= offset < segment.offset + segment.filesz:
                return segment.vaddr + offset - segment.offset
        return None

    def section_at(self, address: int) -> str:
        """The name of the section at a link-time address, or ""."""
        for section in self.elf.sections if self.elf is not None else ():
            header = section.header
            if header.flags & SHF_ALLOC and header.addr <= address < header.addr + header.size:
                return section.name
        return ""

    def function_start(self, address: int) -> int | None:
        """The start of the function that `address` is in: a label in the middle of it does not count."""
        return self._containing(self.functions, address)

    def label_at(self, address: int) -> int | None:
        """The symbol that `address` is in, be it a function or a label."""
        return self._containing(self.values, address)

    def _containing(self, values: list[int], address: int) -> int | None:
        index = bisect_right(values, address) - 1
        if index < 0:
            return None
        _, size = self.entries[bisect_right(self.values, values[index]) - 1]
        return values[index] if not size or address < values[index] + size else None

    def symbol(self, address: int, ahead: int = 0) -> str:
        """`name+0xoffset` for the symbol that contains `address`, or "". `ahead` is added to the offset."""
        index = bisect_right(self.values, address) - 1
        if index < 0:
            return ""
        name, size = self.entries[index]
        offset = address - self.values[index]
        if size and offset >= size:
            return ""
        offset += ahead
        return f"{name}+{offset:#x}" if offset else name

    def line(self, address: int) -> str:
        """`file.s:12`, or ""."""
        found = self.lines.lookup(address) if self.lines else None
        return f"{found[0].rsplit('/', 1)[-1]}:{found[1]}" if found else ""


class Symbolizer:
    """Names addresses of processes. `locate` finds the file of an address, `read` reads memory.

    `locate(pid, va)` finds the file, `read(pid, va, n)` reads memory.
    """

    def __init__(
        self, locate: Callable[[int, int], FilePlace | None], read: Callable[[int, int, int], bytes | None]
    ):
        self._locate = locate
        self._read = read
        self._images: dict[Hashable, ImageSymbols] = {}

    def image_at(self, pid: int, va: int) -> tuple[FilePlace, ImageSymbols, int] | None:
        """The file that is mapped at `va`, its symbols, and the link-time address there; or None."""
        place = self._locate(pid, va)
        if place is None:
            return None
        image = self._images.get(place.identity)
        if image is None:
            image = self._images[place.identity] = ImageSymbols(place.read(), place.name)
        address = image.linked_address(place.offset)
        return None if address is None else (place, image, address)

    def describe(self, pid: int, va: int, *, called: bool = False) -> str:
        """`main+0x34 (cow.s:41)`, `main+0x34`, or "" if the address has no name.

        `called`: `va` is a return address. The call before it decides function and line, as the
        call may be the last instruction of its function.
        """
        found = self.image_at(pid, va - called)
        if found is None:
            return ""
        _, image, address = found
        line = image.line(address)
        symbol = image.symbol(address, int(called))
        return " ".join(part for part in (symbol, f"({line})" if line else "") if part)

    def file_place(self, pid: int, va: int) -> str:
        """`(libc.so.6+0x2b04)`: the file that is mapped at an address without a name; or ""."""
        found = self.image_at(pid, va)
        return "" if found is None else f"({found[0].name.rsplit('/', 1)[-1]}+{found[2]:#x})"

    def function_start(self, pid: int, va: int) -> int | None:
        """The run-time address of the start of the function at `va`, or None."""
        return self._before(pid, va, ImageSymbols.function_start)

    def label_at(self, pid: int, va: int) -> int | None:
        """The run-time address of the symbol that `va` is in, or None."""
        return self._before(pid, va, ImageSymbols.label_at)

    def names_at(self, pid: int, va: int) -> tuple[str, ...]:
        """The names of the function and of the label that `va` is in."""
        found = self.image_at(pid, va)
        if found is None:
            return ()
        _, image, address = found
        starts = (image.function_start(address), image.label_at(address))
        return tuple(image.symbol(start) for start in starts if start is not None)

    def _before(self, pid: int, va: int, find: Callable[[ImageSymbols, int], int | None]) -> int | None:
        found = self.image_at(pid, va)
        start = find(found[1], found[2]) if found is not None else None
        return None if found is None or start is None else va - (found[2] - start)

    def instruction(self, pid: int, va: int) -> str:
        """The disassembled instruction at `va`, or "" if the memory cannot be read."""
        code = self._read(pid, va, 4) or self._read(pid, va, 2)
        return disassemble_one(code, va) if code else ""


def kernel_symbolizer(kernel: Kernel) -> Symbolizer:
    """A Symbolizer for the processes of a kernel."""

    def locate(pid: int, va: int) -> FilePlace | None:
        process = kernel.processes.get(pid)
        area = process.mm.vmas.find(va) if process is not None else None
        if area is None or area.file is None:
            return None
        file = area.file
        return FilePlace(file.identity, area.name, area.offset_of(va), lambda: file.pread(0, file.size))

    def read(pid: int, va: int, count: int) -> bytes | None:
        process = kernel.processes.get(pid)
        if process is None:
            return None
        if process.mm.has_mmu:
            return peek(process, va, count)  # a report causes no fault
        try:
            return process.mm.read(va, count)
        except OSError:
            return None

    return Symbolizer(locate, read)


def disassemble_one(code: bytes, va: int) -> str:
    """The first instruction in `code`, decoded by capstone or else by the instruction table."""
    import capstone  # slow to import, and only traces need it

    from ..isa.decode import decode
    from ..isa.text import instruction_text

    machine = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV64 | capstone.CS_MODE_RISCVC)
    for _, _, mnemonic, operands in machine.disasm_lite(code, va, 1):
        return f"{mnemonic} {operands}".rstrip()
    if decoded := decode(int.from_bytes(code[:4], "little")):
        return instruction_text(decoded, va)  # capstone does not decode Zba, Zbb, Zbs and Zicond
    return f".word {int.from_bytes(code[:4], 'little'):#x}"
