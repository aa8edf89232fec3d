"""Readers of system call arguments, from registers and from the memory that they point to."""

from __future__ import annotations

import errno
import os
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..vfs.open_file import O_NONBLOCK, O_PATH, WouldBlock
from ..vfs.path_walk import PATH_MAX

if TYPE_CHECKING:
    from ..proc.cpu_clocks import CpuClock
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process
    from ..vfs.open_file import OpenFile

IOV_MAX = 1024
MAX_RW_COUNT = 0x7FFFF000  # Linux truncates longer transfers
KTIME_MAX = (1 << 63) - 1  # nanoseconds; longer waits are clamped to it (ktime_set)
CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID = 2, 3
_CPUCLOCK_KIND, _CPUCLOCK_OF_THREAD = 3, 4


def open_file(process: Process, fd: int) -> OpenFile:
    """The open file of an argument register, unless O_PATH opened it. Raises OSError(EBADF)."""
    file = process.fds.get(sext(fd, 32))
    if file.flags & O_PATH:
        raise error(errno.EBADF)
    return file


def or_again(
    process: Process, file: OpenFile, wait: WouldBlock, *, writing: bool = False
) -> OSError | WouldBlock:
    """What to raise where `file` would block: EAGAIN with O_NONBLOCK or when its timeout is over, else a wait."""
    if file.flags & O_NONBLOCK:
        return error(errno.EAGAIN)
    timeout = file.timeouts[writing]
    if timeout is None:
        return wait
    now, call = process.mm.system.now(), process.call
    if call.deadline is None:
        call.deadline = now + timeout
    return error(errno.EAGAIN) if call.deadline <= now else WouldBlock(*wait.queues, deadline=call.deadline)


def vectors(process: Process, va: int, count: int) -> list[tuple[int, int]]:
    """An array of `count` struct iovec: (address, length). As on Linux, what exceeds MAX_RW_COUNT bytes in all is cut off.

    Raises Fault, OSError(EINVAL).
    """
    number = sext(count, 32)
    if not 0 <= number <= IOV_MAX:
        raise error(errno.EINVAL)
    pairs = list(struct.iter_unpack("<QQ", process.mm.read(va, 16 * number)))
    if any(length >> 63 for _, length in pairs):
        raise error(errno.EINVAL)
    left, cut = MAX_RW_COUNT, []
    for base, length in pairs:
        cut.append((base, min(length, left)))
        left -= cut[-1][1]
    return cut


def gather(process: Process, buffers: list[tuple[int, int]], skip: int, most: int) -> bytes:
    """Up to `most` bytes of the buffers, from byte `skip` on. Raises Fault."""
    out = bytearray()
    for base, length in buffers:
        if skip >= length:
            skip -= length
            continue
        size = min(length - skip, most - len(out))
        out += process.mm.read(base + skip, size)
        skip = 0
        if len(out) == most:
            break
    return bytes(out)


def read_path(process: Process, va: int) -> str:
    """A path argument. Raises Fault, OSError(ENAMETOOLONG)."""
    return os.fsdecode(process.mm.read_cstring(va, PATH_MAX))


def nanoseconds(seconds: int, nanos: int) -> int:
    """A duration in nanoseconds.

    Raises OSError(EINVAL) if it is negative or `nanos` is 1 s or more.
    """
    if seconds < 0 or not 0 <= nanos < 10**9:
        raise error(errno.EINVAL)
    return min(seconds * 10**9 + nanos, KTIME_MAX)


def timespec(process: Process, va: int) -> int:
    """A struct timespec in nanoseconds. Raises Fault, OSError(EINVAL)."""
    return nanoseconds(*struct.unpack("<qq", process.mm.read(va, 16)))


def cpu_clock(kernel: KernelState, process: Process, clock: int) -> CpuClock:
    """The clock of CPU time that `clock` names (clock_getcpuclockid(3)).

    Raises OSError(EINVAL), also for a thread of another process.
    """
    if clock == CLOCK_PROCESS_CPUTIME_ID:
        return process.clock_of_process()
    if clock == CLOCK_THREAD_CPUTIME_ID:
        return process.clock_of_thread()
    if clock >= 0 or clock & _CPUCLOCK_KIND == _CPUCLOCK_KIND:
        raise error(errno.EINVAL)
    number = ~(clock >> 3)
    target = kernel.threads.get(number) if number else process
    if target is None:
        raise error(errno.EINVAL)
    if clock & _CPUCLOCK_OF_THREAD:
        if target.thread_group is not process.thread_group:
            raise error(errno.EINVAL)
        return target.clock_of_thread()
    if target.tid != target.pid and target is not process:
        raise error(errno.EINVAL)
    return target.clock_of_process()
