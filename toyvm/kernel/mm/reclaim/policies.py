"""Page replacement: which frames go when memory runs low. One class for each policy, all over arrays indexed by frame.

The machine sets A in an entry when its page is used and the kernel clears it to learn whether that happens again.
A policy gets the frames that may go and what their entries say, and answers which go and whose A bits are to be cleared.
Every answer depends on the guest alone, so a run repeats itself exactly.

Tanenbaum and Bos, Modern Operating Systems, 4th edition, 3.4, describes all of these; Carr and Hennessy (1981) WSClock.
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
TAU = 1_000_000  # nanoseconds of virtual time. WSClock: a page that was not used for longer has left the working set


class Candidates(Record):
    """The frames that may go, ascending, and of each: was it accessed since its A bits were cleared, must it be written, when
    it was filled (a serial number of the allocator, one sequence for all). `now` is virtual time in nanoseconds."""

    frames: Frames
    accessed: Flags
    dirty: Flags
    born: Frames
    now: int


class Selection(Record):
    """The frames to free, and those whose A bits begin again at 0."""

    victims: Frames
    cleared: Frames


class Policy:
    """`count` is the number of frames of the machine, `seed` that of the run."""

    def __init__(self, count: int, seed: int = 0):
        self.count = count
        self.seed = seed

    def choose(self, among: Candidates, want: int) -> Selection:
        """Up to `want` frames to free (at least one if there is a candidate)."""
        raise NotImplementedError


_NOBODY: Frames = np.zeros(0, np.int64)


def _sweep(order: Frames, accessed: Flags, want: int) -> tuple[Frames, Frames]:
    """Go through candidates in `order` (indices) as the hand of a clock does: one that was accessed is spared and its mark
    wiped, another goes, until `want` have gone. (victims, spared), as indices. A second round finds no marks."""
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
    """The page that came first goes first, used or not."""

    def choose(self, among: Candidates, want: int) -> Selection:
        order = np.argsort(among.born, kind="stable")[:want]
        return Selection(among.frames[order], _NOBODY)


class SecondChance(Policy):
    """First come, first gone; but a page that was accessed goes back to the end of the queue."""

    def __init__(self, count: int, seed: int = 0):
        super().__init__(count, seed)
        self._queued = np.zeros(
            count, np.int64
        )  # place in the queue: the serial number of coming, or of coming back
        self._turn = np.zeros(count, np.int64)  # orders pages that came back at the same serial number

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
    """A hand goes round the frames: a page that was accessed is spared once, another goes."""

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
    """Least recently used, by aging: each scan shifts a page's A bit into a register of its own; the smallest number goes."""

    def __init__(self, count: int, seed: int = 0):
        super().__init__(count, seed)
        self._age = np.zeros(count, np.uint32)
        self._seen = np.zeros(
            count, np.int64
        )  # what was in the frame when its age was taken: the serial number

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
        z = (z ^ z >> np.uint64(30)) * np.uint64(
            0xBF58476D1CE4E5B9
        )  # splitmix64, so that no library's version matters
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return Selection(frames[np.argsort(z ^ z >> np.uint64(31), kind="stable")[:want]], _NOBODY)


class WsClock(Clock):
    """The clock with working sets: the hand takes clean pages that were not used for TAU; then those that must be written;
    with everything in use, what was used longest ago."""

    def __init__(self, count: int, seed: int = 0):
        super().__init__(count, seed)
        self._used = np.zeros(count, np.int64)  # virtual time when the page was last seen to be used
        self._seen = np.zeros(count, np.int64)

    def choose(self, among: Candidates, want: int) -> Selection:
        frames = among.frames
        self._used[frames[self._seen[frames] != among.born]] = among.now
        self._seen[frames] = among.born
        order = self.order(frames)
        used = np.where(among.accessed, among.now, self._used[frames])[order]
        outside = among.now - used > TAU
        rank = np.where(
            outside, among.dirty[order], 2
        )  # 0 old and clean, 1 old and dirty, 2 in the working set
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
