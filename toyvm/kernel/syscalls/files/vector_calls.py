"""preadv2(2) and pwritev2(2): vectors of buffers, with flags for one transfer (RWF_)."""

from __future__ import annotations

import errno

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.vfs.host_files import HostFile
from toyvm.kernel.vfs.nodes import FileNode
from toyvm.kernel.vfs.open_file import OpenFile, WouldBlock

from ..arguments import open_file, vectors
from ..file_calls import IN_ACCESS, IN_MODIFY, read_vectors, write_vectors

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND = 1, 2, 4, 8, 16
_RWF_SUPPORTED = 31


def _check_flags(file: OpenFile, flags: int) -> None:
    """Raises OSError(EOPNOTSUPP): an unknown flag, or RWF_NOWAIT for a file in memory, which tmpfs does not take either."""
    if flags & ~_RWF_SUPPORTED:
        raise error(errno.EOPNOTSUPP)
    if flags & RWF_NOWAIT and isinstance(file.node, FileNode) and not isinstance(file.node, HostFile):
        raise error(errno.EOPNOTSUPP)


def _position(offset: int) -> int | None:
    """Where to read or write; None is the file's own position. Raises OSError(EINVAL)."""
    where = sext(offset, 64)
    if where < -1:
        raise error(errno.EINVAL)
    return None if where == -1 else where


def preadv2(
    kernel: KernelState, process: Process, fd: int, va: int, count: int, offset: int, _high: int, flags: int
) -> int:
    """preadv2(2): preadv(2), or with offset -1 readv(2), with RWF_ flags. RWF_NOWAIT fails instead of waiting; the
    others mean nothing to a read.

    Errors: those of preadv(2), EAGAIN (RWF_NOWAIT and no data), EOPNOTSUPP (an unknown flag, RWF_NOWAIT for a file in
    memory).
    """
    flags &= 0xFFFFFFFF
    where = _position(offset)
    file = open_file(process, fd)
    if not file.readable:
        raise error(errno.EBADF)
    if any(length for _, length in vectors(process, va, count)):
        _check_flags(file, flags)
    try:
        done = read_vectors(process, file, va, count, where)
    except WouldBlock:
        if flags & RWF_NOWAIT:
            raise error(errno.EAGAIN) from None
        raise
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_ACCESS)
    return done


def pwritev2(
    kernel: KernelState, process: Process, fd: int, va: int, count: int, offset: int, _high: int, flags: int
) -> int:
    """pwritev2(2): pwritev(2), or with offset -1 writev(2), with RWF_ flags: RWF_APPEND writes at the end of the file,
    RWF_DSYNC and RWF_SYNC write it back afterwards, RWF_NOWAIT fails instead of waiting.

    Errors: those of pwritev(2), EAGAIN (RWF_NOWAIT and no room), EOPNOTSUPP (an unknown flag, RWF_NOWAIT for a regular
    file).
    """
    flags &= 0xFFFFFFFF
    where = _position(offset)
    file = open_file(process, fd)
    if not file.writable:
        raise error(errno.EBADF)
    node = file.node if isinstance(file.node, FileNode) else None
    if any(length for _, length in vectors(process, va, count)):
        _check_flags(file, flags)
        if flags & RWF_NOWAIT and node is not None:  # ext4 does not write through its cache without waiting
            raise error(errno.EOPNOTSUPP)
        if flags & RWF_APPEND and node is not None:
            if where is None:
                file.position = node.size
            else:
                where = node.size
    try:
        done = write_vectors(kernel, process, file, va, count, where)
    except WouldBlock:
        if not flags & RWF_NOWAIT:
            raise
        if not process.call.done:
            raise error(errno.EAGAIN) from None
        done = process.call.done
    if flags & (RWF_DSYNC | RWF_SYNC) and node is not None:
        kernel.system.cache.write_back(node)
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_MODIFY)
    return done
