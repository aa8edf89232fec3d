"""Who holds which frame of physical memory: a reference count for each, and the frames nobody holds.

Every user mapping, every page-cache entry and every page table counts as one reference. Frame 0 is the shared zero
page: it is never handed out, never freed, and not counted as used.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from ..machine.memory import PhysicalMemory

ZERO_FRAME = 0


class OutOfFrames(Exception):
    """No frame is free and none could be reclaimed."""


class FrameAllocator:
    """Frames 1 .. count-1 of `memory`; the most recently freed one is given first, else the lowest never used.

    `reclaim` is called when nothing is free; it frees what it can and returns how many frames that were.
    """

    def __init__(self, memory: PhysicalMemory):
        self.memory = memory
        self.count = memory.frame_count
        self.refs = array("I", bytes(4 * self.count))
        self.refs[ZERO_FRAME] = 1
        self._freed: list[int] = []
        self._next = 1
        self.used = 0
        self.peak = 0
        self.reclaim: Callable[[], int] = lambda: 0

    @property
    def free(self) -> int:
        """Frames that `alloc` can still give without reclaim."""
        return self.count - 1 - self.used

    def alloc(self, *, zeroed: bool = True) -> int:
        """A frame with reference count 1, filled with zero bytes unless the caller will overwrite it all.

        Raises OutOfFrames.
        """
        if not self._freed and self._next >= self.count and not self.reclaim():
            raise OutOfFrames
        if self._freed:
            frame = self._freed.pop()
            if zeroed:
                self.memory.zero_frame(frame)
        else:
            frame = self._next  # never used since the memory was made: already zero
            self._next += 1
        self.refs[frame] = 1
        self.used += 1
        if self.used > self.peak:
            self.peak = self.used
        return frame

    def get(self, frame: int) -> None:
        """One reference more."""
        self.refs[frame] += 1

    def put(self, frame: int) -> None:
        """One reference less; the last one frees the frame."""
        left = self.refs[frame] - 1
        self.refs[frame] = left
        if left == 0:
            self.used -= 1
            self._freed.append(frame)

    def refcount(self, frame: int) -> int:
        """How many hold `frame`."""
        return self.refs[frame]
