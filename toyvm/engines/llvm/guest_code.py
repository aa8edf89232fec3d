"""The guest's code as the translator reads it: only pages that have been executed."""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Access, Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable

    Fetch = Callable[[int], int | None]

KEY_BYTES = 32  # length of the code that is part of the cache key


def fetcher(mmu: Mmu) -> Fetch:
    """A function that returns the instruction at an address in executed pages; None elsewhere.

    A fetch from other pages would set A.
    """
    execute = mmu.tlb.execute

    def fetch(pc: int) -> int | None:
        if pc >> PAGE_SHIFT in execute and (pc + 2 >> PAGE_SHIFT in execute):
            return mmu.fetch(pc)
        return None

    return fetch


def text_at(mmu: Mmu, head: int) -> bytes:
    """The first bytes of the code at `head`, within its page: part of the cache key."""
    pa = mmu.translate(head, Access.EXECUTE)
    return bytes(mmu.memory.u8[pa : min(pa + KEY_BYTES, (pa | PAGE_MASK) + 1)])
