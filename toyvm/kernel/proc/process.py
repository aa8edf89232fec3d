"""A process: address space, hart state, file descriptors, signals, timers, parent and children."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

from toyvm.base.bits import M64
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING, Enum
from toyvm.base.record import Record
from toyvm.machine.hart import Hart

from ..limits import Rlimits
from ..mm.address_space import AddressSpace
from ..mm.image_mapping import LoadedImage
from ..vfs.open_file import OpenFile, WaitQueue
from .signals import SignalState

if TYPE_CHECKING:
    from ..counters import Group


class State(Enum):
    """The state of a process; the values are those of /proc/PID/status."""

    RUNNABLE = "R (running)"
    BLOCKED = "S (sleeping)"
    STOPPED = "T (stopped)"
    HELD = "t (held at its exit)"
    ZOMBIE = "Z (zombie)"
    DEAD = "X (dead)"


class FdTable:
    """File descriptors: number -> (open file, close-on-exec)."""

    def __init__(self, limit: int = 1024):
        self._files: dict[int, tuple[OpenFile, bool]] = {}
        self.limit = self.hard_limit = limit
        self.on_close: Callable[[FdTable, OpenFile], None] | None = None  # once the table owns record locks

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._files))

    def get(self, fd: int) -> OpenFile:
        """The open file. Raises OSError(EBADF)."""
        try:
            return self._files[fd][0]
        except KeyError:
            raise error(errno.EBADF) from None

    def cloexec(self, fd: int) -> bool:
        self.get(fd)
        return self._files[fd][1]

    def set_cloexec(self, fd: int, value: bool) -> None:
        self._files[fd] = (self.get(fd), value)

    def install(self, file: OpenFile, *, cloexec: bool = False, lowest: int = 0) -> int:
        """Give `file` the lowest free number from `lowest` up, and return it.

        Raises OSError(EMFILE), and closes the file if it has no other user.
        """
        fd = lowest
        while fd in self._files:
            fd += 1
        if fd >= self.limit:
            if not file.users:
                file.released()
            raise error(errno.EMFILE)
        file.users += 1
        self._files[fd] = (file, cloexec)
        return fd

    def replace(self, fd: int, file: OpenFile, *, cloexec: bool = False) -> None:
        """Make `fd` refer to `file`, closing the old file (dup3(2)). Raises OSError(EBADF)."""
        if not 0 <= fd < self.limit:
            raise error(errno.EBADF)
        file.users += 1
        if fd in self._files:
            self.close(fd)
        self._files[fd] = (file, cloexec)

    def close(self, fd: int) -> None:
        """Raises OSError(EBADF)."""
        file = self.get(fd)
        del self._files[fd]
        file.users -= 1
        if self.on_close is not None:
            self.on_close(self, file)
        if not file.users:
            if file.locks is not None:
                file.locks.closed(file)
            file.released()

    def close_all(self) -> None:
        for fd in list(self):
            self.close(fd)

    def exec(self) -> None:
        """Close the descriptors that are marked close-on-exec."""
        for fd in list(self):
            if self._files[fd][1]:
                self.close(fd)

    def fork(self) -> FdTable:
        twin = FdTable(self.hard_limit)
        twin.limit = self.limit
        twin._files = dict(self._files)
        for file, _ in twin._files.values():
            file.users += 1
        return twin


ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF = 0, 1, 2


class IntervalTimer(Record, frozen=False):
    """A timer of setitimer(2), in nanoseconds of virtual time (ITIMER_REAL) or CPU time."""

    expires_at: int | None = None  # None: disarmed
    every: int = 0  # the interval; 0: the timer expires once

    def expire(self, now: int) -> None:
        """Set the next expiry: the first multiple of the interval that is later than `now`.

        Missed expiries are dropped, as in Linux's hrtimer_forward.
        """
        assert self.expires_at is not None
        if self.every:
            self.expires_at += ((now - self.expires_at) // self.every + 1) * self.every
        else:
            self.expires_at = None


class CallState(Record, frozen=False):
    """The state that a blocked system call keeps between its attempts."""

    deadline: int | None = None
    remaining_at: int = 0  # where nanosleep reports the time left, when interrupted
    done: int = 0  # bytes already transferred
    opening: tuple[OpenFile, int] | None = None  # a named pipe whose other end is not open yet
    futex: int = -1  # the physical address of the futex that it waits on
    futex_woken: bool = False

    def abandon(self) -> None:
        """The call is interrupted: give back what it holds."""
        if self.opening is not None:
            self.opening[0].released()
            self.opening = None


class Process:
    """One process. `status` is a wait status (wait(2)). `loader_state` belongs to the interpreter.

    A process without `parent` is a child of init: it is reaped as soon as it ends.
    """

    def __init__(self, pid: int, mm: AddressSpace, hart: Hart, fds: FdTable, rlimits: Rlimits):
        self.pid = mm.context.pid = pid
        self.mm = mm
        self.hart = hart
        self.fds = fds
        self.rlimits = rlimits
        self.parent: Process | None = None
        self.children: list[Process] = []
        self.child_ended = WaitQueue()
        self.exit_signal = 17
        self.executed = False  # whether it has run execve since its fork
        self.pgid = self.sid = pid
        self.cwd = "/"
        self.umask = 0o022
        self.exe = self.comm = ""
        self.image: LoadedImage | None = None
        self.loader_state: object = None
        self.state = State.RUNNABLE
        self.status = 0
        self.job_report: tuple[int, int] | None = (
            None  # CLD_STOPPED or CLD_CONTINUED, and the signal, until waited for
        )
        self.signals = SignalState()
        self.counters = mm.context.counters
        self.children_instructions = 0
        self.started_at = 0
        self.clear_child_tid = 0
        self.oom_score_adj = 0  # -1000 to 1000: added to the badness (`oom_killer`)
        self.timers: dict[int, IntervalTimer] = {}  # by ITIMER_ number, once setitimer has set them
        self.cpu_timer_at: int | None = None  # the CPU time at which the first CPU timer expires
        # Waiting
        self.in_call = False  # a system call of this process is blocked and will be retried
        self.call = CallState()
        self.wake_serial = 0  # makes old timers and queue entries stale
        self.waits_for = ""  # for the message about a deadlock
        self.vfork_done: WaitQueue | None = None  # the parent waits here until exec or exit
        self.vfork_waiting: tuple[int, Process] | None = None  # in clone, until the child calls exec or exits
        # Observing
        self.hold_at_exit = False  # keep the memory after the exit, until `lifecycle.release_held`
        self.watch_pc: int | None = None
        self.watched_at: int | None = None  # instructions before `watch_pc` was first reached

    def inherit(self, parent: Process) -> None:
        """Copy the attributes that a child inherits besides memory, registers and descriptors."""
        self.parent = parent
        self.cwd, self.umask = parent.cwd, parent.umask
        self.pgid, self.sid = parent.pgid, parent.sid
        self.oom_score_adj = parent.oom_score_adj
        self.exe, self.comm, self.image = parent.exe, parent.comm, parent.image
        self.signals = parent.signals.fork()
        parent.children.append(self)

    def timer(self, which: int) -> IntervalTimer:
        """The timer of an ITIMER_ number."""
        return self.timers.setdefault(which, IntervalTimer())

    def end_call(self, result: int) -> None:
        """Finish the current system call: set a0 to `result` and advance pc past the ecall."""
        self.in_call = False
        self.call = CallState()
        hart = self.hart
        hart.x[10] = result & M64
        hart.pc = hart.pc + 4 & M64

    @property
    def alarm_at(self) -> int | None:
        """The virtual time at which ITIMER_REAL expires."""
        timer = self.timers.get(ITIMER_REAL)
        return timer.expires_at if timer is not None else None

    def note_cpu_timers(self) -> None:
        """Update `cpu_timer_at` from the CPU timers."""
        cpu = (self.timers.get(which) for which in (ITIMER_VIRTUAL, ITIMER_PROF))
        self.cpu_timer_at = min((t.expires_at for t in cpu if t and t.expires_at is not None), default=None)

    @property
    def group(self) -> Group | None:
        """The memory group that its frames are charged to, if groups have limits."""
        return self.mm.map.group

    @property
    def ppid(self) -> int:
        return self.parent.pid if self.parent is not None else 1

    @property
    def alive(self) -> bool:
        return self.state in (State.RUNNABLE, State.BLOCKED, State.STOPPED)
