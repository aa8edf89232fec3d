"""`toyvm diff A B`: what differs between two programs, libraries or objects, and why."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import ToyvmError
from .help_formatter import CommandParser, HelpFormatter
from .terminal.pager import add_no_pager

if TYPE_CHECKING:
    from ..elf.elf_file import ElfFile

SCHEMA = "toyvm.diff/1"
_SOURCES = (".s", ".S")


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm diff`."""
    p = CommandParser(
        prog="toyvm diff",
        formatter_class=HelpFormatter,
        description="Show what differs between two programs, libraries or objects, and why: libraries and versions, "
        "segments, sections, symbols, relocations, relaxation, and the code of functions. Sources (.s) are built first.",
        epilog="The exit status is 0 for equal files, 1 for different ones, 2 for trouble.",
    )
    p.add_argument("a", metavar="A", help="an ELF file, or a source, which is built as `toyvm run` builds it")
    p.add_argument("b", metavar="B", help="the other one")
    p.add_argument(
        "--functions", type=_count, default=20, metavar="N", help="show the code of at most N functions (20)"
    )
    p.add_argument(
        "--lines", type=_count, default=40, metavar="N", help="show at most N lines of each function (40)"
    )
    p.add_argument("-q", "--brief", action="store_true", help="say only whether the files differ")
    p.add_argument("--json", action="store_true", help="print JSON")
    add_no_pager(p)
    return p


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a number, not '{text}'")
    return int(text)


def main(argv: list[str]) -> int:
    """Print the differences, and return the status as diff(1) does."""
    options = parser().parse_args(argv)
    from ..explain.difference_text import difference_text
    from ..explain.image_differences import compare_images
    from ..explain.values import tree

    try:
        found = compare_images(_file(options.a), _file(options.b), options.functions, options.lines)
    except ToyvmError as error:
        print(f"toyvm diff: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"schema": SCHEMA, **tree(found)}, indent=2))
    elif options.brief and not found.same:
        print(f"Files {options.a} and {options.b} differ")
    elif not found.same:
        print(difference_text(found))
    return 0 if found.same else 1


def _file(name: str) -> ElfFile:
    from ..build import build_program, read_file
    from ..elf.elf_file import ElfFile

    path = Path(name)
    data = build_program([path]).image if path.suffix in _SOURCES else read_file(path)
    return ElfFile.parse(data, name)
