"""Messages of sockets: send, recv, and what goes along with the bytes (cmsg(3))."""

from __future__ import annotations

import errno
import struct

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record
from toyvm.kernel.net.addresses import AF_UNIX, parse_unix
from toyvm.kernel.net.options import passes_credentials
from toyvm.kernel.net.socket_file import (
    MSG_CTRUNC,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    MSG_WAITALL,
    NO_CREDENTIALS,
    SOCK_STREAM,
    Credentials,
    Received,
    SocketFile,
)
from toyvm.kernel.net.unix_sockets import UnixDatagram
from toyvm.kernel.proc.lifecycle import send as send_signal
from toyvm.kernel.proc.signals import SigInfo, Signal
from toyvm.kernel.vfs.open_file import O_NONBLOCK, OpenFile, WouldBlock

from ..arguments import MAX_RW_COUNT, gather, or_again, timespec, vectors
from .socket_calls import credentials_of, find_unix, read_address, socket_of, write_address

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

SOL_SOCKET, SCM_RIGHTS, SCM_CREDENTIALS = 1, 1, 2
SCM_MAX_FD = 253
MSG_WAITFORONE, MSG_CMSG_CLOEXEC = 0x10000, 0x40000000
UIO_MAXIOV = 1024
_PIECE = 64 << 10  # bytes of a stream that are copied at a time
_MESSAGE_MAX = 1 << 20
_CONTROL_MAX = 64 << 10
_HEADER = struct.Struct("<QiiQQQQii")  # struct msghdr
_CMSG = struct.Struct("<Qii")


class _Header(Record):
    """struct msghdr: where the name, the buffers and the control data are."""

    va: int
    name: int
    name_length: int
    buffers: list[tuple[int, int]]
    control: int
    control_length: int


def _header(process: Process, va: int) -> _Header:
    name, length, _, iov, count, control, control_length, _, _ = _HEADER.unpack(
        process.mm.read(va, _HEADER.size)
    )
    if count > UIO_MAXIOV:
        raise error(errno.EMSGSIZE)
    if name and length < 0:
        raise error(errno.EINVAL)
    return _Header(
        va, name, min(length, 128) if name else 0, vectors(process, iov, count), control, control_length
    )


def _scatter(process: Process, buffers: list[tuple[int, int]], skip: int, data: bytes) -> None:
    """Write bytes to the buffers, from byte `skip` of these on. Raises Fault."""
    at = 0
    for base, length in buffers:
        if skip >= length:
            skip -= length
            continue
        piece = data[at : at + length - skip]
        if not piece:
            break
        process.mm.write(base + skip, piece)
        at += len(piece)
        skip = 0


# Sending


def _send(
    kernel: KernelState,
    process: Process,
    socket: SocketFile,
    buffers: list[tuple[int, int]],
    flags: int,
    to: bytes | None,
    control: tuple[Credentials, list[OpenFile]] | None,
) -> int:
    """Send what is in the buffers. A send that waits remembers how far it came."""
    credentials, files = control if control is not None else (credentials_of(kernel, process), [])
    total = sum(length for _, length in buffers)
    call = process.call
    done = call.done
    try:
        if socket.messages:
            if total > _MESSAGE_MAX:
                raise error(errno.EMSGSIZE)
            data = gather(process, buffers, 0, total)
            return _send_piece(kernel, process, socket, data, flags, to, credentials, files)
        while True:
            data = gather(process, buffers, done, _PIECE)
            now = flags if done + len(data) >= total else flags & ~MSG_OOB  # the last byte of all is urgent
            done += _send_piece(kernel, process, socket, data, now, to, credentials, [] if done else files)
            if done >= total:
                return done
    except WouldBlock as wait:
        if done and (flags & MSG_DONTWAIT or socket.flags & O_NONBLOCK):
            return done
        call.done = done
        again = _again(process, socket, wait, flags, writing=True)
        if isinstance(again, OSError) and done:
            return done
        raise again from None
    except OSError as failure:
        if done:
            return done
        if failure.errno == errno.EPIPE and not flags & MSG_NOSIGNAL and socket.type == SOCK_STREAM:
            send_signal(
                kernel, process, SigInfo(Signal.SIGPIPE, 0, pid=process.pid, uid=kernel.UID), to_thread=True
            )
        raise


def _again(
    process: Process, socket: SocketFile, wait: WouldBlock, flags: int, *, writing: bool = False
) -> OSError | WouldBlock:
    if flags & MSG_DONTWAIT:
        return error(errno.EAGAIN)
    return or_again(process, socket, wait, writing=writing)


def _send_piece(
    kernel: KernelState,
    process: Process,
    socket: SocketFile,
    data: bytes,
    flags: int,
    to: bytes | None,
    credentials: Credentials,
    files: list[OpenFile],
) -> int:
    if to is not None and isinstance(socket, UnixDatagram):
        other = find_unix(kernel, process, parse_unix(to))
        socket.check(other)
        assert isinstance(other, UnixDatagram)
        socket.raise_error()
        return socket.send_to(other, data, flags, credentials, files)
    return socket.send(data, flags, to, credentials, files)


def _read_control(
    kernel: KernelState, process: Process, socket: SocketFile, header: _Header
) -> tuple[Credentials, list[OpenFile]]:
    """What goes along: credentials and files. Raises Fault, OSError: EBADF, EINVAL, ENOBUFS, EPERM, ETOOMANYREFS."""
    credentials = credentials_of(kernel, process)
    files: list[OpenFile] = []
    if not header.control or not header.control_length:
        return credentials, files
    if header.control_length > _CONTROL_MAX:
        raise error(errno.ENOBUFS)
    data = process.mm.read(header.control, header.control_length)
    at = 0
    while at + _CMSG.size <= len(data):
        length, level, kind = _CMSG.unpack_from(data, at)
        if not _CMSG.size <= length <= len(data) - at:
            raise error(errno.EINVAL)
        payload = data[at + _CMSG.size : at + length]
        at += (length + 7) & ~7
        if level != SOL_SOCKET or socket.family != AF_UNIX:
            continue
        if kind == SCM_RIGHTS:
            numbers = [number for (number,) in struct.iter_unpack("<i", payload[: len(payload) & ~3])]
            if len(files) + len(numbers) > SCM_MAX_FD:
                raise error(errno.EINVAL)
            files += [process.fds.get(number) for number in numbers]
        elif kind == SCM_CREDENTIALS:
            if len(payload) != 12:
                raise error(errno.EINVAL)
            if struct.unpack("<iII", payload) != credentials:
                raise error(errno.EPERM)
        else:
            raise error(errno.EINVAL)
    if sum(kernel.network.in_flight.values()) + len(files) > process.fds.limit:
        raise error(errno.ETOOMANYREFS)
    return credentials, files


def sendto(
    kernel: KernelState, process: Process, fd: int, va: int, count: int, flags: int, to: int, length: int
) -> int:
    """send(2), sendto(2): send bytes or a datagram, to an address if one is given; the bytes sent.

    Errors: EAFNOSUPPORT, EAGAIN, EBADF, ECONNREFUSED, ECONNRESET, EDESTADDRREQ, EFAULT, EINTR, EINVAL, EISCONN,
    EMSGSIZE, ENETUNREACH, ENOENT, ENOTCONN, ENOTSOCK, EOPNOTSUPP, EPERM, EPIPE with SIGPIPE, EPROTOTYPE.
    """
    socket = socket_of(process, fd)
    address = read_address(process, to, length) if to else None
    return _send(kernel, process, socket, [(va, count)], flags, address, None)


def _send_message(kernel: KernelState, process: Process, socket: SocketFile, va: int, flags: int) -> int:
    header = _header(process, va)
    to = process.mm.read(header.name, header.name_length) if header.name and header.name_length else None
    control = _read_control(kernel, process, socket, header)
    return _send(kernel, process, socket, header.buffers, flags, to, control)


def sendmsg(kernel: KernelState, process: Process, fd: int, va: int, flags: int) -> int:
    """sendmsg(2): send the buffers of a struct msghdr, with files (SCM_RIGHTS) and credentials; the bytes sent.

    Errors: those of sendto(2), EMSGSIZE, ENOBUFS, ETOOMANYREFS (too many files are under way).
    """
    return _send_message(kernel, process, socket_of(process, fd), va, flags)


def sendmmsg(kernel: KernelState, process: Process, fd: int, va: int, count: int, flags: int) -> int:
    """sendmmsg(2): sendmsg(2) for `count` struct mmsghdr; how many were sent.

    Errors: those of sendmsg(2).
    """
    socket = socket_of(process, fd)
    sent = 0
    for number in range(min(count & 0xFFFFFFFF, UIO_MAXIOV)):
        at = va + 64 * number
        try:
            taken = _send_message(kernel, process, socket, at, flags if not sent else flags | MSG_DONTWAIT)
            process.mm.write_int(at + 56, taken, 4)
        except OSError:
            if sent:
                break
            raise
        process.call.done = 0
        sent += 1
    return sent


# Receiving


def _receive(
    process: Process, socket: SocketFile, buffers: list[tuple[int, int]], flags: int
) -> tuple[Received, int]:
    """Take bytes or a message into the buffers: it, and the bytes written in all."""
    total = sum(length for _, length in buffers)
    call = process.call
    done = call.done
    discards = flags & MSG_TRUNC and not socket.messages and socket.family != AF_UNIX  # tcp(7)
    whole = bool(flags & MSG_WAITALL) and not socket.messages and not flags & MSG_PEEK
    while True:
        try:
            received = socket.receive(min(total - done, _MESSAGE_MAX), flags)
        except WouldBlock as wait:
            again = _again(process, socket, wait, flags)
            if isinstance(again, OSError) and done:
                return Received(b"", 0, b"", socket.peer_credentials, []), done
            call.done = done
            raise again from None
        except OSError:
            if done:
                return Received(b"", 0, b"", socket.peer_credentials, []), done
            raise
        try:
            if not discards:
                _scatter(process, buffers, done, received.data)
        except OSError:
            socket.network.release(received.files)
            raise
        done += len(received.data)
        if not whole or done >= total or not received.data or received.files:
            return received, done


def recvfrom(
    kernel: KernelState, process: Process, fd: int, va: int, count: int, flags: int, source: int, length_at: int
) -> int:  # fmt: skip
    """recv(2), recvfrom(2): receive bytes or a datagram; the bytes received, or with MSG_TRUNC the datagram's
    length. The sender's address goes to `source`.

    Errors: EAGAIN, EBADF, ECONNREFUSED, ECONNRESET, EFAULT, EINTR, EINVAL, ENOTCONN, ENOTSOCK, EOPNOTSUPP.
    """
    socket = socket_of(process, fd)
    received, done = _receive(process, socket, [(va, min(count, MAX_RW_COUNT))], flags)
    socket.network.release(received.files)
    if source:
        write_address(process, received.address, source, length_at)
    return received.length if socket.messages and flags & MSG_TRUNC else done


class _Control:
    """The control data of a received message, as far as there is room."""

    def __init__(self, room: int):
        self.room = room
        self.data = bytearray()
        self.truncated = False

    @property
    def left(self) -> int:
        return self.room - len(self.data)

    def put(self, kind: int, payload: bytes) -> None:
        """Append one item, cut to the room there is."""
        left = self.left
        if left < _CMSG.size:
            self.truncated = True
            return
        length = _CMSG.size + len(payload)
        if left < length:
            self.truncated = True
            length = left
        item = _CMSG.pack(length, SOL_SOCKET, kind) + payload[: length - _CMSG.size]
        self.data += item.ljust(min((length + 7) & ~7, left), b"\0")


def _install_files(process: Process, control: _Control, files: list[OpenFile], cloexec: bool) -> None:
    """Give the process descriptors for as many files as the control data has room for."""
    room = max(0, control.left - _CMSG.size) // 4
    numbers = []
    for file in files[:room]:
        try:
            numbers.append(process.fds.install(file, cloexec=cloexec))
        except OSError:
            break
    if numbers:
        control.put(SCM_RIGHTS, struct.pack(f"<{len(numbers)}i", *numbers))
    control.truncated |= len(numbers) < len(files)


def _receive_message(kernel: KernelState, process: Process, socket: SocketFile, va: int, flags: int) -> int:
    header = _header(process, va)
    received, done = _receive(process, socket, header.buffers, flags)
    control = _Control(min(header.control_length, _CONTROL_MAX) if header.control else 0)
    try:
        if passes_credentials(socket):
            credentials = received.credentials if received.length or received.address else NO_CREDENTIALS
            control.put(SCM_CREDENTIALS, struct.pack("<iII", *credentials))
        if received.files:
            _install_files(process, control, received.files, bool(flags & MSG_CMSG_CLOEXEC))
    finally:
        socket.network.release(received.files)
    out = flags & (MSG_CMSG_CLOEXEC | MSG_OOB)
    out |= MSG_CTRUNC if control.truncated else 0
    cut = socket.messages and received.length > done
    out |= MSG_TRUNC if cut else 0
    mm = process.mm
    if header.name:
        mm.write(header.name, received.address[: header.name_length])
    mm.write_int(va + 8, len(received.address), 4)
    if header.control:
        mm.write(header.control, bytes(control.data))
    mm.write_int(va + 40, len(control.data), 8)
    mm.write_int(va + 48, out, 4)
    return received.length if cut and flags & MSG_TRUNC else done


def recvmsg(kernel: KernelState, process: Process, fd: int, va: int, flags: int) -> int:
    """recvmsg(2): receive into the buffers of a struct msghdr, with files and credentials; the bytes received.

    Errors: those of recvfrom(2), EMSGSIZE.
    """
    return _receive_message(kernel, process, socket_of(process, fd), va, flags)


def recvmmsg(
    kernel: KernelState, process: Process, fd: int, va: int, count: int, flags: int, timeout: int
) -> int:
    """recvmmsg(2): recvmsg(2) for `count` struct mmsghdr, until `timeout` is over; how many were received.

    Errors: those of recvmsg(2).
    """
    socket = socket_of(process, fd)
    call = process.call
    if timeout and call.deadline is None:
        call.deadline = kernel.now + timespec(process, timeout)
    got, wanted = call.done, min(count & 0xFFFFFFFF, UIO_MAXIOV)
    while got < wanted:
        call.done = 0
        at = va + 64 * got
        try:
            now = flags | (MSG_DONTWAIT if got and flags & MSG_WAITFORONE else 0)
            taken = _receive_message(kernel, process, socket, at, now & ~MSG_WAITFORONE)
            process.mm.write_int(at + 56, taken, 4)
        except WouldBlock:
            call.done = got
            raise
        except OSError:
            if got:
                break
            raise
        got += 1
        if timeout and call.deadline is not None and call.deadline <= kernel.now:
            break
    return got
