"""Messages in the shape of GNU ld, for tools that parse them (--gnu-messages): one line, without the text that it points at."""

from __future__ import annotations

import re

_PLACE = re.compile(r"(?P<line>.*:\d+):\d+: (?:error: )?(?P<text>.*)")
_PLACELESS = re.compile(
    r"region `|section `.*' will not fit|address \w+ of section|section \S+ [LV]MA \["
)  # what GNU ld says without a place
# What the last passes of GNU ld report, and what they add to it.
_FINAL = {
    "is referenced by DSO": ("final link failed: bad value",),
    "no symbol version section": ("final link failed: bad value",),
    "no symbol found for import library": (
        "{file}: failed to generate import library",
        "final link failed: no symbols",
    ),
}
_SYNTAX = ("files can be sorted by name only",)  # what GNU ld's grammar does not have
_WITH_ERROR = re.compile(r"alias|memory region|align with input")  # what it calls an error in words


def shaped(message: str) -> str:
    """`FILE:LINE: text` of `FILE:LINE:COLUMN: error: text` and the lines below it that show the place."""
    first, _, rest = message.partition("\n")
    found = _PLACE.fullmatch(first)
    if found is None:
        final = next((lines for text, lines in _FINAL.items() if text in first), ())
        return "\n".join([message, *(f"ld: {line.format(file=first.partition(':')[0])}" for line in final)])
    kept = [line for line in rest.split("\n") if line and not line.startswith("  ")]
    text = "syntax error" if found["text"] in _SYNTAX else found["text"]
    mark = "error: " if _WITH_ERROR.search(text) else ""
    head = text if _PLACELESS.match(text) else f"{found['line']}: {mark}{text}"
    return "\n".join([head, *kept])
