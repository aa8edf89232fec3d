"""Names for addresses: `main+0x34 (cow.s:41)`, and the instruction that stands there.

An address of a process belongs to a mapping; the mapping to a place in a file; the place, through the file's program
headers, to an address as the linker saw it; that address to a symbol and, where there is DWARF, to a source line.
Everything is read on the first question: a run that asks nothing pays nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from toyvm.base.record import Record

from ..base.errors import ElfError
from ..elf.constants import PT_LOAD, SHN_UNDEF, ST_TYPE_MASK, STT_FILE, STT_SECTION, STT_TLS
from ..elf.elf_file import ElfFile

if TYPE_CHECKING:
    from ..elf.dwarf import LineTable


class FilePlace(Record):
    """Where an address of a process stands in a file. `identity` is the same for the same contents."""

    identity: Hashable
    name: str
    offset: int
    read: Callable[[], bytes]


class ImageSymbols:
    """The symbols and lines of one ELF file, by address as linked. A file that is not ELF has none."""

    def __init__(self, data: bytes, name: str):
        self.elf: ElfFile | None = None
        self.values: list[int] = []
        self.entries: list[tuple[str, int]] = []  # (name, size) at self.values
        self.lines: LineTable | None = None
        try:
            elf = ElfFile.parse(data, name)
            self._read_symbols(elf)
            self.lines = self._read_lines(data)
        except ElfError:
            return  # a damaged file has no names to offer; its addresses are shown bare
        self.elf = elf

    def _read_symbols(self, elf: ElfFile) -> None:
        table = elf.symbols(".symtab") or elf.symbols(".dynsym")
        if table is None:
            return
        found: dict[int, tuple[str, int]] = {}
        rows = table.array[["st_value", "st_size", "st_info", "st_shndx"]].tolist()
        for name, (value, size, info, shndx) in zip(table.names, rows, strict=True):
            if (
                not name
                or shndx == SHN_UNDEF
                or info & ST_TYPE_MASK in (STT_SECTION, STT_FILE, STT_TLS)
                or name[0] == "$"
            ):
                continue
            # Of several names for one address the first sized one is the best.
            if value not in found or (size and not found[value][1]):
                found[value] = (name, size)
        self.values = sorted(found)
        self.entries = [found[value] for value in self.values]

    @staticmethod
    def _read_lines(data: bytes) -> LineTable | None:
        from ..elf.dwarf import LineTable  # pyelftools: only when something is explained

        return LineTable.from_elf(data)

    def linked_address(self, offset: int) -> int | None:
        """The address at which the linker placed the byte at `offset` of the file."""
        if self.elf is None:
            return None
        for segment in self.elf.segments:
            if segment.type == PT_LOAD and segment.offset & -4096 <= offset < segment.offset + segment.filesz:
                return segment.vaddr + offset - segment.offset
        return None

    def symbol(self, address: int) -> str:
        """`name+0xoffset` of the symbol that holds or precedes `address`, or ""."""
        index = bisect_right(self.values, address) - 1
        if index < 0:
            return ""
        name, size = self.entries[index]
        offset = address - self.values[index]
        if size and offset >= size:
            return ""
        return f"{name}+{offset:#x}" if offset else name

    def line(self, address: int) -> str:
        """`file.s:12`, or ""."""
        found = self.lines.lookup(address) if self.lines else None
        return f"{found[0].rsplit('/', 1)[-1]}:{found[1]}" if found else ""


class Symbolizer:
    """Answers for any address of any process. `locate(pid, va)` and `read(pid, va, n)` ask the kernel."""

    def __init__(
        self, locate: Callable[[int, int], FilePlace | None], read: Callable[[int, int, int], bytes | None]
    ):
        self._locate = locate
        self._read = read
        self._images: dict[Hashable, ImageSymbols] = {}

    def describe(self, pid: int, va: int) -> str:
        """`main+0x34 (cow.s:41)`, `main+0x34`, or "" when nothing is known."""
        place = self._locate(pid, va)
        if place is None:
            return ""
        image = self._images.get(place.identity)
        if image is None:
            image = self._images[place.identity] = ImageSymbols(place.read(), place.name)
        address = image.linked_address(place.offset)
        if address is None:
            return ""
        line = image.line(address)
        return " ".join(part for part in (image.symbol(address), f"({line})" if line else "") if part)

    def instruction(self, pid: int, va: int) -> str:
        """The instruction at `va`, disassembled by capstone; "" where memory holds none."""
        code = self._read(pid, va, 4) or self._read(pid, va, 2)
        return disassemble_one(code, va) if code else ""


def disassemble_one(code: bytes, va: int) -> str:
    """The first instruction in `code`."""
    import capstone  # heavy, as the table is, and only wanted when a trace is asked for

    from ..isa.decode import decode
    from ..isa.text import instruction_text

    machine = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV64 | capstone.CS_MODE_RISCVC)
    for _, _, mnemonic, operands in machine.disasm_lite(code, va, 1):
        return f"{mnemonic} {operands}".rstrip()
    if decoded := decode(int.from_bytes(code[:4], "little")):
        return instruction_text(decoded, va)  # Zba, Zbb, Zbs and Zicond, which capstone does not know
    return f".word {int.from_bytes(code[:4], 'little'):#x}"
