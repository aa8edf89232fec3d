"""Text of submissions made safe to show: no control characters, no unbounded length."""

from __future__ import annotations

import hashlib
import re

from ...base.diagnostics import printable

_UNSAFE = re.compile(r"[^\w.+-]", re.ASCII)
_HASHED = re.compile("-[0-9a-f]{8}$")
_LONGEST_NAME = 80


def printable_lines(text: str, most_lines: int = 60, most_columns: int = 400) -> list[str]:
    """The lines of a report's text, made printable; what is too much is replaced by a line that says so."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    shown = [shortened(printable(line.replace("\t", "    ")), most_columns) for line in lines[:most_lines]]
    if len(lines) > most_lines:
        shown.append(f"... and {len(lines) - most_lines} more lines")
    return shown


def shortened(text: str, most: int) -> str:
    """`text`, cut after `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def text_of(data: bytes) -> str:
    """Bytes of a program as text. Bytes that are not UTF-8 become lone surrogates, which `printable` shows as \\xff."""
    return data.decode("utf-8", "surrogateescape")


def file_name(name: str) -> str:
    """A name of a file for the report on submission `name`: different for different names, on any file system."""
    plain = _UNSAFE.sub("_", name)[:_LONGEST_NAME].lstrip(".-") or "_"
    if plain == name and not _HASHED.search(name):
        return plain
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
