"""The timers of timer_create(2).

After an expiry with an interval the timer stands still until its signal is delivered, as on Linux: the expiries that were
due meanwhile are the overrun of that signal.
"""

from __future__ import annotations

from collections.abc import Callable

from ..vfs.open_file import Alarm
from .signals import SignalSource

MOST_TIMERS = 1024  # of one process
_LEAST_INTERVAL = 1_000_000  # ns between expiries that nobody hears of
_INT_MAX = 0x7FFFFFFF


class PosixTimer(Alarm, SignalSource):
    """One timer. `notify` sends its signal and returns whether that is pending now; None: SIGEV_NONE."""

    def __init__(
        self,
        number: int,
        now: Callable[[], int],
        set_alarm: Callable[[Alarm, int], None],
        clock_ahead: Callable[[], int],
        notify: Callable[[PosixTimer], bool] | None,
    ):
        self.number = number
        self.overrun = 0
        self.now = now
        self._set_alarm = set_alarm
        self.clock_ahead = clock_ahead
        self._notify = notify
        self._at: int | None = None
        self._every = 0

    def set(self, at: int | None, every: int) -> None:
        """Arm the timer for virtual time `at`, None to disarm it, and then every `every` ns if that is not 0."""
        self._at, self._every = at, every if at is not None else 0
        self.overrun = 0
        self._arm()

    def _arm(self) -> None:
        self.alarm_at = self._at if self._notify is not None else None
        if self.alarm_at is not None:
            self._set_alarm(self, self.alarm_at)

    def setting(self) -> tuple[int, int]:
        """(nanoseconds to the next expiry or 0, the interval)."""
        now, at = self.now(), self._at
        if at is None or (at <= now and not self._every):
            return (1 if at is not None and self._notify is not None else 0), self._every
        if at <= now:
            at += ((now - at) // self._every + 1) * self._every
        return at - now, self._every

    def expire(self, now: int) -> None:
        self.alarm_at = None
        at = self._at
        if at is None or self._notify is None:
            return
        if not self._every:
            self._at = None
        if not self._notify(self) and self._every:
            step = max(self._every, _LEAST_INTERVAL)
            self._at = at + ((now - at) // step + 1) * step
            self._arm()

    def taken(self) -> None:
        now, at = self.now(), self._at
        self.overrun = 0
        if not self._every or at is None or at > now:
            return
        missed = (now - at) // self._every
        self.overrun = min(missed, _INT_MAX)
        self._at = at + (missed + 1) * self._every
        self._arm()

    def delete(self) -> None:
        """The timer is gone."""
        self.alive = False
        self._at = self.alarm_at = None
