"""`toyvm size`: list the sizes of code, data and bss, in Berkeley or System V format."""

from __future__ import annotations

import argparse
import json


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm size`."""
    p = argparse.ArgumentParser(prog="toyvm size", description="List the sizes of sections of object files.")
    p.add_argument(
        "-A",
        dest="format",
        action="store_const",
        const="sysv",
        help="use System V format, which lists every section",
    )
    p.add_argument(
        "-B", dest="format", action="store_const", const="berkeley", help="use Berkeley format (default)"
    )
    p.add_argument("--format", choices=("sysv", "berkeley"), help="the same as -A or -B")
    p.add_argument("-t", "--totals", action="store_true", help="print the sum of all files (Berkeley format)")
    p.add_argument("--json", action="store_true", help="print JSON")
    p.add_argument("files", nargs="*", default=["a.out"], metavar="FILE")
    return p


def main(argv: list[str]) -> int:
    """Show the sizes of each file. Returns 1 if a file cannot be read."""
    from ...observe.binutils.binaries import binaries, for_each
    from ...observe.binutils.sizes import BERKELEY_HEADER, Sizes, berkeley, sizes, system_v

    options = parser().parse_args(argv)
    total = Sizes(0, 0, 0)
    document: list[dict[str, object]] = []
    printed = False

    def report(path: str) -> None:
        nonlocal total, printed
        for binary in binaries(path):
            member = f" (ex {binary.archive})" if binary.archive else ""
            if options.format == "sysv" and not options.json:
                print(system_v(binary.elf, f"{binary.name}  {member}"))
                continue
            found = sizes(binary.elf)
            total = Sizes(*(a + b for a, b in zip(total, found, strict=True)))
            if options.json:
                document.append({"file": binary.title, **found._asdict(), "total": found.total})
                continue
            if not printed:
                print(BERKELEY_HEADER)
                printed = True
            print(berkeley(found, f"{binary.name}{member}"))

    status = for_each("size", options.files, report)
    if options.json:
        print(json.dumps({"schema": "toyvm.size/1", "files": document}, indent=2))
    elif options.totals and printed:
        print(berkeley(total, "(TOTALS)"))
    return status
