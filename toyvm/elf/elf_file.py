"""An ELF file of any kind, read on demand: readelf, nm, objdump, ldd and the linker share this class.

Each part is read when it is first used. numpy is imported only for symbols and relocations, so that a command that
needs neither does not pay for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from toyvm.base.record import Record

from ..base.bits import align_up
from ..base.errors import ElfError
from . import class32
from .constants import (
    DT_NEEDED,
    DT_RPATH,
    DT_RUNPATH,
    DT_SONAME,
    DT_STRSZ,
    DT_STRTAB,
    PT_DYNAMIC,
    PT_INTERP,
    PT_LOAD,
    PT_NOTE,
    RELA_SIZE,
    SHN_XINDEX,
    SHT_DYNAMIC,
    SHT_DYNSYM,
    SHT_NOTE,
    SHT_NULL,
    SHT_REL,
    SHT_RELA,
    SHT_SYMTAB,
    SYM_SIZE,
)
from .headers import (
    Buffer,
    Ehdr,
    Phdr,
    Shdr,
    is_class32,
    read_dynamic,
    read_ehdr,
    read_phdrs,
    read_shdrs,
    string_at,
)
from .symbol import NHDR_SIZE, note_header

if TYPE_CHECKING:
    from .object_file import SymbolTable
    from .record_arrays import Table


class ElfSection(Record):
    """A section header with its number and its name."""

    number: int
    name: str
    header: Shdr


class Note(Record):
    """One note. `where` is the name of its section, or "PT_NOTE"; `desc` is the descriptor's bytes."""

    where: str
    owner: str
    type: int
    desc: bytes


MAX_SHARED_NAMES = 64  # the names of all sections have at most this many times the bytes of their table


class ElfFile:
    """One ELF file. Every accessor raises ElfError("NAME: ...") when the part that it reads is malformed."""

    def __init__(self, data: Buffer, name: str):
        self.data = data if isinstance(data, bytes) else bytes(data)
        self.name = name
        self.header: Ehdr = read_ehdr(self.data, name, any_class=True)
        self.is_class32 = is_class32(self.data)

    @property
    def digits(self) -> int:
        """The hexadecimal digits of an address."""
        return 8 if self.is_class32 else 16

    @property
    def format(self) -> str:
        """The name of the format, as the tools of GNU print it."""
        return f"elf{32 if self.is_class32 else 64}-littleriscv"

    @classmethod
    def parse(cls, data: Buffer, name: str) -> ElfFile:
        """The ELF file in `data`; only its file header is read now."""
        return cls(data, name)

    @cached_property
    def segments(self) -> list[Phdr]:
        """The program headers."""
        return read_phdrs(self.data, self.name, self.header)

    @cached_property
    def sections(self) -> list[ElfSection]:
        """The section headers with their names; [0] is the null section. Empty when the file has none."""
        shdrs = read_shdrs(self.data, self.name, self.header)
        names = b"\0"
        if self.header.shstrndx:
            table = shdrs[self.header.shstrndx]
            names = self.data[table.offset : table.offset + table.file_size]
        found = []
        room = MAX_SHARED_NAMES * (len(names) + len(shdrs))
        for index, shdr in enumerate(shdrs):
            name = string_at(names, shdr.name, self.name, f"name of section {index}: string")
            room -= len(name)
            if room < 0:
                raise ElfError(
                    f"{self.name}: the sections' names overlap: they are longer than their string table"
                )
            found.append(ElfSection(index, name, shdr))
        return found

    def section(self, name: str) -> ElfSection | None:
        """The first section called `name`."""
        return next((section for section in self.sections if section.name == name), None)

    def sections_of_type(self, *types: int) -> Iterator[ElfSection]:
        """The sections whose sh_type is one of `types`."""
        return (section for section in self.sections if section.header.type in types)

    def contents(self, section: ElfSection | Shdr) -> bytes:
        """The bytes that the file holds for a section (none for SHT_NOBITS)."""
        shdr = section.header if isinstance(section, ElfSection) else section
        return self.data[shdr.offset : shdr.offset + shdr.file_size]

    def linked(self, section: ElfSection) -> ElfSection:
        """The section that `sh_link` names."""
        if section.header.link >= len(self.sections):
            raise ElfError(
                f"{self.name}: section {section.name} links to section {section.header.link}, which does not exist"
            )
        return self.sections[section.header.link]

    def symbols(self, which: str = ".symtab") -> SymbolTable | None:
        """The symbol table `which`, ".symtab" or ".dynsym"; None when the file has none."""
        wanted = SHT_DYNSYM if which == ".dynsym" else SHT_SYMTAB
        found = next(self.sections_of_type(wanted), None)
        return None if found is None else self.symbols_of(found)

    def symbols_of(self, section: ElfSection) -> SymbolTable:
        """The symbol table in `section` (SHT_SYMTAB or SHT_DYNSYM)."""
        cached: dict[int, SymbolTable] = self.__dict__.setdefault("_symbols", {})
        if section.number not in cached:
            cached[section.number] = self._read_symbols(section)
        return cached[section.number]

    def _read_symbols(self, section: ElfSection) -> SymbolTable:
        from . import object_file, record_arrays  # numpy

        where = f"{self.name}: section {section.name}"
        if section.header.entsize != self._sym_size:
            raise ElfError(f"{where}: symbol size {section.header.entsize}, expected {self._sym_size}")
        read = record_arrays.symbols32 if self.is_class32 else record_arrays.symbols
        array = read(self.contents(section), where)
        if (array["st_shndx"] == SHN_XINDEX).any():
            raise ElfError(f"{where}: extended section numbers (SHN_XINDEX) are not supported")
        if section.header.info > len(array):
            raise ElfError(f"{where}: first global symbol {section.header.info} of {len(array)}")
        names = record_arrays.names(array, self.contents(self.linked(section)), where)
        return object_file.SymbolTable(names, array, section.header.info)

    @property
    def _sym_size(self) -> int:
        return class32.SYM_SIZE if self.is_class32 else SYM_SIZE

    def relocations(self) -> list[tuple[ElfSection, Table]]:
        """Every SHT_RELA section with its relocations. Its `sh_link` is the symbol table (0: none)."""
        rel = next(self.sections_of_type(SHT_REL), None)
        if rel is not None:
            raise ElfError(
                f"{self.name}: section {rel.name}: relocations without addend (SHT_REL) do not exist on RISC-V"
            )
        return [(section, self.relocations_of(section)) for section in self.sections_of_type(SHT_RELA)]

    def relocations_of(self, section: ElfSection) -> Table:
        """The relocations in a SHT_RELA section, as an array of RELA. Each symbol number is checked against the linked table."""
        from . import record_arrays  # numpy

        where = f"{self.name}: section {section.name}"
        size = class32.RELA_SIZE if self.is_class32 else RELA_SIZE
        if section.header.entsize != size:
            raise ElfError(f"{where}: relocation size {section.header.entsize}, expected {size}")
        read = record_arrays.relocations32 if self.is_class32 else record_arrays.relocations
        array = read(self.contents(section), where)
        count = 1
        if section.header.link:
            linked = self.linked(section)
            if linked.header.type not in (SHT_SYMTAB, SHT_DYNSYM):
                raise ElfError(f"{where}: linked section {linked.name} is not a symbol table")
            count = max(1, linked.header.size // self._sym_size)
        if len(array) and int(array["r_sym"].max()) >= count:
            raise ElfError(f"{where}: symbol {int(array['r_sym'].max())} of {count}")
        return array

    @cached_property
    def dynamic(self) -> list[tuple[int, int]]:
        """(d_tag, d_val) of the dynamic section or segment, without the final DT_NULL."""
        for phdr in self.segments:
            if phdr.type == PT_DYNAMIC:
                data = self.data[phdr.offset : phdr.offset + phdr.filesz]
                return read_dynamic(data, class32_file=self.is_class32)
        for section in self.sections_of_type(SHT_DYNAMIC):
            return read_dynamic(self.contents(section), class32_file=self.is_class32)
        return []

    def dynamic_value(self, tag: int) -> int | None:
        """The first value of `tag` in the dynamic section."""
        return next((value for found, value in self.dynamic if found == tag), None)

    @cached_property
    def dynamic_strings(self) -> bytes:
        """The string table of the dynamic section (DT_STRTAB, DT_STRSZ)."""
        address, size = self.dynamic_value(DT_STRTAB), self.dynamic_value(DT_STRSZ)
        if address is None or size is None:
            return b""
        return self.at_address(address, size, "dynamic string table")

    def dynamic_string(self, offset: int) -> str:
        """The string at `offset` of the dynamic string table."""
        return string_at(self.dynamic_strings, offset, self.name, "dynamic string")

    @property
    def needed(self) -> list[str]:
        """The names of the libraries that the file needs, in order (DT_NEEDED)."""
        return [self.dynamic_string(value) for tag, value in self.dynamic if tag == DT_NEEDED]

    @property
    def soname(self) -> str | None:
        """DT_SONAME."""
        value = self.dynamic_value(DT_SONAME)
        return None if value is None else self.dynamic_string(value)

    @property
    def runpath(self) -> str | None:
        """DT_RUNPATH, or the older DT_RPATH."""
        value = self.dynamic_value(DT_RUNPATH)
        value = self.dynamic_value(DT_RPATH) if value is None else value
        return None if value is None else self.dynamic_string(value)

    @property
    def interpreter(self) -> str | None:
        """The path in PT_INTERP."""
        for phdr in self.segments:
            if phdr.type == PT_INTERP:
                return string_at(
                    self.data[phdr.offset : phdr.offset + phdr.filesz], 0, self.name, "interpreter"
                )
        return None

    def at_address(self, address: int, size: int, what: str = "data") -> bytes:
        """`size` bytes that the file holds for virtual address `address`. ElfError when no segment has them."""
        for phdr in self.segments:
            if phdr.type == PT_LOAD and phdr.vaddr <= address and address + size <= phdr.vaddr + phdr.filesz:
                offset = phdr.offset + address - phdr.vaddr
                return self.data[offset : offset + size]
        raise ElfError(f"{self.name}: {what} at {address:#x} ({size:#x} bytes) is in no segment of the file")

    def notes(self) -> list[Note]:
        """All notes: of the SHT_NOTE sections, or of the PT_NOTE segments where there are no sections."""
        places = [
            (s.name, s.header.offset, s.header.size, s.header.addralign)
            for s in self.sections_of_type(SHT_NOTE)
        ]
        if not self.sections:
            places = [("PT_NOTE", p.offset, p.filesz, p.align) for p in self.segments if p.type == PT_NOTE]
        return [note for place in places for note in self._notes_at(*place)]

    def _notes_at(self, where: str, offset: int, size: int, align: int) -> Iterator[Note]:
        data = self.data[offset : offset + size]
        align = 8 if align == 8 else 4
        at = 0
        while at < len(data):
            if at + NHDR_SIZE > len(data):
                raise ElfError(f"{self.name}: {where}: truncated note")
            namesz, descsz, kind = note_header(data, at)
            owner_at = at + NHDR_SIZE
            desc = align_up(owner_at + namesz, align)
            if desc + descsz > len(data):
                raise ElfError(f"{self.name}: {where}: note at {at:#x} ends beyond its section")
            owner = data[owner_at : owner_at + namesz].rstrip(b"\0").decode("utf-8", "surrogateescape")
            yield Note(where, owner, kind, data[desc : desc + descsz])
            at = align_up(desc + descsz, align)

    def section_name(self, index: int) -> str:
        """The name of section `index`, or its number in brackets when there is no such section."""
        if 0 <= index < len(self.sections) and self.sections[index].header.type != SHT_NULL:
            return self.sections[index].name
        return f"<{index}>"
