"""The urgent byte of an AF_UNIX stream (MSG_OOB), as Linux has it since 5.15; with the corrections up to 6.12.

The byte stays in its place among the others, as a packet of its own, and that place remains after recv(2) with MSG_OOB
has taken the byte. A read stops in front of it; the next one passes over it, or with SO_OOBINLINE begins with it.
"""

from __future__ import annotations

import errno

from toyvm.base.errors import error

from ..vfs.open_file import OpenFile
from .network import Network
from .socket_file import Credentials, Inbox, Packet, Received


class UrgentBytes:
    """The urgent bytes in the inbox of one stream. `current` is the last one, while no read has passed it."""

    def __init__(self, network: Network, inbox: Inbox):
        self._network = network
        self._inbox = inbox
        self.current: Packet | None = None

    def put(self, byte: bytes, address: bytes, credentials: Credentials, files: list[OpenFile]) -> None:
        """A new urgent byte has arrived. An earlier one is an ordinary byte from now on."""
        self.current = Packet(bytearray(byte), address, credentials, files, True)
        self._inbox.put(self.current)

    @property
    def left(self) -> bool:
        """Whether the inbox has a byte or a place of one."""
        return any(packet.urgent for packet in self._inbox.packets)

    @property
    def only_a_place(self) -> bool:
        """Whether nothing but the place of a received byte is left to read."""
        packets = self._inbox.packets
        return len(packets) == 1 and not packets[0].data

    @property
    def at_mark(self) -> bool:
        """Whether the next read begins at the urgent byte, or at its place (sockatmark(3))."""
        packets = self._inbox.packets
        if not packets:
            return False
        following = packets[1] if len(packets) > 1 else None
        return packets[0] is self.current or (
            not packets[0].data and (self.current is None or following is self.current)
        )

    def receive(self, count: int, *, inline: bool, peek: bool) -> Received:
        """recv(2) with MSG_OOB. Raises OSError: EFAULT (no room for it), EINVAL (no urgent byte, SO_OOBINLINE)."""
        packet = self.current
        if inline or packet is None or not packet.data:
            raise error(errno.EINVAL)
        if not count:
            raise error(errno.EFAULT)
        byte = bytes(packet.data)
        if not peek:
            self.current = None
            self._inbox.shorten(packet, 1)
        return Received(byte, 1, packet.address, packet.credentials, [])

    def take(self, count: int, *, inline: bool, peek: bool) -> Received | None:
        """The next bytes, not past an urgent one; None if there are none."""
        out = bytearray()
        first: Packet | None = None
        files: list[OpenFile] = []
        todo = self._inbox.packets
        while todo:
            packet = self._next(todo, inline=inline, peek=peek, copied=first is not None)
            if packet is None:
                break
            if first is None:
                first = packet
            elif packet.files or packet.credentials != first.credentials:
                break
            piece = packet.data[: count - len(out)]
            out += piece
            todo.remove(packet)
            if peek:
                files = packet.files
                for file in files:
                    file.users += 1
            elif len(piece) == len(packet.data):
                files = self._inbox.remove(packet)
            else:
                self._network.land(packet.files)
                files, packet.files = packet.files, []
                self._inbox.shorten(packet, len(piece))
            if files or len(out) == count:
                break
        if first is None:
            return None
        return Received(bytes(out), len(out), first.address, first.credentials, files)

    def _next(self, todo: list[Packet], *, inline: bool, peek: bool, copied: bool) -> Packet | None:
        """The packet to read from, past those that are passed over; None at the mark or for none (manage_oob)."""
        packet = todo[0]
        if not packet.data:
            if copied and (self.current is None or packet is self.current):
                return None
            self._pass(todo, packet, peek=peek)
            if not todo:
                return None
            packet = todo[0]
        if packet is not self.current:
            return packet
        if copied:
            return None
        if not peek:
            self.current = None
        if inline:
            return packet
        self._pass(todo, packet, peek=peek)
        return todo[0] if todo else None

    def _pass(self, todo: list[Packet], packet: Packet, *, peek: bool) -> None:
        todo.remove(packet)
        if not peek:
            self._network.release(self._inbox.remove(packet))
