"""Pipes: bytes from one end to the other through 64 KiB, with waiting on both sides (pipe(7))."""

from __future__ import annotations

import errno
import stat as st

from toyvm.base.errors import error

from ..limits import PIPE_CAPACITY
from .nodes import Stat
from .open_file import O_RDONLY, O_WRONLY, POLLERR, POLLHUP, POLLIN, POLLOUT, OpenFile, WaitQueue, WouldBlock

PIPE_BUF = 4096
_DEVICE = 12


class PipePool:
    """The pipes of one machine: past `FULL` of them a new one holds but a page, past `MOST` there is none (pipe(7),
    pipe-user-pages-soft and -hard). So their bytes, which are the host's memory, have a limit."""

    FULL = 1024
    MOST = 16384

    def __init__(self) -> None:
        self._open = 0

    def take(self) -> int:
        """The capacity of one pipe more. Raises OSError(ENFILE)."""
        if self._open >= self.MOST:
            raise error(errno.ENFILE)
        self._open += 1
        return PIPE_CAPACITY if self._open <= self.FULL else PIPE_BUF

    def give_back(self) -> None:
        """A pipe has lost both its ends."""
        self._open -= 1


class _Channel:
    """What both ends share."""

    def __init__(self, ino: int, pool: PipePool):
        self.ino = ino
        self.pool = pool
        self.capacity = pool.take()
        self.data = bytearray()
        self.readers = self.writers = 1
        self.changed = WaitQueue()

    def stat(self) -> Stat:
        return Stat(_DEVICE, self.ino, st.S_IFIFO | 0o600)

    def end_closed(self) -> None:
        """One end is gone: wake what waits at the other."""
        self.changed.wake()
        if not self.readers and not self.writers:
            self.pool.give_back()


class PipeReader(OpenFile):
    """The read end."""

    pollable = True

    def __init__(self, channel: _Channel, flags: int):
        super().__init__(O_RDONLY | flags, f"pipe:[{channel.ino}]")
        self._channel = channel

    def stat(self) -> Stat:
        return self._channel.stat()

    def read(self, count: int) -> bytes:
        channel = self._channel
        if not count:
            return b""
        if not channel.data:
            if channel.writers:
                raise WouldBlock(channel.changed)
            return b""
        was_full = channel.capacity - len(channel.data) < PIPE_BUF
        data = bytes(channel.data[:count])
        del channel.data[:count]
        channel.changed.wake(POLLOUT if was_full else 0)
        return data

    def available(self) -> int:
        return len(self._channel.data)

    def poll(self) -> int:
        return (POLLIN if self._channel.data else 0) | (0 if self._channel.writers else POLLHUP)

    def poll_queue(self) -> WaitQueue:
        return self._channel.changed

    def released(self) -> None:
        self._channel.readers -= 1
        self._channel.end_closed()


class PipeWriter(OpenFile):
    """The write end. Up to PIPE_BUF bytes go in one piece or not at all."""

    pollable = True

    def __init__(self, channel: _Channel, flags: int):
        super().__init__(O_WRONLY | flags, f"pipe:[{channel.ino}]")
        self._channel = channel

    def stat(self) -> Stat:
        return self._channel.stat()

    def write(self, data: bytes) -> int:
        channel = self._channel
        if not channel.readers:
            raise error(errno.EPIPE)
        room = channel.capacity - len(channel.data)
        if data and (not room or (len(data) <= PIPE_BUF and room < len(data))):
            raise WouldBlock(channel.changed)
        piece = data[:room]
        channel.data += piece
        channel.changed.wake(POLLIN)
        return len(piece)

    def available(self) -> int:
        return len(self._channel.data)

    def poll(self) -> int:
        channel = self._channel
        if not channel.readers:
            return POLLOUT | POLLERR
        return POLLOUT if channel.capacity - len(channel.data) >= PIPE_BUF else 0

    def poll_queue(self) -> WaitQueue:
        return self._channel.changed

    def released(self) -> None:
        self._channel.writers -= 1
        self._channel.end_closed()


def make_pipe(ino: int, pool: PipePool, flags: int = 0) -> tuple[PipeReader, PipeWriter]:
    """Both ends of a new pipe. Raises OSError(ENFILE)."""
    channel = _Channel(ino, pool)
    return PipeReader(channel, flags), PipeWriter(channel, flags)
