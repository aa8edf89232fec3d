"""`toyvm nm`: list the symbols of objects, archives, programs and libraries, in GNU nm's format."""

from __future__ import annotations

import argparse
import json
import sys

from ...base.light_types import TYPE_CHECKING
from ..terminal.pager import add_no_pager
from .demangle_option import DEMANGLE, DEMANGLE_HELP, spelling, without_style

if TYPE_CHECKING:
    from ...observe.binutils.nm_listing import NmSymbol


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
    p.add_argument(
        "-P",
        "--portability",
        dest="format",
        action="store_const",
        const="posix",
        help="the same as --format=posix",
    )
    p.add_argument(
        "-j",
        dest="format",
        action="store_const",
        const="just-symbols",
        help="the same as --format=just-symbols",
    )
    p.add_argument(
        "-f",
        "--format",
        type=_format,
        metavar="FORMAT",
        help="the format of lines: bsd, sysv, posix or just-symbols",
    )
    p.add_argument(
        "-t",
        "--radix",
        choices=tuple("dox"),
        default="x",
        help="write numbers in decimal, octal or hexadecimal",
    )
    p.add_argument("--size-sort", action="store_true", help="sort by size; symbols without one are left out")
    p.add_argument("-W", "--no-weak", action="store_true", help="do not show weak symbols")
    p.add_argument("--with-symbol-versions", action="store_true", help="accepted: versions are always shown")
    p.add_argument("--quiet", action="store_true", help="do not complain of files without symbols")
    p.add_argument(
        "--ifunc-chars",
        default="i",
        metavar="CHARS",
        help="the letters of global and of local IFUNC symbols (default: i)",
    )
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
    p.add_argument("--synthetic", action="store_true", help="show the entries of the PLT too: printf@plt")
    p.add_argument("-l", "--line-numbers", dest="lines", action="store_true", help="show files and lines")
    p.add_argument(*DEMANGLE, action="store_true", help=DEMANGLE_HELP)
    p.add_argument(
        "--no-demangle", dest="demangle", action="store_false", help="write names as they are (default)"
    )
    p.add_argument("--json", action="store_true", help="print JSON")
    p.add_argument("files", nargs="*", default=["a.out"], metavar="FILE")
    add_no_pager(p)
    p.set_defaults(format="bsd")
    return p


def main(argv: list[str]) -> int:
    """List the symbols of each file. Returns 1 if a file cannot be read."""
    from ...elf.archive import Archive
    from ...observe.binutils.binaries import Binary, binaries, for_each, read
    from ...observe.binutils.nm_listing import NmFormat, symbols, synthetic

    options = parser().parse_args(without_style(argv))
    if options.lines:
        from ...observe.binutils.symbol_places import SymbolPlaces  # pyelftools
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
            and not (options.no_weak and symbol.letter in "wWvV")
            and ((symbol.is_defined and symbol.size) or not options.size_sort)
        ]
        if options.synthetic:
            found += synthetic(binary.elf)
        if options.size_sort:
            found.sort(key=lambda symbol: (symbol.size, by_name(symbol)))
        elif options.numeric:
            found.sort(
                key=lambda symbol: (symbol.is_defined, symbol.value if symbol.is_defined else 0, symbol.name)
            )
        elif not options.no_sort:
            found.sort(key=by_name)
        return found[::-1] if options.reverse_sort else found

    def report(path: str) -> None:
        archive = Archive.parse(data, path) if Archive.is_archive(data := read(path)) else None
        headings = options.format == "bsd" and not options.json
        if archive is not None and len(options.files) > 1 and headings:
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
                        "symbols": [_facts(symbol._replace(name=spell(symbol.name))) for symbol in found],
                    }
                )
                continue
            form = NmFormat(
                options.format, options.print_size, binary.elf.digits, options.radix, options.size_sort
            )
            in_brackets = f"{binary.archive}[{binary.name}]" if binary.archive else binary.name
            if options.format == "sysv" and not options.file_name:
                print(form.heading(in_brackets, options.undefined_only))
            elif (
                options.format != "just-symbols"
                and not options.file_name
                and (binary.archive or len(options.files) > 1)
            ):
                print(f"{in_brackets}:" if options.format == "posix" else f"\n{binary.name}:")
            if options.quiet:
                pass
            elif not found and binary.elf.symbols(".dynsym" if options.dynamic else ".symtab") is None:
                print(f"toyvm nm: {binary.title}: no symbols", file=sys.stderr)
            prefix = f"{binary.archive}:{binary.name}:" if binary.archive else f"{binary.name}:"
            if options.format == "posix":
                prefix = f"{in_brackets}: "
            places = SymbolPlaces(binary.elf) if options.lines else None
            for symbol in found:
                text = form.line(_with_ifunc(symbol, options.ifunc_chars)._replace(name=spell(symbol.name)))
                place = places.of(symbol) if places else ""
                print((prefix if options.file_name else "") + text + (f"\t{place}" if place else ""))

    status = for_each("nm", options.files, report)
    if options.json:
        print(json.dumps({"schema": "toyvm.nm/1", "files": document}, indent=2))
    return status


def _format(name: str) -> str:
    """A format by its name or the name's beginning, as GNU's nm takes it."""
    found = [known for known in ("bsd", "sysv", "posix", "just-symbols") if name and known.startswith(name)]
    if len(found) != 1:
        raise argparse.ArgumentTypeError(
            f"invalid output format: {name}: choose bsd, sysv, posix or just-symbols"
        )
    return found[0]


def _with_ifunc(symbol: NmSymbol, letters: str) -> NmSymbol:
    """The symbol, with the letter that --ifunc-chars gives IFUNC symbols."""
    if symbol.letter != "i" or not letters:
        return symbol
    return symbol._replace(letter=letters[0] if symbol.is_external else letters[-1])


def _facts(symbol: NmSymbol) -> dict[str, object]:
    """What --json tells of a symbol."""
    names = ("name", "value", "size", "letter", "is_defined", "is_external")
    return {name: getattr(symbol, name) for name in names}
