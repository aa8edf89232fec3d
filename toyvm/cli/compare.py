"""`toyvm compare`: the same sources, linked statically and dynamically, side by side."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..base.errors import UsageError
from .help_formatter import HelpFormatter


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm compare`."""
    p = argparse.ArgumentParser(
        prog="toyvm compare",
        formatter_class=HelpFormatter,
        description="Build the same sources statically and dynamically, run both, and show what differs.",
    )
    p.add_argument("program", metavar="PROGRAM.s", help="the first source; its directives count")
    p.add_argument("with_", nargs="*", metavar="FILE", help="more .s, .o or .a")
    p.add_argument("-l", dest="libs", action="append", default=[], metavar="LIB", help="one more library")
    p.add_argument(
        "--instances", default="1,2,4,8", metavar="N,...", help="how many to have alive at once (1,2,4,8)"
    )
    p.add_argument("--json", action="store_true", help="everything as JSON on standard output")
    p.add_argument("--html", metavar="FILE", help="write a page with plots")
    return p


def main(argv: list[str]) -> int:
    """Compare; 1 when the two builds do not even print the same."""
    options = parser().parse_args(argv)
    try:
        instances = [int(word) for word in options.instances.split(",")]
    except ValueError:
        raise UsageError(f"--instances {options.instances}: expected numbers such as 1,2,4,8") from None
    from ..base.resources import write_atomically
    from ..experiment import compare
    from ..observe import compare_report

    result = compare(
        [Path(options.program), *map(Path, options.with_)],
        libs=options.libs,
        instances=instances,
        progress=_progress,
    )
    if options.html:
        write_atomically(Path(options.html), compare_report.html_page(result).encode())
    if options.json:
        import json

        print(json.dumps(result.to_json(), indent=2))
    else:
        print(compare_report.text_table(result), end="")
    if result.static.stdout != result.dynamic.stdout:
        print("toyvm compare: the two builds print different things", file=sys.stderr)
        return 1
    return 0


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}...", end="", file=sys.stderr, flush=True)
        if what.startswith("replacing"):
            print(file=sys.stderr)
