"""`toyvm strip`: remove the symbols, or only the debugging information, of objects and programs."""

from __future__ import annotations

import argparse
import stat
from pathlib import Path

from ...base.errors import UsageError
from ...base.record import replace


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm strip`."""
    p = argparse.ArgumentParser(
        prog="toyvm strip",
        description="Remove symbols or debugging information from object files and programs.",
    )
    p.add_argument(
        "-s", "--strip-all", dest="debug", action="store_false", help="remove all symbols (default)"
    )
    p.add_argument(
        "-g",
        "-S",
        "-d",
        "--strip-debug",
        dest="debug",
        action="store_true",
        help="remove only debugging information",
    )
    p.add_argument("-o", dest="output", metavar="FILE", help="write to FILE, and do not change the input")
    p.add_argument("files", nargs="+", metavar="FILE")
    p.set_defaults(debug=False)
    return p


def main(argv: list[str]) -> int:
    """Strip each file in place, or one file to another. Returns 1 if a file cannot be read."""
    from ...base.resources import write_atomically
    from ...elf.archive import Archive, write
    from ...elf.headers import is_elf
    from ...elf.strip import strip
    from ...observe.binutils.binaries import for_each, read

    options = parser().parse_args(argv)
    if options.output and len(options.files) != 1:
        raise UsageError("-o takes one input file")

    def report(path: str) -> None:
        data = read(path)
        if Archive.is_archive(data):
            members = Archive.parse(data, path).members
            changed = [
                replace(member, data=strip(member.data, f"{path}({member.name})", options.debug))
                if is_elf(member.data)
                else member
                for member in members
            ]
            result = write(changed)
        else:
            result = strip(data, path, options.debug)
        mode = stat.S_IMODE(Path(path).stat().st_mode)
        write_atomically(Path(options.output or path), result, mode)

    return for_each("strip", options.files, report)
