"""`.file`, `.loc` and `as -g`: the line table (`.debug_line`, DWARF 5) and a compile unit that refers to it.

The assembler makes one `LineTableWriter` for an object. `S` is its handle of a section, `L` that of a
place (see `code_places`).

1. `.file N "dir" "name"` calls `lines.file(...)`, and `.loc ...` calls `lines.loc(...)`. Before each
   instruction, before it leaves a section, and at the end of the file, the assembler calls
   `lines.instruction(section, here)` if `lines.pending`.
2. With `-g` and no `.loc` in the text, it calls `lines.row(section, here, file, line)` before each
   instruction. `lines.file_number(name)` is the number of a file.
3. After layout it calls `lines.finish(places, bounds, unit)`. `bounds(section)` are the handles of the
   section's start and end. `unit` is None if the text has a .debug_info (of a compiler).

GNU as writes each distance with an ADD16/SUB16 pair; here distances inside a fragment are special
opcodes. File names are in the table (DW_FORM_string), not in .debug_line_str.

Sources: DWARF 5 sections 6.2 (lines), 7.5 (units), 6.1.2 (.debug_aranges), 7.28 (.debug_rnglists);
binutils gas/dwarf2dbg.c.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from toyvm.base.record import Record
from toyvm.elf.leb128 import sleb128, uleb128
from toyvm.relocations import R

from .code_places import EmittedSection, Fixup, L, Place, SectionStart

S = TypeVar("S", bound=Hashable)

LINE_BASE, LINE_RANGE, OPCODE_BASE = -5, 14, 13
_STANDARD_LENGTHS = bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1))

# DW_LNS_*, DW_LNE_* (DWARF 5, 7.22)
COPY, ADVANCE_PC, ADVANCE_LINE, SET_FILE, SET_COLUMN, NEGATE_STMT, SET_BASIC_BLOCK = 1, 2, 3, 4, 5, 6, 7
CONST_ADD_PC, FIXED_ADVANCE_PC, SET_PROLOGUE_END, SET_EPILOGUE_BEGIN, SET_ISA = 8, 9, 10, 11, 12
END_SEQUENCE, SET_ADDRESS, SET_DISCRIMINATOR = 1, 2, 4

# DW_LNCT_* and DW_FORM_* of the file table
_PATH, _DIRECTORY_INDEX, _MD5 = 1, 2, 5
_STRING, _UDATA, _DATA16 = 0x08, 0x0F, 0x1E

# A 16-bit advance leaves room for bytes that linker relaxation may restore.
_FAR = 50000


class LineError(ValueError):
    """A `.file` or `.loc` that is malformed or inconsistent. The message has no source position."""


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


_NO_LOC = Loc(0, 0)


class Unit(Record):
    """The compile unit of hand-written assembly."""

    name: str
    comp_dir: str
    producer: str = "toyvm as"


class _File(Record):
    name: str
    directory: int
    md5: bytes | None


class _LineRow(NamedTuple, Generic[L]):
    place: L
    loc: Loc


class LineTableWriter(Record, Generic[S, L], frozen=False):
    """The rows of all sections of one object, in the order in which the instructions were written."""

    comp_dir: str = ""
    word: int = 8
    """Bytes of an address."""
    pending: bool = False
    """Whether a `.loc` has no instruction yet."""
    _files: dict[int, _File] = {}
    _directories: list[str] = []
    _numbers: dict[str, int] = {}
    _rows: dict[S, list[_LineRow[L]]] = {}
    _loc: Loc = _NO_LOC

    def __bool__(self) -> bool:
        return bool(self._rows)

    def file(self, number: int, name: str, directory: str | None = None, md5: bytes | None = None) -> None:
        """`.file NUMBER "directory" "name" md5 0x...`. File 0 is that of the compile unit, in comp_dir."""
        if number < 0:
            raise LineError(f"file number {number} is negative")
        if directory is None and "/" in name:
            directory, name = name.rsplit("/", 1)
            directory = directory or "/"
        if number == 0 and directory is not None:
            self.comp_dir = directory
        entry = _File(name, self._directory(directory), md5)
        known = self._files.setdefault(number, entry)
        if (known.name, known.directory) != (entry.name, entry.directory):
            raise LineError(f"file number {number} already allocated")

    def file_number(self, path: str) -> int:
        """The number of file `path`, assigned at its first use."""
        if path not in self._numbers:
            self._numbers[path] = max(self._files, default=0) + 1
            self.file(self._numbers[path], path)
        return self._numbers[path]

    def loc(self, loc: Loc, section: S, here: Callable[[], L]) -> None:
        """`.loc`: set the row of the next instruction. A pending `.loc` gets its row here."""
        if loc.file not in self._files:
            raise LineError(f"unassigned file number {loc.file}")
        self.instruction(section, here)
        self._loc = loc
        self.pending = True

    def instruction(self, section: S, here: Callable[[], L]) -> None:
        """Give the instruction at `here` the row of the pending `.loc`."""
        if self.pending:
            self._rows.setdefault(section, []).append(_LineRow(here(), self._loc))
            self.pending = False

    def row(self, section: S, here: Callable[[], L], file: int, line: int) -> None:
        """Add a row for the instruction at `here`, which comes from `line` of `file` (`as -g`)."""
        self._rows.setdefault(section, []).append(_LineRow(here(), Loc(file, line)))

    def label(self, section: S, place: L) -> None:
        """Give a label a row of its own, with the last `.loc`, at the start of a basic block (`.loc_mark_labels`)."""
        if not self._files:
            return
        last = Loc(1, 1) if self._loc is _NO_LOC else self._loc
        self._rows.setdefault(section, []).append(_LineRow(place, last._replace(basic_block=True)))
        self._loc = Loc(last.file, last.line, last.column, last.is_stmt, isa=last.isa)
        self.pending = False

    @property
    def last(self) -> Loc:
        """The last `.loc`. The next one inherits its is_stmt and isa."""
        return self._loc

    def finish(
        self, places: Callable[[L], Place], bounds: Callable[[S], tuple[L, L]], unit: Unit | None
    ) -> list[EmittedSection[L]]:
        """.debug_line, and with `unit` also .debug_info, .debug_abbrev, .debug_aranges (and .debug_rnglists)."""
        if not self._rows and not self._files:
            return []
        out = _Emitter[L](self.word)
        length = out.length()
        out.data += bytes((5, 0, self.word, 0))  # version, address size, segment selector size
        header = out.length()
        out.data += bytes((1, 1, 1, LINE_BASE & 0xFF, LINE_RANGE, OPCODE_BASE)) + _STANDARD_LENGTHS
        self._file_table(out)
        out.close(header)
        for section, rows in self._rows.items():
            _Sequence(out, places).write(rows, bounds(section)[1])
        out.close(length)
        sections = [out.section(".debug_line")]
        if unit is not None and self._rows:
            sections += compile_unit(unit, [bounds(section) for section in self._rows], self.word)
        return sections

    def _directory(self, path: str | None) -> int:
        if path is None:
            return 0
        if path not in self._directories:
            self._directories.append(path)
        return 1 + self._directories.index(path)

    def _file_table(self, out: _Emitter[L]) -> None:
        out.data += bytes((1, _PATH, _STRING)) + uleb128(1 + len(self._directories))
        for directory in (self.comp_dir, *self._directories):
            out.string(directory)
        md5 = bool(self._files) and all(file.md5 for file in self._files.values())
        form = (_PATH, _STRING, _DIRECTORY_INDEX, _UDATA, *((_MD5, _DATA16) if md5 else ()))
        count = 1 + max(self._files, default=0)
        out.data += bytes((len(form) // 2, *form)) + uleb128(count)
        # File numbers that `.file` skipped, and file 0 without a `.file 0`, repeat the first file.
        first = self._files[min(self._files)] if self._files else _File("", 0, None)
        for number in range(count):
            file = self._files.get(number, first)
            out.string(file.name)
            out.data += uleb128(file.directory) + (file.md5 or b"" if md5 else b"")


class _Emitter(Generic[L]):
    """Bytes with fixups."""

    def __init__(self, word: int) -> None:
        self.word = word  # bytes of an address
        self.data = bytearray()
        self.fixups: list[Fixup[L]] = []

    def length(self) -> int:
        """Begin a unit that starts with its 4-byte length. Pass the result to `close`."""
        self.data += bytes(4)
        return len(self.data)

    def close(self, start: int) -> None:
        self.data[start - 4 : start] = (len(self.data) - start).to_bytes(4, "little")

    def string(self, text: str) -> None:
        self.data += text.encode("utf-8", "surrogateescape") + b"\0"

    def fixed(self, size: int, *relocs: tuple[R, L | SectionStart], addend: int = 0) -> None:
        """`size` zero bytes for the relocations to fill."""
        self.fixups += [Fixup(len(self.data), type, symbol, addend) for type, symbol in relocs]
        self.data += bytes(size)

    def address(self, place: L) -> None:
        """An address."""
        self.fixed(self.word, (R.ABS64 if self.word == 8 else R.ABS32, place))

    def distance(self, start: L, end: L) -> None:
        """A distance of the size of an address."""
        if self.word == 8:
            self.fixed(8, (R.ADD64, end), (R.SUB64, start))
        else:
            self.fixed(4, (R.ADD32, end), (R.SUB32, start))

    def section(self, name: str, addralign: int = 1) -> EmittedSection[L]:
        return EmittedSection(name, False, addralign, bytes(self.data), self.fixups)


class _Sequence(Generic[L]):
    """The line number program of one section."""

    def __init__(self, out: _Emitter[L], places: Callable[[L], Place]):
        self.out = out
        self.places = places
        # The file register starts at 1, but binutils 2.40 assumes 0, so the first row always sets it.
        self.loc = Loc(file=-1, line=1)
        self.at: L | None = None

    def write(self, rows: list[_LineRow[L]], end: L) -> None:
        for row in rows:
            self._registers(row.loc)
            self._row(row.place, row.loc.line - self.loc.line)
            self.loc = row.loc
        self._advance(end)
        self._extended(END_SEQUENCE)

    def _registers(self, loc: Loc) -> None:
        """Set all registers except address and line, which the opcode of the row advances."""
        data, old = self.out.data, self.loc
        if loc.file != old.file:
            data += bytes((SET_FILE,)) + uleb128(loc.file)
        if loc.column != old.column:
            data += bytes((SET_COLUMN,)) + uleb128(loc.column)
        if loc.discriminator:
            self._extended(SET_DISCRIMINATOR, uleb128(loc.discriminator))
        if loc.isa != old.isa:
            data += bytes((SET_ISA,)) + uleb128(loc.isa)
        if loc.is_stmt != old.is_stmt:
            data.append(NEGATE_STMT)
        flags = (
            (loc.basic_block, SET_BASIC_BLOCK),
            (loc.prologue_end, SET_PROLOGUE_END),
            (loc.epilogue_begin, SET_EPILOGUE_BEGIN),
        )
        data += bytes(opcode for wanted, opcode in flags if wanted)

    def _row(self, place: L, lines: int) -> None:
        """Advance address and line, and append the row."""
        distance = self._constant_distance(place)
        if distance is None:
            self._advance(place)
            distance = 0
        self.at = place
        if not LINE_BASE <= lines < LINE_BASE + LINE_RANGE:
            self.out.data += bytes((ADVANCE_LINE,)) + sleb128(lines)
            lines = 0
        special = lines - LINE_BASE + LINE_RANGE * distance + OPCODE_BASE
        if special > 255:
            self.out.data += bytes((ADVANCE_PC,)) + uleb128(distance)
            special = lines - LINE_BASE + OPCODE_BASE
        self.out.data.append(special)

    def _constant_distance(self, place: L) -> int | None:
        """The distance from the last row, or None if the linker may change it."""
        if self.at is None:
            return None
        old, new = self.places(self.at), self.places(place)
        return new.offset - old.offset if old.fragment == new.fragment and new.offset >= old.offset else None

    def _advance(self, place: L) -> None:
        """Advance the address to `place` with an operand that has relocations."""
        if self.at is not None and 0 <= self.places(place).offset - self.places(self.at).offset < _FAR:
            distance = self.places(place).offset - self.places(self.at).offset
            self.out.data.append(FIXED_ADVANCE_PC)
            if distance == 0 and place == self.at:
                self.out.data += bytes(2)
            else:
                self.out.fixed(2, (R.ADD16, place), (R.SUB16, self.at))
        else:
            self.out.data += bytes((0, 1 + self.out.word, SET_ADDRESS))
            self.out.address(place)
        self.at = place

    def _extended(self, opcode: int, operands: bytes = b"") -> None:
        self.out.data += b"\0" + uleb128(1 + len(operands)) + bytes((opcode,)) + operands


# DW_TAG_compile_unit with no children: (attribute, form)
_SEC_OFFSET, _ADDR, _DATA2 = 0x17, 0x01, 0x05
_COMMON = ((0x10, _SEC_OFFSET), (0x03, _STRING), (0x1B, _STRING), (0x25, _STRING), (0x13, _DATA2))
_LOW_HIGH = ((0x11, _ADDR), (0x12, _ADDR))
_LOW_RANGES = ((0x11, _ADDR), (0x55, _SEC_OFFSET))
_LANG_MIPS_ASSEMBLER = 0x8001


def compile_unit(unit: Unit, ranges: list[tuple[L, L]], word: int = 8) -> list[EmittedSection[L]]:
    """.debug_info, .debug_abbrev, .debug_aranges, and .debug_rnglists for several `ranges` (start, end)."""
    one = len(ranges) == 1
    info = _Emitter[L](word)
    length = info.length()
    info.data += bytes((5, 0, 1, word))  # version, DW_UT_compile, address size
    info.fixed(4, (R.ABS32, SectionStart(".debug_abbrev")))
    info.data += uleb128(1)
    info.fixed(4, (R.ABS32, SectionStart(".debug_line")))
    for text in (unit.name, unit.comp_dir, unit.producer):
        info.string(text)
    info.data += _LANG_MIPS_ASSEMBLER.to_bytes(2, "little")
    if one:
        info.address(ranges[0][0])
        info.address(ranges[0][1])
    else:
        info.data += bytes(word)  # base address 0
        info.fixed(4, (R.ABS32, SectionStart(".debug_rnglists")), addend=_RNGLISTS_HEADER)
    info.close(length)
    attributes = _COMMON + (_LOW_HIGH if one else _LOW_RANGES)
    abbrev = b"\1\x11\0" + bytes(byte for pair in attributes for byte in pair) + b"\0\0\0"
    sections = [info.section(".debug_info"), EmittedSection[L](".debug_abbrev", False, 1, abbrev, [])]
    sections.append(_aranges(ranges, word))
    return sections if one else [*sections, _rnglists(ranges, word)]


def _aranges(ranges: list[tuple[L, L]], word: int) -> EmittedSection[L]:
    out = _Emitter[L](word)
    length = out.length()
    out.data += b"\2\0"
    out.fixed(4, (R.ABS32, SectionStart(".debug_info")))
    out.data += bytes((word, 0)) + bytes(
        4
    )  # address size, segment size, padding to a multiple of two addresses
    for start, end in ranges:
        out.address(start)
        out.distance(start, end)
    out.data += bytes(2 * word)
    out.close(length)
    return out.section(".debug_aranges", 2 * word)


_RNGLISTS_HEADER = 12


def _rnglists(ranges: list[tuple[L, L]], word: int) -> EmittedSection[L]:
    out = _Emitter[L](word)
    length = out.length()
    out.data += bytes((5, 0, word, 0)) + bytes(4)
    for start, end in ranges:
        out.data.append(6)  # DW_RLE_start_end
        out.address(start)
        out.address(end)
    out.data.append(0)
    out.close(length)
    return out.section(".debug_rnglists")
