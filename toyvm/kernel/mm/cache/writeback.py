"""Write-back of dirty pages of files, so that a mapping that is written to for long does not fill memory with what only its file can take.

That a page is dirty is known from the D bits of its entries. Every so often, in virtual time, they are counted; when more than the dirty
ratio of memory is dirty (vm.dirty_ratio), everything dirty is written to its file.
"""

from __future__ import annotations

import errno

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SIZE
from toyvm.machine.sv39 import PTE_D, USER_TOP, pte_frame

if TYPE_CHECKING:
    from ..address_space import AddressSpace
    from ..memory_system import MemorySystem
    from ..vma import Vma

PERIOD = 10_000_000  # nanoseconds of virtual time between two looks


class WriteBack:
    """The daemon of one machine; `ratio` is in percent. `wake_at` is when it looks again, None while nothing is mapped
    that it could write."""

    def __init__(self, system: MemorySystem, ratio: int):
        self._system = system
        self.ratio = ratio
        self.wake_at: int | None = None

    def mapped(self, area: Vma) -> None:
        """There is a new area: it may be one that makes pages dirty."""
        if self.wake_at is None and _writes(area):
            self.wake_at = self._system.now() + PERIOD

    def wake(self) -> None:
        """Look, if it is time."""
        system = self._system
        if self.wake_at is None or system.now() < self.wake_at:
            return
        areas = [(space, area) for space in system.spaces for area in space.vmas if _writes(area)]
        if self._dirty(areas) * 100 > self.ratio * system.frames.count:
            for space, area in areas:
                collect_dirty(space, area.start, area.end)
            system.cache.sync()
        self.wake_at = system.now() + PERIOD if areas else None

    def _dirty(self, areas: list[tuple[AddressSpace, Vma]]) -> int:
        found = set(self._system.cache.dirty)
        for space, area in areas:
            found.update(
                pte_frame(pte) for _, _, pte in space.table.present(area.start, area.end) if pte & PTE_D
            )
        return len(found)


def sync(mm: AddressSpace, addr: int, length: int) -> None:
    """Write the dirty pages of shared file mappings in the range to their files. Raises OSError: EINVAL, ENOMEM, EIO..."""
    if addr & PAGE_MASK or length < 0 or addr + length > USER_TOP:
        raise error(errno.EINVAL if addr & PAGE_MASK else errno.ENOMEM)
    end = addr + align_up(length, PAGE_SIZE)
    if end == addr:
        return
    for area in mm.vmas.overlapping(addr, end):
        if area.shared and area.file is not None and area.file.backed:
            low, high = max(addr, area.start), min(end, area.end)
            collect_dirty(mm, low, high)
            mm.system.cache.write_back(area.file, area.offset_of(low), area.offset_of(high))
    mm.require_mapped(addr, end)


def collect_dirty(mm: AddressSpace, start: int, end: int) -> None:
    """Move D bits into the page cache's set of dirty pages."""
    found = False
    for _, slot, pte in mm.table.present(start, end):
        if pte & PTE_D:
            mm.system.cache.dirty.add(pte_frame(pte))
            mm.table.u64[slot] = pte & ~PTE_D
            found = True
    if found:
        mm.system.invalidate(mm.mmu, start, end)


def _writes(area: Vma) -> bool:
    return area.shared and area.may_write and area.file is not None and area.file.backed
