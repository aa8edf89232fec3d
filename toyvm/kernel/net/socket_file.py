"""What all sockets have in common: a queue of received messages, shut-down sides, an error to report, options."""

from __future__ import annotations

import errno
import stat as st
from collections import deque
from collections.abc import Iterator

from toyvm.base.errors import error
from toyvm.base.record import Record

from ..vfs.nodes import Stat
from ..vfs.open_file import (
    O_NONBLOCK,
    O_RDWR,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDHUP,
    OpenFile,
    WaitQueue,
    WouldBlock,
)
from .network import BUFFER, Network, NetworkMember

SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET = 1, 2, 3, 5
MSG_OOB, MSG_PEEK, MSG_CTRUNC, MSG_TRUNC, MSG_DONTWAIT, MSG_EOR = 0x1, 0x2, 0x8, 0x20, 0x40, 0x80
MSG_WAITALL, MSG_NOSIGNAL, MSG_MORE = 0x100, 0x4000, 0x8000
SHUT_RD, SHUT_WR = 1, 2  # bits: shutdown(2) counts from 0
_DEVICE = 9
_OVERHEAD = 256  # what a message costs besides its bytes

Credentials = tuple[int, int, int]
"""pid, uid, gid (struct ucred)."""

NO_CREDENTIALS: Credentials = (0, 0xFFFFFFFF, 0xFFFFFFFF)


class Packet(Record, frozen=False):
    """One message, or a run of bytes of a stream. `address` is the sender's, as struct sockaddr.

    `urgent`: it is or was an urgent byte of a stream (MSG_OOB); it has no byte once that is received.
    """

    data: bytearray
    address: bytes
    credentials: Credentials
    files: list[OpenFile]
    urgent: bool = False


class Received(Record):
    """What a receive took. `length` is that of the whole message, which may have been longer than the buffer."""

    data: bytes
    length: int
    address: bytes
    credentials: Credentials
    files: list[OpenFile]


class Inbox:
    """What a socket has received and the program has not read yet."""

    def __init__(self, network: Network):
        self._network = network
        self._packets: deque[Packet] = deque()
        self.bytes = 0
        self.charge = 0

    def __len__(self) -> int:
        return len(self._packets)

    def put(self, packet: Packet, *, merge: bool = False) -> None:
        """Append a message; with `merge` it may become part of the last run of bytes."""
        size = len(packet.data)
        self._network.send_files(packet.files)
        self.bytes += size
        if merge and self._packets and not packet.files:
            last = self._packets[-1]
            if not last.files and not last.urgent and last.credentials == packet.credentials:
                last.data += packet.data
                self._account(size)
                return
        self._packets.append(packet)
        self._account(size + _OVERHEAD)

    def _account(self, more: int) -> None:
        self.charge += more
        self._network.used += more

    def _pop(self) -> Packet:
        packet = self._packets.popleft()
        self.bytes -= len(packet.data)
        self._account(-len(packet.data) - _OVERHEAD)
        return packet

    def take(self, count: int, *, stream: bool, peek: bool) -> Received:
        """The first message, cut to `count` bytes; of a stream up to `count` bytes, not past where files came along."""
        first = self._packets[0]
        files = first.files
        if not stream:
            if not peek:
                self._network.land(self._pop().files)
            else:
                _use(files)
            return Received(
                bytes(first.data[:count]), len(first.data), first.address, first.credentials, files
            )
        out = bytearray()
        if peek:
            _use(files)
        for packet in list(self._packets):
            if packet is not first and (packet.files or packet.credentials != first.credentials):
                break
            piece = packet.data[: count - len(out)]
            out += piece
            if peek:
                if files:
                    break
                continue
            if packet is first:
                self._network.land(files)
                packet.files = []
            if len(piece) == len(packet.data):
                self._pop()
            else:
                del packet.data[: len(piece)]
                self.bytes -= len(piece)
                self._account(-len(piece))
            if len(out) == count or files:
                break
        return Received(bytes(out), len(out), first.address, first.credentials, files)

    @property
    def packets(self) -> list[Packet]:
        """The messages in their order."""
        return list(self._packets)

    def shorten(self, packet: Packet, count: int) -> None:
        """The first `count` bytes of a message are received; its files stay."""
        del packet.data[:count]
        self.bytes -= count
        self._account(-count)

    def remove(self, packet: Packet) -> list[OpenFile]:
        """Take a message out. The caller answers for its files."""
        self._packets.remove(packet)
        self.bytes -= len(packet.data)
        self._account(-len(packet.data) - _OVERHEAD)
        self._network.land(packet.files)
        return packet.files

    @property
    def first_length(self) -> int:
        """The bytes of the first message."""
        return len(self._packets[0].data) if self._packets else 0

    def files(self) -> Iterator[OpenFile]:
        """The files in all messages."""
        for packet in self._packets:
            yield from packet.files

    def clear(self) -> None:
        """Throw everything away."""
        while self._packets:
            self._network.drop(self._pop().files)


def _use(files: list[OpenFile]) -> None:
    for file in files:
        file.users += 1


class SocketFile(NetworkMember):
    """A socket. `type` is SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET.

    error         what the next call reports (SO_ERROR), 0 for nothing
    shut          SHUT_RD and SHUT_WR: the sides that are closed
    credentials   of the process that made it
    timeouts      SO_RCVTIMEO and SO_SNDTIMEO in ns, None for ever
    """

    pollable = True

    def __init__(
        self,
        network: Network,
        family: int,
        kind: int,
        protocol: int,
        ino: int,
        flags: int,
        credentials: Credentials,
    ):
        super().__init__(O_RDWR | flags, f"socket:[{ino}]")
        self.network = network
        self.family, self.type, self.protocol, self.ino = family, kind, protocol, ino
        self.messages = kind != SOCK_STREAM
        self.sends_sigpipe = not self.messages
        self.credentials = credentials
        self.peer_credentials = NO_CREDENTIALS
        self.inbox = Inbox(network)
        self.changed = WaitQueue()
        self.error = 0
        self.shut = 0
        self.options: dict[tuple[int, int], int] = {}
        self.send_buffer = self.receive_buffer = BUFFER
        network.enter(self)

    def stat(self) -> Stat:
        return Stat(_DEVICE, self.ino, st.S_IFSOCK | 0o777)

    def poll_queue(self) -> WaitQueue:
        return self.changed

    def available(self) -> int:
        return self.inbox.bytes if self.type == SOCK_STREAM else self.inbox.first_length

    def read(self, count: int) -> bytes:
        received = self.receive(count, 0)
        self.network.release(received.files)
        return received.data

    def write(self, data: bytes) -> int:
        return self.send(data, 0, None, self.credentials, [])

    def put(self) -> None:
        super().put()
        if self.users and self.network.in_flight.get(self) == self.users:
            self.network.collect()

    def released(self) -> None:
        self.network.sockets.pop(self, None)
        self.inbox.clear()

    def take_error(self) -> int:
        """The pending error, which is reported once."""
        number, self.error = self.error, 0
        return number

    def raise_error(self) -> None:
        """Raises OSError with the pending error, if there is one."""
        if self.error:
            raise error(self.take_error())

    def input_bits(self) -> int:
        """The POLL bits of the pending error, the closed sides and the inbox."""
        bits = POLLERR if self.error else 0
        if self.shut == SHUT_RD | SHUT_WR:
            bits |= POLLHUP
        if self.shut & SHUT_RD:
            bits |= POLLIN | POLLRDHUP
        return bits | (POLLIN if len(self.inbox) else 0)

    def end_of_input(self) -> Received:
        """What a receive gets from an empty inbox: nothing after SHUT_RD. Before that it raises WouldBlock."""
        if self.shut & SHUT_RD:
            return Received(b"", 0, b"", self.peer_credentials, [])
        raise WouldBlock(self.changed)

    def take_datagram(self, count: int, flags: int) -> Received:
        """The next datagram. After SHUT_RD there is an end only for a call that may wait. Raises WouldBlock, OSError."""
        self.raise_error()
        if len(self.inbox):
            return self.inbox.take(count, stream=False, peek=bool(flags & MSG_PEEK))
        if flags & MSG_DONTWAIT or self.flags & O_NONBLOCK:
            raise WouldBlock(self.changed)
        return self.end_of_input()

    def held_files(self) -> Iterator[OpenFile]:
        return self.inbox.files()

    def throw_away(self) -> None:
        self.inbox.clear()

    # What each family does

    def bind(self, address: bytes) -> None:
        raise error(errno.EOPNOTSUPP)

    def listen(self, backlog: int) -> None:
        raise error(errno.EOPNOTSUPP)

    def accept(self) -> SocketFile:
        raise error(errno.EOPNOTSUPP)

    def connect(self, address: bytes) -> None:
        raise error(errno.EOPNOTSUPP)

    def name(self) -> bytes:
        """The own address (getsockname)."""
        raise NotImplementedError

    def peer_name(self) -> bytes:
        """The other's address. Raises OSError(ENOTCONN)."""
        raise NotImplementedError

    def shutdown(self, sides: int) -> None:
        raise NotImplementedError

    def send(
        self, data: bytes, flags: int, to: bytes | None, credentials: Credentials, files: list[OpenFile]
    ) -> int:
        """Send bytes, or one message; the bytes taken. Raises WouldBlock, OSError."""
        raise NotImplementedError

    def receive(self, count: int, flags: int) -> Received:
        """Take bytes, or one message. Raises WouldBlock, OSError. The caller answers for `files` of the result."""
        raise NotImplementedError

    @property
    def listening(self) -> bool:
        return False

    def took(self) -> None:
        """There is more room in the inbox."""


class ConnectedSocket(SocketFile):
    """A socket of a connection: AF_UNIX streams and SOCK_SEQPACKET, TCP. `peer` is the other end while that is open.

    A listening socket has a queue of connections, which can carry data before they are accepted.
    """

    QUIET_WRITER = False  # whether a writer hears of room only if it was out of room (TCP)

    def __init__(
        self,
        network: Network,
        family: int,
        kind: int,
        protocol: int,
        ino: int,
        flags: int,
        credentials: Credentials,
    ):
        super().__init__(network, family, kind, protocol, ino, flags, credentials)
        self.peer: ConnectedSocket | None = None
        self.connected = False
        self.backlog = -1  # of a listening socket
        self.queue: deque[ConnectedSocket] = deque()
        self.room = WaitQueue()  # connecting processes wait here while the queue is full

    @property
    def listening(self) -> bool:
        return self.backlog >= 0

    def embryos(self) -> list[ConnectedSocket]:
        return list(self.queue)

    def pair(self, other: ConnectedSocket) -> None:
        """Connect two sockets."""
        self.peer, other.peer = other, self
        self.connected = other.connected = True
        self.peer_credentials, other.peer_credentials = other.credentials, self.credentials

    def part(self) -> ConnectedSocket | None:
        """Take the two ends of the connection apart. Returns the other one if it was still open."""
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.peer = None
        return peer

    def stop_listening(self) -> None:
        """Close the connections that wait to be accepted."""
        self.backlog = -1
        while self.queue:
            self.queue.popleft().released()

    @property
    def full(self) -> bool:
        """Whether the queue of a listening socket takes no more."""
        return len(self.queue) > self.backlog

    def enqueue(self, connection: ConnectedSocket) -> None:
        """A new connection, to be accepted."""
        connection.parent = self
        self.queue.append(connection)
        self.changed.wake(POLLIN)

    def accept(self) -> SocketFile:
        if not self.listening:
            raise error(errno.EINVAL)
        if not self.queue:
            if self.shut & SHUT_RD:
                raise error(errno.EINVAL)
            raise WouldBlock(self.changed)
        connection = self.queue.popleft()
        connection.parent = None
        self.room.wake()
        self.accepted()
        return connection

    def accepted(self) -> None:
        """There is room in the queue."""

    # Bytes

    @property
    def writable_room(self) -> int:
        """The bytes that can be sent now."""
        peer = self.peer
        if peer is None:
            return self.send_buffer
        return self.network.room(self.send_buffer) - peer.inbox.charge

    @property
    def can_write(self) -> bool:
        """What poll reports: at least a third of the buffer is free."""
        return self.writable_room * 3 >= self.network.room(self.send_buffer)

    def transfer(self, data: bytes, address: bytes, credentials: Credentials, files: list[OpenFile]) -> int:
        """Put bytes into the peer's inbox; how many there was room for. Raises WouldBlock, OSError(EMSGSIZE)."""
        peer = self.peer
        assert peer is not None
        room = self.writable_room
        if self.messages:
            if len(data) > self.send_buffer - 32:
                raise error(errno.EMSGSIZE)
            if room < len(data) and len(peer.inbox):
                raise WouldBlock(self.changed)
        else:
            if not data:
                return 0
            if room <= 0:
                raise WouldBlock(self.changed)
            data = data[:room]
        peer.inbox.put(Packet(bytearray(data), address, credentials, files), merge=not self.messages)
        peer.changed.wake(POLLIN)
        return len(data)

    def take(self, count: int, flags: int) -> Received:
        """The next bytes or message of the inbox, which has some."""
        peer = self.peer
        could_write = peer is not None and peer.can_write
        received = self.inbox.take(count, stream=not self.messages, peek=bool(flags & MSG_PEEK))
        if peer is not None and not flags & MSG_PEEK:
            quiet = self.QUIET_WRITER and could_write
            peer.changed.wake(POLLOUT if peer.can_write and not quiet else 0)
        return received
