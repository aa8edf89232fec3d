"""The history of one page of a process: what changed its page table entry, from the first use on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from toyvm.base.events import (
    ContextSwitch,
    CowFault,
    Event,
    MappingChanged,
    PageFault,
    PageReclaimed,
    ProcessEnding,
    ProcessExecuted,
    ProcessForked,
    SyscallExit,
)
from toyvm.machine.physical_memory import PAGE_MASK
from toyvm.machine.sv39 import PTE_A, PTE_D

from .fault_rules import RULES
from .memory_answers import PageAnswer, PageChange

if TYPE_CHECKING:
    from toyvm.kernel.kernel import Kernel
    from toyvm.kernel.mm.memory_map import MemoryMap

MOST = 1000  # changes that are kept: the first ones
_MACHINE = PTE_A | PTE_D  # set by the machine, at accesses that need no help


class PageHistory:
    """Follows the entry of the page at an address of the process `pid`.

    `locate` gives the address, or None while it is not known (a symbol of a library that is not
    loaded yet). After each event of the kernel the entry is compared with what it was, so that
    changes without a fault are seen too: fork, eviction, mprotect, KSM. A change that no event
    explains is told at the next event. A and D alone are no change.
    """

    def __init__(self, kernel: Kernel, pid: int, locate: Callable[[], int | None]):
        self.changes: list[PageChange] = []
        self.left_out = 0
        self.address: int | None = None
        self.command = ""
        self._kernel, self._pid, self._locate = kernel, pid, locate
        self._pte = self._faults = 0
        self._space: MemoryMap | None = None
        self._copy = ""
        bus = kernel.bus
        bus.subscribe(CowFault, self._copied)
        bus.subscribe(PageFault, self._faulted)
        bus.subscribe(PageReclaimed, lambda event: self._look(event, _evicted(event)))
        bus.subscribe(ProcessForked, lambda event: self._look(event, _forked(event)))
        bus.subscribe(
            ProcessExecuted, lambda event: self._look(event, f"process {event.pid} executed {event.path}")
        )
        bus.subscribe(
            MappingChanged,
            lambda event: self._look(event, f"{event.what} by process {event.pid} changed mappings"),
        )
        bus.subscribe(
            SyscallExit, lambda event: self._look(event, f"process {event.pid} called {event.text}")
        )
        bus.subscribe(ProcessEnding, lambda event: self._look(event, "before the exit of a process"))
        bus.subscribe(ContextSwitch, lambda event: self._look(event, "the kernel, between two time slices"))

    def answer(self) -> PageAnswer:
        """What was seen so far."""
        return PageAnswer(self._pid, self.command, self.address or 0, tuple(self.changes), self.left_out)

    def _copied(self, event: CowFault) -> None:
        users = f"frame {event.frame_before:#x} had {event.refcount_before} reference{'s' * (event.refcount_before != 1)}"
        self._copy = f" ({users}{', one of them the page cache' if event.in_page_cache else ''})"

    def _faulted(self, event: PageFault) -> None:
        self._faults += 1
        detail, self._copy = self._copy, ""
        own = event.pid == self._pid and event.va & ~PAGE_MASK == (self._page() or 0)
        what = f"{event.access} by process {event.pid}: {event.kind.value}: {RULES[event.kind]}{detail}"
        cause = (
            what
            if own
            else f"{event.access} fault of process {event.pid} at {event.va:#x}, {event.kind.value}"
        )
        self._look(event, cause, self._faults, always=own)

    def _page(self) -> int | None:
        if self.address is None:
            found = self._locate()
            self.address = None if found is None else found & ~PAGE_MASK
        return self.address

    def _look(self, event: Event, cause: str, fault: int = 0, *, always: bool = False) -> None:
        """Compare the entry with what it was; `cause` changed it if it differs."""
        process = self._kernel.processes.get(self._pid)
        page = self._page() if process is not None else None
        if process is None or page is None or not process.mm.has_mmu:
            return
        self.command = process.comm
        if process.mm.map is not self._space:
            self._space, self._pte = process.mm.map, 0
        pte = self._space.table.entry(page)
        if not always and pte & ~_MACHINE == self._pte & ~_MACHINE:
            self._pte = pte
            return
        before, self._pte = self._pte, pte
        if len(self.changes) < MOST:
            self.changes.append(PageChange(event.time, cause, before, pte, fault))
        else:
            self.left_out += 1


def _evicted(event: PageReclaimed) -> str:
    where = "its file has the page" if event.slot is None else f"slot {event.slot:#x} of the swap area has it"
    return f"reclaim took frame {event.frame:#x}: {where}"


def _forked(event: ProcessForked) -> str:
    what = "which shares its memory" if event.shares_memory else "whose pages are shared until one is written"
    return f"fork of process {event.pid} made process {event.child}, {what}"
