"""`toyvm top`: run a program, and show its processes and its memory while it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..base.errors import UsageError
from ..base.options import option
from ..run_options import CommandOptions
from . import run as run_command
from . import run_parser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from ..observe.top_display import Snapshot
    from ..result import RunResult

EVERY = 10_000_000
COLOURS = {
    "mapped": "blue",
    "tables": "magenta",
    "cached": "yellow",
    "swap cache": "green",
    "other": "white",
    "free": "bright_black",
}


DISPLAY = "the display"


class TopOptions(CommandOptions):
    """The options of `toyvm run` and of the display."""

    batch: bool = option(
        default=False,
        flags="--batch",
        group=DISPLAY,
        help="print successive tables instead of a live display",
    )
    every: int | None = option(
        default=None,
        flags="--every",
        group=DISPLAY,
        metavar="N",
        unit="instructions",
        lowest=1,
        unset=f"{EVERY:,}",
        help="print a table every N instructions, or with --json a line of JSON; implies --batch, "
        "as does a standard error that is not a terminal",
    )


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm top`."""
    return run_parser.parser(
        TopOptions,
        "toyvm top",
        "Run a program as `toyvm run` does, and show its processes and the use of the frames on standard error. "
        "On a terminal, the program's output is printed at the end, and its input is empty.",
        "[--batch] [--every N]",
    )


def main(argv: list[str]) -> int:
    """Run the program and show the display. Returns the program's status."""
    options = run_parser.parse(TopOptions, parser(), argv)
    if "insn" in options.trace:
        raise UsageError("--trace=insn: `toyvm top` cannot trace instructions; use `toyvm run`")
    live = sys.stderr.isatty() and not (options.batch or options.json or options.every)
    if live:
        with _live() as show:
            result = _watched(options, show, 0, capture=True)
        sys.stdout.buffer.write(result.stdout)
        sys.stderr.buffer.write(result.stderr)
        return result.status
    return _watched(options, _printer(options.json), options.every or EVERY, capture=False).status


def _watched(
    options: TopOptions, show: Callable[[Snapshot], None], every: int, *, capture: bool
) -> RunResult:
    from ..observe.top_display import TopWatcher

    watcher = TopWatcher(show, every, options.engine, options.caching)
    return run_command.execute(options, (watcher,), capture=capture)


def _printer(as_json: bool) -> Callable[[Snapshot], None]:
    """A function that prints a snapshot as text or as a line of JSON."""
    from ..observe.top_display import text

    def show(found: Snapshot) -> None:
        if as_json:
            import json

            print(json.dumps(found.to_json()), file=sys.stderr)
        else:
            print(text(found), file=sys.stderr)

    return show


@contextmanager
def _live() -> Iterator[Callable[[Snapshot], None]]:
    """A function that shows snapshots in place on the terminal; the last one remains."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False) as live:
        yield lambda found: live.update(_picture(found, console.width), refresh=True)


def _picture(found: Snapshot, width: int) -> RenderableType:
    """A snapshot for the terminal: heading, memory bar and table."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from ..observe.top_display import COLUMNS, heading, shown

    bar, legend = Text(), Text()
    for what, cells in found.bar(max(width - 2, 10)):
        bar.append("█" * cells, COLOURS[what])
        if found.parts.get(what):
            legend.append("■ ", COLOURS[what]).append(f"{found.parts[what]:,} {what}   ")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "COMMAND" else "right", no_wrap=True)
    lines, left_out = shown(found)
    for line in lines:
        table.add_row(*line.cells)
    return Group(
        Text(heading(found)), bar, legend, table, *([f"... and {left_out:,} more"] if left_out else [])
    )
