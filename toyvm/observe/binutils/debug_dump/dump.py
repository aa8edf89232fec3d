"""Which sections of debugging information `readelf -w` and `objdump -W` show, in the order of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from toyvm.base.errors import ElfError, UsageError
from toyvm.base.record import Record
from toyvm.elf.constants import SHT_NOBITS
from toyvm.elf.elf_file import ElfFile

from . import abbreviations, list_listing, macro_listing, table_listing
from .byte_cursor import Malformed
from .debug_sections import DebugSection, DebugSections
from .frame_listing import FrameListing
from .line_listing import decoded_listing, raw_listing
from .unit_listing import UnitListing

# Letter -> the names of what it shows, as words of --debug-dump.
LETTERS = {
    "A": "addr", "a": "abbrev", "F": "frames-interp", "f": "frames", "i": "info", "k": "links", "L": "decodedline",
    "l": "rawline", "m": "macro", "O": "str-offsets", "o": "loc", "p": "pubnames", "R": "Ranges", "r": "aranges", "s": "str",
    "t": "pubtypes",
}  # fmt: skip
_SPELLINGS = {"line": "rawline", "ranges": "aranges"}
_WITHOUT_EFFECT = {"N": "no-follow-links", "E": "do-not-use-debuginfod"}
_NOT_SHOWN = {
    "c": "cu_index", "D": "use-debuginfod", "g": "gdb_index", "K": "follow-links", "T": "trace_aranges", "U": "trace_info",
    "u": "trace_abbrev",
}  # fmt: skip
# What `-w` without letters shows, and -W of objdump.
EVERYTHING = frozenset(LETTERS.values()) - {"decodedline", "frames-interp"}
_MAX_TEXT = 1024  # characters for each byte of the file: entries may name the same long string
_MORE_TEXT = 1 << 20


class DumpOptions(Record):
    """What to show, and how. `depth` and `start` limit the entries of .debug_info."""

    shown: frozenset[str]
    wide: bool = False
    depth: int | None = None
    start: int = 0


def chosen_letters(letters: str) -> frozenset[str]:
    """What the letters of `-w` choose. Raises UsageError."""
    if not letters:
        return EVERYTHING
    found = set()
    for letter in letters:
        if letter in LETTERS:
            found.add(LETTERS[letter])
        elif letter not in _WITHOUT_EFFECT:
            known = (
                ", which is not shown" if letter in _NOT_SHOWN else f"; choose of {''.join(sorted(LETTERS))}"
            )
            raise UsageError(f"unrecognized debug letter option '{letter}'{known}")
    return frozenset(found)


def chosen_words(words: str) -> frozenset[str]:
    """What the words of `--debug-dump` choose. Raises UsageError."""
    if not words:
        return EVERYTHING
    found = set()
    for word in words.split(","):
        name = _SPELLINGS.get(word, word)
        if name in LETTERS.values():
            found.add(name)
        elif name not in _WITHOUT_EFFECT.values():
            known = (
                ", which is not shown"
                if name in _NOT_SHOWN.values()
                else f"; choose of {', '.join(LETTERS.values())}"
            )
            raise UsageError(f"unrecognized debug option '{word}'{known}")
    return frozenset(found)


_Lines = Callable[[DebugSection, DebugSections], Iterator[str]]
_PLAIN: dict[str, tuple[str, _Lines]] = {
    ".debug_abbrev": ("abbrev", lambda section, _: abbreviations.listing(section)),
    ".debug_abbrev.dwo": ("abbrev", lambda section, _: abbreviations.listing(section)),
    ".debug_aranges": ("aranges", table_listing.address_ranges),
    ".debug_pubnames": ("pubnames", table_listing.public_names),
    ".debug_gnu_pubnames": ("pubnames", table_listing.public_names),
    ".debug_pubtypes": ("pubtypes", table_listing.public_names),
    ".debug_gnu_pubtypes": ("pubtypes", table_listing.public_names),
    ".debug_macinfo": ("macro", macro_listing.old_macros),
    ".debug_str": ("str", table_listing.strings),
    ".debug_line_str": ("str", table_listing.strings),
    ".debug_str.dwo": ("str", table_listing.strings),
    ".debug_loc": ("loc", lambda section, all_of: list_listing.LocationListing(section, all_of).lines()),
    ".debug_loclists": ("loc", lambda section, all_of: list_listing.LocationListing(section, all_of).lines()),
    ".debug_ranges": ("Ranges", list_listing.ranges),
    ".debug_rnglists": ("Ranges", list_listing.rnglists),
    ".debug_str_offsets": ("str-offsets", table_listing.string_offsets),
    ".debug_addr": ("addr", table_listing.addresses),
    ".gnu_debuglink": ("links", table_listing.links),
    ".gnu_debugaltlink": ("links", table_listing.links),
}


def _listings(name: str, options: DumpOptions) -> Iterator[_Lines]:
    """What shows a section called `name`."""
    shown, wide = options.shown, options.wide
    if name in _PLAIN and _PLAIN[name][0] in shown:
        yield _PLAIN[name][1]
    elif name in (".debug_info", ".debug_types", ".debug_info.dwo", ".debug_types.dwo") and "info" in shown:
        types = name.startswith(".debug_types")
        yield lambda section, all_of: UnitListing(all_of, section, wide, options.depth, options.start).lines(
            types
        )
    elif name in (".debug_line", ".debug_line.dwo"):
        if "rawline" in shown:
            yield partial(raw_listing, wide=wide)
        if "decodedline" in shown:
            yield partial(decoded_listing, wide=wide)
    elif name in (".eh_frame", ".debug_frame") and shown & {"frames", "frames-interp"}:
        interpreted = "frames-interp" in shown
        yield lambda section, all_of: FrameListing(section, all_of, interpreted, wide).lines()
    elif name == ".debug_macro" and "macro" in shown:
        yield partial(macro_listing.macros, wide=wide)


def dump(elf: ElfFile, options: DumpOptions, warn: Callable[[str], None]) -> Iterator[str]:
    """The lines. A section that is malformed ends early, and the rest follows.

    `warn` gets what is odd. Raises ElfError at the end if a section was malformed, and at once if the text is out of
    all proportion to the file.
    """
    sections = DebugSections(elf, warn)
    room = _MAX_TEXT * len(elf.data) + _MORE_TEXT
    errors: list[str] = []
    for header in elf.sections:
        name = (
            header.name.replace(".zdebug_", ".debug_") if header.name.startswith(".zdebug_") else header.name
        )
        if name.startswith(".gnu.linkonce.wi."):
            name = ".debug_info"
        for listing in _listings(name, options):
            try:
                if header.header.type == SHT_NOBITS and header.header.size:
                    yield f"section '{header.name}' has the NOBITS type - its contents are unreliable."
                    continue
                section = sections.read(header)
                if not section.data:
                    yield ""
                    yield f"Section '{header.name}' has no debugging data."
                    continue
                for line in listing(section, sections):
                    room -= len(line) + 1
                    if room < 0:
                        raise ElfError(
                            f"{elf.name}: the text of the debugging information is too long for its size"
                        )
                    yield line
            except Malformed as error:
                errors.append(f"{elf.name}: section {header.name}: {error}")
    if errors:
        raise ElfError("\n".join(errors))
