"""The translation look-aside buffer: what the last walks found, one dictionary for each kind of access.

Three dictionaries instead of one with permission bits, because then a hit is one look-up and no test, in every engine.
The value is `pa - va` (page-aligned both), so that `pa = va + delta`. An address is in `write` only once its
page-table entry has D set, so the dirty bit is never missed. The capacity is not limited: what a finite TLB would
lose is a question for the policies above, and a miss here is a first touch since the last invalidation.
"""

from __future__ import annotations


class Tlb:
    """The cached translations of one address space (as if tagged with its ASID)."""

    __slots__ = ("execute", "misses", "read", "write")

    def __init__(self) -> None:
        self.read: dict[int, int] = {}
        self.write: dict[int, int] = {}
        self.execute: dict[int, int] = {}
        self.misses = 0

    def flush(self) -> None:
        """Forget everything (sfence.vma without an address). The dictionaries stay the same objects."""
        self.read.clear()
        self.write.clear()
        self.execute.clear()

    def drop(self, vpn: int) -> None:
        """Forget one page (sfence.vma with an address); `vpn` is va >> 12."""
        self.read.pop(vpn, None)
        self.write.pop(vpn, None)
        self.execute.pop(vpn, None)
