"""What is known of each frame of physical memory, in memory that native code reaches as well as the kernel does.

The kernel's allocator of frames works on it, and so does native code where it resolves a page fault itself. It is what a real
kernel has as its array of `struct page`, and the words beside it are the accounts of a processor that the kernel collects.
"""

from __future__ import annotations

from array import array

from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Words. The allocator's: how many frames are on the stack of freed ones, the lowest frame never used, frames in use, the most
# there have been, and how many pages have been born.
FREED, NEXT, USED, PEAK, BIRTHS = 0, 1, 2, 3, 4

# Native code resolves page faults itself while fewer frames than this are in use; 0: the kernel wants to see every fault.
LIMIT = 5

# What native code has resolved since the kernel last looked: all, of these by kind, and the pc of the last one.
RESOLVED, COPIES, REUSES, ZEROES, ZERO_READS, LAST_PC = 6, 7, 8, 9, 10, 11

# The frames of the last of them, the n-th one at n modulo the number.
RECENT = 16
RECENT_FRAMES = 8

# Where the kernel has said what an entry that is 0 stands for: pages of private, writable, anonymous memory.
WINDOWS = 32
WINDOW_WORDS = 4
WINDOW_COUNT = 4
FIRST, PAGES, FLAGS, SPAN = 0, 1, 2, 3  # first page, how many, an entry's flags, frame wished for the first
WINDOWS_END = WINDOWS + WINDOW_COUNT * WINDOW_WORDS
WORDS = WINDOWS_END


class FrameTable:
    """The table of `count` frames.

    `refs[frame]` are its references, `born[frame]` the serial number of its page, `given[frame]` whether it was ever in use;
    `freed` is a stack of free frames. The sizes never change, so that addresses stay true. `policy` gives LLVM IR
    that resolves page faults in native code as the kernel would, for engines that make native code (`engines.llvm.runtime`).
    """

    __slots__ = ("born", "freed", "given", "policy", "refs", "words")

    def __init__(self, count: int):
        self.policy: Callable[[], str] | None = None
        self.refs = array("I", bytes(4 * count))
        self.born = array("Q", bytes(8 * count))
        self.given = bytearray(count)
        self.freed = array("I", bytes(4 * count))
        self.words = array("Q", bytes(8 * WORDS))
