"""What `objcopy` and `strip` change in a file, as values: one field for each kind of change."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Any

from ...base.errors import ToyvmError
from ...base.record import Record

_SPECIAL = re.compile(r"[*?\[]")


class NameSet:
    """Names that options give. With `patterns`, `*?[]` are wildcards, and a name with `!` before it is taken out again."""

    def __init__(self, patterns: bool = False):
        self.patterns = patterns
        self.given: list[str] = []
        self._exact: set[str] = set()

    def add(self, names: Iterable[str]) -> None:
        """Add names or patterns."""
        for name in names:
            self.given.append(name)
            self._exact.add(name)

    def __contains__(self, name: str) -> bool:
        if not self.patterns:
            return name in self._exact
        if any(text[:1] == "!" and fnmatch.fnmatchcase(name, text[1:]) for text in self.given):
            return False
        return any(text[:1] != "!" and matches(text, name) for text in self.given)

    def __bool__(self) -> bool:
        return bool(self.given)


def matches(pattern: str, name: str) -> bool:
    """Whether the name is the pattern, or matches it."""
    return pattern == name or (bool(_SPECIAL.search(pattern)) and fnmatch.fnmatchcase(name, pattern))


class SectionFlags(Record):
    """The words of --set-section-flags: BFD's flags, each true where it is given."""

    words: frozenset[str]

    def __contains__(self, word: str) -> bool:
        return word in self.words


FLAG_WORDS = (
    *("alloc", "load", "noload", "readonly", "debug", "code", "data", "rom"),
    *("exclude", "share", "contents", "merge", "strings"),
)


def parse_flags(text: str) -> SectionFlags:
    """`alloc,readonly`. Raises ToyvmError with GNU's message."""
    words = text.split(",")
    for word in words:
        if word.lower() not in FLAG_WORDS:
            raise ToyvmError(f"unrecognized section flag `{word}'\nsupported flags: {', '.join(FLAG_WORDS)}")
    return SectionFlags(frozenset(word.lower() for word in words))


class AddressChange(Record):
    """A change of the addresses of sections: `operation` is "=" or "+" (with a negative value for "-")."""

    pattern: str
    operation: str
    value: int
    vma: bool = True
    lma: bool = True
    spelling: str = ""  # for the warning that nothing matched


class AddedSymbol(Record):
    """`section` "" is an absolute symbol."""

    name: str
    section: str
    value: int
    flags: tuple[str, ...] = ()
    before: str = ""


SYMBOL_WORDS = (
    *("local", "global", "export", "debug", "function", "weak", "section", "constructor", "warning"),
    *("indirect", "file", "object", "synthetic", "indirect-function", "unique-object"),
)


def parse_added_symbol(text: str) -> AddedSymbol:
    """`NAME=[SECTION:]VALUE[,FLAGS]`. Raises ToyvmError with GNU's message."""
    name, equals, rest = text.partition("=")
    if not equals:
        raise ToyvmError("bad format for --add-symbol")
    place, *words = rest.split(",")
    section, colon, value = place.rpartition(":")
    before = ""
    flags = []
    for word in words:
        if word.lower().startswith("before="):
            before = word[7:]
        elif word.lower() in SYMBOL_WORDS:
            flags.append(word.lower())
        else:
            raise ToyvmError(
                f"unrecognized symbol flag `{word}'\nsupported flags: {', '.join(SYMBOL_WORDS)}, before=<othersym>"
            )
    return AddedSymbol(name, section if colon else "", number(value, "--add-symbol"), tuple(flags), before)


def number(text: str, option: str) -> int:
    """A number as GNU's tools take it: decimal, 0x1f, 017, with a sign. Raises ToyvmError with GNU's message."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not re.fullmatch(r"0[xX][0-9a-fA-F]+|[0-9]+", digits) or len(digits) > 24:
        raise ToyvmError(f"{option}: bad number: {text}")
    base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" and len(digits) > 1 else 10
    try:
        value = int(digits, base)
    except ValueError:
        raise ToyvmError(f"{option}: bad number: {text}") from None
    return -value if text[0] == "-" else value


class Changes(Record, frozen=False, eq=False):
    """All changes. The defaults change nothing.

    strip     "", "all", "debug", "unneeded", "keep-debug", "dwo", "keep-dwo"
    discard   "", "locals" (-X), "all" (-x)
    """

    only: NameSet
    remove: NameSet
    keep_section: NameSet
    remove_relocations: NameSet
    strip_symbol: NameSet
    strip_unneeded_symbol: NameSet
    keep_symbol: NameSet
    localize: NameSet
    globalize: NameSet
    keep_global: NameSet
    weaken_symbol: NameSet
    strip: str = ""
    discard: str = ""
    weaken: bool = False
    localize_hidden: bool = False
    extract_symbols: bool = False
    keep_section_symbols: bool = False
    keep_file_symbols: bool = False
    redefine: dict[str, str] = {}
    add_symbols: list[AddedSymbol] = []
    prefix_symbols: str = ""
    prefix_sections: str = ""
    prefix_alloc: str = ""
    rename: dict[str, tuple[str, SectionFlags | None]] = {}
    flags: list[tuple[str, SectionFlags]] = []
    alignments: list[tuple[str, int]] = []
    addresses: list[AddressChange] = []
    change_addresses: int = 0
    set_start: int | None = None
    change_start: int = 0
    add: list[tuple[str, bytes]] = []
    update: list[tuple[str, bytes]] = []
    dump: list[str] = []
    debug_link: bytes | None = None
    compress: str = ""  # a key of compression.FORMATS, "none", or "" for no change
    gap_fill: int | None = None
    pad_to: int | None = None
    reverse_bytes: int = 0
    byte: int = -1
    interleave: int = 4
    interleave_width: int = 1
    change_warnings: bool = True
    common_type: bool | None = None  # --elf-stt-common


_SECTION_SETS = ("only", "remove", "keep_section", "remove_relocations")
_SYMBOL_SETS = (
    *("strip_symbol", "strip_unneeded_symbol", "keep_symbol", "localize", "globalize"),
    *("keep_global", "weaken_symbol"),
)


def no_changes(wildcards: bool = False) -> Changes:
    """Changes that change nothing. `wildcards`: -w, names of symbols are patterns; those of sections always are."""
    sets: dict[str, Any] = {name: NameSet(True) for name in _SECTION_SETS}
    sets |= {name: NameSet(wildcards) for name in _SYMBOL_SETS}
    return Changes(**sets)
