"""The state of each frame of physical memory, in arrays that the kernel and native code share.

The kernel's frame allocator works on it, and so does native code when it resolves a page fault
itself. It corresponds to Linux's array of `struct page`. `words` holds the allocator's totals and
the counts of native code, which the kernel collects.
"""

from __future__ import annotations

from array import array
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap

from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

# Indices into `words`. The allocator's: the height of the stack of freed frames, the lowest frame that was
# never used, the frames in use, their peak, and the number of pages allocated so far.
FREED, NEXT, USED, PEAK, BIRTHS = 0, 1, 2, 3, 4

# Native code resolves page faults while fewer frames than this are in use. 0: the kernel resolves every
# fault.
LIMIT = 5

# Faults that native code has resolved since the kernel last collected them: in all, by kind, and the
# last one's pc.
RESOLVED, COPIES, REUSES, ZEROES, ZERO_READS, LAST_PC = 6, 7, 8, 9, 10, 11

# A ring of the frames of the latest of these faults: the n-th is at n modulo RECENT_FRAMES.
RECENT = 16
RECENT_FRAMES = 8

# The window of file pages: a run of pages of one area whose frames, in the page cache, are adjacent. The
# faults that native code has resolved there, the first page, the number of pages, the flags of an entry, and
# the first page's frame.
FILE_READS, FILE_FIRST, FILE_PAGES, FILE_FLAGS, FILE_FRAME = 24, 25, 26, 27, 28

# Windows: runs of pages whose zero entries the kernel has declared to be private, writable, anonymous memory.
WINDOWS = 32
WINDOW_WORDS = 4
WINDOW_COUNT = 4
FIRST, PAGES, FLAGS, SPAN = 0, 1, 2, 3  # first page, page count, PTE flags, preferred frame of the first page
WINDOWS_END = WINDOWS + WINDOW_COUNT * WINDOW_WORDS
WORDS = WINDOWS_END

PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS  # of host memory that a fork of this process copies


def _zeros(form: Literal["I", "Q"], size: int) -> memoryview[int]:
    """`size` bytes of zeros as words. The host allocates a page of them at its first write."""
    return memoryview(mmap(-1, size, flags=PRIVATE)).cast(form)


class FrameTable:
    """The table of `count` frames.

    `refs[frame]` is its reference count, `born[frame]` the serial number of its page, and
    `given[frame]` 1 if it was ever in use, else 0. `freed` is a stack of free frames. These arrays
    are anonymous mappings of the host, so frames that are never used cost nothing. They never
    change size, so their addresses stay valid.

    `policy` returns LLVM IR that resolves page faults as the kernel does, for engines with native
    code (`engines.llvm.runtime`). The kernel sets it; without it, every fault ends the native code.

    `native` has the functions of that IR which the kernel calls itself, by name, while an engine with
    native code runs. Each takes an array of numbers, and leaves its result there.
    """

    __slots__ = ("born", "freed", "given", "native", "policy", "refs", "words")

    def __init__(self, count: int):
        self.policy: Callable[[], str] | None = None
        self.native: dict[str, Callable[[array[int]], None]] = {}
        self.refs = _zeros("I", 4 * count)
        self.born = _zeros("Q", 8 * count)
        self.given = mmap(-1, count, flags=PRIVATE)
        self.freed = _zeros("I", 4 * count)
        self.words = array("Q", bytes(8 * WORDS))
