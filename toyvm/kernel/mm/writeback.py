"""Writeback of dirty file pages, so that a mapping does not fill memory with them.

The D bits of entries mark dirty pages. At intervals of virtual time they are counted; if more than
vm.dirty_ratio percent of memory is dirty, all dirty pages are written to their files.
"""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.sv39 import PTE_D, pte_frame

from .machine_memory import WRITE_BACK_PERIOD, MachineMemory

if TYPE_CHECKING:
    from .memory_map import MemoryMap
    from .vma import Vma


class WriteBack:
    """The writeback daemon of one machine; `ratio` is in percent.

    `MachineMemory.write_back_at` is the time of its next count, None while no mapping can have
    dirty pages.
    """

    def __init__(self, system: MachineMemory, ratio: int):
        self._system = system
        self.ratio = ratio

    def wake(self) -> None:
        """Count the dirty pages, if it is time, and write them back if there are too many."""
        system = self._system
        if system.write_back_at is None or system.now() < system.write_back_at:
            return
        areas = [(space, area) for space in system.spaces for area in space.vmas if area.writes_file]
        if self._dirty(areas) * 100 > self.ratio * system.frames.count:
            for space, area in areas:
                collect_dirty(system, space, area.start, area.end)
            system.cache.sync()
        system.write_back_at = system.now() + WRITE_BACK_PERIOD if areas else None

    def _dirty(self, areas: list[tuple[MemoryMap, Vma]]) -> int:
        found = set(self._system.cache.dirty)
        for space, area in areas:
            found.update(
                pte_frame(pte) for _, _, pte in space.table.present(area.start, area.end) if pte & PTE_D
            )
        return len(found)


def collect_dirty(system: MachineMemory, space: MemoryMap, start: int, end: int) -> None:
    """Move D bits into the page cache's set of dirty pages."""
    found = False
    for _, slot, pte in space.table.present(start, end):
        if pte & PTE_D:
            system.cache.dirty.add(pte_frame(pte))
            space.table.u64[slot] = pte & ~PTE_D
            found = True
    if found:
        system.invalidate(space.mmu, start, end)
