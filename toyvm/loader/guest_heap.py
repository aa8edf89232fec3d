"""The loader's own memory in the guest: link maps, names, thread-local storage. Anonymous pages, handed out upwards."""

from __future__ import annotations

from ..base.bits import align_up
from ..base.record import Record
from ..kernel.mm.address_space import AddressSpace
from ..kernel.mm.vma import PROT_READ, PROT_WRITE
from ..machine.physical_memory import PAGE_SIZE

_ALIGNMENT = 16


class GuestHeap(Record, frozen=False):
    """A bump allocator with a free list by size: what dlclose gives back, the next dlopen of that library takes."""

    position: int = 0
    end: int = 0
    free: dict[int, list[int]] = {}

    def alloc(self, memory: AddressSpace, size: int, alignment: int = _ALIGNMENT) -> int:
        """The guest address of `size` bytes, zero when never used before. Raises OSError when there is no memory."""
        size = align_up(max(size, 1), _ALIGNMENT)
        if alignment <= _ALIGNMENT and self.free.get(size):
            return self.free[size].pop()
        start = align_up(self.position, alignment)
        if not self.position or start + size > self.end:
            length = align_up(size + max(alignment, PAGE_SIZE) - PAGE_SIZE, PAGE_SIZE)
            area = memory.mmap(0, length, PROT_READ | PROT_WRITE)
            start, self.end = align_up(area, alignment), area + length
        self.position = start + size
        return start

    def release(self, va: int, size: int) -> None:
        """Give `size` bytes at `va` back."""
        self.free.setdefault(align_up(max(size, 1), _ALIGNMENT), []).append(va)
