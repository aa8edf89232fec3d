"""AF_INET and AF_INET6 sockets on loopback: what they share, and TCP without a wire (ip(7), tcp(7)). UDP is in `udp_sockets`.

The two ends of a connection hand each other bytes at once, so there is nothing to lose, to retransmit or to wait for.
Whatever would leave the machine is ENETUNREACH.
"""

from __future__ import annotations

import errno

from toyvm.base.errors import error
from toyvm.base.light_types import Protocol
from toyvm.base.record import replace

from ..vfs.open_file import (
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    OpenFile,
    WouldBlock,
)
from .addresses import AF_INET, AF_INET6, AF_UNSPEC, InetAddress, family_of, parse_inet
from .network import Network
from .options import (
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPV6_V6ONLY,
    SO_LINGER,
    SO_OOBINLINE,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SOL_SOCKET,
)
from .socket_file import (
    MSG_OOB,
    MSG_PEEK,
    NO_CREDENTIALS,
    SHUT_RD,
    SHUT_WR,
    SOCK_STREAM,
    ConnectedSocket,
    Credentials,
    Received,
    SocketFile,
)

FIRST_FREE_PORT = 1024  # below, only root may bind
LINGER_NOT = 1 << 32  # SO_LINGER with 0 seconds: close is a reset
_LOOPBACK = {AF_INET: b"\x7f\0\0\1", AF_INET6: bytes(15) + b"\1"}


class InetSocket(SocketFile):
    """What TCP and UDP share: a local and a remote address, and the rules of ports."""

    local: InetAddress | None = None
    remote: InetAddress | None = None

    @property
    def v6_only(self) -> bool:
        """Whether an IPv6 socket has nothing to do with IPv4."""
        return bool(self.options.get((IPPROTO_IPV6, IPV6_V6ONLY)))

    @property
    def wildcard(self) -> InetAddress:
        """Any address of this machine and any free port."""
        return InetAddress(bytes(len(_LOOPBACK[self.family])), 0)

    def name(self) -> bytes:
        return (self.local or self.wildcard).pack()

    def parse(self, data: bytes) -> InetAddress:
        """The address of an argument. Raises OSError: EAFNOSUPPORT, EINVAL."""
        return parse_inet(data, self.family)

    def bind(self, address: bytes) -> None:
        wanted = self.parse(address)
        if not wanted.loopback or (len(wanted.host) == 16 and self.v6_only and len(wanted.plain) == 4):
            raise error(errno.EADDRNOTAVAIL)
        if 0 < wanted.port < FIRST_FREE_PORT:
            raise error(errno.EACCES)
        if self.local is not None:
            raise error(errno.EINVAL)
        self.bind_to(wanted)

    def bind_to(self, wanted: InetAddress) -> None:
        """Take an address, with a free port for port 0. Raises OSError(EADDRINUSE)."""
        port = wanted.port or self.network.ephemeral_port(self.protocol)
        for other in bound_to(self.network, self.protocol, port):
            if self._meets(other, wanted) and not self._shares(other):
                raise error(errno.EADDRINUSE)
        self.local = InetAddress(wanted.host, port)
        self.network.bind_port(self, self.protocol, port)

    def _meets(self, other: InetSocket, wanted: InetAddress) -> bool:
        """Whether `other` is bound to an address that is also `wanted`."""
        local = other.local
        if local is None or other is self:
            return False
        mine, its = wanted.plain, local.plain
        if len(mine) == len(its):
            return mine == its or not any(mine) or not any(its)
        if len(mine) == 16:
            return not any(mine) and not self.v6_only
        return not any(its) and not other.v6_only

    def _shares(self, other: InetSocket) -> bool:
        def has(name: int) -> bool:
            option = (SOL_SOCKET, name)
            return bool(self.options.get(option) and other.options.get(option))

        return has(SO_REUSEPORT) or (has(SO_REUSEADDR) and not other.listening)

    def receives(self, to: InetAddress) -> bool:
        """Whether what is sent to `to` is for this socket."""
        local = self.local
        if local is None or local.port != to.port:
            return False
        mine, its = local.plain, to.plain
        if len(mine) == len(its):
            return mine == its or not any(mine)
        return len(mine) == 16 and not any(mine) and not self.v6_only

    def target(self, to: InetAddress) -> InetAddress:
        """Where a packet to `to` goes: the wildcard is this machine. Raises OSError(ENETUNREACH)."""
        if not to.loopback:
            raise error(errno.ENETUNREACH)
        if not any(to.plain):
            return InetAddress(_LOOPBACK[to.family], to.port)
        return to

    def source_for(self, to: InetAddress) -> InetAddress:
        """The own address as a packet to `to` has it; binds the socket if it is not bound."""
        if self.local is None:
            self.bind_to(self.wildcard)
        assert self.local is not None
        if not self.local.any:
            return self.local
        if len(to.host) == 16 and len(to.plain) == 4:
            return InetAddress(_LOOPBACK[AF_INET], self.local.port).seen_from(AF_INET6)
        return InetAddress(_LOOPBACK[to.family], self.local.port)

    def released(self) -> None:
        if self.local is not None:
            self.network.free_port(self, self.protocol, self.local.port)
        super().released()


def bound_to(network: Network, protocol: int, port: int) -> list[InetSocket]:
    """The sockets that have a port."""
    return [s for s in network.bound.get((protocol, port), ()) if isinstance(s, InetSocket)]


def find_receiver(network: Network, protocol: int, to: InetAddress, listening: bool) -> InetSocket | None:
    """The socket that receives what is sent to `to`; one bound to the very address comes first."""
    found = [
        socket
        for socket in bound_to(network, protocol, to.port)
        if socket.receives(to) and (socket.listening or not listening)
    ]
    return min(found, key=lambda s: s.local is None or s.local.any, default=None)


class Accepting(Protocol):
    """What a connecting socket waits for: a listening socket whose queue is full, or the host."""

    def give_up(self, client: TcpSocket) -> None:
        """`client` does not wait any more."""


class TcpSocket(ConnectedSocket, InetSocket):
    """A stream over loopback. `connecting`: a connection was begun that the program has not asked about since."""

    QUIET_WRITER = True

    def __init__(self, network: Network, family: int, ino: int, flags: int, credentials: Credentials):
        super().__init__(network, family, SOCK_STREAM, IPPROTO_TCP, ino, flags, credentials)
        self.connecting = False
        self.waiting_for: Accepting | None = None  # what has not answered yet
        self.accepted_ino = 0
        self.was_connected = False
        self.mark: int | None = None  # where the urgent byte is among those received
        self.urgent_unread = False  # whether MSG_OOB still gets it
        self.waiting: list[TcpSocket] = []  # clients, while the queue of this listening socket is full

    def peer_name(self) -> bytes:
        ended = self.shut & SHUT_WR and (self.peer is None or self.peer.shut & SHUT_WR)
        if not self.connected or self.remote is None or ended:
            raise error(errno.ENOTCONN)
        return self.remote.pack()

    def listen(self, backlog: int) -> None:
        if self.connected or self.connecting:
            raise error(errno.EINVAL)
        if self.local is None:
            self.bind_to(self.wildcard)
        assert self.local is not None
        for other in bound_to(self.network, self.protocol, self.local.port):
            if other.listening and self._meets(other, self.local) and not self._shares(other):
                raise error(errno.EADDRINUSE)
        self.backlog = backlog
        self.shut = 0
        self.accepted()

    def connect(self, address: bytes) -> None:
        if family_of(address) == AF_UNSPEC:
            self._disconnect()
            return
        if self.connecting:
            self._go_on()
            return
        if self.connected or self.listening:
            raise error(errno.EISCONN)
        self.raise_error()
        to = self.target(self.parse(address))
        self.local = self.source_for(to)
        self.remote = to
        self.shut = 0
        listener = find_receiver(self.network, self.protocol, to, True)
        self.connecting = True
        if listener is None:
            self._connect_outside(to)
        elif isinstance(listener, TcpSocket):
            self.waiting_for = listener
            listener.waiting.append(self)
            listener.accepted()
        self.changed.wake()
        raise WouldBlock(self.changed)

    def _connect_outside(self, to: InetAddress) -> None:
        """Nobody in the machine listens: ask the host, if the machine may."""
        number = errno.ECONNREFUSED
        if self.network.host is not None:
            try:
                self.network.host.connect(self, to)
                return
            except OSError as failure:
                number = failure.errno or number
        self.error = number
        self.shut = SHUT_RD | SHUT_WR

    def give_up(self, client: TcpSocket) -> None:
        """`client` does not wait for this listening socket any more."""
        self.waiting.remove(client)

    def _go_on(self) -> None:
        """A further call of connect: what has become of the first one."""
        if self.waiting_for is not None:
            raise WouldBlock(self.changed)
        self.connecting = False
        if not self.connected:
            self.shut, self.remote = 0, None
            raise error(self.take_error() or errno.ECONNABORTED)

    def _disconnect(self) -> None:
        peer = self.part()
        if isinstance(peer, TcpSocket):
            peer.reset()
        if self.waiting_for is not None:
            self.waiting_for.give_up(self)
            self.waiting_for = None
        self.connected = self.connecting = False
        self.remote = None
        self.shut = 0
        self.inbox.clear()
        self.changed.wake()

    def accepted(self) -> None:
        while self.waiting and not self.full:
            client = self.waiting.pop(0)
            if client.waiting_for is not self:
                continue
            client.waiting_for = None
            other = TcpSocket(self.network, self.family, client.accepted_ino, 0, self.credentials)
            assert client.local is not None and client.remote is not None
            other.local = client.remote.seen_from(self.family)
            other.remote = client.local.seen_from(self.family)
            other.options = dict(self.options)
            other.timeouts = self.timeouts
            client.pair(other)
            client.peer_credentials = other.peer_credentials = NO_CREDENTIALS
            self.enqueue(other)
            client.changed.wake(POLLOUT)

    def reset(self) -> None:
        """The other end has reset the connection."""
        self.error = errno.ECONNRESET
        self._end()

    def _end(self) -> None:
        self.shut = SHUT_RD | SHUT_WR
        self.connected = False
        self.was_connected = True
        self.changed.wake()

    def shutdown(self, sides: int) -> None:
        if self.listening:
            if sides & SHUT_RD:
                self.stop_listening()
                self.shut |= SHUT_RD
                self.changed.wake()
            return
        if not self.connected:
            raise error(errno.ENOTCONN)
        self.shut |= sides
        if sides & SHUT_WR and self.peer is not None:
            self.peer.shut |= SHUT_RD
            self.peer.changed.wake()
        self.changed.wake()

    def send(
        self, data: bytes, flags: int, to: bytes | None, credentials: Credentials, files: list[OpenFile]
    ) -> int:
        self.raise_error()
        if self.waiting_for is not None:
            raise WouldBlock(self.changed)
        if not self.connected or self.shut & SHUT_WR:
            raise error(errno.EPIPE)
        if self.peer is None:  # it is closed: this is answered by a reset
            self.error = errno.EPIPE
            self._end()
            return len(data)
        peer = self.peer
        sent = self.transfer(data, b"", credentials, [])
        if flags & MSG_OOB and sent and isinstance(peer, TcpSocket):
            peer.urge()
        return sent

    @property
    def _inline(self) -> bool:
        return bool(self.options.get((SOL_SOCKET, SO_OOBINLINE)))

    def urge(self) -> None:
        """The last byte received is urgent (tcp(7), "Out-of-band data"). An earlier one is so no longer."""
        if self.mark == 0 and not self._inline and self.inbox.bytes > 1:
            self.inbox.take(1, stream=True, peek=False)
        self.mark = self.inbox.bytes - 1
        self.urgent_unread = True
        if self.owner is not None:
            self.owner.urgent()
        self.changed.wake(POLLPRI)

    @property
    def at_mark(self) -> bool:
        """Whether the next byte is the urgent one (sockatmark(3))."""
        return self.mark == 0

    def available(self) -> int:
        return self.inbox.bytes if self.mark is None or self._inline else self.mark

    def _receive_urgent(self, flags: int) -> Received:
        """recv(2) with MSG_OOB: the urgent byte, which is not among the others. Raises OSError: EINVAL, ENOTCONN."""
        if self._inline or self.mark is None or not self.urgent_unread:
            raise error(errno.EINVAL)
        byte = self.inbox.take(self.mark + 1, stream=True, peek=True).data[-1:]
        if not flags & MSG_PEEK:
            self.urgent_unread = False
        return Received(byte, 1, b"", self.peer_credentials, [])

    def take(self, count: int, flags: int) -> Received:
        """The next bytes up to the urgent one, which is passed over unless SO_OOBINLINE is set."""
        mark, skip = self.mark, 0
        if mark is None:
            return super().take(count, flags)
        peek = flags & MSG_PEEK
        if mark:
            count = min(count, mark)
        elif not self._inline:
            skip = 1
            if not peek:
                super().take(1, flags)
                self.mark = None
                skip = 0
                if not len(self.inbox):
                    return self.end_of_input()
            elif self.inbox.bytes == 1:
                return self.end_of_input()
        received = super().take(count + skip, flags)
        if skip:
            received = replace(received, data=received.data[skip:], length=received.length - skip)
        if not peek and self.mark is not None:
            self.mark -= len(received.data)
            if self.mark < 0:
                self.mark = None
        return received

    def receive(self, count: int, flags: int) -> Received:
        if flags & MSG_OOB:
            return self._receive_urgent(flags)
        if len(self.inbox):
            return self.take(count, flags)
        if self.listening or not (self.connected or self.waiting_for or self.was_connected):
            self.raise_error()
            raise error(errno.ENOTCONN)
        if self.error and self.error != errno.EPIPE:
            self.raise_error()
        return self.end_of_input()

    def poll(self) -> int:
        if self.listening:
            return POLLIN if self.queue else 0
        if self.waiting_for is not None:
            return 0
        bits = self.input_bits() | (0 if self.connected else POLLHUP)
        if self.mark is not None:
            if self.mark == 0 and self.inbox.bytes == 1 and not self._inline and not self.shut & SHUT_RD:
                bits &= ~POLLIN
            bits |= POLLPRI if self.urgent_unread else 0
        return bits | (POLLOUT if self.can_write or self.shut & SHUT_WR else 0)

    def stop_listening(self) -> None:
        for client in self.waiting:
            client.waiting_for = None
            client.error = errno.ECONNREFUSED
            client.shut = SHUT_RD | SHUT_WR
            client.changed.wake()
        self.waiting.clear()
        super().stop_listening()

    def released(self) -> None:
        peer = self.part()
        lingers = self.options.get((SOL_SOCKET, SO_LINGER)) == LINGER_NOT
        if peer is not None:
            if isinstance(peer, TcpSocket) and (len(self.inbox) or self.parent is not None or lingers):
                peer.reset()
            peer.shut |= SHUT_RD
            peer.changed.wake()
        self.stop_listening()
        if self.waiting_for is not None:
            self.waiting_for.give_up(self)
            self.waiting_for = None
        super().released()
