"""System calls on file descriptors."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT

from ..limits import PIPE_CAPACITY
from ..mm.user_memory import Fault
from ..proc.lifecycle import send
from ..proc.signals import SigInfo, Signal
from ..vfs.nodes import FileNode
from ..vfs.open_file import (
    O_CLOEXEC,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_NONBLOCK,
    O_PATH,
    STATUS_FLAGS,
    OpenFile,
    WouldBlock,
)
from .arguments import open_file, or_again, vectors

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

MAX_RW_COUNT = 0x7FFFF000  # Linux truncates longer transfers
_CHUNK = 1 << 20
IN_ACCESS, IN_MODIFY = 1, 2  # inotify(7)
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030
F_SETOWN, F_GETOWN, F_GETPIPE_SZ = 8, 9, 1032
F_LOCKS = (5, 6, 7, 36, 37, 38)  # F_GETLK to F_OFD_SETLKW: `lock_calls`
FIONREAD, FIONBIO, FIONCLEX, FIOCLEX = 0x541B, 0x5421, 0x5450, 0x5451
POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE = 3, 4, 5


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
    if not file.writable:
        raise error(errno.EBADF)
    count = min(count, MAX_RW_COUNT)
    done = process.call.done
    if not count:
        return file.write(b"") if offset is None else 0
    while done < count:
        piece = PIPE_CAPACITY if not file.seekable and not file.messages else _CHUNK
        size = min(count - done, piece)
        try:
            data = _readable(process, file, va + done, size)
            written = file.write(data) if offset is None else file.pwrite(offset + done, data)
        except WouldBlock as wait:
            if file.flags & O_NONBLOCK and done:
                break
            process.call.done = done
            raise or_again(process, file, wait, writing=True) from None
        except OSError as failure:
            if done:
                break
            if failure.errno == errno.EPIPE and file.sends_sigpipe:
                send(
                    kernel,
                    process,
                    SigInfo(Signal.SIGPIPE, 0, pid=process.pid, uid=kernel.UID),
                    to_thread=True,
                )
            raise
        done += written
        if not written or len(data) < size or file.messages:
            break
    return done


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

    Errors: EBADF, EFAULT, EINVAL, EIO, ENOSPC, EROFS, EAGAIN (O_NONBLOCK and no room), EPIPE with
    SIGPIPE.
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
    done = _read_vectors(process, file, va, count)
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
    done = _read_vectors(process, file, va, count, offset)
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


def _read_vectors(process: Process, file: OpenFile, va: int, count: int, offset: int | None = None) -> int:
    total = 0
    if file.messages and offset is None:
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
    done = _write_vectors(kernel, process, file, va, count)
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
    done = _write_vectors(kernel, process, file, va, count, offset)
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


def _write_vectors(
    kernel: KernelState, process: Process, file: OpenFile, va: int, count: int, offset: int | None = None
) -> int:
    if file.messages and offset is None:
        return _write_message(kernel, process, file, vectors(process, va, count))
    resumed, process.call.done = process.call.done, 0
    total = 0
    for base, length in vectors(process, va, count):
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


def fcntl(kernel: KernelState, process: Process, fd: int, command: int, argument: int) -> int:
    """fcntl(2): duplicate a descriptor, read and set its flags and its file's, lock parts of its file.

    The commands: F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW and
    their F_OFD_ forms, F_GETOWN and F_SETOWN without effect, F_GETPIPE_SZ.

    Errors: EAGAIN (locked), EBADF, EDEADLK, EFAULT, EINTR, EINVAL, EMFILE, ENOLCK, EOVERFLOW.
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
        file.flags = file.flags & ~STATUS_FLAGS | argument & STATUS_FLAGS
        return 0
    if command in F_LOCKS:
        from .lock_calls import record_lock

        return record_lock(kernel, process, fd, command, argument)
    if command in (F_SETOWN, F_GETOWN):
        return 0  # no descriptor sends SIGIO
    if command == F_GETPIPE_SZ:
        from ..vfs.pipe import pipe_size

        return pipe_size(file)
    raise error(errno.EINVAL)


def pipe2(kernel: KernelState, process: Process, va: int, flags: int) -> int:
    """pipe2(2): create a pipe; store its read and write descriptors as two ints at `va`.

    Flags: O_CLOEXEC, O_NONBLOCK.

    Errors: EFAULT, EINVAL, EMFILE, ENFILE.
    """
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise error(errno.EINVAL)
    from ..vfs.pipe import make_pipe

    reader, writer = make_pipe(kernel.new_inode(), kernel.pipes, flags & O_NONBLOCK)
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


def ioctl(kernel: KernelState, process: Process, fd: int, request: int, argument: int) -> int:
    """ioctl(2): FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, and of a terminal those of tty_ioctl(4).

    Errors: EBADF, EFAULT, EINVAL, EIO, EMFILE, ENOTTY, EPERM, ESRCH.
    """
    file = open_file(process, fd)
    if request == FIONREAD and not file.is_terminal:
        process.mm.write_int(argument, file.available(), 4)
        return 0
    if request == FIONBIO:
        wanted = process.mm.read_int(argument, 4)
        file.flags = file.flags | O_NONBLOCK if wanted else file.flags & ~O_NONBLOCK
        return 0
    if request in (FIOCLEX, FIONCLEX):
        process.fds.set_cloexec(sext(fd, 32), request == FIOCLEX)
        return 0
    if file.is_terminal:
        from .tty_calls import terminal_ioctl

        return terminal_ioctl(kernel, process, file, request & 0xFFFFFFFF, argument)
    raise error(errno.ENOTTY)


def ftruncate(kernel: KernelState, process: Process, fd: int, length: int) -> int:
    """ftruncate(2): set the size of an open file.

    Errors: EBADF, EINVAL (a negative length, not open for writing), ENOSPC, EROFS.
    """
    file = open_file(process, fd)
    if sext(length, 64) < 0 or not file.writable:
        raise error(errno.EINVAL)
    file.truncate(length)
    if kernel.inotify is not None:
        kernel.inotify.used(file, IN_MODIFY)
    return 0


def fsync(kernel: KernelState, process: Process, fd: int) -> int:
    """fsync(2), fdatasync(2): write the file's dirty pages back.

    Errors: EBADF, EIO.
    """
    from ..vfs.nodes import FileNode

    node = open_file(process, fd).node
    if isinstance(node, FileNode):
        kernel.system.cache.write_back(node)
    return 0


def fadvise64(kernel: KernelState, process: Process, fd: int, offset: int, length: int, advice: int) -> int:
    """posix_fadvise(2): WILLNEED brings pages into the page cache, DONTNEED drops them.

    Other advice is ignored. Reads through descriptors are not cached, so WILLNEED only helps later
    mappings.

    Errors: EBADF, EINVAL, ESPIPE.
    """
    opened = open_file(process, fd)
    from ..vfs.pipe import PipeReader, PipeWriter

    if isinstance(opened, (PipeReader, PipeWriter)):
        raise error(errno.ESPIPE)
    if not 0 <= advice <= POSIX_FADV_NOREUSE or offset >> 63 or length >> 63:
        raise error(errno.EINVAL)
    file = opened.node
    if isinstance(file, FileNode):
        if advice == POSIX_FADV_WILLNEED:
            _read_ahead(kernel, process, file, offset, length)
        elif advice == POSIX_FADV_DONTNEED:
            kernel.system.cache.drop_range(file, offset, offset + length if length else None)
    return 0


def readahead(kernel: KernelState, process: Process, fd: int, offset: int, length: int) -> int:
    """readahead(2): bring pages of a file into the page cache.

    Errors: EBADF (not open for reading too), EINVAL (not a file).
    """
    opened = open_file(process, fd)
    if not opened.readable:
        raise error(errno.EBADF)
    if not isinstance(opened.node, FileNode):
        raise error(errno.EINVAL)
    _read_ahead(kernel, process, opened.node, offset, length)
    return 0


def _read_ahead(kernel: KernelState, process: Process, file: FileNode, offset: int, length: int) -> None:
    """Bring whole pages into the page cache. Length 0 means up to the end of the file."""
    first = offset >> PAGE_SHIFT
    last = (offset + length if length else max(file.size, offset)) + PAGE_MASK >> PAGE_SHIFT
    kernel.system.cache.read_ahead(file, first, last - first, process.mm.context)
