"""Page replacement policies: which frames to free when memory runs low.

There is one class for each policy, working on arrays indexed by frame. The machine sets A in an
entry when its page is used, and the kernel clears it to see whether the page is used again. A
policy gets the candidate frames with the bits of their entries, and selects those to free and those
whose A bits are to be cleared. A selection depends on the guest only, so runs are reproducible.

Tanenbaum and Bos, Modern Operating Systems, 4th edition, 3.4, describes all of these; Carr and
Hennessy (1981) WSClock.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from toyvm.base.bits import M64
from toyvm.base.record import Record

Frames: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

AGE_BITS = 32
TAU = 1_000_000  # ns of virtual time. WSClock: a page unused for longer has left the working set


class Candidates(Record):
    """The frames that may be freed, ascending, and the state of each.

    `accessed`: since its A bits were cleared. `dirty`: it must be written first. `born`: the serial
    number of its page, in one sequence for all. `now` is virtual time in nanoseconds.
    """

    frames: Frames
    accessed: Flags
    dirty: Flags
    born: Frames
    now: int


class Selection(Record):
    """The frames to free, and those whose A bits to clear."""

    victims: Frames
    cleared: Frames


class Policy:
    """A replacement policy. `count` is the machine's number of frames, `seed` the run's."""

    def __init__(self, count: int, seed: int = 0):
        self.count = count
        self.seed = seed

    def choose(self, among: Candidates, want: int) -> Selection:
        """Select up to `want` frames to free, at least one if there is a candidate."""
        raise NotImplementedError


_NONE: Frames = np.zeros(0, np.int64)


def _sweep(order: Frames, accessed: Flags, want: int) -> tuple[Frames, Frames]:
    """One round of a clock hand over candidates in `order` (indices), until `want` are selected.

    An accessed one is spared and loses its mark; any other is selected. A second round finds no
    marks. Returns (victims, spared), as indices.
    """
    marked = accessed[order]
    gone = np.cumsum(~marked)
    stop = int(np.searchsorted(gone, want)) + 1
    passed, marks = order[:stop], marked[:stop]
    victims, spared = passed[~marks], passed[marks]
    if len(victims) < want:
        more = spared[: want - len(victims)]
        return np.concatenate((victims, more)), spared[len(more) :]
    return victims, spared


class Fifo(Policy):
    """First in, first out, used or not."""

    def choose(self, among: Candidates, want: int) -> Selection:
        order = np.argsort(among.born, kind="stable")[:want]
        return Selection(among.frames[order], _NONE)


class SecondChance(Policy):
    """First in, first out, but an accessed page goes back to the end of the queue."""

    def __init__(self, count: int, seed: int = 0):
        super().__init__(count, seed)
        # The place in the queue: the serial number at which the page entered it, at first or again.
        self._queued = np.zeros(count, np.int64)
        self._turn = np.zeros(count, np.int64)  # orders pages that entered again at the same serial number

    def choose(self, among: Candidates, want: int) -> Selection:
        frames = among.frames
        fresh = among.born > self._queued[frames]
        self._queued[frames[fresh]] = among.born[fresh]
        self._turn[frames[fresh]] = 0
        order = np.lexsort((self._turn[frames], self._queued[frames]))
        victims, spared = _sweep(order, among.accessed, want)
        latest = int(among.born.max())
        back = frames[spared]
        self._turn[back] = np.arange(1, len(back) + 1) + int(self._turn.max())
        self._queued[back] = latest
        return Selection(frames[victims], back)


class Clock(Policy):
    """A hand moves over the frames: an accessed page is spared once, any other is freed."""

    def __init__(self, count: int, seed: int = 0):
        super().__init__(count, seed)
        self._hand = 0

    def order(self, frames: Frames) -> Frames:
        """The candidates from the hand on, as indices."""
        first = int(np.searchsorted(frames, self._hand))
        return np.concatenate((np.arange(first, len(frames)), np.arange(first)))

    def choose(self, among: Candidates, want: int) -> Selection:
        order = self.order(among.frames)
        victims, spared = _sweep(order, among.accessed, want)
        if len(victims):
            self._hand = (int(among.frames[victims[-1]]) + 1) % self.count
        return Selection(among.frames[victims], among.frames[spared])


class Lru(Policy):
    """Least recently used, by aging.

    Each scan shifts a page's A bit into its age register; the smallest number is freed.
    """

    def __init__(self, count: int, seed: int = 0):
        super().__init__(count, seed)
        self._age = np.zeros(count, np.uint32)
        self._seen = np.zeros(count, np.int64)  # the serial number of the page that the age belongs to

    def choose(self, among: Candidates, want: int) -> Selection:
        frames = among.frames
        age = self._age[frames] >> np.uint32(1)
        age[self._seen[frames] != among.born] = 0  # another page is in the frame now
        self._seen[frames] = among.born
        age[among.accessed] |= np.uint32(1 << AGE_BITS - 1)
        self._age[frames] = age
        order = np.lexsort((among.born, age))[:want]
        return Selection(frames[order], frames[among.accessed])


class Random(Policy):
    """Any page, by a generator with the run's seed."""

    def __init__(self, count: int, seed: int = 0):
        super().__init__(count, seed)
        self._drawn = 0

    def choose(self, among: Candidates, want: int) -> Selection:
        frames = among.frames
        self._drawn += 1
        start = (self.seed * 0x9E3779B97F4A7C15 + self._drawn * 0xD1342543DE82EF95) & M64
        z = frames.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
        # splitmix64, which does not depend on the version of a library
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return Selection(frames[np.argsort(z ^ z >> np.uint64(31), kind="stable")[:want]], _NONE)


class WsClock(Clock):
    """The clock with working sets.

    The hand takes clean pages that were not used for TAU, then dirty ones; if all are in use, the
    least recently used.
    """

    def __init__(self, count: int, seed: int = 0):
        super().__init__(count, seed)
        self._used = np.zeros(count, np.int64)  # virtual time of the last scan that found the page accessed
        self._seen = np.zeros(count, np.int64)

    def choose(self, among: Candidates, want: int) -> Selection:
        frames = among.frames
        self._used[frames[self._seen[frames] != among.born]] = among.now
        self._seen[frames] = among.born
        order = self.order(frames)
        used = np.where(among.accessed, among.now, self._used[frames])[order]
        outside = among.now - used > TAU
        # 0: old and clean, 1: old and dirty, 2: in the working set
        rank = np.where(outside, among.dirty[order], 2)
        picked = np.lexsort((np.where(rank == 2, used, 0), rank))[:want]
        passed = order[: int(picked.max()) + 1]
        marked = frames[passed[among.accessed[passed]]]
        self._used[marked] = among.now
        self._hand = (int(frames[passed[-1]]) + 1) % self.count
        return Selection(frames[order[picked]], marked)


POLICIES: dict[str, type[Policy]] = {
    "clock": Clock,
    "lru": Lru,
    "fifo": Fifo,
    "random": Random,
    "second-chance": SecondChance,
    "wsclock": WsClock,
}
