"""Page tables and reference counts as numpy arrays, for fork and exit with thousands of entries.

This module imports numpy; `FrameAllocator.arrays` decides when that pays. Its functions do what the
loops over single entries in `page_table` and `frame_allocator` do, in the same order, so that a run
allocates the same frames either way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toyvm.base.bits import M64
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.sv39 import (
    PPN_SHIFT,
    PTE_A,
    PTE_COW,
    PTE_D,
    PTE_SHARED,
    PTE_SWAP,
    PTE_U,
    PTE_W,
    PTE_X,
    TABLE_ENTRIES,
)

Entries = NDArray[np.uint64]  # page-table entries, none of them 0

_U64 = np.uint64


class PageArrays:
    """`tables` is physical memory as (frame, 512) entries; `refs` the reference counts by frame."""

    def __init__(self, memory: PhysicalMemory, refs: memoryview[int]):
        self.tables: Entries = np.frombuffer(memory.u8, _U64).reshape(-1, TABLE_ENTRIES)
        self.refs: NDArray[np.uint32] = np.frombuffer(refs, np.uint32)

    def fork(self, parents: Sequence[int], children: Sequence[int]) -> Entries:
        """Copy the leaf tables in frames `parents` to `children` (`PageTable.copy_for_fork`).

        Returns the swap entries among them.
        """
        tables = self.tables[np.asarray(parents)]
        values = tables.reshape(-1)
        places = np.flatnonzero(values)  # mostly few
        entries = values[places]
        private = np.flatnonzero(entries & _U64(PTE_W | PTE_SHARED) == _U64(PTE_W))
        if len(private):
            entries[private] ^= _U64(PTE_W | PTE_COW)
            values[places[private]] = entries[private]
            self.tables[np.asarray(parents)] = tables
        copies = entries & _U64(~(PTE_A | PTE_D) & M64)
        code = np.flatnonzero(entries & _U64(PTE_X))
        copies[code] |= entries[code] & _U64(PTE_A)
        values[places] = copies
        self.tables[np.asarray(children)] = tables
        swapped = entries & _U64(PTE_SWAP) != 0
        found: Entries = entries[swapped]
        np.add.at(self.refs, _frames(entries[~swapped] if len(found) else entries), np.uint32(1))
        return found

    def entries(self, tables: Sequence[int], first: int, last: int) -> Entries:
        """The nonzero entries of the leaf tables in these frames, in order.

        They are those from entry `first` of the first table to before entry `last` of the last one.
        """
        values = self.tables[np.asarray(tables)].reshape(-1)
        values = values[first : len(values) - TABLE_ENTRIES + last]
        found: Entries = values[values != 0]
        return found

    def put(self, entries: Entries) -> list[int]:
        """Drop a reference to the frame of each entry.

        Returns the frames that are free now, in the order in which they lost their last references.
        """
        frames = _frames(entries)
        before = self.refs[frames]
        np.subtract.at(self.refs, frames, np.uint32(1))
        gone = self.refs[frames] == 0
        freed: list[int] = frames[gone].tolist()
        if (before[gone] != 1).any():  # some frame was mapped here more than once
            freed = [*dict.fromkeys(reversed(freed))][::-1]
        return freed

    def resident(self, entries: Entries) -> int:
        """How many of the entries map a frame other than the shared zero page."""
        held = (entries & _U64(PTE_U) != 0) & (entries >= _U64(1 << PPN_SHIFT))
        return int(np.count_nonzero(held))

    def with_bits(self, entries: Entries, bits: int) -> list[int]:
        """The frames of the entries that have all of `bits` set."""
        wanted = _U64(bits)
        found: list[int] = _frames(entries[entries & wanted == wanted]).tolist()
        return found


def _frames(entries: Entries) -> NDArray[np.intp]:
    """The frame of each entry; the kernel leaves the bits above the PPN 0."""
    return (entries >> _U64(PPN_SHIFT)).astype(np.intp)
