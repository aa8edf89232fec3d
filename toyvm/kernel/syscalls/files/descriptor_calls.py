"""System calls on descriptors: dup, fcntl, ioctl, pipe2, close_range."""

from __future__ import annotations

import errno
import stat
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.vfs.open_file import (
    O_ASYNC,
    O_CLOEXEC,
    O_DIRECT,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_NONBLOCK,
    O_PATH,
    STATUS_FLAGS,
    OpenFile,
)

from ..arguments import open_file

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030
F_LOCKS = (5, 6, 7, 36, 37, 38)  # F_GETLK to F_OFD_SETLKW: `lock_calls`
FIONREAD, FIONBIO, FIOASYNC, FIONCLEX, FIOCLEX = 0x541B, 0x5421, 0x5452, 0x5450, 0x5451
FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP, SIOCATMARK = 0x8901, 0x8902, 0x8903, 0x8904, 0x8905
SOCKET_REQUESTS = (FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP, SIOCATMARK)
INTERFACE_REQUESTS = range(0x8910, 0x8948)  # netdevice(7)
CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC = 2, 4


def dup(kernel: KernelState, process: Process, fd: int) -> int:
    """dup(2): return the lowest free descriptor, which refers to the same open file.

    Errors: EBADF, EMFILE.
    """
    return process.fds.install(process.fds.get(sext(fd, 32)))


def dup3(kernel: KernelState, process: Process, old: int, new: int, flags: int) -> int:
    """dup3(2): make `new` refer to the open file of `old`, closing `new` first. Flag: O_CLOEXEC.

    Errors: EBADF, EINVAL (the same descriptor twice, an unknown flag).
    """
    old, new = sext(old, 32), sext(new, 32)
    if old == new or flags & ~O_CLOEXEC:
        raise error(errno.EINVAL)
    process.fds.replace(new, process.fds.get(old), cloexec=bool(flags & O_CLOEXEC))
    return new


def close_range(kernel: KernelState, process: Process, first: int, last: int, flags: int) -> int:
    """close_range(2): close all descriptors from `first` to `last`, or with CLOSE_RANGE_CLOEXEC mark them.

    Errors: EINVAL.
    """
    low, high = first & 0xFFFFFFFF, last & 0xFFFFFFFF
    if flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) or low > high:
        raise error(errno.EINVAL)
    for fd in [fd for fd in process.fds if low <= fd <= high]:
        if flags & CLOSE_RANGE_CLOEXEC:
            process.fds.set_cloexec(fd, True)
        else:
            process.fds.close(fd)
    return 0


def fcntl(kernel: KernelState, process: Process, fd: int, command: int, argument: int) -> int:
    """fcntl(2): duplicate a descriptor, read and set its flags and its file's, lock parts of its file.

    The commands: F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW and
    their F_OFD_ forms, and those of `fcntl_calls`.

    Errors: EACCES, EAGAIN (locked), EBADF, EBUSY, EDEADLK, EFAULT, EINTR, EINVAL, EMFILE, ENOLCK, ENOTDIR, EOVERFLOW, EPERM,
    ESRCH.
    """
    number = sext(fd, 32)
    file = process.fds.get(number)
    command &= 0xFFFFFFFF
    if command in (F_DUPFD, F_DUPFD_CLOEXEC):
        lowest = sext(argument, 32)
        if not 0 <= lowest < process.fds.limit:
            raise error(errno.EINVAL)
        return process.fds.install(file, cloexec=command == F_DUPFD_CLOEXEC, lowest=lowest)
    if command == F_GETFD:
        return int(process.fds.cloexec(number))
    if command == F_SETFD:
        process.fds.set_cloexec(number, bool(argument & 1))
        return 0
    if command == F_GETFL:
        if file.flags & O_PATH:
            return file.flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW)
        return file.flags & ~(O_CLOEXEC | 0o1700) | 0o100000  # O_LARGEFILE, as a 64-bit Linux shows it
    open_file(process, fd)  # the other commands refuse O_PATH
    if command == F_SETFL:
        if (file.flags ^ argument) & O_ASYNC:
            from .fcntl_calls import set_async

            set_async(kernel, file, number, bool(argument & O_ASYNC))
        status = STATUS_FLAGS | (O_DIRECT if stat.S_ISFIFO(file.stat().mode) else 0)
        file.flags = file.flags & ~status | argument & status
        return 0
    if command in F_LOCKS:
        from .lock_calls import record_lock

        return record_lock(kernel, process, fd, command, argument)
    from .fcntl_calls import rare_command

    return rare_command(kernel, process, number, command, argument)


def ioctl(kernel: KernelState, process: Process, fd: int, request: int, argument: int) -> int:
    """ioctl(2): FIONREAD, FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX, and of a terminal those of tty_ioctl(4).

    Errors: EBADF, EFAULT, EINVAL, EIO, EMFILE, ENODEV (no such interface), ENOTTY, EPERM, ESRCH.
    """
    file = open_file(process, fd)
    if request == FIONREAD and not file.is_terminal:
        process.mm.write_int(argument, file.available(), 4)
        return 0
    if request == FIONBIO:
        wanted = process.mm.read_int(argument, 4)
        file.flags = file.flags | O_NONBLOCK if wanted else file.flags & ~O_NONBLOCK
        return 0
    if request == FIOASYNC:
        from .fcntl_calls import set_async

        set_async(kernel, file, sext(fd, 32), bool(process.mm.read_int(argument, 4)))
        return 0
    if request in (FIOCLEX, FIONCLEX):
        process.fds.set_cloexec(sext(fd, 32), request == FIOCLEX)
        return 0
    if request in SOCKET_REQUESTS or request in INTERFACE_REQUESTS:
        return _socket_ioctl(kernel, process, file, request, argument)
    if file.is_terminal:
        from ..tty_calls import terminal_ioctl

        return terminal_ioctl(kernel, process, file, request & 0xFFFFFFFF, argument)
    raise error(errno.ENOTTY)


def _socket_ioctl(kernel: KernelState, process: Process, file: OpenFile, request: int, argument: int) -> int:
    """The requests of socket(7), tcp(7) and netdevice(7). Raises Fault, OSError(ENOTTY)."""
    if stat.S_IFMT(file.stat().mode) != stat.S_IFSOCK:
        raise error(errno.ENOTTY)
    from toyvm.kernel.net.inet_sockets import TcpSocket
    from toyvm.kernel.net.unix_sockets import UnixSocket, UnixStream

    from .fcntl_calls import F_GETOWN, F_SETOWN, ownership

    if request in INTERFACE_REQUESTS:
        from .interface_calls import interface_ioctl

        return interface_ioctl(process, request, argument)
    if request == SIOCATMARK:
        if not isinstance(file, (TcpSocket, UnixSocket)):
            raise error(errno.ENOTTY)
        at_mark = isinstance(file, (TcpSocket, UnixStream)) and file.at_mark
        process.mm.write_int(argument, int(at_mark), 4)
    elif request in (FIOSETOWN, SIOCSPGRP):
        ownership(kernel, process, file, F_SETOWN, process.mm.read_int(argument, 4))
    else:
        owner = ownership(kernel, process, file, F_GETOWN, 0)
        process.mm.write_int(argument, owner & 0xFFFFFFFF, 4)
    return 0


def pipe2(kernel: KernelState, process: Process, va: int, flags: int) -> int:
    """pipe2(2): create a pipe; store its read and write descriptors as two ints at `va`.

    Flags: O_CLOEXEC, O_NONBLOCK, O_DIRECT (each write is a packet).

    Errors: EFAULT, EINVAL, EMFILE, ENFILE.
    """
    from toyvm.kernel.vfs.pipe import make_pipe

    if flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT):
        raise error(errno.EINVAL)
    reader, writer = make_pipe(kernel.new_inode(), kernel.pipes, flags & (O_NONBLOCK | O_DIRECT))
    cloexec = bool(flags & O_CLOEXEC)
    try:
        first = process.fds.install(reader, cloexec=cloexec)
    except OSError:
        writer.released()
        raise
    try:
        second = process.fds.install(writer, cloexec=cloexec)
    except OSError:
        process.fds.close(first)
        raise
    try:
        process.mm.write(va, struct.pack("<ii", first, second))
    except OSError:
        process.fds.close(first)
        process.fds.close(second)
        raise
    return 0
