"""epoll(7): a set of files, and a list of those that may be ready.

Each `Interest` sits on the queue of its file and enters the list when the queue wakes. `collect` asks each file of the list
for its state. A level-triggered interest that is ready goes back to the end of the list, an edge-triggered one does not: the
next wake-up brings it back. The order is the order of wake-ups, so that it is the same in every run.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.errors import error

from ..open_file import POLLERR, POLLHUP, POLLIN, POLLOUT, OpenFile, Watcher
from .anonymous import AnonymousFile

EPOLLEXCLUSIVE, EPOLLWAKEUP, EPOLLONESHOT, EPOLLET = 1 << 28, 1 << 29, 1 << 30, 1 << 31
_PRIVATE = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET
_ALWAYS = POLLERR | POLLHUP
_EXCLUSIVE_OK = POLLIN | POLLOUT | _ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE
MAX_NESTS = 4  # epolls above an epoll
_MAX_PATHS = 500  # ways up from an epoll to those that watch it: what one wake-up may cost
MAX_INTERESTS = 1 << 17  # of one epoll; /proc/sys/fs/epoll/max_user_watches


class Interest(Watcher):
    """One file in one epoll (struct epitem). `events` 0 besides the flags: off until it is modified (EPOLLONESHOT)."""

    def __init__(self, epoll: Epoll, fd: int, file: OpenFile, events: int, data: bytes):
        self.epoll, self.fd, self.file = epoll, fd, file
        self.events, self.data = events, data
        self.exclusive = bool(events & EPOLLEXCLUSIVE)

    def ready(self) -> int:
        """The wanted bits that are true now."""
        return self.file.poll_state() & self.events & ~_PRIVATE

    def notify(self, events: int) -> bool:
        wanted = self.events & ~_PRIVATE
        if not wanted or not full_bits(events) & wanted:
            return False
        epoll = self.epoll
        waited_for = bool(epoll.changed.waiters or epoll.changed.watchers)
        epoll.candidates[self] = None
        epoll.changed.wake(POLLIN)
        return waited_for

    def forget(self) -> None:
        """The file is closed, or the program has removed it."""
        self.epoll.forget(self)


def full_bits(events: int) -> int:
    """POLLIN and POLLOUT with their synonyms POLLRDNORM and POLLWRNORM."""
    return events | (events & POLLIN) << 6 | (events & POLLOUT) << 6


class Epoll(AnonymousFile):
    """An epoll instance."""

    KIND = "[eventpoll]"
    messages = False

    def __init__(self) -> None:
        super().__init__()
        self._interests: dict[tuple[int, OpenFile], Interest] = {}
        self.candidates: dict[Interest, None] = {}

    def read(self, count: int) -> bytes:
        raise error(errno.EINVAL)

    def add(self, fd: int, file: OpenFile, events: int, data: bytes) -> None:
        """EPOLL_CTL_ADD. Raises OSError: EEXIST, EINVAL, ELOOP, ENOSPC."""
        if events & EPOLLEXCLUSIVE and (isinstance(file, Epoll) or events & ~_EXCLUSIVE_OK):
            raise error(errno.EINVAL)
        if isinstance(file, Epoll) and (file.reaches(self) or file.height() + self.depth() >= MAX_NESTS):
            raise error(errno.ELOOP)
        if (fd, file) in self._interests:
            raise error(errno.EEXIST)
        if len(self._interests) >= MAX_INTERESTS:
            raise error(errno.ENOSPC)
        if self._paths_up() > _MAX_PATHS:
            raise error(errno.EINVAL)
        interest = Interest(self, fd, file, events | _ALWAYS, data)
        self._interests[fd, file] = interest
        queue = file.poll_queue()
        if queue is not None:
            queue.watch(interest)
        if file.watchers is None:
            file.watchers = {}
        file.watchers[interest] = interest.forget
        self._look_at(interest)

    def modify(self, fd: int, file: OpenFile, events: int, data: bytes) -> None:
        """EPOLL_CTL_MOD. Raises OSError: EINVAL, ENOENT."""
        if events & EPOLLEXCLUSIVE:
            raise error(errno.EINVAL)
        interest = self._find(fd, file)
        if interest.exclusive:
            raise error(errno.EINVAL)
        interest.events, interest.data = events | _ALWAYS, data
        self._look_at(interest)

    def remove(self, fd: int, file: OpenFile) -> None:
        """EPOLL_CTL_DEL. Raises OSError(ENOENT)."""
        self.forget(self._find(fd, file))

    def _find(self, fd: int, file: OpenFile) -> Interest:
        try:
            return self._interests[fd, file]
        except KeyError:
            raise error(errno.ENOENT) from None

    def _look_at(self, interest: Interest) -> None:
        if interest.ready():
            self.candidates[interest] = None
            self.changed.wake(POLLIN)

    def forget(self, interest: Interest) -> None:
        """Take an interest out of the set."""
        file = interest.file
        self._interests.pop((interest.fd, file), None)
        self.candidates.pop(interest, None)
        queue = file.poll_queue()
        if queue is not None:
            queue.unwatch(interest)
        if file.watchers is not None:
            file.watchers.pop(interest, None)

    def collect(self, most: int) -> list[tuple[int, bytes]]:
        """Up to `most` pairs of ready bits and the data that the program gave with the file."""
        found: list[tuple[int, bytes]] = []
        for interest in list(self.candidates):
            if len(found) == most:
                break
            del self.candidates[interest]
            bits = interest.ready()
            if not bits:
                continue
            found.append((bits, interest.data))
            if interest.events & EPOLLONESHOT:
                interest.events &= _PRIVATE
            elif not interest.events & EPOLLET:
                self.candidates[interest] = None
        return found

    def poll(self) -> int:
        for interest in list(self.candidates):
            if interest.ready():
                return POLLIN
            del self.candidates[interest]
        return 0

    def released(self) -> None:
        for interest in list(self._interests.values()):
            self.forget(interest)

    # Epolls in epolls: no circle, and no more than MAX_NESTS of them on top of each other

    def _inner(self) -> list[Epoll]:
        return [file for _, file in self._interests if isinstance(file, Epoll)]

    def _outer(self) -> list[Epoll]:
        return [watcher.epoll for watcher in self.watchers or () if isinstance(watcher, Interest)]

    def reaches(self, other: Epoll) -> bool:
        """Whether `other` is watched by this one, directly or by way of others."""
        seen, todo = {self}, [self]
        while todo:
            for inner in todo.pop()._inner():
                if inner is other:
                    return True
                if inner not in seen:
                    seen.add(inner)
                    todo.append(inner)
        return False

    def height(self) -> int:
        """Epolls below this one, in the longest chain."""
        return _levels(self, Epoll._inner)

    def depth(self) -> int:
        """Epolls above this one, in the longest chain."""
        return _levels(self, Epoll._outer)

    def _paths_up(self) -> int:
        """The ways from this epoll up to those that watch it."""
        total, level = 0, [self]
        while level and total <= _MAX_PATHS:
            level = [outer for epoll in level for outer in epoll._outer()][: _MAX_PATHS + 1]
            total += len(level)
        return total

    def fdinfo(self) -> str:
        """The lines of /proc/PID/fdinfo, one for each interest."""
        return "".join(
            f"tfd: {i.fd:8d} events: {i.events:8x} data: {int.from_bytes(i.data, 'little'):16x}\n"
            for i in self._interests.values()
        )


def _levels(epoll: Epoll, neighbours: Callable[[Epoll], list[Epoll]]) -> int:
    count, level = 0, {epoll}
    while level := {other for one in level for other in neighbours(one)}:
        count += 1
    return count
