"""The usual cases of the calls that programs make most, without look-ups, events and exceptions.

A function here has the effects of its call in `syscalls` if nobody watches calls (`may_be_quick`),
the memory is one page that the TLB has, and the open file offers its state (`OpenFile.read_now`,
`write_now`). In any other case it has no effect and returns None, and the ordinary call is made. It
allocates no frame, and does not look at the time.
"""

from __future__ import annotations

from toyvm.base.bits import M64, sext
from toyvm.base.events import SyscallEnter, SyscallExit
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import USER_TOP

from .limits import RLIM_INFINITY
from .mm.anonymous_areas import map_anonymous, unmap_anonymous
from .proc.futexes import ANY_BIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .proc.kernel_state import KernelState
    from .proc.process import Process
    from .vfs.open_file import WaitQueue

    Arguments = list[int]  # a0 to a7
    Quick = Callable[[KernelState, Process, Arguments], int | None]

_READ, _WRITE, _FUTEX, _MUNMAP, _MMAP = 63, 64, 98, 215, 222
NAMES = {_READ: "read", _WRITE: "write", _FUTEX: "futex", _MUNMAP: "munmap", _MMAP: "mmap"}
_READ_WRITE, _PRIVATE_ANONYMOUS = 3, 0x22  # of mmap(2)
_MOST = 1 << 30  # bytes of a mapping
# Operations of futex(2): FUTEX_WAIT, WAKE and WAIT_BITSET, private; for the last one with any clock
_WAIT, _WAKE, _WAIT_BITSET, _WAIT_BITSET_REALTIME = 128, 129, 137, 393
_TRY_AGAIN = -11 & M64  # EAGAIN
WAIT = -1  # instead of a result: nothing has happened, and the call has to wait


def may_be_quick(kernel: KernelState) -> bool:
    """Whether no subscriber and no limit needs to see each call."""
    limits, wanted = kernel.limits, kernel.bus.wanted
    return (
        SyscallEnter not in wanted
        and SyscallExit not in wanted
        and limits.max_syscalls is None
        and limits.max_faults is None
        and kernel.debug is None
        and kernel.inotify is None
    )


def count(kernel: KernelState, process: Process, number: int) -> None:
    """Count one of these calls, as the dispatch of ordinary ones does."""
    process.counters.syscalls += 1
    stats, name = kernel.system.stats, NAMES[number]
    stats.syscalls += 1
    stats.calls[name] = stats.calls.get(name, 0) + 1


def _read(kernel: KernelState, process: Process, a: Arguments) -> int | None:
    entry, va, most, mm = process.fds.files.get(a[0]), a[1], a[2], process.mm
    delta = mm.mmu.tlb.write.get(va >> PAGE_SHIFT)
    if entry is None or delta is None or not 0 < most <= PAGE_SIZE - (va & PAGE_MASK):
        return None
    data = entry[0].read_now(most)
    if data is None:
        return WAIT if entry[0].empty_queue() is not None else None
    pa, done = va + delta, len(data)
    mm.memory.u8[pa : pa + done] = data
    return done


def _write(kernel: KernelState, process: Process, a: Arguments) -> int | None:
    entry, va, size, mm = process.fds.files.get(a[0]), a[1], a[2], process.mm
    delta = mm.mmu.tlb.read.get(va >> PAGE_SHIFT)
    if (
        entry is None
        or delta is None
        or not 0 < size <= PAGE_SIZE - (va & PAGE_MASK)
        or process.rlimits.file_size != RLIM_INFINITY
    ):
        return None
    pa = va + delta
    kernel.executing = False  # the host may have to wait, and Ctrl-C ends that
    try:
        return size if entry[0].write_now(bytes(mm.memory.u8[pa : pa + size])) else None
    finally:
        kernel.executing = True


def _futex(kernel: KernelState, process: Process, a: Arguments) -> int | None:
    va, operation, mm = a[0], a[1] & 0xFFFFFFFF, process.mm
    if va & 3 or va >= USER_TOP or not mm.has_mmu:
        return None
    if operation == _WAKE:
        key = mm.map, va
        return kernel.futexes.wake(key, sext(a[2], 32)) if kernel.futexes.has_waiters(key) else 0
    value = _waited_for(process, a)
    if value is None:
        return None
    return WAIT if value == a[2] & 0xFFFFFFFF else _TRY_AGAIN


def _waited_for(process: Process, a: Arguments) -> int | None:
    """The word at which a private FUTEX_WAIT without a timeout waits."""
    va, operation = a[0], a[1] & 0xFFFFFFFF
    if a[3] or (operation != _WAIT and (operation not in (_WAIT_BITSET, _WAIT_BITSET_REALTIME) or not a[5])):
        return None
    delta = process.mm.mmu.tlb.read.get(va >> PAGE_SHIFT)
    return None if delta is None else process.mm.memory.u32[va + delta >> 2]


def _mmap(kernel: KernelState, process: Process, a: Arguments) -> int | None:
    addr, length, prot, flags, _, offset = a[:6]
    if (
        addr
        or offset & PAGE_MASK
        or prot != _READ_WRITE
        or flags != _PRIVATE_ANONYMOUS
        or not 0 < length <= _MOST
    ):
        return None
    return map_anonymous(process.mm, length)


def _munmap(kernel: KernelState, process: Process, a: Arguments) -> int | None:
    return 0 if 0 < a[1] <= _MOST and unmap_anonymous(process.mm, a[0], a[1]) else None


QUICK: dict[int, Quick] = {_READ: _read, _WRITE: _write, _FUTEX: _futex, _MMAP: _mmap, _MUNMAP: _munmap}


# Calls that wait


def sleep(kernel: KernelState, process: Process) -> bool:
    """Block `process` in its call, for which the function above has just returned WAIT; whether it could."""
    x = process.hart.x
    number = x[17]
    queues: tuple[WaitQueue, ...] = ()
    if number == _READ:
        queue = process.fds.files[x[10]][0].empty_queue()
        if queue is None:
            return False
        queues = (queue,)
    else:
        bitset = ANY_BIT if x[11] & 0xFFFFFFFF == _WAIT else x[15] & 0xFFFFFFFF
        if not bitset:
            return False
        kernel.futexes.wait(process, (process.mm.map, x[10]), bitset)
    count(kernel, process, number)
    process.in_call = True
    process.waits_in = NAMES[number]
    kernel.scheduler.block(process, queues, None)
    return True


def resume(kernel: KernelState, process: Process) -> bool:
    """Finish the call in which `process` was blocked; False if that takes the ordinary call."""
    x = process.hart.x
    number = x[17]
    result: int | None = None
    if number == _READ:
        result = _read(kernel, process, x[10:18])
        if result == WAIT:
            return False
    elif number == _FUTEX:
        waiter = process.call.futex  # one that was woken is in no queue
        result = 0 if waiter is not None and waiter.woken else None
    if result is None:
        return False
    process.end_wait(result)
    return True
