"""Bytes from one open file to another without a way through the process: splice and relatives."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.limits import RLIM_INFINITY
from toyvm.kernel.net.socket_file import SOCK_STREAM, SocketFile
from toyvm.kernel.proc.lifecycle import send
from toyvm.kernel.proc.signals import SigInfo, Signal
from toyvm.kernel.vfs.nodes import DirNode, FileNode
from toyvm.kernel.vfs.open_file import O_APPEND, O_NONBLOCK, OpenFile, WouldBlock
from toyvm.kernel.vfs.pipe import (
    FifoBoth,
    PipeFile,
    PipeReader,
    PipeWriter,
    pass_on,
    peek_pipe,
    pipe_room,
    put_pipe,
    same_pipe,
    take_pipe,
)

from ..arguments import MAX_RW_COUNT, open_file, or_again, vectors
from ..limit_calls import tell_of_file_limit, within_file_limit

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

SPLICE_F_NONBLOCK, _SPLICE_FLAGS = 2, 0xF
_CHUNK = 64 << 10
_FILE_CHUNK = 1 << 20


def _pipe(file: OpenFile) -> PipeFile | None:
    return file if isinstance(file, (PipeReader, PipeWriter, FifoBoth)) else None


def _check_ends(source: OpenFile, target: OpenFile) -> None:
    if not source.readable or not target.writable:
        raise error(errno.EBADF)


def _broken(kernel: KernelState, process: Process, failure: OSError, target: OpenFile) -> OSError:
    if failure.errno == errno.EPIPE and target.sends_sigpipe:
        send(kernel, process, SigInfo(Signal.SIGPIPE, 0, pid=process.pid))
    return failure


class _Offset:
    """Where to read or write: the file's own position, or a number in the program's memory."""

    def __init__(self, process: Process, file: OpenFile, va: int, negative: int = errno.EINVAL):
        self._process, self._file, self._va = process, file, va
        if va:
            (value,) = struct.unpack("<q", process.mm.read(va, 8))
            if value < 0:
                raise error(negative)
            self.at: int | None = value
        else:
            self.at = None

    def read(self, count: int) -> bytes:
        return self._file.read(count) if self.at is None else self._file.pread(self.at, count)

    def write(self, kernel: KernelState, data: bytes) -> int:
        """Write what RLIMIT_FSIZE lets pass. As on Linux, the rest is SIGXFSZ even if a part was written.

        Raises OSError(EFBIG) if all is beyond it.
        """
        process, file = self._process, self._file
        fits = len(data)
        if process.rlimits.file_size != RLIM_INFINITY:
            fits = within_file_limit(kernel, process, file, self.at, fits)
        written = file.write(data[:fits]) if self.at is None else file.pwrite(self.at, data[:fits])
        if fits < len(data):
            tell_of_file_limit(kernel, process)
        return written

    def advance(self, count: int) -> None:
        """`count` bytes are done."""
        if self.at is not None:
            self.at += count
            self._process.mm.write_int(self._va, self.at)


def splice(
    kernel: KernelState, process: Process, fd_in: int, off_in: int, fd_out: int, off_out: int, count: int, flags: int
) -> int:  # fmt: skip
    """splice(2): move bytes from a file to another, one of which is a pipe; the bytes moved.

    Errors: EAGAIN, EBADF, EFAULT, EFBIG with SIGXFSZ, EINTR, EINVAL, EPIPE with SIGPIPE, ESPIPE.
    """
    if flags & 0xFFFFFFFF & ~_SPLICE_FLAGS:
        raise error(errno.EINVAL)
    if not count:
        return 0
    source, target = open_file(process, fd_in), open_file(process, fd_out)
    _check_ends(source, target)
    pipe_in, pipe_out = _pipe(source), _pipe(target)
    if (pipe_in is not None and off_in) or (pipe_out is not None and off_out):
        raise error(errno.ESPIPE)
    if pipe_in is None and pipe_out is None:
        raise error(errno.EINVAL)
    if pipe_in is not None and pipe_out is not None and same_pipe(pipe_in, pipe_out):
        raise error(errno.EINVAL)
    if (off_in and not source.seekable) or (off_out and not target.seekable):
        raise error(errno.EINVAL)
    if pipe_in is None and not _gives(source):
        raise error(errno.EINVAL)
    if pipe_out is None and (target.flags & O_APPEND or isinstance(target.node, DirNode)):
        raise error(errno.EINVAL)
    count = min(count, MAX_RW_COUNT)
    try:
        if pipe_in is not None and pipe_out is not None:
            pipe_room(pipe_out)
            return pass_on(pipe_in, pipe_out, count, keep=False)
        room = min(count, pipe_room(pipe_out) if pipe_out is not None else _CHUNK)
        if pipe_in is not None:
            where = _Offset(process, target, off_out)
            data = peek_pipe(pipe_in, room)
            moved = where.write(kernel, data) if data else 0
            take_pipe(pipe_in, moved)
        else:
            where = _Offset(process, source, off_in)
            assert pipe_out is not None
            data = where.read(room)
            moved = put_pipe(pipe_out, data) if data else 0
        where.advance(moved)
        return moved
    except WouldBlock as wait:
        if flags & SPLICE_F_NONBLOCK or (source.flags | target.flags) & O_NONBLOCK:
            raise error(errno.EAGAIN) from None
        raise wait from None
    except OSError as failure:
        raise _broken(kernel, process, failure, target) from None


def _gives(file: OpenFile) -> bool:
    """Whether bytes can be moved out of a file that is no pipe."""
    if isinstance(file, SocketFile):
        return file.type == SOCK_STREAM
    return not file.messages and not isinstance(file.node, DirNode)


def tee(kernel: KernelState, process: Process, fd_in: int, fd_out: int, count: int, flags: int) -> int:
    """tee(2): copy bytes from one pipe into another, and leave them in the first; the bytes copied.

    Errors: EAGAIN, EBADF, EINTR, EINVAL, EPIPE with SIGPIPE.
    """
    if flags & 0xFFFFFFFF & ~_SPLICE_FLAGS:
        raise error(errno.EINVAL)
    if not count:
        return 0
    source, target = open_file(process, fd_in), open_file(process, fd_out)
    _check_ends(source, target)
    pipe_in, pipe_out = _pipe(source), _pipe(target)
    if pipe_in is None or pipe_out is None or same_pipe(pipe_in, pipe_out):
        raise error(errno.EINVAL)
    try:
        return pass_on(pipe_in, pipe_out, count, keep=True)  # waits for the input first, as on Linux
    except WouldBlock as wait:
        if flags & SPLICE_F_NONBLOCK or (source.flags | target.flags) & O_NONBLOCK:
            raise error(errno.EAGAIN) from None
        raise wait from None
    except OSError as failure:
        raise _broken(kernel, process, failure, target) from None


def vmsplice(kernel: KernelState, process: Process, fd: int, va: int, count: int, flags: int) -> int:
    """vmsplice(2): put the bytes of buffers into a pipe, or take bytes out of it; the bytes moved.

    Errors: EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EPIPE with SIGPIPE.
    """
    if flags & 0xFFFFFFFF & ~_SPLICE_FLAGS:
        raise error(errno.EINVAL)
    file = open_file(process, fd)
    pipe = _pipe(file)
    if pipe is None:
        raise error(errno.EBADF)
    buffers = [(base, length) for base, length in vectors(process, va, count) if length]
    done = process.call.done
    skip = done
    try:
        for base, length in buffers:
            if skip >= length:
                skip -= length
                continue
            at, skip = skip, 0
            while at < length:
                if file.writable:
                    data = process.mm.read(base + at, min(length - at, pipe_room(pipe)))
                    moved = put_pipe(pipe, data)
                else:
                    data = peek_pipe(pipe, min(length - at, _CHUNK))
                    process.mm.write(base + at, data)
                    moved = len(take_pipe(pipe, len(data)))
                    if moved < length - at:
                        return done + moved
                at += moved
                done += moved
        return done
    except WouldBlock as wait:
        again = error(errno.EAGAIN) if flags & SPLICE_F_NONBLOCK else wait  # O_NONBLOCK does not count here
        if done and (isinstance(again, OSError) or not file.writable):
            return done
        process.call.done = done
        raise again from None
    except OSError as failure:
        if done:
            return done
        raise _broken(kernel, process, failure, file) from None


def sendfile(kernel: KernelState, process: Process, fd_out: int, fd_in: int, offset: int, count: int) -> int:
    """sendfile(2): copy bytes of a file to another open file; the bytes copied.

    Errors: EAGAIN, EBADF, EFAULT, EFBIG with SIGXFSZ, EINTR, EINVAL, EPIPE with SIGPIPE, ESPIPE.
    """
    source = open_file(process, fd_in)
    if not source.readable:
        raise error(errno.EBADF)
    if offset and not source.seekable:
        raise error(errno.ESPIPE)
    where = _Offset(process, source, offset)
    target = open_file(process, fd_out)
    end = _Offset(process, target, 0)
    if not target.writable:
        raise error(errno.EBADF)
    if (
        target.flags & O_APPEND
        or not source.seekable
        or not _gives(source)
        or isinstance(target.node, DirNode)
    ):
        raise error(errno.EINVAL)
    count = min(count, MAX_RW_COUNT)
    call = process.call
    while call.done < count:
        start = where.at if where.at is not None else source.position
        data = source.pread(start, min(count - call.done, _CHUNK))
        if not data:
            break
        try:
            moved = end.write(kernel, data)
        except WouldBlock as wait:
            again = or_again(process, target, wait, writing=True)
            if isinstance(again, OSError) and call.done:
                break
            raise again from None
        except OSError as failure:
            if call.done:
                break
            raise _broken(kernel, process, failure, target) from None
        if where.at is None:
            source.position += moved
        where.advance(moved)
        call.done += moved
        if not moved:
            break
    return call.done


def copy_file_range(
    kernel: KernelState, process: Process, fd_in: int, off_in: int, fd_out: int, off_out: int, count: int, flags: int
) -> int:  # fmt: skip
    """copy_file_range(2): copy bytes between two regular files; the bytes copied.

    Errors: EBADF, EFAULT, EFBIG with SIGXFSZ, EINVAL, EISDIR, ENOSPC, EOVERFLOW, EXDEV (two file systems).
    """
    source, target = open_file(process, fd_in), open_file(process, fd_out)
    where_in = _Offset(process, source, off_in, errno.EOVERFLOW)
    where_out = _Offset(process, target, off_out, errno.EOVERFLOW)
    if flags & 0xFFFFFFFF:
        raise error(errno.EINVAL)
    if isinstance(source.node, DirNode) or isinstance(target.node, DirNode):
        raise error(errno.EISDIR)
    if not isinstance(source.node, FileNode) or not isinstance(target.node, FileNode):
        raise error(errno.EINVAL)
    if not source.readable or not target.writable or target.flags & O_APPEND:
        raise error(errno.EBADF)
    start = where_in.at if where_in.at is not None else source.position
    end = where_out.at if where_out.at is not None else target.position
    if count >> 63 or sext(start + count, 64) < 0 or sext(end + count, 64) < 0:
        raise error(errno.EOVERFLOW)
    if source.node.identity[0] != target.node.identity[0]:
        raise error(errno.EXDEV)
    count = min(count, max(0, source.node.size - start), MAX_RW_COUNT)
    if process.rlimits.file_size != RLIM_INFINITY:
        count = within_file_limit(kernel, process, target, end, count)
    if source.node is target.node and start < end + count and end < start + count:
        raise error(errno.EINVAL)
    done = 0
    while done < count:
        data = source.pread(start + done, min(count - done, _FILE_CHUNK))
        if not data:
            break
        done += target.pwrite(end + done, data)
    if where_in.at is None:
        source.position += done
    if where_out.at is None:
        target.position += done
    where_in.advance(done)
    where_out.advance(done)
    return done
