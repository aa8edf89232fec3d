"""UDP on loopback (udp(7))."""

from __future__ import annotations

import errno

from toyvm.base.errors import error

from ..vfs.open_file import POLLIN, POLLOUT, POLLWRBAND, OpenFile
from .addresses import AF_UNSPEC, InetAddress, family_of
from .inet_sockets import InetSocket, bound_to
from .network import Network
from .options import IPPROTO_UDP
from .socket_file import MSG_OOB, SHUT_WR, SOCK_DGRAM, Credentials, Packet, Received

UDP_MAX = 65507


class UdpSocket(InetSocket):
    """Datagrams over loopback. What there is no room for is lost, as the manual warns."""

    def __init__(self, network: Network, family: int, ino: int, flags: int, credentials: Credentials):
        super().__init__(network, family, SOCK_DGRAM, IPPROTO_UDP, ino, flags, credentials)

    def peer_name(self) -> bytes:
        if self.remote is None:
            raise error(errno.ENOTCONN)
        return self.remote.pack()

    def connect(self, address: bytes) -> None:
        if family_of(address) == AF_UNSPEC:
            self.remote = None
            return
        to = self.target(self.parse(address))
        source = self.source_for(to)
        self.remote, self.local = to, source

    def send(
        self, data: bytes, flags: int, to: bytes | None, credentials: Credentials, files: list[OpenFile]
    ) -> int:
        if flags & MSG_OOB:
            raise error(errno.EOPNOTSUPP)
        target = self.remote if to is None else self.parse(to)
        if target is None:
            raise error(errno.EDESTADDRREQ)
        if len(data) > UDP_MAX:
            raise error(errno.EMSGSIZE)
        if not target.port:
            raise error(errno.EINVAL)
        target = self.target(target)
        self.raise_error()
        if self.shut & SHUT_WR:
            raise error(errno.EPIPE)
        source = self.source_for(target)
        receiver = self._receiver(target, source)
        if receiver is None and self.network.host is not None:
            self.network.host.send(self, data, target, connected=self.remote is not None and to is None)
        elif receiver is None:
            if self.remote is not None and to is None:
                self.error = errno.ECONNREFUSED
                self.changed.wake()
        elif receiver.inbox.charge + len(data) <= self.network.room(receiver.receive_buffer):
            receiver.inbox.put(
                Packet(bytearray(data), source.seen_from(receiver.family).pack(), credentials, [])
            )
            receiver.changed.wake(POLLIN)
        return len(data)

    def _receiver(self, to: InetAddress, source: InetAddress) -> InetSocket | None:
        """The socket for a datagram: one that is connected with its source comes first."""
        best: InetSocket | None = None
        points = -1
        for socket in bound_to(self.network, self.protocol, to.port):
            if not socket.receives(to):
                continue
            remote = socket.remote
            if remote is not None and (remote.plain, remote.port) != (source.plain, source.port):
                continue
            score = (2 if remote is not None else 0) + (socket.local is not None and not socket.local.any)
            if score > points:
                best, points = socket, score
        return best

    def receive(self, count: int, flags: int) -> Received:
        if self.network.host is not None:
            self.network.host.receive(self)
        return self.take_datagram(count, flags)

    def shutdown(self, sides: int) -> None:
        connected = self.remote is not None
        self.shut |= sides
        self.changed.wake()
        if not connected:
            raise error(errno.ENOTCONN)

    def poll(self) -> int:
        if self.network.host is not None:
            self.network.host.receive(self)
        return self.input_bits() | POLLOUT | POLLWRBAND

    def released(self) -> None:
        if self.network.host is not None:
            self.network.host.forget(self)
        super().released()
