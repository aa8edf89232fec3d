"""Reclaim: making frames free when memory runs low.

    background    the kernel finds fewer free frames than the low watermark after a trap: up to the high one
    direct        an allocation finds none at all

Each time one batch: unmapped pages of files go first, then the pages that the replacement policy picks among all others. Their
mappings are found by going through all leaf tables as arrays, which costs time in proportion to memory; so does the batch
grow, and the cost for each frame freed stays the same. What may not go: the zero page, tables, locked pages, the
pages that the last faults brought (an instruction may need several at once, and they must not drive
each other out for ever), and any frame with a reference that the tables and caches do not explain, because the kernel is
using it at this moment.
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
BATCH_PART = 256  # one batch is this part of memory
BATCH_MOST_PART = 16  # and never more than this one: where frames are few, each that goes must be well chosen
FORGOTTEN = -2  # the place of a page that its program does not need any more (MADV_FREE); IN_FILE is -1


class _Mappings(Record):
    """All entries of all spaces that hold a frame: where the entry is (index in u64), its value, its frame, and its table's
    number in `tables`, a list of (space, va of the table's first page)."""

    slots: Frames
    entries: np.ndarray[tuple[int], np.dtype[np.uint64]]
    frames: Frames
    numbers: Frames
    tables: list[tuple[MemoryMap, int]]

    def of(self, chosen: Flags) -> _Mappings:
        """Only those of the frames that are marked in `chosen`, by frame number."""
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
        """Free about `want` frames (one batch); how many were freed. 0 means that nothing can be freed.

        The code that `context` executes stays. `group`: only frames that are charged to it. `direct`: an allocation waits for the
        frames (for the statistics).
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
            if may.any():  # without a swap area there is often nothing to look for
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

    # Which go

    def _copies(self) -> Flags:
        """The frames in the swap cache: the swap area has the same."""
        if self._slot_of is None:
            return np.zeros(self._frames.count, np.bool_)
        cached: Flags = self._slot_of != NONE
        return cached

    def _forgotten(self) -> Flags:
        """The frames whose pages the program does not want, unless it has written to them again (then an entry has D)."""
        found = np.zeros(self._frames.count, np.bool_)
        lazy = self._system.lazily_freed
        for frame in [frame for frame, born in lazy.items() if self._frames.born[frame] != born]:
            del lazy[frame]  # the frame holds another page now
        found[list(lazy)] = True
        return found

    def page_out(self, frames: list[int], context: FaultContext) -> int:
        """Reclaim these frames, as far as they may go; how many did (madvise(MADV_PAGEOUT))."""
        before = self._frames.free
        self._system.recent.clear()  # no instruction waits for them: this is a system call
        may = np.zeros(self._frames.count, np.bool_)
        may[frames] = True
        may &= self._allowed(context, None)
        mappings = self._gather()
        victims = np.flatnonzero(may & self._explained(mappings))
        if len(victims):
            self._evict(mappings, victims)
        return self._frames.free - before

    def _explained(self, mappings: _Mappings) -> Flags:
        """The frames of which every reference is an entry's or a cache's: the kernel is not using them just now."""
        held = np.bincount(mappings.frames, minlength=self._frames.count)
        return np.asarray(held + (self._cached != 0) + self._copies() == self._refs)

    def _allowed(self, context: FaultContext, group: Group | None) -> Flags:
        """The frames that may go as far as can be said without looking at the tables."""
        swap, system = self._system.swap, self._system
        may: Flags = self._refs > 0
        if swap is None or not swap.can_take():
            may &= (self._cached == BACKED) | self._copies() | self._forgotten()
        if group is not None and self._frames.groups is not None:
            may &= np.frombuffer(self._frames.groups.charged, np.uint16) == group.number
        may[[ZERO_FRAME, *system.recent]] = False
        if context.mmu is not None:
            for va in (context.pc, context.pc + 2):  # an engine may go on in the middle of a block
                found = walk(system.memory, context.mmu.root_ppn, va)
                if found is not None:
                    _, pte, level = found
                    may[translated(pte, level, va) >> PAGE_SHIFT] = False
        self._spare_locked(may)
        return may

    def _pick(self, mappings: _Mappings, may: Flags, want: int) -> Frames:
        """The victims; clears the A bits that the policy has looked at."""
        count, system = self._frames.count, self._system
        file, clean_copy = self._cached == BACKED, self._copies()
        among = np.flatnonzero(may & self._explained(mappings))
        system.stats.scanned += len(among)
        if not len(among):
            return among
        accessed, dirty = self._bits(mappings, count, PTE_A), self._bits(mappings, count, PTE_D)
        unwanted = among[self._forgotten()[among] & ~dirty[among]]
        if len(unwanted):
            return unwanted[:want]
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
        """By frame: whether any entry of it has `bit`."""
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
            first = start >> PAGE_SHIFT  # page by page, to keep what is known of the space's code
            self._system.invalidate_pages(space.mmu, range(first, first + TABLE_ENTRIES))

    @staticmethod
    def _touched_megapages(mappings: _Mappings, which: Flags) -> list[tuple[MemoryMap, int]]:
        """The megapages that these entries are pages of, by space and address."""
        tables = (mappings.tables[number] for number in sorted(set(mappings.numbers[which].tolist())))
        return [(space, va) for space, va in tables if va >> LEAF_SHIFT in space.table.megapages]

    # How they go

    def _evict(self, mappings: _Mappings, victims: Frames) -> None:
        """Write what must be written, put other entries where the frames were, free the frames."""
        chosen = np.zeros(self._frames.count, np.bool_)
        chosen[victims] = True
        these = mappings.of(chosen)
        dirty = these.frames[these.entries & np.uint64(PTE_D) != 0]
        self._system.cache.dirty.update(set(dirty[self._cached[dirty] == BACKED].tolist()))
        for frame in dirty.tolist():
            self._system.lazily_freed.pop(frame, None)  # it has been written again
        # In the order of addresses: neighbours get neighbouring slots and will be read together.
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
            if not self._cached[frame] and place != FORGOTTEN:
                replacement[frame] = swap_entry(place)
        for space, start in self._touched_megapages(these, np.ones(len(these.frames), np.bool_)):
            space.table.split(start, start + MEGAPAGE_SIZE)
        # Entries first, then the machine is told, and only then may the frames be used for something else.
        self._u64[these.slots] = replacement[these.frames]
        self._tell_of_loss(these)
        self._invalidate(these, these.entries & np.uint64(PTE_A | PTE_D) != 0)
        mapped = np.bincount(these.frames, minlength=self._frames.count)
        for frame, place in places.items():
            self._let_go(frame, place, int(mapped[frame]))

    @staticmethod
    def _tell_of_loss(these: _Mappings) -> None:
        """Each address space is told how many of its pages have just gone."""
        lost: dict[MemoryMap, int] = {}
        for number, pages in enumerate(np.bincount(these.numbers).tolist()):
            space = these.tables[number][0]
            lost[space] = lost.get(space, 0) + pages
        for space, pages in lost.items():
            space.high_water.left(pages)

    def _write(self, frame: int) -> int | None:
        """Make the page safe elsewhere: its slot, IN_FILE, or None when it has to stay."""
        system = self._system
        if system.lazily_freed.get(frame) == self._frames.born[frame]:
            return FORGOTTEN
        if system.cache.kind[frame] == BACKED:
            return IN_FILE if system.cache.save(frame) else None
        swap = system.swap
        assert swap is not None
        return swap.slot_of[frame] if swap.is_cached(frame) else swap.write_out(frame)

    def _let_go(self, frame: int, place: int, mapped: int) -> None:
        """Free a frame that `mapped` entries have just lost."""
        system, frames, swap = self._system, self._frames, self._system.swap
        if place == FORGOTTEN:
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
        """The machine forgets these entries, space by space."""
        pages: dict[MemoryMap, list[int]] = {}
        places = (mappings.slots[which] % TABLE_ENTRIES).tolist()
        for number, place in zip(mappings.numbers[which].tolist(), places, strict=True):
            space, va = mappings.tables[number]
            pages.setdefault(space, []).append((va >> PAGE_SHIFT) + place)
        for space, changed in pages.items():
            self._system.invalidate_pages(space.mmu, changed)
