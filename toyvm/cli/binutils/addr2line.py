"""`toyvm addr2line`: convert addresses into file names and line numbers, in GNU's format."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ...base.errors import ElfError
from .demangle_option import DEMANGLE, DEMANGLE_HELP, spelling, without_style

if TYPE_CHECKING:
    from ...observe.binutils.address_places import Place


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm addr2line`."""
    p = argparse.ArgumentParser(
        prog="toyvm addr2line",
        description="Convert addresses into file names and line numbers. Without addresses: those in standard input.",
        fromfile_prefix_chars="@",
    )
    p.add_argument(
        "-e", "--exe", default="a.out", metavar="FILE", help="the program, library or object (a.out)"
    )
    p.add_argument("-j", "--section", metavar="NAME", help="the addresses are offsets in this section")
    p.add_argument("-a", "--addresses", action="store_true", help="print the addresses too")
    p.add_argument("-f", "--functions", action="store_true", help="print the names of the functions too")
    p.add_argument("-i", "--inlines", action="store_true", help="print the callers of inlined functions too")
    p.add_argument(
        "-p", "--pretty-print", dest="pretty", action="store_true", help="print each place on one line"
    )
    p.add_argument("-s", "--basenames", action="store_true", help="print file names without folders")
    p.add_argument(*DEMANGLE, action="store_true", help=DEMANGLE_HELP)
    p.add_argument("-b", "--target", metavar="TARGET", help="accepted; has no effect")
    p.add_argument("-R", "--recurse-limit", action="store_true", help="accepted; has no effect")
    p.add_argument("-r", "--no-recurse-limit", action="store_true", help="accepted; has no effect")
    p.add_argument("addresses_given", nargs="*", metavar="ADDRESS", help="hexadecimal")
    return p


def main(argv: list[str]) -> int:
    """Print the place of each address. Returns 1 if the file cannot be read."""
    from ...elf.elf_file import ElfFile
    from ...observe.binutils.address_places import AddressPlaces
    from ...observe.binutils.binaries import read

    options = parser().parse_args(without_style(argv))
    elf = ElfFile.parse(read(options.exe), options.exe)
    section = None
    if options.section is not None:
        section = elf.section(options.section)
        if section is None:
            raise ElfError(f"{options.exe}: cannot find section {options.section}")
    places = AddressPlaces(elf)
    spell = spelling(options.demangle)
    for address in _addresses(options.addresses_given):
        for line in _lines(address, places.at(address, section), options, spell):
            print(line)
        if not options.addresses_given:
            sys.stdout.flush()  # the other end of a pipe may wait for this answer
    return 0


def _addresses(given: list[str]) -> Iterator[int]:
    """Hexadecimal numbers, from the command line or standard input; what follows the digits does not count."""
    for word in given or (word for line in sys.stdin for word in line.split()[:1] or ["0"]):
        found = re.match(r"\s*(?:0[xX])?([0-9a-fA-F]*)", word)
        yield int(found[1] or "0", 16) & ((1 << 64) - 1) if found else 0


def _lines(
    address: int, places: list[Place], options: argparse.Namespace, spell: Callable[[str], str]
) -> Iterator[str]:
    head = f"{address:#018x}" if options.addresses else ""
    if not options.pretty and head:
        yield head
    prefix = f"{head}: " if options.pretty and head else ""
    if not places:
        if options.functions and not options.pretty:
            yield "??"
        yield f"{prefix}{'?? ' if options.functions and options.pretty else ''}??:0"
        return
    for place in places if options.inlines else places[:1]:
        function = spell(place.function) if place.function else "??"
        if options.functions and not options.pretty:
            yield function
        named = f"{function} at " if options.functions and options.pretty else ""
        yield f"{prefix}{named}{_position(place, options.basenames)}"
        if options.pretty:
            prefix = " (inlined by) "


def _position(place: Place, basename: bool) -> str:
    file = (os.path.basename(place.file) if basename else place.file) or "??"
    block = f" (discriminator {place.discriminator})" if place.discriminator else ""
    return f"{file}:{place.line or '?'}{block}"
