"""What all address spaces share: memory, frames, the page cache, the events; and the ONE way to make the machine forget."""

from __future__ import annotations

from collections.abc import Callable

from ..events import Bus
from ..hints import TYPE_CHECKING
from ..machine.memory import PAGE_SHIFT, PhysicalMemory
from ..machine.mmu import Mmu
from .commit import Commit
from .frames import FrameAllocator
from .pagecache import PageCache
from .stats import Stats

if TYPE_CHECKING:
    from ..engines.base import Engine
    from .addrspace import AddressSpace
    from .ksm import Ksm
    from .vfs.node import FileNode

_FLUSH_ABOVE = 64 << PAGE_SHIFT  # a longer range is cheaper to flush whole


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
        self.stats = Stats()
        self.ksm: Ksm | None = None  # once pages may be merged
        self.fault_around = 1  # pages of a file mapped by one fault, at most 512
        self.spaces: dict[AddressSpace, None] = {}  # all that have not been released, in order of birth
        self.frames.reclaim = self.cache.drop
        self.cache.shrunk = self._file_shrunk

    def _file_shrunk(self, file: FileNode, size: int) -> None:
        """A file was truncated: its pages beyond the end leave every address space, so that a touch is SIGBUS."""
        if file.mappings:
            for space in self.spaces:
                space.forget_beyond(file, size)

    def mappings(self, frame: int) -> int:
        """How many page-table entries hold a frame of a page: its references without the page cache's and KSM's."""
        merged = self.ksm is not None and frame in self.ksm.stable
        return self.frames.refs[frame] - (frame in self.cache.owner) - merged

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
        for va in range(start, end, 1 << PAGE_SHIFT):
            mmu.tlb.drop(va >> PAGE_SHIFT)
            if self.engine is not None:
                self.engine.invalidate_page(mmu, va)

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Entries of `mmu`'s tables have lost W and nothing else (fork): what is known of reads and of code stays true."""
        mmu.tlb.write.clear()
        if self.engine is not None:
            self.engine.invalidate_writes(mmu)

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """`child` has just got the same entries as `mmu`, A in pages of code included: what is known of code holds there too."""
        child.tlb.execute.update(mmu.tlb.execute)
        if self.engine is not None:
            self.engine.inherit_code(mmu, child)
