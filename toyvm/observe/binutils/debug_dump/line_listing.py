"""`-wl` and `-wL`: the line number programs of .debug_line, as they stand and decoded (DWARF 5, 6.2.5)."""

from __future__ import annotations

from collections.abc import Iterator

from .byte_cursor import Cursor, Malformed, hexadecimal
from .debug_sections import DebugSection, DebugSections
from .line_headers import LineHeader

M64 = (1 << 64) - 1
_END, _SET_ADDRESS, _DEFINE_FILE, _DISCRIMINATOR = 1, 2, 3, 4
_WIDTH = 35  # of a file's name in the decoded table


class _LineRegisters:
    """The state machine's registers that are shown."""

    def __init__(self, header: LineHeader):
        self.header = header
        self.reset()

    def reset(self) -> None:
        """To what they are at the start of a sequence."""
        self.address = self.operation = self.view = 0
        self.file = self.line = 1
        self.is_stmt = self.header.default_is_stmt

    def advance(self, operations: int) -> int:
        """Advance by a number of operations. Returns the number of bytes, or of operations of a long instruction."""
        header = self.header
        if header.max_operations == 1:
            delta = shown = operations * header.min_length & M64
        else:
            shown = operations
            whole, self.operation = divmod(self.operation + operations, header.max_operations)
            delta = whole * header.min_length & M64
        self.address = self.address + delta & M64
        if delta:
            self.view = 0
        return shown

    def advance_line(self, delta: int) -> None:
        """Wraps as the 32-bit register does."""
        line = self.line + delta & 0xFFFF_FFFF
        self.line = line - (1 << 32) if line >> 31 else line

    @property
    def place(self) -> str:
        """The address, with the index of the operation if instructions have several."""
        index = "" if self.header.max_operations == 1 else f"[{self.operation}]"
        return f"{hexadecimal(self.address)}{index}"


def raw_listing(section: DebugSection, sections: DebugSections, wide: bool) -> Iterator[str]:
    """`-wl`: each header with its tables, and each opcode. Raises Malformed."""
    yield f"Raw dump of debug contents of section {section.name}:"
    yield ""
    at = 0
    while at < len(section.data):
        header = LineHeader(section, sections, at, wide)
        yield from header.facts()
        yield from header.table_lines
        yield ""
        cursor = Cursor(section.data, header.program, header.end)
        if cursor:
            yield " Line Number Statements:"
            yield from _statements(cursor, header, sections)
            yield ""
        else:
            yield " No Line Number Statements."
        at = header.end


def _statements(cursor: Cursor, header: LineHeader, sections: DebugSections) -> Iterator[str]:
    registers = _LineRegisters(header)
    while cursor:
        prefix = f"  [0x{cursor.at:08x}]"
        opcode = cursor.number(1)
        if opcode >= header.opcode_base:
            opcode -= header.opcode_base
            shown = registers.advance(opcode // header.line_range)
            delta = opcode % header.line_range + header.line_base
            registers.advance_line(delta)
            view = f" (view {registers.view})" if registers.view else ""
            yield (
                f"{prefix}  Special opcode {opcode}: advance Address by {shown} to {registers.place} "
                f"and Line by {delta} to {registers.line}{view}"
            )
            registers.view += 1
        elif opcode == 0:
            yield from _extended(prefix, cursor, header, registers, sections)
        else:
            yield prefix + _standard(opcode, cursor, header, registers)


def _standard(opcode: int, cursor: Cursor, header: LineHeader, registers: _LineRegisters) -> str:
    if opcode == 1:
        view = f" (view {registers.view})" if registers.view else ""
        registers.view += 1
        return f"  Copy{view}"
    if opcode == 2:
        shown = registers.advance(cursor.uleb())
        return f"  Advance PC by {shown} to {registers.place}"
    if opcode == 3:
        delta = cursor.sleb()
        registers.advance_line(delta)
        return f"  Advance Line by {delta} to {registers.line}"
    if opcode == 4:
        return f"  Set File Name to entry {cursor.uleb()} in the File Name Table"
    if opcode == 5:
        return f"  Set column to {cursor.uleb()}"
    if opcode == 6:
        registers.is_stmt = int(not registers.is_stmt)
        return f"  Set is_stmt to {registers.is_stmt}"
    if opcode == 8:
        shown = registers.advance((255 - header.opcode_base) // header.line_range)
        return f"  Advance PC by constant {shown} to {registers.place}"
    if opcode == 9:
        delta = cursor.number(2)
        registers.address, registers.operation = registers.address + delta & M64, 0
        return f"  Advance PC by fixed size amount {delta} to {hexadecimal(registers.address)}"
    if opcode == 12:
        return f"  Set ISA to {cursor.uleb()}"
    plain = {7: "Set basic block", 10: "Set prologue_end to true", 11: "Set epilogue_begin to true"}
    return f"  {plain[opcode]}" if opcode in plain else _unknown(opcode, cursor, header)


def _unknown(opcode: int, cursor: Cursor, header: LineHeader) -> str:
    values = ", ".join(hexadecimal(cursor.uleb()) for _ in range(header.operands[opcode - 1]))
    return f"  Unknown opcode {opcode} with operands: {values}"


def _extended(
    prefix: str, cursor: Cursor, header: LineHeader, registers: _LineRegisters, sections: DebugSections
) -> Iterator[str]:
    size = cursor.uleb()
    if not size or size > cursor.end - cursor.at:
        sections.warn("Badly formed extended line op encountered!")
        yield prefix
        return
    body = Cursor(cursor.data, cursor.at, cursor.at + size)
    cursor.at += size
    opcode = body.number(1)
    prefix += f"  Extended opcode {opcode}: "
    if opcode == _END:
        yield f"{prefix}End of Sequence"
        yield ""
        registers.reset()
    elif opcode == _SET_ADDRESS:
        if size > 9:
            sections.warn(f"Length ({size - 1}) of DW_LNE_set_address op is too long")
        registers.address = body.number(size - 1) if size <= 9 else 0
        registers.view = registers.operation = 0
        yield f"{prefix}set Address to {hexadecimal(registers.address)}"
    elif opcode == _DEFINE_FILE:
        name = body.text()
        values = "\t".join(str(body.uleb()) for _ in range(3))
        header.files.append((name, 0))
        yield f"{prefix}define new File Table entry"
        yield "  Entry\tDir\tTime\tSize\tName"
        yield f"   {len(header.files)}\t{values}\t{name}"
        yield ""
    elif opcode == _DISCRIMINATOR:
        yield f"{prefix}set Discriminator to {body.uleb()}"
    else:
        kind = "user defined" if opcode >= 0x80 else "UNKNOWN"
        data = "".join(f" {byte:02x}" for byte in body.block(size - 1))
        yield f"{prefix}{kind}: length {size - 1} [{data}]"


def decoded_listing(section: DebugSection, sections: DebugSections, wide: bool) -> Iterator[str]:
    """`-wL`: the rows of the table that each program makes. Raises Malformed."""
    yield f"Contents of the {section.name} section:"
    yield ""
    at = 0
    while at < len(section.data):
        header = LineHeader(section, sections, at, False)
        yield _unit_title(header, wide)
        if header.files:
            yield "File name                            Line number    Starting address    View    Stmt"
        else:
            yield "CU: Empty file name table"
        yield from _Rows(header, sections, wide).lines(Cursor(section.data, header.program, header.end))
        yield ""
        at = header.end


def _unit_title(header: LineHeader, wide: bool) -> str:
    if not header.files:
        return "CU: No directory table"
    name, directory = header.files[0]
    if not header.directories:
        return f"CU: {name}:"
    return f"CU: {header.directory(directory)}/{name}:" if wide else f"{name}:"


class _Rows:
    """Runs one program."""

    def __init__(self, header: LineHeader, sections: DebugSections, wide: bool):
        self.header, self.sections, self.wide = header, sections, wide
        self.registers = _LineRegisters(header)

    def lines(self, cursor: Cursor) -> Iterator[str]:
        """The rows, and a heading where the file changes."""
        header, registers = self.header, self.registers
        while cursor:
            opcode = cursor.number(1)
            if opcode >= header.opcode_base:
                opcode -= header.opcode_base
                registers.advance(opcode // header.line_range)
                registers.advance_line(opcode % header.line_range + header.line_base)
                yield self._row(False)
            elif opcode == 0:
                yield from self._extended(cursor)
            elif opcode == 1:
                yield self._row(False)
            elif opcode == 4:
                registers.file = cursor.uleb() & 0xFFFF_FFFF
                yield from self._file_heading()
            elif opcode == 12 or opcode > 12:
                yield _standard(opcode, cursor, header, registers)
            else:
                _standard_quietly(opcode, cursor, header, registers)

    def _extended(self, cursor: Cursor) -> Iterator[str]:
        size = cursor.uleb()
        if not size or size > cursor.end - cursor.at:
            self.sections.warn("Badly formed extended line op encountered!")
            return
        body = Cursor(cursor.data, cursor.at, cursor.at + size)
        cursor.at += size
        opcode = body.number(1)
        if opcode == _END:
            yield self._row(True)
            yield ""
            self.registers.reset()
        elif opcode == _SET_ADDRESS:
            self.registers.address = body.number(size - 1) & M64
            self.registers.view = self.registers.operation = 0
        elif opcode == _DEFINE_FILE:
            name = body.text()
            self.header.files.append((name, body.uleb()))
        elif opcode != _DISCRIMINATOR and opcode != 0x16:
            yield f"UNKNOWN ({opcode}): length {size}"

    def _index(self) -> int:
        return self.registers.file - (self.header.version < 5)

    def _file_heading(self) -> Iterator[str]:
        header, index = self.header, self._index()
        yield ""
        if not header.files:
            yield f" [Use file table entry {index}]"
        elif not 0 <= index < len(header.files):
            self.sections.warn(f"file index {index} >= number of files {len(header.files)}")
            yield f" <over large file table index {index}>"
        else:
            name, directory = header.files[index]
            if not directory and header.version < 5:
                yield f"./{name}:[++]"
            elif not header.directories:
                yield f" [Use file {name} in directory table entry {directory}]"
            elif directory - (header.version < 5) >= len(header.directories):
                yield f" <over large directory table entry {directory - (header.version < 5)}>"
                yield ""
            else:
                yield f"{header.path(index)}:"

    def _row(self, last: bool) -> str:
        registers, index = self.registers, self._index()
        files = self.header.files
        name = files[index][0] if 0 <= index < len(files) else "<corrupt>" if files else "<unknown>"
        if not self.wide:
            name = name[-_WIDTH:]
        line = "-" if last else registers.line
        text = f"{name:<{_WIDTH}}  {line:>11}  {registers.place:>18}"
        if not last:
            text += f"  {registers.view:6}" if registers.view else " " * 8
            text += "       x" if registers.is_stmt else ""
        registers.view += 1
        return text


def _standard_quietly(opcode: int, cursor: Cursor, header: LineHeader, registers: _LineRegisters) -> None:
    if opcode == 2:
        registers.advance(cursor.uleb())
    elif opcode == 3:
        registers.advance_line(cursor.sleb())
    elif opcode == 5:
        cursor.uleb()
    else:
        _standard(opcode, cursor, header, registers)


__all__ = ["Malformed", "decoded_listing", "raw_listing"]
