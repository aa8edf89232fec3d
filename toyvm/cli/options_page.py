"""Prints what is made from the declarations of the options.

`python -m toyvm.cli.options_page > docs/reference/options.md`, the reference page;
`python -m toyvm.cli.options_page settings > toyvm/run_settings.py`, the types of the keyword
arguments of `toyvm.run`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from ..base.option_help import default_text, typed_dict
from ..base.options import Option
from ..run_options import GROUPS, CommandOptions, RunOptions
from .debugging.gdbserver import GdbserverOptions
from .top import TopOptions
from .trace import TraceOptions

_HEAD = """\
# Options of a run

This page is printed from `toyvm/run_options.py` by `python -m toyvm.cli.options_page`. A test
checks that it is current.

`toyvm run`, `toyvm gdbserver`, `toyvm top` and `toyvm trace pages` take these options. From Python
they are the fields of `toyvm.RunOptions` and keyword arguments of `toyvm.run`:
`toyvm.run(program, memory=1 << 20, thp="always")`.

- A size on the command line may end in K, M or G: `64M`. A field is a number of bytes; a keyword
  argument may be either.
- An option that may be repeated is a tuple or a frozenset as a field. A keyword argument may be any
  iterable or one value, and `env` a mapping.
- A dash under *option* or *Python* means that the option exists only on the other side."""


def page() -> Iterator[str]:
    """The lines of the page."""
    yield _HEAD
    rows = CommandOptions.rows
    for title in GROUPS:
        yield from _section(title, [row for row in rows.values() if row.group == title])
    for command, kind in (
        ("toyvm gdbserver", GdbserverOptions),
        ("toyvm top", TopOptions),
        ("toyvm trace pages", TraceOptions),
    ):
        own = [row for name, row in kind.rows.items() if name not in rows]
        yield from _section(f"{own[0].group} (`{command}` only)", own)


def _section(title: str, rows: Iterable[Option]) -> Iterator[str]:
    yield f"\n## {title[0].upper()}{title[1:]}\n"
    yield "| option | Python | values | default | what it does |"
    yield "|---|---|---|---|---|"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |"


def _cells(row: Option) -> tuple[str, ...]:
    python = f"`{row.name}: {row.type}`" if row.name in RunOptions.rows else "-"
    text = f"{row.help[0].upper()}{row.help[1:]}."
    default = str(row.default) if row.type == "bool" and python != "-" else default_text(row)
    return _spelled(row), python, _values(row), default or "-", text


def _spelled(row: Option) -> str:
    return ", ".join(f"`{flag} {row.metavar}`".replace(" `", "`") for flag in row.flags) or "-"


def _values(row: Option) -> str:
    """The range with its unit, or the choices."""
    if row.choices:
        return ", ".join(f"`{choice}`" for choice in row.choices)
    if row.lowest is None:
        return row.unit or "-"
    high = f"to {row.highest}" if row.highest is not None else "or more"
    return f"{row.lowest} {high} {row.unit}"


_SETTINGS = """\
\"\"\"The keyword arguments of `toyvm.run` with their types, for type checkers and editors.

This module is printed from `run_options.py` by `python -m toyvm.cli.options_page settings`. A test
checks that it is current.
\"\"\"

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TypedDict

"""


def settings_module() -> Iterator[str]:
    """The lines of `toyvm/run_settings.py`."""
    yield _SETTINGS
    yield from typed_dict(
        RunOptions.rows.values(), "RunSettings", "Options of a run; `help(toyvm.run)` describes them."
    )


if __name__ == "__main__":
    print("\n".join(settings_module() if sys.argv[1:] == ["settings"] else page()))
