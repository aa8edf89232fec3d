"""Same-page merging as Linux has it (Documentation/admin-guide/mm/ksm.rst): equal anonymous pages become one frame.

A process offers areas by madvise(MADV_MERGEABLE). Every so often, in virtual time, the scanner looks at some pages more of these areas:

    its frame is a merged one already         nothing to do
    equal to a merged frame                   mapped onto that frame, read-only
    not what it was at the last pass          left alone: it changes too often ("volatile")
    equal to another page of this pass        that page's frame becomes a merged frame, and this page is mapped onto it
    otherwise                                 remembered until the pass ends ("unshared")

A merged frame is held by one reference of ours besides its mappings, so that a write always copies it, as a write to a page of
the page cache does: what the tables below say of its contents stays true until it is given back.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from zlib import crc32

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import PTE_A, PTE_D, PTE_V, make_pte, pte_frame

from .faults.page_fault import flags_for
from .frame_allocator import ZERO_FRAME, OutOfFrames

if TYPE_CHECKING:
    from .address_space import AddressSpace
    from .memory_system import MemorySystem
    from .vma import Vma

PAGES_TO_SCAN, SLEEP_MILLISECS, MAX_PAGE_SHARING = 100, 20, 256
STOP, RUN, UNMERGE = 0, 1, 2  # what is written to /sys/kernel/mm/ksm/run
_SHORTEST_SLEEP = 10_000  # nanoseconds
_IDLE_PASSES = (
    3  # after so many whole passes without a guest's instruction between them nothing new can be found
)
Page = tuple["AddressSpace", int]  # an address space and an address in it


class Ksm:
    """The scanner of one machine and the frames it has merged. `wake_at` is when it looks again, in virtual nanoseconds."""

    def __init__(self, system: MemorySystem):
        self._system = system
        self.run = STOP
        self.pages_to_scan, self.sleep_millisecs = PAGES_TO_SCAN, SLEEP_MILLISECS
        self.max_page_sharing = MAX_PAGE_SHARING
        self.full_scans = self.pages_scanned = self.merged = self.copies = 0
        self.pages_unshared = self.pages_volatile = (
            0  # of the last whole pass: equal to nothing; changed since the one before
        )
        self.wake_at: int | None = None
        self.stable: dict[int, int] = {}  # merged frame -> checksum
        self._by_sum: dict[int, list[int]] = {}  # checksum -> merged frames
        self._unstable: dict[int, list[Page]] = {}  # checksum -> pages of this pass that nothing was equal to
        self._sums: dict[Page, int] = {}  # checksums of this pass
        self._last_sums: dict[Page, int] = {}  # and of the one before
        self._cursor: Iterator[Page] = iter(())

    # What /sys/kernel/mm/ksm tells

    @property
    def pages_shared(self) -> int:
        """Merged frames in use."""
        return len(self.stable)

    @property
    def pages_sharing(self) -> int:
        """Pages saved: mappings of merged frames beyond the first of each."""
        refs = self._system.frames.refs
        return sum(refs[frame] - 2 for frame in self.stable)

    # The scanner

    def set_run(self, value: int) -> None:
        """Write `value` to `run`. Raises OSError: EINVAL, ENOMEM when merged pages cannot all be copied apart."""
        if value not in (STOP, RUN, UNMERGE):
            raise error(errno.EINVAL)
        self.run = value
        self.wake_at = self._next_wake() if value == RUN else None
        if value == UNMERGE:
            for space in self._system.spaces:
                for area in space.vmas:
                    if area.mergeable:
                        self._break(space, area, area.start, area.end)

    def set_sleep(self, milliseconds: int) -> None:
        """Write `milliseconds` to `sleep_millisecs`: the next scan is so long from now."""
        self.sleep_millisecs = milliseconds
        if self.wake_at is not None:
            self.wake_at = self._next_wake()

    def _next_wake(self) -> int:
        return self._system.now() + self._period

    @property
    def _period(self) -> int:
        """Nanoseconds between two scans; at least one quantum's worth, for a guest can ask for 0."""
        return max(self.sleep_millisecs * 1_000_000, _SHORTEST_SLEEP)

    def wake(self) -> None:
        """Scan for each time that has come up to now. Where time has jumped, no longer than that can find something."""
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
        """Look at `count` pages more, or as many as there are to the end of the pass."""
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
        """All pages of mergeable areas that were there when the pass came to their address space."""
        for space in list(self._system.spaces):
            for start, end in [(area.start, area.end) for area in space.vmas if area.mergeable]:
                for va, _, _ in space.table.present(start, end):
                    yield space, va

    def _frame(self, space: AddressSpace, va: int) -> tuple[Vma, int] | None:
        """The area and the frame of a page that may be merged, as it is now."""
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
            return None  # the swap area has a copy, which a merged frame would leave behind
        return area, frame

    def _examine(self, space: AddressSpace, va: int) -> None:
        found = self._frame(space, va)
        if found is None:
            return
        area, frame = found
        self.pages_scanned += 1
        if frame in self.stable:
            return
        checksum = crc32(self._bytes(frame))
        twin = self._merged_like(frame, checksum)
        if twin is not None:
            self._merge(space, area, va, twin)
            return
        self._sums[space, va] = checksum
        if self._last_sums.get((space, va)) != checksum:
            return
        others = self._unstable.setdefault(checksum, [])
        for other in others:
            there = self._frame(*other)
            if there is None or there[1] == frame or self._bytes(there[1]) != self._bytes(frame):
                continue
            others.remove(other)
            self._make_stable(*other, there[0], there[1], checksum)
            self._merge(space, area, va, there[1])
            return
        others.append((space, va))

    def _bytes(self, frame: int) -> memoryview:
        return self._system.memory.u8[frame << PAGE_SHIFT : (frame + 1) << PAGE_SHIFT]

    def _merged_like(self, frame: int, checksum: int) -> int | None:
        """A merged frame with the same contents that may have one mapping more."""
        refs, data = self._system.frames.refs, self._bytes(frame)
        for twin in self._by_sum.get(checksum, ()):
            if refs[twin] - 1 < self.max_page_sharing and self._bytes(twin) == data:
                return twin
        return None

    def _make_stable(self, space: AddressSpace, va: int, area: Vma, frame: int, checksum: int) -> None:
        """From now on the frame's contents do not change: nobody maps it writable, and it is ours too."""
        self._system.frames.get(frame)
        self.stable[frame] = checksum
        self._by_sum.setdefault(checksum, []).append(frame)
        self._map(space, area, va, frame)

    def _merge(self, space: AddressSpace, area: Vma, va: int, twin: int) -> None:
        """Let a page show the merged frame `twin` instead of its own."""
        old = pte_frame(space.table.entry(va))
        self._system.frames.get(twin)
        self._map(space, area, va, twin)
        self._system.frames.put(old)
        self.merged += 1

    def _map(self, space: AddressSpace, area: Vma, va: int, frame: int, *, writable: bool = False) -> None:
        slot = space.table.slot(va)
        kept = space.table.u64[slot] & (PTE_A | PTE_D)
        space.table.u64[slot] = make_pte(frame, flags_for(area, writable=writable) | kept)
        self._system.invalidate(space.mmu, va, va + PAGE_SIZE)

    # What others tell it

    def copied(self, frame: int) -> None:
        """A write has copied a page that showed `frame`."""
        self.copies += frame in self.stable
        self.let_go((frame,))

    def let_go(self, frames: Iterable[int]) -> None:
        """These frames have lost a mapping: give back those that have none left."""
        refs = self._system.frames.refs
        for frame in frames:
            if frame in self.stable and refs[frame] == 1:
                checksum = self.stable.pop(frame)
                self._by_sum[checksum].remove(frame)
                if not self._by_sum[checksum]:
                    del self._by_sum[checksum]
                self._system.frames.put(frame)

    def unmerge(self, space: AddressSpace, start: int, end: int) -> None:
        """Give each page of the range a frame of its own again (MADV_UNMERGEABLE). Raises OSError(ENOMEM)."""
        for area in space.vmas.overlapping(start, end):
            if area.mergeable:
                self._break(space, area, max(start, area.start), min(end, area.end))

    def _break(self, space: AddressSpace, area: Vma, start: int, end: int) -> None:
        frames = self._system.frames
        for va, _, pte in space.table.present(start, end):
            old = pte_frame(pte)
            if not pte & PTE_V or old not in self.stable:
                continue
            try:
                new = frames.alloc(zeroed=False)
            except OutOfFrames:
                raise error(errno.ENOMEM) from None
            self._system.memory.copy_frame(old, new)
            self._map(space, area, va, new, writable=True)
            frames.put(old)
            self.let_go((old,))


def advise(space: AddressSpace, start: int, end: int, *, mergeable: bool) -> None:
    """madvise(MADV_MERGEABLE or MADV_UNMERGEABLE) of mapped pages; shared areas are left as they are. Raises OSError(ENOMEM)."""
    ksm = space.system.ksm
    if not mergeable and ksm is not None:
        ksm.unmerge(space, start, end)
    for area in space.vmas.overlapping(start, end):
        if not area.shared:
            space.mark(max(start, area.start), min(end, area.end), "mergeable", mergeable)
