"""Stack distances: one pass over a reference string gives the misses of LRU, or of the optimum, for every number of frames.

Both policies have the inclusion property (Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies",
IBM Systems Journal 9, 1970): what is in memory with m frames is in memory with m + 1. So there is one list, the stack,
whose first m pages are those in memory, and a reference is a hit exactly when its page stands no deeper than m.

Strings here have no page twice in a row; 0 stands for the distance of a first reference.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 64  # up to here distances are counted for all references at once
GROWTH = 8
SHALLOW = 32  # up to here Python is faster than numpy


def previous(pages: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each reference the index of the one before it to the same page, or -1."""
    before = np.full(len(pages), -1, np.int64)
    order = _by_page(pages)
    same = pages[order[1:]] == pages[order[:-1]]
    before[order[1:][same]] = order[:-1][same]
    return before


def following(pages: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each reference the index of the next one to the same page; len(pages) and above, each once, where there is none."""
    after = np.arange(len(pages), 2 * len(pages))
    order = _by_page(pages)
    same = pages[order[1:]] == pages[order[:-1]]
    after[order[:-1][same]] = order[1:][same]
    return after


def _by_page(pages: NDArray[np.int32]) -> NDArray[np.intp]:
    """The order by page and then by time. Narrow numbers are sorted in linear time."""
    narrow = not len(pages) or int(pages.max()) < 1 << 16
    return np.argsort(pages.astype(np.uint16) if narrow else pages, kind="stable")


def lru_distances(pages: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each reference the number of different pages since the last one to its page, itself included.

    The distance of reference i with the one before it at p is 1 + the number of j between them whose own predecessor is before
    p: each page between is counted where it first occurs. Short intervals are looked at for all references at once. Of a
    long one, most references repeat what stands near them and can be left out: see `_thin`.
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
    wanted, string = (
        open_,
        pages,
    )  # `wanted`: indices into `string`; `index`: where in `pages` the string's entries are
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
    """The references that are a page's first or last in a stretch of `length` references.

    An interval longer than a stretch that holds one of the others holds the first or the last as well: if it held
    neither, it would lie between them. So it has as many different pages without the others.
    """
    stretch = np.arange(len(pages)) // length
    before, after = previous(pages), following(pages)
    first = (before < 0) | (stretch[before] != stretch)
    last = (after >= len(pages)) | (stretch[np.minimum(after, len(pages) - 1)] != stretch)
    return np.flatnonzero(first | last)


def optimal_distances(pages: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each reference the number of frames from which on Belady's optimum has its page in memory.

    The stack is ordered by Mattson's rule: the page referred to goes to the top, and what was there sinks, at each place changing
    with the page there if that one is needed later, until the gap is filled. A page is known by the time of its next
    reference, which makes the page referred to now the one whose time is now.
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
    """The references that decide the misses of LRU and of the optimum for `frames` frames and more.

    The string is cut into phases of at most `frames` different pages. In a phase only the first and the last reference to a page are
    kept: with so many frames neither policy evicts the page between them, and the others are hits (Kaplan, Smaragdakis and
    Wilson, "Trace reduction for virtual memory simulations", SIGMETRICS 1999).
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
    """The misses with each number of frames: the first references, and those from deeper."""
    counts = np.bincount(distances)
    hits = np.cumsum(counts) - counts[0] if len(counts) else counts
    return [len(distances) - int(hits[min(number, len(hits) - 1)]) if len(hits) else 0 for number in frames]
