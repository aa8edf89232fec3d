"""The memory of one address space: its areas, page tables, limits and resident size.

After vfork and CLONE_VM, several processes share a MemoryMap; each uses it through an
`AddressSpace` of its own. Reclaim, same-page merging and writeback visit all MemoryMaps.
"""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.events import FaultKind
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Mmu
from toyvm.machine.sv39 import pte_frame

from ..limits import Rlimits
from .frame_allocator import ZERO_FRAME
from .page_table import PageTable
from .vma import Vma, VmaSet

if TYPE_CHECKING:
    from ..counters import Group
    from ..vfs.nodes import FileNode

# The kinds of fault that can make one page resident. The others map the zero page, or find or replace a
# resident page. The copy of a file's page that was not mapped before is reported to `came`.
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
    """The largest number of resident pages of an address space: VmHWM of /proc/PID/status, exact.

    The resident size grows with every page fault and shrinks in few places, so its maximum was
    reached just before one of the times when it shrank, or is the current size. Page faults need no
    extra work: they are counted anyway (`faults`: those of this address space, by kind), also those
    that native code resolves. The size at the last count, plus the pages that became resident
    since, minus those that were unmapped, is an upper bound of the resident size. The tables are
    counted only when this bound exceeds the mark. Linux updates its mark at the same places
    (update_hiwater_rss in include/linux/mm.h), from counters that lag.

    `mark` is in pages. The maximum is `max(mark, resident pages now)`.
    """

    def __init__(self, table: PageTable, faults: dict[FaultKind, int]):
        self.mark = 0
        self._table = table
        self._at_most = 0  # the upper bound, without the faults since `_seen`
        self._faults = faults
        self._seen = 0  # faults that `_at_most` includes

    def _brought(self) -> int:
        return sum(map(self._faults.__getitem__, _BRINGING))

    def _settle(self) -> None:
        brought = self._brought()
        self._at_most += brought - self._seen
        self._seen = brought

    def came(self, pages: int) -> None:
        """`pages` have become resident without a fault of their own."""
        self._at_most += pages

    def left(self, pages: int) -> None:
        """`pages` that were resident have just lost their entries."""
        if not pages:
            return
        self._settle()
        if self._at_most > self.mark:
            self._at_most = self._table.resident() + pages
            self.mark = max(self.mark, self._at_most)
        self._at_most -= pages

    def reset(self) -> None:
        """Set the mark to the current resident size."""
        self._settle()
        self.mark = self._at_most = self._table.resident()

    def begin_as(self, parent: HighWater) -> None:
        """Start as a copy of `parent`'s address space, less the pages already released here."""
        parent._settle()
        self._at_most += parent._at_most


class MemoryMap:
    """The memory of one process, or of `users` processes that share it.

    Its frames are charged to `group`, if groups have limits.
    """

    def __init__(
        self, table: PageTable, mmu: Mmu, vmas: VmaSet, rlimits: Rlimits, group: Group | None = None
    ):
        self.table = table
        self.mmu = mmu
        self.vmas = vmas
        self.rlimits = rlimits
        self.group = group
        self.users = 1
        self.faults = dict.fromkeys(FaultKind, 0)
        self.high_water = HighWater(table, self.faults)
        self.spans: dict[int, int] = {}  # as `FrameAllocator.alloc_in_span` uses it
        self.file_bytes: dict[FileNode, int] = {}  # how much of each file is mapped
        self.brk_start = self.brk_end = 0
        self.data_size = 0  # bytes of the image's initialised data, which RLIMIT_DATA counts with the heap
        self.no_megapages = False  # prctl(PR_SET_THP_DISABLE): a child and another program inherit it
        self.lock_future = False  # mlockall(MCL_FUTURE): new areas are locked
        self.lock_on_fault = False  # and MCL_ONFAULT: their pages are brought in when they are used
        self.sigreturn_page = 0  # where the code that ends a signal handler is mapped, once one has run
        self.arg_range = self.env_range = (0, 0)

    def resident(self, area: Vma) -> Iterator[tuple[int, int]]:
        """(va, entry) of each present page of an area except the zero page (Linux's RSS)."""
        for va, _, pte in self.table.present(area.start, area.end):
            if pte_frame(pte) != ZERO_FRAME:
                yield va, pte
