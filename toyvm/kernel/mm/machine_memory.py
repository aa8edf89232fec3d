"""What all address spaces of a machine share: frames, the page cache, the swap area; and the ONE way to make the machine forget.

These are the facts and what each change of them needs. Which pages go when memory runs low is decided above, in `memory_system`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from toyvm.base.bits import align_up
from toyvm.base.events import Bus, CowFault, PageFault
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, PhysicalMemory
from toyvm.machine.sv39 import PTE_D, PTE_SHARED, PTE_U
from toyvm.run_options import Limits

from ..counters import FaultContext, Stats
from .cache.page_cache import PageCache
from .faults.native_windows import Windows
from .frame_allocator import FrameAllocator
from .memory_map import MemoryMap
from .overcommit import Commit
from .vma import MAX_MAP_COUNT

if TYPE_CHECKING:
    from toyvm.engines.engine import Engine

    from ..counters import Group
    from ..vfs.nodes import FileNode
    from .cache.read_ahead import ReadAhead
    from .memory_groups import Groups
    from .merged_frames import MergedFrames
    from .reclaim.swap_area import SwapArea
    from .vma import Vma

EXACT_SPAN = (
    2 << 20
)  # bytes up to which it costs less to forget single pages than all that is known of a space
RECENT = 8  # an instruction needs four pages at most: its own two parcels' and those of a misaligned access
WRITE_BACK_PERIOD = 10_000_000  # nanoseconds of virtual time between two looks at what is dirty
_FLUSH_ABOVE = 64 << PAGE_SHIFT  # a longer range is cheaper to flush whole


def watermarks(frames: int) -> tuple[int, int]:
    """Free frames below which reclaim begins in the background, and up to which it goes on."""
    low = max(8, frames // 128)
    return low, 2 * low


class MachineMemory:
    """The memory of one machine. `now` is virtual time in nanoseconds, for events. `on_swap_error` is called when the host first
    refuses a write of the swap area."""

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
        self.merged: MergedFrames | None = None  # once pages may be merged
        self.readahead = self._read_ahead(limits)
        self.lazily_freed: dict[int, int] = {}  # frames of madvise(MADV_FREE), and `born` as it was then
        self.fault_around = limits.fault_around  # pages of a file mapped by one fault, at most 512
        self.spaces: dict[MemoryMap, None] = {}  # all that have not been released, in order of birth
        self.recent: deque[int] = deque(maxlen=RECENT)  # frames of the last faults; reclaim leaves them alone
        self.write_back_at: int | None = None  # when write-back looks again, while something can be dirty
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
        """An allocation for `context` finds no frame: whether one is free now."""
        raise NotImplementedError

    def shrink_group(self, group: Group, context: FaultContext) -> int:
        """`context` needs a frame, and `group`, which pays, is at its limit: free frames of the group; how many."""
        raise NotImplementedError

    def page_out(self, frames: list[int], context: FaultContext) -> int:
        """Reclaim these frames, as far as they may go; how many did (madvise(MADV_PAGEOUT))."""
        raise NotImplementedError

    # Mappings

    @property
    def native_faults(self) -> bool:
        """Whether native code may resolve page faults: each can be accounted for afterwards, and no subscriber must see it."""
        wants = self.bus.wants
        return (
            self.swap is None
            and self.merged is None
            and self.frames.groups is None
            and not wants(PageFault)
            and not wants(CowFault)
        )

    def mapped(self, area: Vma) -> None:
        """There is a new area. If its pages can become dirty, write-back looks at them from time to time."""
        if self.write_back_at is None and area.writes_file:
            self.write_back_at = self.now() + WRITE_BACK_PERIOD

    def release_pages(self, space: MemoryMap, start: int, end: int) -> None:
        """Clear the entries and give their references back; a D bit of a shared page marks the cache's page dirty."""
        touched = []
        if (
            end - start <= EXACT_SPAN
        ):  # what is dropped must be learned again, and most of a mapping is seldom touched
            touched = [va >> PAGE_SHIFT for va, _, _ in space.table.entries(start, end)]
        taken = space.table.clear(start, end)
        if not len(taken):
            return
        frames = self.frames
        if space.users:  # once the last user has gone, the mark cannot be asked for
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

    def _file_shrunk(self, file: FileNode, size: int) -> None:
        """A file was truncated (truncate(2)): its pages beyond the end, private copies too, leave every address space, so that a
        touch is SIGBUS."""
        if not file.mappings:
            return
        keep = align_up(size, PAGE_SIZE)
        for space in self.spaces:
            if file in space.file_bytes:
                for area in space.vmas:
                    if area.file is file and area.offset + area.length > keep:
                        self.release_pages(space, area.start + max(0, keep - area.offset), area.end)

    def mappings(self, frame: int) -> int:
        """How many page-table entries hold a frame of a page: its references without the page cache's, the swap cache's and KSM's."""
        merged = self.merged is not None and frame in self.merged.stable
        swapped = self.swap is not None and self.swap.is_cached(frame)
        return self.frames.refs[frame] - (frame in self.cache.owner) - swapped - merged

    def invalidate(self, mmu: Mmu, start: int = 0, end: int | None = None) -> None:
        """Entries of `mmu`'s tables from `start` to `end` have changed: drop them from the TLB and the engine.

        A real kernel executes sfence.vma and fence.i here. Code that weakens or redirects an entry calls this; an entry that
        becomes valid needs no call, because neither the TLB nor an engine caches absence.
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
        """Entries of `mmu`'s tables have lost W and nothing else (fork): what is known of reads and of code stays true."""
        mmu.tlb.flush_writes()
        if self.engine is not None:
            self.engine.invalidate_writes(mmu)

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """`child` has just got the same entries as `mmu`, A in pages of code included: what is known of code holds there too."""
        child.tlb.execute.update(mmu.tlb.execute)
        if self.engine is not None:
            self.engine.inherit_code(mmu, child)
