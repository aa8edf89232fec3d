"""Prints the reference page of the options from their declarations.

`python -m toyvm.cli.options_page > docs/reference/options.md`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..base.options import Option
from ..run_options import GROUPS, CommandOptions, RunOptions
from .run_parser import default_text
from .top import TopOptions
from .trace import TraceOptions

_HEAD = """\
# Options of a run

This page is printed from `toyvm/run_options.py` by `python -m toyvm.cli.options_page`. A test
checks that it is current.

`toyvm run`, `toyvm top` and `toyvm trace pages` take these options. From Python they are the fields
of `toyvm.RunOptions` and keyword arguments of `toyvm.run`:
`toyvm.run(program, memory=1 << 20, thp="always")`.

- A size on the command line may end in K, M or G: `64M`. From Python it is a number of bytes.
- An option that may be repeated is a tuple or a frozenset in Python.
- A dash under *option* or *Python* means that the option exists only on the other side."""


def page() -> Iterator[str]:
    """The lines of the page."""
    yield _HEAD
    rows = CommandOptions.rows
    for title in GROUPS:
        yield from _section(title, [row for row in rows.values() if row.group == title])
    for command, kind in (("toyvm top", TopOptions), ("toyvm trace pages", TraceOptions)):
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


if __name__ == "__main__":
    print("\n".join(page()))
