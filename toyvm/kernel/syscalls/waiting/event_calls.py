"""Descriptors for events: eventfd, timerfd."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.vfs.events.eventfd import EFD_SEMAPHORE, EventFile
from toyvm.kernel.vfs.events.timerfd import TimerFile
from toyvm.kernel.vfs.open_file import O_CLOEXEC, O_NONBLOCK

from ..arguments import nanoseconds, open_file

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

NS = 10**9
TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET = 1, 2
_REAL_CLOCKS, _CLOCKS = (0, 8), (0, 1, 7, 8, 9)


def eventfd2(kernel: KernelState, process: Process, count: int, flags: int) -> int:
    """eventfd2(2): a counter to read, write and wait for; its descriptor. Flags: EFD_SEMAPHORE, EFD_CLOEXEC,
    EFD_NONBLOCK.

    Errors: EINVAL, EMFILE.
    """
    flags &= 0xFFFFFFFF
    if flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK):
        raise error(errno.EINVAL)
    file = EventFile(count & 0xFFFFFFFF, flags & O_NONBLOCK, semaphore=bool(flags & EFD_SEMAPHORE))
    return process.fds.install(file, cloexec=bool(flags & O_CLOEXEC))


def timerfd_create(kernel: KernelState, process: Process, clock: int, flags: int) -> int:
    """timerfd_create(2): a timer of CLOCK_REALTIME, CLOCK_MONOTONIC or CLOCK_BOOTTIME; its descriptor. Flags:
    TFD_CLOEXEC, TFD_NONBLOCK.

    Errors: EINVAL, EMFILE, EPERM (a clock that wakes a machine from suspension).
    """
    flags &= 0xFFFFFFFF
    clock = sext(clock, 32)
    if flags & ~(O_CLOEXEC | O_NONBLOCK) or clock not in _CLOCKS:
        raise error(errno.EINVAL)
    if clock in (8, 9):
        raise error(errno.EPERM)
    scheduler = kernel.scheduler
    ahead = kernel.epoch if clock in _REAL_CLOCKS else 0
    file = TimerFile(lambda: scheduler.now, scheduler.set_alarm, flags & O_NONBLOCK, ahead)
    return process.fds.install(file, cloexec=bool(flags & O_CLOEXEC))


def _timer(process: Process, fd: int) -> TimerFile:
    file = open_file(process, fd)
    if not isinstance(file, TimerFile):
        raise error(errno.EINVAL)
    return file


def itimerspec(process: Process, va: int) -> tuple[int, int]:
    """struct itimerspec: (the first expiry, the interval) in nanoseconds. Raises Fault, OSError(EINVAL)."""
    words = struct.unpack("<qqqq", process.mm.read(va, 32))
    every, first = nanoseconds(*words[:2]), nanoseconds(*words[2:])
    return first, every


def pack_itimerspec(left: int, every: int) -> bytes:
    """The other way round."""
    return struct.pack("<qqqq", *divmod(every, NS), *divmod(left, NS))


def timerfd_settime(kernel: KernelState, process: Process, fd: int, flags: int, new: int, old: int) -> int:
    """timerfd_settime(2): arm or disarm a timer; its time left and interval so far go to `old`. Flags:
    TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET (the clock is never set).

    Errors: EBADF, EFAULT, EINVAL.
    """
    first, every = itimerspec(process, new)
    if flags & 0xFFFFFFFF & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET):
        raise error(errno.EINVAL)
    timer = _timer(process, fd)
    before = pack_itimerspec(*timer.setting())
    start = -timer.clock_ahead if flags & TFD_TIMER_ABSTIME else kernel.now
    timer.set(start + first if first else None, every)
    if old:
        process.mm.write(old, before)
    return 0


def timerfd_gettime(kernel: KernelState, process: Process, fd: int, va: int) -> int:
    """timerfd_gettime(2): the time left of a timer, and its interval.

    Errors: EBADF, EFAULT, EINVAL.
    """
    process.mm.write(va, pack_itimerspec(*_timer(process, fd).setting()))
    return 0
