"""Directives for debuggers and unwinding: call frames (`.cfi_*`) and source lines (`.file`, `.loc`)."""

from __future__ import annotations

import re
from typing import Any

from toyvm.elf.constants import STT_FILE

from ..dwarf.call_frames import CfiError
from ..dwarf.cfi_directives import DIRECTIVES as CFI
from ..dwarf.cfi_directives import REGISTER_ARGUMENTS, dwarf_register
from ..dwarf.line_table import LineError, LineTableWriter, Loc
from ..encode import split
from ..grammar import parse_expression
from ..problems import Problem, unknown
from ..sections import AsmSection, AsmSymbol
from ..state import AssemblyState
from ..statements import split_operands, unquote
from .data import Directive


def cfi(name: str) -> Directive:
    """A `.cfi_*` directive: adds to the table of call frames."""

    def directive(state: AssemblyState, rest: str) -> None:
        pieces = split_operands(rest)
        try:
            _cfi(state, name, pieces)
        except CfiError as error:
            raise Problem(str(error)) from None

    return directive


def _cfi(state: AssemblyState, name: str, pieces: list[str]) -> None:
    frames = state.frames
    if name == ".cfi_startproc":
        if pieces not in ([], ["simple"]):
            raise Problem(".cfi_startproc takes nothing or 'simple'", pieces[0], expected="simple")
        frames.startproc(state.cfi_here, simple=bool(pieces))
    elif name == ".cfi_endproc":
        frames.endproc(state.cfi_here)
    elif name == ".cfi_sections":
        frames.sections(pieces)
    elif name in (".cfi_personality", ".cfi_lsda"):
        encoding = state.number_of(pieces[0], "the encoding") if pieces else 0xFF
        symbol = _cfi_symbol(state, pieces[1]) if len(pieces) > 1 else None
        (frames.personality if name == ".cfi_personality" else frames.lsda)(encoding, symbol)
    else:
        registers = REGISTER_ARGUMENTS.get(name)
        everywhere = name in (".cfi_restore", ".cfi_undefined", ".cfi_same_value")
        values = []
        for index, piece in enumerate(pieces):
            number = dwarf_register(piece) if everywhere or (registers and index in registers) else None
            values.append(state.number_of(piece, "the argument") if number is None else number)
        frames.directive(name, values, state.cfi_here)


def _cfi_symbol(state: AssemblyState, text: str) -> AsmSymbol:
    add, sub, addend = split(state, parse_expression(text))
    if add is None or sub is not None or addend:
        raise Problem("expected a symbol", text, expected="a symbol")
    return add


def lines(state: AssemblyState) -> LineTableWriter[AsmSection, AsmSymbol]:
    """The line table, created if necessary."""
    if state.lines is None:
        state.lines = LineTableWriter()
    return state.lines


def file(state: AssemblyState, rest: str) -> None:
    """`.file "name"` (a symbol of type FILE), or `.file number "folder" "name" md5 0x...` for `.loc`."""
    match = re.fullmatch(
        r'\s*(?:(\d+)\s+)?("(?:[^"\\]|\\.)*")\s*("(?:[^"\\]|\\.)*")?\s*(?:md5\s+(0x[0-9a-fA-F]+))?\s*', rest
    )
    if match is None:
        raise Problem(
            ".file takes a name, or a number and a name", rest.strip(), expected='"name" or 1 "name"'
        )
    first = unquote(match[2]).decode("utf-8", "surrogateescape")
    if match[1] is None:
        symbol = AsmSymbol(first)
        symbol.type = STT_FILE
        symbol.value = 0
        state.symbols.files.insert(0, symbol)
        return
    if len(match[1]) > 6:
        raise Problem(f"file number {match[1]} is too large", match[1])
    second = unquote(match[3]).decode("utf-8", "surrogateescape") if match[3] else None
    md5 = int(match[4], 16).to_bytes(16, "big") if match[4] and len(match[4]) <= 34 else None
    try:
        if second is None:
            lines(state).file(int(match[1]), first, None, md5)
        else:
            lines(state).file(int(match[1]), second, first, md5)
    except LineError as error:
        raise Problem(str(error), match[1]) from None


_LOC_NUMBERS = ("is_stmt", "isa", "discriminator", "view")
_LOC_OPTIONS = ("basic_block", "prologue_end", "epilogue_begin", *_LOC_NUMBERS)


def loc(state: AssemblyState, rest: str) -> None:
    """`.loc file line column options`."""
    words = rest.replace(",", " ").split()
    numbers: list[int] = []
    while words and re.fullmatch(r"\d{1,9}", words[0]) and len(numbers) < 3:
        numbers.append(int(words.pop(0)))
    if len(numbers) < 2:
        raise Problem(".loc takes a file number and a line", rest.strip(), expected="file line column")
    if state.chunk.is_absolute:
        raise Problem("the absolute section has no lines")
    table = lines(state)
    column = numbers[2] if len(numbers) > 2 else 0
    row = Loc(numbers[0], numbers[1], column, is_stmt=table.last.is_stmt, isa=table.last.isa)
    while words:
        row = _loc_option(state, row, words)
    try:
        table.loc(row, state.chunk.section, state.chunk.here)
    except LineError as error:
        raise Problem(str(error), str(numbers[0])) from None
    state.watch_instructions()


def _loc_option(state: AssemblyState, row: Loc, words: list[str]) -> Loc:
    """`row` with the next option of `.loc`. Removes it from `words`."""
    word = words.pop(0)
    if word in ("basic_block", "prologue_end", "epilogue_begin"):
        change: dict[str, Any] = {word: True}
        return row._replace(**change)
    if word not in _LOC_NUMBERS or not words:
        raise unknown("option of .loc", word, _LOC_OPTIONS)
    value = words.pop(0)
    if word == "view":  # the view numbers rows of one address; our tables do not have it
        return row
    number = state.number_of(value, word)
    change = {word: bool(number) if word == "is_stmt" else number}
    return row._replace(**change)


def loc_mark_labels(state: AssemblyState, rest: str) -> None:
    """`.loc_mark_labels 1`: give each label in code a row of the line table, as the start of a basic block."""
    if rest.strip() not in ("0", "1"):
        raise Problem("expected 0 or 1", rest.strip(), expected="0 or 1")
    state.mark_labels = rest.strip() == "1"


def stabs(state: AssemblyState, rest: str) -> None:
    """`.stabs`, `.stabn`, `.stabd`: debugging information of a format that nothing reads any more."""
    if not state.seen_stabs:
        state.seen_stabs = True
        state.warn("debugging information in the stabs format is ignored; -g writes DWARF")


DEBUG_INFORMATION: dict[str, Directive] = {
    **{
        name: cfi(name)
        for name in (*CFI, ".cfi_startproc", ".cfi_endproc", ".cfi_sections", ".cfi_personality", ".cfi_lsda")
    },
    ".file": file,
    ".loc": loc,
    ".loc_mark_labels": loc_mark_labels,
    **dict.fromkeys((".stabs", ".stabn", ".stabd", ".xstabs"), stabs),
}
