"""Other calls: uname, sysinfo, resource limits, random bytes, scheduling, futex."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..limits import RLIM_INFINITY, RLIMIT_COUNT
from ..proc.process import Process
from ..vfs.open_file import WouldBlock
from .arguments import timespec

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState

_UTS = ("Linux", "toyvm", "6.1.0", "#1 SMP toyvm", "riscv64", "(none)")
FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET = 0, 1, 9, 10
_FUTEX_FLAGS = 128 | 256


def uname(kernel: KernelState, process: Process, va: int) -> int:
    """uname(2): store struct utsname of a Linux 6.1 on riscv64.

    Errors: EFAULT.
    """
    process.mm.write(va, b"".join(text.encode().ljust(65, b"\0") for text in _UTS))
    return 0


def sysinfo(kernel: KernelState, process: Process, va: int) -> int:
    """sysinfo(2): store uptime, memory, swap area and number of processes.

    Errors: EFAULT.
    """
    frames, swap = kernel.frames, kernel.system.swap
    words = [kernel.now // 10**9, 0, 0, 0, kernel.memory.size, frames.free << 12, 0, 0, 0, 0]
    if swap is not None:
        words[8:] = [swap.slots << 12, swap.free << 12]
    body = struct.pack("<10QHHxxxxQQI", *words, min(len(kernel.processes), 0xFFFF), 0, 0, 0, 1)
    process.mm.write(va, body.ljust(112, b"\0"))
    return 0


def _resource(resource: int) -> int:
    if resource >= RLIMIT_COUNT:
        raise error(errno.EINVAL)
    return resource


def _set_limit(process: Process, resource: int, va: int) -> None:
    soft, hard = struct.unpack("<QQ", process.mm.read(va, 16))
    if soft > hard:
        raise error(errno.EINVAL)
    process.rlimits.set(resource, soft)
    process.fds.limit = min(process.rlimits.open_files, process.fds.hard_limit)


def swapon(kernel: KernelState, process: Process, path: int, flags: int) -> int:
    """swapon(2): refused: the swap area belongs to the machine, and no process has CAP_SYS_ADMIN.

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def swapoff(kernel: KernelState, process: Process, path: int) -> int:
    """swapoff(2): refused, as swapon(2).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def getrlimit(kernel: KernelState, process: Process, resource: int, va: int) -> int:
    """getrlimit(2): get the soft limit of a resource. The hard limit is infinite.

    Errors: EFAULT, EINVAL.
    """
    process.mm.write(va, struct.pack("<QQ", process.rlimits.get(_resource(resource)), RLIM_INFINITY))
    return 0


def setrlimit(kernel: KernelState, process: Process, resource: int, va: int) -> int:
    """setrlimit(2): set the soft limit of a resource.

    Errors: EFAULT, EINVAL.
    """
    _set_limit(process, _resource(resource), va)
    return 0


def prlimit64(kernel: KernelState, process: Process, pid: int, resource: int, new: int, old: int) -> int:
    """prlimit(2): get and set a soft limit of the calling process.

    Errors: EFAULT, EINVAL, EPERM (another process), ESRCH.
    """
    if sext(pid, 32) not in (0, process.pid):
        raise error(errno.ESRCH if sext(pid, 32) not in kernel.processes else errno.EPERM)
    before = struct.pack("<QQ", process.rlimits.get(_resource(resource)), RLIM_INFINITY)
    if new:
        _set_limit(process, resource, new)
    if old:
        process.mm.write(old, before)
    return 0


def getrandom(kernel: KernelState, process: Process, va: int, count: int, flags: int) -> int:
    """getrandom(2): store bytes of the run's seeded generator, at most 1 MiB.

    Every run gets the same.

    Errors: EFAULT, EINVAL.
    """
    if flags & ~7:
        raise error(errno.EINVAL)
    count = min(count, 1 << 20)
    process.mm.write(va, kernel.random_bytes(count))
    return count


def sched_yield(kernel: KernelState, process: Process) -> int:
    """sched_yield(2): give up the rest of the time slice. It cannot fail."""
    kernel.yield_now()
    return 0


def sched_getaffinity(kernel: KernelState, process: Process, pid: int, size: int, va: int) -> int:
    """sched_getaffinity(2): store the mask of the one processor.

    Errors: EFAULT, EINVAL.
    """
    if size < 8 or size & 7:
        raise error(errno.EINVAL)
    process.mm.write_int(va, 1)
    return 8


def getcpu(kernel: KernelState, process: Process, cpu: int, node: int, unused: int) -> int:
    """getcpu(2): store processor 0 and node 0.

    Errors: EFAULT.
    """
    for va in (cpu, node):
        if va:
            process.mm.write_int(va, 0, 4)
    return 0


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
    """futex(2): FUTEX_WAIT, FUTEX_WAKE and their BITSET forms, between processes that share the
    frame.

    Errors: EAGAIN (the word has another value), EFAULT, EINTR, EINVAL, ENOSYS (another operation),
    ETIMEDOUT.
    """
    from toyvm.machine.mmu import Access

    if va & 3:
        raise error(errno.EINVAL)
    command = operation & ~_FUTEX_FLAGS
    pa = process.mm.translate(va, Access.READ)
    if command in (FUTEX_WAKE, FUTEX_WAKE_BITSET):
        return _futex_wake(kernel, pa, sext(value, 32))
    if command not in (FUTEX_WAIT, FUTEX_WAIT_BITSET):
        raise error(errno.ENOSYS)
    call = process.call
    if call.futex_woken:
        return 0
    if call.deadline is not None and kernel.now >= call.deadline:
        raise error(errno.ETIMEDOUT)
    if kernel.memory.u32[pa >> 2] != value & 0xFFFFFFFF:
        raise error(errno.EAGAIN)
    if timeout and call.deadline is None:
        wait = timespec(process, timeout)
        call.deadline = wait + (kernel.now if command == FUTEX_WAIT else 0)
    call.futex = pa
    kernel.futex_waiters.setdefault(pa, {})[process.pid] = process
    raise WouldBlock(deadline=call.deadline)


def _futex_wake(kernel: KernelState, pa: int, count: int) -> int:
    """Wake up to `count` processes that wait on the futex at `pa`, first come first served."""
    waiters = kernel.futex_waiters.get(pa, {})
    woken = 0
    for pid, process in list(waiters.items()):
        if woken >= count:
            break
        del waiters[pid]
        if process.in_call and process.alive and process.call.futex == pa:
            process.call.futex_woken = True
            kernel.scheduler.wake(process)
            woken += 1
    if not waiters:
        kernel.futex_waiters.pop(pa, None)
    return woken
