"""Directives for source lines: `.file`, `.loc` with its views, `.loc_mark_labels`."""

from __future__ import annotations

import re
from typing import Any

from toyvm.elf.constants import STT_FILE

from ..dwarf.line_program import LineRow, Loc, View
from ..dwarf.line_table import LineError
from ..expressions import combine
from ..problems import Problem, junk, unknown
from ..sections import AsmSymbol, DeferredOperation, Linear, Value
from ..state import AssemblyState
from ..statements import unquote
from .data import Directive
from .symbol_attributes import redefinition

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_FILE = re.compile(rf"({_QUOTED})\s*({_QUOTED})?\s*(?:md5\s+(\w+)\s*)?")
_STRING = re.compile(rf"{_QUOTED}\s*")


def file(state: AssemblyState, rest: str) -> None:
    """`.file "name"` (a symbol of type FILE), or `.file number "folder" "name" md5 0x...` for `.loc`."""
    if rest.startswith('"'):
        _file_symbol(state, rest)
        return
    number, names = [*rest.split(None, 1), "", ""][:2]
    if not number or number[0] in "<>":
        raise _no_file(rest, "bad expression")
    slot: int | None = None
    try:
        slot = state.number_of(number, "the number of the file")
    except Problem as problem:
        state.report(problem)
    match = _FILE.match(names)
    if match is None:
        raise _no_file(rest, "missing string")
    if match.end() < len(names):
        raise junk(names[match.end() :])
    if slot is None:
        return
    first = unquote(match[1]).decode("utf-8", "surrogateescape")
    second = unquote(match[2]).decode("utf-8", "surrogateescape") if match[2] else None
    state.leave_text_lines()
    try:
        name, folder = (first, None) if second is None else (second, first)
        state.line_table().file(slot, name, folder, _md5(match[3]))
    except LineError as error:
        raise Problem(str(error), number) from None


def _no_file(rest: str, gnu: str) -> Problem:
    return Problem(".file takes a name, or a number and a name", rest, expected='"name" or 1 "name"', gnu=gnu)


def _md5(text: str | None) -> bytes | None:
    """The bytes of the number behind `md5`."""
    if text is None:
        return None
    try:
        value = int(text, 0)
    except ValueError:
        value = 0
    if not 1 << 64 <= value < 1 << 128:
        raise Problem("md5 value too small or not a constant", text)
    return value.to_bytes(16, "little")


def _file_symbol(state: AssemblyState, rest: str) -> None:
    match = _STRING.match(rest)
    if match is None:
        raise Problem("unterminated string", rest, expected='"name"')
    if match.end() < len(rest):
        raise junk(rest[match.end() :])
    symbol = AsmSymbol(unquote(match.group().rstrip()).decode("utf-8", "surrogateescape"))
    symbol.type = STT_FILE
    symbol.value = 0
    if state.symbols.files:
        state.symbols.list(symbol)  # the first one precedes all others
    else:
        state.symbols.files.append(symbol)


_FLAGS = ("basic_block", "prologue_end", "epilogue_begin")
_NUMBERS = ("is_stmt", "isa", "discriminator")
_OPTIONS = (*_FLAGS, *_NUMBERS, "view")
_NUMBER = re.compile(r"\d{1,9}")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,8}")


def loc(state: AssemblyState, rest: str) -> None:
    """`.loc file line column options`."""
    words = rest.replace(",", " ").split()
    if state.chunk.is_absolute:
        raise Problem("the absolute section has no lines")
    state.flush_line()
    number, line = (_number(state, words) for _ in range(2))
    if number < 0:
        raise Problem("file number less than one", str(number))
    table = state.line_table()
    column = int(words.pop(0)) if words and _NUMBER.fullmatch(words[0]) else table.last.column
    if not table.has_file(number):
        raise Problem(f"unassigned file number {number}", str(number))
    row = Loc(number, line, column, is_stmt=table.last.is_stmt, isa=table.last.isa)
    while words:
        row = _option(state, row, words)
    table.loc(row, state.chunk.section, state.chunk.here)
    if row.view is None:
        state.watch_instructions()
        return
    state.flush_line()  # a view is of this place
    rows = table.rows(state.chunk.section)
    if rows and rows[-1].loc.view is row.view:
        _number_view(state, rows)


def _number(state: AssemblyState, words: list[str]) -> int:
    """The next word as a number."""
    if not words:
        raise Problem(
            ".loc takes a file number and a line",
            expected="file line column",
            gnu="bad or irreducible absolute expression",
        )
    word = words.pop(0)
    return int(word) if _DECIMAL.fullmatch(word) else state.number_of(word, "this")


def _option(state: AssemblyState, row: Loc, words: list[str]) -> Loc:
    """`row` with the next option of `.loc`. Removes it from `words`."""
    word = words.pop(0)
    if word in _FLAGS:
        change: dict[str, Any] = {word: True}
        return row._replace(**change)
    if word not in _OPTIONS:
        if word[0].isalpha() or word[0] == "_":
            problem = unknown("option of .loc", word, _OPTIONS)
            problem.gnu = f"unknown .loc sub-directive `{word}'"
            raise problem
        raise junk(word)
    if word == "view":
        return row._replace(view=_view(state, words))
    number = _number(state, words)
    if word == "is_stmt":
        if number not in (0, 1):
            raise Problem("is_stmt value not 0 or 1", str(number))
        return row._replace(is_stmt=bool(number))
    if number < 0:
        raise Problem(f"{'isa number' if word == 'isa' else word} less than zero", str(number))
    change = {word: number}
    return row._replace(**change)


# -- views ------------------------------------------------------------------------------------------


def _view(state: AssemblyState, words: list[str]) -> View:
    """The operand of `view`: 0, -0, or a symbol for the number of the row."""
    if not words:
        raise Problem("view takes 0, -0 or a symbol", "view", gnu="expected symbol name")
    word = words.pop(0)
    if word[0].isdigit() or word[0] == "-":
        if state.number_of(word, "the view"):
            raise Problem("numeric view can only be asserted to zero", word)
        return View("", word[0] == "-", state.where)
    known = state.symbols.by_name.get(word)
    if known is not None and known.is_defined:
        raise redefinition(state, word, known)
    return View(word, False, state.where)


def _number_view(state: AssemblyState, rows: list[LineRow[AsmSymbol]]) -> None:
    """Give the last row its number: 0 if its address is new, else that of the row before plus 1.

    GNU as: set_or_check_view.
    """
    row = rows[-1]
    view = row.loc.view
    assert view is not None
    same = 0 if len(rows) == 1 or view.reset else _same_address(state, row.place, rows[-2].place)
    if view.name:
        symbol = state.symbols.get(view.name, state.where)
        symbol.value = combine("*", same, combine("+", _view_before(state, rows), 1)) if same else 0
        symbol.where = state.where
    elif same == 1:
        raise Problem("view number mismatch")
    elif same:
        state.zero_views.append((same, state.where))


def _view_before(state: AssemblyState, rows: list[LineRow[AsmSymbol]]) -> Value:
    """The number of the last row but one, from the nearest row whose number is known."""
    first = len(rows) - 2
    while first > 0 and rows[first].loc.view is None:
        first -= 1
    known = rows[first].loc.view
    value: Value = 0
    if known is not None and known.name:
        value = Linear(state.symbols.get(known.name), None, 0)
    for number in range(first + 1, len(rows) - 1):
        same = _same_address(state, rows[number].place, rows[number - 1].place)
        value = combine("*", same, combine("+", value, 1)) if same else 0
    return value


def _same_address(state: AssemblyState, place: AsmSymbol, before: AsmSymbol) -> Value:
    """1 if a row has the address of the one before it, else 0; an expression if that is not known yet."""
    apart = state.fixed(Linear(place, before, 0))
    if apart is not None:
        return int(apart <= 0)
    return DeferredOperation(
        "lnot", 0, DeferredOperation(">", Linear(place, None, 0), Linear(before, None, 0))
    )


def loc_mark_labels(state: AssemblyState, rest: str) -> None:
    """`.loc_mark_labels 1`: give each label in code a row of the line table, as the start of a basic block."""
    if rest.strip() not in ("0", "1"):
        raise Problem("expected 0 or 1", rest.strip(), expected="0 or 1")
    state.mark_labels = rest.strip() == "1"


LINES: dict[str, Directive] = {
    ".file": file,
    ".loc": loc,
    ".loc_mark_labels": loc_mark_labels,
}
