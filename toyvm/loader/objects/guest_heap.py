"""The loader's heap in guest memory, for link maps, names and thread-local storage."""

from __future__ import annotations

from toyvm.base.bits import align_up
from toyvm.base.record import Record
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.vma import PROT_READ, PROT_WRITE
from toyvm.machine.physical_memory import PAGE_SIZE

_ALIGNMENT = 16
_LARGE = 16 * PAGE_SIZE
"""Allocations of this size or more are separate mappings, which are unmapped on release."""


class GuestHeap(Record, frozen=False):
    """A bump allocator with free lists by size: dlopen reuses the pieces that dlclose released."""

    position: int = 0
    end: int = 0
    free: dict[int, list[int]] = {}

    def copy(self) -> GuestHeap:
        """A copy for a forked process."""
        return GuestHeap(self.position, self.end, {size: pieces.copy() for size, pieces in self.free.items()})

    def alloc(self, memory: AddressSpace, size: int, alignment: int = _ALIGNMENT) -> int:
        """Allocate `size` zero bytes and return their guest address. Raises OSError(ENOMEM)."""
        size = align_up(max(size, 1), _ALIGNMENT)
        if size >= _LARGE:
            return self._map(memory, size, alignment)
        for index, piece in enumerate(self.free.get(size, ())):
            if piece % alignment == 0:
                memory.write(piece, bytes(size))
                del self.free[size][index]
                return piece
        start = align_up(self.position, alignment)
        if not self.position or start + size > self.end:
            length = align_up(size + max(alignment, PAGE_SIZE) - PAGE_SIZE, PAGE_SIZE)
            area = memory.mmap(0, length, PROT_READ | PROT_WRITE)
            start, self.end = align_up(area, alignment), area + length
        self.position = start + size
        return start

    def _map(self, memory: AddressSpace, size: int, alignment: int) -> int:
        """Allocate a separate mapping, and unmap what was mapped only for the alignment."""
        length = align_up(size, PAGE_SIZE)
        slack = max(alignment, PAGE_SIZE) - PAGE_SIZE
        area = memory.mmap(0, length + slack, PROT_READ | PROT_WRITE)
        start = align_up(area, max(alignment, PAGE_SIZE))
        if start > area:
            memory.munmap(area, start - area)
        if start + length < area + length + slack:
            memory.munmap(start + length, area + slack - start)
        return start

    def release(self, memory: AddressSpace, va: int, size: int) -> None:
        """Free `size` bytes at `va`."""
        size = align_up(max(size, 1), _ALIGNMENT)
        if size >= _LARGE:
            memory.munmap(va, align_up(size, PAGE_SIZE))
        else:
            self.free.setdefault(size, []).append(va)
