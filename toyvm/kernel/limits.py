"""The resource limits of a process (getrlimit(2)), and constants of Linux."""

from __future__ import annotations

from ..base.record import Record, replace

GUEST_ID = 1000  # the user and the group of every process
STATUS_LIMIT = 124  # of a run that a limit cuts short, as timeout(1) exits
RLIM_INFINITY = (1 << 64) - 1

RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE = 0, 1, 2, 3, 4
RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS = 5, 6, 7, 8, 9
RLIMIT_COUNT = 16

ARG_MAX = 128 << 10  # one argument string (MAX_ARG_STRLEN)
PIPE_CAPACITY = 64 << 10


class Rlimits(Record, frozen=False):
    """The soft limits that the kernel enforces, in bytes or counts; the others, which are only kept; the hard limits.

    A limit that is in neither dictionary is infinite.
    """

    stack: int = 8 << 20
    data: int = RLIM_INFINITY
    address_space: int = RLIM_INFINITY
    open_files: int = 1024
    processes: int = 1000
    locked: int = 8 << 20  # bytes of mlock; the default is Linux's MLOCK_LIMIT
    file_size: int = RLIM_INFINITY
    cpu: int = RLIM_INFINITY  # seconds
    kept: dict[int, int] = {}  # by RLIMIT_ number
    hard: dict[int, int] = {}

    def get(self, resource: int) -> int:
        """The soft limit of an RLIMIT_ number."""
        name = _RLIMIT_FIELDS.get(resource)
        return self.kept.get(resource, RLIM_INFINITY) if name is None else int(getattr(self, name))

    def get_hard(self, resource: int) -> int:
        """The hard limit of an RLIMIT_ number, which no soft limit may exceed."""
        return self.hard.get(resource, RLIM_INFINITY)

    def set(self, resource: int, soft: int, hard: int) -> None:
        """Set the two limits of an RLIMIT_ number."""
        name = _RLIMIT_FIELDS.get(resource)
        if name is not None:
            setattr(self, name, soft)
        else:
            self.kept = {**self.kept, resource: soft}
        self.hard = {**self.hard, resource: hard}

    def copy(self) -> Rlimits:
        return replace(self)


_RLIMIT_FIELDS = {
    RLIMIT_CPU: "cpu",
    RLIMIT_FSIZE: "file_size",
    RLIMIT_DATA: "data",
    RLIMIT_STACK: "stack",
    RLIMIT_AS: "address_space",
    RLIMIT_NOFILE: "open_files",
    RLIMIT_NPROC: "processes",
    RLIMIT_MEMLOCK: "locked",
}
