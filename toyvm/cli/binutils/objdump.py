"""`toyvm objdump`: disassemble objects, and show sections, symbols, relocations and contents."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from ...base.bits import M64
from ...base.errors import ElfError, UsageError
from ...base.version import VERSION
from ..terminal.pager import add_no_pager
from .debug_dump_option import add_debug_dump, chosen, spelled_out, warning
from .demangle_option import DEMANGLE, DEMANGLE_HELP, spelling, without_style

if TYPE_CHECKING:
    from ...elf.elf_file import ElfFile, ElfSection
    from ...observe.binutils.binaries import Binary


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm objdump`. `-h` is --section-headers, as in GNU objdump."""
    p = argparse.ArgumentParser(
        prog="toyvm objdump",
        description="Disassemble object files, and show their sections, symbols and relocations.",
        add_help=False,
    )
    p.add_argument("--help", action="help", help="show this help message and exit")
    p.add_argument(
        "-a", "--archive-headers", dest="members", action="store_true", help="show the headers of members"
    )
    p.add_argument(
        "-f",
        "--file-headers",
        dest="file_header",
        action="store_true",
        help="show architecture, flags and entry",
    )
    p.add_argument("-i", "--info", action="store_true", help="list the formats of files")
    p.add_argument(
        "-x", "--all-headers", dest="all_headers", action="store_true", help="the same as -a -f -p -h -r -t"
    )
    p.add_argument("-d", action="store_true", dest="disassemble", help="disassemble sections with code")
    p.add_argument(
        "--disassemble",
        dest="symbols",
        nargs="?",
        const="",
        action="append",
        metavar="SYMBOL",
        help="disassemble sections with code, or one function",
    )
    p.add_argument(
        "-D", "--disassemble-all", dest="all", action="store_true", help="disassemble every section"
    )
    p.add_argument("-S", "--source", action="store_true", help="disassemble, with source lines")
    p.add_argument(
        "-l",
        "--line-numbers",
        dest="lines",
        action="store_true",
        help="show file names and line numbers in the disassembly",
    )
    p.add_argument(
        "-r", "--reloc", action="store_true", help="show the relocations; with -d, between the instructions"
    )
    p.add_argument("-t", "--syms", action="store_true", help="show the symbols")
    p.add_argument(
        "-T", "--dynamic-syms", dest="dynamic", action="store_true", help="show the dynamic symbols"
    )
    p.add_argument(
        "-s",
        "--full-contents",
        dest="contents",
        action="store_true",
        help="show the contents of the sections",
    )
    p.add_argument(
        "-h",
        "--section-headers",
        "--headers",
        dest="headers",
        action="store_true",
        help="show the section headers",
    )
    p.add_argument(
        "-p",
        "--private-headers",
        dest="private",
        action="store_true",
        help="show program headers, dynamic section and versions",
    )
    p.add_argument(
        "-R",
        "--dynamic-reloc",
        dest="dynamic_reloc",
        action="store_true",
        help="show the dynamic relocations",
    )
    p.add_argument(
        "--start-address",
        type=_address,
        default=0,
        metavar="ADDRESS",
        help="show what is at this address and above",
    )
    p.add_argument(
        "--stop-address",
        type=_address,
        default=M64,
        metavar="ADDRESS",
        help="show what is below this address",
    )
    p.add_argument(
        "-z", "--disassemble-zeroes", dest="zeros", action="store_true", help="do not skip runs of zeros"
    )
    p.add_argument(
        "-F",
        "--file-offsets",
        dest="offsets",
        action="store_true",
        help="show offsets in the file with labels",
    )
    p.add_argument(
        "--no-show-raw-insn", dest="raw", action="store_false", help="show no bytes beside the instructions"
    )
    p.add_argument("--show-raw-insn", dest="raw", action="store_true", help="show them (default)")
    p.add_argument("--no-addresses", dest="addresses", action="store_false", help="show no addresses")
    p.add_argument(
        "--prefix-addresses", dest="prefix", action="store_true", help="show symbol and offset on each line"
    )
    p.add_argument("--special-syms", action="store_true", help="accepted: special symbols are not shown")
    p.add_argument(
        "-b",
        "--target",
        default="",
        metavar="FORMAT",
        help="the format of the file: binary, or an ELF format",
    )
    p.add_argument(
        "-m", "--architecture", default="", metavar="MACHINE", help="riscv, riscv:rv64 or riscv:rv32"
    )
    p.add_argument(
        "-EL", "-EB", dest="endian", action="store_true", help="accepted: files tell their order of bytes"
    )
    p.add_argument(
        "--disassembler-color",
        default="off",
        choices=("off", "terminal", "on", "extended", "extended-color"),
        help="accepted: the text has no colours",
    )
    p.add_argument("-w", "--wide", action="store_true", help="put each section header on one line")
    p.add_argument(
        "-j",
        "--section",
        action="append",
        default=[],
        metavar="NAME",
        help="show only this section; may be repeated",
    )
    p.add_argument(*DEMANGLE, action="store_true", help=DEMANGLE_HELP)
    p.add_argument(
        "-M",
        "--disassembler-options",
        dest="disassembler",
        action="append",
        default=[],
        metavar="OPTION,...",
        help="no-aliases: show instructions by their own names, c.jr ra instead of ret; numeric: show numbers of registers",
    )
    add_debug_dump(p, "W", "--dwarf")
    p.add_argument("files", nargs="*", default=["a.out"], metavar="FILE")
    add_no_pager(p)
    return p


def main(argv: list[str]) -> int:
    """Show each file. Returns 1 if a file cannot be read or is malformed."""
    from ...observe.binutils.binaries import for_each

    words = ["-d" if word == "--disassemble" else word for word in without_style(argv)]
    options = parser().parse_args(spelled_out(words, "W", "--dwarf"))
    if options.info:
        from ...observe.binutils.objdump_headers import FORMATS

        print(f"BFD header file version (toyvm {VERSION})\n{FORMATS}")
        return 0
    if options.all_headers:
        options.members = options.file_header = options.private = options.headers = options.reloc = (
            options.syms
        ) = True
    if options.symbols:
        options.disassemble = True
        options.symbols = [name for name in options.symbols if name]
    options.debug = chosen(options, options.wide)
    options.disassemble |= options.source or options.all
    wanted = (
        "members",
        "file_header",
        "dynamic_reloc",
        "disassemble",
        "reloc",
        "syms",
        "dynamic",
        "contents",
        "headers",
        "private",
    )
    if not any(getattr(options, name) for name in (*wanted, "debug")):
        raise UsageError("at least one of -d -D -S -r -R -t -T -s -h -p -f -a -x -W must be given")

    def report(path: str) -> None:
        archive = False
        for binary in _inputs(path, options):
            if binary.archive and not archive:
                print(f"In archive {binary.archive}:")
                archive = True
            for line in _lines(binary, options):
                print(line)

    return for_each("objdump", options.files, report)


def _address(text: str) -> int:
    return int(text, 0) & M64


def _inputs(path: str, options: argparse.Namespace) -> Iterator[Binary]:
    """The files in `path`: with -b binary the bytes as the section .data of an object."""
    from ...observe.binutils.binaries import Binary, binaries, read

    if options.target != "binary":
        yield from binaries(path)
        return
    from ...elf.elf_file import ElfFile
    from ...elf.object_writer import write_object
    from ...elf.raw_object import raw_object

    yield Binary(path, None, ElfFile.parse(write_object(raw_object(read(path), path)), path))


def _lines(binary: Binary, options: argparse.Namespace) -> Iterator[str]:
    from ...observe.binutils import objdump_headers, objdump_listing
    from ...observe.binutils.binaries import content_sections

    elf, spell = binary.elf, spelling(options.demangle)
    yield ""
    yield f"{binary.name}:     file format {options.target if options.target == 'binary' else elf.format}"
    if options.members and binary.member:
        yield objdump_headers.member_header(binary.member)
    elif options.members:
        yield binary.name
    if options.file_header:
        yield from objdump_headers.file_header(elf)
    else:
        yield ""
    chosen = [section for section in elf.sections if not options.section or section.name in options.section]
    missing = set(options.section) - {section.name for section in chosen}
    if options.private:
        from ...observe.binutils.private_headers import private_headers

        yield from private_headers(elf)
    if options.headers:
        yield from objdump_listing.section_headers(elf, options.wide)
    if options.syms:
        yield from objdump_listing.symbols(elf, spell=spell)
        yield ""
        yield ""
    if options.dynamic:
        yield from objdump_listing.symbols(elf, dynamic=True, spell=spell)
        yield ""
        yield ""
    if options.debug is not None:
        from ...observe.binutils.debug_dump.dump import dump  # pyelftools

        yield from dump(elf, options.debug, partial(warning, "objdump", binary.title))
    if options.reloc and not options.disassemble:
        yield from objdump_listing.relocations(elf, spell)
    if options.dynamic_reloc and not options.disassemble:
        yield from objdump_headers.dynamic_relocations(elf, spell)
    if options.contents:
        limits = (options.start_address, options.stop_address, options.offsets)
        for section in content_sections(elf):
            if section in chosen:
                yield from objdump_listing.contents(elf, section, *limits)
    if options.disassemble:
        yield from _disassembly(elf, chosen, options)
    if missing:
        raise ElfError(f"{binary.title}: section '{min(missing)}' mentioned in a -j option, but not found")


def _disassembly(elf: ElfFile, chosen: list[ElfSection], options: argparse.Namespace) -> Iterator[str]:
    from ...elf.constants import SHF_EXECINSTR, SHT_NOBITS
    from ...observe.binutils.binaries import content_sections
    from ...observe.binutils.disassembly import Listing, ListingStyle, line_table  # capstone

    lines = line_table(elf) if options.lines or options.source else None
    words = {word for words in options.disassembler for word in words.split(",")}
    listing = Listing(
        elf,
        relocations=options.reloc,
        lines=lines,
        source=options.source,
        spell=spelling(options.demangle),
        aliases="no-aliases" not in words,
        numeric="numeric" in words,
        style=ListingStyle(
            low=options.start_address,
            high=options.stop_address,
            raw=options.raw,
            addresses=options.addresses,
            prefix=options.prefix,
            offsets=options.offsets,
            zeros=options.zeros,
            symbols=frozenset(options.symbols or ()),
        ),
    )
    contents = content_sections(elf)
    for section in chosen:
        holds_code = section.header.flags & SHF_EXECINSTR and section.header.type != SHT_NOBITS
        if section in contents and (holds_code or options.all or section.name in options.section):
            yield from listing.section(section)
