"""Kernel same-page merging (KSM): equal anonymous pages share one frame.

See Documentation/admin-guide/mm/ksm.rst. A process offers areas with madvise(MADV_MERGEABLE). At
intervals of virtual time, the scanner examines the next pages of these areas:

  its frame is merged already               nothing to do
  equal to a merged frame                   mapped to that frame, read-only
  changed since the last pass               skipped, because it changes too often ("volatile")
  equal to another page of this pass        that page's frame is merged, and this page mapped to it
  otherwise                                 remembered until the end of the pass ("unshared")

`merged_frames` holds the merged frames.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from zlib import crc32

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.sv39 import PTE_V, USER_TOP, pte_frame

from ..counters import Counters, FaultContext
from .frame_allocator import ZERO_FRAME
from .merged_frames import MergedFrames

if TYPE_CHECKING:
    from .machine_memory import MachineMemory
    from .memory_map import MemoryMap
    from .vma import Vma

PAGES_TO_SCAN, SLEEP_MILLISECS, MAX_PAGE_SHARING = 100, 20, 256
STOP, RUN, UNMERGE = 0, 1, 2  # what is written to /sys/kernel/mm/ksm/run
_SHORTEST_SLEEP = 10_000  # nanoseconds
_IDLE_PASSES = 3  # after so many whole passes without a guest's instruction, a pass finds nothing new
Page = tuple["MemoryMap", int]  # an address space and an address in it


class Ksm:
    """The scanner of one machine; `frames` holds the merged frames.

    `wake_at` is the time of the next scan in virtual nanoseconds, None while it is stopped.
    """

    def __init__(self, system: MachineMemory):
        self._system = system
        self.frames = system.merged = MergedFrames(system.memory, system.frames, system.invalidate)
        self.run = STOP
        self.pages_to_scan, self.sleep_millisecs = PAGES_TO_SCAN, SLEEP_MILLISECS
        self.max_page_sharing = MAX_PAGE_SHARING
        self.full_scans = self.pages_scanned = 0
        # In the last whole pass: pages equal to no other, and pages that had changed since the pass before.
        self.pages_unshared = self.pages_volatile = 0
        self.wake_at: int | None = None
        self._unstable: dict[int, list[Page]] = {}  # checksum -> unshared pages of this pass
        self._sums: dict[Page, int] = {}  # checksums of this pass
        self._last_sums: dict[Page, int] = {}  # and of the one before
        self._cursor: Iterator[Page] = iter(())

    # The counts in /sys/kernel/mm/ksm

    @property
    def pages_shared(self) -> int:
        """Merged frames in use."""
        return len(self.frames.stable)

    @property
    def pages_sharing(self) -> int:
        """Pages saved: mappings of merged frames beyond the first of each."""
        return self.frames.saved

    # The scanner

    def set_run(self, value: int) -> None:
        """Write `value` to `run`.

        Raises OSError: EINVAL, or ENOMEM if there is no frame for a page to be unmerged.
        """
        if value not in (STOP, RUN, UNMERGE):
            raise error(errno.EINVAL)
        self.run = value
        self.wake_at = self._next_wake() if value == RUN else None
        if value == UNMERGE:
            for space in self._system.spaces:
                context = FaultContext(0, Counters(), space.mmu, space.group)
                self.frames.unmerge(space, 0, USER_TOP, context)

    def set_sleep(self, milliseconds: int) -> None:
        """Write `milliseconds` to `sleep_millisecs`: the next scan is this long from now."""
        self.sleep_millisecs = milliseconds
        if self.wake_at is not None:
            self.wake_at = self._next_wake()

    def _next_wake(self) -> int:
        return self._system.now() + self._period

    @property
    def _period(self) -> int:
        """Nanoseconds between two scans. A guest may set 0, so there is a minimum."""
        return max(self.sleep_millisecs * 1_000_000, _SHORTEST_SLEEP)

    def wake(self) -> None:
        """Do the scans that are due; after a jump in time, only those that can find something."""
        now = self._system.now()
        if self.wake_at is None or now < self.wake_at:
            return
        times = 1 + (now - self.wake_at) // self._period
        passes = self.full_scans + _IDLE_PASSES
        while times > 0 and self.full_scans < passes and self.pages_to_scan:
            self.scan(self.pages_to_scan)
            times -= 1
        self.wake_at = self._next_wake()

    def scan(self, count: int) -> None:
        """Examine `count` more pages, or as many as there are until the end of the pass."""
        for _ in range(count):
            page = next(self._cursor, None)
            if page is None:
                self._begin_pass()
                return
            self._examine(*page)

    def _begin_pass(self) -> None:
        self.full_scans += 1
        self.pages_unshared = sum(map(len, self._unstable.values()))
        changed = (self._last_sums.get(page) != checksum for page, checksum in self._sums.items())
        self.pages_volatile = sum(changed)
        self._last_sums, self._sums, self._unstable = self._sums, {}, {}
        self._cursor = self._pages()

    def _pages(self) -> Iterator[Page]:
        """The pages of mergeable areas that exist when the pass reaches their address space."""
        for space in list(self._system.spaces):
            for start, end in [(area.start, area.end) for area in space.vmas if area.mergeable]:
                for va, _, _ in space.table.present(start, end):
                    yield space, va

    def _frame(self, space: MemoryMap, va: int) -> tuple[Vma, int] | None:
        """The area and the current frame of a page that may be merged, or None."""
        system = self._system
        if space not in system.spaces:
            return None
        area, pte = space.vmas.find(va), space.table.entry(va)
        if area is None or not area.mergeable or not pte & PTE_V:
            return None
        frame = pte_frame(pte)
        if frame == ZERO_FRAME or frame in system.cache.owner:
            return None
        if system.swap is not None and system.swap.is_cached(frame):
            return None  # the swap cache holds it, and a merged frame cannot be in the swap cache

        return area, frame

    def _examine(self, space: MemoryMap, va: int) -> None:
        found = self._frame(space, va)
        if found is None:
            return
        area, frame = found
        merged = self.frames
        self.pages_scanned += 1
        if frame in self.frames.stable:
            return
        checksum = crc32(merged.contents(frame))
        twin = merged.like(frame, checksum, self.max_page_sharing)
        if twin is not None:
            merged.merge(space, area, va, twin)
            return
        self._sums[space, va] = checksum
        if self._last_sums.get((space, va)) != checksum:
            return
        others = self._unstable.setdefault(checksum, [])
        for other in others:
            there = self._frame(*other)
            if there is None or there[1] == frame or merged.contents(there[1]) != merged.contents(frame):
                continue
            others.remove(other)
            merged.add(*other, there[0], there[1], checksum)
            merged.merge(space, area, va, there[1])
            return
        others.append((space, va))
