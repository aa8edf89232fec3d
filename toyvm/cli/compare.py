"""`toyvm compare`: link the same sources statically and dynamically, and compare the programs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..base.errors import UsageError
from .help_formatter import HelpFormatter
from .terminal.color import add_color, enabled
from .terminal.progress_line import ProgressLine


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm compare`."""
    p = argparse.ArgumentParser(
        prog="toyvm compare",
        formatter_class=HelpFormatter,
        description="Build the same sources statically and dynamically, run both programs, and compare them.",
    )
    p.add_argument("program", metavar="PROGRAM.s", help="the first source, whose directives apply")
    p.add_argument("with_", nargs="*", metavar="FILE", help="more .s, .o or .a files")
    p.add_argument(
        "-l",
        dest="libs",
        action="append",
        default=[],
        metavar="LIB",
        help="add a library to the link; may be repeated",
    )
    p.add_argument(
        "--instances",
        default="1,2,4,8",
        metavar="N,...",
        help="measure memory with these numbers of processes alive (default: 1,2,4,8)",
    )
    p.add_argument("--json", action="store_true", help="print everything as JSON")
    p.add_argument("--html", metavar="FILE", help="write an HTML page with plots")
    add_color(p)
    return p


def main(argv: list[str]) -> int:
    """Compare the builds. Returns 1 if their outputs differ."""
    options = parser().parse_args(argv)
    try:
        instances = [int(word) for word in options.instances.split(",")]
    except ValueError:
        raise UsageError(f"--instances {options.instances}: expected numbers such as 1,2,4,8") from None
    from ..base.resources import require_other_file, write_atomically
    from ..experiment import compare
    from ..observe import compare_report

    if options.html:
        require_other_file(options.html, [options.program, *options.with_])
    with ProgressLine() as progress:
        result = compare(
            [Path(options.program), *map(Path, options.with_)],
            libs=options.libs,
            instances=instances,
            progress=progress,
        )
    if options.html:
        write_atomically(Path(options.html), compare_report.html_page(result).encode("utf-8", "replace"))
    if options.json:
        import json

        print(json.dumps(result.to_json(), indent=2))
    else:
        print(compare_report.text_table(result, color=enabled(sys.stdout)), end="")
    if result.static.stdout != result.dynamic.stdout:
        print("toyvm compare: the outputs of the two builds differ", file=sys.stderr)
        return 1
    return 0
