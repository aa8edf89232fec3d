"""The heat map of page references: time from left to right, addresses from bottom to top.

A cell with more references is darker. Pages without references are omitted; a gap marks them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np

from toyvm.base.record import Record
from toyvm.machine.physical_memory import PAGE_SHIFT

from ..pages.locality_report import page_names
from ..pages.reference_string import ReferenceString
from .charts import Scale, document, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..pages.page_trace import Space

COLUMNS = 300
MAX_ROWS = 240
CELL = 2.4  # width of a column, in pixels
GAP = 5  # between pages that are not adjacent, in pixels
LABEL = 14  # height of a label, in pixels
LEVELS = ("#dceaf6", "#b9d5ec", "#8fbadf", "#5f9bcf", "#3a7abf", "#245a9c", "#163d73", "#0b2347")


class Row(Record):
    """A row of the map: adjacent pages of one area, and the address of the first."""

    space: int
    area: str
    address: int
    pages: tuple[int, ...]


def rows_of(spaces: Sequence[Space], string: ReferenceString, limit: int = MAX_ROWS) -> tuple[list[Row], int]:
    """(rows from low to high addresses, pages in a row).

    The number of pages is the smallest power of two for which `limit` rows suffice. A row contains
    pages of one area only.
    """
    names = page_names(spaces, string)
    per_row = 1
    while True:
        rows = []
        keyed = (
            ((space, start, name, string.space_and_page(page)[1] // per_row), page)
            for page, (space, name, start) in enumerate(names)
        )
        for (space, _, name, block), group in groupby(keyed, key=lambda item: item[0]):
            address = block * per_row << PAGE_SHIFT
            rows.append(Row(space, name, address, tuple(page for _, page in group)))
        if len(rows) <= limit or per_row >= 1 << 26:
            return rows, per_row
        per_row *= 2


def heat(string: ReferenceString, rows: Sequence[Row], columns: int = COLUMNS) -> NDArray[np.float64]:
    """The references by row and column.

    An entry that lasts for several columns is distributed over them.
    """
    row_of = np.zeros(string.footprint, np.int64)
    for at, row in enumerate(rows):
        row_of[list(row.pages)] = at
    width = max(string.end, 1) / columns
    stop = np.append(string.times[1:], string.end)
    first = np.minimum((string.times / width).astype(np.int64), columns - 1)
    last = np.minimum((stop / width).astype(np.int64), columns - 1)
    where = row_of[string.pages]
    inside = first == last
    size = len(rows) * columns
    counted = np.bincount(where[inside] * columns + first[inside], string.counts[inside], size)
    cells = counted.astype(np.float64).reshape(len(rows), columns)
    for run in np.flatnonzero(~inside).tolist():  # entries do not overlap: at most one for each column
        begin, end = string.times[run], stop[run]
        edges = np.clip(np.arange(first[run], last[run] + 2) * width, begin, end)
        cells[where[run], first[run] : last[run] + 1] += string.counts[run] * np.diff(edges) / (end - begin)
    return cells


def heatmap(spaces: Sequence[Space], string: ReferenceString, title: str) -> str:
    """The map as an SVG file. Raises ValueError if there are no references."""
    if not string.footprint:
        raise ValueError("no references")
    rows, per_row = rows_of(spaces, string)
    cells = heat(string, rows)
    room = max(2.0, min(10.0, 420 / len(rows)))
    bands = _bands(rows, per_row)
    bottoms = _bottoms(rows, bands, room)
    height = round(bottoms[-1] + room + 110)
    left, width = 250, round(250 + COLUMNS * CELL + 30)
    base = height - 66.0  # the bottom of the lowest row
    out = _areas(rows, bands, [base - bottom for bottom in bottoms], room, left, spaces)
    out += _cells(cells, [base - bottom - room / 2 for bottom in bottoms], room, left)
    x = Scale(0, max(string.end, 1), left, left + COLUMNS * CELL)
    for value in x.ticks():
        at = x.at(value)
        out.append(
            f'<path class="axis" d="M{at:.1f} {base + 6:.1f}v5"/>'
            f'<text class="small" x="{at:.1f}" y="{base + 23:.1f}" text-anchor="middle">{number(value)}</text>'
        )
    out.append(f'<path class="axis" d="M{left} {base + 6:.1f}H{x.stop:.1f}"/>')
    out.append(
        f'<text x="{(x.start + x.stop) / 2:.1f}" y="{base + 42:.1f}" text-anchor="middle">time, instructions</text>'
    )
    out += _legend(float(cells.max()), string.end / COLUMNS, per_row, width, height)
    return document(width, height, title, out)


def _bands(rows: Sequence[Row], per_row: int) -> list[int]:
    """For each row the number of its band: a band is a run of adjacent rows in one area."""
    band, found = 0, [0]
    for row, after in pairwise(rows):
        near = after.address - row.address <= per_row << PAGE_SHIFT
        band += (row.space, row.area) != (after.space, after.area) or not near
        found.append(band)
    return found


def _bottoms(rows: Sequence[Row], bands: Sequence[int], room: float) -> list[float]:
    """The height of each row's bottom. A band with a label is at least as high as the label."""
    found, at, begins = [], 0.0, 0.0
    for index in range(len(rows)):
        if index and bands[index] != bands[index - 1]:
            at = max(at, begins + LABEL if _labelled(rows, bands, index - 1) else at) + GAP
            begins = at
        found.append(at)
        at += room
    return found


def _labelled(rows: Sequence[Row], bands: Sequence[int], index: int) -> bool:
    """Whether the band of a row is the lowest of its area: the band with the label."""
    first = bands.index(bands[index])
    return not first or (rows[first - 1].space, rows[first - 1].area) != (rows[first].space, rows[first].area)


def _areas(
    rows: Sequence[Row],
    bands: Sequence[int],
    lows: Sequence[float],
    room: float,
    left: float,
    spaces: Sequence[Space],
) -> list[str]:
    out = []
    for band in range(bands[-1] + 1):
        first = bands.index(band)
        last = len(bands) - 1 - bands[::-1].index(band)
        top = lows[last] - room
        out.append(
            f'<rect x="{left}" y="{top:.1f}" width="{COLUMNS * CELL:.1f}" height="{lows[first] - top:.1f}" fill="#f4f4f4"/>'
        )
        if _labelled(rows, bands, first):
            row = rows[first]
            who = f"{spaces[row.space].pid} " if len(spaces) > 1 else ""
            out.append(
                f'<text class="small" x="{left - 8}" y="{lows[first]:.1f}" text-anchor="end">'
                f"{escape(f'{who}{row.area}')}  {row.address:x}</text>"
            )
    return out


def _cells(cells: NDArray[np.float64], middles: Sequence[float], room: float, left: float) -> list[str]:
    """The cells as horizontal strokes, one path for each level."""
    top = math.log1p(float(cells.max())) or 1.0
    level = np.where(cells > 0, np.minimum(np.log1p(cells) / top * len(LEVELS), len(LEVELS) - 1), -1).astype(
        int
    )
    strokes: list[list[str]] = [[] for _ in LEVELS]
    for row, middle in zip(level.tolist(), middles, strict=True):
        column = 0
        for value, run in groupby(row):
            length = len(list(run))
            if value >= 0:
                strokes[value].append(f"M{left + column * CELL:.1f} {middle:.1f}h{length * CELL:.1f}")
            column += length
    return [
        f'<path stroke="{colour}" stroke-width="{room:.2f}" fill="none" d="{"".join(paths)}"/>'
        for colour, paths in zip(LEVELS, strokes, strict=True)
        if paths
    ]


def _legend(most: float, column: float, per_row: int, width: int, height: int) -> list[str]:
    unit = f"one row: {per_row:,} page{'s' * (per_row > 1)}; one column: {column:,.0f} instructions"
    out = [
        f'<text class="small" x="16" y="{height - 12}">{unit}; pages without references are omitted</text>'
    ]
    left = width - 75 - 20 * len(LEVELS)
    out += [
        f'<rect x="{left + 20 * at}" y="12" width="20" height="12" fill="{colour}"/>'
        for at, colour in enumerate(LEVELS)
    ]
    out.append(
        f'<text class="small" x="{left - 6}" y="22" text-anchor="end">references in a cell: 1</text>'
        f'<text class="small" x="{left + 20 * len(LEVELS) + 4}" y="22">{number(round(most))}</text>'
    )
    return out
