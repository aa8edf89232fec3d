"""The Sv39 page tables of one address space: create, find, clear and copy entries.

The tables in physical memory are authoritative. A directory of the leaf tables by VPN[2:1] finds an
entry in one look-up. Whole tables are processed as arrays of 512 entries: in Python at first, and
with numpy (`page_arrays`) once a run has processed so many that the import pays. Both give the same
results in the same order.

2 MiB of anonymous memory can be one megapage: a leaf of level 1. The leaf table that would map them
is deposited with it (Linux's pgtable_trans_huge_deposit), so that splitting the megapage needs no
frame, and holds the entries as they will be after the split. All readers read them there; A and D
are copied to them first, because the machine sets these in the megapage only. To change an entry,
call `slot` first, or split the megapage (`split`).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import compress, islice

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_SHIFT, PAGE_SIZE, PhysicalMemory
from toyvm.machine.sv39 import (
    MEGAPAGE_SHIFT,
    MEGAPAGE_SIZE,
    PPN_SHIFT,
    PTE_A,
    PTE_COW,
    PTE_D,
    PTE_SHARED,
    PTE_SWAP,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    TABLE_ENTRIES,
    USER_TOP,
    entry_slot,
    make_pte,
    pte_frame,
)

from ..counters import FaultContext
from .frame_allocator import FrameAllocator

if TYPE_CHECKING:
    from .page_arrays import Entries
    from .reclaim.swap_area import SwapArea

LEAF_SHIFT, LEAF_SPAN = MEGAPAGE_SHIFT, MEGAPAGE_SIZE  # what one leaf table covers
_ZERO_TABLE = array("Q", bytes(PAGE_SIZE))


def _pages_of(pte: int) -> array[int]:
    """The entries of the 512 pages of a megapage."""
    return array("Q", range(pte, pte + (TABLE_ENTRIES << PPN_SHIFT), 1 << PPN_SHIFT))


class PageTable:
    """Three levels of tables; each table is one frame of `frames`.

    `swap` is the area that swap entries refer to, if the machine has one. Methods that create
    tables raise OutOfFrames.
    """

    def __init__(
        self,
        memory: PhysicalMemory,
        frames: FrameAllocator,
        context: FaultContext,
        swap: SwapArea | None = None,
    ):
        self._frames = frames
        self._swap = swap
        self.u64 = memory.u64
        self.root_ppn = frames.alloc(context)
        self._middles: dict[int, int] = {}  # va >> 30 -> frame of the level-1 table
        self.leaves: dict[int, int] = {}  # va >> 21 -> index in u64 of the leaf table's first entry
        self.megapages: dict[int, int] = {}  # va >> 21 -> index in u64 of the entry that is a megapage

    @property
    def table_count(self) -> int:
        """The number of frames that hold tables, the root included."""
        return 1 + len(self._middles) + len(self.leaves)

    def table_frames(self) -> Iterator[int]:
        """The frames of the tables, the root first."""
        yield self.root_ppn
        yield from self._middles.values()
        for base in self.leaves.values():
            yield base >> 9

    def slot(self, va: int, context: FaultContext) -> int:
        """The index in `u64` of the leaf entry for `va`. Creates tables, splits a megapage."""
        base = self.leaves.get(va >> LEAF_SHIFT)
        if base is None:
            base = self._make_leaf(va, context)
        elif self.megapages and va >> LEAF_SHIFT in self.megapages:
            self._split(va >> LEAF_SHIFT)
        return base + (va >> PAGE_SHIFT & 0x1FF)

    def present_slot(self, va: int) -> int:
        """`slot`, where the table exists."""
        if va >> LEAF_SHIFT in self.megapages:
            self._split(va >> LEAF_SHIFT)
        return self.leaves[va >> LEAF_SHIFT] + (va >> PAGE_SHIFT & 0x1FF)

    def entry(self, va: int) -> int:
        """The leaf entry for `va`; 0 without a table. In a megapage: the entry after a split."""
        if self.megapages and va >> LEAF_SHIFT in self.megapages:
            self._settle(va >> LEAF_SHIFT)
        base = self.leaves.get(va >> LEAF_SHIFT)
        return 0 if base is None else self.u64[base + (va >> PAGE_SHIFT & 0x1FF)]

    def _make_leaf(self, va: int, context: FaultContext) -> int:
        middle = self._middles.get(va >> 30)
        if middle is None:
            middle = self._frames.alloc(context)
            self._middles[va >> 30] = middle
            self.u64[(self.root_ppn << 9) + (va >> 30 & 0x1FF)] = make_pte(middle, PTE_V)
        frame = self._frames.alloc(context)
        self.u64[(middle << 9) + (va >> LEAF_SHIFT & 0x1FF)] = make_pte(frame, PTE_V)
        base = frame << 9
        self.leaves[va >> LEAF_SHIFT] = base
        return base

    def _drop_leaf(self, key: int) -> None:
        base = self.leaves.pop(key)
        if self.megapages.pop(key, None) is not None:
            self._frames.megapages.unmapped(pte_frame(self.u64[base]))
        self.u64[(self._middles[key >> 9] << 9) + (key & 0x1FF)] = 0
        self._frames.put(base >> 9)

    # Megapages

    def map_megapage(self, va: int, pte: int) -> None:
        """Map the 2 MiB around `va` by the leaf `pte` instead of their leaf table."""
        key = va >> LEAF_SHIFT
        self._fill(self.leaves[key], pte)
        self.join(va)

    def only_zero_pages(self, va: int) -> list[int] | None:
        """The virtual page numbers in the table at `va` that map the zero page.

        None if the table is empty or has other entries.
        """
        entries = self.u64[(base := self.leaves[va >> LEAF_SHIFT]) : base + TABLE_ENTRIES].tolist()
        used = {*entries} - {0}
        if not used or any(pte >> PPN_SHIFT or pte & PTE_SWAP for pte in used):
            return None
        first = va >> LEAF_SHIFT << LEAF_SHIFT - PAGE_SHIFT
        return [first + number for number in compress(range(TABLE_ENTRIES), entries)]

    def remap_megapage(self, va: int, pte: int) -> None:
        """Replace the entry of the megapage at `va` by `pte`, which differs in its flags only."""
        key = va >> LEAF_SHIFT
        self._fill(self.leaves[key], pte)
        self.u64[self.megapages[key]] = pte

    def _fill(self, base: int, pte: int) -> None:
        self.u64[base : base + TABLE_ENTRIES] = _pages_of(pte)

    def join(self, va: int) -> None:
        """Map the 2 MiB at `va` by a megapage: their frames are contiguous, their flags alike."""
        key = va >> LEAF_SHIFT
        slot = (self._middles[key >> 9] << 9) + (key & 0x1FF)
        pte = self.u64[self.leaves[key]]
        self.u64[slot] = pte
        self.megapages[key] = slot
        self._frames.megapages.mapped(pte_frame(pte))

    def _settle(self, key: int) -> None:
        """Copy A and D from a megapage to the entries of its pages."""
        pte, base = self.u64[self.megapages[key]], self.leaves[key]
        if self.u64[base] != pte:
            self._fill(base, pte)

    def settle(self) -> None:
        """Copy A and D from all megapages to the entries of their pages."""
        for key in self.megapages:
            self._settle(key)

    def clear_accessed(self, va: int) -> None:
        """Clear A of the megapage at `va`, which is that of all its pages."""
        key = va >> LEAF_SHIFT
        pte = self.u64[self.megapages[key]] & ~PTE_A
        self.u64[self.megapages[key]] = pte
        self._fill(self.leaves[key], pte)

    def _split(self, key: int) -> None:
        """Replace a megapage by its leaf table. Cached translations stay valid."""
        self._settle(key)
        base = self.leaves[key]
        self.u64[self.megapages.pop(key)] = make_pte(base >> 9, PTE_V)
        self._frames.megapages.split(pte_frame(self.u64[base]))

    def split(self, start: int, end: int) -> None:
        """Split all megapages that have a page from `start` to `end`."""
        for va in self.megapages_in(start, end):
            self._split(va >> LEAF_SHIFT)

    def split_borders(self, start: int, end: int) -> None:
        """Split megapages that extend across `start` or `end`."""
        for va in (start, end):
            if va & LEAF_SPAN - 1 and va >> LEAF_SHIFT in self.megapages:
                self._split(va >> LEAF_SHIFT)

    def changed(self, start: int, end: int) -> None:
        """The flags of the entries from `start` to `end` have changed: update the megapages there.

        Megapages whose pages are no longer all alike are split.
        """
        for va in self.megapages_in(start, end):
            key = va >> LEAF_SHIFT
            base = self.leaves[key]
            alike = self.u64[base : base + TABLE_ENTRIES] == _pages_of(self.u64[base])
            self.u64[self.megapages[key]] = self.u64[base]
            if not alike:
                self._split(key)

    def megapages_in(self, start: int, end: int) -> list[int]:
        """The addresses of the megapages that have a page from `start` to `end`, ascending."""
        low, high = start >> LEAF_SHIFT, end - 1 >> LEAF_SHIFT
        return sorted(key << LEAF_SHIFT for key in self.megapages if low <= key <= high)

    # Ranges

    def present(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(va, index in u64, entry) of each entry from `start` to `end` with a frame, ascending."""
        for entry in self.entries(start, end):
            if entry[2] & PTE_U:
                yield entry

    def entries(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """As `present`, with swap entries."""
        for key, base, first, last in self._tables(start, end):
            for number, pte in enumerate(self.u64[base + first : base + last].tolist(), first):
                if pte:
                    yield key << LEAF_SHIFT | number << PAGE_SHIFT, base + number, pte

    def has_at_most(self, most: int, start: int, end: int) -> bool:
        """Whether at most `most` leaf tables have entries from `start` to `end`."""
        return len(list(islice(self._tables(start, end), most + 1))) <= most

    def slots(self, start: int, end: int) -> Iterator[range]:
        """The indices in u64 of all entries from `start` to `end` whose tables exist."""
        for _, base, first, last in self._tables(start, end):
            yield range(base + first, base + last)

    def clear(self, start: int, end: int) -> list[int] | Entries:
        """Clear all entries from `start` to `end`. Returns the nonzero ones by ascending address.

        Leaf tables whose whole 2 MiB are cleared are freed. References to the frames pass to the
        caller.
        """
        if self.megapages:
            self.split_borders(start, end)
        tables = list(self._tables(start, end))
        if not tables:
            return []
        taken = self._used(tables)
        for key, base, first, last in tables:
            if last - first == TABLE_ENTRIES:
                self._drop_leaf(key)
            else:
                self.u64[base + first : base + last] = _ZERO_TABLE[: last - first]
        return taken

    def take_few(self, start: int, end: int) -> tuple[list[int], list[int]] | None:
        """Clear the entries of a part of one leaf table. Returns the page numbers and the entries, as `clear` does.

        None without an effect for another range, or with megapages.
        """
        key = start >> LEAF_SHIFT
        if self.megapages or (end - 1) >> LEAF_SHIFT != key or end - start >= LEAF_SPAN:
            return None
        base = self.leaves.get(key)
        if base is None:
            return [], []
        first = base + (start - (key << LEAF_SHIFT) >> PAGE_SHIFT)
        last = first + (end - start + PAGE_SIZE - 1 >> PAGE_SHIFT)
        entries = self.u64[first:last].tolist()
        taken = list(filter(None, entries))
        if not taken:
            return taken, taken
        self.u64[first:last] = _ZERO_TABLE[: last - first]
        vpn = start >> PAGE_SHIFT
        return list(compress(range(vpn, vpn + len(entries)), entries)), taken

    def resident(self) -> int:
        """How many pages have a frame other than the shared zero page (Linux's RSS)."""
        tables = list(self._tables(0, USER_TOP))
        entries = self._used(tables) if tables else []
        if isinstance(entries, list):
            self._frames.walked(len(entries))
        return self._frames.resident(entries)

    def _used(self, tables: list[tuple[int, int, int, int]]) -> list[int] | Entries:
        """The nonzero entries of adjacent tables, given as from `_tables`."""
        arrays = self._frames.arrays(len(tables))
        if arrays is not None:
            return arrays.entries([base >> 9 for _, base, _, _ in tables], tables[0][2], tables[-1][3])
        used: list[int] = []
        for _, base, first, last in tables:
            used += filter(None, self.u64[base + first : base + last].tolist())
        return used

    def _tables(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """(key, base, first entry, last entry + 1) of each leaf table in the range, ascending."""
        low, high = start >> LEAF_SHIFT, (end - 1) >> LEAF_SHIFT
        keys = range(low, high + 1) if high - low < len(self.leaves) else sorted(self.leaves)
        for key in keys:
            base = self.leaves.get(key)
            if base is None or not low <= key <= high:
                continue
            if self.megapages and key in self.megapages:
                self._settle(key)
            origin = key << LEAF_SHIFT
            first = max(start - origin, 0) >> PAGE_SHIFT
            last = min(end - origin, LEAF_SPAN) + PAGE_SIZE - 1 >> PAGE_SHIFT
            yield key, base, first, last

    def copy_for_fork(self, child: PageTable, context: FaultContext) -> None:
        """Give `child`, which is empty, the same mappings, with one more reference to each frame.

        Writable private entries lose W and gain COW on both sides. The child's A and D are clear,
        except A in pages of code, because the child begins with the parent's translations of code.
        Raises OutOfFrames without having changed an entry.
        """
        pairs = [(base, child.slot(key << LEAF_SHIFT, context)) for key, base in self.leaves.items()]
        self.settle()
        self._copy(pairs)
        for key, slot in self.megapages.items():
            self.u64[slot] = self.u64[self.leaves[key]]
            child.join(key << LEAF_SHIFT)

    def _copy(self, pairs: list[tuple[int, int]]) -> None:
        """Copy leaf tables, from the first of each pair to the second."""
        native = self._frames.table.native.get("kernel_copy_tables")
        if native is not None:
            work = array("Q", [len(pairs)])
            for base, target in pairs:
                work.append(base >> 9)
                work.append(target >> 9)
            native(work)
            if work[0]:
                for _, target in pairs:
                    for pte in self.u64[target : target + TABLE_ENTRIES].tolist():
                        if pte & PTE_SWAP:
                            self._hold_slot(pte)
            return
        arrays = self._frames.arrays(len(pairs))
        if arrays is not None:
            swapped = arrays.fork([base >> 9 for base, _ in pairs], [target >> 9 for _, target in pairs])
            for pte in swapped.tolist():
                self._hold_slot(pte)
            return
        refs, u64, copied = self._frames.refs, self.u64, 0
        for base, target in pairs:
            values = u64[base : base + TABLE_ENTRIES].tolist()
            for number in compress(range(TABLE_ENTRIES), values):
                pte = values[number]
                if pte & PTE_SWAP:
                    self._hold_slot(pte)
                    u64[target + number] = pte
                    continue
                refs[pte >> PPN_SHIFT] += 1
                if pte & (PTE_W | PTE_SHARED) == PTE_W:
                    pte ^= PTE_W | PTE_COW
                    u64[base + number] = pte
                u64[target + number] = pte & ~(PTE_A | PTE_D) | (pte & PTE_A if pte & PTE_X else 0)
                copied += 1
        self._frames.walked(copied)

    def _hold_slot(self, pte: int) -> None:
        assert self._swap is not None, "a swap entry on a machine without a swap area"

        self._swap.hold(entry_slot(pte))

    def drop_natively(self) -> bool:
        """Clear all entries and drop their references, in native code.

        False without an effect if there is none, or if some entry is a swap entry, of a megapage, or of a
        dirty page of a file. The order in which frames become free is that of `clear` and `put_entries`.
        """
        native, leaves = self._frames.table.native, self.leaves
        if self.megapages or "kernel_drop_tables" not in native:
            return False
        keys = sorted(leaves)
        frames = [leaves[key] >> 9 for key in keys]
        work = array("Q", [len(frames), *frames])
        native["kernel_check_tables"](work)
        if work[0]:
            return False
        for key in keys:
            self._drop_leaf(key)
        work = array("Q", [len(frames), self._frames.freed, *frames])
        native["kernel_drop_tables"](work)
        self._frames.pushed(work[0])
        return True

    def free(self) -> None:
        """Free all tables; the caller has cleared the entries."""
        for base in self.leaves.values():
            self._frames.put(base >> 9)
        for frame in self._middles.values():
            self._frames.put(frame)
        self._frames.put(self.root_ppn)
        self.leaves.clear()
        self._middles.clear()
