"""`toyvm strip`: remove the symbols, or only the debugging information, of objects and programs."""

from __future__ import annotations

import argparse

from ...base.errors import UsageError
from .rewriting_options import Job, common_changes, rewriting_parser, targets


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm strip`."""
    p = rewriting_parser(
        "toyvm strip",
        "Remove symbols or debugging information from object files and programs.",
        ("-s", "--strip-all"),
    )
    p.add_argument(
        "-S", "-d", dest="strip", action="store_const", const="debug", help="the same as --strip-debug"
    )
    p.add_argument("-o", dest="output", metavar="FILE", help="write to FILE, and do not change the input")
    p.add_argument("files", nargs="+", metavar="FILE")
    return p


def main(argv: list[str]) -> int:
    """Strip each file in place, or one file to another. Returns 1 if a file cannot be read."""
    from ...elf.rewriting.flat_formats import FlatOptions
    from ...observe.binutils.binaries import for_each

    options = parser().parse_args(argv)
    if options.output and len(options.files) != 1:
        raise UsageError("-o takes one input file")
    changes = common_changes(options)
    if not changes.strip and not changes.discard and not changes.strip_symbol:
        changes.strip = "all"
    job = Job(
        "strip",
        changes,
        *targets(options),
        FlatOptions(),
        dates=options.dates,
        verbose=options.verbose,
    )
    return for_each("strip", options.files, lambda path: job.convert(path, options.output or path))
