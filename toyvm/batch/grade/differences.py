"""Says where two texts differ: the first line, with what was expected, what came, and a mark."""

from __future__ import annotations

from itertools import zip_longest

from ...base.diagnostics import printable
from .printable import shortened

CONTEXT = 2  # equal lines shown before the first difference
WIDTH = 96  # columns of a line that are shown
_BEFORE = 30  # columns shown before the difference in a long line


def difference(expected: str, got: str) -> list[str]:
    """Lines about the first difference of two different texts."""
    wanted, came = expected.splitlines(keepends=True), got.splitlines(keepends=True)
    pairs = enumerate(zip_longest(wanted, came))
    number = next((n for n, (a, b) in pairs if a != b), 0)
    lines = []
    if not got:
        lines.append("nothing came")
    elif number >= len(came):
        lines.append(f"it ends after line {number}; {_count(len(wanted) - number)} missing")
    elif number >= len(wanted):
        lines.append(f"it goes on after line {number}; {_count(len(came) - number)} too much")
    else:
        lines.append(f"line {number + 1} differs")
    for at in range(max(0, number - CONTEXT), number):
        lines.append(f"  {at + 1:>8} | {_plain(wanted[at])}")
    want = wanted[number] if number < len(wanted) else None
    have = came[number] if number < len(came) else None
    if want is not None and have is not None:
        return [*lines, *_two_lines(want, have)]
    if want is not None:
        lines.append(f"  expected | {_plain(want)}")
    if have is not None:
        lines.append(f"       got | {_plain(have)}")
    return lines


def _count(number: int) -> str:
    return f"{number} line is" if number == 1 else f"{number} lines are"


def _plain(line: str) -> str:
    return shortened(printable(line.rstrip("\r\n")), WIDTH)


def _two_lines(want: str, have: str) -> list[str]:
    """An expected line above the line that came, and a caret below the first character that differs."""
    if want.rstrip("\n") == have.rstrip("\n"):  # a line break at the end is all that differs
        a, b = (
            f"{_plain(line)}{'' if line.endswith(chr(10)) else '  (no line break)'}" for line in (want, have)
        )
        return [f"  expected | {a}", f"       got | {b}"]
    want, have = want.rstrip("\n"), have.rstrip("\n")
    column = next(
        (n for n, (a, b) in enumerate(zip(want, have, strict=False)) if a != b), min(len(want), len(have))
    )
    start = max(0, column - _BEFORE) if max(len(want), len(have)) > WIDTH else 0
    lead = "..." if start else ""
    before = lead + printable(want[start:column])
    return [
        f"  expected | {shortened(lead + printable(want[start:]), WIDTH)}",
        f"       got | {shortened(lead + printable(have[start:]), WIDTH)}",
        f"           | {' ' * len(before)}^",
    ]


def sample(text: str, most: int = 8) -> list[str]:
    """The beginning of a text, for a report."""
    lines = text.splitlines()
    shown = [f"  {number:>8} | {_plain(line)}" for number, line in enumerate(lines[:most], 1)]
    if len(lines) > most:
        shown.append(f"           | ... and {len(lines) - most} more lines")
    return shown or ["  nothing came"]
