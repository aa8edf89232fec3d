"""Transparent megapages, as Linux has transparent huge pages (Documentation/admin-guide/mm/transhuge.rst).

The first write to an aligned 2 MiB of private anonymous memory gets 512 neighbouring frames and one entry of level 1 for all of them,
if the policy (`enabled`: always, madvise or never) and the area (madvise) want it, nothing of the 2 MiB is mapped yet but the zero
page, and there are such frames. If there are not, nothing is waited for: pages of 4 KiB do (a fallback).

A megapage is split into its pages, which stay where they are, when a page of it is to become different from the others: unmapped,
protected, reclaimed, merged, or copied on a write. Frames are counted one by one throughout.
"""

from __future__ import annotations

from toyvm.base.bits import align_up
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.sv39 import MEGAPAGE_SIZE

if TYPE_CHECKING:
    from .address_space import AddressSpace
    from .vma import Vma


class Megapages:
    """The megapages of one machine: who may have them, which there are, and what has become of others."""

    def __init__(self) -> None:
        self.enabled = "never"
        self.tables: dict[int, int] = {}  # first frame of each megapage -> page tables that map it as one
        self.allocated = 0  # Linux's thp_fault_alloc, thp_fault_fallback, thp_split_page and thp_split_pmd:
        self.fallbacks = 0
        self.pages_split = 0
        self.entries_split = 0

    def mapped(self, first: int) -> None:
        """One more page table maps the 512 frames from `first` by one entry."""
        self.tables[first] = self.tables.get(first, 0) + 1

    def unmapped(self, first: int) -> bool:
        """One page table less; whether it was the last."""
        left = self.tables[first] - 1
        if left:
            self.tables[first] = left
        else:
            del self.tables[first]
        return not left

    def split(self, first: int) -> None:
        """The entry of one page table has become 512."""
        self.entries_split += 1
        self.pages_split += self.unmapped(first)

    def has(self, frame: int) -> bool:
        """Whether `frame` is a part of a megapage."""
        return frame & -512 in self.tables

    def wants(self, mm: AddressSpace, area: Vma) -> bool:
        """Whether 2 MiB of `area` should be a megapage, where they are aligned."""
        if area.file is not None or area.shared or mm.no_megapages or area.megapages is False:
            return False
        return self.enabled == "always" or (self.enabled == "madvise" and area.megapages is True)

    def fits(self, mm: AddressSpace, area: Vma) -> bool:
        """Whether `area` has 2 MiB that should be a megapage (THPeligible of /proc/PID/smaps)."""
        return align_up(area.start, MEGAPAGE_SIZE) + MEGAPAGE_SIZE <= area.end and self.wants(mm, area)
