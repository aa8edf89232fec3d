"""Page tables and reference counts as numpy arrays: what fork and the end of a process do to thousands of entries at once.

It imports numpy; `FrameAllocator.arrays` decides when that pays. Both functions do exactly
what the loops over single entries in `pagetable` and `frames` do, in the same order, so that a run takes the same frames
whichever way it went.
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
        """Copy the leaf tables in frames `parents` to those in `children`, as `PageTable.copy_for_fork` says. The entries among
        them that stand for a page in the swap area."""
        tables = self.tables[np.asarray(parents)]
        values = tables.reshape(-1)
        places = np.flatnonzero(values)  # of the entries that are used, mostly few
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
        """The entries that are not 0 in the leaf tables of these frames, in order, from entry `first` of the first table
        to before `last` of the last one."""
        values = self.tables[np.asarray(tables)].reshape(-1)
        values = values[first : len(values) - TABLE_ENTRIES + last]
        found: Entries = values[values != 0]
        return found

    def put(self, entries: Entries) -> list[int]:
        """One reference less for the frame of each entry; the frames that are free now, in the order in
        which their last references went."""
        frames = _frames(entries)
        before = self.refs[frames]
        np.subtract.at(self.refs, frames, np.uint32(1))
        gone = self.refs[frames] == 0
        freed: list[int] = frames[gone].tolist()
        if (before[gone] != 1).any():  # some frame was mapped here more than once
            freed = [*dict.fromkeys(reversed(freed))][::-1]
        return freed

    def resident(self, entries: Entries) -> int:
        """How many of the entries hold a frame that is not the shared zero page."""
        held = (entries & _U64(PTE_U) != 0) & (entries >= _U64(1 << PPN_SHIFT))
        return int(np.count_nonzero(held))

    def with_bits(self, entries: Entries, bits: int) -> list[int]:
        """The frames of the entries that have all of `bits`."""
        wanted = _U64(bits)
        found: list[int] = _frames(entries[entries & wanted == wanted]).tolist()
        return found


def _frames(entries: Entries) -> NDArray[np.intp]:
    """The frame of each entry; the bits above the PPN are 0 in every entry that the kernel makes."""
    return (entries >> _U64(PPN_SHIFT)).astype(np.intp)
