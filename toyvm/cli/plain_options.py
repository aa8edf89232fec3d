"""Reads the usual command lines of commands that run a program, without argparse.

Importing argparse and describing all options to it takes ten milliseconds, more than a short program
runs. So a command line of well-formed options, each with its value in the next word or as
`--name=value`, is read here. Any other one (an error, `--help`, `-Ldir`) is left to argparse.
"""

from __future__ import annotations

from ..base.light_types import TYPE_CHECKING, Any, TypeVar
from ..base.sizes import parse_digits, parse_size
from ..run_options import CommandOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..base.options import Option

Kind = TypeVar("Kind", bound=CommandOptions)


def read_plain(kind: type[Kind], argv: list[str]) -> Kind | None:
    """The options of a command line `[OPTION...] PROGRAM [ARG...]`; None if argparse must read it."""
    rows = {flag: row for row in kind.rows.values() for flag in (*row.flags, *row.constants)}
    given: dict[str, Any] = {}
    at = 0
    while at < len(argv) and argv[at].startswith("-"):
        flag, equals, text = argv[at].partition("=")
        row = rows.get(flag)
        at += 1
        if row is None or (equals and not flag.startswith("--")):
            return None
        if row.constants or row.type == "bool":
            if equals or (row.constants and not row.many and row.name in given):
                return None
            value = row.constants[flag][0] if row.constants else True
        else:
            if not equals:
                if at == len(argv) or argv[at].startswith("-"):
                    return None
                text = argv[at]
                at += 1
            value = value_of(row, text)
            if value is None:
                return None
        given[row.name] = [*given.get(row.name, ()), value] if row.many else value
    if at == len(argv) or not argv[at]:
        return None
    return made(kind, {**given, "program": argv[at], "args": argv[at + 1 :]})


def made(kind: type[Kind], given: dict[str, Any]) -> Kind:
    """The options of `kind` with the fields `given`; a repeated option is a list of its values."""
    for name, value in given.items():
        if kind.rows[name].type.startswith("frozenset"):
            given[name] = frozenset(_flat(value))
        elif kind.rows[name].many:
            given[name] = tuple(value)
    if given.get("root", "").endswith((":rw", ":ro")):
        given["root_writable"] = given["root"].endswith(":rw")
        given["root"] = given["root"][:-3]
    return kind(**given)


def _flat(values: Iterable[str | tuple[str, ...]]) -> list[str]:
    return [word for value in values for word in ((value,) if isinstance(value, str) else value)]


def value_of(row: Option, text: str) -> Any:
    """The value of an option's argument, or None if it is not valid."""
    try:
        value = _converter(row)(text)
    except ValueError:
        return None
    if value is None or not row.accepts(frozenset(value) if row.many and row.choices else value):
        return None
    return value


def _converter(row: Option) -> Callable[[str], Any]:
    if row.unit == "bytes":
        return parse_size
    if row.unit == "address":
        return lambda text: int(text, 0)
    if row.type.startswith("tuple[tuple"):
        return _variable
    if row.choices and row.many:
        return lambda text: tuple(word for word in text.split(",") if word)
    if row.choices:
        return {str(choice): choice for choice in row.choices}.get
    if row.number:
        return parse_digits if row.lowest is not None else int
    return str


def _variable(text: str) -> tuple[str, str | None] | None:
    name, equals, value = text.partition("=")
    return (name, value if equals else None) if name else None
