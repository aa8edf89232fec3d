"""AF_NETLINK sockets of NETLINK_ROUTE: what there is to know of the one interface, `lo` (netlink(7), rtnetlink(7)).

Questions about links, addresses and routes are answered; nobody may change any. There is no other protocol.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable

from toyvm.base.errors import error

from ..vfs.open_file import POLLIN, POLLOUT, OpenFile
from .addresses import AF_INET, AF_INET6, AF_NETLINK, AF_UNSPEC, family_of
from .network import Network
from .socket_file import MSG_OOB, SOCK_RAW, Credentials, Packet, Received, SocketFile

NETLINK_ROUTE, LAST_PROTOCOL = 0, 31
LOOPBACK_INDEX, LOOPBACK_NAME, LOOPBACK_MTU = 1, b"lo\0", 65536
LOOPBACK_FLAGS = 0x10049  # IFF_UP, IFF_LOOPBACK, IFF_RUNNING, IFF_LOWER_UP
ARPHRD_LOOPBACK = 772
_NLMSG_ERROR, _NLMSG_DONE, _FIRST_OF_PROTOCOL = 2, 3, 16
_F_REQUEST, _F_MULTI, _F_ACK, _F_DUMP = 1, 2, 4, 0x300
_RTM_NEWLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_GETADDR, _RTM_GETROUTE = 16, 18, 20, 22, 26
_IFLA_IFNAME = 3
_HEADER = struct.Struct("<LHHLL")  # struct nlmsghdr
_FOR_EVER = 0xFFFFFFFF


def parse_netlink(data: bytes) -> tuple[int, int]:
    """The port and the groups of a struct sockaddr_nl. Raises OSError(EINVAL)."""
    if len(data) < 12 or family_of(data) != AF_NETLINK:
        raise error(errno.EINVAL)
    port, groups = struct.unpack_from("<II", data, 4)
    return port, groups


def pack_netlink(port: int) -> bytes:
    """struct sockaddr_nl."""
    return struct.pack("<HHII", AF_NETLINK, 0, port, 0)


class NetlinkSocket(SocketFile):
    """A socket that talks with the kernel. `port` is its own address, 0 until it has one."""

    port = 0
    remote = 0

    def __init__(self, network: Network, kind: int, ino: int, flags: int, credentials: Credentials):
        super().__init__(network, AF_NETLINK, kind, NETLINK_ROUTE, ino, flags, credentials)

    def name(self) -> bytes:
        return pack_netlink(self.port)

    def peer_name(self) -> bytes:
        return pack_netlink(self.remote)

    def bind(self, address: bytes) -> None:
        port, _ = parse_netlink(address)
        if self.port and port != self.port:
            raise error(errno.EINVAL)
        self._take_port(port)

    def _take_port(self, wanted: int) -> None:
        """Take a port, by default the process's number. Raises OSError(EADDRINUSE)."""
        if self.port:
            return
        taken = {s.port for s in self.network.sockets if isinstance(s, NetlinkSocket)}
        port = wanted or self.credentials[0]
        if wanted and port in taken:
            raise error(errno.EADDRINUSE)
        while port in taken:
            port = _FOR_EVER - 4096 if port == self.credentials[0] else port - 1
        self.port = port

    def connect(self, address: bytes) -> None:
        if family_of(address) == AF_UNSPEC:
            self.remote = 0
            return
        self.remote, groups = parse_netlink(address)
        if groups or self.remote:
            raise error(errno.EPERM)
        self._take_port(0)

    def listen(self, backlog: int) -> None:
        raise error(errno.EOPNOTSUPP)

    def accept(self) -> SocketFile:
        raise error(errno.EOPNOTSUPP)

    def shutdown(self, sides: int) -> None:
        raise error(errno.EOPNOTSUPP)

    def send(
        self, data: bytes, flags: int, to: bytes | None, credentials: Credentials, files: list[OpenFile]
    ) -> int:
        if flags & MSG_OOB:
            raise error(errno.EOPNOTSUPP)
        port, groups = parse_netlink(to) if to is not None else (self.remote, 0)
        if port or groups:  # others than the kernel are for CAP_NET_ADMIN
            raise error(errno.EPERM)
        self._take_port(0)
        at = 0
        while at + _HEADER.size <= len(data):
            length = _HEADER.unpack_from(data, at)[0]
            if not _HEADER.size <= length <= len(data) - at:
                break
            self._answer(data[at : at + length])
            at += (length + 3) & ~3
        return len(data)

    def _answer(self, message: bytes) -> None:
        _, kind, flags, sequence, _ = _HEADER.unpack_from(message)
        if not flags & _F_REQUEST or kind < _FIRST_OF_PROTOCOL:
            return
        failure = 0
        try:
            found = _replies(kind, message[_HEADER.size :], dump=flags & _F_DUMP == _F_DUMP)
        except OSError as problem:
            found, failure = [], problem.errno or errno.EINVAL
        multi = _F_MULTI if flags & _F_DUMP == _F_DUMP else 0
        if failure or (not multi and flags & _F_ACK):
            quoted = message if failure else message[: _HEADER.size]
            found = [(_NLMSG_ERROR, struct.pack("<i", -failure) + quoted)]
            multi = 0
        self._put(found, multi, sequence)
        if multi:
            self._put([(_NLMSG_DONE, bytes(4))], multi, sequence)

    def _put(self, messages: list[tuple[int, bytes]], flags: int, sequence: int) -> None:
        """Put messages into the inbox, as one datagram. What there is no room for is lost, as ENOBUFS tells."""
        out = bytearray()
        for kind, payload in messages:
            out += _HEADER.pack(_HEADER.size + len(payload), kind, flags, sequence, self.port)
            out += payload.ljust((len(payload) + 3) & ~3, b"\0")
        if not out:
            return
        if self.inbox.charge + len(out) > self.network.room(self.receive_buffer):
            self.error = errno.ENOBUFS
        else:
            self.inbox.put(Packet(out, pack_netlink(0), (0, 0, 0), []))
        self.changed.wake(POLLIN)

    def receive(self, count: int, flags: int) -> Received:
        if flags & MSG_OOB:
            raise error(errno.EOPNOTSUPP)
        return self.take_datagram(count, flags)

    def poll(self) -> int:
        return self.input_bits() | POLLOUT


def _replies(kind: int, body: bytes, *, dump: bool) -> list[tuple[int, bytes]]:
    """The messages that answer a question. Raises OSError: EINVAL, ENODEV, EOPNOTSUPP, EPERM."""
    if kind & 3 != _RTM_GETLINK & 3:  # each object has NEW, DEL, GET and SET
        raise error(errno.EPERM)
    makers: dict[int, Callable[[int], list[tuple[int, bytes]]]] = {
        _RTM_GETLINK: lambda family: [(_RTM_NEWLINK, _link())],
        _RTM_GETADDR: lambda family: [(_RTM_NEWADDR, text) for text in _addresses(family)],
        _RTM_GETROUTE: lambda family: [],
    }
    if kind not in makers or (kind != _RTM_GETLINK and not dump):
        raise error(errno.EOPNOTSUPP)
    if not body:
        raise error(errno.EINVAL)
    if kind == _RTM_GETLINK and not dump and not _is_loopback(body):
        raise error(errno.ENODEV)
    return makers[kind](body[0])


def _is_loopback(body: bytes) -> bool:
    """Whether a struct ifinfomsg, or the name after it, is that of `lo`. Raises OSError(EINVAL)."""
    if len(body) < 16:
        raise error(errno.EINVAL)
    (index,) = struct.unpack_from("<i", body, 4)
    if index > 0:
        return bool(index == LOOPBACK_INDEX)
    at, name = 16, b""
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("<HH", body, at)
        if length < 4:
            break
        if kind & 0x3FFF == _IFLA_IFNAME:
            name = body[at + 4 : at + length]
        at += (length + 3) & ~3
    if not name:
        raise error(errno.EINVAL)
    return name.rstrip(b"\0") + b"\0" == LOOPBACK_NAME


def _attributes(*pairs: tuple[int, bytes]) -> bytes:
    """struct rtattr, one after the other."""
    return b"".join(
        (struct.pack("<HH", 4 + len(value), kind) + value).ljust((len(value) + 7) & ~3, b"\0")
        for kind, value in pairs
    )


def _link() -> bytes:
    """struct ifinfomsg of `lo` and its attributes (IFLA_)."""
    head = struct.pack("<BBHiII", AF_UNSPEC, 0, ARPHRD_LOOPBACK, LOOPBACK_INDEX, LOOPBACK_FLAGS, 0)
    number = struct.Struct("<I").pack
    return head + _attributes(
        (_IFLA_IFNAME, LOOPBACK_NAME), (13, number(1000)), (16, b"\0"), (17, b"\0"), (4, number(LOOPBACK_MTU)),
        (27, number(0)), (30, number(0)), (31, number(1)), (32, number(1)), (33, b"\1"), (6, b"noqueue\0"),
        (1, bytes(6)), (2, bytes(6)), (23, bytes(8 * 25)), (7, bytes(4 * 25)),
    )  # fmt: skip


def _addresses(family: int) -> list[bytes]:
    """struct ifaddrmsg of the addresses of `lo` and their attributes (IFA_)."""
    found = []
    for kind, host, length in ((AF_INET, b"\x7f\0\0\1", 8), (AF_INET6, bytes(15) + b"\1", 128)):
        if family not in (AF_UNSPEC, kind):
            continue
        head = struct.pack("<BBBBI", kind, length, 0x80, 254, LOOPBACK_INDEX)  # permanent, of this host
        names = ((2, host), (3, LOOPBACK_NAME)) if kind == AF_INET else ()
        life = struct.pack("<4I", _FOR_EVER, _FOR_EVER, 0, 0)
        found.append(head + _attributes((1, host), *names, (8, struct.pack("<I", 0x80)), (6, life)))
    return found


def make_netlink(
    network: Network, kind: int, protocol: int, ino: int, flags: int, credentials: Credentials
) -> NetlinkSocket:
    """A new socket. Raises OSError: ENFILE, EPROTONOSUPPORT, ESOCKTNOSUPPORT."""
    if kind not in (SOCK_RAW, 2):
        raise error(errno.ESOCKTNOSUPPORT)
    if protocol != NETLINK_ROUTE:
        raise error(errno.EPROTONOSUPPORT)
    return NetlinkSocket(network, kind, ino, flags, credentials)
