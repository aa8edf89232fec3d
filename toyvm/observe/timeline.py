"""`--trace-out`: a run as a timeline for Perfetto and chrome://tracing (Trace Event Format, JSON).

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU has the format. Time is
virtual: an instruction takes 1 ns.

    process 0, "machine"    one track with the thread that has the hart, and the number of frames in use
    each process            a track for each thread: its system calls, its page faults and copies,
                            signals, loaded libraries, and its begin and end
    arrows                  from the fork to each copy of an anonymous page that it has caused

Slices of one track must nest. Calls of a thread do, because they end in the reverse order of their
begins; a fault is a slice of 1 ns, and times are whole nanoseconds, so it lies inside or outside of
any other slice. A copy is put down to the last fork that its process took part in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..base.events import (
    ContextSwitch,
    CowFault,
    Event,
    PageFault,
    PageReclaimed,
    ProcessExecuted,
    ProcessExited,
    ProcessForked,
    SignalSent,
    SyscallEnter,
    SyscallExit,
    ThreadExited,
    ThreadStarted,
)
from ..loader.loader_events import LibraryMapped, LibraryUnmapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..engines.engine import Engine
    from ..kernel.kernel import Kernel
    from ..machine.physical_memory import PhysicalMemory

MACHINE, HART = 0, 0  # the process and the thread of the machine's own tracks
MOST_EVENTS = 2_000_000
_SHORTEST = 1  # ns: a slice of no length could not hold the end of an arrow

Row = dict[str, Any]


class TimelineWatcher:
    """Collects the events of a run (`system.Watcher`); `write` makes the file."""

    def __init__(self) -> None:
        self._kernel: Kernel
        self._rows: list[Row] = []
        self._names: dict[int, str] = {}  # commands by process
        self._threads: dict[int, int] = {}  # threads -> process
        self._calls: dict[int, list[tuple[int, SyscallEnter]]] = {}  # begun, by thread
        self._hart: tuple[int, int] | None = None  # since when, thread
        self._forks: dict[int, tuple[int, int]] = {}  # process -> time and thread of its last fork
        self._copy: CowFault | None = None
        self._arrows = 0
        self._left_out = 0

    def engine(self, memory: PhysicalMemory) -> Engine | None:
        """No engine of its own."""
        return None

    def start(self, kernel: Kernel) -> None:
        """Subscribe to the events."""
        self._kernel = kernel
        handlers: dict[type[Any], Callable[[Any], None]] = {
            ContextSwitch: self._switch,
            SyscallEnter: self._enter,
            SyscallExit: self._exit,
            CowFault: self._keep_copy,
            PageFault: self._fault,
            PageReclaimed: self._reclaimed,
            ProcessForked: self._forked,
            ThreadStarted: lambda e: self._instant(e, f"thread {e.tid}"),
            ThreadExited: lambda e: self._close(e.pid, e.time),
            ProcessExecuted: self._executed,
            ProcessExited: self._exited,
            SignalSent: lambda e: self._instant(e, f"signal {e.signal}", {"sender": e.sender}),
            LibraryMapped: lambda e: self._instant(e, f"load {e.path}", {"at": f"{e.start:#x}"}),
            LibraryUnmapped: lambda e: self._instant(e, f"unload {e.path}"),
        }
        for kind, handler in handlers.items():
            kernel.bus.subscribe(kind, handler)

    # Rows

    def _add(self, row: Row) -> None:
        if len(self._rows) < MOST_EVENTS:
            self._rows.append(row)
        else:
            self._left_out += 1

    def _track(self, tid: int) -> tuple[int, int]:
        """(process, thread) of a thread, also after its end."""
        thread = self._kernel.threads.get(tid) or self._kernel.processes.get(tid)
        if thread is not None:
            self._threads[tid] = thread.pid
            self._names.setdefault(thread.pid, thread.comm)
        return self._threads.get(tid, tid), tid

    def _slice(self, tid: int, name: str, begun: int, ended: int, kind: str, args: Row) -> None:
        pid, tid = self._track(tid)
        length = max(_SHORTEST, ended - begun)
        self._add(
            {
                "ph": "X",
                "name": name,
                "cat": kind,
                "pid": pid,
                "tid": tid,
                "ts": begun / 1000,
                "dur": length / 1000,
                "args": args,
            }
        )

    def _instant(self, event: Event, name: str, args: Row | None = None) -> None:
        pid, tid = self._track(event.pid)
        self._add(
            {
                "ph": "i",
                "s": "t",
                "name": name,
                "cat": "event",
                "pid": pid,
                "tid": tid,
                "ts": event.time / 1000,
                "args": args or {},
            }
        )

    def _count(self, time: int) -> None:
        used = self._kernel.frames.used
        self._add(
            {
                "ph": "C",
                "name": "frames in use",
                "pid": MACHINE,
                "tid": HART,
                "ts": time / 1000,
                "args": {"frames": used},
            }
        )

    # Events

    def _switch(self, event: ContextSwitch) -> None:
        self._leave_hart(event.time)
        self._hart = event.time, event.pid
        self._track(event.pid)

    def _leave_hart(self, time: int) -> None:
        if self._hart is None:
            return
        begun, tid = self._hart
        if time > begun:
            pid, _ = self._track(tid)
            name = f"{self._names.get(pid, '')} {tid}".strip()
            row = {"ph": "X", "name": name, "cat": "hart", "pid": MACHINE, "tid": HART, "ts": begun / 1000}
            self._add({**row, "dur": (time - begun) / 1000, "args": {"pid": pid, "tid": tid}})
        self._hart = None

    def _enter(self, event: SyscallEnter) -> None:
        self._calls.setdefault(event.pid, []).append((event.time, event))

    def _exit(self, event: SyscallExit) -> None:
        calls = self._calls.get(event.pid, [])
        if not any(call.number == event.number for _, call in calls):
            return
        while calls:  # a call of another number was left by a signal handler that never returned
            begun, call = calls.pop()
            text = event.text if call.number == event.number else call.text
            self._slice(event.pid, call.name, begun, event.time, "syscall", {"call": text})
            if call.number == event.number:
                return

    def _keep_copy(self, event: CowFault) -> None:
        """The kernel reports the fault itself next."""
        self._copy = event

    def _fault(self, event: PageFault) -> None:
        copy, self._copy = self._copy, None
        args: Row = {"address": f"{event.va:#x}", "access": event.access, "resolved": str(event.kind)}
        args.update(pc=f"{event.pc:#x}", mapping=event.vma)
        if event.frame is not None:
            args["frame"] = f"{event.frame:#x}"
        is_copy = copy is not None and copy.copied and copy.source == "anonymous"
        name = "copy" if copy is not None and copy.copied else "fault"
        self._slice(event.pid, f"{name} {event.va & -4096:#x}", event.time, event.time, name, args)
        if is_copy:
            self._arrow(event)
        self._count(event.time)

    def _arrow(self, event: PageFault) -> None:
        """From the fork after which the page was shared to its copy."""
        pid, tid = self._track(event.pid)
        fork = self._forks.get(pid)
        if fork is None:
            return
        time, parent = fork
        self._arrows += 1
        for phase, (process, thread), at in (("s", self._track(parent), time), ("f", (pid, tid), event.time)):
            row = {"ph": phase, "id": self._arrows, "name": "copy after fork", "cat": "fork"}
            row |= {"pid": process, "tid": thread, "ts": at / 1000}
            self._add(row | ({"bp": "e"} if phase == "f" else {}))

    def _reclaimed(self, event: PageReclaimed) -> None:
        where = "file" if event.slot is None else f"swap slot {event.slot:#x}"
        row = {"ph": "i", "s": "t", "name": f"reclaim {event.frame:#x}", "cat": "event", "pid": MACHINE}
        self._add({**row, "tid": HART, "ts": event.time / 1000, "args": {"page": where}})

    def _forked(self, event: ProcessForked) -> None:
        parent, _ = self._track(event.pid)
        self._track(event.child)
        if not event.shares_memory:
            self._forks[parent] = self._forks[event.child] = event.time, event.pid
        self._instant(event, f"fork {event.child}")

    def _executed(self, event: ProcessExecuted) -> None:
        self._forks.pop(event.pid, None)
        self._names[event.pid] = event.path.rsplit("/", 1)[-1]
        self._instant(event, f"exec {event.path}")

    def _exited(self, event: ProcessExited) -> None:
        self._close(event.pid, event.time)
        how = f"killed by signal {event.signal}" if event.signal else f"exit {event.status}"
        self._instant(event, how)

    def _close(self, tid: int, time: int) -> None:
        """End the calls of a thread that has ended in them."""
        for begun, call in reversed(self._calls.pop(tid, [])):
            self._slice(tid, call.name, begun, time, "syscall", {"call": f"{call.text} = ?"})

    # The file

    def rows(self) -> list[Row]:
        """All events in the order of time. A slice comes before what begins with it and is shorter."""
        now = self._kernel.now
        self._leave_hart(now)
        for tid in list(self._calls):
            self._close(tid, now)
        names: list[Row] = []
        for order, pid in enumerate([MACHINE, *sorted(self._names)]):
            title = "machine" if pid == MACHINE else self._names[pid]
            names.append({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": title}})
            names.append({"ph": "M", "name": "process_sort_index", "pid": pid, "args": {"sort_index": order}})
        threads = [
            (MACHINE, HART, "hart 0"),
            *((p, t, f"thread {t}") for t, p in sorted(self._threads.items())),
        ]
        for pid, tid, title in threads:
            names.append({"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": title}})
        order_of = {"X": 0, "i": 1, "C": 1, "s": 2, "f": 3}
        rows = sorted(self._rows, key=lambda row: (row["ts"], order_of[row["ph"]], -row.get("dur", 0)))
        return [*names, *rows]

    def write(self, path: str, title: str) -> None:
        """Write the file. Raises OSError."""
        from ..base.resources import write_atomically

        lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in self.rows())
        other = json.dumps({"title": title, "clock": "virtual", "left out": self._left_out})
        text = f'{{"displayTimeUnit":"ns","otherData":{other},"traceEvents":[\n{lines}\n]}}\n'
        write_atomically(path, text.encode())
