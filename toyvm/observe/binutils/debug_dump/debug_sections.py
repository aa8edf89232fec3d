"""The sections of debugging information of a file: decompressed, and in a relocatable object with relocations applied."""

from __future__ import annotations

from collections.abc import Callable

from toyvm.base.errors import ElfError
from toyvm.base.record import Record
from toyvm.elf.compression import MAX_SIZE, decompressed, is_in_gnu_form, is_zdebug
from toyvm.elf.constants import ET_REL, SHF_COMPRESSED, SHT_NOBITS, SHT_RELA
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.relocation_fields import RelocationError, apply
from toyvm.relocations import RELOCATIONS, Formula

from .byte_cursor import Cursor

_LINKED_ONLY = {".debug_abbrev", ".debug_str", ".debug_line_str"}  # no relocations belong to them
R_RISCV_32_PCREL = 57
_APPLIED = (Formula.ABSOLUTE, Formula.ADD, Formula.SUBTRACT)


class DebugSection(Record):
    """The contents of a section. `relocated` has the offsets at which relocations were applied."""

    name: str
    data: bytes
    address: int
    relocated: frozenset[int]

    def cursor(self, at: int = 0) -> Cursor:
        """A cursor over the section."""
        return Cursor(self.data, at)


class DebugSections:
    """The sections of one file, read when they are first used. `warn` gets what is odd but can be shown."""

    def __init__(self, elf: ElfFile, warn: Callable[[str], None]):
        self.elf = elf
        self.warn = warn
        self.pointer_size = elf.digits // 2
        self._read: dict[int, DebugSection] = {}
        self._room = MAX_SIZE

    def find(self, name: str) -> DebugSection | None:
        """The section called `name`, or its older compressed form `.zdebug_*`, or that of a .dwo file. Raises ElfError."""
        return self._named(name) or self._named(f"{name}.dwo")

    def _named(self, name: str) -> DebugSection | None:
        other = name.replace(".debug_", ".zdebug_")
        for section in self.elf.sections:
            if section.name in (name, other) and section.header.type != SHT_NOBITS:
                return self.read(section)
        return None

    def read(self, section: ElfSection) -> DebugSection:
        """The contents of `section`. Raises ElfError."""
        if section.number not in self._read:
            self._read[section.number] = self._load(section)
        return self._read[section.number]

    def _load(self, section: ElfSection) -> DebugSection:
        data = self.elf.contents(section)
        where = f"{self.elf.name}: section {section.name}"
        older = is_zdebug(section.name, section.header.type, section.header.flags) and is_in_gnu_form(data)
        if older or section.header.flags & SHF_COMPRESSED:
            data, _ = decompressed(data, where)
        self._room -= len(data)
        if self._room < 0:
            raise ElfError(f"{self.elf.name}: the debugging information has more than {MAX_SIZE} bytes")
        places: set[int] = set()
        if self.elf.header.type == ET_REL and section.name not in _LINKED_ONLY:
            data = self._relocated(section, data, places)
        return DebugSection(section.name, data, section.header.addr, frozenset(places))

    def _relocated(self, target: ElfSection, data: bytes, places: set[int]) -> bytes:
        """The contents with relocations applied, as if each section were at address 0."""
        patched = bytearray(data)
        unknown: set[int] = set()
        for section in self.elf.sections_of_type(SHT_RELA):
            if section.header.info != target.number:
                continue
            values = self.elf.symbols_of(self.elf.linked(section)).array["st_value"].tolist()
            for offset, kind, symbol, addend in self.elf.relocations_of(section).tolist():
                reloc = RELOCATIONS.get(kind)
                places.add(offset)
                relative = kind == R_RISCV_32_PCREL
                if reloc is None or (reloc.formula not in _APPLIED and not relative):
                    if (reloc is None or reloc.formula is not Formula.NONE) and kind not in unknown:
                        unknown.add(kind)
                        self.warn(f"unable to apply unsupported reloc type {kind} to section {target.name}")
                    continue
                try:
                    apply(patched, offset, reloc, values[symbol] + addend - (offset if relative else 0))
                except (RelocationError, IndexError) as error:
                    raise ElfError(f"{self.elf.name}: {target.name}: {error}") from None
        return bytes(patched)

    def string(self, name: str, offset: int) -> str:
        """The string at `offset` of a table of strings, or GNU's text for its absence."""
        section = self.find(name)
        if section is None:
            return f"<no {name} section>"
        if offset >= len(section.data):
            self.warn(f"DW_FORM_{'line_' * (name == '.debug_line_str')}strp offset too big: {offset:#x}")
            return "<offset is too big>"
        if section.data.find(b"\0", offset) < 0:
            return "<no NUL byte at end of section>"
        return section.cursor(offset).text()

    def indexed_string(self, index: int, size: int, base: int) -> str:
        """String `index` of the table of offsets (of `size` bytes) at `base` in .debug_str_offsets."""
        section, strings = self.find(".debug_str_offsets"), self.find(".debug_str")
        if section is None:
            return "<no .debug_str_offsets section>"
        if strings is None:
            return "<no .debug_str section>"
        if not base and section.name.endswith(".dwo") and section.data[4:6] == b"\5\0":
            base = 8  # behind the header: a .dwo file has one table, and does not name it
        at = base + index * size
        if at + size > len(section.data):
            self.warn(
                f"string index of {index} converts to an offset of {at:#x} which is too big for section {strings.name}"
            )
            return "<string index too big>"
        offset = int.from_bytes(section.data[at : at + size], "little")
        if offset >= len(strings.data):
            self.warn(f"indirect offset too big: {offset:#x}")
            return "<indirect index offset is too big>"
        return self.string(".debug_str", offset)

    def indexed_address(self, offset: int, size: int) -> int:
        """The address at `offset` of .debug_addr; 0, and a warning, if there is none."""
        section = self.find(".debug_addr")
        if section is None:
            self.warn("Cannot fetch indexed address: the .debug_addr section is missing")
            return 0
        if offset + size > len(section.data):
            self.warn(f"Offset into section {section.name} too big: {offset:#x}")
            return 0
        return int.from_bytes(section.data[offset : offset + size], "little")

    def indexed_value(self, name: str, index: int, base: int) -> int | None:
        """Offset `index` of a table in .debug_loclists or .debug_rnglists that begins at `base`, or at its first table."""
        section = self.find(name)
        if section is None:
            self.warn(f"Unable to locate {name} section")
            return None
        size = 8 if section.data[:4] == b"\xff\xff\xff\xff" else 4
        at = index * size + (base or (20 if size == 8 else 12))
        if at + size > len(section.data):
            self.warn(f"Offset into section {name} too big: {at:#x}")
            return None
        return int.from_bytes(section.data[at : at + size], "little")
