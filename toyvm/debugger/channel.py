"""Messages between the processes of a timeline: pickled values in frames, and descriptors, over a socket.

Both ends are copies of one process, so the bytes can be trusted. A frame's length is bounded, and
the end of the stream means that the other end is gone.
"""

from __future__ import annotations

import pickle
import select
import socket
import struct
from collections import deque
from typing import Any

from toyvm.base.errors import ToyvmError

MOST = 1 << 30  # bytes of a frame
_LENGTH = struct.Struct("<I")
_PIECE = 1 << 18
_DESCRIPTORS = 4  # that one read may bring


class ChannelClosedError(ToyvmError):
    """The other end is gone."""


class Channel:
    """One end of a connection."""

    def __init__(self, end: socket.socket):
        self._socket = end
        self._bytes = bytearray()
        self._descriptors: deque[int] = deque()

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two connected ends."""
        one, other = socket.socketpair()
        return cls(one), cls(other)

    @classmethod
    def of_descriptor(cls, fd: int) -> Channel:
        """The end that has a descriptor, which the channel owns from now on."""
        return cls(socket.socket(fileno=fd))

    def fileno(self) -> int:
        """The descriptor, -1 once closed."""
        return self._socket.fileno()

    def send(self, *message: Any, descriptor: Channel | None = None) -> None:
        """Send a tuple, and with it a duplicate of the other channel's descriptor.

        Raises ChannelClosedError.
        """
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        if len(data) > MOST:
            raise ToyvmError(f"a debugger's message of {len(data)} bytes is too long")
        frame = _LENGTH.pack(len(data)) + data
        try:
            if descriptor is not None:
                sent = socket.send_fds(self._socket, [frame], [descriptor.fileno()])
                frame = frame[sent:]
            self._socket.sendall(frame)
        except OSError:
            raise ChannelClosedError("the machine's process has ended") from None

    def receive(self) -> tuple[Any, ...]:
        """The next message. Raises ChannelClosedError."""
        while len(self._bytes) < _LENGTH.size:
            self._fill()
        (length,) = _LENGTH.unpack_from(self._bytes)
        if length > MOST:
            raise ChannelClosedError("a debugger's message is too long")
        while len(self._bytes) < _LENGTH.size + length:
            self._fill()
        data = bytes(self._bytes[_LENGTH.size : _LENGTH.size + length])
        del self._bytes[: _LENGTH.size + length]
        message: tuple[Any, ...] = pickle.loads(data)
        return message

    def take_descriptor(self) -> Channel:
        """The channel whose descriptor came with the message that was received last."""
        return Channel.of_descriptor(self._descriptors.popleft())

    def waiting(self) -> bool:
        """Whether `receive` has something to return or to raise."""
        if self._bytes:
            return True
        ready, _, _ = select.select([self._socket], [], [], 0)
        return bool(ready)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
        while self._descriptors:
            socket.close(self._descriptors.popleft())

    def _fill(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _PIECE, _DESCRIPTORS)
        except OSError:
            raise ChannelClosedError("the machine's process has ended") from None
        self._descriptors.extend(descriptors)
        if not data:
            raise ChannelClosedError("the machine's process has ended")
        self._bytes += data
