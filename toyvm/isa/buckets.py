"""Finding the row of an instruction: a few dictionary look-ups, derived from match and mask alone.

Every row is filed under the bits that all rows of its kind fix: opcode and funct3, opcode, or (for compressed
instructions) funct3 and op. A bucket is searched in the order of how much its rows fix, so that `pause` is found
before `fence`. Nothing here knows what a row is, so that an engine can file its own prepared rows.
"""

from __future__ import annotations

from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    R = TypeVar("R")
    # match, mask, nonzero, row: `word & mask == match`, and a bit of `nonzero` if it has any, tells the row from all others
    Entry = tuple[int, int, int, R]
    Filed = list[tuple[int, dict[int, list[Entry[R]]]]]

_KEYS = (0x707F, 0x7F, 0xE003, 0x3)


def file_rows(entries: Iterable[Entry[R]]) -> Filed[R]:
    """Buckets as (bits that are looked up, their value -> entries). They are plain data if the rows are."""
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
