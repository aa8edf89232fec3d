"""`toyvm readelf`: show the headers and tables of ELF files, in the format of GNU readelf."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import partial

from ...base.errors import UsageError
from ..terminal.pager import add_no_pager
from .debug_dump_option import add_debug_dump, chosen, spelled_out, warning
from .demangle_option import DEMANGLE, DEMANGLE_HELP, spelling, without_style


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm readelf`. `-h` is --file-header, as in GNU readelf."""
    p = argparse.ArgumentParser(
        prog="toyvm readelf",
        description="Show the headers, sections, symbols and relocations of ELF files.",
        add_help=False,
    )
    p.add_argument("--help", action="help", help="show this help message and exit")
    p.add_argument("-a", "--all", action="store_true", help="the same as -h -l -S -g -s -r -u -d -V -I -n -A")
    p.add_argument("-h", "--file-header", dest="header", action="store_true", help="show the file header")
    p.add_argument(
        "-l",
        "--program-headers",
        "--segments",
        dest="segments",
        action="store_true",
        help="show the program headers",
    )
    p.add_argument(
        "-S",
        "--section-headers",
        "--sections",
        dest="sections",
        action="store_true",
        help="show the section headers",
    )
    p.add_argument(
        "-t",
        "--section-details",
        dest="details",
        action="store_true",
        help="show the section headers, with their flags as words",
    )
    p.add_argument(
        "-g", "--section-groups", dest="groups", action="store_true", help="show the section groups"
    )
    p.add_argument("-e", "--headers", action="store_true", help="the same as -h -l -S")
    p.add_argument("-s", "--syms", "--symbols", dest="symbols", action="store_true", help="show the symbols")
    p.add_argument("--dyn-syms", dest="dynamic_symbols", action="store_true", help="show the dynamic symbols")
    p.add_argument("-r", "--relocs", dest="relocs", action="store_true", help="show the relocations")
    p.add_argument("-d", "--dynamic", dest="dynamic", action="store_true", help="show the dynamic section")
    p.add_argument(
        "-V", "--version-info", dest="versions", action="store_true", help="show the symbol versions"
    )
    p.add_argument(
        "-I",
        "--histogram",
        dest="histogram",
        action="store_true",
        help="show how long the chains of the hash tables are",
    )
    p.add_argument("-n", "--notes", dest="notes", action="store_true", help="show the notes")
    p.add_argument(
        "-A", "--arch-specific", dest="attributes", action="store_true", help="show the RISC-V attributes"
    )
    p.add_argument(
        "-W",
        "--wide",
        action="store_true",
        help="put each entry on one line, however long it is, and do not cut names",
    )
    p.add_argument(
        "-x",
        "--hex-dump",
        dest="hex",
        action="append",
        default=[],
        metavar="SECTION",
        help="show the bytes of a section",
    )
    p.add_argument(
        "-p",
        "--string-dump",
        dest="strings",
        action="append",
        default=[],
        metavar="SECTION",
        help="show the strings in a section",
    )
    p.add_argument(
        "-R",
        "--relocated-dump",
        dest="relocated",
        action="append",
        default=[],
        metavar="SECTION",
        help="show the bytes of a section with its relocations applied",
    )
    p.add_argument(
        "-z", "--decompress", action="store_true", help="decompress sections before -x and -p show them"
    )
    p.add_argument(
        "-c", "--archive-index", dest="index", action="store_true", help="show the symbol index of archives"
    )
    p.add_argument(
        "-u", "--unwind", action="store_true", help="accepted: RISC-V has no unwind sections but -wf's"
    )
    p.add_argument(
        "-D",
        "--use-dynamic",
        dest="use_dynamic",
        action="store_true",
        help="for -s and -r: show what the dynamic section leads to",
    )
    p.add_argument(*DEMANGLE, action="store_true", help=DEMANGLE_HELP)
    p.add_argument(
        "--no-demangle", dest="demangle", action="store_false", help="write names as they are (default)"
    )
    p.add_argument(
        "--sym-base",
        type=int,
        choices=(0, 8, 10, 16),
        default=0,
        help="write sizes of symbols in this base (default: decimal, large ones hexadecimal)",
    )
    p.add_argument("-T", "--silent-truncation", action="store_true", help="cut names without a mark")
    add_debug_dump(p, "w", "--debug-dump")
    p.add_argument(
        "--json",
        action="store_true",
        help="print headers, sections, segments and the dynamic section as JSON",
    )
    p.add_argument("files", nargs="+", metavar="FILE")
    add_no_pager(p)
    return p


def main(argv: list[str]) -> int:
    """Show each file. Returns 1 if a file cannot be read or is malformed."""
    from ...observe.binutils import readelf_tables
    from ...observe.binutils.binaries import Binary, binaries, for_each, read

    options = parser().parse_args(spelled_out(without_style(argv), "w", "--debug-dump"))
    if options.all:
        for name in (
            "header",
            "segments",
            "sections",
            "groups",
            "symbols",
            "relocs",
            "unwind",
            "dynamic",
            "versions",
            "histogram",
            "notes",
            "attributes",
        ):
            setattr(options, name, True)
    if options.headers:
        options.header = options.segments = options.sections = True
    options.debug = chosen(options, options.wide)
    asked = (
        "header",
        "segments",
        "sections",
        "details",
        "groups",
        "dynamic",
        "relocs",
        "symbols",
        "dynamic_symbols",
        "versions",
        "histogram",
        "notes",
        "attributes",
        "hex",
        "strings",
        "relocated",
        "unwind",
        "debug",
    )
    options.shows = any(getattr(options, name) for name in asked) or options.json
    if not options.shows and not options.index:
        raise UsageError("nothing to show: give an option such as -h, -l, -S, -s, -r, -d, -w or -a")
    document: list[dict[str, object]] = []

    def show(binary: Binary) -> None:
        if options.json:
            document.append(_facts(binary))
            return
        if len(options.files) > 1 or binary.archive:
            print(f"\nFile: {binary.title}")
        # Print line by line, so that the parts before a malformed one are shown.
        for line in _lines(binary, options):
            print(line)

    def report(path: str) -> None:
        if options.index:
            for line in readelf_tables.archive_index(path, read(path)):
                print(line)
            if not options.shows:
                return
        for binary in binaries(path):
            show(binary)

    status = for_each("readelf", options.files, report)
    if options.json:
        print(json.dumps({"schema": "toyvm.readelf/1", "files": document}, indent=2))
    return status


def _lines(binary: object, options: argparse.Namespace) -> Iterator[str]:
    from ...observe.binutils import (
        elf_names,
        readelf_headers,
        readelf_notes,
        readelf_tables,
        readelf_versions,
    )
    from ...observe.binutils.binaries import Binary

    assert isinstance(binary, Binary)
    elf = binary.elf
    cut = readelf_tables.whole if options.wide else partial(elf_names.cut, silently=options.silent_truncation)
    if options.header:
        yield from readelf_headers.header(elf)
    if options.sections:
        yield from readelf_headers.sections(elf, options.wide, alone=not options.header)
    if options.details:
        yield from readelf_headers.section_details(elf, options.wide, alone=not options.header)
    if options.groups:
        yield from readelf_headers.groups(elf)
    if options.segments:
        yield from readelf_headers.segments(elf, options.wide, alone=not options.header)
    if options.dynamic:
        yield from readelf_headers.dynamic(elf)
    if options.relocs:
        yield from (
            readelf_tables.dynamic_relocations(elf, cut)
            if options.use_dynamic
            else readelf_tables.relocations(elf, cut)
        )
    if options.unwind:
        yield ""
        yield "The decoding of unwind sections for machine type RISC-V is not currently supported."
    spell = spelling(options.demangle)
    if options.symbols and not options.use_dynamic:
        yield from readelf_tables.symbols(elf, cut=cut, spell=spell, base=options.sym_base)
    elif options.symbols or options.dynamic_symbols:
        yield from readelf_tables.symbols(
            elf,
            cut=cut,
            dynamic_only=True,
            image=options.use_dynamic,
            spell=spell,
            base=options.sym_base,
        )
    if options.histogram:
        yield from readelf_versions.histograms(elf)
    if options.versions:
        yield from readelf_versions.versions(elf)
    for which in options.hex:
        yield from readelf_tables.hex_dump(elf, which, options.decompress)
    for which in options.relocated:
        yield from readelf_tables.hex_dump(elf, which, options.decompress, relocated=True)
    for which in options.strings:
        yield from readelf_tables.string_dump(elf, which, options.decompress)
    if options.notes:
        yield from readelf_notes.notes(elf, options.wide)
    if options.debug is not None:
        from ...observe.binutils.debug_dump.dump import dump  # pyelftools

        yield from dump(elf, options.debug, partial(warning, "readelf", binary.title))
    if options.attributes:
        yield from readelf_tables.attributes(elf)


def _facts(binary: object) -> dict[str, object]:
    """The headers and the dynamic section as JSON values."""
    from ...observe.binutils import elf_names
    from ...observe.binutils.binaries import Binary
    from ...observe.binutils.readelf_headers import dynamic_value

    assert isinstance(binary, Binary)
    elf = binary.elf
    return {
        "file": binary.title,
        "header": elf.header._asdict(),
        "sections": [{**s.header._asdict(), "name": s.name} for s in elf.sections],
        "segments": [
            {**p._asdict(), "type": elf_names.SEGMENT_TYPES.get(p.type, hex(p.type))} for p in elf.segments
        ],
        "dynamic": [
            {
                "tag": elf_names.DYNAMIC_TAGS.get(tag, hex(tag)),
                "value": value,
                "text": dynamic_value(elf, tag, value),
            }
            for tag, value in elf.dynamic
        ],
    }
