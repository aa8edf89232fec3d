"""Positions in source text, and diagnostics that show them.

The first line of a diagnostic is `file:line:col: error: message`, which editors parse. The source
line with a caret, what was expected, a suggestion and related positions follow.
"""

from __future__ import annotations

from collections.abc import Iterable

from toyvm.base.record import Record

_CONTROLS = {code: f"^{chr(code ^ 0x40)}" for code in (*range(0x20), 0x7F) if chr(code) not in "\t\n"} | {
    code: f"\\x{code:02x}" for code in range(0x80, 0xA0)
}


class Span(Record):
    """A part of a source line. `line` and `column` count from 1; `text` is the whole line or ""."""

    file: str
    line: int
    column: int = 1
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Diagnostic(Record):
    """One problem in a source."""

    span: Span
    message: str
    severity: str = "error"  # or "warning"
    expected: str = ""
    hint: str = ""  # "did you mean 'addi'?"
    related: tuple[tuple[Span, str], ...] = ()

    def render(self) -> str:
        """The diagnostic as text of one or more lines, without a final newline."""
        lines = [f"{self.span}: {self.severity}: {_printable_lines(self.message)}"]
        lines += _excerpt(self.span)
        if self.expected:
            lines.append(f"  expected {_printable_lines(self.expected)}")
        if self.hint:
            lines.append(f"  {_printable_lines(self.hint)}")
        for span, note in self.related:
            lines.append(f"{span}: note: {note}")
            lines += _excerpt(span)
        return "\n".join(lines)


def printable(text: str) -> str:
    r"""`text` with every character that does not print as an escape: \t, \x1b, \u202e.

    A byte that is not UTF-8, which is a lone surrogate in a text read with "surrogateescape", is \xff.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def without_controls(text: str) -> str:
    """`text` with control characters except tab and newline as GNU's tools write them: ^[ for escape, ^? for delete.

    Those above 0x7f, which some terminals obey too, are \\x9b.
    """
    return text.translate(_CONTROLS)


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def _excerpt(span: Span) -> list[str]:
    if not span.text.strip():
        return []
    # Tabs are kept, so that the caret is below its character at any tab width.
    lead = "".join("\t" if c == "\t" else " " for c in span.text[: span.column - 1])
    width = max(1, min(span.length, len(span.text) - span.column + 1))
    return [f"  {span.text.rstrip()}", f"  {lead}{'^' * width}"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` for the closest of `known`, or "" when nothing is close."""
    import difflib  # only errors need it

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"did you mean '{close[0]}'?" if close else ""
