"""What a run may use: the machine-wide limits of a Kernel, and the resource limits of a process (getrlimit(2))."""

from __future__ import annotations

from ..base.record import Record, replace

RLIM_INFINITY = (1 << 64) - 1

RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE = 0, 1, 2, 3, 4
RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS = 5, 6, 7, 8, 9
RLIMIT_COUNT = 16

ARG_MAX = 128 << 10  # one argument string (MAX_ARG_STRLEN)
PIPE_CAPACITY = 64 << 10

THP_POLICIES = ("always", "madvise", "never")
RECLAIM_POLICIES = ("clock", "lru", "fifo", "random", "second-chance", "wsclock")


class Limits(Record):
    """Limits of a whole run. `instructions` and `virtual_seconds` None means no limit; reaching one ends the run with 124."""

    instructions: int | None = None
    virtual_seconds: float | None = None
    processes: int = 1000
    open_files: int = 1024
    memfs_bytes: int = 256 << 20
    quantum: int = 10_000  # instructions between two dispatches, at most
    schedule_seed: int | None = (
        None  # draw the length of each quantum, 1 to `quantum`, from this seed; None: all are `quantum`
    )
    memory_limit: int = (
        0  # bytes of memory that each program started may have with its descendants; 0: no limit
    )
    no_mmu: bool = False  # programs stand in physical memory side by side
    overcommit: int = 0  # vm.overcommit_memory: 0 refuses what cannot fit, 1 nothing, 2 what is not covered
    overcommit_ratio: int = 50  # of memory, in percent, that may be promised with 2
    ksm: int = 0  # pages that the scanner for equal pages looks at each time; 0: off until started
    thp: str = "never"  # one of THP_POLICIES
    fault_around: int = 1  # file pages mapped by one fault
    readahead: int = 0  # pages of a file read ahead of a process that goes on in order, at most
    swap_bytes: int = 0
    swap_readahead: int = 8  # slots of the swap area read by one fault
    reclaim: str = "clock"  # one of RECLAIM_POLICIES
    dirty_ratio: int = 20  # percent of memory that may be dirty pages of files before they are written back
    seed: int = 0  # of getrandom and AT_RANDOM


class Rlimits(Record, frozen=False):
    """The soft limits that the kernel enforces, in bytes or counts; the others are kept only to be read back."""

    stack: int = 8 << 20
    data: int = RLIM_INFINITY
    address_space: int = RLIM_INFINITY
    open_files: int = 1024
    processes: int = 1000
    locked: int = 8 << 20  # bytes of mlock: Linux's MLOCK_LIMIT

    def get(self, resource: int) -> int:
        """The soft limit of a RLIMIT_ number."""
        name = _RLIMIT_FIELDS.get(resource)
        return RLIM_INFINITY if name is None else int(getattr(self, name))

    def set(self, resource: int, value: int) -> None:
        """Set a soft limit; one that is not enforced is ignored."""
        name = _RLIMIT_FIELDS.get(resource)
        if name is not None:
            setattr(self, name, value)

    def copy(self) -> Rlimits:
        return replace(self)


_RLIMIT_FIELDS = {
    RLIMIT_DATA: "data",
    RLIMIT_STACK: "stack",
    RLIMIT_AS: "address_space",
    RLIMIT_NOFILE: "open_files",
    RLIMIT_NPROC: "processes",
    RLIMIT_MEMLOCK: "locked",
}
