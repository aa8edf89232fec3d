"""The machine's messages about a run, shortened: many threads in one place, and many tests with one end."""

from __future__ import annotations

import re
from collections.abc import Sequence

_THREAD = re.compile(r"  (?:process|thread) (\d+)(.*)")
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")
_REGISTERS = re.compile(r"( *)registers:")


def merged_threads(text: str) -> str:
    """A report on threads in which each that differs from the one before in numbers alone is only counted."""
    out: list[str] = []
    last = first = ""
    same = 0

    def count() -> None:
        if same:
            out.append(f"  {first} and {same - 1} more: the same" if same > 1 else f"  {first}: the same")

    for head, *body in _blocks(text.split("\n")):
        match = _THREAD.fullmatch(head)
        key = _NUMBER.sub("#", "\n".join([match[2], *without_registers(body)])) if match else ""
        if match and key == last:
            first = first if same else f"{head.split()[0]} {match[1]}"
            same += 1
            continue
        count()
        same, last = 0, key
        out += [head, *body]
    count()
    return "\n".join(out)


def _blocks(lines: Sequence[str]) -> list[list[str]]:
    """The lines, with those that are indented more than the head of a thread joined to it."""
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith("   ") and blocks and _THREAD.fullmatch(blocks[-1][0]):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def without_registers(lines: Sequence[str]) -> list[str]:
    """The lines without the lists of registers."""
    kept: list[str] = []
    inside = -1  # the indentation of a list of registers
    for line in lines:
        if match := _REGISTERS.match(line):
            inside = len(match[1])
            continue
        if inside >= 0 and len(line) - len(line.lstrip()) > inside:
            continue
        inside = -1
        kept.append(line)
    return kept


class Repeats:
    """The messages of the tests of one report: what an earlier test has said is not said again."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self._registers = 0  # the first test that shows some

    def shown(self, number: int, lines: Sequence[str]) -> list[str]:
        """The lines of test `number` that are new."""
        kept = without_registers(lines)
        first = self._first.setdefault(_NUMBER.sub("#", "\n".join(kept)), number)
        if first != number and len(lines) > 1:
            return [*lines[:1], f"  the rest as in test {first}, but for numbers"]
        if len(kept) == len(lines):
            return [*lines]
        self._registers = self._registers or number
        return [*lines] if self._registers == number else kept
