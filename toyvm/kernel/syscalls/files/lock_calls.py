"""Advisory file locks: flock(2), and the lock commands of fcntl(2)."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.vfs.file_locks import END, FileLocks, Lock, lock_identity
from toyvm.kernel.vfs.nodes import Identity
from toyvm.kernel.vfs.open_file import OpenFile, WouldBlock

from ..arguments import open_file

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN = 1, 2, 4, 8
F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 5, 6, 7, 36, 37, 38
LOCK_COMMANDS = (F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW)
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
_FLOCK = struct.Struct("<hhxxxxqqixxxx")  # type, whence, start, length, pid


def flock(kernel: KernelState, process: Process, fd: int, operation: int) -> int:
    """flock(2): lock an open file, shared or exclusive, or unlock it. With LOCK_NB it does not wait.

    Errors: EBADF, EINTR, EINVAL, ENOLCK, EWOULDBLOCK, EAGAIN.
    """
    file = open_file(process, fd)
    command = sext(operation, 32) & ~LOCK_NB
    if command not in (LOCK_SH, LOCK_EX, LOCK_UN):
        raise error(errno.EINVAL)
    identity = lock_identity(file)
    locks = kernel.flocks
    if command == LOCK_UN:
        locks.remove(identity, file)
        return 0
    wanted = Lock(file, command == LOCK_EX, 0, END, -1)
    if locks.conflict(identity, wanted) is not None:
        locks.remove(identity, file)  # a lock is converted by giving it up first
        if operation & LOCK_NB:
            raise error(errno.EWOULDBLOCK)
        raise WouldBlock(locks.changed)
    locks.place(identity, wanted)
    file.locks = _closing(kernel)
    return 0


class _Closing:
    """Gives up both kinds of locks of an open file."""

    def __init__(self, kernel: KernelState):
        self._kernel = kernel

    def closed(self, file: OpenFile) -> None:
        for locks in (self._kernel.flocks, self._kernel.record_locks):
            locks.closed(file)


def _closing(kernel: KernelState) -> _Closing:
    return _Closing(kernel)


def record_lock(kernel: KernelState, process: Process, fd: int, command: int, va: int) -> int:
    """The lock commands of fcntl(2). Raises Fault, OSError, WouldBlock."""
    file = open_file(process, fd)
    identity = lock_identity(file)
    kind, whence, start, length, pid = _FLOCK.unpack(process.mm.read(va, _FLOCK.size))
    by_file = command >= F_OFD_GETLK
    if by_file and pid:
        raise error(errno.EINVAL)
    asking = command in (F_GETLK, F_OFD_GETLK)
    if kind not in (F_RDLCK, F_WRLCK) and not (kind == F_UNLCK and not asking):
        raise error(errno.EINVAL)
    start, end = _range(file, whence, start, length)
    owner: object = file if by_file else process.fds
    wanted = Lock(owner, kind == F_WRLCK, start, end, -1 if by_file else process.pid)
    locks = kernel.record_locks
    if asking:
        found = locks.conflict(identity, wanted)
        if found is None:
            process.mm.write(va, struct.pack("<h", F_UNLCK))
        else:
            size = 0 if found.end == END else found.end - found.start
            held = F_WRLCK if found.exclusive else F_RDLCK
            process.mm.write(va, _FLOCK.pack(held, 0, found.start, size, found.pid))
        return 0
    if kind == F_UNLCK:
        locks.remove(identity, owner, start, end)
        return 0
    if not (file.writable if kind == F_WRLCK else file.readable):
        raise error(errno.EBADF)
    _require_free(
        locks, process, identity, wanted, waits=command in (F_SETLKW, F_OFD_SETLKW), by_file=by_file
    )
    locks.waits_no_more(owner)
    locks.place(identity, wanted)
    if by_file:
        file.locks = _closing(kernel)
    else:
        process.fds.on_close["record locks"] = lambda table, closed: _posix_closed(locks, table, closed)
    return 0


def _require_free(
    locks: FileLocks, process: Process, identity: Identity, wanted: Lock, *, waits: bool, by_file: bool
) -> None:
    found = locks.conflict(identity, wanted)
    if found is None:
        return
    if not waits:
        raise error(errno.EAGAIN)
    if not by_file:
        call = process.call
        locks.wait_for(wanted.owner, found.owner, lambda: process.alive and process.call is call)
    raise WouldBlock(locks.changed)


def _posix_closed(locks: FileLocks, table: object, file: OpenFile) -> None:
    locks.remove(lock_identity(file), table)


def _range(file: OpenFile, whence: int, start: int, length: int) -> tuple[int, int]:
    """The bytes that struct flock names: from, to. Raises OSError: EINVAL, EOVERFLOW."""
    if whence not in (0, 1, 2):
        raise error(errno.EINVAL)
    start += (0, file.position, file.stat().size)[whence]
    if start >= END or (length > 0 and start + length > END):
        raise error(errno.EOVERFLOW)
    end = start + length if length else END
    if length < 0:
        start, end = end, start
    if start < 0:
        raise error(errno.EINVAL)
    return start, end
