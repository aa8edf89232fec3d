"""Sockets: what is made, named, connected and set. Messages are in `message_calls`."""

from __future__ import annotations

import errno
import os
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.net.addresses import (
    AF_INET,
    AF_INET6,
    AF_NETLINK,
    AF_UNIX,
    AF_UNSPEC,
    family_of,
    parse_unix,
)
from toyvm.kernel.net.inet_sockets import TcpSocket
from toyvm.kernel.net.options import IPPROTO_TCP, IPPROTO_UDP, get_option, set_option
from toyvm.kernel.net.socket_file import (
    SHUT_RD,
    SHUT_WR,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    Credentials,
    SocketFile,
)
from toyvm.kernel.net.udp_sockets import UdpSocket
from toyvm.kernel.net.unix_sockets import SocketNode, UnixDatagram, UnixSocket, UnixStream, join, make_unix
from toyvm.kernel.vfs.open_file import O_CLOEXEC, O_NONBLOCK, WouldBlock

from ..arguments import open_file, or_again

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

SOMAXCONN = 4096
ADDRESS_MAX = 128  # struct sockaddr_storage
_OPTION_MAX = 4096


def credentials_of(kernel: KernelState, process: Process) -> Credentials:
    """The pid, uid and gid of a process as a message has them."""
    return process.pid, kernel.UID, kernel.UID


def socket_of(process: Process, fd: int) -> SocketFile:
    """The socket of an argument register. Raises OSError: EBADF, ENOTSOCK."""
    file = open_file(process, fd)
    if not isinstance(file, SocketFile):
        raise error(errno.ENOTSOCK)
    return file


def read_address(process: Process, va: int, length: int) -> bytes:
    """A struct sockaddr. Raises Fault, OSError(EINVAL)."""
    length = sext(length, 32)
    if not 0 <= length <= ADDRESS_MAX:
        raise error(errno.EINVAL)
    return process.mm.read(va, length) if length else b""


def write_address(process: Process, address: bytes, va: int, length_at: int) -> None:
    """Write as much of an address as there is room for, and its whole length. Raises Fault, OSError(EINVAL)."""
    room = sext(process.mm.read_int(length_at, 4), 32)
    if room < 0:
        raise error(errno.EINVAL)
    process.mm.write(va, address[:room])
    process.mm.write_int(length_at, len(address), 4)


def _make(kernel: KernelState, process: Process, family: int, kind: int, protocol: int) -> SocketFile:
    flags = kind & O_NONBLOCK
    kind &= 0xF
    who = credentials_of(kernel, process)
    if family == AF_UNIX:
        if protocol not in (0, AF_UNIX):
            raise error(errno.EPROTONOSUPPORT)
        if kind == SOCK_RAW:
            kind = SOCK_DGRAM
        if kind not in (SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET):
            raise error(errno.ESOCKTNOSUPPORT)
        return make_unix(kernel.network, kind, kernel.new_inode(), flags, who)
    if family == AF_NETLINK:
        from toyvm.kernel.net.netlink import make_netlink

        return make_netlink(kernel.network, kind, protocol, kernel.new_inode(), flags, who)
    if family not in (AF_INET, AF_INET6):
        raise error(errno.EAFNOSUPPORT)
    if kind == SOCK_RAW:
        raise error(errno.EPERM if protocol else errno.EPROTONOSUPPORT)
    if kind not in (SOCK_STREAM, SOCK_DGRAM):
        raise error(errno.ESOCKTNOSUPPORT)
    if protocol not in (0, IPPROTO_TCP if kind == SOCK_STREAM else IPPROTO_UDP):
        raise error(errno.EPROTONOSUPPORT)
    make = TcpSocket if kind == SOCK_STREAM else UdpSocket
    return make(kernel.network, family, kernel.new_inode(), flags, who)


def _check_type(kind: int) -> None:
    if kind & 0xFFFFFFFF & ~(0xF | O_CLOEXEC | O_NONBLOCK) or kind & 0xF > 10:
        raise error(errno.EINVAL)


def socket(kernel: KernelState, process: Process, family: int, kind: int, protocol: int) -> int:
    """socket(2): a new socket of AF_UNIX, AF_INET, AF_INET6 or AF_NETLINK; its descriptor. Flags in `kind`: SOCK_CLOEXEC,
    SOCK_NONBLOCK.

    Errors: EAFNOSUPPORT, EINVAL, EMFILE, ENFILE, EPERM, EPROTONOSUPPORT, ESOCKTNOSUPPORT.
    """
    _check_type(kind)
    made = _make(kernel, process, sext(family, 32), kind, sext(protocol, 32))
    return process.fds.install(made, cloexec=bool(kind & O_CLOEXEC))


def socketpair(kernel: KernelState, process: Process, family: int, kind: int, protocol: int, va: int) -> int:
    """socketpair(2): two connected AF_UNIX sockets, whose descriptors go to the two ints at `va`.

    Errors: EAFNOSUPPORT, EFAULT, EINVAL, EMFILE, ENFILE, EOPNOTSUPP, EPERM, EPROTONOSUPPORT, ESOCKTNOSUPPORT.
    """
    _check_type(kind)
    first = _make(kernel, process, sext(family, 32), kind, sext(protocol, 32))
    if not isinstance(first, UnixSocket):
        first.released()
        raise error(errno.EOPNOTSUPP)
    try:
        second = _make(kernel, process, sext(family, 32), kind, sext(protocol, 32))
    except OSError:
        first.released()
        raise
    assert isinstance(second, UnixSocket)
    join(first, second)
    cloexec = bool(kind & O_CLOEXEC)
    numbers = []
    try:
        for made in (first, second):
            numbers.append(process.fds.install(made, cloexec=cloexec))
        process.mm.write(va, struct.pack("<ii", *numbers))
    except OSError:
        for number in numbers:
            process.fds.close(number)
        if len(numbers) == 0:
            second.released()
        raise
    return 0


def _bind_unix(kernel: KernelState, process: Process, made: UnixSocket, name: bytes) -> None:
    if made.bound_to:
        raise error(errno.EINVAL)
    if not name:
        name = kernel.network.autobind_name()
    if name[:1] == b"\0":
        if name in kernel.network.abstract:
            raise error(errno.EADDRINUSE)
        kernel.network.abstract[name] = made
    else:
        try:
            place = kernel.vfs.vacancy(os.fsdecode(name), process.cwd)
        except OSError as failure:
            raise error(errno.EADDRINUSE) if failure.errno == errno.EEXIST else failure from None
        node = SocketNode(kernel.vfs.memfs, 0o777 & ~process.umask, made)
        try:
            place.parent.add(place.name, node)
        except OSError:
            node.dropped()
            raise
        made.entry = node
    made.bound_to = name


def bind(kernel: KernelState, process: Process, fd: int, va: int, length: int) -> int:
    """bind(2): give a socket its address: a path, an abstract name, or a loopback address and a port.

    Errors: EACCES (a port below 1024), EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EBADF, EFAULT, EINVAL, ELOOP,
    ENAMETOOLONG, ENOENT, ENOTDIR, ENOTSOCK, EROFS.
    """
    made = socket_of(process, fd)
    address = read_address(process, va, length)
    if isinstance(made, UnixSocket):
        _bind_unix(kernel, process, made, parse_unix(address))
    else:
        made.bind(address)
    return 0


def listen(kernel: KernelState, process: Process, fd: int, backlog: int) -> int:
    """listen(2): let others connect; up to `backlog` and one of them wait to be accepted.

    Errors: EADDRINUSE, EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP.
    """
    backlog &= 0xFFFFFFFF
    made = socket_of(process, fd)
    made.credentials = credentials_of(kernel, process)
    made.listen(min(backlog, SOMAXCONN))
    return 0


def accept(kernel: KernelState, process: Process, fd: int, va: int, length_at: int) -> int:
    """accept(2): the next connection of a listening socket; its descriptor. Its address goes to `va`.

    Errors: EAGAIN, EBADF, ECONNABORTED, EFAULT, EINTR, EINVAL, EMFILE, ENFILE, ENOTSOCK, EOPNOTSUPP.
    """
    return accept4(kernel, process, fd, va, length_at, 0)


def accept4(kernel: KernelState, process: Process, fd: int, va: int, length_at: int, flags: int) -> int:
    """accept4(2): accept(2) with the flags SOCK_CLOEXEC and SOCK_NONBLOCK.

    Errors: those of accept(2).
    """
    if flags & 0xFFFFFFFF & ~(O_CLOEXEC | O_NONBLOCK):
        raise error(errno.EINVAL)
    listener = socket_of(process, fd)
    process.fds.require_room()
    try:
        made = listener.accept()
    except WouldBlock as wait:
        raise or_again(process, listener, wait) from None
    made.flags |= flags & O_NONBLOCK
    number = process.fds.install(made, cloexec=bool(flags & O_CLOEXEC))
    if va:
        try:
            write_address(process, made.peer_name(), va, length_at)
        except OSError as failure:
            process.fds.close(number)
            raise error(errno.ECONNABORTED) if failure.errno == errno.ENOTCONN else failure from None
    return number


def find_unix(kernel: KernelState, process: Process, name: bytes) -> SocketFile:
    """The socket that is bound to a name. Raises OSError: ECONNREFUSED, EINVAL, and those of a path."""
    if not name:
        raise error(errno.EINVAL)
    if name[0]:
        node = kernel.vfs.node(os.fsdecode(name), process.cwd)
        found = node.socket if isinstance(node, SocketNode) else None
    else:
        bound = kernel.network.abstract.get(name)
        found = bound if isinstance(bound, SocketFile) else None
    if found is None:
        raise error(errno.ECONNREFUSED)
    return found


def connect(kernel: KernelState, process: Process, fd: int, va: int, length: int) -> int:
    """connect(2): connect a stream, or set where datagrams go; AF_UNSPEC undoes that.

    Errors: EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, EALREADY, EBADF, ECONNABORTED, ECONNREFUSED, EFAULT,
    EINPROGRESS, EINTR, EINVAL, EISCONN, ENAMETOOLONG, ENETUNREACH, ENOENT, ENOTDIR, ENOTSOCK, EPERM, EPROTOTYPE.
    """
    made = socket_of(process, fd)
    address = read_address(process, va, length)
    if len(address) < 2:
        raise error(errno.EINVAL)
    if isinstance(made, UnixSocket):
        _connect_unix(kernel, process, made, address)
        return 0
    if isinstance(made, TcpSocket):
        _connect_tcp(kernel, process, made, address)
        return 0
    made.connect(address)
    return 0


def _connect_unix(kernel: KernelState, process: Process, made: UnixSocket, address: bytes) -> None:
    if isinstance(made, UnixDatagram):
        if family_of(address) == AF_UNSPEC:
            made.connect_to(None)
            return
        made.connect_to(find_unix(kernel, process, parse_unix(address)))
        return
    assert isinstance(made, UnixStream)
    listener = find_unix(kernel, process, parse_unix(address))
    made.credentials = credentials_of(kernel, process)
    try:
        made.connect_to(listener, kernel.new_inode())
    except WouldBlock as wait:
        raise or_again(process, made, wait, writing=True) from None


def _connect_tcp(kernel: KernelState, process: Process, made: TcpSocket, address: bytes) -> None:
    """Begin a connection, and unless O_NONBLOCK is set, wait for it."""
    began = made.connecting
    if not began:
        made.accepted_ino = kernel.new_inode()
    try:
        made.connect(address)
    except WouldBlock:
        if made.flags & O_NONBLOCK:
            raise error(errno.EALREADY if began else errno.EINPROGRESS) from None
        try:
            made.connect(address)
        except WouldBlock as wait:
            again = or_again(process, made, wait, writing=True)
            raise error(errno.EINPROGRESS) if isinstance(again, OSError) else again from None


def getsockname(kernel: KernelState, process: Process, fd: int, va: int, length_at: int) -> int:
    """getsockname(2): the address of a socket.

    Errors: EBADF, EFAULT, EINVAL, ENOTSOCK.
    """
    write_address(process, socket_of(process, fd).name(), va, length_at)
    return 0


def getpeername(kernel: KernelState, process: Process, fd: int, va: int, length_at: int) -> int:
    """getpeername(2): the address that a socket is connected with.

    Errors: EBADF, EFAULT, EINVAL, ENOTCONN, ENOTSOCK.
    """
    write_address(process, socket_of(process, fd).peer_name(), va, length_at)
    return 0


def shutdown(kernel: KernelState, process: Process, fd: int, how: int) -> int:
    """shutdown(2): close one side of a connection, or both.

    Errors: EBADF, EINVAL, ENOTCONN, ENOTSOCK.
    """
    made = socket_of(process, fd)
    sides = {0: SHUT_RD, 1: SHUT_WR, 2: SHUT_RD | SHUT_WR}.get(sext(how, 32))
    if sides is None:
        raise error(errno.EINVAL)
    made.shutdown(sides)
    return 0


def setsockopt(
    kernel: KernelState, process: Process, fd: int, level: int, name: int, va: int, length: int
) -> int:
    """setsockopt(2): set an option; see `net.options`.

    Errors: EACCES, EBADF, EDOM, EFAULT, EINVAL, ENOENT, ENOPROTOOPT, ENOTSOCK, EOPNOTSUPP, EPERM.
    """
    made = socket_of(process, fd)
    size = sext(length, 32)
    if size < 0:
        raise error(errno.EINVAL)
    value = process.mm.read(va, min(size, _OPTION_MAX)) if size else b""
    set_option(made, sext(level, 32), sext(name, 32), value)
    return 0


def getsockopt(
    kernel: KernelState, process: Process, fd: int, level: int, name: int, va: int, length_at: int
) -> int:
    """getsockopt(2): the value of an option; see `net.options`.

    Errors: EBADF, EFAULT, EINVAL, ENODATA, ENOPROTOOPT, ENOTSOCK, EOPNOTSUPP.
    """
    made = socket_of(process, fd)
    room = sext(process.mm.read_int(length_at, 4), 32)
    if room < 0:
        raise error(errno.EINVAL)
    value = get_option(made, sext(level, 32), sext(name, 32))[:room]
    process.mm.write(va, value)
    process.mm.write_int(length_at, len(value), 4)
    return 0
