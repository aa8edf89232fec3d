"""The scheduler's queues of timers."""

from __future__ import annotations

from tests.support.guest_kernel import Guest
from toyvm.kernel.proc.process import ITIMER_REAL
from toyvm.kernel.proc.scheduler import COMPACT_ABOVE, Scheduler


def test_timers_of_sleeps_that_are_over_do_not_pile_up() -> None:
    process = Guest().process
    scheduler = Scheduler()
    for turn in range(3 * COMPACT_ABOVE):
        scheduler.block(process, (), 1 << 60 | turn)
        scheduler.wake(process)
        process.timer(ITIMER_REAL).expires_at = at = 1 << 61 | turn
        scheduler.set_alarm(process, at)
    assert len(scheduler._timers) + len(scheduler._alarms) <= COMPACT_ABOVE
    assert scheduler.advance()
    assert scheduler.now == process.alarm_at
