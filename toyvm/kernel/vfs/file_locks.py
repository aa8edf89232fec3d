"""Advisory locks on files: flock(2), and record locks of fcntl(2), by process (POSIX) or by open file (OFD).

A lock belongs to an owner: a descriptor table for POSIX locks, which a process gives up when it closes any descriptor
of the file; an open file for the others, until its last descriptor is closed.
"""

from __future__ import annotations

import errno

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record

from .nodes import Identity
from .open_file import OpenFile, WaitQueue

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 1 << 16  # locks of one machine
END = 1 << 63  # of a range that has no end


class Lock(Record):
    """A held range, `end` exclusive. `pid` is what F_GETLK shows: -1 for a lock of an open file."""

    owner: object
    exclusive: bool
    start: int
    end: int
    pid: int


def lock_identity(file: OpenFile) -> Identity:
    """What the locks of an open file are on: also a pipe, which is no inode of a file system here."""
    if file.node is not None:
        return file.node.identity
    status = file.stat()
    return status.dev, status.ino


class FileLocks:
    """The locks of one machine, of one kind (flock and record locks do not see each other)."""

    def __init__(self) -> None:
        self._held: dict[Identity, list[Lock]] = {}
        self._count = 0
        self._waiting: dict[object, tuple[object, Callable[[], bool]]] = {}
        self.changed = WaitQueue()

    def conflict(self, file: Identity, wanted: Lock) -> Lock | None:
        """The first lock of another owner that `wanted` cannot be held beside."""
        for held in self._held.get(file, ()):
            overlaps = held.start < wanted.end and wanted.start < held.end
            if overlaps and held.owner is not wanted.owner and (held.exclusive or wanted.exclusive):
                return held
        return None

    def place(self, file: Identity, wanted: Lock) -> None:
        """Hold `wanted`, in place of what its owner holds in that range. Raises OSError(ENOLCK)."""
        if self._count >= MOST:
            raise error(errno.ENOLCK)
        self._cut(file, wanted.owner, wanted.start, wanted.end)
        start, end = wanted.start, wanted.end
        locks = self._held.setdefault(file, [])
        for held in list(locks):  # neighbours of the same kind become one
            if (
                held.owner is wanted.owner
                and held.exclusive == wanted.exclusive
                and held.start <= end
                and start <= held.end
            ):
                start, end = min(start, held.start), max(end, held.end)
                locks.remove(held)
                self._count -= 1
        locks.append(Lock(wanted.owner, wanted.exclusive, start, end, wanted.pid))
        locks.sort(key=lambda lock: lock.start)
        self._count += 1
        self.changed.wake()

    def remove(self, file: Identity, owner: object, start: int = 0, end: int = END) -> None:
        """Give up what `owner` holds in a range."""
        if file in self._held:
            self._cut(file, owner, start, end)
            if not self._held[file]:
                del self._held[file]
            self.changed.wake()

    def _cut(self, file: Identity, owner: object, start: int, end: int) -> None:
        kept: list[Lock] = []
        locks = self._held.get(file)
        if locks is None:
            return
        for held in locks:
            if held.owner is not owner or held.end <= start or end <= held.start:
                kept.append(held)
                continue
            if held.start < start:
                kept.append(Lock(owner, held.exclusive, held.start, start, held.pid))
            if end < held.end:
                kept.append(Lock(owner, held.exclusive, end, held.end, held.pid))
        self._count += len(kept) - len(locks)
        self._held[file] = kept

    def wait_for(self, owner: object, blocker: object, still_waits: Callable[[], bool]) -> None:
        """`owner` is about to wait for `blocker`; `still_waits` says later whether it does.

        Raises OSError(EDEADLK) if `blocker` waits for `owner`, in however many steps.
        """
        self._waiting.pop(owner, None)
        at = blocker
        for _ in range(len(self._waiting) + 1):
            entry = self._waiting.get(at)
            if entry is None:
                break
            if not entry[1]():
                del self._waiting[at]
                break
            at = entry[0]
            if at is owner:
                raise error(errno.EDEADLK)
        self._waiting[owner] = (blocker, still_waits)

    def waits_no_more(self, owner: object) -> None:
        """`owner` has what it waited for."""
        self._waiting.pop(owner, None)

    def closed(self, file: OpenFile) -> None:
        """The last descriptor of `file` is closed: what the open file holds is given up."""
        self.remove(lock_identity(file), file)
