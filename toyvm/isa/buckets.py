"""Finding the row of an instruction: a few dictionary look-ups, derived from match and mask alone.

Every row is filed under the bits that all rows of its kind fix: opcode and funct3, opcode, or (for compressed
instructions) funct3 and op. A bucket is searched in the order of how much its rows fix, so that `pause` is found
before `fence`. Nothing here knows what a row is, so that an engine can file its own prepared rows.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost every start of a program several milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol, TypeVar

    class Row(Protocol):
        """What can be filed: `word & mask == match`, and a bit of `nonzero` if it has any, tells it from all others."""

        @property
        def match(self) -> int: ...
        @property
        def mask(self) -> int: ...
        @property
        def nonzero(self) -> int: ...

    RowType = TypeVar("RowType", bound=Row)

_KEYS = (0x707F, 0x7F, 0xE003, 0x3)


def file_rows(rows: Iterable[RowType]) -> list[tuple[int, dict[int, list[RowType]]]]:
    """Buckets as (bits that are looked up, their value -> rows)."""
    filed: dict[int, dict[int, list[RowType]]] = {key: {} for key in _KEYS}
    for row in sorted(rows, key=lambda row: -row.mask.bit_count()):
        key = next(key for key in _KEYS if row.mask & key == key)
        filed[key].setdefault(row.match & key, []).append(row)
    return [(key, buckets) for key, buckets in filed.items() if buckets]


def find_row(filed: list[tuple[int, dict[int, list[RowType]]]], word: int) -> RowType | None:
    """The row that `word` is an instance of, or None."""
    for key, buckets in filed:
        for row in buckets.get(word & key, ()):
            if word & row.mask == row.match and (not row.nonzero or word & row.nonzero):
                return row
    return None
