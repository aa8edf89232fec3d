"""The frames that KSM has merged: their contents, their mappings, and how a page leaves one.

Besides its mappings, this table has one reference to each merged frame. So a write always copies
it, as a page of the page cache, and its contents stay the same until it is freed. `ksm` finds the
pages to merge.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_SHIFT, PAGE_SIZE, PhysicalMemory
from toyvm.machine.sv39 import PTE_A, PTE_D, PTE_V, make_pte, pte_frame

from ..counters import FaultContext
from .frame_allocator import FrameAllocator, OutOfFrames
from .vma import Vma, flags_for

if TYPE_CHECKING:
    from .memory_map import MemoryMap


class MergedFrames:
    """The merged frames of one machine. `invalidate` is `MachineMemory.invalidate`."""

    def __init__(
        self, memory: PhysicalMemory, frames: FrameAllocator, invalidate: Callable[[Mmu, int, int], None]
    ):
        self._memory = memory
        self._frames = frames
        self._invalidate = invalidate
        self.stable: dict[int, int] = {}  # merged frame -> checksum
        self._by_sum: dict[int, list[int]] = {}  # checksum -> merged frames
        self.merged = self.copies = 0

    @property
    def saved(self) -> int:
        """Mappings of merged frames beyond the first of each."""
        refs = self._frames.refs
        return sum(refs[frame] - 2 for frame in self.stable)

    def contents(self, frame: int) -> memoryview:
        """The bytes of any frame."""
        return self._memory.u8[frame << PAGE_SHIFT : (frame + 1) << PAGE_SHIFT]

    def like(self, frame: int, checksum: int, most: int) -> int | None:
        """A merged frame with the contents of `frame` and fewer than `most` mappings, or None."""
        refs, data = self._frames.refs, self.contents(frame)
        for twin in self._by_sum.get(checksum, ()):
            if refs[twin] - 1 < most and self.contents(twin) == data:
                return twin
        return None

    def add(self, space: MemoryMap, va: int, area: Vma, frame: int, checksum: int) -> None:
        """Make the frame of the page at `va` a merged frame: no entry maps it writable any more."""
        self._frames.get(frame)
        self.stable[frame] = checksum
        self._by_sum.setdefault(checksum, []).append(frame)
        self._map(space, area, va, frame)

    def merge(self, space: MemoryMap, area: Vma, va: int, twin: int) -> None:
        """Map the page at `va` to the merged frame `twin` instead of its own frame."""
        old = pte_frame(space.table.entry(va))
        self._frames.get(twin)
        self._map(space, area, va, twin)
        self._frames.put(old)
        self.merged += 1

    def _map(self, space: MemoryMap, area: Vma, va: int, frame: int, *, writable: bool = False) -> None:
        slot = space.table.present_slot(va)
        kept = space.table.u64[slot] & (PTE_A | PTE_D)
        space.table.u64[slot] = make_pte(frame, flags_for(area, writable=writable) | kept)
        self._invalidate(space.mmu, va, va + PAGE_SIZE)

    def copied(self, frame: int) -> None:
        """A write has copied a page of `frame`."""
        self.copies += frame in self.stable
        self.let_go((frame,))

    def let_go(self, frames: Iterable[int]) -> None:
        """These frames have lost a mapping: free those without any."""
        refs = self._frames.refs
        for frame in frames:
            if frame in self.stable and refs[frame] == 1:
                checksum = self.stable.pop(frame)
                self._by_sum[checksum].remove(frame)
                if not self._by_sum[checksum]:
                    del self._by_sum[checksum]
                self._frames.put(frame)

    def unmerge(self, space: MemoryMap, start: int, end: int, context: FaultContext) -> None:
        """Give each page from `start` to `end` in mergeable areas its own frame again.

        Raises OSError(ENOMEM).
        """
        for area in space.vmas.overlapping(start, end):
            if area.mergeable:
                self._split(space, area, max(start, area.start), min(end, area.end), context)

    def _split(self, space: MemoryMap, area: Vma, start: int, end: int, context: FaultContext) -> None:
        for va, _, pte in space.table.present(start, end):
            old = pte_frame(pte)
            if not pte & PTE_V or old not in self.stable:
                continue
            try:
                new = self._frames.alloc(context, zeroed=False)
            except OutOfFrames:
                raise error(errno.ENOMEM) from None
            self._memory.copy_frame(old, new)
            self._map(space, area, va, new, writable=True)
            self._frames.put(old)
            self.let_go((old,))
