"""argparse parsers for the commands that run a program, from the declarations in `run_options`.

`toyvm run` imports neither this module nor argparse for the usual options (`plain_options`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from ..base.option_help import default_text
from ..base.options import Option
from ..base.sizes import size_text
from ..run_options import GROUPS, CommandOptions
from .help_formatter import HelpFormatter
from .plain_options import made, value_of
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
    return made(kind, vars(p.parse_args(argv)))


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
        value = value_of(row, text)
        if value is None:
            raise argparse.ArgumentTypeError(f"expected {_expected(row)}, not '{text}'")
        return value

    return read


def _expected(row: Option) -> str:
    if row.unit == "bytes":
        least = f" of at least {size_text(row.lowest)}" if row.lowest else ""
        return f"a size in bytes{least}, such as 4096, 64M or 1G"
    if row.unit == "address":
        return "an address, such as 0x200000"
    return row.metavar if row.type.startswith("tuple[tuple") else row.expected()
