"""`toyvm sweep`: programs, every combination of options, and a table of what the machine counted."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from ...base.errors import UsageError
from ...base.options import Option
from ..help_formatter import CommandParser, HelpFormatter
from ..terminal.color import add_color


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm sweep`: its own, and one for each option of a run that can vary."""
    from ...batch.sweep.axes import ROWS, flag_of

    p = CommandParser(
        prog="toyvm sweep",
        formatter_class=HelpFormatter,
        usage="toyvm sweep [OPTION...] PROGRAM... [-- ARG...]",
        description="Run programs with every combination of the values given to the options, and print a table with "
        "a row for each run. Values are joined by commas; 1..5, 64K..256K:64K and 64K..1M*2 are ranges.",
        allow_abbrev=False,
    )
    p.add_argument(
        "programs", nargs="+", metavar="PROGRAM", help="an ELF image, or a .s or .o file to be built"
    )
    _add_results(p)
    _add_runs(p)
    titles = dict.fromkeys(row.group for row in ROWS.values())
    groups = {title: p.add_argument_group(f"options that vary: {title}") for title in titles}
    for row in ROWS.values():
        groups[row.group].add_argument(
            flag_of(row),
            dest="axes",
            action=_AddAxis,
            const=row.name,
            metavar="VALUES",
            help=_help(row).replace("%", "%%"),
        )
    add_color(p)
    return p


def _add_results(p: argparse.ArgumentParser) -> None:
    out = p.add_argument_group("results")
    out.add_argument(
        "-o", dest="output", metavar="FILE", help="write the table as CSV there (default: print it)"
    )
    out.add_argument("--parquet", metavar="FILE", help="write the table as a Parquet file (needs pyarrow)")
    out.add_argument("--json", action="store_true", help="print the table as JSON instead of CSV")
    out.add_argument(
        "--columns", metavar="COLUMN,...", help="put only the options that vary and these columns into tables"
    )
    out.add_argument(
        "--plot",
        action="append",
        default=[],
        metavar="x=COLUMN,y=COLUMN[,by=COLUMN+...]",
        help="draw a column over another, a line for each value of `by` (default: of the other options); may be repeated",
    )
    out.add_argument(
        "--svg",
        action="append",
        default=[],
        metavar="FILE",
        help="write the plot there; once for each --plot",
    )
    out.add_argument("--html", metavar="FILE", help="write a page with the plots and the table")


def _add_runs(p: argparse.ArgumentParser) -> None:
    runs = p.add_argument_group("runs")
    runs.add_argument(
        "--linkage",
        dest="axes",
        action=_AddAxis,
        metavar="VALUES",
        help="link the sources so: static, dynamic",
    )
    runs.add_argument(
        "--with", dest="with_", action="append", default=[], metavar="FILE", help="add a file to each link"
    )
    runs.add_argument(
        "-l", dest="libs", action="append", default=[], metavar="LIB", help="add a library to each link"
    )
    runs.add_argument(
        "--stdin",
        metavar="FILE",
        help="the standard input of every run (default: as a source's directives say)",
    )
    runs.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help="give up a run after this much of the host's time (default: 60)",
    )
    runs.add_argument(
        "--workers", type=int, default=0, metavar="N", help="use N processes (default: one a processor)"
    )
    runs.add_argument(
        "--store", metavar="FILE", help="keep results in this SQLite file, and use those that it has"
    )
    runs.add_argument(
        "--cluster", default="", metavar="ADDRESS", help="use the Dask cluster with this scheduler"
    )


class _AddAxis(argparse.Action):
    """Appends the name of an axis and its values to `axes`, in the order of the command line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option: str | None = None,
    ) -> None:
        namespace.axes = [*(namespace.axes or []), (self.const or "linkage", values)]


def _help(row: Option) -> str:
    if row.type == "bool":
        return f"{row.help} (on, off)"
    return (
        row.help
        if row.choices and all(str(c) in row.help for c in row.choices)
        else f"{row.help} ({row.expected()})"
    )


def main(argv: list[str]) -> int:
    """Run the sweep. Returns 0 also if runs fail: they are rows."""
    args = None
    words = argv
    if "--" in argv:
        cut = argv.index("--")
        words, args = argv[:cut], argv[cut + 1 :]
    options = parser().parse_args(words)
    if len(options.svg) > len(options.plot):
        raise UsageError("--svg: there is no --plot for it")
    if options.workers < 0 or (options.seconds is not None and options.seconds <= 0):
        raise UsageError("--workers and --seconds: expected a number above 0")
    from ...base.resources import require_other_file, write_atomically
    from ...batch.pool.jobs import DEFAULT_SECONDS
    from ...batch.pool.progress_bar import progress_bar
    from ...batch.sweep.axes import axis
    from ...batch.sweep.plots import check_columns, read_plot
    from ...batch.sweep.sweeping import columns_of, sweep
    from ...build import read_file

    for path in filter(None, (options.html, options.output, options.parquet, *options.svg)):
        require_other_file(path, [*options.programs, *options.with_])
    axes = [axis(name, values) for name, values in options.axes or ()]
    columns = columns_of(axes)
    plots = [read_plot(text, columns) for text in options.plot]
    chosen = options.columns.split(",") if options.columns else []
    check_columns(chosen, columns)
    with progress_bar("sweeping") as progress:
        result = sweep(
            [Path(program) for program in options.programs],
            axes,
            args=args,
            stdin=read_file(Path(options.stdin)) if options.stdin else None,
            with_=options.with_,
            libs=options.libs,
            seconds=options.seconds or DEFAULT_SECONDS,
            workers=options.workers,
            store=Path(options.store) if options.store else None,
            cluster=options.cluster,
            progress=progress,
        )
    charts = [result.plot(plot) for plot in plots]
    failed = result.failures_text() if result.failures() else ""
    if options.html:
        from ...batch.sweep.page import page

        html = page(result, charts, f"toyvm sweep {shlex.join(argv)}")
        write_atomically(Path(options.html), html.encode("utf-8", "replace"))
    if chosen:
        result = result.only(chosen)
    if options.output:
        write_atomically(Path(options.output), result.csv().encode("utf-8", "surrogateescape"))
    if options.parquet:
        result.write_parquet(options.parquet)
    for path, chart in zip(options.svg, charts, strict=False):
        write_atomically(Path(path), chart.encode("utf-8", "replace"))
    if options.json:
        import json

        print(json.dumps(result.to_json(), indent=2))
    elif not (options.output or options.parquet or options.svg or options.html):
        sys.stdout.write(result.csv())
    if failed:
        sys.stdout.flush()  # the table comes first
        print(f"toyvm sweep: {failed}", file=sys.stderr)
    return 0
