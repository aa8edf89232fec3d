"""Scheduling: processors, policies and priorities.

The machine has one hart and one policy, round robin. The calls check their arguments as Linux does for a process without
privileges, and report back what a program has set.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import replace

from ..proc.process import Schedule

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE = 0, 1, 2, 3, 5, 6
SCHED_RESET_ON_FORK = 0x40000000
_POLICIES = (SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE)
_REAL_TIME = (SCHED_FIFO, SCHED_RR)
PRIO_PROCESS, PRIO_PGRP, PRIO_USER = 0, 1, 2
_SCHED_ATTR_MIN, _SCHED_ATTR = (
    48,
    56,
)  # the first size of struct sched_attr, and the one with utilisation clamps


def _thread(kernel: KernelState, process: Process, pid: int) -> Process:
    """The thread of a number, 0 for the caller. Raises OSError: EINVAL, ESRCH."""
    number = sext(pid, 32)
    if number < 0:
        raise error(errno.EINVAL)
    found = kernel.threads.get(number) if number else process
    if found is None:
        raise error(errno.ESRCH)
    return found


def _schedule(thread: Process) -> Schedule:
    return thread.schedule or Schedule()


def _set_policy(
    thread: Process, policy: int, priority: int, *, reset: bool = False, nice: int | None = None
) -> None:
    """Raises OSError: EINVAL, EPERM."""
    if policy not in _POLICIES:
        raise error(errno.EINVAL)
    if not 0 <= priority <= 99 or (policy in _REAL_TIME) != (priority != 0):
        raise error(errno.EINVAL)
    before = _schedule(thread)
    nice = before.nice if nice is None else nice
    lowered = policy in (SCHED_OTHER, SCHED_BATCH) and nice < before.nice
    woken = before.policy == SCHED_IDLE != policy
    if policy in _REAL_TIME or woken or lowered or (before.reset_on_fork and not reset):
        raise error(errno.EPERM)
    thread.schedule = replace(before, policy=policy, nice=nice, reset_on_fork=reset)


def sched_setscheduler(kernel: KernelState, process: Process, pid: int, policy: int, param: int) -> int:
    """sched_setscheduler(2): set a policy. SCHED_OTHER, SCHED_BATCH and SCHED_IDLE need no privilege.

    Errors: EFAULT, EINVAL, EPERM, ESRCH.
    """
    number = sext(policy, 32)
    if number < 0 or not param or sext(pid, 32) < 0:
        raise error(errno.EINVAL)
    (priority,) = struct.unpack("<i", process.mm.read(param, 4))
    thread = _thread(kernel, process, pid)
    reset = bool(number & SCHED_RESET_ON_FORK)
    if number & ~SCHED_RESET_ON_FORK == SCHED_DEADLINE:
        raise error(errno.EINVAL)  # only sched_setattr has its parameters
    _set_policy(thread, number & ~SCHED_RESET_ON_FORK, priority, reset=reset)
    return 0


def sched_getscheduler(kernel: KernelState, process: Process, pid: int) -> int:
    """sched_getscheduler(2): the policy of a thread.

    Errors: EINVAL, ESRCH.
    """
    found = _schedule(_thread(kernel, process, pid))
    return found.policy | (SCHED_RESET_ON_FORK if found.reset_on_fork else 0)


def sched_setparam(kernel: KernelState, process: Process, pid: int, param: int) -> int:
    """sched_setparam(2): set the priority for the policy in use, which can only be 0.

    Errors: EFAULT, EINVAL, ESRCH.
    """
    if not param or sext(pid, 32) < 0:
        raise error(errno.EINVAL)
    (priority,) = struct.unpack("<i", process.mm.read(param, 4))
    _thread(kernel, process, pid)
    if priority:
        raise error(errno.EINVAL)
    return 0


def sched_getparam(kernel: KernelState, process: Process, pid: int, param: int) -> int:
    """sched_getparam(2): the priority of a thread, 0.

    Errors: EFAULT, EINVAL, ESRCH.
    """
    if not param:
        raise error(errno.EINVAL)
    _thread(kernel, process, pid)
    process.mm.write_int(param, 0, 4)
    return 0


def sched_get_priority_max(kernel: KernelState, process: Process, policy: int) -> int:
    """sched_get_priority_max(2): 99 for the real-time policies, 0 for others.

    Errors: EINVAL.
    """
    if policy not in _POLICIES:
        raise error(errno.EINVAL)
    return 99 if policy in _REAL_TIME else 0


def sched_get_priority_min(kernel: KernelState, process: Process, policy: int) -> int:
    """sched_get_priority_min(2): 1 for the real-time policies, 0 for others.

    Errors: EINVAL.
    """
    if policy not in _POLICIES:
        raise error(errno.EINVAL)
    return 1 if policy in _REAL_TIME else 0


def sched_rr_get_interval(kernel: KernelState, process: Process, pid: int, va: int) -> int:
    """sched_rr_get_interval(2): the quantum, one nanosecond for each instruction.

    Errors: EFAULT, EINVAL, ESRCH.
    """
    _thread(kernel, process, pid)
    process.mm.write(va, struct.pack("<qq", *divmod(kernel.limits.quantum, 10**9)))
    return 0


def sched_setattr(kernel: KernelState, process: Process, pid: int, va: int, flags: int) -> int:
    """sched_setattr(2): set policy and nice value from a struct sched_attr.

    Errors: E2BIG, EFAULT, EINVAL, EPERM, ESRCH.
    """
    if not va or sext(pid, 32) < 0 or flags & 0xFFFFFFFF:
        raise error(errno.EINVAL)
    size = process.mm.read_int(va, 4) or _SCHED_ATTR_MIN
    if not _SCHED_ATTR_MIN <= size <= 4096:
        process.mm.write_int(va, _SCHED_ATTR, 4)
        raise error(errno.E2BIG)
    data = process.mm.read(va, size)
    if any(data[_SCHED_ATTR:]):
        process.mm.write_int(va, _SCHED_ATTR, 4)
        raise error(errno.E2BIG)
    _, policy, wanted, nice, priority = struct.unpack_from("<IIQiI", data)
    if policy >> 31:
        raise error(errno.EINVAL)
    thread = _thread(kernel, process, pid)
    if wanted & ~1 or policy == SCHED_DEADLINE:
        raise error(errno.EINVAL if wanted & ~1 else errno.EPERM)
    nice = max(-20, min(19, nice))
    fair = policy in (SCHED_OTHER, SCHED_BATCH)
    _set_policy(thread, policy, priority, reset=bool(wanted & 1), nice=nice if fair else None)
    return 0


def sched_getattr(kernel: KernelState, process: Process, pid: int, va: int, size: int, flags: int) -> int:
    """sched_getattr(2): policy and nice value as a struct sched_attr.

    Errors: EFAULT, EINVAL, ESRCH.
    """
    size &= 0xFFFFFFFF
    if not va or not _SCHED_ATTR_MIN <= size <= 4096 or flags & 0xFFFFFFFF:
        raise error(errno.EINVAL)
    found = _schedule(_thread(kernel, process, pid))
    size = min(size, _SCHED_ATTR)
    data = struct.pack("<IIQiI3Q2I", size, found.policy, found.reset_on_fork, found.nice, 0, 0, 0, 0, 0, 1024)
    process.mm.write(va, data[:size])
    return 0


def sched_setaffinity(kernel: KernelState, process: Process, pid: int, size: int, va: int) -> int:
    """sched_setaffinity(2): choose the processors of a thread among those that the machine is said to have.

    Errors: EFAULT, EINVAL, ESRCH.
    """
    mask = int.from_bytes(process.mm.read(va, min(size & 0xFFFFFFFF, 8)), "little")
    number = sext(pid, 32)
    thread = kernel.threads.get(number) if number else process
    if thread is None:
        raise error(errno.ESRCH)
    mask &= (1 << kernel.limits.cpus) - 1
    if not mask:
        raise error(errno.EINVAL)
    thread.schedule = replace(_schedule(thread), processors=mask)
    return 0


def sched_getaffinity(kernel: KernelState, process: Process, pid: int, size: int, va: int) -> int:
    """sched_getaffinity(2): the processors of a thread, as a mask; its length.

    Errors: EFAULT, EINVAL, ESRCH.
    """
    if size < 8 or size & 7:
        raise error(errno.EINVAL)
    number = sext(pid, 32)
    thread = kernel.threads.get(number) if number else process
    if thread is None:
        raise error(errno.ESRCH)
    process.mm.write_int(va, _processors(kernel, thread))
    return 8


def _processors(kernel: KernelState, thread: Process) -> int:
    return _schedule(thread).processors & (1 << kernel.limits.cpus) - 1


def getcpu(kernel: KernelState, process: Process, cpu: int, node: int, unused: int) -> int:
    """getcpu(2): the first processor that the thread may use, and node 0.

    Errors: EFAULT.
    """
    mask = _processors(kernel, process)
    if cpu:
        process.mm.write_int(cpu, (mask & -mask).bit_length() - 1, 4)
    if node:
        process.mm.write_int(node, 0, 4)
    return 0


def sched_yield(kernel: KernelState, process: Process) -> int:
    """sched_yield(2): give up the rest of the time slice. It cannot fail."""
    kernel.yield_now()
    return 0


def _named(kernel: KernelState, process: Process, which: int, who: int) -> Iterable[Process]:
    number = sext(who, 32)
    if which == PRIO_PROCESS:
        found = kernel.threads.get(number) if number else process
        return [found] if found is not None else []
    if which == PRIO_PGRP:
        group = number or process.pgid
        return [thread for thread in kernel.threads.values() if thread.pgid == group]
    if which == PRIO_USER:
        return kernel.threads.values() if number in (0, kernel.UID) else []
    raise error(errno.EINVAL)


def setpriority(kernel: KernelState, process: Process, which: int, who: int, nice: int) -> int:
    """setpriority(2): raise the nice value of a thread, a process group or all threads.

    Errors: EACCES (a lower nice value), EINVAL, ESRCH.
    """
    threads = _named(kernel, process, sext(which, 32), who)
    value = max(-20, min(19, sext(nice, 32)))
    if not threads:
        raise error(errno.ESRCH)
    refused = False
    for thread in threads:
        if value < _schedule(thread).nice:
            refused = True
        else:
            thread.schedule = replace(_schedule(thread), nice=value)
    if refused:
        raise error(errno.EACCES)
    return 0


def getpriority(kernel: KernelState, process: Process, which: int, who: int) -> int:
    """getpriority(2): 20 less the lowest nice value of a thread, a process group or all threads.

    Errors: EINVAL, ESRCH.
    """
    threads = _named(kernel, process, sext(which, 32), who)
    values = [_schedule(thread).nice for thread in threads]
    if not values:
        raise error(errno.ESRCH)
    return 20 - min(values)
