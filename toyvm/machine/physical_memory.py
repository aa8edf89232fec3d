"""Physical memory: one anonymous mapping of the host, so an untouched frame costs nothing.

Views of 1, 2, 4 and 8 bytes let an engine load and store a naturally aligned unit with one index
operation. The wide views have the host's byte order, so the host must be little-endian.
"""

from __future__ import annotations

import mmap
import sys
from contextlib import suppress
from itertools import repeat

from ..base.errors import UsageError
from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from .frame_table import FrameTable

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PAGE_MASK = PAGE_SIZE - 1
DEFAULT_SIZE = 64 << 20

_RESERVE = 4 << 20  # bytes of the host's memory; Python allocates arenas of 1 MiB
_SMALL = 400  # bytes of an object that Python allocates in its arenas
_ZEROS = bytes(PAGE_SIZE)
ZERO_STRIP = 16

# The host backs dense memory with its own huge pages, of HUGE_FRAMES frames: then it misses its TLB less
# often, and faults once for all of them. They cost memory where frames are sparse. So the kernel asks
# for them in areas of some megabytes, and elsewhere for a block when the block before it is in use:
# at its frames f with f & DENSE == DENSE.
HUGE_FRAMES = 512
DENSE = HUGE_FRAMES // 4 - 1
MADV_HUGEPAGE = getattr(mmap, "MADV_HUGEPAGE", 0)  # 0: a host without huge pages


def require_host_room(size: int) -> None:
    """Check that the host has `size` bytes, before work that must not run out of memory halfway.

    Raises MemoryError if it does not.
    """
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        raise MemoryError("the host has no memory left") from None


def require_reserve() -> None:
    """Check that Python has memory for its small objects. Raises MemoryError if it soon has none.

    The check must come early: without any memory, CPython 3.11 never reaches an exception handler.
    """
    try:
        require_host_room(_RESERVE)
    except MemoryError:
        _fill(_RESERVE // 4)  # Python's arenas may have enough free memory


def _fill(size: int) -> None:
    """Allocate `size` bytes of small objects and free them. Raises MemoryError."""
    list(map(bytes, repeat(_SMALL, size // _SMALL)))


class PhysicalMemory:
    """`size` bytes at physical addresses 0 to size - 1, initially zero.

    `u8 u16 u32 u64` are views of the same bytes, indexed by address, address / 2, / 4, / 8. A
    kernel sets `table` to the state of the frames that it manages. Raises UsageError if the size is
    not a positive multiple of 4096 or the host cannot allocate it.
    """

    def __init__(self, size: int = DEFAULT_SIZE):
        if sys.byteorder != "little":
            raise UsageError("toyvm needs a little-endian host")
        if size <= 0 or size & PAGE_MASK:
            raise UsageError(f"memory size {size} is not a positive multiple of {PAGE_SIZE}")
        try:
            self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except (OSError, OverflowError) as error:
            raise UsageError(f"the host cannot give {size} bytes of memory: {error}") from None
        self.size = size
        self.frame_count = size >> PAGE_SHIFT
        self.u8 = memoryview(self._map)
        self.u16 = self.u8.cast("H")
        self.u32 = self.u8.cast("I")
        self.u64 = self.u8.cast("Q")
        self.table: FrameTable | None = None

    def advise(self, first: int, count: int = HUGE_FRAMES) -> None:
        """Ask the host to back `count` frames from `first` with huge pages when they are touched.

        It affects nothing but the speed, so it is no error if the host cannot.
        """
        if MADV_HUGEPAGE and first + count <= self.frame_count:
            with suppress(OSError):
                self._map.madvise(MADV_HUGEPAGE, first << PAGE_SHIFT, count << PAGE_SHIFT)

    def advise_after(self, frame: int) -> None:
        """`advise` the block after the one with `frame`, which is at a place with `DENSE`."""
        self.advise((frame | HUGE_FRAMES - 1) + 1)

    def zero_frame(self, frame: int) -> None:
        """Fill a frame with zero bytes."""
        pa = frame << PAGE_SHIFT
        self.u8[pa : pa + PAGE_SIZE] = _ZEROS

    def zero_frames(self, first: int, count: int) -> None:
        """Fill `count` frames from `first` with zero bytes; `count` is a multiple of ZERO_STRIP."""
        size, zeros = ZERO_STRIP << PAGE_SHIFT, _ZEROS * ZERO_STRIP
        for pa in range(first << PAGE_SHIFT, (first + count) << PAGE_SHIFT, size):
            self.u8[pa : pa + size] = zeros

    def copy_frame(self, source: int, target: int) -> None:
        """Copy the 4096 bytes of frame `source` to frame `target`."""
        pa, to = source << PAGE_SHIFT, target << PAGE_SHIFT
        self.u8[to : to + PAGE_SIZE] = self.u8[pa : pa + PAGE_SIZE]

    def frame_bytes(self, frame: int) -> bytes:
        """The contents of a frame."""
        pa = frame << PAGE_SHIFT
        return bytes(self.u8[pa : pa + PAGE_SIZE])
