"""Miss ratio curves: the misses of page replacement policies by number of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from toyvm.base.errors import UsageError
from toyvm.base.record import Record

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
"""The string of Belady, Nelson and Shedler, "An anomaly in space-time characteristics of certain
programs running in a paging machine", CACM 12, 1969: FIFO misses 9 times with 3 frames and 10 times
with 4."""


class Anomaly(Record):
    """A policy misses more often with more frames."""

    policy: str
    frames: int
    misses: int
    more_frames: int
    more_misses: int


class Curves(Record):
    """The misses of each policy for each number of frames.

    `references` includes repetitions. `footprint` is the number of different pages, the least
    possible number of misses.
    """

    frames: tuple[int, ...]
    misses: dict[str, tuple[int, ...]]
    references: int
    footprint: int
    seed: int

    def ratio(self, policy: str, at: int) -> float:
        """Misses divided by references, for the frames `self.frames[at]`."""
        return self.misses[policy][at] / self.references if self.references else 0.0

    @property
    def anomalies(self) -> list[Anomaly]:
        """The points where a curve rises."""
        found = []
        for policy, row in self.misses.items():
            points = list(zip(self.frames, row, strict=True))
            for (frames, few), (more, many) in pairwise(points):
                if many > few:
                    found.append(Anomaly(policy, frames, few, more, many))
        return found

    def to_json(self) -> dict[str, Any]:
        """The curves as JSON values."""
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
    """Parse `4..4096` (doubling), `1..16:1` (steps of 1), `4,8,100`, or several with commas.

    Raises UsageError.
    """
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
            raise UsageError(f"--frames {text}: '{word}' is not an increasing range from 1 to {MAX_FRAMES:,}")
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
    """Replay `string` with `policies` (keys of NAMES) and `frames` (in increasing order)."""
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
    """The misses of a stack algorithm.

    Repeated references, which `phases` may leave adjacent, are hits.
    """
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
