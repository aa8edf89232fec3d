"""Runs of statements of known forms: the loops in which nearly all of a compiler's output is assembled.

A statement is looked up by its whole text, which stands for bytes, or by the text before its last word (a *head*):
`beq a4,a5,` before `.L3`, `.4byte` before `.LASF12`. The methods of `str` cut the texts. What they cannot tell apart
is left to the caller, before anything has happened. What a loop needs of the assembly is in its local variables:
nothing that it assembles can change that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from toyvm.base.light_types import TYPE_CHECKING

from ..directives.data import SIZES
from ..dwarf.line_program import LineRow, Loc
from ..sections import AsmSymbol, fix_of
from ..state import AssemblyState

if TYPE_CHECKING:
    from ..dwarf.line_table import LineTableWriter
    from ..sections import AsmSection
    from .known_statements import KnownStatements

_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,16}|0|[1-9][0-9]{0,18}")
_SMALL = r"(0|[1-9]\d{0,8})"
_LOC = re.compile(
    rf"\t\.loc ([1-9]\d{{0,5}}) {_SMALL} {_SMALL}(?: is_stmt ([01]))?(?: discriminator {_SMALL})?"
)
_row_of: Callable[[tuple[AsmSymbol, Loc]], LineRow[AsmSymbol]] = partial(tuple.__new__, LineRow)
_STRING = '\t.string\t"'
_HEADS = {f"\t{name}\t": size for name, size in SIZES.items()}
_ZEROS = {size: bytes(size) for size in SIZES.values()}
_MAX_KEPT = 1 << 16  # lines of `.loc`


class StatementRuns:
    """The loops of one assembly; `known` has the forms."""

    def __init__(self, state: AssemblyState, known: KnownStatements):
        self._state = state
        self._known = known
        self._locs: dict[tuple[str, bool], Loc] = {}

    def run(self, lines: list[str], at: int, base: int) -> int:
        """Assemble statements from `lines[at]` on. Returns the index of the first that is not of a known form.

        `base` is the number of `lines[0]` in the source map.
        """
        state = self._state
        if state.substitutes or state.mark_labels or state.text_lines:
            return at
        if state.memo is state.data_memo:
            return self._data(lines, at, base)
        if state.memo is not state.code_memo and not state.row_pending:
            return at
        table, section = state.lines, state.chunk.section
        if table is None or not section.is_alloc:
            return at if state.row_pending else self._code(lines, at, base)
        return self._code_with_lines(lines, at, base, table, section)

    def _code(self, lines: list[str], at: int, base: int) -> int:
        """Statements of a section of code, without rows of a line table."""
        known, chunk, codes, count = self._known, self._state.chunk, self._state.code_memo, len(lines)
        data, code_of, head_of, symbol_of = chunk.data, codes.get, known.heads.get, known.symbol
        while at < count:
            line = lines[at]
            code = code_of(line)
            if code is not None:
                data += code
                at += 1
                continue
            cut = line.rfind(",") + 1 or line.rfind("\t") + 1 or line.rfind(" ") + 1
            learned = head_of(line[:cut])
            symbol = symbol_of(line[cut:], base + at) if learned is not None else None
            if learned is not None and symbol is not None:
                learned.append_to(chunk, symbol, base + at)
            elif line[-1:] == ":":
                if not known.label(chunk, line[:-1], base + at):
                    return at
            else:
                code = known.code_of(line)
                if code is None:
                    return at
                codes[line] = code
                data += code
            at += 1
        return at

    def _code_with_lines(
        self,
        lines: list[str],
        at: int,
        base: int,
        table: LineTableWriter[AsmSection, AsmSymbol],
        section: AsmSection,
    ) -> int:
        """The same between rows of a line table: `.loc` is pending until the next instruction."""
        known, chunk, codes, count = self._known, self._state.chunk, self._state.code_memo, len(lines)
        data, code_of, head_of, symbol_of = chunk.data, codes.get, known.heads.get, known.symbol
        rows, last = table.rows(section), table.last
        here = chunk.here
        if last.isa or last.view is not None:
            return at
        loc = last if table.pending else None
        while at < count:
            line = lines[at]
            code = code_of(line)
            if code is None:
                if line[-1:] == ":":
                    if not known.label(chunk, line[:-1], base + at):
                        break
                    at += 1
                    continue
                if line[:6] == "\t.loc ":
                    following = self._locs.get((line, last.is_stmt)) or self._loc(line, last, table)
                    if following is None:
                        break
                    if loc is not None:
                        rows.append(_row_of((here(), loc)))
                    loc = last = following
                    at += 1
                    continue
                cut = line.rfind(",") + 1 or line.rfind("\t") + 1 or line.rfind(" ") + 1
                learned = head_of(line[:cut])
                symbol = symbol_of(line[cut:], base + at) if learned is not None else None
                if learned is not None and symbol is not None:
                    if loc is not None:
                        rows.append(_row_of((here(), loc)))
                        loc = None
                    learned.append_to(chunk, symbol, base + at)
                    at += 1
                    continue
                code = known.code_of(line)
                if code is None:
                    break
                codes[line] = code
            if loc is not None:
                rows.append(_row_of((here(), loc)))
                loc = None
            data += code
            at += 1
        table.resume(section, rows, last, loc is not None)
        self._state.watch_instructions(loc is not None)
        return at

    def _loc(self, line: str, last: Loc, table: LineTableWriter[AsmSection, AsmSymbol]) -> Loc | None:
        """The row of a `.loc` after `last`; None if it needs the parser."""
        match = _LOC.fullmatch(line)
        if match is None or not table.has_file(int(match[1])):
            return None
        file, number, column, is_stmt, discriminator = match.groups()
        wanted = last.is_stmt if is_stmt is None else is_stmt == "1"
        loc = Loc(int(file), int(number), int(column), wanted, discriminator=int(discriminator or 0))
        if len(self._locs) < _MAX_KEPT:
            self._locs[line, last.is_stmt] = loc
        return loc

    def _data(self, lines: list[str], at: int, base: int) -> int:
        """Statements of a section of data."""
        state, known, count = self._state, self._known, len(lines)
        chunk, memo = state.chunk, state.data_memo
        data, code_of, head_of, symbol_of = chunk.data, memo.get, _HEADS.get, known.symbol
        fixes = chunk.fixes
        while at < count:
            line = lines[at]
            code = code_of(line)
            if code is not None:
                data += code
                at += 1
                continue
            cut = line.rfind("\t") + 1
            size = head_of(line[:cut])
            if size is not None:
                word = line[cut:]
                if _NUMBER.fullmatch(word) is None:
                    symbol = symbol_of(word, base + at)
                    if symbol is not None:
                        fixes.append(fix_of((len(data), -size, symbol, None, 0, False, base + at)))
                        data += _ZEROS[size]
                    elif not known.reference(line, base + at):
                        break
                else:
                    value = int(word, 0)
                    if value >> 8 * size:
                        break
                    code = memo[line] = value.to_bytes(size, "little")
                    data += code
            elif line[-1:] == ":":
                if not known.label(chunk, line[:-1], base + at):
                    break
            elif line[:10] == _STRING and line.find('"', 10) == len(line) - 1 and "\\" not in line:
                data += line[10:-1].encode("utf-8", "surrogateescape") + b"\0"
            else:
                break
            at += 1
        return at
