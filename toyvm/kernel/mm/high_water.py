"""The most pages that an address space has had resident at once: VmHWM of /proc/PID/status, exact.

What is resident grows with every page fault and shrinks in few places, so the most there ever was stood just before one of the times
when it shrank, or stands now. Nothing is done at a fault: the faults are counted anyway, also those that native code resolves.
The size at the last count and the pages that have come since, less those that have gone, are no less than what is
resident; only where that is above the mark are the tables counted. Linux notes its mark at the same places
(update_hiwater_rss in include/linux/mm.h), from counters that lag.
"""

from __future__ import annotations

from toyvm.base.events import FaultKind

from ..counters import Counters
from .page_table import PageTable

# The kinds of fault that can make one page resident. The others show the zero page, or find or replace a page that is there;
# the copy of a file's page that nothing showed yet is told by `came`.
_BRINGING = (
    FaultKind.DEMAND_ZERO,
    FaultKind.DEMAND_MEGAPAGE,
    FaultKind.FILE_MINOR,
    FaultKind.FILE_MAJOR,
    FaultKind.SHARED_ZERO,
    FaultKind.SWAP_IN,
    FaultKind.SWAP_CACHED,
)


class HighWater:
    """The mark of one address space. Where pages are resident now, the most there have been is `max(mark, those)`."""

    def __init__(self, table: PageTable, counters: Counters):
        self.mark = 0  # pages: the most that were resident when some went
        self._table = table
        self._at_most = 0  # pages that are resident, but for those that `_counters` tells of since `_seen`
        self._counters = counters
        self._seen = self._brought()

    def _brought(self) -> int:
        return sum(map(self._counters.faults.__getitem__, _BRINGING))

    def _settle(self) -> None:
        brought = self._brought()
        self._at_most += brought - self._seen
        self._seen = brought

    def count_in(self, counters: Counters) -> None:
        """From now on the faults of the address space are counted there."""
        self._settle()
        self._counters = counters
        self._seen = self._brought()

    def came(self, pages: int) -> None:
        """So many pages have become resident without a fault of their own."""
        self._at_most += pages

    def left(self, pages: int) -> None:
        """So many resident pages have just lost their entries."""
        if not pages:
            return
        self._settle()
        if self._at_most > self.mark:
            self._at_most = self._table.resident() + pages
            self.mark = max(self.mark, self._at_most)
        self._at_most -= pages

    def begin_as(self, parent: HighWater) -> None:
        """The address space is a new copy of `parent`'s, less what has already left it: its mark begins at what it has."""
        parent._settle()
        self._at_most += parent._at_most
