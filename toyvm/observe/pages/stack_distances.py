"""Stack distances: one pass gives the misses of LRU, or of the optimum, for all numbers of frames.

Both policies have the inclusion property (Mattson, Gecsei, Slutz and Traiger, "Evaluation
techniques for storage hierarchies", IBM Systems Journal 9, 1970): the pages in memory with m frames
are also in memory with m + 1. So all numbers of frames share one list of pages, the stack: its
first m pages are those in memory with m frames, and a reference is a hit if its page is at depth m
or less.

The strings have no adjacent repetitions. The distance of a first reference is given as 0.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 64  # intervals up to this length are counted for all references at once
GROWTH = 8
SHALLOW = 32  # up to this depth, Python is faster than numpy


def previous(pages: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each reference, the index of the previous reference to its page, or -1."""
    before = np.full(len(pages), -1, np.int64)
    order = _by_page(pages)
    same = pages[order[1:]] == pages[order[:-1]]
    before[order[1:][same]] = order[:-1][same]
    return before


def following(pages: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each reference, the index of the next reference to its page.

    Last references get distinct numbers from len(pages) up.
    """
    after = np.arange(len(pages), 2 * len(pages))
    order = _by_page(pages)
    same = pages[order[1:]] == pages[order[:-1]]
    after[order[:-1][same]] = order[1:][same]
    return after


def _by_page(pages: NDArray[np.int32]) -> NDArray[np.intp]:
    """The order by page and then by time. numpy sorts 16-bit numbers in linear time."""
    narrow = not len(pages) or int(pages.max()) < 1 << 16
    return np.argsort(pages.astype(np.uint16) if narrow else pages, kind="stable")


def lru_distances(pages: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each reference, the number of different pages since the last one to its page, inclusive.

    If p is the previous reference to the page of reference i, the distance is 1 plus the number of
    references j between p and i whose own previous reference is before p: each page is counted at
    its first occurrence. Short intervals are counted for all references at once. In long intervals
    most references are repetitions that `_thin` removes.
    """
    before = previous(pages)
    distances = np.where(before >= 0, 1, 0)
    index = np.arange(len(pages))
    open_ = np.flatnonzero(before >= 0)
    for step in range(1, NEAR):
        open_ = open_[open_ - before[open_] > step]
        distances[open_] += before[open_ - step] < before[open_]
    reach = NEAR
    open_ = open_[open_ - before[open_] > reach]
    distances[open_] = 1
    # `wanted` are indices into `string`; `index` are the positions of its entries in `pages`.
    wanted, string = open_, pages
    while len(wanted):
        kept = _thin(string, reach)
        wanted = np.searchsorted(kept, wanted)
        string, index = string[kept], index[kept]
        reach *= GROWTH
        before = previous(string)
        near = wanted - before[wanted] <= reach
        for at in wanted[near].tolist():
            start = int(before[at])
            distances[index[at]] += np.count_nonzero(before[start + 1 : at] < start)
        wanted = wanted[~near]
    return distances


def _thin(pages: NDArray[np.int32], length: int) -> NDArray[np.intp]:
    """The references that are the first or last of their page in a block of `length` references.

    An interval that is longer than a block and contains another reference also contains the first
    or the last reference to its page in the block; otherwise it would lie between them. So removing
    the other references does not change the number of different pages in such an interval.
    """
    stretch = np.arange(len(pages)) // length
    before, after = previous(pages), following(pages)
    first = (before < 0) | (stretch[before] != stretch)
    last = (after >= len(pages)) | (stretch[np.minimum(after, len(pages) - 1)] != stretch)
    return np.flatnonzero(first | last)


def optimal_distances(pages: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each reference, the least number of frames with which the optimum has its page in memory.

    The optimum is Belady's. The stack follows Mattson's rule: the page referred to moves to the
    top. The page that was there moves down; at each position, the page that is needed later moves
    on, until the gap is filled. The stack holds the time of each page's next reference, so the page
    referred to now is the one whose time is `now`.
    """
    size = int(pages.max()) + 1 if len(pages) else 0
    stack = array("q", bytes(8 * (size + 1)))
    view = np.frombuffer(stack, np.int64)
    distances = array("q", bytes(8 * len(pages)))
    cold = (previous(pages) < 0).tolist()
    height = 0
    for now, after in enumerate(following(pages).tolist()):
        if cold[now]:
            depth = height
            height += 1
        else:
            try:
                depth = stack.index(now, 0, SHALLOW)
            except ValueError:
                depth = int((view[:height] == now).argmax())
            distances[now] = depth + 1
        if depth <= SHALLOW:
            sinking = after
            for at in range(depth):
                there = stack[at]
                if there > sinking or not at:
                    stack[at] = sinking
                    sinking = there
            stack[depth] = sinking
        else:
            latest = np.maximum.accumulate(view[:depth])
            view[1:depth] = np.minimum(view[1:depth], latest[:-1])
            view[depth] = latest[-1]
            view[0] = after
    return np.array(distances, np.int64)


def phases(pages: NDArray[np.int32], frames: int) -> NDArray[np.intp]:
    """The references that determine the misses of LRU and the optimum with `frames` frames or more.

    The string is divided into phases of at most `frames` different pages. In each phase, only the
    first and the last reference to a page are kept: neither policy evicts the page between them, so
    the others are hits (Kaplan, Smaragdakis and Wilson, "Trace reduction for virtual memory
    simulations", SIGMETRICS 1999).
    """
    phase = np.zeros(len(pages), np.int64)
    cuts = []
    inside: set[int] = set()
    for at, page in enumerate(pages.tolist()):
        if page not in inside:
            if len(inside) == frames:
                inside.clear()
                cuts.append(at)
            inside.add(page)
    phase[cuts] = 1
    phase = np.cumsum(phase)
    before, after = previous(pages), following(pages)
    first = (before < 0) | (phase[before] != phase)
    last = (after >= len(pages)) | (phase[np.minimum(after, len(pages) - 1)] != phase)
    return np.flatnonzero(first | last)


def misses(distances: NDArray[np.int64], frames: list[int]) -> list[int]:
    """The misses by number of frames: first references, and those with a greater distance."""
    counts = np.bincount(distances)
    hits = np.cumsum(counts) - counts[0] if len(counts) else counts
    return [len(distances) - int(hits[min(number, len(hits) - 1)]) if len(hits) else 0 for number in frames]
