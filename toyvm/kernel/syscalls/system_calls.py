"""Other calls: uname, sysinfo, resource limits, swap areas, random bytes."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..limits import RLIM_INFINITY, RLIMIT_COUNT
from ..proc.process import Process

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState

_UTS = ("Linux", "toyvm", "6.1.0", "#1 SMP toyvm", "riscv64", "(none)")


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
    body = struct.pack("<10QHHxxxxQQI", *words, min(len(kernel.threads), 0xFFFF), 0, 0, 0, 1)
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
    if sext(pid, 32) not in (0, process.pid, process.tid):
        raise error(errno.ESRCH if sext(pid, 32) not in kernel.threads else errno.EPERM)
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
