"""The header of a line number program in .debug_line (DWARF 5, 6.2.4)."""

from __future__ import annotations

from collections.abc import Iterator

from .attribute_values import Value, read_value, value_text
from .byte_cursor import Cursor, Malformed, hexadecimal
from .debug_sections import DebugSection, DebugSections

_LNCT_PATH, _LNCT_DIRECTORY, _LNCT_MD5 = 1, 2, 5
_COLUMNS = {1: "\tName", 2: "\tDir", 3: "\tTime", 4: "\tSize", 5: "\tMD5\t\t\t"}
_MAX_TABLE_TEXT = 64  # times the size of the section: how much text its tables may name


class LineHeader:
    """The header of the program at `offset`. `directories` and `files` (name, directory) are its tables."""

    def __init__(self, section: DebugSection, sections: DebugSections, offset: int, wide: bool):
        self.wide = wide  # -W: the tables name the forms
        cursor = section.cursor(offset)
        self.offset = offset
        self.length, self.offset_size = cursor.initial_length()
        if self.length > cursor.end - cursor.at:
            if offset + self.offset_size - 4 not in section.relocated:
                raise Malformed(
                    f"The length field ({self.length:#x}) in the debug_line header is wrong - the section is too small"
                )
            self.length = cursor.end - cursor.at
        self.end = cursor.end = cursor.at + self.length
        self.version = cursor.number(2)
        if not 2 <= self.version <= 5:
            raise Malformed("Only DWARF version 2, 3, 4 and 5 line info is currently supported.")
        self.address_size = self.segment_size = 0
        if self.version >= 5:
            self.address_size, self.segment_size = cursor.number(1), cursor.number(1)
            if self.segment_size:
                raise Malformed(
                    f"The {section.name} section contains unsupported segment selector size: {self.segment_size}."
                )
        self.prologue_length = cursor.number(self.offset_size)
        self.min_length = cursor.number(1)
        self.max_operations = cursor.number(1) if self.version >= 4 else 1
        if not self.max_operations:
            raise Malformed("Invalid maximum operations per insn.")
        self.default_is_stmt = cursor.number(1)
        self.line_base, self.line_range, self.opcode_base = (
            cursor.signed(1),
            cursor.number(1),
            cursor.number(1),
        )
        if not self.line_range:
            sections.warn("Line range of 0 is invalid, using 1 instead")
            self.line_range = 1
        self.operands = [cursor.number(1) for _ in range(self.opcode_base - 1)]
        self.tables_at = cursor.at
        self._section, self._sections = section, sections
        self.directories: list[str] = []
        self.files: list[tuple[str, int]] = []
        self.table_lines = list(self._tables(cursor))
        self.program = cursor.at

    def _tables(self, cursor: Cursor) -> Iterator[str]:
        """The lines of the tables of directories and files, which this reads."""
        if self.version >= 5:
            yield from self._table(cursor, "Directory Table")
            yield from self._table(cursor, "File Name Table")
        else:
            yield from self._old_tables(cursor)

    def _old_tables(self, cursor: Cursor) -> Iterator[str]:
        yield ""
        at = cursor.at
        while cursor and (name := cursor.text()):
            self.directories.append(name)
        if not self.directories:
            yield " The Directory Table is empty."
        else:
            yield f" The Directory Table (offset {at:#x}):"
            yield from (f"  {number}\t{name}" for number, name in enumerate(self.directories, 1))
        yield ""
        at = cursor.at
        rows = []
        while cursor and (name := cursor.text()):
            directory, time, size = cursor.uleb(), cursor.uleb(), cursor.uleb()
            self.files.append((name, directory))
            rows.append(f"  {len(self.files)}\t{directory}\t{time}\t{size}\t{name}")
        if not rows:
            yield " The File Name Table is empty."
            return
        yield f" The File Name Table (offset {at:#x}):"
        yield "  Entry\tDir\tTime\tSize\tName"
        yield from rows

    def _table(self, cursor: Cursor, title: str) -> Iterator[str]:
        columns = [(cursor.uleb(), cursor.uleb()) for _ in range(cursor.number(1))]
        count = cursor.uleb()
        yield ""
        if not count:
            yield f" The {title} is empty."
            return
        if not columns:
            raise Malformed(f"{title}: format count is zero, but the table is not empty")
        yield f" The {title} (offset {cursor.at:#x}, lines {count}, columns {len(columns)}):"
        order = sorted(range(len(columns)), key=lambda at: columns[at][0] == _LNCT_PATH)  # names come last
        yield "  Entry" + "".join(
            _COLUMNS.get(kind, f"\t(Unknown format content type {kind})")
            for kind, _ in map(columns.__getitem__, order)
        )
        room = _MAX_TABLE_TEXT * len(self._section.data)
        for number in range(count):
            before = cursor.at
            values = [read_value(cursor, form, 0, 8, self.offset_size, self.version) for _, form in columns]
            if cursor.at == before:
                raise Malformed(f"{title}: its entries have no size")
            texts = [
                value_text(value, self._sections, None, self.offset_size, self.wide, "\t") for value in values
            ]
            line = f"  {number}" + "".join(texts[at] for at in order)
            room -= len(line)
            if room < 0:
                raise Malformed(f"{title}: its names overlap")
            self._keep(title, columns, values)
            yield line

    def _keep(self, title: str, columns: list[tuple[int, int]], values: list[Value]) -> None:
        name, directory = "", 0
        for (kind, form), value in zip(columns, values, strict=True):
            if kind == _LNCT_PATH:
                name = self._name(form, value)
            elif kind == _LNCT_DIRECTORY:
                directory = value.number
        if title == "Directory Table":
            self.directories.append(name)
        else:
            self.files.append((name, directory))

    def _name(self, form: int, value: Value) -> str:
        if value.data or form == 0x08:
            return value.data.decode("utf-8", "surrogateescape")
        if form == 0x1F:
            return self._sections.string(".debug_line_str", value.number)
        if form == 0x0E:
            return self._sections.string(".debug_str", value.number)
        return "unknown"

    def facts(self) -> Iterator[str]:
        """The lines of the header in `-wl`, before its tables."""
        yield f"  Offset:                      {hexadecimal(self.offset)}"
        yield f"  Length:                      {self.length}"
        yield f"  DWARF Version:               {self.version}"
        if self.version >= 5:
            yield f"  Address size (bytes):        {self.address_size}"
            yield f"  Segment selector (bytes):    {self.segment_size}"
        yield f"  Prologue Length:             {self.prologue_length}"
        yield f"  Minimum Instruction Length:  {self.min_length}"
        if self.version >= 4:
            yield f"  Maximum Ops per Instruction: {self.max_operations}"
        yield f"  Initial value of 'is_stmt':  {self.default_is_stmt}"
        yield f"  Line Base:                   {self.line_base}"
        yield f"  Line Range:                  {self.line_range}"
        yield f"  Opcode Base:                 {self.opcode_base}"
        yield ""
        yield " Opcodes:"
        for number, count in enumerate(self.operands, 1):
            yield f"  Opcode {number} has {count} arg{'' if count == 1 else 's'}"

    def path(self, number: int) -> str:
        """`folder/file` of a file by its index from 0, as `-wL` shows it."""
        name, directory = self.files[number]
        return f"{self.directory(directory)}/{name}"

    def directory(self, number: int) -> str:
        """The name of a directory, as the header of a unit in `-wL` shows it."""
        if not number and self.version < 5:
            return "."
        if not self.directories:
            return "<unknown>"
        index = number - (self.version < 5)
        return self.directories[index] if index < len(self.directories) else "<corrupt>"
