"""Finds the source line of an address in the DWARF line tables (`.debug_line`), read with pyelftools.

A relocatable object has no addresses yet: there a place is (section number, offset), and the table's addresses are
offsets of their symbols. pyelftools refuses RISC-V relocations, so they are applied here before it reads the section:
section N of an object is put at address N << 40.

Debugging information is a convenience: a broken one makes an ElfError, which callers may choose to print and go on.
"""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from elftools.dwarf.lineprogram import LineProgram
from elftools.elf.elffile import ELFFile

from ..base.errors import ElfError
from ..relocation_fields import RelocationError, apply
from ..relocations import RELOCATIONS, Formula, Tool, relocation_name
from .compression import is_compressed, is_zdebug, plain_name
from .constants import ET_REL, SHF_ALLOC, SHN_LORESERVE, SHT_RELA
from .elf_file import ElfFile, ElfSection
from .leb128 import read_uleb128

SECTION_SHIFT = 40


class CodeLine(NamedTuple):
    """A row of a line table: the code from `address` on is of a line of `file`."""

    address: int
    file: str
    line: int  # 0: a gap begins here
    discriminator: int = 0  # which of the blocks of the line


class LineTable:
    """Address -> (file, line), for all compile units of one file."""

    def __init__(self, rows: list[CodeLine], relocatable: bool = False):
        # The sort is stable: of several rows for one address the last one counts, as in a debugger. A gap comes first.
        rows.sort(key=lambda row: (row.address, row.line != 0))
        self._rows = rows
        self._addresses = [row.address for row in rows]
        self._relocatable = relocatable

    @classmethod
    def from_elf(cls, data: bytes, name: str = "ELF file", full_paths: bool = False) -> LineTable:
        """The table of an ELF file; an empty one when it has no line tables. ElfError when they are malformed.

        `full_paths`: the compilation directory is a part of the paths.
        """
        elf = ElfFile.parse(data, name)
        relocatable = elf.header.type == ET_REL
        patched = relocated_data(elf)
        if patched is None:
            return cls([], relocatable)
        with malformed_as_elf_errors(name):
            rows = list(_rows(patched, full_paths))
        return cls(rows, relocatable)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def address_of(self, file: str, line: int) -> int | None:
        """The first instruction of a line, or of the next line with code; None if the file has none from there on.

        `file` is the end of a path, as a user writes it. Relocatable objects have no addresses: None.
        """
        if self._relocatable:
            return None
        found = [
            (row.line, row.address)
            for row in self._rows
            if row.line >= line and (row.file == file or row.file.endswith(f"/{file}"))
        ]
        return min(found)[1] if found else None

    def lookup(self, address: int, section: int = 0) -> tuple[str, int] | None:
        """(file, line) of the instruction at `address`; in a relocatable object: at offset `address` of `section`."""
        row = self.row(address, section)
        return None if row is None else (row.file, row.line)

    def extent(self, address: int) -> tuple[int, int] | None:
        """The half-open interval of addresses around `address` that belong to one source line, or None."""
        row = self.row(address)
        if row is None:
            return None
        first = last = bisect_right(self._addresses, address) - 1
        while first and self._same(first - 1, row):
            first -= 1
        while last + 1 < len(self._rows) and self._same(last + 1, row):
            last += 1
        end = self._addresses[last + 1] if last + 1 < len(self._rows) else address + 1
        return self._addresses[first], end

    def _same(self, index: int, row: CodeLine) -> bool:
        other = self._rows[index]
        return (other.file, other.line) == (row.file, row.line)

    def row(self, address: int, section: int = 0) -> CodeLine | None:
        """The row of the table for an address, as in `lookup`."""
        if self._relocatable:
            address += section << SECTION_SHIFT
        index = bisect_right(self._addresses, address) - 1
        if index < 0 or not self._rows[index].line:
            return None
        row = self._rows[index]
        if self._relocatable and row.address >> SECTION_SHIFT != section:
            return None
        return row


def relocated_data(elf: ElfFile) -> bytes | None:
    """The file with the relocations of its debugging sections applied; None without line tables. ElfError.

    Section N of a relocatable object is at address N << SECTION_SHIFT.
    """
    if elf.section(".debug_line") is None and elf.section(".zdebug_line") is None:
        return None
    headers = ((section.name, section.header.type, section.header.flags) for section in elf.sections)
    if any(is_compressed(kind, flags) or is_zdebug(name, kind, flags) for name, kind, flags in headers):
        from .rewriting.rewrite import decompressed_file

        names = [plain_name(section.name) for section in elf.sections]
        elf = ElfFile.parse(decompressed_file(elf.data, elf.name), elf.name)
        if [section.name for section in elf.sections] != names:
            # Callers know the sections by their old numbers.
            raise ElfError(f"{elf.name}: compressed debugging information in an unusual order of sections")
    _check_headers(elf)
    patched = bytearray(elf.data)
    if elf.header.type == ET_REL:
        for relocated in elf.sections:
            if relocated.name.startswith(".debug_"):
                _relocate(elf, relocated, patched)
    return bytes(patched)


@contextmanager
def malformed_as_elf_errors(name: str) -> Iterator[None]:
    """Turn what pyelftools raises on malformed debugging information into ElfError."""
    try:
        yield
    except (ElfError, MemoryError, RecursionError):
        raise
    except Exception as error:  # pyelftools meets malformed input with many kinds of exception
        detail = str(error) or type(error).__name__
        raise ElfError(f"{name}: malformed debugging information: {detail}") from None


# What is computed of an address alone, and of nothing, may stand in debugging information.
_KNOWN = (Formula.ABSOLUTE, Formula.ADD, Formula.SUBTRACT, Formula.DTP_RELATIVE, Formula.NONE)


def _relocate(elf: ElfFile, target: ElfSection, patched: bytearray) -> None:
    """Apply the relocations of debugging section `target`; each section of the object is at its own address."""
    where = target.header.offset
    view = memoryview(patched)[where : where + target.header.file_size]
    for section in elf.sections_of_type(SHT_RELA):
        if section.header.info != target.number:
            continue
        symbols = elf.symbols_of(elf.linked(section))
        values = symbols.array["st_value"].tolist()
        homes = symbols.array["st_shndx"].tolist()
        code = [s.number << SECTION_SHIFT if s.header.flags & SHF_ALLOC else 0 for s in elf.sections]
        for offset, kind, symbol, addend in elf.relocations_of(section).tolist():
            home = homes[symbol]
            base = code[home] if home < min(len(code), SHN_LORESERVE) else 0
            reloc = RELOCATIONS.get(kind)
            if reloc is None or Tool.LINKER not in reloc.by or reloc.formula not in _KNOWN:
                name = relocation_name(kind)
                raise ElfError(f"{elf.name}: {target.name}+{offset:#x}: unsupported relocation type {name}")
            if not reloc.operation or reloc.formula is Formula.DTP_RELATIVE:  # no line table holds the latter
                continue
            try:
                apply(view, offset, reloc, values[symbol] + base + addend)
            except RelocationError as error:
                raise ElfError(f"{elf.name}: {target.name}: {error}") from None


def _rows(data: bytes, full_paths: bool) -> Iterator[CodeLine]:
    info: Any = ELFFile(io.BytesIO(data)).get_dwarf_info(relocate_dwarf_sections=False, follow_links=False)
    seen: set[int] = set()
    for unit in info.iter_CUs():
        program = info.line_program_for_CU(unit)
        if program is None or program.program_start_offset in seen:
            continue
        seen.add(program.program_start_offset)
        names = unit_files(unit, program, full_paths)
        for entry in program.get_entries():
            state = entry.state
            if state is not None:
                line = 0 if state.end_sequence else state.line
                yield CodeLine(state.address, names.get(state.file, "??"), line, state.discriminator)


def unit_files(unit: Any, program: LineProgram, full_paths: bool) -> dict[int, str]:
    """File number -> path, for a compile unit of pyelftools and its line program."""
    comp_dir = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
    folder = _text(comp_dir.value) if comp_dir else ""
    names = _file_names(program, folder)
    if full_paths:
        names = {number: os.path.join(folder, path) for number, path in names.items()}
    return names


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def _file_names(program: LineProgram, comp_dir: str) -> dict[int, str]:
    """File number -> path; relative to the compilation directory when the file is inside it, as the user wrote it."""
    header: Any = program.header
    version5 = header["version"] >= 5
    directories = [_text(path) for path in header["include_directory"]]
    if not version5:
        directories.insert(0, comp_dir)
    names = {}
    for number, entry in enumerate(header["file_entry"], start=0 if version5 else 1):
        name = _text(entry["name"])
        index = entry["dir_index"] or 0
        if (
            index
            and index < len(directories)
            and not name.startswith("/")
            and directories[index] != directories[0]
        ):
            name = f"{directories[index]}/{name}"
        names[number] = name
    return names


def _check_headers(elf: ElfFile) -> None:
    """Reject input on which pyelftools does not end: tables whose entries have no size."""
    line = elf.section(".debug_line")
    assert line is not None  # the caller asked
    data = elf.contents(line)
    at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        if length >= 0xFFFFFFF0:
            raise ElfError(f"{elf.name}: 64-bit DWARF is not supported")
        if at + 4 + length > len(data):
            raise ElfError(f"{elf.name}: truncated .debug_line")
        try:
            _check_program(data[at + 4 : at + 4 + length])
        except (ValueError, IndexError) as error:
            raise ElfError(f"{elf.name}: malformed .debug_line at {at:#x}: {error}") from None
        at += 4 + length


_SIZED_FORMS = {0x05, 0x06, 0x07, 0x08, 0x09, 0x0B, 0x0E, 0x0F, 0x17, 0x1E, 0x1F}


def _check_program(body: bytes) -> None:
    """Check that each entry of a version 5 file table has a path, and that there are no more entries than bytes."""
    version = int.from_bytes(body[:2], "little")
    if not 2 <= version <= 5:
        raise ValueError(f"version {version}")
    if version < 5:
        return
    at = 13 + max(
        body[13], 1
    )  # behind the standard opcode lengths: 13 bytes, opcode_base, opcode_base - 1 lengths
    for _ in range(2):
        formats = body[at]
        at += 1
        forms = []
        for _ in range(formats):
            _, at = read_uleb128(body, at)
            form, at = read_uleb128(body, at)
            forms.append(form)
        count, at = read_uleb128(body, at)
        if count and (not forms or not _SIZED_FORMS.issuperset(forms)):
            raise ValueError("a file table of unknown format")
        if count > len(body):
            raise ValueError(f"{count} files")
        at = _skip_entries(body, at, forms, count)


_FIXED = {0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0E: 4, 0x17: 4, 0x1E: 16, 0x1F: 4}


def _skip_entries(body: bytes, at: int, forms: list[int], count: int) -> int:
    for _ in range(count):
        for form in forms:
            if form == 0x08:
                at = body.index(b"\0", at) + 1
            elif form == 0x0F:
                _, at = read_uleb128(body, at)
            elif form == 0x09:
                size, at = read_uleb128(body, at)
                at += size
            else:
                at += _FIXED[form]
            if at > len(body):
                raise ValueError("a file table that ends beyond its unit")
    return at
