"""The scheduler: a round-robin run queue, and the timers that wake sleeping processes.

Time is virtual, in nanoseconds: one instruction takes 1 ns. If no process can run, time advances
to the next wake-up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ...base.light_types import Any
from ..vfs.open_file import Alarm, WaitQueue
from .process import Process, State

COMPACT_ABOVE = 1024  # timers and alarms, from which stale ones are removed


class Scheduler:
    """The run queue and the timers. `now` is virtual time in nanoseconds."""

    def __init__(self) -> None:
        self.now = 0
        self.daemon_at: int | None = None  # when a kernel daemon (writeback, KSM) is due, between two quanta
        self._ready: deque[Process] = deque()
        self._timers: list[tuple[int, int, Process, int]] = []
        self._alarms: list[tuple[int, int, Process | Alarm]] = []
        self._sequence = 0
        self._compact_at = COMPACT_ABOVE

    @property
    def timers_set(self) -> int:
        """How many deadlines and alarms were ever set: whether there are new ones."""
        return self._sequence

    def add(self, process: Process) -> None:
        """Append a runnable process to the run queue."""
        if not process.queued:  # a stopped process keeps its place
            process.queued = True
            self._ready.append(process)

    def block(self, process: Process, queues: tuple[WaitQueue, ...], deadline: int | None) -> None:
        """Block `process` until one of `queues` is woken or virtual time reaches `deadline`."""
        process.state = State.BLOCKED
        process.wake_serial += 1
        serial = process.wake_serial
        for queue in queues:
            queue.waiters[process.tid] = lambda: self.wake(process, serial)
        if deadline is not None:
            from heapq import heappush  # most runs set no timer

            self._sequence += 1
            heappush(self._timers, (deadline, self._sequence, process, serial))
            self._compact()

    def wake(self, process: Process, serial: int | None = None) -> None:
        """Make a blocked process runnable.

        `serial` identifies the sleep, so that a stale call has no effect.
        """
        if process.state is State.BLOCKED and serial in (None, process.wake_serial):
            process.state = State.RUNNABLE
            self.add(process)

    def set_alarm(self, target: Process | Alarm, at: int) -> None:
        """Make `due_alarms` return `target` when time reaches `at`, if its `alarm_at` is still
        `at`.
        """
        from heapq import heappush

        self._sequence += 1
        heappush(self._alarms, (at, self._sequence, target))
        self._compact()

    def _compact(self) -> None:
        """Remove stale timers and alarms when there are many.

        A guest can create any number of them.
        """
        if len(self._timers) + len(self._alarms) < self._compact_at:
            return
        from heapq import heapify

        self._timers = [timer for timer in self._timers if self._sleeps(timer)]
        self._alarms = [alarm for alarm in self._alarms if self._alarm_stands(alarm)]
        heapify(self._timers)
        heapify(self._alarms)
        self._compact_at = max(COMPACT_ABOVE, 2 * (len(self._timers) + len(self._alarms)))

    def due_alarms(self) -> list[Process | Alarm]:
        """Remove the alarms that are due, and return their targets.

        A target that was set twice to the same time is there once.
        """
        due: dict[int, Process | Alarm] = {}
        while self._alarms and self._alarms[0][0] <= self.now:
            at, _, target = _pop(self._alarms)
            if target.alarm_at == at and target.alive:
                due[id(target)] = target
        return list(due.values())

    def expire(self) -> None:
        """Wake every process whose deadline has passed."""
        while self._timers and self._timers[0][0] <= self.now:
            _, _, process, serial = _pop(self._timers)
            self.wake(process, serial)

    @property
    def crowded(self) -> bool:
        """Whether the run queue is not empty."""
        return bool(self._ready)

    def undisturbed_until(self, stretch: int) -> int | None:
        """The time until which no other process or daemon needs the processor.

        None if another process is runnable now. The time is at most `stretch` from now.
        """
        for process in self._ready:
            if process.state is State.RUNNABLE:
                return None
        until = self.now + stretch
        if self._timers:
            until = min(until, self._timers[0][0])
        if self._alarms:
            until = min(until, self._alarms[0][0])
        if self.daemon_at is not None:
            until = min(until, self.daemon_at)
        return until

    @property
    def nothing_due(self) -> bool:
        """Whether no deadline or alarm is due."""
        now, timers, alarms = self.now, self._timers, self._alarms
        return not (timers and timers[0][0] <= now) and not (alarms and alarms[0][0] <= now)

    def first(self) -> Process | None:
        """The process that `next` returns, if it is the first one in the queue."""
        process = self._ready[0] if self._ready else None
        return process if process is not None and process.state is State.RUNNABLE else None

    def next(self) -> Process | None:
        """The next runnable process, or None."""
        while self._ready:
            process = self._ready.popleft()
            process.queued = False
            if process.state is State.RUNNABLE:
                return process
        return None

    def advance(self) -> bool:
        """Advance time to the next deadline or alarm. Return False if there is none."""
        at = self.next_deadline()
        if at is None:
            return False
        self.now = max(self.now, at)
        return True

    def next_deadline(self) -> int | None:
        """When the next deadline or alarm is; None if there is none."""
        while self._timers and not self._sleeps(self._timers[0]):
            _pop(self._timers)
        while self._alarms and not self._alarm_stands(self._alarms[0]):
            _pop(self._alarms)
        times = [queue[0][0] for queue in (self._timers, self._alarms) if queue]
        return min(times, default=None)

    def _sleeps(self, timer: tuple[int, int, Process, int]) -> bool:
        return timer[2].state is State.BLOCKED and timer[2].wake_serial == timer[3]

    def _alarm_stands(self, alarm: tuple[int, int, Process | Alarm]) -> bool:
        return alarm[2].alive and alarm[2].alarm_at == alarm[0]


def random_quanta(seed: int, longest: int) -> Iterator[int]:
    """An endless sequence of quanta from 1 to `longest` instructions, determined by `seed`.

    All magnitudes are equally likely, so that races within a few instructions are found too.
    """
    import random  # imported here because an ordinary run does not need it

    dice = random.Random(seed)
    while True:
        yield min(longest, dice.randint(1, 1 << dice.randint(0, longest.bit_length())))


def _pop(heap: list[Any]) -> Any:
    """Remove the smallest item of a heap. Most runs set no timer, so `heapq` is imported when one is set."""
    from heapq import heappop

    return heappop(heap)
