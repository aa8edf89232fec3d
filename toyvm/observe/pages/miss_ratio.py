"""Miss-ratio curves: how often a page is not in memory, by policy and number of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from toyvm.base.errors import UsageError
from toyvm.base.record import Record

from ..pictures.charts import lines, percent
from .policy_replay import REPLAYS
from .stack_distances import lru_distances, misses, optimal_distances, phases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .reference_string import ReferenceString

SCHEMA = "toyvm.policies/1"
NAMES = {
    "fifo": "FIFO",
    "clock": "CLOCK",
    "lru": "LRU",
    "lfu": "LFU",
    "random": "random",
    "arc": "ARC",
    "opt": "OPT",
}
MAX_FRAMES = 1 << 20
MAX_POINTS = 4096
BELADY = (1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5)
"""The string of Belady, Nelson and Shedler, "An anomaly in space-time characteristics of certain programs running in a
paging machine", CACM 12, 1969: FIFO misses 9 times with 3 frames and 10 times with 4."""


class Anomaly(Record):
    """More frames, and more misses."""

    policy: str
    frames: int
    misses: int
    more_frames: int
    more_misses: int


class Curves(Record):
    """The misses of each policy for each number of frames.

    `references` counts repetitions; `footprint` is the number of different pages, which is what every policy misses at least.
    """

    frames: tuple[int, ...]
    misses: dict[str, tuple[int, ...]]
    references: int
    footprint: int
    seed: int

    def ratio(self, policy: str, at: int) -> float:
        """Misses by references."""
        return self.misses[policy][at] / self.references if self.references else 0.0

    @property
    def anomalies(self) -> list[Anomaly]:
        """Every place of a curve where it rises."""
        found = []
        for policy, row in self.misses.items():
            points = list(zip(self.frames, row, strict=True))
            for (frames, few), (more, many) in pairwise(points):
                if many > few:
                    found.append(Anomaly(policy, frames, few, more, many))
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "schema": SCHEMA,
            "references": self.references,
            "pages": self.footprint,
            "seed": self.seed,
            "frames": list(self.frames),
            "misses": {policy: list(row) for policy, row in self.misses.items()},
            "anomalies": [
                {"policy": a.policy, "frames": [a.frames, a.more_frames], "misses": [a.misses, a.more_misses]}
                for a in self.anomalies
            ],
        }


def parse_frames(text: str) -> list[int]:
    """`4..4096` (doubling), `1..16:1` (in steps of 1), `4,8,100`, and several of these with commas. Raises UsageError."""
    found: set[int] = set()
    for word in text.split(","):
        span, _, step = word.partition(":")
        first, dots, last = span.partition("..")
        numbers = [first, last if dots else first, step or "1"]
        if not all(number.isascii() and number.isdigit() and len(number) < 10 for number in numbers):
            raise UsageError(
                f"--frames {text}: expected numbers and ranges such as 4..4096, 1..16:1 or 4,8,100"
            )
        low, high, by = map(int, numbers)
        if not 1 <= low <= high <= MAX_FRAMES or not by:
            raise UsageError(
                f"--frames {text}: '{word}' does not go up from 1 or more to at most {MAX_FRAMES:,}"
            )
        if step and (high - low) // by >= MAX_POINTS:
            raise UsageError(f"--frames {text}: more than {MAX_POINTS:,} numbers")
        if step:
            found.update(range(low, high + 1, by))
        while not step and low < high:
            found.add(low)
            low *= 2
        found.add(high)
    return sorted(found)


def curves(
    string: ReferenceString,
    frames: Sequence[int],
    policies: Iterable[str],
    seed: int = 1,
    progress: Callable[[str], None] = lambda what: None,
) -> Curves:
    """Replay `string` with each of `policies` (keys of NAMES) and each number of `frames`, which must go up."""
    found: dict[str, tuple[int, ...]] = {}
    pages, counts = string.pages.tolist(), string.counts.tolist()
    stacks = {"lru": lru_distances, "opt": optimal_distances}
    for policy in policies:
        if policy in stacks:
            progress(NAMES[policy])
            kept = phases(string.pages, frames[0])
            found[policy] = _stack_misses(stacks[policy], string.pages[kept], frames)
            continue
        row = []
        for number in frames:
            if number >= string.footprint:  # everything fits
                row.append(string.footprint)
                continue
            progress(f"{NAMES[policy]}, {number} frames")
            row.append(REPLAYS[policy](pages, counts, number, seed))
        found[policy] = tuple(row)
    return Curves(tuple(frames), found, string.references, string.footprint, seed)


def _stack_misses(
    distances: Callable[[NDArray[np.int32]], NDArray[np.int64]],
    pages: NDArray[np.int32],
    frames: Sequence[int],
) -> tuple[int, ...]:
    """Misses of a stack algorithm. What `phases` left out may have made neighbours of references to one page: hits."""
    if len(pages):
        pages = pages[np.concatenate([[True], pages[1:] != pages[:-1]])]
    return tuple(misses(distances(pages), list(frames)))


def text_table(result: Curves, *, ratios: bool = False) -> str:
    """A line for each number of frames, a column for each policy."""
    head = ["frames", *(NAMES[policy] for policy in result.misses)]
    rows = [
        [
            f"{number:,}",
            *(
                f"{100 * result.ratio(policy, at):.4g} %" if ratios else f"{row[at]:,}"
                for policy, row in result.misses.items()
            ),
        ]
        for at, number in enumerate(result.frames)
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]
    ]
    lines.insert(0, f"{result.references:,} references to {result.footprint:,} pages; misses by policy")
    for anomaly in result.anomalies:
        lines.append(
            f"{'Belady' + chr(39) + 's anomaly: ' if anomaly.policy == 'fifo' else ''}{NAMES[anomaly.policy]} misses "
            f"{anomaly.more_misses:,} times with {anomaly.more_frames:,} frames, {anomaly.misses:,} times with {anomaly.frames:,}"
        )
    return "\n".join(lines) + "\n"


def picture(result: Curves, title: str) -> str:
    """The curves as an SVG file. Raises ValueError when nothing was replayed."""
    series = {
        NAMES[policy]: [(frames, result.ratio(policy, at)) for at, frames in enumerate(result.frames)]
        for policy in result.misses
    }
    wide = result.frames[-1] > 16 * result.frames[0]
    ratios = [ratio for points in series.values() for _, ratio in points]
    y_log = min(ratios) > 0 and max(ratios) > 20 * min(ratios)
    return lines(
        series,
        title,
        "frames",
        "misses, share of all references",
        x_base=2 if wide else 0,
        y_log=y_log,
        y_text=percent,
    )
