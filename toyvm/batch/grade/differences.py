"""Says where two texts differ: the first line, with what was expected, what came, and a mark."""

from __future__ import annotations

from itertools import zip_longest

from ...base.diagnostics import printable
from .printable import shortened

CONTEXT = 2  # equal lines shown before the first difference
WIDTH = 96  # columns of a line that are shown
_BEFORE = 30  # columns shown before the difference in a long line
_LISTED = 6  # lines shown of those that are missing or too much
_LEAST_BEGINNING = 8  # characters of a text that is not there, from which on its beginning is shown


def difference(expected: str, got: str) -> list[str]:
    """Lines about the first difference of two different texts."""
    wanted, came = expected.splitlines(keepends=True), got.splitlines(keepends=True)
    pairs = enumerate(zip_longest(wanted, came))
    number = next((n for n, (a, b) in pairs if a != b), 0)
    if not expected:
        return [f"nothing is expected, {_lines(len(came))} came", *_listed("       got", came)]
    if not got:
        return [f"nothing came, {_count(len(wanted))} expected", *_listed("  expected", wanted)]
    before = [f"  {at + 1:>8} | {_plain(wanted[at])}" for at in range(max(0, number - CONTEXT), number)]
    if number >= len(came):
        first = f"it ends after line {number}; {_count(len(wanted) - number)} missing"
        return [first, *before, *_listed("  expected", wanted[number:])]
    if number >= len(wanted):
        first = f"it goes on after line {number}; {_count(len(came) - number)} too much"
        return [first, *before, *_listed("       got", came[number:])]
    return [f"line {number + 1} differs", *before, *_two_lines(wanted[number], came[number])]


def missing(wanted: str, got: str) -> list[str]:
    """Lines about a text that does not contain `wanted`; they show where the longest beginning of it is."""
    low, high = 0, len(wanted)
    while low < high:  # if a beginning is in the text, so is each shorter one
        middle = (low + high + 1) // 2
        low, high = (middle, high) if wanted[:middle] in got else (low, middle - 1)
    if low < _LEAST_BEGINNING:
        head = f"this text is expected in it: '{shortened(printable(wanted), WIDTH)}'"
        return [head, "got:", *sample(got)]
    at = got.index(wanted[:low])
    same = wanted[:low].count("\n")  # whole lines of the text that are there
    start = wanted.rfind("\n", 0, low) + 1
    want = wanted[start:].partition("\n")[0]
    have = got[at + start :].partition("\n")[0]
    line = got.count("\n", 0, at + low) + 1
    lines = f"line {same + 1} of the expected text" if "\n" in wanted else "the expected text"
    return [f"{lines} is not in it; the closest is in line {line}", *_two_lines(want, have)]


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number} lines"


def _count(number: int) -> str:
    return f"{_lines(number)} {'is' if number == 1 else 'are'}"


def _listed(lead: str, lines: list[str]) -> list[str]:
    """The first of some lines."""
    shown = [f"{lead if n == 0 else '':>10} | {_plain(line)}" for n, line in enumerate(lines[:_LISTED])]
    if len(lines) > _LISTED:
        more = len(lines) - _LISTED
        shown.append(f"           | ... and {more} more {'line' if more == 1 else 'lines'}")
    return shown


def _cells(line: str) -> list[str]:
    """Each character of a line as it is shown; blanks at the end, which nobody sees, as escapes."""
    kept = len(line.rstrip(" "))
    return [r"\x20" if n >= kept else printable(character) for n, character in enumerate(line)]


def _plain(line: str) -> str:
    return shortened("".join(_cells(line.rstrip("\r\n"))), WIDTH)


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
    wanted, came = _cells(want)[start:], _cells(have)[start:]
    before = lead + "".join(came[: column - start])
    return [
        f"  expected | {shortened(lead + ''.join(wanted), WIDTH)}",
        f"       got | {shortened(lead + ''.join(came), WIDTH)}",
        f"           | {' ' * len(before)}^",
    ]


def sample(text: str, most: int = 8) -> list[str]:
    """The beginning of a text, for a report."""
    lines = text.splitlines()
    shown = [f"  {number:>8} | {_plain(line)}" for number, line in enumerate(lines[:most], 1)]
    if 0 < len(lines) <= most and not text.endswith("\n"):
        shown[-1] += "  (no line break)"
    if len(lines) > most:
        shown.append(f"           | ... and {len(lines) - most} more lines")
    return shown or ["  nothing came"]
