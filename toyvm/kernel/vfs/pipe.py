"""Pipes: bytes from one end to the other through 64 KiB, with waiting on both sides (pipe(7))."""

from __future__ import annotations

import errno
import stat as st
from collections import deque

from toyvm.base.errors import error

from ..limits import GUEST_ID, PIPE_CAPACITY
from .memory_files import INODE, MemFs, MemNode
from .nodes import Node, Stat
from .open_file import (
    O_ACCMODE,
    O_DIRECT,
    O_NONBLOCK,
    O_RDONLY,
    O_RDWR,
    O_WRONLY,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    DeviceNode,
    OpenFile,
    WaitQueue,
    WouldBlock,
)
from .opened_nodes import UnopenedFile

PIPE_BUF = 4096
_DEVICE = 12


class PipePool:
    """The pipes of one machine: past `FULL` bytes in all of them a new one holds but a page, past `MOST` pipes there is
    none (pipe(7), pipe-user-pages-soft and -hard). So their bytes, which are the host's memory, have a limit."""

    FULL = 64 << 20
    MOST = 16384
    LARGEST = 1 << 20  # of one pipe: pipe-max-size

    def __init__(self) -> None:
        self._open = self._bytes = 0

    def take(self) -> int:
        """The capacity of one pipe more. Raises OSError(ENFILE)."""
        if self._open >= self.MOST:
            raise error(errno.ENFILE)
        self._open += 1
        capacity = PIPE_CAPACITY if self._bytes + PIPE_CAPACITY <= self.FULL else PIPE_BUF
        self._bytes += capacity
        return capacity

    def resize(self, old: int, new: int) -> None:
        """A pipe changes its capacity. Raises OSError(EPERM)."""
        if new > old and (new > self.LARGEST or self._bytes + new - old > self.FULL):
            raise error(errno.EPERM)
        self._bytes += new - old

    def give_back(self, capacity: int) -> None:
        """A pipe has lost both its ends."""
        self._open -= 1
        self._bytes -= capacity


class MemFifo(MemNode, DeviceNode):
    """A named pipe: everything that has it open shares one channel (fifo(7))."""

    def __init__(self, fs: MemFs, mode: int):
        super().__init__(fs, mode)
        self.channel: _Channel | None = None  # while it is open
        fs.charge(INODE)

    def stat(self) -> Stat:
        return self._status(st.S_IFIFO, self.links, 0)

    def open(self, flags: int, path: str) -> OpenFile:
        return UnopenedFile(self, flags, path)


class _Run:
    """Bytes of a pipe: a packet, or a stretch without borders."""

    def __init__(self, length: int, packet: bool):
        self.length, self.packet = length, packet

    @property
    def slots(self) -> int:
        """The pages that it needs: a packet has one for itself."""
        return 1 if self.packet else -(-self.length // PIPE_BUF)


class _Channel:
    """What both ends share. `runs` says how the bytes are divided; None while there is no packet among them."""

    def __init__(self, ino: int, pool: PipePool):
        self.ino = ino
        self.pool = pool
        self.capacity = pool.take()
        self.data = bytearray()
        self.runs: deque[_Run] | None = None
        self.readers = self.writers = 1
        self.node: Node | None = None  # of a fifo, which has a name
        self.reader_opens = self.writer_opens = (
            0  # how often each end was opened: an open of a fifo waits for the other
        )
        self.changed = WaitQueue()

    def stat(self) -> Stat:
        if self.node is not None:
            return self.node.stat()
        return Stat(_DEVICE, self.ino, st.S_IFIFO | 0o600, uid=GUEST_ID, gid=GUEST_ID)

    def end_closed(self) -> None:
        """One end is gone: wake what waits at the other."""
        self.changed.wake()
        if not self.readers and not self.writers:
            self.pool.give_back(self.capacity)
            if isinstance(self.node, MemFifo):
                self.node.channel = None

    @property
    def free_slots(self) -> int:
        """The pages that are free in a pipe with packets."""
        return self.capacity // PIPE_BUF - sum(run.slots for run in self.runs or ())

    @property
    def room(self) -> int:
        """How many bytes without borders fit."""
        if self.runs is None:
            return self.capacity - len(self.data)
        last = self.runs[-1] if self.runs else None
        slack = -last.length % PIPE_BUF if last is not None and not last.packet else 0
        return max(0, self.free_slots) * PIPE_BUF + slack

    @property
    def takes_more(self) -> bool:
        """Whether poll reports POLLOUT: a page is free."""
        return self.free_slots > 0 if self.runs is not None else self.room >= PIPE_BUF

    def write(self, data: bytes, packets: bool) -> int:
        """Append bytes, or packets of up to PIPE_BUF bytes; how many there was room for. Raises WouldBlock, OSError(EPIPE)."""
        if not self.readers:
            raise error(errno.EPIPE)
        if packets and data:
            return self._write_packets(data)
        room = self.room
        if data and (not room or (len(data) <= PIPE_BUF and room < len(data))):
            raise WouldBlock(self.changed)
        piece = data[:room]
        self.append(piece, False)
        self.changed.wake(POLLIN)
        return len(piece)

    def _write_packets(self, data: bytes) -> int:
        if self.runs is None:
            self.runs = deque([_Run(len(self.data), False)] if self.data else [])
        free = self.free_slots
        if free <= 0:
            raise WouldBlock(self.changed)
        taken = data[: free * PIPE_BUF]
        for at in range(0, len(taken), PIPE_BUF):
            self.append(taken[at : at + PIPE_BUF], True)
        self.changed.wake(POLLIN)
        return len(taken)

    def append(self, data: bytes, packet: bool) -> None:
        """Append a packet, or bytes without borders."""
        self.data += data
        if self.runs is not None and data:
            if not packet and self.runs and not self.runs[-1].packet:
                self.runs[-1].length += len(data)
            else:
                self.runs.append(_Run(len(data), packet))

    def take(self, count: int, *, packets: bool) -> bytes:
        """The next bytes. With `packets` they end with a packet, whose rest is lost (read(2)); else they do not stop there."""
        could_write = self.takes_more
        size = lost = 0
        if self.runs is None:
            size = min(count, len(self.data))
        while self.runs and size < count:
            run = self.runs[0]
            piece = min(run.length, count - size)
            size += piece
            run.length -= piece
            ends = packets and run.packet
            if ends:
                lost, run.length = run.length, 0
            if not run.length:
                self.runs.popleft()
            if ends:
                break
        data = bytes(self.data[:size])
        del self.data[: size + lost]
        if not self.data:
            self.runs = None
        self.changed.wake(0 if could_write else POLLOUT)
        return data

    def open(self, flags: int, path: str) -> OpenFile:
        """One end more, or with O_RDWR both in one. Raises OSError(EINVAL): O_DIRECT, which open(2) does not give to a pipe."""
        if flags & O_DIRECT:
            raise error(errno.EINVAL)
        access = flags & O_ACCMODE
        if access != O_WRONLY:
            self.readers += 1
            self.reader_opens += 1
        if access != O_RDONLY:
            self.writers += 1
            self.writer_opens += 1
        self.changed.wake()
        kind = {O_RDONLY: PipeReader, O_WRONLY: PipeWriter}.get(access, FifoBoth)
        return kind(self, flags & ~O_ACCMODE, path)


class PipeReader(OpenFile):
    """The read end."""

    pollable = True

    def __init__(self, channel: _Channel, flags: int, path: str = ""):
        super().__init__(O_RDONLY | flags, path or f"pipe:[{channel.ino}]")
        self._channel = channel

    @property
    def node(self) -> Node | None:
        return self._channel.node

    @property
    def packets(self) -> bool:  # type: ignore[override]  # an attribute of other files
        return self._channel.runs is not None

    def reopen(self, flags: int, path: str) -> OpenFile:
        return self._channel.open(flags, self.path)

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
        return channel.take(count, packets=True)

    def read_now(self, count: int) -> bytes | None:
        channel = self._channel
        data = channel.data
        if not data or channel.runs is not None or channel.changed.watchers:
            return None
        piece = bytes(data[:count])
        del data[:count]
        if channel.changed.waiters:
            channel.changed.wake(0)
        return piece

    def empty_queue(self) -> WaitQueue | None:
        channel = self._channel
        return (
            channel.changed if not channel.data and channel.writers and not self.flags & O_NONBLOCK else None
        )

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

    def __init__(self, channel: _Channel, flags: int, path: str = ""):
        super().__init__(O_WRONLY | flags, path or f"pipe:[{channel.ino}]")
        self._channel = channel

    @property
    def node(self) -> Node | None:
        return self._channel.node

    @property
    def packets(self) -> bool:  # type: ignore[override]  # an attribute of other files
        return bool(self.flags & O_DIRECT)

    def reopen(self, flags: int, path: str) -> OpenFile:
        return self._channel.open(flags, self.path)

    def stat(self) -> Stat:
        return self._channel.stat()

    def write(self, data: bytes) -> int:
        return self._channel.write(data, self.packets)

    def write_now(self, data: bytes) -> bool:
        channel = self._channel
        if (
            not channel.readers
            or channel.runs is not None
            or channel.changed.watchers
            or self.flags & O_DIRECT
            or len(channel.data) + len(data) > channel.capacity
        ):
            return False
        channel.data += data
        if channel.changed.waiters:
            channel.changed.wake(POLLIN)
        return True

    def available(self) -> int:
        return len(self._channel.data)

    def poll(self) -> int:
        channel = self._channel
        if not channel.readers:
            return POLLOUT | POLLERR
        return POLLOUT if channel.takes_more else 0

    def poll_queue(self) -> WaitQueue:
        return self._channel.changed

    def released(self) -> None:
        self._channel.writers -= 1
        self._channel.end_closed()


class FifoBoth(OpenFile):
    """A pipe opened for reading and writing."""

    pollable = True

    def __init__(self, channel: _Channel, flags: int, path: str):
        super().__init__(O_RDWR | flags, path)
        self._channel = channel
        self._reader, self._writer = PipeReader(channel, flags, path), PipeWriter(channel, flags, path)

    @property
    def node(self) -> Node | None:
        return self._channel.node

    @property
    def packets(self) -> bool:  # type: ignore[override]  # an attribute of other files
        return bool(self.flags & O_DIRECT) or self._channel.runs is not None

    def reopen(self, flags: int, path: str) -> OpenFile:
        return self._channel.open(flags, self.path)

    def stat(self) -> Stat:
        return self._channel.stat()

    def read(self, count: int) -> bytes:
        return self._reader.read(count)

    def write(self, data: bytes) -> int:
        return self._channel.write(data, bool(self.flags & O_DIRECT))

    def available(self) -> int:
        return len(self._channel.data)

    def poll(self) -> int:
        return self._reader.poll() | self._writer.poll()

    def poll_queue(self) -> WaitQueue:
        return self._channel.changed

    def released(self) -> None:
        self._channel.readers -= 1
        self._channel.writers -= 1
        self._channel.end_closed()


def pipe_size(file: OpenFile) -> int:
    """The capacity of a pipe (F_GETPIPE_SZ). Raises OSError(EBADF)."""
    if not isinstance(file, (PipeReader, PipeWriter, FifoBoth)):
        raise error(errno.EBADF)
    return file._channel.capacity


def set_pipe_size(file: OpenFile, wanted: int) -> int:
    """Change the capacity of a pipe to a power of two, at least a page (F_SETPIPE_SZ); returns it.

    Raises OSError: EBADF, EBUSY (it holds more), EINVAL, EPERM (above the limits).
    """
    pipe_size(file)
    assert isinstance(file, (PipeReader, PipeWriter, FifoBoth))
    channel = file._channel
    if wanted > 1 << 31:
        raise error(errno.EINVAL)
    capacity = 1 << (max(wanted, PIPE_BUF) - 1).bit_length()
    slots = len(channel.data) if channel.runs is None else channel.capacity - channel.free_slots * PIPE_BUF
    if capacity < slots:
        raise error(errno.EBUSY)
    channel.pool.resize(channel.capacity, capacity)
    channel.capacity = capacity
    channel.changed.wake(POLLOUT)
    return capacity


def open_fifo(fifo: MemFifo, flags: int, path: str, pool: PipePool) -> tuple[OpenFile, int | None]:
    """open(2) of a named pipe: the open file, and a number for `fifo_ready` if the caller has to wait for the other end.

    Raises OSError: EINVAL (O_DIRECT), ENXIO (O_NONBLOCK, writing, no reader), ENFILE.
    """
    channel = fifo.channel
    if flags & O_DIRECT:
        raise error(errno.EINVAL)
    if channel is None:
        channel = _Channel(fifo.identity[1], pool)
        channel.readers = channel.writers = 0
        channel.node, fifo.channel = fifo, channel
    access = flags & O_ACCMODE
    if access == O_WRONLY and flags & O_NONBLOCK and not channel.readers:
        channel.end_closed()
        raise error(errno.ENXIO)
    file = channel.open(flags, path)
    others = channel.writers if access == O_RDONLY else channel.readers
    if access == O_RDWR or flags & O_NONBLOCK or others:
        return file, None
    return file, channel.writer_opens if access == O_RDONLY else channel.reader_opens


def fifo_ready(file: OpenFile, opens: int) -> bool:
    """Whether the other end has been opened since `open_fifo` said `opens`, even if it is closed again."""
    assert isinstance(file, (PipeReader, PipeWriter))
    channel = file._channel
    return opens != (channel.writer_opens if isinstance(file, PipeReader) else channel.reader_opens)


def make_pipe(ino: int, pool: PipePool, flags: int = 0) -> tuple[PipeReader, PipeWriter]:
    """Both ends of a new pipe; O_DIRECT is for the write end. Raises OSError(ENFILE)."""
    channel = _Channel(ino, pool)
    return PipeReader(channel, flags & ~O_DIRECT), PipeWriter(channel, flags)


PipeFile = PipeReader | PipeWriter | FifoBoth
"""What splice(2) takes for a pipe."""


def same_pipe(one: PipeFile, other: PipeFile) -> bool:
    """Whether both are ends of one pipe."""
    return one._channel is other._channel


def peek_pipe(file: PipeFile, count: int) -> bytes:
    """Up to `count` bytes that stay in the pipe; nothing at its end. Raises WouldBlock."""
    channel = file._channel
    if not channel.data and channel.writers:
        raise WouldBlock(channel.changed)
    return bytes(channel.data[:count])


def pipe_room(file: PipeFile) -> int:
    """How many bytes the pipe takes now. Raises WouldBlock, OSError(EPIPE)."""
    channel = file._channel
    if not channel.readers:
        raise error(errno.EPIPE)
    room = channel.room
    if room <= 0:
        raise WouldBlock(channel.changed)
    return room


def put_pipe(file: PipeFile, data: bytes) -> int:
    """Append bytes that are no packet, even with O_DIRECT; how many there was room for. Raises WouldBlock, OSError(EPIPE)."""
    return file._channel.write(data, False)


def take_pipe(file: PipeFile, count: int) -> bytes:
    """Remove up to `count` bytes, whatever packets they belong to."""
    return file._channel.take(count, packets=False)


def pass_on(source: PipeFile, target: PipeFile, count: int, *, keep: bool) -> int:
    """Move up to `count` bytes to another pipe, or with `keep` copy them: packets stay packets. Returns their number.

    Raises WouldBlock, OSError(EPIPE).
    """
    data = peek_pipe(source, min(count, source._channel.capacity))
    if not data:
        return 0
    room = pipe_room(target)
    here, there = source._channel, target._channel
    if here.runs is None:
        done = put_pipe(target, data[:room])
    else:
        if there.runs is None:
            there.runs = deque([_Run(len(there.data), False)] if there.data else [])
        done = 0
        for run in list(here.runs):
            piece = data[done : done + run.length]
            piece = piece[: there.room if not run.packet else PIPE_BUF * max(0, there.free_slots)]
            if not piece:
                break
            there.append(piece, run.packet)
            done += len(piece)
            if len(piece) < run.length:
                break
        if not done:
            raise WouldBlock(there.changed)
        there.changed.wake(POLLIN)
    if not keep:
        take_pipe(source, done)
    return done
