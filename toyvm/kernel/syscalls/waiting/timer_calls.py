"""The timers of timer_create(2)."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.proc.lifecycle import send
from toyvm.kernel.proc.posix_timers import MOST_TIMERS, PosixTimer
from toyvm.kernel.proc.signals import MAX_SIGNAL, SI_TIMER, SigInfo, Signal

from ..arguments import cpu_clock
from .event_calls import TFD_TIMER_ABSTIME, itimerspec, pack_itimerspec

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 0, 1, 2, 4
_REAL, _OF_TIME, _ALARMS = (0, 11), (0, 1, 7, 11), (8, 9)
_OF_CPU_TIME = (2, 3)
_WITHOUT_TIMERS = (4, 5, 6)  # raw and coarse ones


def timer_create(kernel: KernelState, process: Process, clock: int, event: int, va: int) -> int:
    """timer_create(2): a timer that sends a signal to the process or to one of its threads; its number goes to
    `va`.

    Errors: EAGAIN, EFAULT, EINVAL, EOPNOTSUPP, EPERM (a clock that wakes a machine from suspension).
    """
    clock = sext(clock, 32)
    if clock in _WITHOUT_TIMERS:
        raise error(errno.EOPNOTSUPP)
    cpu = cpu_clock(kernel, process, clock) if clock < 0 or clock in _OF_CPU_TIME else None
    if cpu is None and clock not in _OF_TIME and clock not in _ALARMS:
        raise error(errno.EINVAL)
    timers = process.thread_group.posix_timers
    number = process.thread_group.next_timer
    value, signal, notify, tid = number, int(Signal.SIGALRM), SIGEV_SIGNAL, 0
    if event:
        value, signal, notify, tid = struct.unpack("<Qiii", process.mm.read(event, 20))
    target, to_thread = process.leader, False
    if notify & SIGEV_THREAD_ID:
        found = kernel.threads.get(tid)
        if found is None or found.thread_group is not process.thread_group or notify & ~SIGEV_THREAD_ID:
            raise error(errno.EINVAL)
        target, to_thread = found, True
    elif notify not in (SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD):
        raise error(errno.EINVAL)
    if notify != SIGEV_NONE and not 0 < signal <= MAX_SIGNAL:
        raise error(errno.EINVAL)
    if clock in _ALARMS:
        raise error(errno.EPERM)
    if len(timers) >= MOST_TIMERS:
        raise error(errno.EAGAIN)

    def fire(timer: PosixTimer) -> bool:
        info = SigInfo(signal, SI_TIMER, source=timer)
        try:
            send(kernel, target, info, to_thread=to_thread)
        except OSError:  # too many signals are pending
            return False
        state = target.signals
        queue = (state.pending if to_thread else state.shared).get(signal, ())
        return any(pending is info for pending in queue)

    scheduler = kernel.scheduler
    timer = PosixTimer(
        number,
        cpu.spent if cpu is not None else lambda: scheduler.now,
        cpu.set_alarm if cpu is not None else scheduler.set_alarm,
        (lambda: kernel.epoch) if clock in _REAL else (lambda: 0),
        None if notify == SIGEV_NONE else fire,
    )
    timer.value = value
    process.mm.write_int(va, number, 4)
    timers[number] = timer
    process.thread_group.next_timer += 1
    return 0


def _find(process: Process, number: int) -> PosixTimer:
    timer = process.thread_group.posix_timers.get(sext(number, 32))
    if not isinstance(timer, PosixTimer):
        raise error(errno.EINVAL)
    return timer


def timer_settime(kernel: KernelState, process: Process, number: int, flags: int, new: int, old: int) -> int:
    """timer_settime(2): arm or disarm a timer; its time left and interval so far go to `old`. Flag:
    TIMER_ABSTIME.

    Errors: EFAULT, EINVAL.
    """
    if not new:
        raise error(errno.EINVAL)
    first, every = itimerspec(process, new)
    timer = _find(process, number)
    before = pack_itimerspec(*timer.setting())
    start = -timer.clock_ahead() if flags & TFD_TIMER_ABSTIME else timer.now()
    timer.set(start + first if first else None, every)
    if old:
        process.mm.write(old, before)
    return 0


def timer_gettime(kernel: KernelState, process: Process, number: int, va: int) -> int:
    """timer_gettime(2): the time left of a timer, and its interval.

    Errors: EFAULT, EINVAL.
    """
    process.mm.write(va, pack_itimerspec(*_find(process, number).setting()))
    return 0


def timer_getoverrun(kernel: KernelState, process: Process, number: int) -> int:
    """timer_getoverrun(2): the expiries that the last delivered signal stands for, besides its own.

    Errors: EINVAL.
    """
    return _find(process, number).overrun


def timer_delete(kernel: KernelState, process: Process, number: int) -> int:
    """timer_delete(2): remove a timer.

    Errors: EINVAL.
    """
    timer = _find(process, number)
    timer.delete()
    del process.thread_group.posix_timers[timer.number]
    return 0
