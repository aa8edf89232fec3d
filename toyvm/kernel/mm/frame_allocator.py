"""The frame allocator: a reference count for each frame of physical memory, and the free frames.

Every user mapping, every page-cache entry and every page table is one reference. Frame 0 is the
shared zero page: it is never allocated or freed, and does not count as used.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from toyvm.base.bits import align_up
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.frame_table import BIRTHS, FILE_PAGES, FREED, NEXT, PEAK, USED, FrameTable
from toyvm.machine.physical_memory import DENSE, HUGE_FRAMES, PhysicalMemory
from toyvm.machine.sv39 import MEGAPAGE_SIZE, PPN_SHIFT, PTE_U, TABLE_ENTRIES

from ..counters import FaultContext

if TYPE_CHECKING:
    from .memory_groups import Groups
    from .page_arrays import Entries, PageArrays
    from .vma import Vma

ZERO_FRAME = 0
_ABOVE_ZERO_FRAME = ZERO_FRAME + 1 << PPN_SHIFT  # the smallest entry of another frame
BLOCK = TABLE_ENTRIES  # frames of a megapage
_NEVER_USED, _USED = bytes(BLOCK), b"\1" * BLOCK
_FREE, _HELD = array("I", bytes(4 * BLOCK)), array("I", [1] * BLOCK)

# Importing numpy costs as much as a Python loop over IMPORT_COST entries. For fewer than FEWEST_TABLES
# tables, numpy is no faster than the loop.
IMPORT_COST = 400_000
FEWEST_TABLES = 4

# A span has a frame for each page of the area, but at least FEWEST_IN_SPAN, and at most this share of memory.
FEWEST_IN_SPAN = 64
SPANS = 8
MOST_ADVISED = 1 << 14  # frames of the longest span that gets huge pages of the host before it is used


class OutOfFrames(Exception):
    """No frame is free and none could be reclaimed."""


class Megapages:
    """Transparent megapages: Linux's transparent huge pages, of 2 MiB.

    See Documentation/admin-guide/mm/transhuge.rst. This class holds the policy, the existing
    megapages and the counters.

    The first write to an aligned 2 MiB of private anonymous memory allocates 512 contiguous frames
    and maps them by one entry of level 1, if the policy (`enabled`: always, madvise or never) and
    the area (madvise) allow it, nothing but the zero page is mapped there, and such frames are
    free. Otherwise pages of 4 KiB are mapped (a fallback).

    A megapage is split into pages when one of them is to differ from the others: unmapped,
    protected, reclaimed, merged, or copied on a write. The frames stay the same. Each frame has its
    own reference count throughout.
    """

    def __init__(self) -> None:
        self.enabled = "never"
        self.tables: dict[int, int] = {}  # first frame of each megapage -> page tables that map it as one
        self.allocated = 0  # Linux's thp_fault_alloc, thp_fault_fallback, thp_split_page and thp_split_pmd:
        self.fallbacks = 0
        self.pages_split = 0
        self.entries_split = 0

    def mapped(self, first: int) -> None:
        """One more page table maps the 512 frames from `first` by one entry."""
        self.tables[first] = self.tables.get(first, 0) + 1

    def unmapped(self, first: int) -> bool:
        """One page table fewer maps them by one entry; whether it was the last."""
        left = self.tables[first] - 1
        if left:
            self.tables[first] = left
        else:
            del self.tables[first]
        return not left

    def split(self, first: int) -> None:
        """One page table maps them by 512 entries instead of one."""
        self.entries_split += 1
        self.pages_split += self.unmapped(first)

    def has(self, frame: int) -> bool:
        """Whether `frame` is a part of a megapage."""
        return frame & -512 in self.tables

    def wants(self, area: Vma, *, refused: bool) -> bool:
        """Whether aligned 2 MiB of `area` should become a megapage.

        `refused`: its process disabled megapages (prctl(PR_SET_THP_DISABLE)).
        """
        if area.file is not None or area.shared or refused or area.megapages is False:
            return False
        return self.enabled == "always" or (self.enabled == "madvise" and area.megapages is True)

    def fits(self, area: Vma, *, refused: bool) -> bool:
        """Whether `area` has 2 MiB that should be a megapage (THPeligible of /proc/PID/smaps)."""
        fits = align_up(area.start, MEGAPAGE_SIZE) + MEGAPAGE_SIZE <= area.end
        return fits and self.wants(area, refused=refused)


class FrameAllocator:
    """Frames 1 .. count-1 of `memory`.

    `alloc` returns the most recently freed frame, or the lowest one that was never used.

    `alloc_in_span` gives the pages of an address space contiguous frames from a span while one is
    available, because an engine needs one range for all of them. A span is no reservation: when
    frames run short, any page may get its frames.

    All that an allocation changes is in `table`, so that native code can allocate too.

    `reclaim` is called when nothing is free; it frees what it can and returns whether a frame is
    free now. `groups` charges frames to groups if groups have limits. `born[frame]` is the serial
    number of the frame's page; `births` counts them.
    """

    def __init__(
        self,
        memory: PhysicalMemory,
        reclaim: Callable[[FaultContext], bool] = lambda context: False,
        groups: Groups | None = None,
    ):
        self.memory = memory
        self.count = memory.frame_count
        self.table = memory.table = FrameTable(self.count)
        self.refs, self.born = self.table.refs, self.table.born
        self._freed, self._given, self._words = self.table.freed, self.table.given, self.table.words
        self.refs[ZERO_FRAME] = 1
        self._words[NEXT] = 1
        self._next_span = self.count // 4
        self._fewest_bits = self._span_bits(0)
        self._unused_below = self.count & -BLOCK  # every block at or above it was used
        self._blocks: list[int] = []  # the first frames of free blocks, which are not in `_freed`
        self._walked = 0  # entries that Python loops have visited
        self._arrays: PageArrays | None = None
        self.megapages = Megapages()
        self.groups = groups
        self._reclaim = reclaim

    @property
    def used(self) -> int:
        """Frames with at least one reference."""
        return self._words[USED]

    @property
    def peak(self) -> int:
        """The largest number of frames that were in use at once."""
        return self._words[PEAK]

    @property
    def births(self) -> int:
        """How many pages were allocated so far."""
        return self._words[BIRTHS]

    @property
    def free(self) -> int:
        """The number of frames that `alloc` can return without reclaim."""
        return self.count - 1 - self._words[USED]

    def spare(self, reserve: int, context: FaultContext) -> int:
        """How many frames beyond `reserve` are free without reclaim, within the group's limit."""
        group = context.group
        left = self.free - reserve
        return left if group is None else min(left, group.limit - group.used)

    def alloc(self, context: FaultContext, *, zeroed: bool = True) -> int:
        """A frame with one reference; `zeroed` False if the caller overwrites all of it.

        Raises OutOfFrames.
        """
        if self.groups is not None and not self.groups.admit(context):
            raise OutOfFrames
        words = self._words
        if (
            not words[FREED]
            and words[NEXT] >= self.count
            and not self._break_block()
            and not self._reclaim(context)
        ):
            raise OutOfFrames
        if words[FREED]:
            words[FREED] -= 1
            frame = self._freed[words[FREED]]
            if zeroed:
                self.memory.zero_frame(frame)
        else:
            frame = words[NEXT]  # never used since the memory was made: already zero
            self._give(frame)
        return self._use(frame, context)

    def alloc_in_span(self, spans: dict[int, int], vpn: int, pages: int, context: FaultContext) -> int:
        """A zeroed frame for page `vpn` of an area of `pages`, if possible from the area's span.

        `spans` belongs to the address space: the first frame of each span, 0 if there was no room
        for one. Raises OutOfFrames.
        """
        span, first, _ = self.span(spans, vpn, pages)
        frame = span + vpn - first
        if not span or self._given[frame]:
            return self.alloc(context)
        if self.groups is not None and not self.groups.admit(context):
            raise OutOfFrames
        self._give(frame)
        return self._use(frame, context)

    def _give(self, frame: int) -> None:
        """Mark a frame that was never used as used."""
        self._given[frame] = 1
        if frame & DENSE == DENSE:
            self.memory.advise_after(frame)
        if frame == self._words[NEXT]:
            self._words[NEXT] = self._after(frame)

    def span(self, spans: dict[int, int], vpn: int, pages: int) -> tuple[int, int, int]:
        """The span of page `vpn`: its first frame or 0, its first page, the page after its last."""
        bits = self._span_bits(pages)
        key = vpn >> bits << 6 | bits
        span = spans.get(key)
        if span is None:
            span = spans[key] = self._continued(spans, vpn, bits) or self._span(1 << bits)
        first = vpn >> bits << bits
        return span, first, first + (1 << bits)

    def known_span(self, spans: dict[int, int], vpn: int, pages: int) -> tuple[int, int, int] | None:
        """The result of `span` for page `vpn`; None if that would reserve a span."""
        bits = self._span_bits(pages)
        span = spans.get(vpn >> bits << 6 | bits)
        if span is None:
            return None
        first = vpn >> bits << bits
        return span, first, first + (1 << bits)

    def _span_bits(self, pages: int) -> int:
        most = self.count // SPANS
        if pages < FEWEST_IN_SPAN:
            pages = FEWEST_IN_SPAN
        return ((pages if pages < most else most) - 1).bit_length()

    def advise_span(self, span: int, size: int) -> None:
        """Ask the host for huge pages in a new span, if a guest is likely to fill them."""
        if span and HUGE_FRAMES <= size <= MOST_ADVISED:
            self.memory.advise(span, size)

    def alloc_block(self, reserve: int, context: FaultContext) -> int | None:
        """The first of 512 contiguous, aligned, zeroed frames with one reference each.

        None if there are no such frames, or fewer than `reserve` besides them: this neither
        reclaims nor moves pages.
        """
        if self.spare(reserve, context) < BLOCK:
            return None
        if not self._blocks and self._words[FREED] >= BLOCK:  # the host has allocated these already
            self._join_blocks(_USED)
        first = self._unused_block() if not self._blocks else None
        if first is None:
            if not self._blocks:
                self._join_blocks()
            if not self._blocks:
                return None
            first = self._blocks.pop()
            self.memory.zero_frames(first, BLOCK)
        self._use_block(first, context)
        return first

    def _unused_block(self) -> int | None:
        """Take the highest block of frames that were never used; None if there is none."""
        while self._unused_below >= BLOCK:
            self._unused_below -= BLOCK
            first = self._unused_below
            if first > self._words[NEXT] and self._given[first : first + BLOCK] == _NEVER_USED:
                self._given[first : first + BLOCK] = _USED
                self.memory.advise(first)
                return first
        return None

    def _join_blocks(self, given: bytes | None = None) -> None:
        """Collect the free frames that form whole blocks.

        `given`: only blocks whose frames have these bytes in `given`.
        """
        for first in range(0, self.count - BLOCK + 1, BLOCK):
            if self.refs[first : first + BLOCK] == _FREE:
                if given is not None and self._given[first : first + BLOCK] != given:
                    continue
                self._given[first : first + BLOCK] = _USED
                self._blocks.append(first)
        if self._blocks:
            blocks = {*self._blocks}
            words, freed = self._words, self._freed
            kept = array("I", (frame for frame in freed[: words[FREED]] if frame & -BLOCK not in blocks))
            freed[: len(kept)] = kept
            words[FREED] = len(kept)
            words[NEXT] = self._after(words[NEXT] - 1)

    def _use_block(self, first: int, context: FaultContext) -> None:
        """`_use` of 512 frames."""
        self.refs[first : first + BLOCK] = _HELD
        words = self._words
        words[USED] += BLOCK
        words[PEAK] = max(words[PEAK], words[USED])
        born = words[BIRTHS] + 1
        self.born[first : first + BLOCK] = array("Q", range(born, born + BLOCK))
        words[BIRTHS] += BLOCK
        if self.groups is not None:
            for frame in range(first, first + BLOCK):
                self.groups.charge(frame, context.group)

    def sole_block(self, first: int) -> bool:
        """Whether each of the 512 frames from `first` has exactly one reference."""
        return self.refs[first : first + BLOCK] == _HELD

    def _break_block(self) -> bool:
        """Turn a free block into single free frames; whether there was one."""
        if not self._blocks:
            return False
        first, top = self._blocks.pop(), self._words[FREED]
        self._freed[top : top + BLOCK] = array("I", range(first + BLOCK - 1, first - 1, -1))
        self._words[FREED] += BLOCK
        return True

    def _span(self, size: int) -> int:
        """Reserve a span: the first of `size` frames that belong to no other span, or 0."""
        span = max(self._next_span, self._words[NEXT])
        if size >= HUGE_FRAMES:
            span = align_up(span, HUGE_FRAMES)
        if span + size > self.count:
            return 0
        self._next_span = span + size
        return span

    def _continued(self, spans: dict[int, int], vpn: int, bits: int) -> int:
        """A new span that continues the one of the page before, if nothing was reserved since, or 0.

        So an area that grows keeps one distance from its pages to its frames.
        """
        before, first = vpn - 1, vpn >> bits << bits
        for other in range(self._fewest_bits, bits + 1):
            known = spans.get(before >> other << 6 | other)
            if known and known + (1 << other) == self._next_span:
                span = known + first - (before >> other << other)
                if self.count // SPANS < span <= self.count - (1 << bits):
                    self._next_span = max(self._next_span, span + (1 << bits))
                    return span
        return 0

    def _after(self, frame: int) -> int:
        """The lowest frame above `frame` that was never used, or `count`."""
        found = self._given.find(b"\0", frame + 1)
        return found if found >= 0 else self.count

    def _use(self, frame: int, context: FaultContext) -> int:
        self.refs[frame] = 1
        words = self._words
        used = words[USED] + 1
        words[USED] = used
        if used > words[PEAK]:
            words[PEAK] = used
        self.touch(frame)
        if self.groups is not None:
            self.groups.charge(frame, context.group)
        return frame

    def close_file_window(self) -> None:
        """Native code maps no cached file page any more (`Windows.open_file`)."""
        self._words[FILE_PAGES] = 0

    def touch(self, frame: int) -> None:
        """Make the page in `frame` the newest one, because it was just used."""
        births = self._words[BIRTHS] + 1
        self._words[BIRTHS] = self.born[frame] = births

    def set_aside(self, end: int) -> None:
        """Leave frames below `end` to `claim`. Nothing must have been allocated."""
        self._given[:end] = b"\1" * end
        self._words[NEXT] = self._next_span = end

    def claim(self, first: int, end: int) -> None:
        """Give frames that were set aside to an owner, who has the only reference to each."""
        self.refs[first:end] = array("I", [1] * (end - first))
        self._words[USED] += end - first
        self._words[PEAK] = max(self._words[PEAK], self._words[USED])

    def unclaim(self, first: int, end: int) -> None:
        """Take claimed frames back from their owner."""
        self.refs[first:end] = array("I", bytes(4 * (end - first)))
        self._words[USED] -= end - first

    def get(self, frame: int) -> None:
        """Add a reference."""
        self.refs[frame] += 1

    def put(self, frame: int) -> None:
        """Drop a reference; the last one frees the frame."""
        left = self.refs[frame] - 1
        self.refs[frame] = left
        if left == 0:
            words = self._words
            words[USED] -= 1
            self._freed[words[FREED]] = frame
            words[FREED] += 1
            if self.groups is not None:
                self.groups.uncharge((frame,))

    @property
    def freed(self) -> int:
        """The height of the stack of freed frames."""
        return self._words[FREED]

    def pushed(self, count: int) -> None:
        """Native code has pushed `count` frames onto that stack. There are no groups."""
        self._words[USED] -= count
        self._words[FREED] += count

    def put_entries(self, entries: list[int] | Entries) -> None:
        """Drop a reference to the frame of each of these page-table entries, in order.

        `PageTable.clear` returns such entries. None may be a swap entry: see
        `SwapArea.put_entries`.
        """
        if isinstance(entries, list):
            freed = []
            refs = self.refs
            for pte in entries:
                frame = pte >> PPN_SHIFT
                left = refs[frame] - 1
                refs[frame] = left
                if left == 0:
                    freed.append(frame)
            self.walked(len(entries))
        else:
            assert self._arrays is not None
            freed = self._arrays.put(entries)
        words, count = self._words, len(freed)
        words[USED] -= count
        top = words[FREED]
        if count == 1:
            self._freed[top] = freed[0]
        else:
            self._freed[top : top + count] = array("I", freed)
        words[FREED] = top + count
        if self.groups is not None:
            self.groups.uncharge(freed)

    def frames_with(self, entries: list[int] | Entries, bits: int) -> list[int]:
        """The frames of those entries that have all of `bits` set."""
        if isinstance(entries, list):
            return [pte >> PPN_SHIFT for pte in entries if pte & bits == bits]
        assert self._arrays is not None
        return self._arrays.with_bits(entries, bits)

    def resident(self, entries: list[int] | Entries) -> int:
        """How many of the entries map a frame other than the shared zero page."""
        if isinstance(entries, list):
            return sum([pte & PTE_U != 0 and pte >= _ABOVE_ZERO_FRAME for pte in entries])
        assert self._arrays is not None
        return self._arrays.resident(entries)

    def walked(self, count: int) -> None:
        """Count entries that a Python loop has visited."""
        self._walked += count

    def arrays(self, tables: int) -> PageArrays | None:
        """The numpy implementation for `tables` leaf tables; None if a Python loop is faster."""
        if self._arrays is None and self._walked >= IMPORT_COST:
            from .page_arrays import PageArrays  # imports numpy, which takes longer than a short program

            self._arrays = PageArrays(self.memory, self.refs)
        return self._arrays if tables >= FEWEST_TABLES else None

    def refcount(self, frame: int) -> int:
        """The number of references to `frame`."""
        return self.refs[frame]
