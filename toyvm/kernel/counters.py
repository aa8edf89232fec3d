"""Counters of a run, in all and for each process, and the context that says for which process the kernel uses memory.

Counters do not depend on anyone listening to events.
"""

from __future__ import annotations

from ..base.events import FaultKind
from ..base.light_types import TYPE_CHECKING
from ..base.record import Record

if TYPE_CHECKING:
    from ..machine.mmu import Mmu


class Group:
    """One group of processes with a memory limit (`mm.memory_groups`).

    `limit` frames at most; `used` now, `peak` at most so far; `hits` counts how often the limit was met, `kills` how often it killed.
    """

    def __init__(self, number: int, name: str, limit: int):
        self.number = number
        self.name = name
        self.limit = limit
        self.used = self.peak = 0
        self.hits = self.kills = 0

    def events(self) -> str:
        """memory.events."""
        return f"low 0\nhigh 0\nmax {self.hits}\noom {self.kills}\noom_kill {self.kills}\noom_group_kill 0\n"


class Counters(Record, frozen=False):
    """What is counted for each process and in all."""

    instructions: int = 0
    faults: dict[FaultKind, int] = dict.fromkeys(FaultKind, 0)
    tlb_misses: int = 0
    syscalls: int = 0
    context_switches: int = 0
    stack_growths: int = 0

    @property
    def cow_copies(self) -> int:
        """Frames copied because of copy-on-write."""
        return self.faults[FaultKind.COW]

    @property
    def page_faults(self) -> int:
        """All page faults that were resolved by mapping something."""
        bad = (FaultKind.SEGV, FaultKind.SIGBUS, FaultKind.OOM)
        return sum(n for kind, n in self.faults.items() if kind not in bad)

    @property
    def major_faults(self) -> int:
        """Faults that had to read a file or the swap area."""
        return self.faults[FaultKind.FILE_MAJOR] + self.faults[FaultKind.SWAP_IN]


class Stats(Counters, frozen=False):
    """The totals of a machine, the frames, and the counters of every process that has ended or runs, by pid."""

    frames_total: int = 0
    frames_used: int = 0
    frames_peak: int = 0
    page_cache_frames: int = 0
    virtual_ns: int = 0
    forks: int = 0
    pages_merged: int = 0  # by KSM, each time that a page's own frame was given up
    megapages: int = 0  # mapped by a first write
    megapage_fallbacks: int = 0  # where 512 neighbouring frames were not free
    megapages_split: int = 0  # that no page table maps as one any more, though some map pages of it
    megapage_entries_split: int = 0
    scanned: int = 0  # pages that a replacement policy looked at; of these for an allocation that waited:
    scanned_direct: int = 0
    reclaimed: int = 0
    reclaimed_direct: int = 0
    direct_reclaims: int = 0
    swapped_in: int = 0  # pages
    swapped_out: int = 0
    refaults: int = 0  # faults on pages that had been reclaimed
    written_back: int = 0  # pages of files
    read_early: int = 0  # pages of files that were read ahead
    used_early: int = 0  # and those of them that were used later
    oom_kills: int = 0
    processes: dict[int, Counters] = {}
    groups: list[Group] = []  # those with a limit


class FaultContext:
    """For whom the kernel uses memory: one object for each process and address space, passed to all that may need a frame.

    `pid` is named in events. `counters` count the faults. `group` pays for the frames, where groups have limits. The instruction
    at `pc` of `mmu` runs again afterwards, so reclaim leaves its code in memory. With `gentle`, an allocation that fails is
    an answer (fork), and no process is killed for it.
    """

    __slots__ = ("counters", "gentle", "group", "mmu", "pc", "pid")

    def __init__(
        self,
        pid: int,
        counters: Counters,
        mmu: Mmu | None = None,
        group: Group | None = None,
        *,
        pc: int = 0,
        gentle: bool = False,
    ):
        self.pid = pid
        self.counters = counters
        self.mmu = mmu
        self.group = group
        self.pc = pc
        self.gentle = gentle


KERNEL = FaultContext(0, Counters())
"""The kernel itself: it needs memory for no process, and no group pays."""
