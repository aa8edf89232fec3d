"""The bytes of .debug_line: header, file table, and the line number program of each section.

The opcodes are those that GNU as uses for RISC-V, whose linkers change distances: DW_LNS_advance_line,
DW_LNS_fixed_advance_pc and DW_LNS_copy for each row but the first of a section. GNU as gives each
distance a pair ADD16 and SUB16; here a distance inside a fragment is a constant, so that the linked
table is the same and the object smaller.

Sources: DWARF 5 section 6.2; DWARF 3 section 6.2.4 for the older header.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Generic, NamedTuple

from toyvm.elf.leb128 import sleb128, uleb128
from toyvm.relocations import R

from .code_places import EmittedSection, L, Place
from .section_writer import SectionWriter

LINE_BASE, LINE_RANGE, OPCODE_BASE = -5, 14, 13
_STANDARD_LENGTHS = bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1))

# DW_LNS_*, DW_LNE_* (DWARF 5, 7.22)
COPY, ADVANCE_LINE, SET_FILE, SET_COLUMN, NEGATE_STMT, SET_BASIC_BLOCK = 1, 3, 4, 5, 6, 7
FIXED_ADVANCE_PC, SET_PROLOGUE_END, SET_EPILOGUE_BEGIN, SET_ISA = 9, 10, 11, 12
END_SEQUENCE, SET_ADDRESS, SET_DISCRIMINATOR = 1, 2, 4

# DW_LNCT_* and DW_FORM_* of the file table
_PATH, _DIRECTORY_INDEX, _MD5 = 1, 2, 5
_LINE_STRP, _UDATA, _DATA16 = 0x1F, 0x0F, 0x1E

# A 16-bit advance leaves room for bytes that linker relaxation may restore.
_FAR = 50000


class View(NamedTuple):
    """The `view` of a `.loc`: a symbol for the number of the row among those of its address, or (name "") 0.

    With `reset` (`view -0`) the numbers begin again. `where` is the statement.
    """

    name: str
    reset: bool
    where: int


class Loc(NamedTuple):
    """The operands of `.loc`: the registers of the line machine for one row."""

    file: int
    line: int
    column: int = 0
    is_stmt: bool = True
    basic_block: bool = False
    prologue_end: bool = False
    epilogue_begin: bool = False
    discriminator: int = 0
    isa: int = 0
    view: View | None = None


class LineRow(NamedTuple, Generic[L]):
    """One row: the code from `place` on has the registers `loc`."""

    place: L
    loc: Loc


class FileEntry(NamedTuple):
    """A file of the table, in the directory of that number."""

    name: str
    directory: int
    md5: bytes | None = None


class LineHeader(NamedTuple):
    """What the header lists. A directory is None if no `.file` has given its number a name."""

    version: int
    comp_dir: str
    directories: list[str | None]
    files: dict[int, FileEntry]


def line_sections(
    header: LineHeader,
    programs: list[tuple[list[LineRow[L]], L]],
    places: Callable[[L], Place],
    word: int,
    strings_before: int,
) -> list[EmittedSection[L]]:
    """.debug_line, and in version 5 .debug_line_str for its names.

    Each of `programs` is the rows of a section and its end. `strings_before` is the number of bytes that
    the text itself has put into .debug_line_str.
    """
    out = SectionWriter[L](word)
    strings = SectionWriter[L](word)
    length = out.length()
    out.data += header.version.to_bytes(2, "little")
    if header.version >= 5:
        out.data += bytes((word, 0))  # address size, segment selector size
    prologue = out.length()
    operations = (1,) if header.version >= 4 else ()
    out.data += bytes((1, *operations, 1, LINE_BASE & 0xFF, LINE_RANGE, OPCODE_BASE)) + _STANDARD_LENGTHS
    if header.version >= 5:
        _tables(header, out, strings, strings_before)
    else:
        _old_tables(header, out)
    out.close(prologue)
    for rows, end in programs:
        _Sequence(out, places, header.version).write(rows, end)
    out.close(length)
    sections = [out.section(".debug_line")]
    if strings.data:
        sections.append(strings.section(".debug_line_str", strings=True))
    return sections


def _old_tables(header: LineHeader, out: SectionWriter[L]) -> None:
    """The tables of directories and files before version 5, without the directory of the compilation."""
    for directory in header.directories[1:]:
        out.string(directory or "")
    out.data.append(0)
    for number in range(1, 1 + max(header.files, default=0)):
        file = header.files[number]
        out.string(file.name)
        out.data += uleb128(file.directory) + b"\0\0"  # time and size are not known
    out.data.append(0)


def _tables(header: LineHeader, out: SectionWriter[L], strings: SectionWriter[L], before: int) -> None:
    def name(text: str) -> int:
        at = before + len(strings.data)
        strings.string(text)
        return at

    directories = header.directories or [None] * bool(header.files)
    out.data += bytes((1, _PATH, _LINE_STRP)) + uleb128(len(directories))
    for number, directory in enumerate(directories):
        out.offset(
            ".debug_line_str", name(directory if directory is not None else header.comp_dir * (number == 0))
        )
    files = dict(header.files)
    if files and 0 not in files:
        files[0] = files.get(1) or FileEntry("", 0)
    md5 = any(file.md5 and file.md5[0] for file in files.values())
    form = (_PATH, _LINE_STRP, _DIRECTORY_INDEX, _UDATA, *((_MD5, _DATA16) if md5 else ()))
    count = 1 + max(files, default=-1)
    out.data += bytes((len(form) // 2, *form)) + uleb128(count)
    shared = -1  # file 1 has the name of file 0 if nothing else has set that
    for number in range(count):
        file = files[number]
        at = shared if number == 1 and shared >= 0 else name(file.name)
        if number == 0 and 0 not in header.files and 1 in files:
            shared = at
        out.offset(".debug_line_str", at)
        out.data += uleb128(file.directory) + ((file.md5 or bytes(16)) if md5 else b"")


class _Sequence(Generic[L]):
    """The line number program of one section."""

    def __init__(self, out: SectionWriter[L], places: Callable[[L], Place], version: int):
        self.out = out
        self.places = places
        # The file register starts at 1, but binutils 2.40 takes it for 0 in version 5: the first row sets it there.
        self.loc = Loc(file=-1 if version >= 5 else 1, line=1)
        self.at: L | None = None
        self.spot = Place(0, 0)  # of `at`

    def write(self, rows: list[LineRow[L]], end: L) -> None:
        data = self.out.data
        spots = [self.places(row.place) for row in rows]
        order: list[int] | range = range(len(rows))
        if any(second.fragment < first.fragment for first, second in pairwise(spots)):
            order = sorted(order, key=lambda number: spots[number].fragment)  # subsections in their order
        for number in order:
            row, spot = rows[number], spots[number]
            self._registers(row.loc)
            lines = row.loc.line - self.loc.line
            if self._is_reset(row.loc.view, spot):
                self._set_address(row.place)
                self._first_row(lines)
            else:
                data.append(ADVANCE_LINE)
                if -64 <= lines < 64:
                    data.append(lines & 0x7F)
                else:
                    data += sleb128(lines)
                self._advance(row.place, spot)
                data.append(COPY)
            self.loc, self.at, self.spot = row.loc, row.place, spot
        self._advance(end, self.places(end))
        self._extended(END_SEQUENCE)

    def _is_reset(self, view: View | None, spot: Place) -> bool:
        """Whether the address of a row must be set, because it is the first one, or begins the views again."""
        if self.at is None:
            return True
        return view is not None and view.reset and spot.offset == self.spot.offset

    def _registers(self, loc: Loc) -> None:
        """Set all registers except address and line."""
        data, old = self.out.data, self.loc
        if loc.file != old.file:
            data += bytes((SET_FILE,)) + uleb128(loc.file)
        if loc.column != old.column:
            data.append(SET_COLUMN)
            if loc.column < 128:
                data.append(loc.column)
            else:
                data += uleb128(loc.column)
        if loc.discriminator:
            self._extended(SET_DISCRIMINATOR, uleb128(loc.discriminator))
        if loc.isa != old.isa:
            data += bytes((SET_ISA,)) + uleb128(loc.isa)
        if loc.is_stmt != old.is_stmt:
            data.append(NEGATE_STMT)
        if not (loc.basic_block or loc.prologue_end or loc.epilogue_begin):
            return
        flags = (
            (loc.basic_block, SET_BASIC_BLOCK),
            (loc.prologue_end, SET_PROLOGUE_END),
            (loc.epilogue_begin, SET_EPILOGUE_BEGIN),
        )
        data += bytes(opcode for wanted, opcode in flags if wanted)

    def _first_row(self, lines: int) -> None:
        """Advance the line and append a row, with a special opcode if there is one."""
        data = self.out.data
        if not LINE_BASE <= lines < LINE_BASE + LINE_RANGE:
            data.append(ADVANCE_LINE)
            data += sleb128(lines)
            lines = 0
        data.append(lines - LINE_BASE + OPCODE_BASE if lines else COPY)

    def _advance(self, place: L, spot: Place) -> None:
        """Advance the address to `place`, with relocations if the linker may change the distance."""
        assert self.at is not None
        distance = spot.offset - self.spot.offset
        if not 0 <= distance <= _FAR:
            self._set_address(place)
            return
        self.out.data.append(FIXED_ADVANCE_PC)
        if spot.fragment == self.spot.fragment:
            self.out.data += distance.to_bytes(2, "little")
        else:
            self.out.fixed(2, (R.ADD16, place), (R.SUB16, self.at))

    def _set_address(self, place: L) -> None:
        self.out.data += bytes((0, 1 + self.out.word, SET_ADDRESS))
        self.out.address(place)

    def _extended(self, opcode: int, operands: bytes = b"") -> None:
        self.out.data += b"\0" + uleb128(1 + len(operands)) + bytes((opcode,)) + operands
