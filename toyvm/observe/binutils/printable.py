"""The strings in a file's bytes: what `strings` finds.

A string is a sequence of printable characters of ASCII and tabs, of a least length. Characters may have one byte, or 16
or 32 bits of either byte order at any offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from toyvm.base.errors import ElfError
from toyvm.elf.elf_file import ElfFile

from .binaries import content_sections, has_contents, is_alloc

# UTF-8 by the lead byte alone, as GNU strings reads it: overlong forms and surrogates too
_SEQUENCE = rb"[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}"
_IN_STRING = re.compile(_SEQUENCE)


class StringForm(NamedTuple):
    """What a string is. `encoding` is one of s S b l B L; `least` is its length in characters; `unicode`: what is done
    with UTF-8 sequences ("default" and "invalid": they end a string)."""

    encoding: str = "s"
    least: int = 4
    whitespace: bool = False
    unicode: str = "default"


def strings(data: bytes, form: StringForm) -> Iterator[tuple[int, bytes]]:
    """(offset, text) of each string in `data`; the text is what to print."""
    pattern, width, first = _pattern(form)
    for match in pattern.finditer(data):
        text = match[0][first::width]
        if form.unicode in ("hex", "escape", "highlight"):
            text = _IN_STRING.sub(lambda found: _spelled(found[0], form.unicode), text)
        yield match.start(), text


def loaded_parts(data: bytes, name: str) -> list[tuple[int, bytes]]:
    """(offset in the file, contents) of the sections that are loaded; of what is no object, all of it."""
    try:
        elf = ElfFile.parse(data, name)
    except ElfError:
        return [(0, data)]
    return [
        (section.header.offset, elf.contents(section))
        for section in content_sections(elf)
        if is_alloc(section) and has_contents(section)
    ]


@cache
def _pattern(form: StringForm) -> tuple[re.Pattern[bytes], int, int]:
    """The regular expression of a string, the bytes of a character, and which of them is printed."""
    letters = rb"\t -~" + (rb"\n\v\f\r" if form.whitespace else b"")
    if form.encoding == "S":
        letters += rb"\x80-\xff"
    one = b"[" + letters + b"]"
    width, first = {"b": (2, 1), "l": (2, 0), "B": (4, 3), "L": (4, 0)}.get(form.encoding, (1, 0))
    if form.unicode not in ("default", "invalid"):
        one = b"(?:[" + letters + b"]|" + _SEQUENCE + b")"
    elif width > 1:
        zeros = rb"\x00" * (width - 1)
        one = b"(?:" + (zeros + one if first else one + zeros) + b")"
    return re.compile(one + b"{%d,}" % form.least, re.DOTALL), width, first


def _spelled(sequence: bytes, how: str) -> bytes:
    """A UTF-8 sequence in ASCII: <0xe28893>, or \\u2213 (red for "highlight")."""
    if how == "hex":
        return b"<0x" + sequence.hex().encode() + b">"
    value = sequence[0] & (0xFF >> len(sequence) + 1)
    for byte in sequence[1:]:
        value = value << 6 | byte & 0x3F
    text = b"\\u%04x" % value if value < 0x10000 else b"\\u%06x" % value
    return b"\x1b[31;47m" + text + b"\x1b[0m" if how == "highlight" else text
