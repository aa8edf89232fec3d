"""What a file descriptor refers to: a position, flags, and something to read from or write to (open file description).

`read` and `write` of something that must wait raise WouldBlock with the queue to wait on; the system call layer turns
that into EAGAIN for O_NONBLOCK, or puts the process to sleep and tries again.
"""

from __future__ import annotations

import errno
import stat as st
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.base.light_types import Protocol

from .nodes import Identity, Node, Stat, SymlinkNode

O_ACCMODE, O_RDONLY, O_WRONLY, O_RDWR = 0o3, 0o0, 0o1, 0o2
O_CREAT, O_EXCL, O_TRUNC, O_APPEND = 0o100, 0o200, 0o1000, 0o2000
O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW = 0o4000, 0o200000, 0o400000
O_ASYNC, O_DIRECT = 0o20000, 0o40000
O_CLOEXEC, O_PATH, O_TMPFILE = 0o2000000, 0o10000000, 0o20000000
STATUS_FLAGS = O_APPEND | O_NONBLOCK

POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 1, 2, 4, 8, 16, 32
POLLWRBAND, POLLRDHUP = 0x200, 0x2000
ANY_EVENT = 0xFFFF


class Watcher:
    """What an epoll leaves on the queue of a file: it is told of every wake-up, and stays."""

    exclusive = False

    def notify(self, events: int) -> bool:
        """The queue woke for `events`. Returns whether somebody was waiting for that."""
        raise NotImplementedError

    def urgent(self) -> None:
        """A socket has received an urgent byte."""


class WaitQueue:
    """The processes that wait for one thing, and the epolls that watch it.

    A process waits once: `wake` takes it off the queue and calls its function, which the scheduler provides; the process
    then makes its system call again. A watcher stays until it is removed.
    """

    def __init__(self) -> None:
        self.waiters: dict[int, Callable[[], None]] = {}  # by pid, so that waking is in a settled order
        self.watchers: dict[Watcher, None] | None = None

    def wake(self, events: int = ANY_EVENT) -> None:
        """Let all waiters try again; `events` are the POLL bits that may have become true."""
        if self.waiters:
            waiters, self.waiters = self.waiters, {}
            for wake in waiters.values():
                wake()
        if self.watchers:
            exclusive_told = False
            for watcher in sorted(self.watchers, key=lambda watcher: watcher.exclusive):
                if not (watcher.exclusive and exclusive_told):
                    exclusive_told = watcher.notify(events) and watcher.exclusive

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` of every wake-up from now on."""
        if self.watchers is None:
            self.watchers = {}
        self.watchers[watcher] = None

    def unwatch(self, watcher: Watcher) -> None:
        """Undo `watch`."""
        if self.watchers is not None:
            self.watchers.pop(watcher, None)


class Alarm:
    """Something that happens at a virtual time. The scheduler calls `expire` at `alarm_at`, if that still says so then."""

    alarm_at: int | None = None  # virtual ns; None: not armed
    alive = True

    def expire(self, now: int) -> None:
        """The time has come."""
        raise NotImplementedError


class WouldBlock(Exception):
    """The operation cannot finish now; try again when one of `queues` wakes, or at `deadline` (virtual ns)."""

    def __init__(self, *queues: WaitQueue, deadline: int | None = None):
        super().__init__()
        self.queues = queues
        self.deadline = deadline


class LockOwner(Protocol):
    """Whose locks end with an open file or with a descriptor (`kernel.file_locks`)."""

    def closed(self, file: OpenFile) -> None: ...


class FileCount:
    """How many files are open in the machine, `used` of at most `most` (/proc/sys/fs/file-nr and file-max)."""

    def __init__(self, most: int):
        self.most = most
        self.used = 0

    @property
    def full(self) -> bool:
        return self.used >= self.most

    def enter(self, file: OpenFile) -> None:
        """A file has its first user. It is counted until it has none."""
        if file.counted is None:
            file.counted = self
            self.used += 1


class OpenFile:
    """Base of open files. `users` counts file descriptors of all processes; the last `put` calls `released`.

    pollable    whether epoll(7) takes it: the file has a state that changes, and a queue that says so
    messages    each read or write is one whole message (datagrams, eventfd), never cut into pieces
    packets     whether what one write puts in, one read takes out (a pipe with O_DIRECT)
    synonyms    whether POLLIN and POLLOUT of `poll` mean POLLRDNORM and POLLWRNORM too
    sends_sigpipe  whether a write to what nobody reads is SIGPIPE too
    maps_zeros  whether a mapping of it is anonymous memory (/dev/zero)
    timeouts    how many ns a read and a write may wait (SO_RCVTIMEO, SO_SNDTIMEO), None for ever
    watchers    what epolls hold for this file; they are told when it is closed
    """

    seekable = False
    pollable = False
    messages = False
    packets = False
    synonyms = True
    sends_sigpipe = True
    maps_zeros = False
    timeouts: tuple[int | None, int | None] = (None, None)
    watchers: dict[Watcher, Callable[[], None]] | None = None
    is_terminal = False
    owner: Watcher | None = None  # whom a signal tells of the file (`proc.file_owners`)
    counted: FileCount | None = None  # where it counts as an open file
    locks: LockOwner | None = None  # what to do about locks when the last descriptor is closed

    def __init__(self, flags: int, path: str = ""):
        self.flags = flags
        self.path = path
        self.position = 0
        self.users = 0

    @property
    def readable(self) -> bool:
        return self.flags & O_ACCMODE != O_WRONLY and not self.flags & O_PATH

    @property
    def writable(self) -> bool:
        return self.flags & O_ACCMODE in (O_WRONLY, O_RDWR) and not self.flags & O_PATH

    @property
    def node(self) -> Node | None:
        """The inode, where there is one."""
        return None

    def stat(self) -> Stat:
        raise NotImplementedError

    def read(self, count: int) -> bytes:
        raise error(errno.EINVAL)

    def write(self, data: bytes) -> int:
        raise error(errno.EINVAL)

    def read_now(self, count: int) -> bytes | None:
        """What `read` would return, if the file can say that at once and no other has to learn of it.

        None without any effect otherwise: then `read` is called. The same holds for `write_now`.
        """
        return None

    def write_now(self, data: bytes) -> bool:
        """Write all of `data` if that can be done at once; whether it was done."""
        return False

    def empty_queue(self) -> WaitQueue | None:
        """The queue to wait at, if `read` would only wait."""
        return None

    def pread(self, offset: int, count: int) -> bytes:
        raise error(errno.ESPIPE)

    def pwrite(self, offset: int, data: bytes) -> int:
        raise error(errno.ESPIPE)

    def seek(self, offset: int, whence: int) -> int:
        raise error(errno.ESPIPE)

    def truncate(self, size: int) -> None:
        raise error(errno.EINVAL)

    def poll(self) -> int:
        """The POLL bits that are true now."""
        return POLLIN | POLLOUT

    def reopen(self, flags: int, path: str) -> OpenFile:
        """Another open file of the same thing, which has no name (/proc/PID/fd of a pipe or a stream). Raises OSError."""
        raise error(errno.ENXIO)

    def poll_state(self) -> int:
        """`poll` with the synonyms."""
        bits = self.poll()
        return bits | (bits & (POLLIN | POLLOUT)) << 6 if self.synonyms else bits

    def poll_queue(self) -> WaitQueue | None:
        """The queue that wakes when `poll` may have changed; None when it never does."""
        return None

    def available(self) -> int:
        """The bytes that a read would get now (FIONREAD). Raises OSError(ENOTTY)."""
        raise error(errno.ENOTTY)

    def fdinfo(self) -> str:
        """The lines of /proc/PID/fdinfo that only files of this kind have."""
        return ""

    def put(self) -> None:
        """A user less: a descriptor was closed, or a message with it is gone. The last one closes the file."""
        self.users -= 1
        if not self.users:
            if self.counted is not None:
                self.counted.used -= 1
                self.counted = None
            if self.watchers:
                for forget in list(self.watchers.values()):
                    forget()
            if self.locks is not None:
                self.locks.closed(self)
            self.released()

    def released(self) -> None:
        """The last descriptor was closed."""


class OpenFileNode(Node):
    """What has no inode of a file system, seen through /proc/PID/fd."""

    def __init__(self, file: OpenFile):
        self.file = file

    def stat(self) -> Stat:
        return self.file.stat()


class MagicLink(SymlinkNode):
    """A link of /proc/PID/fd: it shows a path and leads to the open file, whatever the path has become."""

    magic = True

    def __init__(self, identity: Identity, file: OpenFile):
        self.identity = identity
        self.file = file

    def readlink(self) -> str:
        return self.file.path

    def stat(self) -> Stat:
        mode = {O_RDONLY: 0o500, O_WRONLY: 0o300}.get(self.file.flags & O_ACCMODE, 0o700)
        return Stat(*self.identity, st.S_IFLNK | mode, size=64)

    def target(self) -> Node:
        return self.file.node or OpenFileNode(self.file)


class DeviceNode(Node):
    """A character device, or any node whose open files are made by itself (`/proc` texts)."""

    def open(self, flags: int, path: str) -> OpenFile:
        raise NotImplementedError


SEEK_DATA, SEEK_HOLE = 3, 4


def seek_to(position: int, size: int, offset: int, whence: int) -> int:
    """Where lseek(2) leads: SEEK_SET, CUR, END, and DATA and HOLE of a file without holes. Raises OSError."""
    if whence in (SEEK_DATA, SEEK_HOLE):
        if not 0 <= offset < size:
            raise error(errno.ENXIO)
        return offset if whence == SEEK_DATA else size
    if whence not in (0, 1, 2):
        raise error(errno.EINVAL)
    target = offset + (0, position, size)[whence]
    if not 0 <= target < 1 << 63:
        raise error(errno.EINVAL)
    return target


class Sink(Protocol):
    """Where the bytes of a standard stream go: a binary file, or anything with `write`."""

    def write(self, data: bytes, /) -> object: ...


class Source(Protocol):
    """Where the bytes of standard input come from."""

    def read(self, count: int, /) -> bytes | None: ...


class OutputBudget:
    """How many bytes the output streams of a machine may still write together.

    `spent` is called once, by the first write that is larger than what is left.
    """

    def __init__(self, size: int, spent: Callable[[], None]):
        self._left = size
        self._spent: Callable[[], None] | None = spent

    def take(self, data: bytes) -> bytes:
        """The part of `data` that may be written."""
        if len(data) > self._left and self._spent is not None:
            spent, self._spent = self._spent, None
            spent()
        allowed = data[: self._left]
        self._left -= len(allowed)
        return allowed


class HostStream(OpenFile):
    """A standard stream of the host. It looks like a pipe to the guest, whatever it is, so that runs are the same everywhere."""

    INO = 3
    pollable = True
    budget: OutputBudget | None = None  # shared with the other output streams

    def __init__(self, flags: int, path: str, *, source: Source | None = None, sink: Sink | None = None):
        super().__init__(flags, path)
        self._source = source
        self._sink = sink
        self._flush = getattr(sink, "flush", None)

    def stat(self) -> Stat:
        return Stat(dev=12, ino=self.INO, mode=st.S_IFIFO | 0o600)

    def reopen(self, flags: int, path: str) -> OpenFile:
        return self._with_budget(HostStream(flags, self.path, source=self._source, sink=self._sink))

    def _with_budget(self, again: HostStream) -> HostStream:
        again.budget = self.budget
        return again

    def within_budget(self, data: bytes) -> bytes:
        """The part of `data` that the machine's limit on output leaves. The program is told that all was written."""
        return data if self.budget is None else self.budget.take(data)

    def read(self, count: int) -> bytes:
        if self._source is None or not count:
            return b""
        # read1 gives what a terminal or pipe has, instead of waiting for `count` bytes.
        reader = getattr(self._source, "read1", self._source.read)
        return reader(count) or b""

    def write_now(self, data: bytes) -> bool:
        if self._sink is None or self.budget is not None or self.is_terminal or self.flags & O_PATH:
            return False
        try:
            self.write(data)
        except OSError:  # the ordinary call meets it too
            return False
        return True

    def write(self, data: bytes) -> int:
        if self._sink is None:
            return len(data)
        try:
            self._sink.write(self.within_budget(data))
            if self._flush is not None:
                self._flush()
        except BrokenPipeError:
            raise error(errno.EPIPE) from None
        except ValueError:  # the host closed it
            raise error(errno.EIO) from None
        return len(data)
