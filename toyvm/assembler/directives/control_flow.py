"""Directives that select the text to read: conditions, macros, repetitions, included files."""

from __future__ import annotations

from collections.abc import Callable

from ..problems import Fatal, Problem
from ..statement_reader import Reader
from ..statements import split_operands, unquote
from .data import find_file
from .symbol_attributes import NAME

FlowDirective = Callable[[Reader, str], None]

MAX_SOURCE_BYTES = 1 << 28


def _compare(test: Callable[[int], bool]) -> FlowDirective:
    return lambda reader, rest: _if_number(reader, rest, test)


def _if_number(reader: Reader, rest: str, test: Callable[[int], bool]) -> None:
    try:
        holds = test(reader.state.number_of(rest, "the condition"))
    except Problem as problem:
        reader.state.report(problem)
        holds = False  # skip the whole .if, so that its .endif is matched
    reader.if_(holds)


def _defined(wanted: bool) -> FlowDirective:
    def directive(reader: Reader, rest: str) -> None:
        name = rest.strip()
        if not NAME.fullmatch(name):
            reader.if_(False)
            raise Problem(f"expected a symbol, not '{name}'" if name else "expected a symbol", name)
        symbol = reader.state.symbols.by_name.get(name)
        reader.if_((symbol is not None and symbol.is_defined) == wanted)

    return directive


def _blank(wanted: bool) -> FlowDirective:
    return lambda reader, rest: reader.if_((not rest.strip()) == wanted)


def _same_text(wanted: bool) -> FlowDirective:
    def directive(reader: Reader, rest: str) -> None:
        pieces = split_operands(rest)
        pieces += [""] * (2 - len(pieces))
        reader.if_((pieces[0] == pieces[1]) == wanted)

    return directive


def _same_string(wanted: bool) -> FlowDirective:
    def directive(reader: Reader, rest: str) -> None:
        pieces = split_operands(rest)
        if len(pieces) != 2:
            reader.if_(False)
            raise Problem("this takes two strings", expected='"a", "b"')
        reader.if_((unquote(pieces[0]) == unquote(pieces[1])) == wanted)

    return directive


def _include(reader: Reader, rest: str) -> None:
    state = reader.state
    name = unquote(rest.strip()).decode("utf-8", "surrogateescape")
    path, contents = find_file(state, name, rest.strip(), MAX_SOURCE_BYTES)
    reader.included.append(path)
    reader.push_source(contents.decode("utf-8", "surrogateescape"), path, state.where)


def _end(reader: Reader, rest: str) -> None:
    reader.ended = True


def _abort(reader: Reader, rest: str) -> None:
    raise Fatal(".abort: the text ends the assembly")


def _purge(reader: Reader, rest: str) -> None:
    for name in split_operands(rest):
        if reader.macros.pop(name.lower(), None) is None:
            reader.state.warn(
                f"there is no macro '{name}'", name, gnu=f"Attempt to purge non-existing macro `{name}'"
            )


def _alternate(wanted: bool) -> FlowDirective:
    def directive(reader: Reader, rest: str) -> None:
        reader.alternate = wanted

    return directive


def _stray(message: str, gnu: str) -> FlowDirective:
    def directive(reader: Reader, rest: str) -> None:
        reader.state.warn(message, gnu=gnu)

    return directive


FLOW: dict[str, FlowDirective] = {
    ".if": _compare(lambda value: value != 0),
    ".ifne": _compare(lambda value: value != 0),
    ".ifeq": _compare(lambda value: value == 0),
    ".iflt": _compare(lambda value: value < 0),
    ".ifle": _compare(lambda value: value <= 0),
    ".ifgt": _compare(lambda value: value > 0),
    ".ifge": _compare(lambda value: value >= 0),
    ".ifdef": _defined(True),
    ".ifndef": _defined(False),
    ".ifnotdef": _defined(False),
    ".ifb": _blank(True),
    ".ifnb": _blank(False),
    ".ifc": _same_text(True),
    ".ifnc": _same_text(False),
    ".ifeqs": _same_string(True),
    ".ifnes": _same_string(False),
    **dict.fromkeys((".else", ".elsec"), lambda reader, rest: reader.else_("else")),
    ".elseif": lambda reader, rest: reader.else_("elseif"),
    ".endif": lambda reader, rest: reader.endif(),
    ".endc": lambda reader, rest: reader.endif(),
    ".macro": lambda reader, rest: reader.define_macro(rest),
    ".altmacro": _alternate(True),
    ".noaltmacro": _alternate(False),
    **dict.fromkeys((".exitm", ".mexit"), lambda reader, rest: reader.exit_macro()),
    ".purgem": _purge,
    ".endm": _stray(".endm without .macro", ".endm encountered without preceding .macro"),
    ".rept": lambda reader, rest: reader.repeat(rest),
    ".rep": lambda reader, rest: reader.repeat(rest),
    **dict.fromkeys((".irp", ".irep"), lambda reader, rest: reader.irp(".irp", rest)),
    **dict.fromkeys((".irpc", ".irepc"), lambda reader, rest: reader.irp(".irpc", rest)),
    ".endr": _stray(
        ".endr without .rept, .irp or .irpc", ".endr encountered without preceding .rept, .irp, or .irpc"
    ),
    ".include": _include,
    ".end": _end,
    ".abort": _abort,
}
