"""Looks up the row of an instruction by its match and mask, with a few dictionary look-ups.

Every row is filed under the bits that all rows of its kind fix: opcode and funct3, opcode, or (for compressed
instructions) funct3 and op. In a bucket the rows that fix more bits come first, so `pause` is found before `fence`.
This module does not know what a row is: an engine files its own prepared rows here.
"""

from __future__ import annotations

from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    R = TypeVar("R")
    # match, mask, nonzero, row. A word matches if `word & mask == match`, and if `nonzero` is 0 or `word & nonzero` is not
    Entry = tuple[int, int, int, R]
    Filed = list[tuple[int, dict[int, list[Entry[R]]]]]

_KEYS = (0x707F, 0x7F, 0xE003, 0x3)


def file_rows(entries: Iterable[Entry[R]]) -> Filed[R]:
    """Buckets: (the bits to look up, their value -> entries). The result is plain data if the rows are."""
    filed: dict[int, dict[int, list[Entry[R]]]] = {key: {} for key in _KEYS}
    for entry in sorted(entries, key=lambda entry: -entry[1].bit_count()):
        match, mask = entry[:2]
        key = next(key for key in _KEYS if mask & key == key)
        filed[key].setdefault(match & key, []).append(entry)
    return [(key, buckets) for key, buckets in filed.items() if buckets]


def find_row(filed: Filed[R], word: int) -> R | None:
    """The row that `word` is an instance of, or None."""
    for key, buckets in filed:
        for match, mask, nonzero, row in buckets.get(word & key, ()):
            if word & mask == match and (not nonzero or word & nonzero):
                return row
    return None
