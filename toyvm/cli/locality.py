"""`toyvm locality`: analyse the locality of a recorded run."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ..base.errors import UsageError
from .help_formatter import HelpFormatter
from .policies import add_selection, select
from .terminal.pager import add_no_pager

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..observe.pages.locality_report import Locality
    from ..observe.pages.page_trace import PageTrace
    from ..observe.pages.reference_string import ReferenceString

MAX_WINDOW = 1 << 60


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm locality`."""
    p = argparse.ArgumentParser(
        prog="toyvm locality",
        formatter_class=HelpFormatter,
        description="Show the working sets, the reuse distances and the TLB reach of a recorded run, and draw a heat map.",
    )
    p.add_argument("trace", metavar="TRACE", help="a file made by `toyvm trace pages`")
    add_selection(p)
    p.add_argument(
        "--window",
        metavar="N,...",
        help="set the windows of the working sets, in instructions (default: a thousandth, a hundredth and a tenth of the run)",
    )
    pictures = p.add_argument_group("pictures (SVG)")
    pictures.add_argument("--heatmap", metavar="FILE", help="draw the references by time and page")
    pictures.add_argument(
        "--working-set", metavar="FILE", help="draw the sizes of the working sets over time"
    )
    pictures.add_argument("--reuse", metavar="FILE", help="draw a histogram of the reuse distances")
    pictures.add_argument(
        "--tlb", metavar="FILE", help="draw the TLB misses by number of entries, with 4 KiB and 2 MiB pages"
    )
    p.add_argument("--json", action="store_true", help="print everything as JSON")
    add_no_pager(p)
    return p


def main(argv: list[str]) -> int:
    """Analyse the trace, and print a report."""
    options = parser().parse_args(argv)
    windows = _windows(options.window) if options.window is not None else None
    from ..observe.pages.locality_report import analyse, default_windows, text_report
    from ..observe.pages.page_trace import read_trace

    trace = read_trace(options.trace)
    string = select(trace, options)
    found = analyse(trace, string, windows or default_windows(trace.instructions))
    _draw(options, trace, string, found)
    if options.json:
        import json

        print(json.dumps(found.to_json(), indent=2))
    else:
        print(text_report(found, trace.spaces), end="")
    return 0


def _windows(text: str) -> list[int]:
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and 0 < int(word) < MAX_WINDOW for word in words):
        raise UsageError(f"--window {text}: expected numbers of instructions such as 1000,100000")
    return sorted({int(word) for word in words})


def _draw(options: argparse.Namespace, trace: PageTrace, string: ReferenceString, found: Locality) -> None:
    from ..base.resources import require_other_file, write_atomically
    from ..observe.pictures import locality_charts
    from ..observe.pictures.heat_map import heatmap

    name = os.path.basename(options.trace)
    pictures: dict[str | None, Callable[[], str]] = {
        options.heatmap: lambda: heatmap(trace.spaces, string, f"Page references: {name}"),
        options.working_set: lambda: locality_charts.working_sets(found, f"Working set: {name}"),
        options.reuse: lambda: locality_charts.reuse(found, f"Reuse distances: {name}"),
        options.tlb: lambda: locality_charts.reach(found, f"TLB reach: {name}"),
    }
    for path, draw in pictures.items():
        if path is not None:
            if not string.footprint:
                raise UsageError(f"{path}: {name} has no references to draw")
            require_other_file(path, [options.trace])
            write_atomically(path, draw().encode("utf-8", "replace"))
