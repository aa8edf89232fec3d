"""The OOM killer: when no frame is free and none can be reclaimed, one process is killed.

The victim is the process with the highest badness, computed as Linux does (oom_badness in
mm/oom_kill.c): resident pages plus swap plus page tables, plus oom_score_adj thousandths of all
memory and swap. An oom_score_adj of -1000 exempts a process. The report follows Linux's format.
"""

from __future__ import annotations

import gc

from toyvm.base.diagnostics import printable
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import PTE_SWAP, USER_TOP, pte_frame

from ..mm.frame_allocator import ZERO_FRAME
from . import lifecycle
from .process import Process
from .signals import Signal

if TYPE_CHECKING:
    from ..counters import FaultContext
    from ..mm.address_space import AddressSpace
    from .kernel_state import KernelState

NEVER = -1000  # the oom_score_adj that exempts a process
_LISTED = 20


class Footprint:
    """The memory use of an address space, in pages: resident by kind, swapped out, page tables."""

    def __init__(self, mm: AddressSpace):
        kind = mm.system.cache.kind
        resident = [0, 0, 0]  # by the page cache's `kind`
        self.swap = 0
        for _, _, pte in mm.table.entries(0, USER_TOP):
            if pte & PTE_SWAP:
                self.swap += 1
            elif pte_frame(pte) != ZERO_FRAME:
                resident[kind[pte_frame(pte)]] += 1
        self.anonymous, self.file, self.shmem = resident
        self.rss = sum(resident)
        self.total = mm.vmas.pages
        self.tables = mm.table.table_count


def points(kernel: KernelState, process: Process) -> int | None:
    """The badness of a process in pages; None if it is exempt or has ended."""
    if process.oom_score_adj == NEVER or not process.alive:
        return None
    has = Footprint(process.mm)
    return has.rss + has.swap + has.tables + process.oom_score_adj * _everything(kernel) // 1000


def score(kernel: KernelState, process: Process) -> int:
    """/proc/PID/oom_score: 0 to 2000."""
    bad = points(kernel, process)
    everything = _everything(kernel)
    return 0 if bad is None else max(0, (1000 + bad * 1000 // everything) * 2 // 3)


def _everything(kernel: KernelState) -> int:
    swap = kernel.system.swap
    return kernel.frames.count - 1 + (swap.slots if swap is not None else 0)


def choose(kernel: KernelState) -> Process | None:
    """The process with the highest badness, among equals the youngest; None if all are exempt."""
    bad = [(points(kernel, process), process.pid, process) for process in kernel.processes.values()]
    candidates = [(badness, pid, process) for badness, pid, process in bad if badness is not None]
    return max(candidates, key=lambda one: one[:2])[2] if candidates else None


class OomKiller:
    """The OOM killer of one kernel. The frame allocator calls `freed` when an allocation fails."""

    def __init__(self, kernel: KernelState):
        self._kernel = kernel
        self._killing = False

    def freed(self, context: FaultContext) -> bool:
        """Kill the process with the highest badness. Return whether frames are free.

        A process that shares memory with the requesting one is not killed, because the kernel is
        working for it. The allocation fails instead, and the caller handles that.
        """
        kernel, asker = self._kernel, self._kernel.processes.get(context.pid)
        if self._killing or asker is None or not asker.alive:
            return False
        while (victim := choose(kernel)) is not None and victim.mm.map is not asker.mm.map:
            self._killing = True
            try:
                kill(kernel, victim, asker)
            finally:
                self._killing = False
            if kernel.frames.free:
                return True
        return False


def kill(kernel: KernelState, victim: Process, asker: Process) -> None:
    """Print the report, and end `victim` and all processes that share its memory."""
    kernel.message("\n".join(map(printable, report(kernel, victim, asker))))
    if victim is kernel.first:
        kernel.message("Killed")
    kernel.system.stats.oom_kills += 1
    _end(kernel, victim)


def out_of_memory(kernel: KernelState, process: Process) -> None:
    """Kill `process`: no frame is left for a page that it touched, and it is the victim."""
    group = process.group
    if group is not None and group.used >= group.limit:
        group.kills += 1
        kernel.message(
            f"toyvm: memory limit: the group of {group.name} has all {group.limit} frames "
            f"({group.limit << PAGE_SHIFT >> 10} KiB) that it may have"
        )
    kill(kernel, process.leader, process.leader)


def host_is_full(kernel: KernelState, process: Process | None) -> None:
    """Kill `process`, because the host is out of memory for work on its behalf.

    If `process` is None or has ended, the process with the highest badness is killed instead.
    Raises MemoryError if there is none.
    """
    victim = process.leader if process is not None and process.leader.alive else choose(kernel)
    if victim is None:
        raise MemoryError
    _end(kernel, victim)  # first, because a message needs memory
    kernel.system.invalidate(victim.mm.mmu)
    if kernel.engine is not None:
        kernel.engine.drop_caches()
    gc.collect()
    kernel.message(f"toyvm: the host has no memory left: killed {victim.title}")
    if victim is kernel.first:
        kernel.message("Killed")


def _end(kernel: KernelState, victim: Process) -> None:
    """End a process and all processes that share its memory."""
    space = victim.mm.map
    for process in list(kernel.processes.values()):
        if process.mm.map is space:
            lifecycle.exit_process(kernel, process, Signal.SIGKILL)


def report(kernel: KernelState, victim: Process, asker: Process) -> list[str]:
    """The lines of the report, in Linux's order."""
    frames, cache, swap = kernel.frames, kernel.system.cache, kernel.system.swap
    alive = [process for process in kernel.processes.values() if process.alive]
    spaces = {id(process.mm.map): Footprint(process.mm) for process in alive}
    lines = [
        f"toyvm: out of memory: {asker.comm} invoked oom-killer: order=0, oom_score_adj={asker.oom_score_adj}",
        "Mem-Info:",
        f"free:{frames.free} anon:{sum(has.anonymous for has in spaces.values())} pagecache:{len(cache)} dirty:{len(cache.dirty)} "
        f"pagetables:{sum(has.tables for has in spaces.values())}",
        f"{swap.cached if swap is not None else 0} pages in swap cache",
        f"Free swap  = {(swap.free if swap is not None else 0) * 4}kB",
        f"Total swap = {(swap.slots if swap is not None else 0) * 4}kB",
        f"{frames.count - 1} pages RAM",
        "Tasks state (memory values in pages):",
        "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
    ]
    for process in alive[:_LISTED]:
        has = spaces[id(process.mm.map)]
        lines.append(
            f"[{process.pid:7d}] {kernel.UID:5d} {process.pid:5d} {has.total:8d} {has.rss:8d} {has.tables * PAGE_SIZE:8d} "
            f"{has.swap:8d}         {process.oom_score_adj:5d} {process.comm}"
        )
    if len(alive) > _LISTED:
        lines.append(f"and {len(alive) - _LISTED} more")
    has = spaces[id(victim.mm.map)]
    lines.append(
        f"Out of memory: Killed process {victim.pid} ({victim.comm}) total-vm:{has.total * 4}kB, anon-rss:{has.anonymous * 4}kB, "
        f"file-rss:{has.file * 4}kB, shmem-rss:{has.shmem * 4}kB, UID:{kernel.UID} pgtables:{has.tables * 4}kB "
        f"oom_score_adj:{victim.oom_score_adj}"
    )
    return lines
