"""What the page's JSON does to be small and exact: strings are stored once, large numbers are text."""

from __future__ import annotations

EXACT = 1 << 53  # JavaScript's numbers are exact below this


class Strings:
    """The strings of a recording, each stored once: `number` gives its place in `table`."""

    def __init__(self) -> None:
        self.table: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The place of `text` in the table. Bytes that are not UTF-8 are shown as U+FFFD."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.table)
            self.table.append(text.encode("utf-8", "replace").decode("utf-8"))
        return found


def exact(value: int) -> int | str:
    """A number as JSON that loses no digit in a browser: hexadecimal text from 2**53 on."""
    return value if -EXACT < value < EXACT else f"{value & (1 << 64) - 1:#x}"
