"""Reading, writing and the life of file descriptors."""

from __future__ import annotations

import errno
import struct

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT

from ..limits import PIPE_CAPACITY
from ..mm.user_memory import Fault
from ..proc.signals import SigInfo, Signal
from ..vfs.nodes import FileNode
from ..vfs.open_file import O_CLOEXEC, O_NONBLOCK, POLLNVAL, STATUS_FLAGS, OpenFile, WouldBlock
from ..vfs.pipe import PipeReader, PipeWriter, make_pipe
from .table import nanoseconds, signed, syscall

if TYPE_CHECKING:
    from ..kernel import Kernel
    from ..proc.process import Process

MAX_RW_COUNT = 0x7FFFF000  # Linux cuts longer transfers here
_CHUNK = 1 << 20
IOV_MAX = 1024
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030
FIONREAD = 0x541B
POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE = 3, 4, 5


def open_file(process: Process, fd: int) -> OpenFile:
    """The open file of an argument register. Raises OSError(EBADF)."""
    return process.fds.get(signed(fd, 32))


def _or_again(file: OpenFile, wait: WouldBlock) -> OSError | WouldBlock:
    return error(errno.EAGAIN) if file.flags & O_NONBLOCK else wait


def _read_into(process: Process, file: OpenFile, va: int, count: int, offset: int | None = None) -> int:
    """Read up to `count` bytes to `va` in bounded pieces; stops at the first short one, and at an address that is no good."""
    if not file.readable:
        raise error(errno.EBADF)
    count = min(count, MAX_RW_COUNT)
    done = 0
    while done < count:
        size = min(count - done, _CHUNK)
        position = file.position
        try:
            if not file.seekable:
                _probe(process, va + done)
            data = file.read(size) if offset is None else file.pread(offset + done, size)
            process.mm.write(va + done, data)
        except WouldBlock as wait:
            if done:
                break
            raise _or_again(file, wait) from None
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
    """Fault before anything is taken out of a pipe or terminal."""
    from toyvm.machine.mmu import Access

    process.mm.translate(va, Access.WRITE)


def _write_from(
    kernel: Kernel, process: Process, file: OpenFile, va: int, count: int, offset: int | None = None
) -> int:
    """Write `count` bytes from `va` in bounded pieces. A blocked write remembers how far it came."""
    if not file.writable:
        raise error(errno.EBADF)
    count = min(count, MAX_RW_COUNT)
    done = process.call.done
    if not count:
        return file.write(b"") if offset is None else 0
    while done < count:
        piece = PIPE_CAPACITY if not file.seekable else _CHUNK
        size = min(count - done, piece)
        try:
            data = _readable(process, file, va + done, size)
            written = file.write(data) if offset is None else file.pwrite(offset + done, data)
        except WouldBlock as wait:
            if file.flags & O_NONBLOCK and done:
                break
            process.call.done = done
            raise _or_again(file, wait) from None
        except OSError as failure:
            if done:
                break
            if failure.errno == errno.EPIPE:
                from ..proc.signal_delivery import send

                send(kernel, process, SigInfo(Signal.SIGPIPE, 0, pid=process.pid))
            raise
        done += written
        if not written or len(data) < size:
            break
    return done


def _readable(process: Process, file: OpenFile, va: int, size: int) -> bytes:
    """The bytes to be written: for a file those before an address that is no good, if there are any. Raises Fault."""
    try:
        return process.mm.read(va, size)
    except Fault as fault:
        if fault.va <= va or not file.seekable:
            raise
        return process.mm.read(va, fault.va - va)


def vectors(process: Process, va: int, count: int) -> list[tuple[int, int]]:
    """An array of `count` struct iovec: (address, length). Raises Fault, OSError(EINVAL)."""
    number = signed(count, 32)
    if not 0 <= number <= IOV_MAX:
        raise error(errno.EINVAL)
    pairs = list(struct.iter_unpack("<QQ", process.mm.read(va, 16 * number)))
    if any(length >> 63 for _, length in pairs):
        raise error(errno.EINVAL)
    return pairs


@syscall(63, "read", "fd filled uint")
def read(kernel: Kernel, process: Process, fd: int, va: int, count: int) -> int:
    return _read_into(process, open_file(process, fd), va, count)


@syscall(64, "write", "fd bytes uint")
def write(kernel: Kernel, process: Process, fd: int, va: int, count: int) -> int:
    return _write_from(kernel, process, open_file(process, fd), va, count)


@syscall(67, "pread64", "fd filled uint int")
def pread64(kernel: Kernel, process: Process, fd: int, va: int, count: int, offset: int) -> int:
    if signed(offset) < 0:
        raise error(errno.EINVAL)
    return _read_into(process, open_file(process, fd), va, count, offset)


@syscall(68, "pwrite64", "fd bytes uint int")
def pwrite64(kernel: Kernel, process: Process, fd: int, va: int, count: int, offset: int) -> int:
    if signed(offset) < 0:
        raise error(errno.EINVAL)
    return _write_from(kernel, process, open_file(process, fd), va, count, offset)


@syscall(65, "readv", "fd ptr int")
def readv(kernel: Kernel, process: Process, fd: int, va: int, count: int) -> int:
    return _read_vectors(process, open_file(process, fd), va, count)


@syscall(69, "preadv", "fd ptr int int")
def preadv(kernel: Kernel, process: Process, fd: int, va: int, count: int, offset: int) -> int:
    if signed(offset) < 0:
        raise error(errno.EINVAL)
    return _read_vectors(process, open_file(process, fd), va, count, offset)


def _read_vectors(process: Process, file: OpenFile, va: int, count: int, offset: int | None = None) -> int:
    total = 0
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


@syscall(66, "writev", "fd ptr int")
def writev(kernel: Kernel, process: Process, fd: int, va: int, count: int) -> int:
    return _write_vectors(kernel, process, open_file(process, fd), va, count)


@syscall(70, "pwritev", "fd ptr int int")
def pwritev(kernel: Kernel, process: Process, fd: int, va: int, count: int, offset: int) -> int:
    if signed(offset) < 0:
        raise error(errno.EINVAL)
    return _write_vectors(kernel, process, open_file(process, fd), va, count, offset)


def _write_vectors(
    kernel: Kernel, process: Process, file: OpenFile, va: int, count: int, offset: int | None = None
) -> int:
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


@syscall(62, "lseek", "fd int int")
def lseek(kernel: Kernel, process: Process, fd: int, offset: int, whence: int) -> int:
    return open_file(process, fd).seek(signed(offset), signed(whence, 32))


@syscall(57, "close", "fd")
def close(kernel: Kernel, process: Process, fd: int) -> int:
    process.fds.close(signed(fd, 32))
    return 0


@syscall(23, "dup", "fd")
def dup(kernel: Kernel, process: Process, fd: int) -> int:
    return process.fds.install(open_file(process, fd))


@syscall(24, "dup3", "fd fd fdflags")
def dup3(kernel: Kernel, process: Process, old: int, new: int, flags: int) -> int:
    old, new = signed(old, 32), signed(new, 32)
    if old == new or flags & ~O_CLOEXEC:
        raise error(errno.EINVAL)
    process.fds.replace(new, process.fds.get(old), cloexec=bool(flags & O_CLOEXEC))
    return new


@syscall(25, "fcntl", "fd int hex")
def fcntl(kernel: Kernel, process: Process, fd: int, command: int, argument: int) -> int:
    file = open_file(process, fd)
    number = signed(fd, 32)
    if command in (F_DUPFD, F_DUPFD_CLOEXEC):
        lowest = signed(argument, 32)
        if not 0 <= lowest < process.fds.limit:
            raise error(errno.EINVAL)
        return process.fds.install(file, cloexec=command == F_DUPFD_CLOEXEC, lowest=lowest)
    if command == F_GETFD:
        return int(process.fds.cloexec(number))
    if command == F_SETFD:
        process.fds.set_cloexec(number, bool(argument & 1))
        return 0
    if command == F_GETFL:
        return file.flags & ~(O_CLOEXEC | 0o700) | 0o100000  # O_LARGEFILE, as a 64-bit Linux shows it
    if command == F_SETFL:
        file.flags = file.flags & ~STATUS_FLAGS | argument & STATUS_FLAGS
        return 0
    raise error(errno.EINVAL)


@syscall(59, "pipe2", "fdpair fdflags")
def pipe2(kernel: Kernel, process: Process, va: int, flags: int) -> int:
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise error(errno.EINVAL)
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


@syscall(29, "ioctl", "fd hex ptr")
def ioctl(kernel: Kernel, process: Process, fd: int, request: int, argument: int) -> int:
    open_file(process, fd)
    raise error(errno.ENOTTY)  # nothing here is a terminal, whatever the host's streams are


@syscall(46, "ftruncate", "fd int")
def ftruncate(kernel: Kernel, process: Process, fd: int, length: int) -> int:
    file = open_file(process, fd)
    if signed(length) < 0 or not file.writable:
        raise error(errno.EINVAL)
    file.truncate(length)
    return 0


@syscall(82, "fsync", "fd")
def fsync(kernel: Kernel, process: Process, fd: int) -> int:
    from ..vfs.nodes import FileNode

    node = open_file(process, fd).node
    if isinstance(node, FileNode):
        kernel.system.cache.write_back(node)
    return 0


syscall(83, "fdatasync", "fd")(fsync)


@syscall(223, "fadvise64", "fd uint uint int")
def fadvise64(kernel: Kernel, process: Process, fd: int, offset: int, length: int, advice: int) -> int:
    """posix_fadvise(2). What is read through descriptors is not cached here, so that WILLNEED serves later mappings; a file's
    order of reading is a matter of its mappings (madvise)."""
    opened = open_file(process, fd)
    if isinstance(opened, (PipeReader, PipeWriter)):
        raise error(errno.ESPIPE)
    if not 0 <= advice <= POSIX_FADV_NOREUSE or offset >> 63 or length >> 63:
        raise error(errno.EINVAL)
    file = opened.node
    if isinstance(file, FileNode):
        if advice == POSIX_FADV_WILLNEED:
            _read_ahead(kernel, file, offset, length)
        elif advice == POSIX_FADV_DONTNEED:
            kernel.system.cache.drop_range(file, offset, offset + length if length else None)
    return 0


@syscall(213, "readahead", "fd uint uint")
def readahead(kernel: Kernel, process: Process, fd: int, offset: int, length: int) -> int:
    opened = open_file(process, fd)
    if not opened.readable:
        raise error(errno.EBADF)
    if not isinstance(opened.node, FileNode):
        raise error(errno.EINVAL)
    _read_ahead(kernel, opened.node, offset, length)
    return 0


def _read_ahead(kernel: Kernel, file: FileNode, offset: int, length: int) -> None:
    """Bring whole pages into the page cache; length 0 is all that follows."""
    first = offset >> PAGE_SHIFT
    last = (offset + length if length else max(file.size, offset)) + PAGE_MASK >> PAGE_SHIFT
    kernel.system.cache.read_ahead(file, first, last - first)


@syscall(73, "ppoll", "ptr uint ptr ptr uint")
def ppoll(kernel: Kernel, process: Process, fds: int, count: int, timeout: int, mask: int, size: int) -> int:
    if count > process.fds.limit:
        raise error(errno.EINVAL)
    entries = list(struct.iter_unpack("<ihh", process.mm.read(fds, 8 * count)))
    ready, result, queues = 0, bytearray(), []
    for fd, events, _ in entries:
        found = 0
        if fd >= 0:
            try:
                file = process.fds.get(fd)
                found = file.poll() & (events & 0xFFFF | 8 | 16)
                queue = file.poll_queue()
                queues += [queue] if queue is not None else []
            except OSError:
                found = POLLNVAL
        ready += bool(found)
        result += struct.pack("<ihh", fd, events, found)
    call = process.call
    if timeout and call.deadline is None:
        wait = nanoseconds(*struct.unpack("<qq", process.mm.read(timeout, 16)))
        call.deadline = kernel.now + wait
    if not ready and (call.deadline is None or call.deadline > kernel.now):
        raise WouldBlock(*queues, deadline=call.deadline)
    process.mm.write(fds, bytes(result))
    return ready
