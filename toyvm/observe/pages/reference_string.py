"""The reference string of a trace: the sequence of pages referred to.

References to the same page in a row are one entry with a count. This keeps the string short,
because programs fetch many instructions from one page before they touch another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from toyvm.base.record import Record
from toyvm.engines.watching.recording_engine import EXECUTE, READ, SPACE, WRITE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .page_trace import PageTrace

KINDS = ("all", "data", "code")
_SPACE_SHIFT = 32
_PAGE_MASK = (1 << _SPACE_SHIFT) - 1
_PIECE = 1 << 16


class ReferenceString(Record):
    """`pages[i]` was referred to `counts[i]` times in a row, first at `times[i]` (in instructions).

    Pages are numbered from 0 in the order of `keys`. `keys[page]` is the number of the address
    space, shifted by 32, and the virtual page number. `end` is the time of the string's end.
    """

    pages: NDArray[np.int32]
    counts: NDArray[np.int64]
    times: NDArray[np.int64]
    keys: NDArray[np.int64]
    end: int

    @property
    def references(self) -> int:
        """The number of references, including repetitions."""
        return int(self.counts.sum())

    @property
    def footprint(self) -> int:
        """The number of different pages."""
        return len(self.keys)

    def space_and_page(self, page: int) -> tuple[int, int]:
        """(number of the address space, virtual page number) of a page."""
        key = int(self.keys[page])
        return key >> _SPACE_SHIFT, key & _PAGE_MASK

    def first_page_at(self, space: int, page: int) -> int:
        """The first page of the string at or above virtual page `page` of an address space."""
        return int(np.searchsorted(self.keys, space << _SPACE_SHIFT | min(page, _PAGE_MASK)))

    def coarser(self, shift: int) -> ReferenceString:
        """The same references with pages of `2**shift` times the size."""
        spaces, numbers = self.keys & ~_PAGE_MASK, (self.keys & _PAGE_MASK) >> shift
        keys, mapped = np.unique(spaces | numbers, return_inverse=True)
        if not len(keys):
            return self
        pages = mapped.astype(np.int32)[self.pages]
        starts = np.flatnonzero(np.concatenate([[True], pages[1:] != pages[:-1]]))
        counts = np.add.reduceat(self.counts, starts)
        return ReferenceString(pages[starts], counts, self.times[starts], keys, self.end)


def from_pages(pages: Sequence[int]) -> ReferenceString:
    """A string as in a textbook: one reference for each instruction, in one address space."""
    joiner = _Joiner()
    keys = np.array(pages, np.int64)
    joiner.add(keys, np.ones(len(keys), np.int64), np.arange(len(keys)))
    return joiner.string(len(keys))


def reference_string(trace: PageTrace, kinds: str = "all", space: int | None = None) -> ReferenceString:
    """The references of a trace: "all", "data" (loads and stores) or "code" (fetches).

    `space` selects an address space; None selects all. The fetch of an instruction precedes its
    loads and stores.
    """
    joiner = _Joiner()
    state = _State()
    for at in range(0, len(trace.times), _PIECE):
        times, values = trace.times[at : at + _PIECE], trace.values[at : at + _PIECE]
        joiner.add(*_chosen(*_expanded(times.astype(np.int64), values, state), kinds, space))
    rest = np.array([[state.code], [trace.instructions - state.fetched], [state.fetched], [EXECUTE]])
    joiner.add(*_chosen(rest[0], rest[1], rest[2], rest[3], kinds, space))
    return joiner.string(trace.instructions)


class _State:
    """Between events: the address space, the page of the code, the instructions fetched so far."""

    space = code = fetched = 0


def _expanded(
    times: NDArray[np.int64], values: NDArray[np.uint32], state: _State
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Keys, counts, times and kinds of the references that events represent. Updates `state`."""
    kind = (values & 3).astype(np.int64)
    number = (values >> 2).astype(np.int64)
    index = np.arange(len(kind))
    switch = np.maximum.accumulate(np.where(kind == SPACE, index, -1))
    space = np.where(switch < 0, state.space, number[switch])
    keys = space << _SPACE_SHIFT | number
    fetch = np.maximum.accumulate(np.where((kind == EXECUTE) | (kind == SPACE), index, -1))
    code = np.where(fetch < 0, state.code, keys[fetch])
    fetched = times + (kind != SPACE)  # instructions fetched at the end of the event
    before = np.concatenate([[state.fetched], fetched[:-1]])
    reached = times + ((kind == READ) | (kind == WRITE))
    # Between two events, instructions are fetched from one page. The event's own reference follows.
    string = np.stack([np.concatenate([[state.code], code[:-1]]), keys], 1)
    counts = np.stack([np.maximum(reached - before, 0), kind != SPACE], 1)
    when = np.stack([before, times], 1)
    kinds = np.stack([np.full(len(kind), EXECUTE), kind], 1)
    state.space, state.code, state.fetched = int(space[-1]), int(code[-1]), int(fetched[-1])
    return string.reshape(-1), counts.reshape(-1), when.reshape(-1), kinds.reshape(-1)


def _chosen(
    keys: NDArray[np.int64],
    counts: NDArray[np.int64],
    times: NDArray[np.int64],
    kinds: NDArray[np.int64],
    which: str,
    space: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The references with a count above 0 that match `which` and `space`."""
    wanted = counts > 0
    if which != "all":
        wanted &= (kinds == EXECUTE) == (which == "code")
    if space is not None:
        wanted &= keys >> _SPACE_SHIFT == space
    return keys[wanted], counts[wanted], times[wanted]


class _Joiner:
    """Merges repetitions, and numbers pages in the order of appearance."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._pages = [np.zeros(0, np.int32)]
        self._counts = [np.zeros(0, np.int64)]
        self._times = [np.zeros(0, np.int64)]

    def add(self, keys: NDArray[np.int64], counts: NDArray[np.int64], times: NDArray[np.int64]) -> None:
        """Append references."""
        if not len(keys):
            return
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        names, inverse = np.unique(keys[starts], return_inverse=True)
        numbers = [self._numbers.setdefault(key, len(self._numbers)) for key in names.tolist()]
        pages = np.array(numbers, np.int32)[inverse]
        counts = np.add.reduceat(counts, starts)
        if len(self._pages[-1]) and self._pages[-1][-1] == pages[0]:
            self._counts[-1][-1] += counts[0]
            pages, counts, starts = pages[1:], counts[1:], starts[1:]
        if len(pages):
            self._pages.append(pages)
            self._counts.append(counts)
            self._times.append(times[starts])

    def string(self, end: int) -> ReferenceString:
        """The whole string, with pages renumbered in the order of their keys."""
        keys = np.array(list(self._numbers), np.int64)
        order = np.argsort(keys)
        rank = np.empty(len(keys), np.int32)
        rank[order] = np.arange(len(keys), dtype=np.int32)
        pages = np.concatenate(self._pages)
        pages = rank[pages] if len(keys) else pages
        return ReferenceString(
            pages, np.concatenate(self._counts), np.concatenate(self._times), keys[order], end
        )
