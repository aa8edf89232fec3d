"""Servers on the host's loopback, for a machine that may talk to them (`--net loopback-host`).

A connection has two ends in the machine, as any other: the program's socket, and one that no program has. A `StreamLink`
moves bytes between that one and a socket of the host. Nothing but 127.0.0.0/8 and ::1 is ever connected with.
"""

from __future__ import annotations

import errno
import select
import socket
from abc import abstractmethod

from toyvm.base.errors import error

from ..vfs.open_file import POLLIN, POLLOUT, Watcher
from .addresses import InetAddress
from .inet_sockets import TcpSocket
from .network import NetworkMember
from .options import SO_OOBINLINE, SOL_SOCKET
from .socket_file import NO_CREDENTIALS, SHUT_RD, SHUT_WR, Packet
from .udp_sockets import UdpSocket

MOST_LINKS = 256  # sockets of the host for one machine
_PIECE = 64 << 10
_FLUSH_SECONDS = 2.0  # how long a finished machine goes on sending


def _host_address(to: InetAddress) -> tuple[int, tuple[str, int]]:
    """The host's family and address. Raises OSError(ENETUNREACH) for what is not loopback."""
    plain = to.plain
    if len(plain) == 4 and plain[0] == 127:
        return socket.AF_INET, (socket.inet_ntop(socket.AF_INET, plain), to.port)
    if plain == bytes(15) + b"\1":
        return socket.AF_INET6, ("::1", to.port)
    raise error(errno.ENETUNREACH)


def _guest_address(family: int, address: tuple[str, int], like: int) -> bytes:
    """A host's address as a socket of the guest's family `like` is shown it."""
    host = socket.inet_pton(family, address[0])
    return InetAddress(host, address[1]).seen_from(like).pack()


class HostLink:
    """A socket of the host. `wanted` are the POLL bits that it waits for."""

    def __init__(self, loopback: HostLoopback, family: int, kind: int):
        self._loopback = loopback
        self.host = socket.socket(family, kind)
        self.host.setblocking(False)
        loopback.links[self] = None

    @property
    @abstractmethod
    def wanted(self) -> int:
        """The POLL bits that it waits for."""

    @abstractmethod
    def pump(self) -> None:
        """Move what can be moved now."""

    @property
    def pending(self) -> bool:
        """Whether bytes of the program have not been sent."""
        return False

    def close(self) -> None:
        """The link is over."""
        if self._loopback.links.pop(self, self) is None:
            self.host.close()


class StreamLink(HostLink, Watcher):
    """A TCP connection. `end` is the end that no program has, once there is a connection."""

    def __init__(self, loopback: HostLoopback, client: TcpSocket, to: InetAddress):
        family, address = _host_address(to)
        super().__init__(loopback, family, socket.SOCK_STREAM)
        self._client, self._to = client, to
        self.end: TcpSocket | None = None
        self._out = b""
        self._said_end = self._heard_end = False
        self._busy = False
        self.host.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # the program's own writes are the pieces
        self._result = self.host.connect_ex(address)

    def give_up(self, client: TcpSocket) -> None:
        """The program does not wait for the connection any more."""
        self.close()

    def notify(self, events: int) -> bool:
        self.pump()
        return False

    @property
    def wanted(self) -> int:
        end = self.end
        if end is None:
            return POLLOUT
        hears = not self._heard_end and (end.peer is None or end.writable_room > 0)
        return (POLLIN if hears else 0) | (POLLOUT if self._out else 0)

    @property
    def pending(self) -> bool:
        return self.end is not None and bool(self._out or len(self.end.inbox))

    def pump(self) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            if self.end is None:
                self._finish_connecting()
            if self.end is not None and self in self._loopback.links:
                self._to_host(self.end)
            if self.end is not None and self in self._loopback.links:
                self._to_guest(self.end)
        except OSError as failure:
            self._broken(failure.errno or errno.EIO)
        finally:
            self._busy = False
        if self.end is not None and self.end.peer is None and self not in self._loopback.links:
            self.end.changed.unwatch(self)
            self.end.released()
            self.end = None

    def _finish_connecting(self) -> None:
        if self._result == errno.EINPROGRESS:
            poller = select.poll()
            poller.register(self.host, select.POLLOUT)
            if not poller.poll(0):
                return
            self._result = self.host.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        client = self._client
        client.waiting_for = None
        if self._result:
            client.error = self._result
            client.shut = SHUT_RD | SHUT_WR
            client.changed.wake()
            self.close()
            return
        end = TcpSocket(client.network, client.family, client.accepted_ino, 0, NO_CREDENTIALS)
        end.local, end.remote = self._to, client.local
        end.options[(SOL_SOCKET, SO_OOBINLINE)] = 1  # an urgent byte goes to the host as an ordinary one
        client.pair(end)
        client.peer_credentials = NO_CREDENTIALS
        self.end = end
        end.changed.watch(self)
        client.changed.wake(POLLOUT)

    def _to_host(self, end: TcpSocket) -> None:
        if end.error:  # the program closed its socket with bytes unread
            self._reset()
            return
        while True:
            if not self._out:
                if not len(end.inbox):
                    break
                self._out = end.take(_PIECE, 0).data
            try:
                self._out = self._out[self.host.send(self._out) :]
            except BlockingIOError:
                return
        if end.shut & SHUT_RD and not self._said_end:
            self._said_end = True
            self.host.shutdown(socket.SHUT_WR)
            self._close_if_over()
        if (
            self._said_end and end.peer is None
        ):  # the program has closed its socket: nobody waits for an answer
            self.close()

    def _to_guest(self, end: TcpSocket) -> None:
        while not self._heard_end:
            room = end.writable_room if end.peer is not None else _PIECE
            if room <= 0:
                return
            try:
                data = self.host.recv(min(room, _PIECE))
            except BlockingIOError:
                return
            if not data:
                self._heard_end = True
                if end.peer is not None:
                    end.shutdown(SHUT_WR)
                self._close_if_over()
            elif end.peer is None:  # there is nobody to read it
                self._reset()
                return
            else:
                end.transfer(data, b"", NO_CREDENTIALS, [])

    def _close_if_over(self) -> None:
        if self._said_end and self._heard_end:
            self.close()

    def _reset(self) -> None:
        self.host.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def _broken(self, number: int) -> None:
        """The host's connection has failed."""
        peer = self.end.part() if self.end is not None else None
        if isinstance(peer, TcpSocket):
            peer.reset()
            peer.error = number if number != errno.EPIPE else errno.ECONNRESET
        self.close()


class DatagramLink(HostLink):
    """The datagrams of one socket to and from one family of the host's addresses; `to` if the socket is connected."""

    def __init__(self, loopback: HostLoopback, guest: UdpSocket, family: int, to: tuple[str, int] | None):
        super().__init__(loopback, family, socket.SOCK_DGRAM)
        self._guest, self.family, self.to = guest, family, to
        self.host.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        if to is not None:
            self.host.connect(to)

    @property
    def wanted(self) -> int:
        guest = self._guest
        return POLLIN if guest.inbox.charge < guest.network.room(guest.receive_buffer) else 0

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        """Send a datagram; one that there is no room for is lost."""
        try:
            self.host.sendto(data, address) if self.to is None else self.host.send(data)
        except BlockingIOError:
            return
        except OSError as failure:
            self._tell(failure)

    def pump(self) -> None:
        guest = self._guest
        while self.wanted:
            try:
                data, address = self.host.recvfrom(1 << 16)
            except BlockingIOError:
                return
            except OSError as failure:
                self._tell(failure)
                return
            source = _guest_address(self.family, address[:2], guest.family)
            guest.inbox.put(Packet(bytearray(data), source, NO_CREDENTIALS, []))
            guest.changed.wake(POLLIN)

    def _tell(self, failure: OSError) -> None:
        if self.to is not None:
            self._guest.error = failure.errno or errno.EIO
            self._guest.changed.wake()


class HostLoopback:
    """The links of one machine."""

    def __init__(self) -> None:
        self.links: dict[HostLink, None] = {}
        self._datagrams: dict[tuple[NetworkMember, int], DatagramLink] = {}

    def _require_room(self) -> None:
        if len(self.links) >= MOST_LINKS:
            raise error(errno.EADDRNOTAVAIL)

    def connect(self, client: NetworkMember, to: InetAddress) -> None:
        """Begin a connection; `client.waiting_for` until it is there or has failed.

        Raises OSError: EADDRNOTAVAIL (too many connections), ENETUNREACH.
        """
        assert isinstance(client, TcpSocket)
        self._require_room()
        try:
            link = StreamLink(self, client, to)
        except OSError as failure:
            raise _as_guest(failure) from None
        client.waiting_for = link
        link.pump()

    def send(self, guest: NetworkMember, data: bytes, to: InetAddress, *, connected: bool) -> None:
        """Send a datagram. Raises OSError: EADDRNOTAVAIL (too many sockets), ENETUNREACH."""
        assert isinstance(guest, UdpSocket)
        family, address = _host_address(to)
        wanted = address if connected else None
        link = self._datagrams.get((guest, family))
        if link is None or link.to != wanted:
            if link is not None:
                link.close()
            self._require_room()
            try:
                link = self._datagrams[(guest, family)] = DatagramLink(self, guest, family, wanted)
            except OSError as failure:
                raise _as_guest(failure) from None
        link.send(data, address)
        link.pump()

    def forget(self, guest: NetworkMember) -> None:
        """A socket of datagrams is closed."""
        for family in (socket.AF_INET, socket.AF_INET6):
            link = self._datagrams.pop((guest, family), None)
            if link is not None:
                link.close()

    def receive(self, guest: NetworkMember) -> None:
        """Fetch what has come for a socket of datagrams."""
        for family in (socket.AF_INET, socket.AF_INET6):
            link = self._datagrams.get((guest, family))
            if link is not None:
                link.pump()

    def wait(self, seconds: float) -> None:
        """Wait until the host has something for the machine, at most for this time; and move it."""
        poller = select.poll()
        by_number = {}
        for link in list(self.links):
            wanted = link.wanted
            if wanted:
                by_number[link.host.fileno()] = link
                poller.register(link.host, wanted)
        for number, _ in poller.poll(seconds * 1000):
            by_number[number].pump()

    def power_off(self) -> None:
        """The machine has ended: send what its programs have left to be sent, for a short time, and close everything."""
        tries = int(_FLUSH_SECONDS / 0.1)
        while tries and any(link.pending for link in self.links):
            self.wait(0.1)
            tries -= 1
        for link in list(self.links):
            link.close()


def _as_guest(failure: OSError) -> OSError:
    """The host's error as the program is told it: the host's own want of descriptors or ports is EADDRNOTAVAIL."""
    known = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ECONNREFUSED)
    return error(failure.errno if failure.errno in known else errno.EADDRNOTAVAIL)
