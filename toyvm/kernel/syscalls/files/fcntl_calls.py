"""The commands of fcntl(2) that few programs give: owners and signals, seals, leases, sizes of pipes, hints."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.proc.file_owners import F_OWNER_PGRP, F_OWNER_PID, F_OWNER_TID, FileOwner
from toyvm.kernel.proc.signals import MAX_SIGNAL
from toyvm.kernel.vfs.events.anonymous import AnonymousFile
from toyvm.kernel.vfs.file_leases import F_RDLCK, F_UNLCK, F_WRLCK, FileLeases
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.kernel.vfs.nodes import (
    F_ALL_SEALS,
    F_SEAL_EXEC,
    F_SEAL_FUTURE_WRITE,
    F_SEAL_GROW,
    F_SEAL_SEAL,
    F_SEAL_SHRINK,
    F_SEAL_WRITE,
    DirNode,
    FileNode,
)
from toyvm.kernel.vfs.open_file import O_ASYNC, OpenFile
from toyvm.kernel.vfs.pipe import pipe_size, set_pipe_size

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG, F_SETOWN_EX, F_GETOWN_EX = 8, 9, 10, 11, 15, 16
F_SETLEASE, F_GETLEASE, F_NOTIFY, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS = (
    1024, 1025, 1026, 1031, 1032, 1033, 1034,
)  # fmt: skip
F_GET_RW_HINT, F_SET_RW_HINT = 1035, 1036
_LAST_HINT = 5  # RWH_WRITE_LIFE_EXTREME


def set_async(kernel: KernelState, file: OpenFile, fd: int, wanted: bool) -> None:
    """O_ASYNC: let a signal say that a pipe, a socket or a terminal can be read or written. Other files ignore it."""
    queue = file.poll_queue() if file.pollable and not isinstance(file, AnonymousFile) else None
    if queue is None or wanted == bool(file.flags & O_ASYNC):
        return
    owner = _owner(kernel, file)
    owner.descriptor = fd
    if wanted:
        queue.watch(owner)
    else:
        queue.unwatch(owner)
    file.flags ^= O_ASYNC


def rare_command(kernel: KernelState, process: Process, fd: int, command: int, argument: int) -> int:
    """fcntl(2) with a command that is not one of the common ones. Raises Fault, OSError."""
    file = process.fds.get(fd)
    if command in (F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG, F_SETOWN_EX, F_GETOWN_EX):
        return ownership(kernel, process, file, command, argument)
    if command == F_GETPIPE_SZ:
        return pipe_size(file)
    if command == F_SETPIPE_SZ:
        return set_pipe_size(file, argument & 0xFFFFFFFF)
    if command == F_GET_SEALS:
        return _sealable(file).seals
    if command == F_ADD_SEALS:
        return _add_seals(kernel, file, argument & 0xFFFFFFFF)
    if command in (F_GETLEASE, F_SETLEASE):
        return _lease(kernel, process, file, fd, command, sext(argument, 32))
    if command in (F_GET_RW_HINT, F_SET_RW_HINT):
        return _write_hint(process, file, command, argument)
    if command == F_NOTIFY:
        return _notify(kernel, process, file, fd, argument & 0xFFFFFFFF)
    raise error(errno.EINVAL)


def _owner(kernel: KernelState, file: OpenFile) -> FileOwner:
    if not isinstance(file.owner, FileOwner):
        file.owner = FileOwner(kernel, file)
    return file.owner


def ownership(kernel: KernelState, process: Process, file: OpenFile, command: int, argument: int) -> int:
    """F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG, F_SETOWN_EX, F_GETOWN_EX. Raises Fault, OSError: EINVAL, ESRCH."""
    owner = _owner(kernel, file)
    if command == F_GETSIG:
        return owner.signal
    if command == F_SETSIG:
        if not 0 <= sext(argument, 64) <= MAX_SIGNAL:
            raise error(errno.EINVAL)
        owner.signal = argument
        return 0
    if command == F_GETOWN:
        return -owner.number if owner.kind == F_OWNER_PGRP else owner.number
    if command == F_GETOWN_EX:
        process.mm.write(argument, struct.pack("<ii", owner.kind, owner.number))
        return 0
    if command == F_SETOWN:
        number = sext(argument, 32)
        kind = F_OWNER_PGRP if number < 0 else F_OWNER_PID
        number = abs(number)
    else:
        kind, number = struct.unpack("<ii", process.mm.read(argument, 8))
        if kind not in (F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP):
            raise error(errno.EINVAL)
    if number:
        if kind == F_OWNER_PGRP:
            known = any(other.pgid == number for other in kernel.processes.values())
        else:
            known = number in (kernel.threads if kind == F_OWNER_TID else kernel.processes)
        if not known:
            raise error(errno.ESRCH)
    owner.kind, owner.number = kind, number
    return 0


def _sealable(file: OpenFile) -> MemFile:
    if not isinstance(file.node, MemFile) or not file.node.writable:
        raise error(errno.EINVAL)
    return file.node


def _add_seals(kernel: KernelState, file: OpenFile, seals: int) -> int:
    """F_ADD_SEALS. Raises OSError: EBUSY (mapped for writing), EINVAL, EPERM."""
    if not file.writable:
        raise error(errno.EPERM)
    if seals & ~F_ALL_SEALS:
        raise error(errno.EINVAL)
    node = _sealable(file)
    if node.seals & F_SEAL_SEAL:
        raise error(errno.EPERM)
    if seals & F_SEAL_EXEC and node.mode & 0o111:
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE
    if seals & F_SEAL_WRITE and not node.seals & F_SEAL_WRITE:
        for space in kernel.system.spaces:
            if node in space.file_bytes:
                for area in space.vmas:
                    if area.file is node and area.shared and area.may_write:
                        raise error(errno.EBUSY)
    node.seals |= seals
    return 0


def _lease(kernel: KernelState, process: Process, file: OpenFile, fd: int, command: int, kind: int) -> int:
    """F_GETLEASE and F_SETLEASE. Raises OSError: EACCES (another user's file), EAGAIN, EINVAL."""
    leases = kernel.leases
    if command == F_GETLEASE:
        return leases.kind(file) if leases is not None else F_UNLCK
    if kind not in (F_RDLCK, F_WRLCK, F_UNLCK):
        raise error(errno.EINVAL)
    if file.stat().uid != kernel.UID:
        raise error(errno.EACCES)
    node = file.node
    if not isinstance(node, FileNode):
        raise error(errno.EINVAL)
    if leases is None:
        leases = kernel.leases = FileLeases(lambda: kernel.now)
    if kind == F_UNLCK:
        leases.remove(file)
        return 0
    owner = _owner(kernel, file)
    leases.place(file, node, kind, lambda: owner.message(fd), owner.forget)
    owner.set_default(process)
    return 0


def _notify(kernel: KernelState, process: Process, file: OpenFile, fd: int, mask: int) -> int:
    """F_NOTIFY: a signal for changes in a directory, one, or with DN_MULTISHOT any number. Raises OSError(ENOTDIR)."""
    from toyvm.kernel.vfs.events.dnotify import DN_MULTISHOT, Notifications

    if not mask & ~DN_MULTISHOT:
        Notifications.remove(file, process.fds)
        return 0
    if not isinstance(file.node, DirNode):
        raise error(errno.ENOTDIR)
    owner = _owner(kernel, file)
    Notifications.place(kernel.file_events(), file, process.fds, mask, lambda: owner.message(fd))
    owner.set_default(process)
    process.fds.on_close["notifications"] = lambda table, closed: Notifications.remove(closed, table)
    return 0


def _write_hint(process: Process, file: OpenFile, command: int, argument: int) -> int:
    """F_GET_RW_HINT and F_SET_RW_HINT of a regular file: kept, and otherwise ignored."""
    node = file.node
    if not isinstance(node, FileNode):
        raise error(errno.EINVAL)
    if command == F_GET_RW_HINT:
        process.mm.write(argument, struct.pack("<Q", node.write_hint))
        return 0
    (hint,) = struct.unpack("<Q", process.mm.read(argument, 8))
    if hint > _LAST_HINT:
        raise error(errno.EINVAL)
    node.write_hint = hint
    return 0
