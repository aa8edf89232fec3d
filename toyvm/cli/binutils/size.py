"""`toyvm size`: list the sizes of code, data and bss, in Berkeley or System V format."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ...base.diagnostics import without_controls
from ...base.errors import UsageError
from ...base.resources import require_other_file, write_atomically


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
    p.add_argument(
        "-G", dest="format", action="store_const", const="gnu", help="use GNU format: constants count as data"
    )
    p.add_argument("--format", choices=("sysv", "berkeley", "gnu"), help="the same as -A, -B or -G")
    p.add_argument(
        "-d", dest="radix", action="store_const", const="d", default="d", help="decimal numbers (default)"
    )
    p.add_argument("-o", dest="radix", action="store_const", const="o", help="octal numbers")
    p.add_argument("-x", dest="radix", action="store_const", const="x", help="hexadecimal numbers")
    p.add_argument(
        "--radix",
        type=_radix,
        metavar="8|10|16",
        help="the same as -o, -d or -x",
    )
    p.add_argument("--common", action="store_true", help="count common symbols as bss")
    p.add_argument("-t", "--totals", action="store_true", help="print the sum of all files (Berkeley format)")
    p.add_argument(
        "--treemap",
        metavar="FILE.svg",
        help="draw where the loaded bytes of one program come from: sections and symbols of a file; archives, objects and "
        "functions of sources (.s), which are built as `toyvm run` builds them",
    )
    p.add_argument("--json", action="store_true", help="print JSON")
    p.add_argument("files", nargs="*", default=["a.out"], metavar="FILE")
    return p


def main(argv: list[str]) -> int:
    """Show the sizes of each file. Returns 1 if a file cannot be read."""
    from ...observe.binutils.binaries import binaries, for_each
    from ...observe.binutils.sizes import Sizes, berkeley, gnu_line, heading, sizes, system_v

    options = parser().parse_args(argv)
    if options.treemap:
        return _draw(options.treemap, options.files)
    gnu = options.format == "gnu"
    total = Sizes(0, 0, 0)
    document: list[dict[str, object]] = []
    printed = False

    def report(path: str) -> None:
        nonlocal total, printed
        for binary in binaries(path):
            member = f" (ex {binary.archive})" if binary.archive else ""
            if options.format == "sysv" and not options.json:
                print(system_v(binary.elf, f"{binary.name}  {member}", options.radix, options.common))
                continue
            found = sizes(binary.elf, gnu, options.common)
            total = Sizes(*(a + b for a, b in zip(total, found, strict=True)))
            if options.json:
                document.append({"file": binary.title, **found._asdict(), "total": found.total})
                continue
            if not printed:
                print(heading(gnu, options.radix))
                printed = True
            title = f"{binary.name}{member}"
            print(gnu_line(found, title) if gnu else berkeley(found, title, options.radix))

    status = for_each("size", options.files, report)
    if options.json:
        print(json.dumps({"schema": "toyvm.size/1", "files": document}, indent=2))
    elif options.totals and printed:
        print(gnu_line(total, "(TOTALS)") if gnu else berkeley(total, "(TOTALS)", options.radix))
    return status


def _radix(text: str) -> str:
    """The letter of a radix from its number."""
    found = {"8": "o", "10": "d", "16": "x"}.get(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"invalid radix: {text}: choose 8, 10 or 16")
    return found


def _draw(picture: str, names: list[str]) -> int:
    """--treemap: write the picture."""
    from ...build import build_program, read_file
    from ...elf.elf_file import ElfFile
    from ...explain.size_areas import file_size_tree, size_tree
    from ...observe.pictures.treemap import treemap

    path = Path(names[0])
    if path.suffix in (".s", ".S"):
        tree = size_tree(build_program([Path(name) for name in names], keep_history=True).link, path.stem)
    elif len(names) > 1:
        raise UsageError("--treemap draws one program, or the sources of one")
    else:
        tree = file_size_tree(ElfFile.parse(read_file(path), names[0]))
    require_other_file(picture, names)
    # XML has neither control characters nor bytes that are not UTF-8, and names of symbols may.
    write_atomically(picture, without_controls(treemap(tree)).encode("utf-8", "replace"))
    return 0
