"""inotify(7): what the programs of this machine do to files, told to those that watch them.

The system calls that change or use files call `FileEvents` once there is an inotify instance. What the host does to its
files is not seen.
"""

from __future__ import annotations

import errno
import stat as st
import struct
from collections import deque

from toyvm.base.errors import error
from toyvm.base.light_types import Protocol

from ..nodes import FileNode, Identity, Node
from ..open_file import POLLIN, OpenFile, Watcher, WouldBlock
from .anonymous import AnonymousFile

IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_CLOSE_NOWRITE, IN_OPEN = 1, 2, 4, 8, 0x10, 0x20
IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF = (
    0x40,
    0x80,
    0x100,
    0x200,
    0x400,
    0x800,
)
IN_ALL_EVENTS, IN_Q_OVERFLOW, IN_IGNORED = 0xFFF, 0x4000, 0x8000
RENAMED_WITHIN = 1 << 16  # FS_RENAME of Linux: for F_NOTIFY, not for inotify
IN_ONLYDIR, IN_DONT_FOLLOW, IN_EXCL_UNLINK = 1 << 24, 1 << 25, 1 << 26
IN_MASK_CREATE, IN_MASK_ADD, IN_ISDIR, IN_ONESHOT = 1 << 28, 1 << 29, 1 << 30, 1 << 31
MOST_INSTANCES = 128  # fs.inotify.max_user_instances
MOST_WATCHES = 65536  # of the machine; fs.inotify.max_user_watches
MOST_EVENTS = 16384  # of one instance; fs.inotify.max_queued_events
_HEAD = struct.Struct("<iIII")

Event = tuple[int, int, int, bytes]
"""Watch descriptor, mask, cookie, name."""


class Listener(Protocol):
    """Who is told about a file: an inotify instance, or the notifications of a directory."""

    def tell(self, identity: Identity, mask: int, cookie: int, name: bytes) -> None:
        """Something has happened to a watched file, or to the entry `name` of a watched directory."""

    def gone(self, identity: Identity) -> None:
        """The file is no more."""


class InotifyFile(AnonymousFile):
    """An inotify instance: its watches, and the events that have not been read."""

    KIND = "inotify"

    def __init__(self, events: FileEvents, flags: int):
        super().__init__(flags)
        self.flags = flags  # read only
        self._files = events
        self.watches: dict[int, tuple[Identity, int]] = {}
        self._by_file: dict[Identity, int] = {}
        self._next = 1
        self._queue: deque[Event] = deque()

    def add(self, node: Node, mask: int) -> int:
        """inotify_add_watch: the watch descriptor. Raises OSError: EEXIST, ENOSPC."""
        identity = node.identity
        wanted = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK)
        number = self._by_file.get(identity)
        if number is not None:
            if mask & IN_MASK_CREATE:
                raise error(errno.EEXIST)
            before = self.watches[number][1] if mask & IN_MASK_ADD else 0
            self.watches[number] = (identity, before | wanted)
            return number
        self._files.enter(identity, self)
        number, self._next = self._next, self._next + 1
        self.watches[number] = (identity, wanted)
        self._by_file[identity] = number
        return number

    def remove(self, number: int) -> None:
        """inotify_rm_watch. Raises OSError(EINVAL)."""
        if number not in self.watches:
            raise error(errno.EINVAL)
        identity, _ = self.watches.pop(number)
        del self._by_file[identity]
        self._files.leave(identity, self)
        self._put((number, IN_IGNORED, 0, b""))

    def tell(self, identity: Identity, mask: int, cookie: int, name: bytes) -> None:
        """Something has happened to a watched file, or to the entry `name` of a watched directory."""
        number = self._by_file[identity]
        wanted = self.watches[number][1]
        if wanted & mask & IN_ALL_EVENTS:
            self._put((number, mask, cookie, name))
            if wanted & IN_ONESHOT:
                self.remove(number)

    def gone(self, identity: Identity) -> None:
        """The file is no more."""
        self.remove(self._by_file[identity])

    def _put(self, event: Event) -> None:
        if self._queue and self._queue[-1] == event:
            return
        if len(self._queue) > MOST_EVENTS:
            return
        full = len(self._queue) == MOST_EVENTS
        self._queue.append((-1, IN_Q_OVERFLOW, 0, b"") if full else event)
        self.changed.wake(POLLIN)

    def read(self, count: int) -> bytes:
        if not self._queue:
            raise WouldBlock(self.changed)
        out = bytearray()
        while self._queue:
            packed = _pack(self._queue[0])
            if len(out) + len(packed) > count:
                break
            out += packed
            self._queue.popleft()
        if not out:
            raise error(errno.EINVAL)
        return bytes(out)

    def available(self) -> int:
        return sum(len(_pack(event)) for event in self._queue)

    def poll(self) -> int:
        return POLLIN if self._queue else 0

    def released(self) -> None:
        for identity in self._by_file:
            self._files.leave(identity, self)
        self._files.instances -= 1


def _pack(event: Event) -> bytes:
    number, mask, cookie, name = event
    length = (len(name) + 16) & ~15 if name else 0
    return _HEAD.pack(number, mask, cookie, length) + name.ljust(length, b"\0")


class _Closer(Watcher):
    """Stays with an open file for the event of its close; the directory and the name that it was opened by."""

    def __init__(self, directory: Node | None, name: str):
        self.directory, self.name = directory, name

    def notify(self, events: int) -> bool:
        return False


class FileEvents:
    """The watches of one machine, by file."""

    def __init__(self) -> None:
        self.instances = 0
        self._watching: dict[Identity, dict[Listener, None]] = {}
        self._watches = 0
        self._cookie = 0

    def new(self, flags: int) -> InotifyFile:
        """A new instance. Raises OSError(EMFILE)."""
        if self.instances >= MOST_INSTANCES:
            raise error(errno.EMFILE)
        self.instances += 1
        return InotifyFile(self, flags)

    def enter(self, identity: Identity, instance: Listener) -> None:
        """Raises OSError(ENOSPC)."""
        if self._watches >= MOST_WATCHES:
            raise error(errno.ENOSPC)
        self._watches += 1
        self._watching.setdefault(identity, {})[instance] = None

    def leave(self, identity: Identity, instance: Listener) -> None:
        """Undo `enter`."""
        self._watches -= 1
        instances = self._watching[identity]
        del instances[instance]
        if not instances:
            del self._watching[identity]

    def _tell(self, node: Node, mask: int, name: str = "", cookie: int = 0) -> None:
        instances = self._watching.get(node.identity)
        if instances:
            encoded = name.encode("utf-8", "surrogateescape")
            for instance in list(instances):
                instance.tell(node.identity, mask, cookie, encoded)

    def in_directory(self, directory: Node, name: str, mask: int, node: Node | None, cookie: int = 0) -> None:
        """The entry `name` of a directory, which is or was `node`, has changed."""
        self._tell(directory, mask | _is_dir(node), name, cookie)

    def happened(self, node: Node, mask: int, directory: Node | None, name: str) -> None:
        """Something has happened to a file: told to those that watch it, after those that watch its directory."""
        mask |= _is_dir(node)
        if directory is not None:
            self._tell(directory, mask, name)
        self._tell(node, mask)

    def opened(self, file: OpenFile, directory: Node | None, name: str) -> None:
        """A file was opened; its close will be told too."""
        node = file.node
        if node is None:
            return
        self.happened(node, IN_OPEN, directory, name)

        def closed() -> None:
            self.happened(node, IN_CLOSE_WRITE if file.writable else IN_CLOSE_NOWRITE, directory, name)
            if isinstance(node, FileNode) and not node.linked and node.opens <= 1:
                self._deleted(node)

        if file.watchers is None:
            file.watchers = {}
        file.watchers[_Closer(directory, name)] = closed

    def used(self, file: OpenFile, mask: int) -> None:
        """A file was read or written."""
        if file.node is not None:
            places = [watcher for watcher in file.watchers or () if isinstance(watcher, _Closer)]
            place = places[0] if places else _Closer(None, "")
            self.happened(file.node, mask, place.directory, place.name)

    def removed(self, directory: Node, name: str, node: Node) -> None:
        """A name was removed."""
        is_dir = _is_dir(node)
        if not is_dir:
            self._tell(node, IN_ATTRIB)
        last = not isinstance(node, FileNode) or (not node.linked and not node.opens)
        if last:
            self._deleted(node)
        self._tell(directory, IN_DELETE | is_dir, name)

    def _deleted(self, node: Node) -> None:
        self._tell(node, IN_DELETE_SELF)
        for instance in list(self._watching.get(node.identity, ())):
            instance.gone(node.identity)

    def moved(
        self, source: Node, old: str, target: Node, new: str, node: Node, replaced: Node | None
    ) -> None:
        """A file was given another name."""
        self._cookie += 1
        if source is target:
            self._tell(source, RENAMED_WITHIN, old)
        self.in_directory(source, old, IN_MOVED_FROM, node, self._cookie)
        self.in_directory(target, new, IN_MOVED_TO, node, self._cookie)
        self._tell(node, IN_MOVE_SELF)
        if replaced is not None:
            self._tell(replaced, IN_ATTRIB)
            if not isinstance(replaced, FileNode) or (not replaced.linked and not replaced.opens):
                self._deleted(replaced)


def _is_dir(node: Node | None) -> int:
    return IN_ISDIR if node is not None and st.S_ISDIR(node.kind) else 0
