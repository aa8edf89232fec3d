"""Clocks of CPU time: what a process or a thread has spent, and the alarms that are set by it."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from ..vfs.open_file import Alarm, WaitQueue

_COMPACT_ABOVE = 1024  # alarms, from which stale ones are removed


class CpuClock:
    """One clock. `spent` is its time in nanoseconds, of which an instruction takes one.

    `changed` is called when the first alarm may be another one.
    """

    def __init__(self, spent: Callable[[], int], changed: Callable[[], None]):
        self.spent = spent
        self._changed = changed
        self._alarms: list[tuple[int, int, Alarm]] = []
        self._sequence = 0

    def set_alarm(self, alarm: Alarm, at: int) -> None:
        """Let `alarm` expire when the clock reaches `at`, if its `alarm_at` is still `at` then."""
        self._sequence += 1
        heapq.heappush(self._alarms, (at, self._sequence, alarm))
        if len(self._alarms) > _COMPACT_ABOVE and not self._sequence % _COMPACT_ABOVE:
            self._alarms = [entry for entry in self._alarms if _stands(entry)]
            heapq.heapify(self._alarms)
        self._changed()

    @property
    def next_at(self) -> int | None:
        """When the first alarm is due; None if there is none."""
        while self._alarms and not _stands(self._alarms[0]):
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def ring(self) -> None:
        """Let the alarms expire that are due."""
        now = self.spent()
        while (at := self.next_at) is not None and at <= now:
            heapq.heappop(self._alarms)[2].expire(now)
        self._changed()


def _stands(entry: tuple[int, int, Alarm]) -> bool:
    at, _, alarm = entry
    return alarm.alive and alarm.alarm_at == at


class CpuSleep(Alarm):
    """A thread that sleeps until a clock of CPU time reaches `deadline` (clock_nanosleep(2))."""

    def __init__(self, clock: CpuClock, deadline: int):
        self.clock = clock
        self.deadline = self.alarm_at = deadline
        self.queue = WaitQueue()
        clock.set_alarm(self, deadline)

    def expire(self, now: int) -> None:
        self.alarm_at = None
        self.queue.wake()
