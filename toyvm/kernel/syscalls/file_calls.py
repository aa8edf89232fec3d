"""System calls that move the bytes of open files: read, write and their forms, lseek; and close."""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..limits import PIPE_CAPACITY, RLIM_INFINITY
from ..mm.user_memory import Fault
from ..proc.lifecycle import send
from ..proc.signals import SigInfo, Signal
from ..vfs.open_file import O_NONBLOCK, OpenFile, WouldBlock
from .arguments import MAX_RW_COUNT, gather, open_file, or_again, vectors

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

_CHUNK = 1 << 20
IN_ACCESS, IN_MODIFY = 1, 2  # inotify(7)


def _read_into(process: Process, file: OpenFile, va: int, count: int, offset: int | None = None) -> int:
    """Read up to `count` bytes to `va` in bounded pieces.

    Stop at a short read or an invalid address.
    """
    if not file.readable:
        raise error(errno.EBADF)
    count = min(count, MAX_RW_COUNT)
    done = 0
    if file.messages and not count:
        file.read(0)
    while done < count:
        size = min(count - done, _CHUNK)
        position = file.position
        try:
            if not file.seekable and not file.messages:
                _probe(process, va + done)
            data = file.read(size) if offset is None else file.pread(offset + done, size)
            process.mm.write(va + done, data)
        except WouldBlock as wait:
            if done:
                break
            raise or_again(process, file, wait) from None
        except Fault as fault:
            copied = fault.va - va - done
            done += copied
            if offset is None and file.seekable:
                file.position = position + copied
            if done:
                break
            raise
        except OSError:
            if done:
                break
            raise
        done += len(data)
        if len(data) < size or not file.seekable:
            break
    return done


def _probe(process: Process, va: int) -> None:
    """Raise Fault for an unwritable buffer before data is consumed from a pipe or terminal."""
    from toyvm.machine.mmu import Access

    process.mm.translate(va, Access.WRITE)


def _write_from(
    kernel: KernelState, process: Process, file: OpenFile, va: int, count: int, offset: int | None = None
) -> int:
    """Write `count` bytes from `va` in bounded pieces. A blocked write keeps its progress."""
    if (
        offset is None
        and 0 < count <= PIPE_CAPACITY
        and not process.in_call
        and file.writable
        and process.rlimits.file_size == RLIM_INFINITY
    ):  # nearly every write: one piece
        data = _readable(process, file, va, count)
        try:
            written = file.write(data)
        except (WouldBlock, OSError) as failure:
            raise _refused(kernel, process, file, failure) from None
        if written == count or not written or len(data) < count or file.messages:
            return written
        process.call.done = written
    return _write_pieces(
        kernel, process, file, count, lambda at, size: _readable(process, file, va + at, size), offset
    )


def _write_pieces(
    kernel: KernelState,
    process: Process,
    file: OpenFile,
    count: int,
    fetch: Callable[[int, int], bytes],
    offset: int | None = None,
) -> int:
    """Write `count` bytes in bounded pieces, which `fetch` reads from the program by place and size."""
    if not file.writable:
        raise error(errno.EBADF)
    count = min(count, MAX_RW_COUNT)
    done = process.call.done
    if not count:
        return file.write(b"") if offset is None else 0
    if process.rlimits.file_size != RLIM_INFINITY:
        count = _within_limit(kernel, process, file, offset, count)
    while done < count:
        piece = PIPE_CAPACITY if not file.seekable and not file.messages else _CHUNK
        size = min(count - done, piece)
        try:
            data = fetch(done, size)
            written = file.write(data) if offset is None else file.pwrite(offset + done, data)
        except WouldBlock as wait:
            if file.flags & O_NONBLOCK and done:
                break
            process.call.done = done
            raise or_again(process, file, wait, writing=True) from None
        except OSError as failure:
            if done:
                break
            raise _refused(kernel, process, file, failure) from None
        done += written
        if not written or len(data) < size or file.messages:
            break
    return done


def _refused(
    kernel: KernelState, process: Process, file: OpenFile, failure: WouldBlock | OSError
) -> OSError | WouldBlock:
    """What to raise where a write of nothing but the first bytes fails; a pipe without readers sends SIGPIPE."""
    if isinstance(failure, WouldBlock):
        return or_again(process, file, failure, writing=True)
    if failure.errno == errno.EPIPE and file.sends_sigpipe:
        info = SigInfo(Signal.SIGPIPE, 0, pid=process.pid, uid=kernel.UID)
        send(kernel, process, info, to_thread=True)
    return failure


def _within_limit(
    kernel: KernelState, process: Process, file: OpenFile, offset: int | None, count: int
) -> int:
    from .limit_calls import within_file_limit  # most programs have no limit

    return within_file_limit(kernel, process, file, offset, count)


def _readable(process: Process, file: OpenFile, va: int, size: int) -> bytes:
    """The bytes to write; for a file, those before an invalid address, if any. Raises Fault."""
    try:
        return process.mm.read(va, size)
    except Fault as fault:
        if fault.va <= va or not file.seekable:
            raise
        return process.mm.read(va, fault.va - va)


def read(kernel: KernelState, process: Process, fd: int, va: int, count: int) -> int:
    """read(2): read up to `count` bytes at the file's position to `va`. Return their number.

    Errors: EBADF, EFAULT, EISDIR, EINVAL, EIO, EAGAIN (O_NONBLOCK and no data).
    """
    file = open_file(process, fd)
    if file.is_terminal:
        from .tty_calls import before_read

        before_read(kernel, process, file)
    done = _read_into(process, file, va, count)
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_ACCESS)
    return done


def write(kernel: KernelState, process: Process, fd: int, va: int, count: int) -> int:
    """write(2): write `count` bytes from `va` at the file's position. Return the number written.

    Errors: EBADF, EFAULT, EFBIG (RLIMIT_FSIZE), EINVAL, EIO, ENOSPC, EPERM (sealed), EROFS, EAGAIN (O_NONBLOCK and no
    room), EPIPE with SIGPIPE.
    """
    file = open_file(process, fd)
    if file.is_terminal:
        from .tty_calls import before_write

        before_write(kernel, process, file)
    done = _write_from(kernel, process, file, va, count)
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_MODIFY)
    return done


def pread64(kernel: KernelState, process: Process, fd: int, va: int, count: int, offset: int) -> int:
    """pread(2): read up to `count` bytes at `offset`; the file's position does not change.

    Errors: those of read(2), EINVAL (a negative offset), ESPIPE.
    """
    if sext(offset, 64) < 0:
        raise error(errno.EINVAL)
    file = open_file(process, fd)
    done = _read_into(process, file, va, count, offset)
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_ACCESS)
    return done


def pwrite64(kernel: KernelState, process: Process, fd: int, va: int, count: int, offset: int) -> int:
    """pwrite(2): write `count` bytes at `offset`; the file's position does not change.

    Errors: those of write(2), EINVAL (a negative offset), ESPIPE.
    """
    if sext(offset, 64) < 0:
        raise error(errno.EINVAL)
    file = open_file(process, fd)
    done = _write_from(kernel, process, file, va, count, offset)
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_MODIFY)
    return done


def readv(kernel: KernelState, process: Process, fd: int, va: int, count: int) -> int:
    """readv(2): read into the `count` buffers of the struct iovec at `va`. Return the total.

    Errors: those of read(2), and EINVAL for more than IOV_MAX buffers or a negative length.
    """
    file = open_file(process, fd)
    done = read_vectors(process, file, va, count)
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_ACCESS)
    return done


def preadv(kernel: KernelState, process: Process, fd: int, va: int, count: int, offset: int) -> int:
    """preadv(2): readv(2) at `offset`; the file's position does not change.

    Errors: those of readv(2), EINVAL (a negative offset), ESPIPE.
    """
    if sext(offset, 64) < 0:
        raise error(errno.EINVAL)
    file = open_file(process, fd)
    done = read_vectors(process, file, va, count, offset)
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_ACCESS)
    return done


def _read_message(process: Process, file: OpenFile, buffers: list[tuple[int, int]]) -> int:
    """Read one message into several buffers."""
    if not file.readable:
        raise error(errno.EBADF)
    try:
        data = file.read(min(sum(length for _, length in buffers), _CHUNK))
    except WouldBlock as wait:
        raise or_again(process, file, wait) from None
    at = 0
    for base, length in buffers:
        process.mm.write(base, data[at : at + length])
        at += length
    return len(data)


def read_vectors(process: Process, file: OpenFile, va: int, count: int, offset: int | None = None) -> int:
    total = 0
    if (file.messages or file.packets) and offset is None:
        return _read_message(process, file, vectors(process, va, count))
    for base, length in vectors(process, va, count):
        if not length:
            continue
        try:
            got = _read_into(process, file, base, length, None if offset is None else offset + total)
        except (OSError, WouldBlock):
            if total:
                break
            raise
        total += got
        if got < length:
            break
    return total


def writev(kernel: KernelState, process: Process, fd: int, va: int, count: int) -> int:
    """writev(2): write the `count` buffers of the struct iovec at `va`. Return the total.

    Errors: those of write(2), EMSGSIZE (a datagram), and EINVAL for more than IOV_MAX buffers or a negative length.
    """
    file = open_file(process, fd)
    done = write_vectors(kernel, process, file, va, count)
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_MODIFY)
    return done


def pwritev(kernel: KernelState, process: Process, fd: int, va: int, count: int, offset: int) -> int:
    """pwritev(2): writev(2) at `offset`; the file's position does not change.

    Errors: those of writev(2), EINVAL (a negative offset), ESPIPE.
    """
    if sext(offset, 64) < 0:
        raise error(errno.EINVAL)
    file = open_file(process, fd)
    done = write_vectors(kernel, process, file, va, count, offset)
    if kernel.inotify is not None and done:
        kernel.inotify.used(file, IN_MODIFY)
    return done


def _write_message(
    kernel: KernelState, process: Process, file: OpenFile, buffers: list[tuple[int, int]]
) -> int:
    """Write one message out of several buffers."""
    if not file.writable:
        raise error(errno.EBADF)
    if sum(length for _, length in buffers) > _CHUNK:
        raise error(errno.EMSGSIZE)
    try:
        return file.write(b"".join(process.mm.read(base, length) for base, length in buffers))
    except WouldBlock as wait:
        raise or_again(process, file, wait, writing=True) from None
    except OSError as failure:
        if failure.errno == errno.EPIPE and file.sends_sigpipe:
            send(kernel, process, SigInfo(Signal.SIGPIPE, 0, pid=process.pid, uid=kernel.UID), to_thread=True)
        raise


def write_vectors(
    kernel: KernelState, process: Process, file: OpenFile, va: int, count: int, offset: int | None = None
) -> int:
    if file.messages and offset is None:
        return _write_message(kernel, process, file, vectors(process, va, count))
    buffers = vectors(process, va, count)
    whole = sum(length for _, length in buffers)
    if file.packets and offset is None:
        return _write_pieces(
            kernel, process, file, whole, lambda at, size: gather(process, buffers, at, size)
        )
    resumed, process.call.done = process.call.done, 0
    total = 0
    if whole and process.rlimits.file_size != RLIM_INFINITY:  # one write, so one signal at most
        whole = _within_limit(kernel, process, file, offset, whole)
    for base, length in buffers:
        length = min(length, whole - total)
        if resumed >= length:
            resumed -= length
            total += length
            continue
        process.call.done = resumed
        try:
            done = _write_from(
                kernel, process, file, base, length, None if offset is None else offset + total
            )
        except WouldBlock:
            process.call.done += total
            raise
        except OSError:
            if total:
                break
            raise
        resumed = process.call.done = 0
        total += done
        if done < length:
            break
    return total


def lseek(kernel: KernelState, process: Process, fd: int, offset: int, whence: int) -> int:
    """lseek(2): set the file's position, and return it. All five SEEK_ modes are supported.

    Errors: EBADF, EINVAL, ENXIO, ESPIPE.
    """
    return open_file(process, fd).seek(sext(offset, 64), sext(whence, 32))


def close(kernel: KernelState, process: Process, fd: int) -> int:
    """close(2): close a descriptor; the last one releases the open file.

    Errors: EBADF.
    """
    process.fds.close(sext(fd, 32))
    return 0
