"""The translation look-aside buffer: what the last walks found, one dictionary for each kind of access.

Three dictionaries instead of one with permission bits, because then a hit is one look-up and no test, in every engine.
The value is `pa - va` (page-aligned both), so that `pa = va + delta`. An address is in `write` only once its
page-table entry has D set, so the dirty bit is never missed. The capacity is not limited: what a finite TLB would
lose is a question for the policies above, and a miss here is a first touch since the last invalidation.

A megapage has one entry, in `megapages`, which `Mmu.translate` looks into: what it puts into the three dictionaries from there
is no miss. To forget any page of a megapage is to forget the entry.
"""

from __future__ import annotations

from .sv39 import PTE_W


class Tlb:
    """The cached translations of one address space (as if tagged with its ASID)."""

    __slots__ = ("execute", "megapages", "misses", "read", "write")

    def __init__(self) -> None:
        self.read: dict[int, int] = {}
        self.write: dict[int, int] = {}
        self.execute: dict[int, int] = {}
        self.megapages: dict[int, dict[int, int]] = {}  # by access: va >> 21 -> pa - va
        self.misses = 0

    def flush(self) -> None:
        """Forget everything (sfence.vma without an address). The dictionaries stay the same objects."""
        self.read.clear()
        self.write.clear()
        self.execute.clear()
        self.megapages.clear()

    def flush_writes(self) -> None:
        """Forget where may be written."""
        self.write.clear()
        self.megapages.pop(PTE_W, None)

    def drop(self, vpn: int) -> None:
        """Forget one page (sfence.vma with an address); `vpn` is va >> 12."""
        self.read.pop(vpn, None)
        self.write.pop(vpn, None)
        self.execute.pop(vpn, None)
        for found in self.megapages.values():
            found.pop(vpn >> 9, None)
