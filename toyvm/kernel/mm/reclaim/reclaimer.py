"""Reclaim: free frames when memory runs low.

    background    after a trap, fewer frames are free than the low watermark: up to the high one
    direct        an allocation finds no free frame

It frees one batch at a time: unmapped pages of files first, then the pages that the replacement
policy selects among all others. It finds their mappings by scanning all leaf tables as arrays. This
takes time proportional to memory, and so the batch is proportional to memory too, which keeps the
cost of each freed frame constant.

Not reclaimed are the zero page, tables, locked pages, the pages of the last faults (an instruction
may need several at once, which must not evict each other for ever), and any frame with a reference
that tables and caches do not explain, because the kernel is using it.
"""

from __future__ import annotations

import numpy as np

from toyvm.base.events import PageReclaimed
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record
from toyvm.machine.physical_memory import PAGE_SHIFT
from toyvm.machine.sv39 import (
    MEGAPAGE_SIZE,
    PPN_SHIFT,
    PTE_A,
    PTE_D,
    PTE_U,
    TABLE_ENTRIES,
    swap_entry,
    translated,
    walk,
)

from ..cache.page_cache import BACKED, IN_FILE
from ..frame_allocator import ZERO_FRAME
from ..page_table import LEAF_SHIFT
from .policies import POLICIES, Candidates, Flags, Frames
from .swap_area import NONE

if TYPE_CHECKING:
    from toyvm.kernel.counters import FaultContext, Group

    from ..machine_memory import MachineMemory
    from ..memory_map import MemoryMap

BATCH_LEAST = 32
BATCH_PART = 256  # a batch is this part of memory
BATCH_MOST_PART = 16  # but at most this part: if frames are few, each victim matters
UNNEEDED = -2  # the place of a page that its program has freed (MADV_FREE); IN_FILE is -1


class _Mappings(Record):
    """All entries of all spaces that map a frame.

    For each: the index in u64, its value, its frame, and the number of its table in `tables`, a
    list of (space, va of the table's first page).
    """

    slots: Frames
    entries: np.ndarray[tuple[int], np.dtype[np.uint64]]
    frames: Frames
    numbers: Frames
    tables: list[tuple[MemoryMap, int]]

    def of(self, chosen: Flags) -> _Mappings:
        """Those of the frames that are marked in `chosen`, by frame number."""
        here = chosen[self.frames]
        return _Mappings(
            self.slots[here], self.entries[here], self.frames[here], self.numbers[here], self.tables
        )


class Reclaimer:
    """Frees frames of `system`. `policy` is one of `run_options.RECLAIM_POLICIES`."""

    def __init__(self, system: MachineMemory, policy: str, seed: int):
        self._system = system
        self._frames = system.frames
        self._policy = POLICIES[policy](system.frames.count, seed)
        self._u64 = np.frombuffer(system.memory.u64, np.uint64)
        self._refs = np.frombuffer(system.frames.refs, np.uint32)
        self._born = np.frombuffer(system.frames.born, np.uint64)
        self._cached = np.frombuffer(system.cache.kind, np.uint8)
        swap = system.swap
        self._slot_of = np.frombuffer(swap.slot_of, np.uint32) if swap is not None else None
        count = system.frames.count
        self.batch = max(min(BATCH_LEAST, count // BATCH_MOST_PART), count // BATCH_PART, 1)

    def shrink(
        self,
        context: FaultContext,
        want: int | None = None,
        *,
        direct: bool = False,
        group: Group | None = None,
    ) -> int:
        """Free about `want` frames (one batch); returns how many.

        0 means that nothing can be freed. The code that `context` executes stays. `group`: only
        frames charged to it. `direct`: an allocation waits for the frames (for the statistics).
        """
        system, stats = self._system, self._system.stats
        scanned = stats.scanned
        want = self.batch if want is None else want
        before = self._frames.free
        if group is None:
            system.cache.drop_unmapped(want)
        freed = self._frames.free - before
        if freed < want:
            may = self._allowed(context, group)
            if may.any():  # without a swap area there is often no candidate
                mappings = self._gather()
                victims = self._pick(mappings, may, want - freed)
                if len(victims):
                    self._evict(mappings, victims)
        freed = self._frames.free - before
        stats.reclaimed += freed
        if direct:
            stats.direct_reclaims += 1
            stats.reclaimed_direct += freed
            stats.scanned_direct += stats.scanned - scanned
        return freed

    # The mappings of each frame

    def _gather(self) -> _Mappings:
        for space in self._system.spaces:
            space.table.settle()
        tables = [
            (space, key << LEAF_SHIFT, base)
            for space in self._system.spaces
            for key, base in sorted(space.table.leaves.items())
        ]
        bases = np.array([base for _, _, base in tables], np.int64)
        entries = self._u64.reshape(-1, TABLE_ENTRIES)[bases // TABLE_ENTRIES].ravel()
        at = np.flatnonzero(entries & np.uint64(PTE_U))
        numbers, places = np.divmod(at, TABLE_ENTRIES)
        held = entries[at]
        frames = (held >> np.uint64(PPN_SHIFT)).astype(np.int64)
        return _Mappings(
            bases[numbers] + places, held, frames, numbers, [(space, va) for space, va, _ in tables]
        )

    # Candidates and victims

    def _copies(self) -> Flags:
        """The frames in the swap cache: the swap area has a copy of each."""
        if self._slot_of is None:
            return np.zeros(self._frames.count, np.bool_)
        cached: Flags = self._slot_of != NONE
        return cached

    def _unneeded(self) -> Flags:
        """The frames of pages that the program freed (MADV_FREE) and has not written since.

        A write since then is found later, because an entry has D.
        """
        found = np.zeros(self._frames.count, np.bool_)
        lazy = self._system.lazily_freed
        for frame in [frame for frame, born in lazy.items() if self._frames.born[frame] != born]:
            del lazy[frame]  # the frame holds another page now
        found[list(lazy)] = True
        return found

    def page_out(self, frames: list[int], context: FaultContext) -> int:
        """Reclaim those of `frames` that can be reclaimed (MADV_PAGEOUT). Returns how many were."""
        before = self._frames.free
        self._system.recent.clear()  # this is a system call, so no instruction needs them
        may = np.zeros(self._frames.count, np.bool_)
        may[frames] = True
        may &= self._allowed(context, None)
        mappings = self._gather()
        victims = np.flatnonzero(may & self._explained(mappings))
        if len(victims):
            self._evict(mappings, victims)
        return self._frames.free - before

    def _explained(self, mappings: _Mappings) -> Flags:
        """The frames with references from entries and caches only: the kernel is not using them."""
        held = np.bincount(mappings.frames, minlength=self._frames.count)
        return np.asarray(held + (self._cached != 0) + self._copies() == self._refs)

    def _allowed(self, context: FaultContext, group: Group | None) -> Flags:
        """The frames that may be reclaimed, as far as known without the tables."""
        swap, system = self._system.swap, self._system
        may: Flags = self._refs > 0
        if swap is None or not swap.can_take():
            may &= (self._cached == BACKED) | self._copies() | self._unneeded()
        if group is not None and self._frames.groups is not None:
            may &= np.frombuffer(self._frames.groups.charged, np.uint16) == group.number
        may[[ZERO_FRAME, *system.recent]] = False
        if context.mmu is not None:
            for va in (context.pc, context.pc + 2):  # an engine may continue in the middle of a block
                found = walk(system.memory, context.mmu.root_ppn, va)
                if found is not None:
                    _, pte, level = found
                    may[translated(pte, level, va) >> PAGE_SHIFT] = False
        self._spare_locked(may)
        return may

    def _pick(self, mappings: _Mappings, may: Flags, want: int) -> Frames:
        """The victims. Clears the A bits that the policy wants cleared."""
        count, system = self._frames.count, self._system
        file, clean_copy = self._cached == BACKED, self._copies()
        among = np.flatnonzero(may & self._explained(mappings))
        system.stats.scanned += len(among)
        if not len(among):
            return among
        accessed, dirty = self._bits(mappings, count, PTE_A), self._bits(mappings, count, PTE_D)
        unneeded = among[self._unneeded()[among] & ~dirty[among]]
        if len(unneeded):
            return unneeded[:want]
        dirty[list(system.cache.dirty)] = True
        dirty |= ~file & ~clean_copy
        choice = self._policy.choose(
            Candidates(
                among,
                accessed[among],
                dirty[among],
                self._born[among].astype(np.int64),
                system.now(),
            ),
            want,
        )
        self._clear_accessed(mappings, choice.cleared)
        return choice.victims

    def _spare_locked(self, may: Flags) -> None:
        for space in self._system.spaces:
            for area in space.vmas.locked():
                for slots in space.table.slots(area.start, area.end):
                    entries = self._u64[slots.start : slots.stop]
                    held = entries[entries & np.uint64(PTE_U) != 0] >> np.uint64(PPN_SHIFT)
                    may[held.astype(np.int64)] = False

    @staticmethod
    def _bits(mappings: _Mappings, count: int, bit: int) -> Flags:
        """By frame: whether any of its entries has `bit`."""
        found = np.zeros(count, np.bool_)
        found[mappings.frames[mappings.entries & np.uint64(bit) != 0]] = True
        return found

    def _clear_accessed(self, mappings: _Mappings, cleared: Frames) -> None:
        if not len(cleared):
            return
        chosen = np.zeros(self._frames.count, np.bool_)
        chosen[cleared] = True
        these = mappings.of(chosen)
        used = these.entries & np.uint64(PTE_A) != 0
        self._u64[these.slots[used]] &= np.uint64(~PTE_A & (1 << 64) - 1)
        self._invalidate(these, used)
        for space, start in self._touched_megapages(these, used):
            space.table.clear_accessed(start)
            first = start >> PAGE_SHIFT  # page by page, which keeps the translations of the space's code
            self._system.invalidate_pages(space.mmu, range(first, first + TABLE_ENTRIES))

    @staticmethod
    def _touched_megapages(mappings: _Mappings, which: Flags) -> list[tuple[MemoryMap, int]]:
        """The megapages that contain the pages of these entries, as (space, address)."""
        tables = (mappings.tables[number] for number in sorted(set(mappings.numbers[which].tolist())))
        return [(space, va) for space, va in tables if va >> LEAF_SHIFT in space.table.megapages]

    # Eviction

    def _evict(self, mappings: _Mappings, victims: Frames) -> None:
        """Write dirty pages, replace the entries of all victims, free the frames."""
        chosen = np.zeros(self._frames.count, np.bool_)
        chosen[victims] = True
        these = mappings.of(chosen)
        dirty = these.frames[these.entries & np.uint64(PTE_D) != 0]
        self._system.cache.dirty.update(set(dirty[self._cached[dirty] == BACKED].tolist()))
        for frame in dirty.tolist():
            self._system.lazily_freed.pop(frame, None)  # it has been written again
        # In the order of addresses, so that neighbours get adjacent slots and are read together.
        places = {}
        for frame in dict.fromkeys([*these.frames.tolist(), *victims.tolist()]):
            place = self._write(frame)
            if place is not None:
                places[frame] = place
        if len(places) < len(victims):
            chosen[:] = False
            chosen[list(places)] = True
            these = these.of(chosen)
        replacement = np.zeros(self._frames.count, np.uint64)
        for frame, place in places.items():
            if not self._cached[frame] and place != UNNEEDED:
                replacement[frame] = swap_entry(place)
        for space, start in self._touched_megapages(these, np.ones(len(these.frames), np.bool_)):
            space.table.split(start, start + MEGAPAGE_SIZE)
        # First the entries, then the TLBs; only after that may the frames be reused.
        self._u64[these.slots] = replacement[these.frames]
        self._count_lost(these)
        self._invalidate(these, these.entries & np.uint64(PTE_A | PTE_D) != 0)
        mapped = np.bincount(these.frames, minlength=self._frames.count)
        for frame, place in places.items():
            self._let_go(frame, place, int(mapped[frame]))

    @staticmethod
    def _count_lost(these: _Mappings) -> None:
        """Tell each address space how many resident pages it has lost."""
        lost: dict[MemoryMap, int] = {}
        for number, pages in enumerate(np.bincount(these.numbers).tolist()):
            space = these.tables[number][0]
            lost[space] = lost.get(space, 0) + pages
        for space, pages in lost.items():
            space.high_water.left(pages)

    def _write(self, frame: int) -> int | None:
        """Save the page: returns its slot, IN_FILE or UNNEEDED, or None if it has to stay."""
        system = self._system
        if system.lazily_freed.get(frame) == self._frames.born[frame]:
            return UNNEEDED
        if system.cache.kind[frame] == BACKED:
            return IN_FILE if system.cache.save(frame) else None
        swap = system.swap
        assert swap is not None
        return swap.slot_of[frame] if swap.is_cached(frame) else swap.write_out(frame)

    def _let_go(self, frame: int, place: int, mapped: int) -> None:
        """Free a frame that `mapped` entries have just lost."""
        system, frames, swap = self._system, self._frames, self._system.swap
        if place == UNNEEDED:
            del system.lazily_freed[frame]
            frames.refs[frame] = 1
            frames.put(frame)
        elif system.cache.kind[frame]:
            frames.refs[frame] -= mapped
            system.cache.evict(frame, place)
        else:
            assert swap is not None
            swap.hold(place, mapped)
            if swap.is_cached(frame):
                frames.refs[frame] -= mapped
                swap.drop(frame)
            else:
                frames.refs[frame] = 1
                frames.put(frame)
        if system.bus.wants(PageReclaimed):
            slot = None if place < 0 else place
            system.bus.emit(PageReclaimed(system.now(), 0, frame, mapped, slot))

    def _invalidate(self, mappings: _Mappings, which: Flags) -> None:
        """Invalidate these entries in the TLBs and the engine, space by space."""
        pages: dict[MemoryMap, list[int]] = {}
        places = (mappings.slots[which] % TABLE_ENTRIES).tolist()
        for number, place in zip(mappings.numbers[which].tolist(), places, strict=True):
            space, va = mappings.tables[number]
            pages.setdefault(space, []).append((va >> PAGE_SHIFT) + place)
        for space, changed in pages.items():
            self._system.invalidate_pages(space.mmu, changed)
