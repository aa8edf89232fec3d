"""Leases on files (fcntl(2), F_SETLEASE): a holder is told before somebody else's open(2) or truncate(2) goes on."""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.errors import error

from .nodes import FileNode, Identity, Node
from .open_file import O_ACCMODE, O_NONBLOCK, O_RDONLY, OpenFile, WaitQueue, Watcher, WouldBlock

F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
BREAK_TIME = 45 * 10**9  # ns that a holder has to give a lease up (fs.lease-break-time)


class Lease(Watcher):
    """A lease of one open file. It ends with the file, which has it among its watchers.

    `unlock_at` and `downgrade_at` are when it ends or becomes a read lease by itself, once somebody
    waits for that. `tell` sends the signal, `forget` undoes what F_SETOWN and F_SETSIG have set.
    """

    def __init__(self, file: OpenFile, kind: int, tell: Callable[[], None], forget: Callable[[], None]):
        self.file, self.kind = file, kind
        self.tell, self.forget = tell, forget
        self.unlock_at: int | None = None
        self.downgrade_at: int | None = None

    def notify(self, events: int) -> bool:
        return False

    @property
    def becomes(self) -> int:
        """What F_GETLEASE shows: the kind that the lease must have soon."""
        if self.unlock_at is not None:
            return F_UNLCK
        return F_RDLCK if self.downgrade_at is not None else self.kind


class FileLeases:
    """The leases of one machine. `now` is the virtual time in ns."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._held: dict[Identity, list[Lease]] = {}
        self._waiting: dict[object, tuple[Identity, bool, Callable[[], bool]]] = {}
        self.changed = WaitQueue()

    def kind(self, file: OpenFile) -> int:
        """F_GETLEASE: the kind of the file's lease, F_UNLCK for none."""
        lease = self._of(file)
        return lease.becomes if lease is not None else F_UNLCK

    def place(
        self,
        file: OpenFile,
        node: FileNode,
        kind: int,
        tell: Callable[[], None],
        forget: Callable[[], None],
    ) -> None:
        """F_SETLEASE with F_RDLCK or F_WRLCK. Raises OSError(EAGAIN): who has the file open forbids it."""
        self._require_alone(file, node, kind)
        mine = self._of(file)
        held = self._held.get(node.identity, [])
        for other in held:
            if other is not mine and (kind == F_WRLCK or other.unlock_at is not None):
                raise error(errno.EAGAIN)
        if mine is None:
            mine = Lease(file, kind, tell, forget)
            self._held.setdefault(node.identity, held).append(mine)
            if file.watchers is None:
                file.watchers = {}
            file.watchers[mine] = lambda: self.remove(file)
            return
        mine.kind = kind
        if kind == F_RDLCK:
            mine.downgrade_at = None
        mine.tell = tell
        self.changed.wake()

    def remove(self, file: OpenFile) -> None:
        """F_SETLEASE with F_UNLCK, and the last close. Raises OSError(EAGAIN) if there is none."""
        lease = self._of(file)
        if lease is None:
            raise error(errno.EAGAIN)
        self._end(lease)

    def opening(self, node: Node, flags: int, opener: object, still_waits: Callable[[], bool]) -> None:
        """`opener` is about to open a file: break the leases that forbid that.

        `still_waits` says later whether it has given up. Raises WouldBlock until the holders agree or
        BREAK_TIME is over, OSError(EWOULDBLOCK) with O_NONBLOCK.
        """
        self._waiting.pop(opener, None)
        identity, writes = node.identity, flags & O_ACCMODE != O_RDONLY
        if identity not in self._held or not isinstance(node, FileNode):
            return
        self._time_out(identity)
        until = self._now() + BREAK_TIME
        conflicts = [lease for lease in self._held.get(identity, ()) if writes or lease.kind == F_WRLCK]
        for lease in conflicts:
            if writes and lease.unlock_at is None:
                lease.unlock_at = until
                lease.tell()
            elif not writes and lease.unlock_at is None and lease.downgrade_at is None:
                lease.downgrade_at = until
                lease.tell()
        if not conflicts:
            return
        if flags & O_NONBLOCK:
            raise error(errno.EWOULDBLOCK)
        self._waiting[opener] = (identity, writes, still_waits)
        ends = [at for lease in conflicts for at in (lease.unlock_at, lease.downgrade_at) if at is not None]
        raise WouldBlock(self.changed, deadline=min(ends))

    def _of(self, file: OpenFile) -> Lease | None:
        node = file.node
        if node is None:
            return None
        self._time_out(node.identity)
        return next((lease for lease in self._held.get(node.identity, ()) if lease.file is file), None)

    def _end(self, lease: Lease) -> None:
        node = lease.file.node
        assert node is not None
        held = self._held[node.identity]
        held.remove(lease)
        if not held:
            del self._held[node.identity]
        if lease.file.watchers:
            lease.file.watchers.pop(lease, None)
        lease.forget()
        self.changed.wake()

    def _time_out(self, identity: Identity) -> None:
        """End what its holder has not given up in time."""
        now = self._now()
        for lease in list(self._held.get(identity, ())):
            if lease.unlock_at is not None and lease.unlock_at <= now:
                self._end(lease)
            elif lease.downgrade_at is not None and lease.downgrade_at <= now:
                lease.kind, lease.downgrade_at = F_RDLCK, None
                self.changed.wake()

    def _require_alone(self, file: OpenFile, node: FileNode, kind: int) -> None:
        """Raises OSError(EAGAIN): a writer for a read lease, anybody else for a write lease. Who waits in open(2) counts."""
        for opener, (_, _, still_waits) in list(self._waiting.items()):
            if not still_waits():
                del self._waiting[opener]
        waiting = [writes for identity, writes, _ in self._waiting.values() if identity == node.identity]
        writers, readers = node.writers + sum(waiting), node.readers + len(waiting) - sum(waiting)
        if kind == F_RDLCK:
            if writers:
                raise error(errno.EAGAIN)
        elif (writers, readers) != ((1, 0) if file.writable else (0, 1)):
            raise error(errno.EAGAIN)
