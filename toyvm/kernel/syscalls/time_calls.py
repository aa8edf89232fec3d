"""Time. It is virtual: it advances with instructions, and jumps if all processes sleep."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..proc.execve import CLOCK_TICKS
from ..proc.process import ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL
from ..vfs.open_file import WouldBlock
from .arguments import CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, cpu_clock, nanoseconds, timespec
from .process_calls import rusage

if TYPE_CHECKING:
    from ..proc.cpu_clocks import CpuClock
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

CLOCK_REALTIME, CLOCK_MONOTONIC = 0, 1
_MONOTONIC = {1, 4, 6, 7}
_NO_SLEEP = {3, 4, 5, 6}  # CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, and the coarse ones
TIMER_ABSTIME = 1
NS = 10**9


def _clock(kernel: KernelState, process: Process, clock: int) -> int:
    """The time of a clock in nanoseconds. Raises OSError(EINVAL)."""
    if clock < 0:
        return cpu_clock(kernel, process, clock).spent()
    if clock in _MONOTONIC:
        return kernel.now
    if clock in (0, 5, 11):
        return kernel.date
    if clock == CLOCK_PROCESS_CPUTIME_ID:
        return process.counters.instructions
    if clock == CLOCK_THREAD_CPUTIME_ID:
        return process.hart.instret
    raise error(errno.EINVAL)


def clock_gettime(kernel: KernelState, process: Process, clock: int, va: int) -> int:
    """clock_gettime(2): store the time of a clock. One instruction is 1 ns of CPU time.

    Errors: EFAULT, EINVAL.
    """
    process.mm.write(va, struct.pack("<qq", *divmod(_clock(kernel, process, sext(clock, 32)), NS)))
    return 0


def clock_getres(kernel: KernelState, process: Process, clock: int, va: int) -> int:
    """clock_getres(2): store one nanosecond for every clock.

    Errors: EFAULT, EINVAL.
    """
    _clock(kernel, process, sext(clock, 32))
    if va:
        process.mm.write(va, struct.pack("<qq", 0, 1))
    return 0


def gettimeofday(kernel: KernelState, process: Process, tv: int, tz: int) -> int:
    """gettimeofday(2): store the wall clock in microseconds, and a zero time zone.

    Errors: EFAULT.
    """
    if tv:
        seconds, nanos = divmod(kernel.date, NS)
        process.mm.write(tv, struct.pack("<qq", seconds, nanos // 1000))
    if tz:
        process.mm.write(tz, bytes(8))
    return 0


def _sleep_until(kernel: KernelState, process: Process, deadline: int, remaining_at: int) -> int:
    call = process.call
    if call.deadline is None:
        call.deadline = deadline
        call.remaining_at = remaining_at
    if kernel.now < call.deadline:
        raise WouldBlock(deadline=call.deadline)
    return 0


def nanosleep(kernel: KernelState, process: Process, request: int, remaining: int) -> int:
    """nanosleep(2): sleep. A handler ends the sleep and stores the time left at `remaining`.

    Errors: EFAULT, EINTR, EINVAL.
    """
    return _sleep_until(kernel, process, kernel.now + timespec(process, request), remaining)


def clock_nanosleep(
    kernel: KernelState, process: Process, clock: int, flags: int, request: int, remaining: int
) -> int:
    """clock_nanosleep(2): sleep for a duration, or with TIMER_ABSTIME until a time of the clock, which can be one of
    CPU time.

    Errors: EFAULT, EINTR, EINVAL, EOPNOTSUPP (a clock that nobody can sleep by).
    """
    clock = sext(clock, 32)
    now = _clock(kernel, process, clock)
    if clock in _NO_SLEEP:
        raise error(errno.EOPNOTSUPP)
    wanted = timespec(process, request)
    if clock < 0 or clock == CLOCK_PROCESS_CPUTIME_ID:
        return _sleep_by(process, cpu_clock(kernel, process, clock), wanted, flags, remaining)
    if flags & TIMER_ABSTIME:
        return _sleep_until(kernel, process, kernel.now + wanted - now, 0)
    return _sleep_until(kernel, process, kernel.now + wanted, remaining)


def _sleep_by(process: Process, clock: CpuClock, wanted: int, flags: int, remaining: int) -> int:
    """Sleep by a clock of CPU time, which is not the thread's own. Raises OSError(EINVAL), WouldBlock."""
    from ..proc.cpu_clocks import CpuSleep

    if clock is process.cpu_clock:
        raise error(errno.EINVAL)
    call = process.call
    if call.sleep is None:
        call.deadline = wanted if flags & TIMER_ABSTIME else clock.spent() + wanted
        call.remaining_at = 0 if flags & TIMER_ABSTIME else remaining
        call.sleep = CpuSleep(clock, call.deadline)
    if clock.spent() < call.sleep.deadline:
        raise WouldBlock(call.sleep.queue)
    return 0


def times(kernel: KernelState, process: Process, va: int) -> int:
    """times(2): store CPU times of the process and its reaped children.

    Return the ticks since start.

    Errors: EFAULT.
    """
    tick = NS // CLOCK_TICKS
    if va:
        own, children = process.counters.instructions // tick, process.children_instructions // tick
        process.mm.write(va, struct.pack("<4q", own, 0, children, 0))
    return kernel.now // tick


def getrusage(kernel: KernelState, process: Process, who: int, va: int) -> int:
    """getrusage(2): store CPU time and page faults of the process, or CPU time of its children or of
    the thread.

    Errors: EFAULT, EINVAL.
    """
    who = sext(who, 32)
    if who not in (0, 1, -1):
        raise error(errno.EINVAL)
    spent = process.children_instructions if who == -1 else process.counters.instructions
    if who == 1:
        spent = process.hart.instret
    process.mm.write(va, rusage(spent, process))
    return 0


def _timer_clock(kernel: KernelState, process: Process, which: int) -> int:
    """The time in nanoseconds of a timer's clock. Raises OSError(EINVAL)."""
    if which == ITIMER_REAL:
        return kernel.now
    if which in (ITIMER_VIRTUAL, ITIMER_PROF):  # system calls take no time, so both clocks are the same
        return process.counters.instructions
    raise error(errno.EINVAL)


def _timer_value(process: Process, which: int, now: int) -> bytes:
    """struct itimerval. An armed timer never shows 0, even if it expires at once."""
    timer = process.timer(which)
    left = max(timer.expires_at - now, 1000) if timer.expires_at is not None else 0
    return struct.pack("<qqqq", *divmod(timer.every // 1000, 10**6), *divmod(left // 1000, 10**6))


def setitimer(kernel: KernelState, process: Process, which: int, new: int, old: int) -> int:
    """setitimer(2): arm or disarm ITIMER_REAL (SIGALRM), ITIMER_VIRTUAL (SIGVTALRM) or ITIMER_PROF
    (SIGPROF).

    A NULL `new` disarms the timer, as on Linux. System calls take no CPU time, so the last two use
    the same clock.

    Errors: EFAULT, EINVAL.
    """
    words = struct.unpack("<qqqq", process.mm.read(new, 32)) if new else (0, 0, 0, 0)
    every, first = (nanoseconds(words[at], words[at + 1] * 1000) for at in (0, 2))
    which = sext(which, 32)
    now = _timer_clock(kernel, process, which)
    before = _timer_value(process, which, now)
    timer = process.timer(which)
    timer.every = every if first or which != ITIMER_REAL else 0  # as on Linux
    timer.expires_at = now + first if first else None
    if which != ITIMER_REAL:
        process.note_cpu_timers()
    elif timer.expires_at is not None:
        kernel.scheduler.set_alarm(process.leader, timer.expires_at)
    if old:
        process.mm.write(old, before)
    return 0


def getitimer(kernel: KernelState, process: Process, which: int, va: int) -> int:
    """getitimer(2): store the time left of a timer and its interval.

    Errors: EFAULT, EINVAL.
    """
    which = sext(which, 32)
    now = _timer_clock(kernel, process, which)
    process.mm.write(va, _timer_value(process, which, now))
    return 0
