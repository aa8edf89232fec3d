"""The host's files as a run saw them: noted while it runs, and shown again to the run that repeats it.

A node is known by the inode number that the guest saw. A recording holds what was looked up (with
failures), listed and opened, and nothing else of the host.
"""

from __future__ import annotations

import errno
import os
import stat as st
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.base.record import Record

from .host_files import HostDir, HostFile, HostFs, HostSpecial, HostSymlink
from .nodes import FileNode, Node, Stat, SymlinkNode

_PIECE = 1 << 20


class NodeRecord(Record, frozen=False):
    """What a run saw of one file: `status`, the target of a link, and where `content` is kept.

    `entries` are the names that were looked up in a directory: an inode number, or -errno. `names` are
    its names if they were listed.
    """

    status: Stat
    target: str = ""
    content: str = ""
    entries: dict[str, int] = {}
    names: list[str] | None = None


class HostRecord:
    """Notes what a run sees of the host's files (`host_files.Witness`).

    `keep(pieces)` keeps the bytes of a file, and returns the name under which they can be found.
    """

    def __init__(self, keep: Callable[[Callable[[], bytes]], str]):
        self._keep = keep
        self.nodes: dict[int, NodeRecord] = {}

    def note(self, node: Node) -> NodeRecord:
        """The record of a node, made at its first use."""
        number = node.identity[1]
        known = self.nodes.get(number)
        if known is None:
            target = node.readlink() if isinstance(node, SymlinkNode) else ""
            known = self.nodes[number] = NodeRecord(node.stat(), target)
        return known

    def looked_up(self, directory: HostDir, name: str, found: Node | OSError) -> None:
        """See `Witness`."""
        entries = self.note(directory).entries
        if isinstance(found, OSError):
            entries[name] = -(found.errno or errno.EIO)
            return
        self.note(found)
        entries[name] = found.identity[1]

    def listed(self, directory: HostDir, names: list[str]) -> None:
        """See `Witness`."""
        self.note(directory).names = names

    def opened(self, file: HostFile, fd: int) -> None:
        """See `Witness`: the bytes are kept as they are now."""
        record = self.note(file)
        if record.content:
            return
        position = 0

        def piece() -> bytes:
            nonlocal position
            data = os.pread(fd, _PIECE, position)
            position += len(data)
            return data

        record.content = self._keep(piece)


class RecordedFiles:
    """Shows recorded nodes. `content(name)` are the bytes of a file. `missing` are names that were not recorded."""

    def __init__(self, nodes: dict[int, NodeRecord], content: Callable[[str], bytes]):
        self.records = nodes
        self.content = content
        self.fs = HostFs()
        self.missing: list[str] = []
        self._nodes: dict[int, Node] = {}

    def node(self, number: int) -> Node:
        """The node of an inode number. Raises OSError(EIO) for one that was not recorded."""
        known = self._nodes.get(number)
        if known is not None:
            return known
        record = self.records.get(number)
        if record is None:
            raise error(errno.EIO)
        kind = st.S_IFMT(record.status.mode)
        node: Node
        if kind == st.S_IFDIR:
            node = RecordedDir(self, record)
        elif kind == st.S_IFREG:
            node = RecordedFile(self, record)
        elif kind == st.S_IFLNK:
            node = RecordedSymlink(record)
        else:
            node = RecordedSpecial(record)
        node.identity = (record.status.dev, record.status.ino)
        self._nodes[number] = node
        return node


class RecordedDir(HostDir):
    """A directory of a recording."""

    def __init__(self, files: RecordedFiles, record: NodeRecord):
        self._files = files
        self._record = record
        self.fs = files.fs
        self.writable = False

    def stat(self) -> Stat:
        return self._record.status

    def lookup(self, name: str) -> Node:
        number = self._record.entries.get(name)
        if number is None:
            self._files.missing.append(name)
            raise error(errno.ENOENT)
        if number < 0:
            raise error(-number)
        return self._files.node(number)

    def names(self) -> list[str]:
        if self._record.names is None:
            self._files.missing.append("a directory")
            return []
        return self._record.names


class RecordedFile(HostFile):
    """A regular file of a recording."""

    def __init__(self, files: RecordedFiles, record: NodeRecord):
        FileNode.__init__(self)
        self._files = files
        self._record = record
        self._data: bytes | None = None
        self.writable = False

    @property
    def linked(self) -> bool:
        return True

    def _bytes(self) -> bytes:
        if self._data is None:
            if not self._record.content:
                self._files.missing.append("a file's bytes")
                raise error(errno.EIO)
            self._data = self._files.content(self._record.content)
        return self._data

    def open_host(self) -> None:
        self._bytes()

    def let_go(self) -> None:
        """Nothing is held."""

    def dropped(self) -> None:
        """Nothing is held."""

    def is_host_file(self, status: os.stat_result) -> bool:
        return False

    @property
    def size(self) -> int:
        return len(self._bytes())

    def stat(self) -> Stat:
        return self._record.status

    def pread(self, offset: int, count: int) -> bytes:
        return self._bytes()[offset : offset + count]


class RecordedSymlink(HostSymlink):
    """A symbolic link of a recording."""

    def __init__(self, record: NodeRecord):
        self._target = record.target
        self._status = record.status


class RecordedSpecial(HostSpecial):
    """A fifo, socket or device of a recording."""

    def __init__(self, record: NodeRecord):
        self._status = record.status
