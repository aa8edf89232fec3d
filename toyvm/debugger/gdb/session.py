"""What a session with a debugger remembers: the selected threads, the processes that it has, what it catches."""

from __future__ import annotations

from enum import Enum

from ..target import NoSuchThreadError, Stop, StopKind, Target, ThreadState
from .connection import Connection
from .host_files import HostFiles
from .packets import PacketError
from .stop_points import Points
from .thread_ids import ALL, ANY, ThreadId, parse_thread_id, thread_name


class Ending(Enum):
    """How a session ends."""

    OPEN = "it has not ended"
    KILLED = "the debugger ended the run"
    DETACHED = "the run goes on without a debugger"
    OVER = "no process is left"


class Session:
    """A debugger that is connected to a target."""

    def __init__(self, target: Target, connection: Connection):
        self.target = target
        self.connection = connection
        self.files = HostFiles(target)
        self.points = Points()
        self.features: frozenset[str] = frozenset()  # what the debugger says that it knows: "fork-events"
        self.extended = False
        self.ending = Ending.OPEN
        self.general = ThreadId(ANY, ANY)  # for registers and memory
        self.continuing = ThreadId(ANY, ANY)  # for `s`, `c`, `bs` and `bc`
        self.pass_signals: frozenset[int] = frozenset()
        self.caught_syscalls: frozenset[int] | None = None  # None: no call; empty: each
        self.thread_events = False
        self.listed: list[ThreadState] = []  # what qsThreadInfo has still to name
        self.attached = {process.pid for process in target.processes() if process.alive}
        self.last_stop = target.last_stop

    @property
    def multiprocess(self) -> bool:
        """Whether threads are named with their process."""
        return "multiprocess" in self.features

    def name(self, pid: int, tid: int) -> str:
        """A thread's name in packets."""
        return thread_name(pid, tid, self.multiprocess)

    def threads(self) -> list[ThreadState]:
        """The threads that the debugger has."""
        return [
            thread
            for thread in self.target.threads()
            if thread.pid in self.attached and thread.state not in "ZX"
        ]

    def find(self, text: str) -> ThreadState:
        """The thread of that name. Raises PacketError, NoSuchThreadError."""
        return self.resolve(parse_thread_id(text))

    def resolve(self, wanted: ThreadId) -> ThreadState:
        """The thread that is meant: where any will do, the one that stopped, if it is among them."""
        fits = [
            thread
            for thread in self.threads()
            if wanted.pid in (ANY, ALL, thread.pid) and wanted.tid in (ANY, ALL, thread.tid)
        ]
        if not fits:
            raise NoSuchThreadError(f"there is no thread {wanted.tid} of a process {wanted.pid}")
        return next((thread for thread in fits if thread.tid == self.last_stop.tid), fits[0])

    def selected(self) -> ThreadState:
        """The thread that `Hg` has selected; if it has ended, the one that stopped."""
        try:
            return self.resolve(self.general)
        except NoSuchThreadError:
            return self.resolve(ThreadId(ANY, ANY))

    def selected_process(self) -> int:
        """The pid for memory and breakpoints. A process all of whose threads have ended counts too."""
        if self.general.pid > 0 and self.general.pid in self.attached:
            return self.general.pid
        return self.selected().pid

    def stopped(self, stop: Stop) -> None:
        """Take notice of a stop that the debugger is told of."""
        self.last_stop = stop
        if stop.kind in (StopKind.FORKED, StopKind.VFORKED):
            self.attached.add(stop.other)
            self.points.copy(stop.pid, stop.other)
        elif stop.kind is StopKind.EXECUTED:
            self.points.forget(stop.pid)
        elif stop.kind in (StopKind.EXITED, StopKind.KILLED):
            self.let_go(stop.pid)
            if stop.pid == self.general.pid:
                self.general = ThreadId(ANY, ANY)
        elif stop.tid:
            self.general = ThreadId(stop.pid, stop.tid)

    def let_go(self, pid: int) -> None:
        """The debugger has this process no longer. Raises PacketError if it did not have it."""
        if pid not in self.attached:
            raise PacketError(f"no process {pid}")
        self.attached.discard(pid)
        self.points.forget(pid)

    def restart(self) -> None:
        """The debugger has the processes that exist now, and no breakpoint in any."""
        self.points.clear()
        self.attached = {process.pid for process in self.target.processes() if process.alive}
        self.last_stop = self.target.last_stop
        self.general = self.continuing = ThreadId(ANY, ANY)
