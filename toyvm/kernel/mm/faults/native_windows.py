"""The page faults that native code resolves: which ones it may resolve, and their accounting.

Native code may resolve faults while no subscriber wants to see each fault, no group is charged for
frames, and enough frames are free. A bit of the entry marks a page for copy-on-write. An entry of 0
says nothing about the page, so the kernel declares *windows*: parts of private, writable, anonymous
areas that had a fault recently. Frames and references are the same as after `handle_fault`;
`collect` brings the counters up to date.
"""

from __future__ import annotations

from array import array

from toyvm.base.events import FaultKind
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine import frame_table as words
from toyvm.machine.physical_memory import PAGE_SHIFT

from ..frame_allocator import FrameAllocator
from ..vma import PROT_EXEC, PROT_WRITE, Vma, VmaSet, flags_for

if TYPE_CHECKING:
    from collections import deque

    from toyvm.kernel.counters import FaultContext, Stats

    from ..memory_map import MemoryMap

_KINDS = (
    (words.COPIES, FaultKind.COW),
    (words.REUSES, FaultKind.COW_REUSE),
    (words.ZEROES, FaultKind.DEMAND_ZERO),
    (words.ZERO_READS, FaultKind.ZERO_READ),
)
_ZEROES = ((words.ZEROES, FaultKind.DEMAND_ZERO),)
_FEW_FILE_PAGES, _MOST_FILE_PAGES = 8, 512  # of the window of file pages
_STACK_TOP = 4  # pages
_PLACES = range(words.WINDOWS, words.WINDOWS_END, words.WINDOW_WORDS)
_CLOSED = array("Q", bytes(8 * (words.WINDOWS_END - words.WINDOWS)))


def _policy() -> str:
    from .native_policy import native_policy  # only a run that translates needs it

    return native_policy()


def _is_stack(space: MemoryMap, area: Vma, va: int) -> bool:
    """Whether an area is likely to be a stack, most of which stays unused: its top is touched first.

    That may be true of the bss of an executable too, which follows its data.
    """
    if va + (_STACK_TOP << PAGE_SHIFT) < area.end:
        return False
    below = space.vmas.find(area.start - 1)
    return below is None or below.file is None


class Windows:
    """The kernel's side of `machine.frame_table` for one machine."""

    def __init__(self, frames: FrameAllocator, low: int, stats: Stats, recent: deque[int]):
        self._frames = frames
        self._low = low
        self._stats = stats
        self._recent = recent
        self._words = frames.table.words
        frames.table.policy = _policy
        self._vmas: VmaSet | None = None  # the areas that the windows describe, at this version of them
        self._version = 0
        self._turn = 0  # the window to replace next
        self._any = False  # whether a window may be open
        self._file_kind = FaultKind.FILE_MINOR  # of the faults in the window of file pages
        self._file_end = 0  # the page after that window
        self._file_pages = 0  # its length when it was opened

    def begin(self, space: MemoryMap, *, allowed: bool, most: int | None = None) -> None:
        """Prepare to run `space`. `allowed`: native code may resolve faults, with up to `most` frames for them."""
        if not allowed:
            self._words[words.LIMIT] = 0
            return
        # With one more frame in use, as many are still free as `MemorySystem.balance` wants.
        limit = max(0, self._frames.count - 1 - self._low)
        self._words[words.LIMIT] = limit if most is None else min(limit, self._frames.used + most)
        if (
            space.vmas is not self._vmas
            or space.vmas.version != self._version
            or self._frames.megapages.enabled != "never"
        ):
            self._shut(space)

    def _shut(self, space: MemoryMap) -> None:
        if self._any:
            self._words[words.WINDOWS : words.WINDOWS_END] = _CLOSED
            self._words[words.FILE_PAGES] = 0
            self._any = False
        self._vmas, self._version, self._turn = space.vmas, space.vmas.version, 0

    def open(self, space: MemoryMap, area: Vma, va: int) -> None:
        """Open a window around `va`, which faulted in an anonymous `area`.

        Its neighbours are likely to fault next. The span of frames is reserved in any case, so that
        the frames of a run do not depend on its subscribers.
        """
        known = len(space.spans)
        span, low, high = self._frames.span(
            space.spans, va >> PAGE_SHIFT, (area.end - area.start) >> PAGE_SHIFT
        )
        if len(space.spans) > known and not _is_stack(space, area, va):
            self._frames.advise_span(span, high - low)
        self._open(space, area, span, low, high)

    def _open(self, space: MemoryMap, area: Vma, span: int, low: int, high: int) -> None:
        """Open the window of the pages of `area` from `low` to `high`, which are those of `span`."""
        if not self._words[words.LIMIT] or area.prot & (PROT_WRITE | PROT_EXEC) != PROT_WRITE:
            return
        if self._frames.megapages.wants(area, refused=space.no_megapages):
            return
        if space.vmas is not self._vmas or space.vmas.version != self._version:
            self._shut(space)
        first, end = area.start >> PAGE_SHIFT, area.end >> PAGE_SHIFT
        if first < low:
            first = low
        if end > high:
            end = high
        table = self._words
        for at in _PLACES if self._any else ():
            if table[at + words.FIRST] == first:
                break
        else:
            at = _PLACES[self._turn]
            self._turn = (self._turn + 1) % words.WINDOW_COUNT
        self._any = True
        table[at + words.FIRST] = first
        table[at + words.PAGES] = end - first
        table[at + words.FLAGS] = flags_for(area, writable=True)
        table[at + words.SPAN] = span and span + first - low

    def foresee(self, space: MemoryMap, area: Vma, va: int) -> None:
        """Open the window of a new mapping at `va`, now part of `area`, before its first fault.

        Only where earlier mappings have left a span of frames: so no frame depends on it.
        """
        self.follow(space)
        if area.file is None:
            found = self._frames.known_span(
                space.spans, va >> PAGE_SHIFT, (area.end - area.start) >> PAGE_SHIFT
            )
            if found is not None:
                self._open(space, area, *found)

    def follow(self, space: MemoryMap) -> None:
        """The areas of the running `space` may have changed: close windows that describe others."""
        if space.vmas is not self._vmas or space.vmas.version != self._version:
            self._shut(space)

    def open_file(
        self, space: MemoryMap, area: Vma, va: int, frame: int, kind: FaultKind, pages: dict[int, int]
    ) -> None:
        """Open the window of file pages at `va`, where a read of a cached page has just got `frame`.

        `pages` has the frames of the file's cached pages by index. The window ends with the area, and
        where the next page is not in the next frame. It doubles in length while faults go through
        the file in order. The page cache closes it before it drops a page.
        """
        if not self._words[words.LIMIT] or area.prot & PROT_EXEC:
            return
        if space.vmas is not self._vmas or space.vmas.version != self._version:
            self._shut(space)
        page, index = va >> PAGE_SHIFT, area.offset_of(va) >> PAGE_SHIFT
        in_order = page == self._file_end
        most = min(2 * self._file_pages, _MOST_FILE_PAGES) if in_order else _FEW_FILE_PAGES
        most = min(most, (area.end >> PAGE_SHIFT) - page)
        count = 1
        while count < most and pages.get(index + count) == frame + count:
            count += 1
        self._file_kind = kind
        self._file_end, self._file_pages = page + count, max(count, _FEW_FILE_PAGES)
        self._any = True
        self._words[words.FILE_FIRST] = page
        self._words[words.FILE_PAGES] = count
        self._words[words.FILE_FLAGS] = flags_for(area, writable=area.shared)
        self._words[words.FILE_FRAME] = frame

    def collect(self, space: MemoryMap, context: FaultContext) -> None:
        """Charge `context` for the faults in `space` that native code resolved since last time."""
        table = self._words
        resolved = table[words.RESOLVED]
        if not resolved:
            return
        table[words.RESOLVED] = 0
        only_zeroes = table[words.ZEROES] == resolved
        for word, kind in _ZEROES if only_zeroes else (*_KINDS, (words.FILE_READS, self._file_kind)):
            count = table[word]
            if count:
                self._stats.faults[kind] += count
                space.faults[kind] += count
                context.counters.faults[kind] += count
                table[word] = 0
        if resolved <= words.RECENT_FRAMES:
            self._recent.extend(table[words.RECENT : words.RECENT + resolved])
        else:
            oldest = words.RECENT + resolved % words.RECENT_FRAMES
            self._recent.extend(table[oldest : words.RECENT + words.RECENT_FRAMES])
            self._recent.extend(table[words.RECENT : oldest])
        context.pc = table[words.LAST_PC]
