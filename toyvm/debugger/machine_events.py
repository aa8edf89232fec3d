"""The events of a machine that a debugger may stop at, from the kernel's bus, in order.

They happen in the middle of an entry of the kernel. The machine takes them at its end, when the
state is consistent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from toyvm.base.events import (
    ProcessExecuted,
    ProcessExited,
    ProcessForked,
    ThreadExited,
    ThreadStarted,
)
from toyvm.base.light_types import Any
from toyvm.base.record import Record
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.proc.process import Process
from toyvm.loader.loader_events import LibraryMapped, LibraryUnmapped

from .target import StopKind


class MachineEvent(Record, eq=False):
    """An event of `thread`, with the fields of its Stop."""

    kind: StopKind
    thread: Process
    details: dict[str, Any]


class MachineEvents:
    """The events that have not been taken."""

    def __init__(self, kernel: Kernel):
        self._kernel = kernel
        self._waiting: deque[MachineEvent] = deque()
        self._vforks: list[tuple[Process, Process]] = []  # parent and child
        handlers: dict[type[Any], Callable[[Any], None]] = {
            ProcessForked: self._forked,
            ThreadStarted: self._thread_started,
            ThreadExited: self._thread_exited,
            ProcessExecuted: self._executed,
            ProcessExited: self._exited,
            LibraryMapped: self._libraries_changed,
            LibraryUnmapped: self._libraries_changed,
        }
        for kind, handler in handlers.items():
            kernel.bus.subscribe(kind, handler)

    def __bool__(self) -> bool:
        """Whether `take` may have something."""
        return bool(self._waiting or self._vforks)

    def take(self) -> MachineEvent | None:
        """The next event, or None."""
        for parent, child in list(self._vforks):
            if child.vfork_done is None:
                self._vforks.remove((parent, child))
                self._add(StopKind.VFORK_DONE, parent, other=child.pid)
        return self._waiting.popleft() if self._waiting else None

    def _add(self, kind: StopKind, thread: Process | None, **details: Any) -> None:
        if thread is not None and self._kernel.system.stats.context_switches:  # else the run has not begun
            self._waiting.append(MachineEvent(kind, thread, details))

    def _forked(self, event: ProcessForked) -> None:
        parent, child = self._kernel.threads.get(event.pid), self._kernel.processes.get(event.child)
        vfork = child is not None and child.vfork_done is not None
        if vfork and parent is not None and child is not None:
            self._vforks.append((parent, child))
        self._add(StopKind.VFORKED if vfork else StopKind.FORKED, parent, other=event.child)

    def _thread_started(self, event: ThreadStarted) -> None:
        self._add(StopKind.THREAD_STARTED, self._kernel.threads.get(event.pid), other=event.tid)

    def _thread_exited(self, event: ThreadExited) -> None:
        leader = self._kernel.processes.get(event.process)
        self._add(StopKind.THREAD_EXITED, self._kernel.threads.get(event.pid, leader), other=event.pid)

    def _executed(self, event: ProcessExecuted) -> None:
        self._add(StopKind.EXECUTED, self._kernel.processes.get(event.pid), path=event.path)

    def _exited(self, event: ProcessExited) -> None:
        process = self._kernel.processes.get(event.pid)
        if event.signal:
            self._add(StopKind.KILLED, process, signal=event.signal)
        else:
            self._add(StopKind.EXITED, process, status=event.status)

    def _libraries_changed(self, event: LibraryMapped | LibraryUnmapped) -> None:
        process = self._kernel.processes.get(event.pid)
        if not any(e.kind is StopKind.LIBRARIES and e.thread is process for e in self._waiting):
            self._add(StopKind.LIBRARIES, process)
