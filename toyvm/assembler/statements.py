"""Splits text into statements, and maps each statement to its place.

Comments are removed, and lines are split at `;`. Each statement has a number, its `where`, by which
the source map finds its file, its line, and the macro calls around it. So one int is enough for the
place of a fix-up or a label.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from toyvm.base.record import Record

from ..base.diagnostics import Span
from .problems import Problem

_BLOCK_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'\\?[^\n]|[#][^\n]*|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"?|\'(?:\\.|[^\\])|#.*|//.*|;', re.DOTALL)
_OPERANDS = re.compile(r'(?:[^,"\']|"(?:[^"\\]|\\.)*"?|\'(?:\\.|[^\\])\'?|\')*', re.DOTALL)

# The name of a symbol: a letter, `_`, `.`, `$` or a character beyond ASCII, then also digits. The class
# lists the excluded characters, because Python takes milliseconds to compile one up to the end of Unicode.
NAME_PATTERN = r"[^\x00-#%-\-/-@\[-^`{-\x7f][^\x00-#%-\-/:-@\[-^`{-\x7f]*"


_NAME = re.compile(NAME_PATTERN)


def strip_block_comments(text: str) -> str:
    """`text` with each `/* */` replaced by a blank and its line breaks."""

    def replace(match: re.Match[str]) -> str:
        found = match.group()
        return " " + "\n" * found.count("\n") if found.startswith("/*") else found

    return _BLOCK_COMMENT.sub(replace, text) if "/*" in text else text


def unclosed_comment(text: str) -> int | None:
    """The number of the line with an unterminated `/*`, or None."""
    if "/*" not in text:
        return None
    for match in _BLOCK_COMMENT.finditer(text):
        found = match.group()
        if found.startswith("/*") and (not found.endswith("*/") or len(found) < 4):
            return text.count("\n", 0, match.start()) + 1
    return None


def statements(text: str) -> tuple[list[str], list[int] | None]:
    """The statements of `text`, and their line numbers (None: each line is one statement)."""
    text = strip_block_comments(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    out: list[str] = []
    numbers: list[int] = []
    done = 0  # lines
    for number in _special_lines(text):
        pieces = _split_line(lines[number])
        out += lines[done:number]
        out += pieces
        numbers += range(done + 1, number + 1)
        numbers += [number + 1] * len(pieces)
        done = number + 1
    if len(out) == done:  # as many statements as lines
        return (out + lines[done:] if done else lines), None
    return out + lines[done:], [*numbers, *range(done + 1, len(lines) + 1)]


def _special_lines(text: str) -> Iterator[int]:
    """The indices of the lines that have a comment or a `;`, or the characters for them in a string."""
    places = []
    for special in ("#", ";", "//"):
        found = text.find(special)
        while found >= 0:
            places.append(found)
            found = text.find(special, found + 1)
    number, at, last = 0, 0, -1
    for place in sorted(places):
        number += text.count("\n", at, place)
        at = place
        if number != last:
            yield number
            last = number


def _split_line(line: str) -> list[str]:
    """The statements of one line, without its comment."""
    pieces: list[str] = []
    start = 0
    for match in _PIECES.finditer(line):
        first = line[match.start()]
        if first == ";":
            pieces.append(line[start : match.start()])
            start = match.end()
        elif first in "#/":
            pieces.append(line[start : match.start()])
            return pieces
    pieces.append(line[start:])
    return pieces


def split_operands(rest: str) -> list[str]:
    """The operands in `rest`, split at commas outside strings, and stripped. Blank text has none."""
    if '"' not in rest and "'" not in rest:
        pieces = [piece.strip() for piece in rest.split(",")]
    else:
        pieces, at = [], 0
        while True:
            match = _OPERANDS.match(rest, at)
            assert match is not None
            pieces.append(match.group().strip())
            at = match.end() + 1
            if at > len(rest):
                break
    return [] if pieces == [""] else pieces


_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]+)|(.))", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def unquote(text: str) -> bytes:
    """The bytes of a string literal. Raises Problem if `text` is not one."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise Problem(
            f"expected a string, not '{text}'" if text else "expected a string", text, expected='"text"'
        )
    body = text[1:-1].encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(_unescape, body) if b"\\" in body else body


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"\s*', re.DOTALL)


def joined(text: str) -> bytes:
    """The bytes of one or more string literals side by side: `"a" "b"` is `"ab"`. Raises Problem."""
    if text.count('"') < 3:
        return unquote(text)
    at, parts = 0, []
    while at < len(text):
        match = _STRING.match(text, at)
        if match is None:
            return unquote(text)  # it says what is wrong
        parts.append(unquote(match.group().rstrip()))
        at = match.end()
    return b"".join(parts)


def symbol_name(text: str) -> str:
    """The name of a symbol, which may be one or more strings. Bytes that are not UTF-8 are kept. Raises Problem."""
    if text.startswith('"'):
        name = joined(text).decode("utf-8", "surrogateescape")
        if not name or "\0" in name:
            raise Problem(f"{text} is not the name of a symbol", text, expected="a symbol")
        return name
    if not _NAME.fullmatch(text):
        raise Problem(
            f"expected a symbol, not '{text}'" if text else "expected a symbol",
            text,
            expected="a symbol",
            gnu="expected symbol name",
        )
    return text


def _unescape(match: re.Match[bytes]) -> bytes:
    octal, hexadecimal, letter = match.groups()
    if octal is not None:
        return bytes((int(octal, 8) & 0xFF,))
    if hexadecimal is not None:
        return bytes((int(hexadecimal[-2:], 16),))
    return _LETTERS.get(letter, letter)


_MARKED = re.compile(r'#[ \t]*(?:line[ \t]+)?\d{1,9}[ \t]+"')  # fast: it begins with a character
_MARKER = re.compile(r'^[ \t]*#[ \t]*(?:line[ \t]+)?(\d{1,9})[ \t]+"((?:[^"\\\n]|\\.)*)"', re.MULTILINE)


def line_markers(text: str) -> tuple[LineMarker, ...]:
    """The lines of a preprocessor, `# 12 "file.S"`, which tell where the lines after them come from."""
    if "# " not in text or _MARKED.search(text) is None:
        return ()
    found, line, at = [], 1, 0
    for match in _MARKER.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        found.append(LineMarker(line, int(match[1]), match[2]))
    return tuple(found)


class LineMarker(NamedTuple):
    """The line after physical line `at` is line `number` of `file`; with no file the numbers are physical again."""

    at: int
    number: int
    file: str


class _Stretch(Record):
    """Consecutive statements of one origin: a file, a macro call, or a repetition."""

    file: str
    lines: list[str]
    numbers: list[int] | None
    first: int
    parent: int  # `where` of the call or the .include, or -1
    note: str
    markers: tuple[LineMarker, ...] = ()

    def said(self, line: int) -> tuple[str, int]:
        """File and line of a physical line, as the markers before it say."""
        count = bisect_left(self.markers, (line,))
        if not count or not self.markers[count - 1].file:
            return self.file, line
        marker = self.markers[count - 1]
        return marker.file, marker.number + line - marker.at - 1


class SourceMap:
    """Maps the number of a statement to the file and line that it comes from."""

    def __init__(self) -> None:
        self._bases: list[int] = []
        self._stretches: list[_Stretch] = []
        self.next = 0

    def add(
        self,
        file: str,
        lines: list[str],
        numbers: list[int] | None = None,
        first: int = 1,
        parent: int = -1,
        note: str = "",
        markers: tuple[LineMarker, ...] = (),
    ) -> int:
        """Add statements, the first of which is line `first` of `file`. Returns the number of the first."""
        base = self.next
        self._bases.append(base)
        self._stretches.append(_Stretch(file, lines, numbers, first, parent, note, markers))
        self.next += len(lines) + 1
        return base

    def place(self, where: int) -> tuple[str, int]:
        """File and line of a statement."""
        stretch, index = self._find(where)
        line = stretch.numbers[index] if stretch.numbers else stretch.first + index
        return stretch.said(line) if stretch.markers else (stretch.file, line)

    def span(self, where: int, at: str = "", column: int = 0) -> Span:
        """The place of the word `at` in a statement, or of its first word if `at` does not occur."""
        stretch, index = self._find(where)
        text = stretch.lines[index] if index < len(stretch.lines) else ""
        number = (
            stretch.numbers[index]
            if stretch.numbers and index < len(stretch.numbers)
            else stretch.first + index
        )
        start = text.find(at) if at else -1
        if at and (match := re.search(rf"(?<![\w.$%]){re.escape(at)}(?![\w.$])", text)):
            start = match.start()
        if column:
            start = column - 1
        if start < 0:
            start, at = len(text) - len(text.lstrip()), text.split()[0] if text.split() else ""
        file, number = stretch.said(number)
        return Span(file, number, start + 1, max(len(at), 1), printable(text))

    def callers(self, where: int) -> list[tuple[Span, str]]:
        """The macro calls and includes around a statement, innermost first; at most five."""
        out: list[tuple[Span, str]] = []
        stretch, _ = self._find(where)
        while stretch.parent >= 0 and len(out) < 5:
            out.append((self.span(stretch.parent), stretch.note))
            stretch, _ = self._find(stretch.parent)
        return out

    def _find(self, where: int) -> tuple[_Stretch, int]:
        index = bisect_right(self._bases, where) - 1
        stretch = self._stretches[index]
        return stretch, min(where - self._bases[index], max(len(stretch.lines) - 1, 0))


def printable(text: str) -> str:
    """The first 400 characters of `text`, with "?" for each control character and undecodable byte."""
    clean = "".join(
        c if c == "\t" or (c.isprintable() and not "\ud800" <= c <= "\udfff") else "?" for c in text[:400]
    )
    return clean
