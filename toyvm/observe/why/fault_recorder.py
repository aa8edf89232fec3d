"""Finds one page fault of a run by its number, and explains it at the moment it happens."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from toyvm.base.events import CowFault, FaultKind, PageFault
from toyvm.kernel.mm.frame_allocator import BLOCK
from toyvm.machine.physical_memory import PAGE_SIZE

from ..symbolize import kernel_symbolizer
from .fault_rules import rule_of
from .memory_answers import FaultAnswer

if TYPE_CHECKING:
    from toyvm.kernel.kernel import Kernel

    from ..symbolize import Symbolizer

_ZEROED = {FaultKind.DEMAND_ZERO: PAGE_SIZE, FaultKind.DEMAND_MEGAPAGE: BLOCK * PAGE_SIZE}


class FaultRecorder:
    """Counts the page faults of a kernel from 1, and gives `tell` the explanation of those it `wants`.

    `wanted` is a number, or None for every fault; `pid` limits both counting and telling to one process.
    The kernel resolves every fault while a recorder listens, and the run stays the same.
    """

    def __init__(
        self, kernel: Kernel, tell: Callable[[FaultAnswer], None], wanted: int | None = None, pid: int = 0
    ):
        self.count = 0
        self._kernel, self._tell, self._wanted, self._pid = kernel, tell, wanted, pid
        self._copy: CowFault | None = None
        self._kinds = dict(kernel.stats.faults)
        self._read = self._pages_read()
        kernel.bus.subscribe(CowFault, self._copied)
        kernel.bus.subscribe(PageFault, self._faulted)

    @cached_property
    def _symbols(self) -> Symbolizer:
        return kernel_symbolizer(self._kernel)

    def _copied(self, event: CowFault) -> None:
        self._copy = event

    def _pages_read(self) -> int:
        """The pages that faults have read so far: of files, ahead of them, and of the swap area."""
        kernel = self._kernel
        swap = kernel.system.swap
        majors = kernel.system.stats.faults[FaultKind.FILE_MAJOR]
        return majors + kernel.system.cache.read_early + (swap.swapped_in if swap is not None else 0)

    def _faulted(self, event: PageFault) -> None:
        copy, self._copy = self._copy, None
        kinds = dict(self._kernel.system.stats.faults)
        counted = {kind: number - self._kinds[kind] for kind, number in kinds.items()}
        read = self._pages_read()
        pages, self._kinds, self._read = read - self._read, kinds, read
        if self._pid and event.pid != self._pid:
            return
        self.count += 1
        if self._wanted in (None, self.count):
            self._tell(self._answer(event, copy, counted, pages))

    def _answer(
        self, event: PageFault, copy: CowFault | None, counted: dict[FaultKind, int], pages: int
    ) -> FaultAnswer:
        process = self._kernel.processes[event.pid]
        symbols, pid = self._symbols, event.pid
        taken = event.frames_more - event.tables_made
        zeroed = sum(size * counted[kind] for kind, size in _ZEROED.items())
        if event.kind is FaultKind.SHARED_ZERO and taken > 0:
            zeroed += PAGE_SIZE
        return FaultAnswer(
            self.count,
            event.time,
            pid,
            process.comm,
            event.access,
            event.va,
            event.pc,
            event.kind,
            rule_of(event.kind, counted, event.pte_before),
            symbols.describe(pid, event.pc) if event.pc else "",
            symbols.instruction(pid, event.pc) if event.pc else "",
            symbols.describe(pid, event.va) if event.va != event.pc else "",
            event.vma,
            event.pte_before,
            event.pte_after,
            event.frame,
            copy.frame_before if copy is not None else None,
            copy.refcount_before if copy is not None else 0,
            event.grew_stack,
            event.tables_made,
            event.frames_more,
            PAGE_SIZE * counted[FaultKind.COW],
            zeroed,
            PAGE_SIZE * pages,
        )
