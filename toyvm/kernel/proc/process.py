"""A thread of a process: hart state, signals, blocked call; and what the threads of a process share."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from toyvm.base.bits import M64
from toyvm.base.diagnostics import printable
from toyvm.base.light_types import TYPE_CHECKING, Any, Enum
from toyvm.base.record import Record, replace
from toyvm.machine.hart import Hart

from ..limits import RLIM_INFINITY, Rlimits
from ..mm.address_space import AddressSpace
from ..mm.image_mapping import LoadedImage
from ..vfs.open_file import Alarm, OpenFile, WaitQueue
from .fd_table import FdTable
from .signals import SignalState

if TYPE_CHECKING:
    from ..counters import Group
    from .cpu_clocks import CpuClock, CpuSleep


class State(Enum):
    """The state of a process; the values are those of /proc/PID/status."""

    RUNNABLE = "R (running)"
    BLOCKED = "S (sleeping)"
    STOPPED = "T (stopped)"
    HELD = "t (held at its exit)"
    ZOMBIE = "Z (zombie)"
    DEAD = "X (dead)"


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


class FutexWaiter:
    """A thread asleep at a futex: in the queue of `key` in the `table` of all queues, until it is woken or leaves."""

    __slots__ = ("bitset", "key", "table", "thread", "woken")

    def __init__(
        self, thread: Process, table: dict[object, dict[FutexWaiter, None]], key: object, bitset: int
    ):
        self.thread = thread
        self.table = table
        self.bitset = bitset
        self.woken = False
        self.enter(key)

    def enter(self, key: object) -> None:
        """Stand in the queue of `key`, behind the others."""
        self.key = key
        self.table.setdefault(key, {})[self] = None

    def leave(self) -> None:
        """Leave the queue, if the thread was not woken before."""
        queue = self.table.get(self.key, {})
        queue.pop(self, None)
        if not queue:
            self.table.pop(self.key, None)


class CallState(Record, frozen=False):
    """The state that a blocked system call keeps between its attempts."""

    deadline: int | None = None
    remaining_at: int = 0  # where nanosleep reports the time left, when interrupted
    done: int = 0  # bytes already transferred
    opening: tuple[OpenFile, int] | None = None  # a named pipe whose other end is not open yet
    futex: FutexWaiter | None = None
    sleep: CpuSleep | None = None  # by CPU time: `deadline` is of that clock


class Place(Record, frozen=False):
    """Where a thread's paths begin, and the mode bits that its new files lack. Threads may share one (CLONE_FS)."""

    cwd: str = "/"
    umask: int = 0o022


class Schedule(Record):
    """What sched_setscheduler(2), setpriority(2) and sched_setaffinity(2) have set. All of it is only reported back."""

    policy: int = 0
    nice: int = 0
    processors: int = -1  # bits; -1: all
    reset_on_fork: bool = False

    def inherited(self) -> Schedule:
        """That of a child."""
        return replace(self, nice=max(0, self.nice), reset_on_fork=False) if self.reset_on_fork else self


class ThreadGroup:
    """What the threads of a process share besides memory: its names, its parent and children, its end, its timers.

    `members` are the threads that have not ended, by number. `leader` is the first one. Its number is the process's, and it
    stays here after its own end until the whole process has ended. A process without `parent` is a child of init: it is
    reaped as soon as it ends. `status` is a wait status (wait(2)). `loader_state` belongs to the interpreter.
    """

    def __init__(self, pid: int, leader: Process):
        self.pid = pid
        self.leader = leader
        self.members: dict[int, Process] = {pid: leader}
        self.personality = 0
        self.death_signal = 0  # sent when the parent ends (PR_SET_PDEATHSIG)
        self.no_new_privileges = False
        self.keep_capabilities = False
        self.dumpable = 1
        self.subreaper = False  # orphans among its descendants become its children (PR_SET_CHILD_SUBREAPER)
        self.timer_slack = 50_000  # nanoseconds
        self.parent: Process | None = None
        self.children: list[Process] = []
        self.child_ended = WaitQueue()
        self.exit_signal = 17
        self.executed = False  # whether it has run execve since its fork
        self.pgid = self.sid = pid
        self.exe = ""
        self.image: LoadedImage | None = None
        self.loader_state: object = None
        self.status = 0
        self.job_report: tuple[int, int] | None = (
            None  # CLD_STOPPED or CLD_CONTINUED, and the signal, until waited for
        )
        self.children_instructions = 0
        self.started_at = 0
        self.oom_score_adj = 0  # -1000 to 1000: added to the badness (`oom_killer`)
        self.timers: dict[int, IntervalTimer] = {}  # by ITIMER_ number, once setitimer has set them
        self.cpu_timer_at: int | None = None  # the CPU time at which the first CPU timer expires
        self.cpu_clock: CpuClock | None = None  # once it has had an alarm or a sleeper
        self.posix_timers: dict[int, Alarm] = {}  # those of timer_create, by number
        self.next_timer = 0
        self.signal_waiters: WaitQueue | None = None  # signalfd: who waits for a pending signal
        self.end_waiters: WaitQueue | None = None  # pidfd: who waits for the end
        self.reaped = False
        self.membarriers = 0  # the expedited commands of membarrier(2) that it has registered for

    def signal_queue(self) -> WaitQueue:
        """The queue that wakes when a signal becomes pending."""
        if self.signal_waiters is None:
            self.signal_waiters = WaitQueue()
        return self.signal_waiters

    def end_queue(self) -> WaitQueue:
        """The queue that wakes when the process ends, and when it is reaped."""
        if self.end_waiters is None:
            self.end_waiters = WaitQueue()
        return self.end_waiters

    def drop_timers(self) -> None:
        """Remove the timers of timer_create: execve, or the end of the process."""
        for timer in self.posix_timers.values():
            timer.alive = False
        self.posix_timers.clear()


def _of_group(name: str) -> Any:
    """An attribute of the thread group, as one of each of its threads."""

    def assign(thread: Process, value: object) -> None:
        setattr(thread.thread_group, name, value)

    return property(attrgetter(f"thread_group.{name}"), assign)


class Process:
    """One thread. The first one of a process stands for the process: as a parent, a child, an entry of `kernel.processes`.

    `tid` is its number; `pid` that of its process. Threads share `mm`, `fds`, `place` and what `signals` says they share.
    """

    pid: int = _of_group("pid")
    leader: Process = _of_group("leader")
    parent: Process | None = _of_group("parent")
    children: list[Process] = _of_group("children")
    child_ended: WaitQueue = _of_group("child_ended")
    exit_signal: int = _of_group("exit_signal")
    executed: bool = _of_group("executed")
    job_report: tuple[int, int] | None = _of_group("job_report")
    pgid: int = _of_group("pgid")
    sid: int = _of_group("sid")
    exe: str = _of_group("exe")
    image: LoadedImage | None = _of_group("image")
    loader_state: object = _of_group("loader_state")
    status: int = _of_group("status")
    children_instructions: int = _of_group("children_instructions")
    started_at: int = _of_group("started_at")
    oom_score_adj: int = _of_group("oom_score_adj")
    timers: dict[int, IntervalTimer] = _of_group("timers")
    cpu_timer_at: int | None = _of_group("cpu_timer_at")

    def __init__(
        self,
        tid: int,
        mm: AddressSpace,
        hart: Hart,
        fds: FdTable,
        rlimits: Rlimits,
        creator: Process | None = None,
    ):
        """`creator` is a thread of the same process; None: the thread is the first one of a new process."""
        self.tid = tid
        if creator is None:
            self.thread_group = ThreadGroup(tid, self)
            mm.context.pid = tid
        else:
            self.thread_group = creator.thread_group
            self.thread_group.members[tid] = self
        self.mm = mm
        self.hart = hart
        self.fds = fds
        self.rlimits = rlimits
        self.place = Place()
        self.comm = ""
        self.state = State.RUNNABLE
        self.schedule: Schedule | None = None  # None: as every thread begins
        self.signals = SignalState()
        self.counters = mm.context.counters  # the process's
        self.clear_child_tid = 0
        self.robust_list = 0  # the address of struct robust_list_head
        # Waiting
        self.queued = False  # in the scheduler's queue of runnable threads
        self.in_call = False  # a system call of this thread is blocked and will be retried
        self._call: CallState | None = None  # made when it is asked for, because few calls wait
        self.wake_serial = 0  # makes old timers and queue entries stale
        self.waits_in = ""  # the name of the last call that blocked
        self.vfork_done: WaitQueue | None = None  # the parent waits here until exec or exit
        self.vfork_waiting: tuple[int, Process] | None = None  # in clone, until the child calls exec or exits
        self.cpu_clock: CpuClock | None = None  # of the thread, once it has had an alarm
        self.thread_timer_at: int | None = None  # the CPU time of the thread at which that is due
        # Observing
        self.hold_at_exit = False  # keep the memory after the exit, until `lifecycle.release_held`
        self.watch_pc: int | None = None
        self.watched_at: int | None = None  # instructions before `watch_pc` was first reached

    def inherit(self, parent: Process, *, same_handlers: bool = False, sibling: bool = False) -> None:
        """Copy the attributes that a child inherits besides memory, registers and descriptors (see `lifecycle.fork`)."""
        self.parent = parent.parent if sibling else parent.leader
        self.place = replace(parent.place)
        self.schedule = parent.schedule and parent.schedule.inherited()
        own, old = self.thread_group, parent.thread_group
        own.pgid, own.sid = old.pgid, old.sid
        own.oom_score_adj = old.oom_score_adj
        own.exe, own.image = old.exe, old.image
        own.personality = old.personality
        own.no_new_privileges = old.no_new_privileges
        if self.rlimits.cpu != RLIM_INFINITY:
            self.note_cpu_timers()
        self.comm = parent.comm
        self.signals = parent.signals.fork(same_handlers=same_handlers)
        if self.parent is not None:
            self.parent.children.append(self)

    def timer(self, which: int) -> IntervalTimer:
        """The timer of an ITIMER_ number."""
        return self.timers.setdefault(which, IntervalTimer())

    @property
    def call(self) -> CallState:
        """The state of the current system call."""
        call = self._call
        if call is None:
            call = self._call = CallState()
        return call

    def end_call(self, result: int) -> None:
        """Finish the current system call: set a0 to `result` and advance pc past the ecall."""
        self.leave_call()
        hart = self.hart
        hart.x[10] = result & M64
        hart.pc = hart.pc + 4 & M64

    def end_wait(self, result: int) -> None:
        """`end_call` for a call that holds nothing any more: no queue, no file."""
        self._call = None
        self.in_call = False
        self.signals.awaited = 0
        hart = self.hart
        hart.x[10] = result
        hart.pc = hart.pc + 4 & M64

    def still_in(self, call: CallState) -> Callable[[], bool]:
        """Whether, when that is asked later, the thread is still in the system call that has this state."""
        return lambda: self.alive and self.in_call and self.call is call

    def leave_call(self) -> None:
        """The thread is in no system call any more."""
        call = self._call
        if call is not None:
            if call.futex is not None:
                call.futex.leave()
            if call.opening is not None:
                call.opening[0].released()
            self._call = None
        self.in_call = False
        self.signals.awaited = 0

    @property
    def cwd(self) -> str:
        """The working directory."""
        return self.place.cwd

    @cwd.setter
    def cwd(self, path: str) -> None:
        self.place.cwd = path

    @property
    def umask(self) -> int:
        """The mode bits that new files lack."""
        return self.place.umask

    @umask.setter
    def umask(self, mask: int) -> None:
        self.place.umask = mask

    @property
    def alarm_at(self) -> int | None:
        """The virtual time at which ITIMER_REAL expires."""
        timer = self.timers.get(ITIMER_REAL)
        return timer.expires_at if timer is not None else None

    def note_cpu_timers(self) -> None:
        """Update `cpu_timer_at` and `thread_timer_at` from the timers of CPU time and RLIMIT_CPU."""
        cpu = (self.timers.get(which) for which in (ITIMER_VIRTUAL, ITIMER_PROF))
        times = [timer.expires_at for timer in cpu if timer is not None]
        if self.thread_group.cpu_clock is not None:
            times.append(self.thread_group.cpu_clock.next_at)
        if self.rlimits.cpu != RLIM_INFINITY:
            times.append(max(1, self.rlimits.cpu) * 10**9)
        self.cpu_timer_at = min((at for at in times if at is not None), default=None)
        if self.cpu_clock is not None:
            self.thread_timer_at = self.cpu_clock.next_at

    def clock_of_process(self) -> CpuClock:
        """The clock of the process's CPU time."""
        group = self.thread_group
        if group.cpu_clock is None:
            from .cpu_clocks import CpuClock

            leader = group.leader
            group.cpu_clock = CpuClock(lambda: leader.counters.instructions, leader.note_cpu_timers)
        return group.cpu_clock

    def clock_of_thread(self) -> CpuClock:
        """The clock of the thread's CPU time."""
        if self.cpu_clock is None:
            from .cpu_clocks import CpuClock

            self.cpu_clock = CpuClock(lambda: self.hart.instret, self.note_cpu_timers)
        return self.cpu_clock

    @property
    def group(self) -> Group | None:
        """The memory group that its frames are charged to, if groups have limits."""
        return self.mm.map.group

    @property
    def title(self) -> str:
        """How messages name it: "process 100 (sh)", or "thread 101 of process 100 (sh)"."""
        if self.leader is self and len(self.thread_group.members) <= 1:
            return f"process {self.pid} ({printable(self.comm)})"
        return f"thread {self.tid} of process {self.pid} ({printable(self.comm)})"

    @property
    def ppid(self) -> int:
        return self.parent.pid if self.parent is not None else 1

    def reaper(self) -> Process | None:
        """The ancestor that its children have for a parent when it ends; None: init."""
        above = self.parent
        while above is not None and not (above.thread_group.subreaper and above.alive):
            above = above.parent
        return above

    def give_to(self, parent: Process | None) -> None:
        """Let the process, whose parent ends, be the child of another one; None: of init."""
        self.parent = parent
        if parent is not None:
            parent.children.append(self)

    @property
    def alive(self) -> bool:
        """Whether the thread runs or may run again; for the first one, whether any thread of the process may."""
        if self.state in (State.RUNNABLE, State.BLOCKED, State.STOPPED):
            return True
        return self.leader is self and bool(self.thread_group.members)
