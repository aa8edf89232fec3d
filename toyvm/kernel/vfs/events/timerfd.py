"""timerfd_create(2): a timer that is read.

As on Linux the timer stands still after it has expired, until someone reads it or looks at it: the expiries that were due
meanwhile are counted then. So a timer that nobody reads never keeps the machine awake.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.errors import error

from ..open_file import POLLIN, Alarm, WouldBlock
from .anonymous import AnonymousFile


class TimerFile(AnonymousFile, Alarm):
    """A timer of nanoseconds of virtual time. `now` reads that, `set_alarm` asks for `expire` at a time; `clock_ahead`
    is what the timer's clock shows at virtual time 0."""

    KIND = "[timerfd]"
    synonyms = False

    def __init__(
        self, now: Callable[[], int], set_alarm: Callable[[Alarm, int], None], flags: int, clock_ahead: int
    ):
        super().__init__(flags)
        self._now = now
        self._set_alarm = set_alarm
        self.clock_ahead = clock_ahead
        self._at: int | None = None  # the next expiry that is not counted
        self._every = 0
        self._ticks = 0

    def set(self, at: int | None, every: int) -> None:
        """Arm the timer for virtual time `at`, None to disarm it, and then every `every` ns if that is not 0."""
        self._at, self._every, self._ticks = at, every, 0
        self.alarm_at = at
        if at is not None:
            self._set_alarm(self, at)
            self._count()

    def setting(self) -> tuple[int, int]:
        """(nanoseconds to the next expiry or 0, the interval)."""
        self._count()
        left = max(self._at - self._now(), 1) if self._at is not None else 0
        return left, self._every

    def _count(self) -> None:
        """Count the expiries up to now."""
        now = self._now()
        if self._at is None or self._at > now:
            return
        if self._every:
            expired = (now - self._at) // self._every + 1
            self._at += expired * self._every
        else:
            expired, self._at = 1, None
        self._ticks = self._ticks + expired & (1 << 64) - 1

    def expire(self, now: int) -> None:
        self.alarm_at = None
        self._count()
        self.changed.wake(POLLIN)

    def _rearm(self) -> None:
        if self.alarm_at is None and self._at is not None:
            self.alarm_at = self._at
            self._set_alarm(self, self._at)

    def read(self, count: int) -> bytes:
        if count < 8:
            raise error(errno.EINVAL)
        self._count()
        self._rearm()
        if not self._ticks:
            raise WouldBlock(self.changed)
        ticks, self._ticks = self._ticks, 0
        return ticks.to_bytes(8, "little")

    def poll(self) -> int:
        self._count()
        if not self._ticks:
            self._rearm()
        return POLLIN if self._ticks else 0

    def released(self) -> None:
        self.alive = False
        self._at = self.alarm_at = None
