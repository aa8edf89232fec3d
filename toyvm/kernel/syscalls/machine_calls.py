"""System calls about the machine: its names, its memory, its random bytes."""

from __future__ import annotations

import errno
import struct

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

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


def riscv_flush_icache(kernel: KernelState, process: Process, start: int, end: int, flags: int) -> int:
    """riscv_flush_icache(2): let every thread of the process fetch the code that has been written. Flag: 1, only the
    calling thread.

    Errors: EINVAL.
    """
    if flags & ~1:
        raise error(errno.EINVAL)
    kernel.system.invalidate(process.mm.mmu)
    return 0


def sysinfo(kernel: KernelState, process: Process, va: int) -> int:
    """sysinfo(2): store uptime, memory, swap area and number of processes.

    Errors: EFAULT.
    """
    frames, swap = kernel.frames, kernel.system.swap
    words = [kernel.now // 10**9, 0, 0, 0, (frames.count - 1) << 12, frames.free << 12, 0, 0, 0, 0]
    if swap is not None:
        words[8:] = [swap.slots << 12, swap.free << 12]
    body = struct.pack("<10QHHxxxxQQI", *words, min(len(kernel.threads), 0xFFFF), 0, 0, 0, 1)
    process.mm.write(va, body.ljust(112, b"\0"))
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
