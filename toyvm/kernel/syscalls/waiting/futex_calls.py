"""futex(2) and the lists of robust futexes."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.proc.futexes import ANY_BIT
from toyvm.kernel.vfs.open_file import WouldBlock

from ..arguments import timespec

if TYPE_CHECKING:
    from collections.abc import Callable

    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP = 0, 1, 3, 4, 5
FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET = 9, 10
FUTEX_LOCK_PI, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2 = 6, 11, 13
FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME = 128, 256
_WITH_TIMEOUT = (FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2)
_ANY_CLOCK = (FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2)

_OPERATIONS: tuple[Callable[[int, int], int], ...] = (
    lambda old, argument: argument,
    lambda old, argument: old + argument,
    lambda old, argument: old | argument,
    lambda old, argument: old & ~argument,
    lambda old, argument: old ^ argument,
)
_COMPARISONS: tuple[Callable[[int, int], bool], ...] = (
    lambda old, argument: old == argument,
    lambda old, argument: old != argument,
    lambda old, argument: old < argument,
    lambda old, argument: old <= argument,
    lambda old, argument: old > argument,
    lambda old, argument: old >= argument,
)


def futex(
    kernel: KernelState,
    process: Process,
    va: int,
    operation: int,
    value: int,
    timeout: int,
    va2: int,
    value3: int,
) -> int:
    """futex(2): FUTEX_WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP, WAIT_BITSET and WAKE_BITSET, private and shared.

    The operations on futexes with priority inheritance fail as in a Linux without CONFIG_FUTEX_PI.

    Errors: EAGAIN (the word has another value), EFAULT, EINTR, EINVAL, ENOSYS (another operation),
    ETIMEDOUT.
    """
    command = operation & 0xFFFFFFFF & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)
    private, realtime = bool(operation & FUTEX_PRIVATE_FLAG), bool(operation & FUTEX_CLOCK_REALTIME)
    if process.call.futex is not None:
        return _resumed(kernel, process)
    wait = timespec(process, timeout) if timeout and command in _WITH_TIMEOUT else None
    if realtime and command not in _ANY_CLOCK:
        raise error(errno.ENOSYS)
    value &= 0xFFFFFFFF
    if command in (FUTEX_WAIT, FUTEX_WAIT_BITSET):
        if wait is not None and command == FUTEX_WAIT:
            wait += kernel.now
        elif wait is not None and realtime:
            wait -= kernel.epoch
        bitset = value3 & 0xFFFFFFFF if command == FUTEX_WAIT_BITSET else ANY_BIT
        return _wait(kernel, process, va, value, private=private, deadline=wait, bitset=bitset)
    if command in (FUTEX_WAKE, FUTEX_WAKE_BITSET):
        bitset = value3 & 0xFFFFFFFF if command == FUTEX_WAKE_BITSET else ANY_BIT
        if not bitset:
            raise error(errno.EINVAL)
        return kernel.futexes.wake(kernel.futexes.key(process, va, private=private), sext(value, 32), bitset)
    if command in (FUTEX_REQUEUE, FUTEX_CMP_REQUEUE):
        expected = value3 & 0xFFFFFFFF if command == FUTEX_CMP_REQUEUE else None
        return _requeue(
            kernel, process, va, va2, sext(value, 32), sext(timeout, 32), expected, private=private
        )
    if command == FUTEX_WAKE_OP:
        return _wake_op(
            kernel, process, va, va2, (sext(value, 32), sext(timeout, 32)), value3, private=private
        )
    raise error(errno.ENOSYS)


def _wait(
    kernel: KernelState,
    process: Process,
    va: int,
    value: int,
    *,
    private: bool,
    deadline: int | None,
    bitset: int,
) -> int:
    if not bitset:
        raise error(errno.EINVAL)
    key = kernel.futexes.key(process, va, private=private)
    if process.mm.read_int(va, 4) != value:
        raise error(errno.EAGAIN)
    process.call.deadline = deadline
    if deadline is not None and deadline <= kernel.now:
        raise error(errno.ETIMEDOUT)
    kernel.futexes.wait(process, key, bitset)
    raise WouldBlock(deadline=deadline)


def _resumed(kernel: KernelState, process: Process) -> int:
    """The thread runs again after it began to wait: woken, at its deadline, or continued after a stop."""
    call = process.call
    assert call.futex is not None
    if call.futex.woken:
        return 0
    if call.deadline is not None and kernel.now >= call.deadline:
        raise error(errno.ETIMEDOUT)
    raise WouldBlock(deadline=call.deadline)


def _requeue(
    kernel: KernelState,
    process: Process,
    va: int,
    va2: int,
    wake: int,
    move: int,
    expected: int | None,
    *,
    private: bool,
) -> int:
    if wake < 0 or move < 0:
        raise error(errno.EINVAL)
    key = kernel.futexes.key(process, va, private=private)
    to = kernel.futexes.key(process, va2, private=private)
    if expected is not None and process.mm.read_int(va, 4) != expected:
        raise error(errno.EAGAIN)
    return kernel.futexes.requeue(key, to, wake, move)


def _wake_op(
    kernel: KernelState,
    process: Process,
    va: int,
    va2: int,
    counts: tuple[int, int],
    encoded: int,
    *,
    private: bool,
) -> int:
    """Change the word at `va2`, wake at `va`, and wake at `va2` too if the old word compares as asked."""
    key = kernel.futexes.key(process, va, private=private)
    key2 = kernel.futexes.key(process, va2, private=private, write=True)
    operation, comparison = encoded >> 28 & 7, encoded >> 24 & 15
    argument, compared = sext(encoded >> 12 & 0xFFF, 12), sext(encoded & 0xFFF, 12)
    if encoded >> 31 & 1:
        argument = 1 << (argument & 31)
    if operation >= len(_OPERATIONS):
        raise error(errno.ENOSYS)
    old = sext(process.mm.read_int(va2, 4), 32)
    process.mm.write_int(va2, _OPERATIONS[operation](old, argument), 4)
    if comparison >= len(_COMPARISONS):
        raise error(errno.ENOSYS)
    woken = kernel.futexes.wake(key, counts[0])
    if _COMPARISONS[comparison](old, compared):
        woken += kernel.futexes.wake(key2, counts[1])
    return woken


def get_robust_list(kernel: KernelState, process: Process, pid: int, head: int, size: int) -> int:
    """get_robust_list(2): the list that the thread `pid` has set, 0 for the caller.

    Errors: EFAULT, ESRCH.
    """
    thread = kernel.threads.get(sext(pid, 32)) if sext(pid, 32) else process
    if thread is None:
        raise error(errno.ESRCH)
    process.mm.write(size, struct.pack("<Q", 24))
    process.mm.write(head, struct.pack("<Q", thread.robust_list))
    return 0
