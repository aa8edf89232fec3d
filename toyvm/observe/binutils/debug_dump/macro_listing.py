"""`-wm`: macros (.debug_macro, .debug_macinfo; DWARF 5, 6.3)."""

from __future__ import annotations

from collections.abc import Iterator

from .attribute_values import read_value, value_text
from .byte_cursor import Cursor, Malformed, hexadecimal
from .debug_sections import DebugSection, DebugSections
from .dwarf_names import form_name
from .line_headers import LineHeader
from .table_listing import title

_OLD = {1: "define", 2: "undef", 3: "start_file", 4: "end_file", 0xFF: "vendor_ext"}


def old_macros(section: DebugSection, sections: DebugSections) -> Iterator[str]:
    """.debug_macinfo. Raises Malformed."""
    yield from title(section)
    cursor = section.cursor()
    while cursor:
        code = cursor.number(1)
        name = f" DW_MACINFO_{_OLD.get(code)}"
        if code == 3:
            yield f"{name} - lineno: {cursor.uleb()} filenum: {cursor.uleb()}"
        elif code == 4:
            yield name
        elif code in (1, 2):
            yield f"{name} - lineno : {cursor.uleb()} macro : {cursor.text()}"
        elif code == 0xFF:
            yield f"{name} - constant : {cursor.uleb()} string : {cursor.text()}"


def macros(section: DebugSection, sections: DebugSections, wide: bool) -> Iterator[str]:
    """.debug_macro. Raises Malformed."""
    yield from title(section)
    cursor = section.cursor()
    while cursor:
        unit = _MacroUnit(section, sections, wide, cursor)
        yield from unit.header()
        yield from unit.entries()


class _MacroUnit:
    """A unit of .debug_macro, whose header is next in `cursor`."""

    def __init__(self, section: DebugSection, sections: DebugSections, wide: bool, cursor: Cursor):
        self.section, self.sections, self.wide, self.cursor = section, sections, wide, cursor
        self.start = cursor.at
        self.version, self.flags = cursor.number(2), cursor.number(1)
        if self.version not in (4, 5):
            raise Malformed(
                f"Expected to find a version number of 4 or 5 in section {section.name} but found {self.version} instead"
            )
        self.offset_size = 8 if self.flags & 1 else 4
        self.line_offset = cursor.number(self.offset_size) if self.flags & 2 else None
        self.extensions: dict[int, list[int]] = {}  # code -> the forms of its operands
        self._files: LineHeader | None = None

    def header(self) -> Iterator[str]:
        """The lines of the header."""
        cursor = self.cursor
        yield f"  Offset:                      {hexadecimal(self.start)}"
        yield f"  Version:                     {self.version}"
        yield f"  Offset size:                 {self.offset_size}"
        if self.line_offset is not None:
            yield f"  Offset into .debug_line:     {hexadecimal(self.line_offset)}"
        if self.flags & 4:
            count = cursor.number(1)
            if count:
                yield "  Extension opcode arguments:"
            for _ in range(count):
                code = cursor.number(1)
                forms = [cursor.number(1) for _ in range(min(cursor.uleb(), cursor.end - cursor.at))]
                self.extensions[code] = forms
                texts = ", ".join(map(form_name, forms))
                yield f"    DW_MACRO_{code:02x} " + (f"arguments: {texts}" if forms else "has no arguments")
        yield ""

    def entries(self) -> Iterator[str]:
        """The lines of the entries."""
        while code := self.cursor.number(1):
            yield self._entry(code)
        yield ""

    def _entry(self, code: int) -> str:
        cursor = self.cursor
        if code in (1, 2):
            return f" DW_MACRO_{('define', 'undef')[code - 1]} - lineno : {cursor.uleb()} macro : {cursor.text()}"
        if code == 3:
            line, number = cursor.uleb(), cursor.uleb()
            name = self._file(number)
            return f" DW_MACRO_start_file - lineno: {line} filenum: {number}" + (
                f" filename: {name}" if name else ""
            )
        if code == 4:
            return " DW_MACRO_end_file"
        if code in (5, 6):
            line, offset = cursor.uleb(), cursor.number(self.offset_size)
            name = self.sections.string(".debug_str", offset)
            return f" DW_MACRO_{('define_strp', 'undef_strp')[code - 5]} - lineno : {line} macro : {name}"
        if code == 7:
            return f" DW_MACRO_import - offset : {hexadecimal(cursor.number(self.offset_size))}"
        if code in (8, 9):
            line, offset = cursor.uleb(), cursor.number(self.offset_size)
            return f" DW_MACRO_{('define_sup', 'undef_sup')[code - 8]} - lineno : {line} macro offset : {hexadecimal(offset)}"
        if code == 10:
            return f" DW_MACRO_import_sup - offset : {hexadecimal(cursor.number(self.offset_size))}"
        if code in (11, 12):
            line, index = cursor.uleb(), cursor.uleb()
            name = self.sections.indexed_string(index, self.offset_size, 0)
            place = f"(with offset {hexadecimal(index)}) " if self.wide else ""
            return (
                f" DW_MACRO_{('define_strx', 'undef_strx')[code - 11]} {place}lineno : {line} macro : {name}"
            )
        if code not in self.extensions:
            raise Malformed(f" Unknown macro opcode {code:02x} seen")
        values = (
            read_value(cursor, form, 0, 8, self.offset_size, self.version) for form in self.extensions[code]
        )
        texts = [value_text(value, self.sections, None, self.offset_size, False) for value in values]
        return f" DW_MACRO_{code:02x}" + (" -" + ",".join(texts) if texts else "")

    def _file(self, number: int) -> str | None:
        """The path of a file of the unit's line table; None where GNU shows none: from DWARF 5 on."""
        lines = self.sections.find(".debug_line")
        if lines is None or self.line_offset is None or self.line_offset >= len(lines.data) or not number:
            return None
        if self._files is None:
            self._files = LineHeader(lines, self.sections, self.line_offset, False)
        header = self._files
        if header.version >= 5 or number > len(header.files):
            return None
        name, directory = header.files[number - 1]
        return f"{header.directory(directory)}/{name}" if directory else name
