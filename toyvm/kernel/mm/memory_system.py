"""What all address spaces share: memory, frames, the page cache, the events; and the ONE way to make the machine forget."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property

from toyvm.base.events import Bus
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PhysicalMemory, require_reserve

from ..counters import Stats
from .cache.page_cache import PageCache
from .cache.writeback import WriteBack
from .faults.native_windows import Windows
from .frame_allocator import FrameAllocator
from .overcommit import Commit
from .vma import MAX_MAP_COUNT

if TYPE_CHECKING:
    from toyvm.engines.engine import Engine

    from ..vfs.nodes import FileNode
    from .address_space import AddressSpace
    from .cache.read_ahead import ReadAhead
    from .ksm import Ksm
    from .reclaim.reclaimer import Reclaimer
    from .reclaim.swap_area import SwapArea

_FLUSH_ABOVE = 64 << PAGE_SHIFT  # a longer range is cheaper to flush whole
DIRTY_RATIO = 20  # percent: vm.dirty_ratio
_RESERVE_EVERY = 64  # traps: in so many the kernel's own objects do not grow by much
RECENT = 8  # an instruction needs four pages at most: its own two parcels' and those of a misaligned access


def watermarks(frames: int) -> tuple[int, int]:
    """Free frames below which reclaim begins in the background, and up to which it goes on."""
    low = max(8, frames // 128)
    return low, 2 * low


class MemorySystem:
    """The memory of one machine. `now` is virtual time in nanoseconds, for events."""

    def __init__(self, memory: PhysicalMemory, engine: Engine | None, bus: Bus, now: Callable[[], int]):
        self.memory = memory
        self.engine = engine
        self.bus = bus
        self.now = now
        self.frames = FrameAllocator(memory)
        self.cache = PageCache(memory, self.frames)
        self.commit = Commit(self.frames.count - 1)
        self.max_map_count = MAX_MAP_COUNT
        self.stats = Stats()
        self.ksm: Ksm | None = None  # once pages may be merged
        self.readahead: ReadAhead | None = None  # where files are read before they are asked for
        self.lazily_freed: dict[int, int] = {}  # frames of madvise(MADV_FREE), and `born` as it was then
        self.fault_around = 1  # pages of a file mapped by one fault, at most 512
        self.spaces: dict[AddressSpace, None] = {}  # all that have not been released, in order of birth
        self.swap: SwapArea | None = None
        self.policy, self.seed = "clock", 0
        self.pinned: Callable[[], Iterable[int]] = tuple  # frames that reclaim must leave alone
        self.write_back = WriteBack(self, DIRTY_RATIO)
        self.gentle = False  # an allocation that fails is an answer (fork): nobody is killed for it
        self.kill_somebody: Callable[[], bool] = lambda: False  # whether that has made frames free
        self.low, self.high = watermarks(self.frames.count)
        self._quiet_until = 0
        self._answers = 0  # traps
        self._futile: tuple[int, ...] = ()  # what memory looked like when nothing could be reclaimed
        self.recent: deque[int] = deque(maxlen=RECENT)  # frames of the last faults; reclaim leaves them alone
        self.executing: tuple[AddressSpace, int] | None = (
            None  # space and pc of the last fault; so is its code
        )
        self.windows = Windows(self)
        self.frames.reclaim = self._direct
        self.cache.shrunk = self._file_shrunk
        self.cache.reserve = self.low

    def add_swap(self, swap: SwapArea) -> None:
        """Let pages without a file go to `swap` when memory runs low."""
        self.swap = self.frames.swap = swap
        swap.reserve = self.low
        self.commit.swap = swap.slots

    @cached_property
    def reclaimer(self) -> Reclaimer:
        """Made when memory first runs low: with it comes numpy."""
        from .reclaim.reclaimer import Reclaimer

        return Reclaimer(self, self.policy, self.seed, lambda: self.pinned())

    def _direct(self) -> bool:
        """An allocation finds no frame: free one batch, at once; if there is nothing to free, a process may have to go."""
        now = (
            self.frames.used,
            self.swap.used if self.swap is not None else 0,
            len(self.cache),
            *self.recent,
        )
        if (
            self.gentle and now == self._futile
        ):  # a process that tries again and again to fork finds out at once
            return False
        try:
            freed = self.reclaimer.shrink(direct=True)
        except MemoryError:  # the host's own: as if nothing could be freed
            freed = 0
        self._futile = () if freed else now
        return freed > 0 or (not self.gentle and self.kill_somebody())

    def balance(self) -> None:
        """Background reclaim, after every trap: nothing unless few frames are free. Where nothing could be freed, it waits for
        some allocations before it tries again. Raises MemoryError when the host has hardly any memory left."""
        self._answers += 1
        if not self._answers % _RESERVE_EVERY:
            require_reserve()
        if self.frames.free >= self.low or self.frames.births < self._quiet_until:
            return
        while self.frames.free < self.high:
            if not self.reclaimer.shrink():
                self._quiet_until = self.frames.births + self.reclaimer.batch
                break

    def _file_shrunk(self, file: FileNode, size: int) -> None:
        """A file was truncated: its pages beyond the end leave every address space, so that a touch is SIGBUS."""
        if file.mappings:
            for space in self.spaces:
                space.forget_beyond(file, size)

    def mappings(self, frame: int) -> int:
        """How many page-table entries hold a frame of a page: its references without the page cache's, the swap cache's and KSM's."""
        merged = self.ksm is not None and frame in self.ksm.stable
        swapped = self.swap is not None and self.swap.is_cached(frame)
        return self.frames.refs[frame] - (frame in self.cache.owner) - swapped - merged

    def invalidate(self, mmu: Mmu, start: int = 0, end: int | None = None) -> None:
        """Entries of `mmu`'s tables from `start` to `end` have changed: drop them from the TLB and the engine.

        With `invalidate_writes` the only place that does so (sfence.vma and fence.i of a real kernel). Whoever weakens
        or redirects an entry calls it; an entry that merely became valid needs no call, because nothing caches absence.
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
