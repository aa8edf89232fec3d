"""clone and clone3: processes and threads; and what belongs to threads alone."""

from __future__ import annotations

import errno
import struct
from contextlib import suppress

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record, replace
from toyvm.machine.physical_memory import PAGE_SIZE

from ..proc.lifecycle import exit_thread, fork, start_thread
from ..proc.signals import MAX_SIGNAL
from ..vfs.open_file import WouldBlock

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_VFORK = 0x100, 0x200, 0x400, 0x800, 0x4000
CLONE_PARENT, CLONE_THREAD, CLONE_SYSVSEM, CLONE_SETTLS = 0x8000, 0x10000, 0x40000, 0x80000
CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID, CLONE_DETACHED = 0x100000, 0x200000, 0x400000
CLONE_UNTRACED, CLONE_CHILD_SETTID, CLONE_IO = 0x800000, 0x1000000, 0x80000000
CLONE_CLEAR_SIGHAND = 0x100000000
CSIGNAL = 0xFF  # the bits of clone's flags that hold the exit signal
_OFFERED = (
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM
    | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_UNTRACED | CLONE_IO
)  # fmt: skip
_CLONE_ARGS_MIN, _CLONE_ARGS = 64, 88  # the first size of struct clone_args, and the one of Linux 5.7

MEMBARRIER_COMMANDS = {
    "QUERY": 0, "GLOBAL": 1, "GLOBAL_EXPEDITED": 2, "REGISTER_GLOBAL_EXPEDITED": 4, "PRIVATE_EXPEDITED": 8,
    "REGISTER_PRIVATE_EXPEDITED": 16, "PRIVATE_EXPEDITED_SYNC_CORE": 32, "REGISTER_PRIVATE_EXPEDITED_SYNC_CORE": 64,
}  # fmt: skip


class CloneRequest(Record):
    """What clone(2) and clone3(2) ask for. `flags` has no exit signal."""

    flags: int
    exit_signal: int
    stack: int  # the child's sp; 0: the parent's
    parent_tid: int
    tls: int
    child_tid: int


def clone(
    kernel: KernelState, process: Process, flags: int, stack: int, parent_tid: int, tls: int, child_tid: int
) -> int:
    """clone(2): create a process or a thread; its number, and 0 in the child.

    Errors: EAGAIN (too many threads), EINVAL (a flag that is not offered, or flags that exclude each
    other), ENOMEM.
    """
    if process.vfork_waiting is not None:
        return _left(process)
    flags &= 0xFFFFFFFF & ~CLONE_DETACHED
    request = CloneRequest(flags & ~CSIGNAL, flags & CSIGNAL, stack, parent_tid, tls, child_tid)
    return _clone(kernel, process, request)


def clone3(kernel: KernelState, process: Process, args: int, size: int) -> int:
    """clone3(2): create a process or a thread as the struct clone_args at `args` says; its number, and 0
    in the child.

    Errors: E2BIG (a larger structure with more than zeros), EAGAIN, EFAULT, EINVAL, ENOMEM.
    """
    if process.vfork_waiting is not None:
        return _left(process)
    if size > PAGE_SIZE:
        raise error(errno.E2BIG)
    if size < _CLONE_ARGS_MIN:
        raise error(errno.EINVAL)
    data = process.mm.read(args, size)
    if any(data[_CLONE_ARGS:]):
        raise error(errno.E2BIG)
    words = struct.unpack("<11Q", data[:_CLONE_ARGS].ljust(_CLONE_ARGS, b"\0"))
    flags, _pidfd, child_tid, parent_tid, signal, stack, stack_size, tls, set_tid, set_tid_size, _ = words
    if set_tid or set_tid_size:
        raise error(errno.EINVAL)  # the kernel alone gives out numbers
    if signal > MAX_SIGNAL or flags & (CSIGNAL | CLONE_DETACHED):
        raise error(errno.EINVAL)
    if flags & (CLONE_THREAD | CLONE_PARENT) and signal:
        raise error(errno.EINVAL)
    if bool(stack) != bool(stack_size) or stack + stack_size >> 38:
        raise error(errno.EINVAL)
    if flags & CLONE_SIGHAND and flags & CLONE_CLEAR_SIGHAND:
        raise error(errno.EINVAL)
    return _clone(
        kernel, process, CloneRequest(flags, signal, stack + stack_size, parent_tid, tls, child_tid)
    )


def _clone(kernel: KernelState, process: Process, request: CloneRequest) -> int:
    flags = request.flags
    if flags & ~(_OFFERED | CLONE_CLEAR_SIGHAND):
        raise error(errno.EINVAL)
    if (flags & CLONE_THREAD and not flags & CLONE_SIGHAND) or (
        flags & CLONE_SIGHAND and not flags & CLONE_VM
    ):
        raise error(errno.EINVAL)
    files, place, vfork = bool(flags & CLONE_FILES), bool(flags & CLONE_FS), bool(flags & CLONE_VFORK)
    if flags & CLONE_THREAD:
        child = start_thread(kernel, process, wait_for_exec=vfork, share_files=files, share_place=place)
    else:
        child = fork(
            kernel,
            process,
            share_memory=bool(flags & CLONE_VM),
            wait_for_exec=vfork,
            share_files=files,
            share_place=place,
            share_handlers=bool(flags & CLONE_SIGHAND),
            sibling=bool(flags & CLONE_PARENT),
        )
        child.exit_signal = process.exit_signal if flags & CLONE_PARENT else request.exit_signal
        if flags & CLONE_VM and not vfork:
            child.signals.stack = type(child.signals)().stack
    if flags & CLONE_CLEAR_SIGHAND:
        child.signals.actions = {s: a for s, a in child.signals.actions.items() if a.handler == 1}
    if request.stack:
        child.hart.x[2] = request.stack
    if flags & CLONE_SETTLS:
        child.hart.x[4] = request.tls
    if flags & CLONE_CHILD_CLEARTID:
        child.clear_child_tid = request.child_tid
    with suppress(OSError):  # Linux does not undo a clone because of a bad address here
        if flags & CLONE_CHILD_SETTID:
            child.mm.write_int(request.child_tid, child.tid, 4)
    with suppress(OSError):
        if flags & CLONE_PARENT_SETTID:
            process.mm.write_int(request.parent_tid, child.tid, 4)
    if child.vfork_done is not None:
        process.vfork_waiting = (child.tid, child)
        raise WouldBlock(child.vfork_done)
    return child.tid


def _left(process: Process) -> int:
    """The second try of a clone with CLONE_VFORK: whether the child has run exec or ended. Its number."""
    assert process.vfork_waiting is not None
    number, child = process.vfork_waiting
    if child.vfork_done is not None:
        raise WouldBlock(child.vfork_done)
    process.vfork_waiting = None
    return number


def unshare(kernel: KernelState, process: Process, flags: int) -> int:
    """unshare(2): CLONE_FS and CLONE_FILES: a working directory and descriptors of the thread's own.

    Errors: EINVAL (another flag).
    """
    if flags & ~(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM):
        raise error(errno.EINVAL)
    if flags & CLONE_FS:
        process.place = replace(process.place)
    if flags & CLONE_FILES:
        process.fds = process.fds.alone()
    return 0


def exit_(kernel: KernelState, process: Process, status: int) -> None:
    """_exit(2): end the calling thread, and with the last one the process. It cannot fail."""
    exit_thread(kernel, process, (status & 0xFF) << 8)


def gettid(kernel: KernelState, process: Process) -> int:
    """gettid(2): the thread's number; that of the first thread is the process's. It cannot fail."""
    return process.tid


def membarrier(kernel: KernelState, process: Process, command: int, flags: int, cpu: int) -> int:
    """membarrier(2): no barrier is needed, because one thread runs at a time and all see its stores.

    Errors: EINVAL, EPERM (an expedited command before its registration).
    """
    command = sext(command, 32)
    if flags & 0xFFFFFFFF or command not in MEMBARRIER_COMMANDS.values():
        raise error(errno.EINVAL)
    if command == MEMBARRIER_COMMANDS["QUERY"]:
        return sum(MEMBARRIER_COMMANDS.values())
    registered = process.thread_group.membarriers
    if command in (4, 16, 64):
        process.thread_group.membarriers = registered | command
    elif command in (8, 32) and not registered & command << 1:
        raise error(errno.EPERM)
    return 0
