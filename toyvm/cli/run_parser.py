"""argparse parsers for the commands that run a program, from the declarations in `run_options`.

`toyvm run PROGRAM` without options imports neither this module nor argparse, for a fast start.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..base.option_help import default_text
from ..base.options import Option
from ..base.sizes import parse_digits, parse_size, size_text
from ..run_options import GROUPS, CommandOptions
from .help_formatter import HelpFormatter
from .terminal.color import add_color

Kind = TypeVar("Kind", bound=CommandOptions)


def parser(
    kind: type[CommandOptions], prog: str, description: str, usage: str = ""
) -> argparse.ArgumentParser:
    """The parser of a command with the options of `kind`, in their groups.

    `usage` precedes the run options in the usage line. An option that is not given sets no
    attribute.
    """
    words = f"{prog} {usage} [RUN OPTION...]" if usage else f"{prog} [OPTION...]"
    p = argparse.ArgumentParser(
        prog=prog,
        formatter_class=HelpFormatter,
        usage=f"{words} PROGRAM [ARG...]",
        description=description,
        argument_default=argparse.SUPPRESS,
        # argparse would find the program's own options ambiguous: `git log --stat`.
        allow_abbrev=False,
    )
    groups = dict.fromkeys([row.group for row in kind.rows.values() if row.group not in ("", *GROUPS)])
    for title in (*groups, *GROUPS):
        group = p.add_argument_group(title)
        for row in kind.rows.values():
            if row.group == title and row.flags:
                add_option(group, row)
    add_color(p)
    p.add_argument("program", metavar=kind.rows["program"].metavar, help=kind.rows["program"].help)
    args = kind.rows["args"]
    rest = p.add_argument("args", nargs=argparse.REMAINDER, metavar=args.metavar, help=args.help)
    rest.required = False  # or messages would ask for it (Python before 3.13)
    return p


def parse(kind: type[Kind], p: argparse.ArgumentParser, argv: list[str]) -> Kind:
    """Parse a command line with a parser made by `parser`.

    argparse prints a message and raises SystemExit(2) on an error.
    """
    given = vars(p.parse_args(argv))
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


def add_option(group: argparse._ActionsContainer, row: Option) -> None:
    """Add a declared option to a parser or to one of its groups, without a default."""
    if row.constants:
        where = group if row.many else group.add_mutually_exclusive_group()
        action = "append_const" if row.many else "store_const"
        for flag, (value, help_text) in row.constants.items():
            where.add_argument(
                flag, dest=row.name, action=action, const=value, default=argparse.SUPPRESS, help=help_text
            )
    elif row.type == "bool":
        group.add_argument(
            *row.flags,
            dest=row.name,
            action="store_true",
            default=argparse.SUPPRESS,
            help=row.help,
        )
    else:
        group.add_argument(
            *row.flags,
            dest=row.name,
            action="append" if row.many else "store",
            type=reader(row),
            default=argparse.SUPPRESS,
            metavar=row.metavar,
            help=help_text_of(row),
        )


def help_text_of(row: Option) -> str:
    """The help text of an option, with its range and its default."""
    notes = []
    unnamed = any(str(choice) not in row.help for choice in row.choices)
    if unnamed or (row.lowest is not None and row.highest is not None):
        notes.append(row.expected())
    default = default_text(row)
    if default:
        notes.append(f"default: {default}")
    return f"{row.help} ({'; '.join(notes)})".replace("%", "%%") if notes else row.help.replace("%", "%%")


def reader(row: Option) -> Callable[[str], Any]:
    """A function that converts an argument to the field's value or raises ArgumentTypeError."""

    def read(text: str) -> Any:
        try:
            value = convert(text)
        except ValueError:
            value = None
        if value is None or not row.accepts(frozenset(value) if row.many and row.choices else value):
            raise argparse.ArgumentTypeError(f"expected {_expected(row)}, not '{text}'")
        return value

    convert = _converter(row)
    return read


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


def _expected(row: Option) -> str:
    if row.unit == "bytes":
        least = f" of at least {size_text(row.lowest)}" if row.lowest else ""
        return f"a size in bytes{least}, such as 4096, 64M or 1G"
    if row.unit == "address":
        return "an address, such as 0x200000"
    return row.metavar if row.type.startswith("tuple[tuple") else row.expected()


def _variable(text: str) -> tuple[str, str | None] | None:
    name, equals, value = text.partition("=")
    return (name, value if equals else None) if name else None
