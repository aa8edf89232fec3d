"""The scheduler's queues of timers."""

from __future__ import annotations

import struct

from tests.support.guest_kernel import Guest
from toyvm.kernel.proc.process import ITIMER_REAL
from toyvm.kernel.proc.scheduler import COMPACT_ABOVE, Scheduler
from toyvm.kernel.proc.signals import Signal


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


def test_a_timer_set_twice_to_the_same_time_expires_once() -> None:
    """setitimer(5 us), and 1 us later setitimer(4 us)."""
    guest = Guest()
    for start, micros in ((0, 5), (1000, 4)):
        guest.kernel.scheduler.now = start
        guest.mm.write(guest.scratch, struct.pack("<4q", 0, 0, 0, micros))
        assert guest.call("setitimer", ITIMER_REAL, guest.scratch, 0) == 0
    assert guest.kernel.scheduler.advance()
    guest.kernel._timers()
    assert guest.process.signals.next() == Signal.SIGALRM
    assert guest.process.timer(ITIMER_REAL).expires_at is None
