"""What the sockets of one machine share: names, ports, the memory of their buffers, and descriptors in flight."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence

from toyvm.base.errors import error
from toyvm.base.light_types import Protocol

from ..vfs.open_file import OpenFile
from .addresses import InetAddress

BUFFER = 212992  # net.core.rmem_default and wmem_default
SMALL_BUFFER = 4096  # what a socket may hold when the machine's share is used up
MEMORY = 64 << 20  # bytes in all buffers, above which each is small
MOST_SOCKETS = 16384
FIRST_PORT, LAST_PORT = 32768, 60999  # net.ipv4.ip_local_port_range


class NetworkMember(OpenFile):
    """What the network knows of a socket. `parent` is the listening socket in whose queue it waits to be accepted."""

    parent: NetworkMember | None = None

    def held_files(self) -> Iterator[OpenFile]:
        """The files in the messages that it has received."""
        raise NotImplementedError

    def embryos(self) -> Sequence[NetworkMember]:
        """The connections that wait to be accepted."""
        return []

    def throw_away(self) -> None:
        """Forget all messages."""
        raise NotImplementedError


class Outside(Protocol):
    """Servers that are not in the machine (`host_loopback`). The functions raise OSError."""

    def connect(self, client: NetworkMember, to: InetAddress) -> None:
        """Begin a connection of a TCP socket."""

    def send(self, guest: NetworkMember, data: bytes, to: InetAddress, *, connected: bool) -> None:
        """Send a datagram."""

    def receive(self, guest: NetworkMember) -> None:
        """Fetch what has come for a socket of datagrams."""

    def forget(self, guest: NetworkMember) -> None:
        """A socket of datagrams is closed."""


class Network:
    """The sockets of one machine. `host` leads to servers on the host's loopback, if the machine may reach them."""

    def __init__(self, host: Outside | None = None) -> None:
        self.host = host
        self.sockets: dict[NetworkMember, None] = {}
        self.used = 0
        self.abstract: dict[bytes, NetworkMember] = {}
        self.bound: dict[tuple[int, int], list[NetworkMember]] = {}  # by protocol and port
        self.in_flight: dict[OpenFile, int] = {}
        self._next_autobind = 0
        self._next_port = FIRST_PORT
        self._dropped: list[OpenFile] = []
        self._dropping = False

    def enter(self, socket: NetworkMember) -> None:
        """A new socket. Raises OSError(ENFILE)."""
        if len(self.sockets) >= MOST_SOCKETS:
            raise error(errno.ENFILE)
        self.sockets[socket] = None

    def room(self, wanted: int) -> int:
        """The bytes that a buffer for which `wanted` is set may hold now."""
        return wanted if self.used < MEMORY else min(wanted, SMALL_BUFFER)

    # Names

    def autobind_name(self) -> bytes:
        """A free abstract name of five hexadecimal digits (unix(7))."""
        while True:
            name = b"\0%05x" % self._next_autobind
            self._next_autobind = self._next_autobind + 1 & 0xFFFFF
            if name not in self.abstract:
                return name

    def ephemeral_port(self, protocol: int) -> int:
        """A port that no socket has. Raises OSError(EADDRINUSE)."""
        for _ in range(FIRST_PORT, LAST_PORT + 1):
            port = self._next_port
            self._next_port = port + 1 if port < LAST_PORT else FIRST_PORT
            if (protocol, port) not in self.bound:
                return port
        raise error(errno.EADDRINUSE)

    def bind_port(self, socket: NetworkMember, protocol: int, port: int) -> None:
        """Enter a socket under its port."""
        self.bound.setdefault((protocol, port), []).append(socket)

    def free_port(self, socket: NetworkMember, protocol: int, port: int) -> None:
        """Undo `bind_port`."""
        sockets = self.bound.get((protocol, port), [])
        if socket in sockets:
            sockets.remove(socket)
        if not sockets:
            self.bound.pop((protocol, port), None)

    # Descriptors in flight (SCM_RIGHTS)

    def send_files(self, files: Iterable[OpenFile]) -> None:
        """These files are part of a message now, which uses them as a descriptor would."""
        for file in files:
            file.users += 1
            self.in_flight[file] = self.in_flight.get(file, 0) + 1

    def land(self, files: Iterable[OpenFile]) -> None:
        """The message has arrived: the receiver answers for these files now, one `put` each."""
        for file in files:
            self.in_flight[file] -= 1
            if not self.in_flight[file]:
                del self.in_flight[file]

    def drop(self, files: Iterable[OpenFile]) -> None:
        """Nobody will receive the message with these files."""
        files = list(files)
        self.land(files)
        self.release(files)

    def release(self, files: Iterable[OpenFile]) -> None:
        """`put` these files, one after the other: a guest can nest sockets in messages deeper than Python's stack."""
        self._dropped += files
        if self._dropping:
            return
        self._dropping = True
        try:
            while self._dropped:
                self._dropped.pop().put()
        finally:
            self._dropping = False

    def collect(self) -> None:
        """Close the sockets that only messages hold that nobody can receive: circles of descriptors in flight (unix_gc)."""
        garbage: dict[OpenFile, NetworkMember] = {
            socket: socket
            for socket in self.sockets
            if socket.users and self.in_flight.get(socket) == socket.users
        }
        todo = [s for s in self.sockets if s not in garbage and (s.parent is None or s.parent not in garbage)]
        while todo and garbage:
            for file in todo.pop().held_files():
                rescued = garbage.pop(file, None)
                if rescued is not None:
                    todo += [rescued, *rescued.embryos()]
        for socket in garbage.values():
            for holder in (socket, *socket.embryos()):
                holder.throw_away()
