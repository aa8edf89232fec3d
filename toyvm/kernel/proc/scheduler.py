"""Who runs next, and when sleepers wake: round robin by instruction count, time that exists only in the machine.

Virtual time is nanoseconds; one instruction takes one. When nobody can run, time jumps to the next wake-up.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator

from ..vfs.open_file import Alarm, WaitQueue
from .process import Process, State

# The wall clock when the machine is switched on: every run has the same date.
EPOCH_NS = 1_700_000_000 * 10**9
COMPACT_ABOVE = 1024  # entries of a queue of timers, below which stale ones are left where they are
MAX_STRETCH = 100_000_000  # instructions that a lone process runs before the host may interrupt


class Scheduler:
    """The run queue and the timers. `now` is virtual time in nanoseconds."""

    def __init__(self) -> None:
        self.now = 0
        self.daemon_at: int | None = None  # when the kernel itself wants the processor, between two quanta
        self._ready: deque[Process] = deque()
        self._timers: list[tuple[int, int, Process, int]] = []
        self._alarms: list[tuple[int, int, Process | Alarm]] = []
        self._sequence = 0
        self._compact_at = COMPACT_ABOVE

    def add(self, process: Process) -> None:
        """Let a runnable process take its turn, behind those who wait already."""
        self._ready.append(process)

    def add_first(self, process: Process) -> None:
        """Let a process continue at once (its quantum is not used up)."""
        self._ready.appendleft(process)

    def block(self, process: Process, queues: tuple[WaitQueue, ...], deadline: int | None) -> None:
        """Put `process` to sleep until one of `queues` wakes or virtual time reaches `deadline`."""
        process.state = State.BLOCKED
        process.wake_serial += 1
        serial = process.wake_serial
        for queue in queues:
            queue.waiters[process.pid] = lambda: self.wake(process, serial)
        if deadline is not None:
            self._sequence += 1
            heapq.heappush(self._timers, (deadline, self._sequence, process, serial))
            self._compact()

    def wake(self, process: Process, serial: int | None = None) -> None:
        """Make a sleeper runnable; `serial` names the sleep that is meant, so that a late call does nothing."""
        if process.state is State.BLOCKED and serial in (None, process.wake_serial):
            process.state = State.RUNNABLE
            self._ready.append(process)

    def set_alarm(self, target: Process | Alarm, at: int) -> None:
        """Report `target` from `due_alarms` when time reaches `at` (if its `alarm_at` still says so)."""
        self._sequence += 1
        heapq.heappush(self._alarms, (at, self._sequence, target))
        self._compact()

    def _compact(self) -> None:
        """Drop the timers of sleeps and alarms that are over, when they have become many: a guest can set them for ever."""
        if len(self._timers) + len(self._alarms) < self._compact_at:
            return
        self._timers = [timer for timer in self._timers if self._sleeps(timer)]
        self._alarms = [alarm for alarm in self._alarms if self._alarm_stands(alarm)]
        heapq.heapify(self._timers)
        heapq.heapify(self._alarms)
        self._compact_at = max(COMPACT_ABOVE, 2 * (len(self._timers) + len(self._alarms)))

    def due_alarms(self) -> list[Process | Alarm]:
        """The processes and other alarms whose time has come."""
        due = []
        while self._alarms and self._alarms[0][0] <= self.now:
            at, _, target = heapq.heappop(self._alarms)
            if target.alarm_at == at and target.alive:
                due.append(target)
        return due

    def expire(self) -> None:
        """Wake everyone whose deadline has come."""
        while self._timers and self._timers[0][0] <= self.now:
            _, _, process, serial = heapq.heappop(self._timers)
            self.wake(process, serial)

    @property
    def crowded(self) -> bool:
        """Whether somebody may be waiting for a turn."""
        return bool(self._ready)

    def undisturbed_until(self) -> int | None:
        """The time at which somebody may want the processor besides the process that has it; None: somebody wants it now.

        Never more than MAX_STRETCH from now, so that the host's own interrupts are served.
        """
        if any(process.state is State.RUNNABLE for process in self._ready):
            return None
        times = [queue[0][0] for queue in (self._timers, self._alarms) if queue]
        if self.daemon_at is not None:
            times.append(self.daemon_at)
        return min([self.now + MAX_STRETCH, *times])

    def next(self) -> Process | None:
        """The next runnable process, or None when nobody can run now."""
        while self._ready:
            process = self._ready.popleft()
            if process.state is State.RUNNABLE:
                return process
        return None

    def advance(self) -> bool:
        """Nobody can run: jump to the next deadline or alarm. False when there is none, so nobody ever will."""
        while self._timers and not self._sleeps(self._timers[0]):
            heapq.heappop(self._timers)
        while self._alarms and not self._alarm_stands(self._alarms[0]):
            heapq.heappop(self._alarms)
        times = [queue[0][0] for queue in (self._timers, self._alarms) if queue]
        if not times:
            return False
        self.now = max(self.now, min(times))
        return True

    def _sleeps(self, timer: tuple[int, int, Process, int]) -> bool:
        return timer[2].state is State.BLOCKED and timer[2].wake_serial == timer[3]

    def _alarm_stands(self, alarm: tuple[int, int, Process | Alarm]) -> bool:
        return alarm[2].alive and alarm[2].alarm_at == alarm[0]


def random_quanta(seed: int, longest: int) -> Iterator[int]:
    """Lengths of quanta, 1 to `longest` instructions, for ever: short ones as likely as long ones, so that races of a few
    instructions happen too. The same for the same seed."""
    import random  # an ordinary run has no use for it

    dice = random.Random(seed)
    while True:
        yield min(longest, dice.randint(1, 1 << dice.randint(0, longest.bit_length())))
