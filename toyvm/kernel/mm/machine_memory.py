"""What all address spaces of a machine share: frames, page cache, swap area, and TLB invalidation.

`memory_system` completes it with reclaim.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.events import Bus, CowFault, PageFault
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, PhysicalMemory
from toyvm.machine.sv39 import PTE_D, PTE_SHARED, PTE_U, USER_TOP, pte_frame
from toyvm.run_options import Limits

from ..counters import FaultContext, Stats
from ..vfs.nodes import F_SEAL_FUTURE_WRITE, F_SEAL_WRITE, FileNode
from .cache.page_cache import PageCache
from .faults.native_windows import Windows
from .frame_allocator import FrameAllocator
from .memory_map import MemoryMap
from .overcommit import Commit
from .vma import MAX_MAP_COUNT

if TYPE_CHECKING:
    from toyvm.engines.engine import Engine

    from ..counters import Group
    from .cache.read_ahead import ReadAhead
    from .memory_groups import Groups
    from .merged_frames import MergedFrames
    from .page_arrays import Entries
    from .reclaim.swap_area import SwapArea
    from .vma import Vma

EXACT_TABLES = 2  # leaf tables up to which invalidating single pages is cheaper than flushing the space
RECENT = 8  # an instruction needs at most four pages: two for its own parcels, two for a misaligned access
WRITE_BACK_PERIOD = 10_000_000  # nanoseconds of virtual time between two counts of the dirty pages
_FLUSH_ABOVE = 64 << PAGE_SHIFT  # a longer range is cheaper to flush whole


def watermarks(frames: int) -> tuple[int, int]:
    """The numbers of free frames below which background reclaim starts, and at which it stops."""
    low = max(8, frames // 128)
    return low, 2 * low


class MachineMemory:
    """The memory of one machine. Abstract: `MemorySystem` implements the three methods of reclaim.

    `now` returns virtual time in nanoseconds. `on_swap_error` is called when the host first fails
    to write to the swap area.
    """

    def __init__(
        self,
        memory: PhysicalMemory,
        engine: Engine | None,
        bus: Bus,
        now: Callable[[], int],
        limits: Limits,
        on_swap_error: Callable[[OSError], None],
    ):
        self.memory = memory
        self.engine = engine
        self.bus = bus
        self.now = now
        self.low, self.high = watermarks(memory.frame_count)
        self.frames = FrameAllocator(memory, self.make_room, self._groups(limits))
        self.frames.megapages.enabled = limits.thp
        self.swap = self._swap_area(limits, on_swap_error)
        self.cache = PageCache(memory, self.frames, self.swap, reserve=self.low, shrunk=self._file_shrunk)
        self.commit = Commit(self.frames.count - 1, limits.overcommit, limits.overcommit_ratio)
        self.commit.swap = self.swap.slots if self.swap is not None else 0
        self.max_map_count = MAX_MAP_COUNT
        self.stats = Stats()
        self.merged: MergedFrames | None = None  # created when KSM starts
        self.readahead = self._read_ahead(limits)
        self.lazily_freed: dict[int, int] = {}  # frames of madvise(MADV_FREE), and their `born` at that time
        self.fault_around = limits.fault_around  # pages of a file mapped by one fault, at most 512
        self.spaces: dict[MemoryMap, None] = {}  # all that have not been released, in order of creation
        self.recent: deque[int] = deque(maxlen=RECENT)  # frames of the last faults, which reclaim spares
        self.write_back_at: int | None = None  # time of the next count; None while nothing can be dirty
        self.windows = Windows(self.frames, self.low, self.stats, self.recent)

    def _groups(self, limits: Limits) -> Groups | None:
        if not limits.memory_limit:
            return None
        from .memory_groups import Groups

        return Groups(self.memory.frame_count, self.shrink_group)

    def _swap_area(self, limits: Limits, on_write_error: Callable[[OSError], None]) -> SwapArea | None:
        if not limits.swap:
            return None
        from .reclaim.swap_area import SwapArea

        return SwapArea(
            limits.swap,
            self.memory,
            self.frames,
            limits.swap_readahead,
            reserve=self.low,
            on_write_error=on_write_error,
        )

    def _read_ahead(self, limits: Limits) -> ReadAhead | None:
        if not limits.readahead:
            return None
        from .cache.read_ahead import ReadAhead

        return ReadAhead(self.cache, limits.readahead)

    # What reclaim does

    def make_room(self, context: FaultContext) -> bool:
        """Reclaim for an allocation by `context` that found no frame; whether one is free now."""
        raise NotImplementedError

    def shrink_group(self, group: Group, context: FaultContext) -> int:
        """Reclaim frames of `group`, which is at its limit, for `context`; how many were freed."""
        raise NotImplementedError

    def page_out(self, frames: list[int], context: FaultContext) -> int:
        """Reclaim those of `frames` that can be reclaimed (MADV_PAGEOUT). Returns how many were."""
        raise NotImplementedError

    # Mappings

    @property
    def native_faults(self) -> bool:
        """Whether native code may resolve page faults.

        No subscriber may want to see each one, and the kernel must be able to account for them
        afterwards.
        """
        wanted = self.bus.wanted
        return (
            self.swap is None
            and self.merged is None
            and self.frames.groups is None
            and PageFault not in wanted
            and CowFault not in wanted
        )

    def mapped(self, area: Vma) -> None:
        """Start periodic writeback if the pages of a new `area` can become dirty."""
        if self.write_back_at is None and area.writes_file:
            self.write_back_at = self.now() + WRITE_BACK_PERIOD

    def release_pages(self, space: MemoryMap, start: int, end: int) -> None:
        """Clear the entries from `start` to `end` and drop their references.

        The D bit of a shared page marks the page cache's page dirty.
        """
        taken: list[int] | Entries
        found = space.table.take_few(start, end)
        if found is not None:
            touched, taken = found
        else:
            touched = []
            if space.table.has_at_most(
                EXACT_TABLES, start, end
            ):  # the stack of a thread is long, but has few
                touched = [va >> PAGE_SHIFT for va, _, _ in space.table.entries(start, end)]
            taken = space.table.clear(start, end)
        if not len(taken):
            return
        frames = self.frames
        if space.users:  # without users, the high-water mark is no longer visible
            space.high_water.left(frames.resident(taken))
        if touched:
            self.invalidate_pages(space.mmu, touched)
        else:
            self.invalidate(space.mmu, start, end)
        self.cache.dirty.update(frames.frames_with(taken, PTE_D | PTE_SHARED))
        if self.swap is None:
            frames.put_entries(taken)
        else:
            taken = self.swap.put_entries(taken)
        if self.merged is not None:
            self.merged.let_go(frames.frames_with(taken, PTE_U))

    def release_all(self, space: MemoryMap) -> None:
        """`release_pages` of everything, for a space that nobody uses any more."""
        frames = self.frames
        more = self.swap is not None or self.merged is not None or frames.groups is not None
        if more or not space.table.drop_natively():
            self.release_pages(space, 0, USER_TOP)
        else:
            self.invalidate(space.mmu)

    def _file_shrunk(self, file: FileNode, size: int) -> None:
        """Unmap the pages beyond the new end of a truncated file, private copies included.

        An access to them is then SIGBUS (truncate(2)).
        """
        if not file.mappings:
            return
        keep = align_up(size, PAGE_SIZE)
        for space in self.spaces:
            if file in space.file_bytes:
                for area in space.vmas:
                    if area.file is file and area.offset + area.length > keep:
                        self.release_pages(space, area.start + max(0, keep - area.offset), area.end)

    def clear_file(self, file: FileNode, start: int, end: int) -> None:
        """Fill a range of a file with zeros, as far as the file goes; all its mappings see it.

        The frames of whole pages are given back. Raises OSError: EPERM for a sealed file.
        """
        if file.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE):
            raise error(errno.EPERM)
        first, last = start + PAGE_MASK >> PAGE_SHIFT, end >> PAGE_SHIFT
        if file.mappings and first < last:
            for space in self.spaces:
                if file in space.file_bytes:
                    for area in space.vmas:
                        if area.file is file:
                            self._unmap_cached(space, area, first << PAGE_SHIFT, last << PAGE_SHIFT)
        self.cache.discard(file, first, last)
        if file.backed:
            self.cache.clear(file, start, end)

    def _unmap_cached(self, space: MemoryMap, area: Vma, start: int, end: int) -> None:
        """Unmap the pages that an area shows from a range of its file, private copies excluded."""
        low, high = (area.start + max(0, min(at - area.offset, area.length)) for at in (start, end))
        if area.shared or low == high:
            self.release_pages(space, low, high)
            return
        space.table.split(low, high)
        cached = self.cache.owner
        for va in [va for va, _, pte in space.table.present(low, high) if pte_frame(pte) in cached]:
            self.release_pages(space, va, va + PAGE_SIZE)

    def mappings(self, frame: int) -> int:
        """How many page-table entries map a frame: its references except caches and KSM."""
        merged = self.merged is not None and frame in self.merged.stable
        swapped = self.swap is not None and self.swap.is_cached(frame)
        return self.frames.refs[frame] - (frame in self.cache.owner) - swapped - merged

    def invalidate(self, mmu: Mmu, start: int = 0, end: int | None = None) -> None:
        """Drop the entries of `mmu`'s tables from `start` to `end` from the TLB and the engine.

        A real kernel executes sfence.vma and fence.i here. Code that weakens or redirects an entry
        calls this. An entry that becomes valid needs no call, because neither the TLB nor an engine
        caches absence.
        """
        if end is None or end - start > _FLUSH_ABOVE:
            mmu.tlb.flush()
            if self.engine is not None:
                self.engine.invalidate(mmu)
            return
        self.invalidate_pages(mmu, range(start >> PAGE_SHIFT, end + PAGE_MASK >> PAGE_SHIFT))

    def invalidate_pages(self, mmu: Mmu, pages: Iterable[int]) -> None:
        """`invalidate` for single pages (virtual page numbers)."""
        for page in pages:
            mmu.tlb.drop(page)
            if self.engine is not None:
                self.engine.invalidate_page(mmu, page << PAGE_SHIFT)

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Entries of `mmu`'s tables lost W (fork): drop cached translations for writes only."""
        mmu.tlb.flush_writes()
        if self.engine is not None:
            self.engine.invalidate_writes(mmu)

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """Let `child`, whose entries are a copy of `mmu`'s, begin with its translations of code."""
        child.tlb.execute.update(mmu.tlb.execute)
        if self.engine is not None:
            self.engine.inherit_code(mmu, child)
