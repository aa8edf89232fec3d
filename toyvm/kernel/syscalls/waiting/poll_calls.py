"""Waiting for files: poll, select, epoll."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.proc.signals import UNBLOCKABLE
from toyvm.kernel.vfs.events.epoll import Epoll
from toyvm.kernel.vfs.open_file import (
    O_CLOEXEC,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLNVAL,
    POLLOUT,
    POLLPRI,
    OpenFile,
    WaitQueue,
    WouldBlock,
)

from ..arguments import open_file, timespec

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD = 1, 2, 3
_SIGSET_SIZE = 8
_RDNORM, _RDBAND, _WRNORM, _WRBAND = 0x40, 0x80, 0x100, 0x200
# What select(2) calls readable, writable and exceptional (fs/select.c)
_SELECT = (
    POLLIN | _RDNORM | _RDBAND | POLLHUP | POLLERR,
    POLLOUT | _WRNORM | _WRBAND | POLLERR,
    POLLPRI,
)
_EVENT = struct.Struct("<II8s")  # struct epoll_event: events, padding, data


def _with_mask(process: Process, mask: int, size: int, wait: Callable[[], int]) -> int:
    """Call `wait` with the signal mask at `mask` (0: as it is), which a handler or the end of the call undoes."""
    state = process.signals
    if mask and not process.in_call:
        if size != _SIGSET_SIZE:
            raise error(errno.EINVAL)
        wanted = process.mm.read_int(mask) & ~UNBLOCKABLE
        state.restore_mask, state.mask = state.mask, wanted
    interrupted = False
    try:
        return wait()
    except WouldBlock:
        interrupted = True
        raise
    except OSError as failure:
        interrupted = failure.errno == errno.EINTR
        raise
    finally:
        if not interrupted and state.restore_mask is not None:
            state.mask, state.restore_mask = state.restore_mask, None


def _wait_for(kernel: KernelState, process: Process, queues: list[WaitQueue]) -> None:
    """Nothing is ready: sleep until something may be. Returns when the deadline has passed.

    Raises WouldBlock, OSError(EINTR).
    """
    deadline = process.call.deadline
    if deadline is None or deadline > kernel.now:
        raise WouldBlock(*queues, deadline=deadline)
    if process.signals.next() is not None:
        raise error(errno.EINTR)


def _set_deadline(kernel: KernelState, process: Process, timeout: int, *, report: bool = False) -> None:
    """Take the struct timespec at `timeout`, 0 for none; with `report` the time left is written back there."""
    call = process.call
    if timeout and call.deadline is None:
        call.deadline = kernel.now + timespec(process, timeout)
        call.remaining_at = timeout if report else 0


def _write_time_left(kernel: KernelState, process: Process) -> None:
    call = process.call
    if call.remaining_at and call.deadline is not None:
        left = max(0, call.deadline - kernel.now)
        try:
            process.mm.write(call.remaining_at, struct.pack("<qq", *divmod(left, 10**9)))
        except OSError:
            call.remaining_at = 0  # Linux passes over a timeout that cannot be written


def ppoll(
    kernel: KernelState, process: Process, fds: int, count: int, timeout: int, mask: int, size: int
) -> int:
    """ppoll(2): wait until one of `count` struct pollfd at `fds` is ready or `timeout` is over; how many are
    ready. The time left is written to `timeout`; `mask` is the signal mask meanwhile.

    Errors: EFAULT, EINTR, EINVAL.
    """
    _set_deadline(kernel, process, timeout, report=True)

    def wait() -> int:
        if count > process.fds.limit:
            raise error(errno.EINVAL)
        entries = list(struct.iter_unpack("<iHH", process.mm.read(fds, 8 * count)))
        ready, result = 0, bytearray()
        queues: list[WaitQueue] = []
        for fd, events, _ in entries:
            found = 0
            if fd >= 0:
                try:
                    file = process.fds.get(fd)
                except OSError:
                    found = POLLNVAL
                else:
                    found = file.poll_state() & (events | POLLERR | POLLHUP)
                    queue = file.poll_queue()
                    queues += [queue] if queue is not None else []
            ready += bool(found)
            result += struct.pack("<iHH", fd, events, found)
        if not ready:
            _wait_for(kernel, process, queues)
        process.mm.write(fds, bytes(result))
        return ready

    result = _with_mask(process, mask, size, wait)
    _write_time_left(kernel, process)
    return result


def pselect6(
    kernel: KernelState, process: Process, count: int, readable: int, writable: int, exceptional: int,
    timeout: int, mask: int,
) -> int:  # fmt: skip
    """select(2), pselect6(2): wait until one of the descriptors below `count` in three sets is ready or `timeout`
    is over; how many bits stay set. `mask` points at the address and the size of a signal mask.

    Errors: EBADF, EFAULT, EINTR, EINVAL.
    """
    _set_deadline(kernel, process, timeout, report=True)
    mask_at, size = struct.unpack("<QQ", process.mm.read(mask, 16)) if mask else (0, 0)

    def wait() -> int:
        number = sext(count, 32)
        if number < 0:
            raise error(errno.EINVAL)
        number = min(
            number, max(64, 1 << max([*process.fds, 0]).bit_length())
        )  # Linux's table of descriptors
        words = -(-number // 64) * 8
        places = (readable, writable, exceptional)
        sets = [int.from_bytes(process.mm.read(va, words), "little") if va else 0 for va in places]
        results, total = [0, 0, 0], 0
        queues: list[WaitQueue] = []
        asked = (sets[0] | sets[1] | sets[2]) & (1 << number) - 1
        while asked:
            bit = asked & -asked
            asked ^= bit
            file = process.fds.get(bit.bit_length() - 1)
            state = file.poll_state()
            queue = file.poll_queue()
            queues += [queue] if queue is not None else []
            for which, events in enumerate(_SELECT):
                if sets[which] & bit and state & events:
                    results[which] |= bit
                    total += 1
        if not total:
            _wait_for(kernel, process, queues)
        for va, found in zip(places, results, strict=True):
            if va:
                process.mm.write(va, found.to_bytes(words, "little"))
        return total

    result = _with_mask(process, mask_at, size, wait)
    _write_time_left(kernel, process)
    return result


def epoll_create1(kernel: KernelState, process: Process, flags: int) -> int:
    """epoll_create1(2): a new epoll instance; its descriptor. Flag: EPOLL_CLOEXEC.

    Errors: EINVAL, EMFILE.
    """
    if flags & 0xFFFFFFFF & ~O_CLOEXEC:
        raise error(errno.EINVAL)
    return process.fds.install(Epoll(), cloexec=bool(flags & O_CLOEXEC))


def epoll_ctl(kernel: KernelState, process: Process, epfd: int, op: int, fd: int, event: int) -> int:
    """epoll_ctl(2): add a file to an epoll instance, change what is wanted of it, or remove it.

    Errors: EBADF, EEXIST, EFAULT, EINVAL, ELOOP, ENOENT, ENOSPC, EPERM (a file that is always ready).
    """
    op = sext(op, 32)
    events, data = 0, b""
    if op != EPOLL_CTL_DEL:
        events, _, data = _EVENT.unpack(process.mm.read(event, _EVENT.size))
    epoll: OpenFile = open_file(process, epfd)
    file = open_file(process, fd)
    if not file.pollable:
        raise error(errno.EPERM)
    if file is epoll or not isinstance(epoll, Epoll):
        raise error(errno.EINVAL)
    number = sext(fd, 32)
    if op == EPOLL_CTL_ADD:
        epoll.add(number, file, events, data)
    elif op == EPOLL_CTL_MOD:
        epoll.modify(number, file, events, data)
    elif op == EPOLL_CTL_DEL:
        epoll.remove(number, file)
    else:
        raise error(errno.EINVAL)
    return 0


def _epoll_wait(kernel: KernelState, process: Process, epfd: int, va: int, most: int, timeout: int) -> int:
    most = sext(most, 32)
    if not 0 < most <= 0x7FFFFFFF // _EVENT.size:
        raise error(errno.EINVAL)
    if va + most * _EVENT.size > 1 << 38:
        raise error(errno.EFAULT)
    epoll = open_file(process, epfd)
    if not isinstance(epoll, Epoll):
        raise error(errno.EINVAL)
    ready = epoll.collect(most)
    if not ready and timeout:
        _wait_for(kernel, process, [epoll.changed])
    process.mm.write(va, b"".join(_EVENT.pack(bits, 0, data) for bits, data in ready))
    return len(ready)


def epoll_pwait(
    kernel: KernelState, process: Process, epfd: int, events: int, most: int, timeout: int, mask: int, size: int
) -> int:  # fmt: skip
    """epoll_wait(2), epoll_pwait(2): wait until files of an epoll instance are ready, or for `timeout`
    milliseconds (-1: for ever); how many struct epoll_event were written to `events`.

    Errors: EBADF, EFAULT, EINTR, EINVAL.
    """
    call = process.call
    milliseconds = sext(timeout, 32)
    if milliseconds >= 0 and call.deadline is None:
        call.deadline = kernel.now + milliseconds * 10**6
    return _with_mask(
        process, mask, size, lambda: _epoll_wait(kernel, process, epfd, events, most, milliseconds)
    )


def epoll_pwait2(
    kernel: KernelState, process: Process, epfd: int, events: int, most: int, timeout: int, mask: int, size: int
) -> int:  # fmt: skip
    """epoll_pwait2(2): epoll_pwait(2) with a struct timespec at `timeout`, or NULL.

    Errors: EBADF, EFAULT, EINTR, EINVAL.
    """
    _set_deadline(kernel, process, timeout)
    return _with_mask(process, mask, size, lambda: _epoll_wait(kernel, process, epfd, events, most, 1))
