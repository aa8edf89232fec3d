"""AF_UNIX sockets (unix(7)): streams, datagrams, SOCK_SEQPACKET; bound to paths, abstract names, or nothing."""

from __future__ import annotations

import errno
import stat as st

from toyvm.base.errors import error

from ..vfs.memory_files import INODE, MemFs, MemNode
from ..vfs.nodes import Stat
from ..vfs.open_file import (
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    POLLWRBAND,
    OpenFile,
    WaitQueue,
    WouldBlock,
)
from .addresses import AF_UNIX, pack_unix
from .network import Network
from .options import SO_OOBINLINE, SO_PASSCRED, SOL_SOCKET
from .socket_file import (
    MSG_OOB,
    MSG_PEEK,
    SHUT_RD,
    SHUT_WR,
    SOCK_DGRAM,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    ConnectedSocket,
    Credentials,
    Packet,
    Received,
    SocketFile,
)
from .unix_urgent import UrgentBytes

_WRITABLE = POLLOUT | POLLWRBAND
MOST_DATAGRAMS = 10  # net.unix.max_dgram_qlen


class SocketNode(MemNode):
    """The name of a bound socket in a directory. `socket` is None once that is closed."""

    def __init__(self, fs: MemFs, mode: int, socket: SocketFile):
        super().__init__(fs, mode)
        self.socket: SocketFile | None = socket
        fs.charge(INODE)

    def stat(self) -> Stat:
        return self._status(st.S_IFSOCK, self.links, 0)


class UnixSocket(SocketFile):
    """What AF_UNIX sockets share: a name, which is a path, an abstract name or b"" for none."""

    bound_to = b""
    entry: SocketNode | None = None  # of a path

    def name(self) -> bytes:
        return pack_unix(self.bound_to)

    def source(self) -> bytes:
        """The address that a receiver of a message sees."""
        return self.name() if self.bound_to else b""

    def released(self) -> None:
        if self.network.abstract.get(self.bound_to) is self:
            del self.network.abstract[self.bound_to]
        if self.entry is not None:
            self.entry.socket = None
        super().released()


class UnixStream(ConnectedSocket, UnixSocket):
    """A stream, or with SOCK_SEQPACKET messages in order."""

    def __init__(self, network: Network, kind: int, ino: int, flags: int, credentials: Credentials):
        super().__init__(network, AF_UNIX, kind, 0, ino, flags, credentials)
        self.peer_bound_to = b""
        self.urgent: UrgentBytes | None = None  # once there was one

    def peer_name(self) -> bytes:
        if not self.connected:
            raise error(errno.ENOTCONN)
        return pack_unix(self.peer.bound_to if isinstance(self.peer, UnixStream) else self.peer_bound_to)

    def listen(self, backlog: int) -> None:
        if self.connected or not self.bound_to:
            raise error(errno.EINVAL)
        self.backlog = backlog
        self.peer_credentials = self.credentials
        self.room.wake()

    def connect_to(self, listener: SocketFile, accepted_ino: int) -> None:
        """Connect with a listening socket. Raises WouldBlock, OSError."""
        if self.connected:
            raise error(errno.EISCONN)
        if self.listening:
            raise error(errno.EINVAL)
        if not isinstance(listener, UnixStream) or listener.type != self.type:
            raise error(errno.EPROTOTYPE)
        if not listener.listening or listener.shut & SHUT_RD:
            raise error(errno.ECONNREFUSED)
        if listener.full:
            raise WouldBlock(listener.room)
        other = UnixStream(self.network, self.type, accepted_ino, 0, listener.credentials)
        other.bound_to, other.peer_bound_to = listener.bound_to, self.bound_to
        self.peer_bound_to = listener.bound_to
        self.pair(other)
        passed = (SOL_SOCKET, SO_PASSCRED)
        other.options = {passed: listener.options[passed]} if passed in listener.options else {}
        listener.enqueue(other)
        self.changed.wake(POLLOUT)

    def shutdown(self, sides: int) -> None:
        self.shut |= sides
        peer = self.peer
        if peer is not None:
            peer.shut |= (SHUT_WR if sides & SHUT_RD else 0) | (SHUT_RD if sides & SHUT_WR else 0)
            peer.changed.wake()
        self.changed.wake()
        self.room.wake()

    def send(
        self, data: bytes, flags: int, to: bytes | None, credentials: Credentials, files: list[OpenFile]
    ) -> int:
        self.raise_error()
        if flags & MSG_OOB and (self.type != SOCK_STREAM or not data):
            raise error(errno.EOPNOTSUPP)
        if to is not None and self.type == SOCK_STREAM:
            raise error(errno.EISCONN if self.connected else errno.EOPNOTSUPP)
        if not self.connected:
            raise error(errno.ENOTCONN)
        if self.peer is None or self.shut & SHUT_WR:
            raise error(errno.EPIPE)
        if flags & MSG_OOB:
            return self._send_urgent(data, credentials, files)
        return self.transfer(data, self.source(), credentials, files)

    def _send_urgent(self, data: bytes, credentials: Credentials, files: list[OpenFile]) -> int:
        """Send bytes of which the last one is urgent, as far as there is room. Raises WouldBlock."""
        peer = self.peer
        assert isinstance(peer, UnixStream)
        sent = 0
        if len(data) > 1:
            sent = self.transfer(data[:-1], self.source(), credentials, files)
            files = []
        if sent < len(data) - 1 or (sent and self.writable_room <= 0):
            return sent
        if self.writable_room <= 0:
            raise WouldBlock(self.changed)
        if peer.urgent is None:
            peer.urgent = UrgentBytes(self.network, peer.inbox)
        peer.urgent.put(data[-1:], self.source(), credentials, files)
        if peer.owner is not None:
            peer.owner.urgent()
        peer.changed.wake(POLLIN | POLLPRI)
        return len(data)

    @property
    def _inline(self) -> bool:
        return bool(self.options.get((SOL_SOCKET, SO_OOBINLINE)))

    @property
    def at_mark(self) -> bool:
        """Whether the next byte is the urgent one, or was it (sockatmark(3))."""
        return self.urgent is not None and self.urgent.at_mark

    def take(self, count: int, flags: int) -> Received:
        urgent = self.urgent
        if urgent is None or not urgent.left:
            return super().take(count, flags)
        peek = bool(flags & MSG_PEEK)
        received = urgent.take(count, inline=self._inline, peek=peek)
        if self.peer is not None and not peek:
            self.peer.changed.wake(POLLOUT if self.peer.can_write else 0)
        if received is None:
            self.raise_error()
            return self.end_of_input()
        return received

    def receive(self, count: int, flags: int) -> Received:
        if flags & MSG_OOB and self.type != SOCK_STREAM:
            raise error(errno.EOPNOTSUPP)
        if not self.connected:
            raise error(errno.ENOTCONN if self.type == SOCK_SEQPACKET else errno.EINVAL)
        if flags & MSG_OOB:
            if self.urgent is None:
                raise error(errno.EINVAL)
            return self.urgent.receive(count, inline=self._inline, peek=bool(flags & MSG_PEEK))
        if len(self.inbox):
            return self.take(count, flags)
        self.raise_error()
        return self.end_of_input()

    def poll(self) -> int:
        bits = self.input_bits() | (POLLIN if self.queue else 0)
        if not self.connected and not self.listening:
            bits |= POLLHUP
        if self.urgent is not None and self.urgent.current is not None:
            bits |= POLLPRI
        return bits | (_WRITABLE if self.can_write and not self.listening else 0)

    def released(self) -> None:
        unread = bool(len(self.inbox)) and (self.urgent is None or not self.urgent.only_a_place)
        peer = self.part()
        if peer is not None:
            peer.shut = SHUT_RD | SHUT_WR
            if unread or self.parent is not None:
                peer.error = errno.ECONNRESET
            peer.changed.wake()
        self.stop_listening()
        self.room.wake()
        super().released()


class UnixDatagram(UnixSocket):
    """Datagrams. `peer` is where they go without an address; a socket with a peer receives from nobody else."""

    def __init__(self, network: Network, ino: int, flags: int, credentials: Credentials):
        super().__init__(network, AF_UNIX, SOCK_DGRAM, 0, ino, flags, credentials)
        self.peer: UnixDatagram | None = None
        self.connected = False
        self.sources: dict[UnixDatagram, None] = {}  # those that are connected with this one
        self.room = WaitQueue()

    def peer_name(self) -> bytes:
        if self.peer is None:
            raise error(errno.ENOTCONN)
        return self.peer.name()

    def connect_to(self, other: SocketFile | None) -> None:
        """Let `other` be the peer; None for none. Raises OSError."""
        if other is not None:
            self.check(other)
        if self.peer is not None:
            self.peer.sources.pop(self, None)
            self.inbox.clear()
        self.peer = other if isinstance(other, UnixDatagram) else None
        self.connected = other is not None
        if self.peer is not None:
            self.peer.sources[self] = None
            self.peer_credentials = self.peer.credentials
        self.changed.wake()

    def check(self, other: SocketFile) -> None:
        """Whether this socket may send to `other`. Raises OSError: EPERM, EPROTOTYPE."""
        if not isinstance(other, UnixDatagram):
            raise error(errno.EPROTOTYPE)
        if other.peer is not None and other.peer is not self:
            raise error(errno.EPERM)

    def send(
        self, data: bytes, flags: int, to: bytes | None, credentials: Credentials, files: list[OpenFile]
    ) -> int:
        self.raise_error()
        if self.connected and self.shut & SHUT_WR:
            raise error(errno.EPIPE)
        if self.peer is None:
            gone, self.connected = self.connected, False
            raise error(errno.ECONNREFUSED if gone else errno.ENOTCONN)
        return self.send_to(self.peer, data, flags, credentials, files)

    def send_to(
        self, other: UnixDatagram, data: bytes, flags: int, credentials: Credentials, files: list[OpenFile]
    ) -> int:
        """Send a datagram to `other`. Raises WouldBlock, OSError."""
        if flags & MSG_OOB:
            raise error(errno.EOPNOTSUPP)
        if len(data) > self.send_buffer - 32:
            raise error(errno.EMSGSIZE)
        if self.shut & SHUT_WR or other.shut & SHUT_RD:
            raise error(errno.EPIPE)
        waiting = len(other.inbox)
        room = self.network.room(self.send_buffer) - other.inbox.charge
        if (other.peer is not self and waiting > MOST_DATAGRAMS) or (waiting and room < len(data)):
            raise WouldBlock(other.room)
        other.inbox.put(Packet(bytearray(data), self.source(), credentials, files))
        other.changed.wake(POLLIN)
        return len(data)

    def receive(self, count: int, flags: int) -> Received:
        if flags & MSG_OOB:
            raise error(errno.EOPNOTSUPP)
        waited = len(self.inbox)
        received = self.take_datagram(count, flags)
        if waited:
            self.room.wake()
            for source in self.sources:
                source.changed.wake(POLLOUT)
        return received

    def shutdown(self, sides: int) -> None:
        self.shut |= sides
        self.changed.wake()
        self.room.wake()

    def poll(self) -> int:
        peer = self.peer
        full = peer is not None and peer.peer is not self and len(peer.inbox) > MOST_DATAGRAMS
        mutual = peer is not None and peer.peer is self and peer.inbox.charge * 3 > 2 * self.send_buffer
        return self.input_bits() | (0 if full or mutual else _WRITABLE)

    def released(self) -> None:
        for source in list(self.sources):
            source.peer = None
            source.changed.wake()
        if self.peer is not None:
            self.peer.sources.pop(self, None)
            self.peer = None
        self.room.wake()
        super().released()


def make_unix(network: Network, kind: int, ino: int, flags: int, credentials: Credentials) -> UnixSocket:
    """A new socket of SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. Raises OSError(ENFILE)."""
    if kind == SOCK_DGRAM:
        return UnixDatagram(network, ino, flags, credentials)
    return UnixStream(network, kind, ino, flags, credentials)


def join(one: UnixSocket, other: UnixSocket) -> None:
    """Make a pair (socketpair(2))."""
    if isinstance(one, UnixStream) and isinstance(other, UnixStream):
        one.pair(other)
    elif isinstance(one, UnixDatagram) and isinstance(other, UnixDatagram):
        one.connect_to(other)
        other.connect_to(one)
