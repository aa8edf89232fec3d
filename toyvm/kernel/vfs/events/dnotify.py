"""Signals for changes in directories (fcntl(2), F_NOTIFY), the older sister of inotify(7)."""

from __future__ import annotations

from collections.abc import Callable

from ..nodes import Identity
from ..open_file import OpenFile, Watcher
from .inotify import (
    IN_ACCESS,
    IN_ATTRIB,
    IN_CREATE,
    IN_DELETE,
    IN_MODIFY,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    RENAMED_WITHIN,
    FileEvents,
)

DN_MULTISHOT = 1 << 31
_EVENTS = {  # by DN_ bit
    0x1: IN_ACCESS,
    0x2: IN_MODIFY,
    0x4: IN_CREATE | IN_MOVED_TO,
    0x8: IN_DELETE | IN_MOVED_FROM,
    0x10: RENAMED_WITHIN,
    0x20: IN_ATTRIB,
}


class Notifications(Watcher):
    """What one descriptor table wants to know by one open directory. It ends when the table closes that.

    `signal` tells the owner of the open file.
    """

    def __init__(self, events: FileEvents, file: OpenFile, table: object, identity: Identity):
        self._events, self._file, self._table, self._identity = events, file, table, identity
        self._mask = 0
        self._again = False
        self._signal: Callable[[], None] = lambda: None

    @staticmethod
    def place(
        events: FileEvents, file: OpenFile, table: object, mask: int, signal: Callable[[], None]
    ) -> None:
        """Add the DN_ bits of `mask`. Raises OSError(ENOSPC): too many watches in the machine."""
        assert file.node is not None
        found = Notifications._of(file, table)
        if found is None:
            found = Notifications(events, file, table, file.node.identity)
            events.enter(found._identity, found)
            if file.watchers is None:
                file.watchers = {}
            file.watchers[found] = found._end
        for bit, wanted in _EVENTS.items():
            if mask & bit:
                found._mask |= wanted
        found._again |= bool(mask & DN_MULTISHOT)
        found._signal = signal

    @staticmethod
    def remove(file: OpenFile, table: object) -> None:
        """End what the table wants to know by this directory, if anything."""
        found = Notifications._of(file, table)
        if found is not None:
            found._end()

    @staticmethod
    def _of(file: OpenFile, table: object) -> Notifications | None:
        for watcher in file.watchers or ():
            if isinstance(watcher, Notifications) and watcher._table is table:
                return watcher
        return None

    def notify(self, events: int) -> bool:
        return False

    def tell(self, identity: Identity, mask: int, cookie: int, name: bytes) -> None:
        """Something has happened in the directory."""
        if mask & self._mask:
            self._signal()
            if not self._again:
                self._end()

    def gone(self, identity: Identity) -> None:
        """The directory is no more."""
        self._end()

    def _end(self) -> None:
        self._events.leave(self._identity, self)
        assert self._file.watchers is not None
        del self._file.watchers[self]
