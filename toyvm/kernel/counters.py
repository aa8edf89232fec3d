"""The counters of a run, per process and in total, and the context that memory use is charged to.

Counters are updated whether or not events have subscribers.
"""

from __future__ import annotations

from ..base.events import FaultKind
from ..base.light_types import TYPE_CHECKING
from ..base.record import Record

if TYPE_CHECKING:
    from ..machine.mmu import Mmu


class Group:
    """One group of processes with a memory limit (`mm.memory_groups`).

    `limit`, `used` and `peak` are numbers of frames. `hits` counts the allocations that reached the
    limit, `kills` the processes killed because of it.
    """

    def __init__(self, number: int, name: str, limit: int):
        self.number = number
        self.name = name
        self.limit = limit
        self.used = self.peak = 0
        self.hits = self.kills = 0

    def events(self) -> str:
        """The text of memory.events (cgroup v2)."""
        return f"low 0\nhigh 0\nmax {self.hits}\noom {self.kills}\noom_kill {self.kills}\noom_group_kill 0\n"


class Counters(Record, frozen=False):
    """The counters kept for each process, and in total."""

    instructions: int = 0
    faults: dict[FaultKind, int] = dict.fromkeys(FaultKind, 0)
    tlb_misses: int = 0
    syscalls: int = 0
    context_switches: int = 0
    stack_growths: int = 0

    @property
    def cow_copies(self) -> int:
        """Frames copied by copy-on-write."""
        return self.faults[FaultKind.COW]

    @property
    def page_faults(self) -> int:
        """The page faults that were resolved, not counting SIGSEGV, SIGBUS and OOM."""
        bad = (FaultKind.SEGV, FaultKind.SIGBUS, FaultKind.OOM)
        return sum(n for kind, n in self.faults.items() if kind not in bad)

    @property
    def major_faults(self) -> int:
        """Faults that had to read a file or the swap area."""
        return self.faults[FaultKind.FILE_MAJOR] + self.faults[FaultKind.SWAP_IN]


MOST_PROCESSES = 8192  # whose counters are kept, so that a guest that forks for ever does not fill the host


class Stats(Counters, frozen=False):
    """The totals of a machine, and the counters of every process, running or ended, by pid.

    Of a machine that has had many processes, `processes` has the last ones to end: see `MOST_PROCESSES`.
    """

    frames_total: int = 0
    frames_used: int = 0
    frames_peak: int = 0
    page_cache_frames: int = 0
    virtual_ns: int = 0
    calls: dict[str, int] = {}  # the system calls of the table, by name
    forks: int = 0
    forks_refused: int = 0  # and threads, because of `Limits.processes`
    threads: int = 0  # started besides the first of each process
    pages_merged: int = 0  # pages whose frame KSM replaced by a shared one
    megapages: int = 0  # megapages mapped at a first write
    megapage_fallbacks: int = 0  # first writes for which 512 contiguous frames were not free
    megapages_split: int = 0  # megapages that are now mapped as single pages only
    megapage_entries_split: int = 0
    scanned: int = 0  # pages that the replacement policy examined
    scanned_direct: int = 0  # of these, by direct reclaim
    reclaimed: int = 0
    reclaimed_direct: int = 0
    direct_reclaims: int = 0
    swapped_in: int = 0  # pages
    swapped_out: int = 0
    refaults: int = 0  # faults on pages that had been reclaimed
    written_back: int = 0  # pages of files
    read_early: int = 0  # pages read by readahead
    used_early: int = 0  # of these, the pages that were used later
    oom_kills: int = 0
    processes: dict[int, Counters] = {}
    processes_forgotten: int = 0  # ended long ago, and not in `processes` any more
    groups: list[Group] = []  # those with a limit


class FaultContext:
    """The process that memory use is charged to.

    Every function that may allocate a frame takes one.

    pid       named in events
    counters  count the faults
    group     the memory group that the frames are charged to, if groups have limits
    mmu, pc   the faulting instruction, which will be retried: reclaim does not evict its page
    may_fail  a failed allocation is reported (fork), and the OOM killer does not run
    """

    __slots__ = ("counters", "group", "may_fail", "mmu", "pc", "pid")

    def __init__(
        self,
        pid: int,
        counters: Counters,
        mmu: Mmu | None = None,
        group: Group | None = None,
        *,
        pc: int = 0,
        may_fail: bool = False,
    ):
        self.pid = pid
        self.counters = counters
        self.mmu = mmu
        self.group = group
        self.pc = pc
        self.may_fail = may_fail


KERNEL = FaultContext(0, Counters())
"""The context of the kernel itself: no process and no group."""
