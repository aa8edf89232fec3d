"""`toyvm nm`: list the symbols of objects, archives, programs and libraries, in GNU nm's format."""

from __future__ import annotations

import argparse
import json
import sys

from ..terminal.pager import add_no_pager
from .demangle_option import DEMANGLE, DEMANGLE_HELP, spelling, without_style


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm nm`."""
    p = argparse.ArgumentParser(prog="toyvm nm", description="List the symbols of object files.")
    p.add_argument("-a", "--debug-syms", action="store_true", help="show section and file symbols too")
    p.add_argument(
        "-A",
        "-o",
        "--print-file-name",
        dest="file_name",
        action="store_true",
        help="print the file name on each line",
    )
    p.add_argument("-B", action="store_const", dest="format", const="bsd", help="the same as --format=bsd")
    p.add_argument("-f", "--format", choices=("bsd",), default="bsd", help="the format of lines: bsd")
    p.add_argument("-D", "--dynamic", action="store_true", help="show the dynamic symbols instead")
    p.add_argument("-g", "--extern-only", action="store_true", help="show only external symbols")
    p.add_argument("-n", "-v", "--numeric-sort", dest="numeric", action="store_true", help="sort by address")
    p.add_argument("-p", "--no-sort", action="store_true", help="do not sort")
    p.add_argument("-r", "--reverse-sort", action="store_true", help="reverse the order")
    p.add_argument("-S", "--print-size", action="store_true", help="print sizes too")
    p.add_argument("-u", "--undefined-only", action="store_true", help="show only undefined symbols")
    p.add_argument("-U", "--defined-only", action="store_true", help="show only defined symbols")
    p.add_argument("-s", "--print-armap", action="store_true", help="show the symbol index of archives too")
    p.add_argument("--special-syms", action="store_true", help="show local labels and mapping symbols too")
    p.add_argument(*DEMANGLE, action="store_true", help=DEMANGLE_HELP)
    p.add_argument("--json", action="store_true", help="print JSON")
    p.add_argument("files", nargs="*", default=["a.out"], metavar="FILE")
    add_no_pager(p)
    return p


def main(argv: list[str]) -> int:
    """List the symbols of each file. Returns 1 if a file cannot be read."""
    from ...elf.archive import Archive
    from ...observe.binutils.binaries import Binary, binaries, for_each, read
    from ...observe.binutils.nm_listing import NmSymbol, line, symbols

    options = parser().parse_args(without_style(argv))
    spell = spelling(options.demangle)
    document: list[dict[str, object]] = []

    def by_name(symbol: NmSymbol) -> str:
        return symbol.name.partition("@")[0]

    def chosen(binary: Binary) -> list[NmSymbol]:
        found = [
            symbol
            for symbol in symbols(binary.elf, options.dynamic, options.debug_syms, options.special_syms)
            if (symbol.is_external or not options.extern_only)
            and not (options.undefined_only and symbol.is_defined)
            and (symbol.is_defined or not options.defined_only)
        ]
        if options.numeric:
            found.sort(
                key=lambda symbol: (symbol.is_defined, symbol.value if symbol.is_defined else 0, symbol.name)
            )
        elif not options.no_sort:
            found.sort(key=by_name)
        return found[::-1] if options.reverse_sort else found

    def report(path: str) -> None:
        archive = Archive.parse(data, path) if Archive.is_archive(data := read(path)) else None
        if archive is not None and len(options.files) > 1 and not options.json:
            print(f"\n{path}:")
        if archive is not None and archive.index is not None and options.print_armap:
            print("\nArchive index:")
            for name, number in archive.index.items():
                print(f"{name} in {archive.members[number].name}")
        for binary in binaries(path):
            found = chosen(binary)
            if options.json:
                document.append(
                    {
                        "file": binary.title,
                        "symbols": [symbol._replace(name=spell(symbol.name))._asdict() for symbol in found],
                    }
                )
                continue
            if not options.file_name and (binary.archive or len(options.files) > 1):
                print(f"\n{binary.name}:")
            if not found and binary.elf.symbols(".dynsym" if options.dynamic else ".symtab") is None:
                print(f"toyvm nm: {binary.title}: no symbols", file=sys.stderr)
            prefix = f"{binary.archive}:{binary.name}:" if binary.archive else f"{binary.name}:"
            for symbol in found:
                print(
                    (prefix if options.file_name else "")
                    + line(symbol._replace(name=spell(symbol.name)), options.print_size, binary.elf.digits)
                )

    status = for_each("nm", options.files, report)
    if options.json:
        print(json.dumps({"schema": "toyvm.nm/1", "files": document}, indent=2))
    return status
