"""A file system in the host's memory: /tmp, /dev/shm, memfd, the program itself. Its size is limited as a whole."""

from __future__ import annotations

import errno
import stat as st

from toyvm.base.errors import error
from toyvm.base.record import Record
from toyvm.machine.physical_memory import require_host_room

from .nodes import DirNode, FileNode, Node, Stat, SymlinkNode

_BLOCK = 512
_RESERVE = 8 << 20  # bytes of the host's memory that no file takes
INODE = 1024  # what a node costs besides its bytes: about what it costs the host


class MemFs(Record, frozen=False):
    """What the nodes of one memory file system share: a device number, inode numbers, the bytes in use, the clock."""

    dev: int
    limit: int
    used: int = 0
    now: int = 0
    inodes: int = 1

    def next_ino(self) -> int:
        self.inodes += 1
        return self.inodes

    def charge(self, more: int) -> None:
        """Take or give back bytes; every node takes some besides its contents. Raises OSError(ENOSPC)."""
        if self.used + more > self.limit:
            raise error(errno.ENOSPC)
        self.used += more


class MemFile(FileNode):
    """A regular file held in a bytearray; read-only when made from bytes that belong to someone else."""

    def __init__(self, fs: MemFs, mode: int, data: bytes = b"", *, read_only: bool = False):
        super().__init__()
        self._fs = fs
        self.identity = (fs.dev, fs.next_ino())
        self.mode = mode
        self.links = 1
        self.writable = not read_only
        self._data: bytes | bytearray = data if read_only else bytearray(data)
        if not read_only:
            fs.charge(INODE + len(data))

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def linked(self) -> bool:
        return self.links > 0

    def stat(self) -> Stat:
        blocks = -(-self.size // _BLOCK)
        return Stat(*self.identity, st.S_IFREG | self.mode, self.links, size=self.size, blocks=blocks)

    def pread(self, offset: int, count: int) -> bytes:
        return bytes(self._data[offset : offset + count])

    def pwrite(self, offset: int, data: bytes) -> int:
        end = offset + len(data)
        if end > self.size:
            self._resize(end)
        assert isinstance(self._data, bytearray)
        self._data[offset:end] = data
        return len(data)

    def truncate(self, size: int) -> None:
        self._resize(size)

    def _resize(self, size: int) -> None:
        if not isinstance(self._data, bytearray):
            raise error(errno.EROFS)
        more = size - len(self._data)
        self._fs.charge(more)
        if more <= 0:
            del self._data[size:]
            return
        try:
            if size >> 20 > self.size >> 20:  # else it would be the kernel that finds nothing left
                require_host_room(2 * more + size // 4 + _RESERVE)
            self._data.extend(bytes(more))
        except MemoryError:
            self._fs.charge(-more)
            raise

    def dropped(self) -> None:
        """No process can reach the file any more: give its bytes back."""
        if isinstance(self._data, bytearray):
            self._fs.charge(-INODE - len(self._data))
            self._data = b""


class MemSymlink(SymlinkNode):
    """A symbolic link in memory."""

    def __init__(self, fs: MemFs, target: str):
        self._fs = fs
        self.identity = (fs.dev, fs.next_ino())
        self._target = target
        fs.charge(INODE + len(target))

    def dropped(self) -> None:
        """It has been removed."""
        self._fs.charge(-INODE - len(self._target))

    def readlink(self) -> str:
        return self._target

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFLNK | 0o777, size=len(self._target))


class MemDir(DirNode):
    """A directory in memory."""

    def __init__(self, fs: MemFs, mode: int = 0o755, *, read_only: bool = False):
        self._fs = fs
        self.identity = (fs.dev, fs.next_ino())
        self.mode = mode
        self.read_only = read_only
        self.entries: dict[str, Node] = {}

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFDIR | self.mode, 2)

    def lookup(self, name: str) -> Node:
        try:
            return self.entries[name]
        except KeyError:
            raise error(errno.ENOENT) from None

    def names(self) -> list[str]:
        return sorted(self.entries)

    def _check(self, name: str) -> None:
        if self.read_only:
            raise error(errno.EROFS)
        if name in self.entries:
            raise error(errno.EEXIST)

    def create(self, name: str, mode: int) -> FileNode:
        self._check(name)
        file = MemFile(self._fs, mode)
        self.entries[name] = file
        return file

    def mkdir(self, name: str, mode: int) -> None:
        self._check(name)
        self._fs.charge(INODE)
        self.entries[name] = MemDir(self._fs, mode)

    def symlink(self, name: str, target: str) -> None:
        self._check(name)
        self.entries[name] = MemSymlink(self._fs, target)

    def attach(self, name: str, node: Node) -> None:
        self._check(name)
        self._fs.charge(INODE)
        node.identity = (self._fs.dev, self._fs.next_ino())
        self.entries[name] = node

    def unlink(self, name: str) -> None:
        node = self.lookup(name)
        if self.read_only:
            raise error(errno.EROFS)
        if isinstance(node, DirNode):
            raise error(errno.EISDIR)
        self._unlinked(node)
        del self.entries[name]

    def _unlinked(self, node: Node) -> None:
        if isinstance(node, MemFile):
            node.links -= 1
        elif isinstance(node, (MemDir, MemSymlink)):
            node.dropped()
        else:
            self._fs.charge(-INODE)

    def rmdir(self, name: str) -> None:
        node = self.lookup(name)
        if self.read_only:
            raise error(errno.EROFS)
        if not isinstance(node, DirNode):
            raise error(errno.ENOTDIR)
        if node.names():
            raise error(errno.ENOTEMPTY)
        self._unlinked(node)
        del self.entries[name]

    def rename(self, name: str, target: DirNode, new_name: str) -> None:
        node = self.lookup(name)
        if not isinstance(target, MemDir) or target._fs is not self._fs:
            raise error(errno.EXDEV)
        if self.read_only or target.read_only:
            raise error(errno.EROFS)
        if isinstance(node, MemDir) and node.holds(target):
            raise error(errno.EINVAL)
        old = target.entries.get(new_name)
        if old is node:
            return
        if isinstance(old, DirNode):
            if not isinstance(node, DirNode):
                raise error(errno.EISDIR)
            if old.names():
                raise error(errno.ENOTEMPTY)
        elif old is not None and isinstance(node, DirNode):
            raise error(errno.ENOTDIR)
        if old is not None:
            self._unlinked(old)
        del self.entries[name]
        target.entries[new_name] = node

    def holds(self, other: DirNode) -> bool:
        """Whether `other` is this directory or below it. A guest's tree can be deeper than Python's stack."""
        todo: list[MemDir] = [self]
        while todo:
            directory = todo.pop()
            if directory is other:
                return True
            todo += [node for node in directory.entries.values() if isinstance(node, MemDir)]
        return False

    def dropped(self) -> None:
        """It has been removed."""
        self._fs.charge(-INODE)
