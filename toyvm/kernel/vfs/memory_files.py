"""A file system in the host's memory: /tmp, /dev/shm, memfd, the program itself. Its size is limited as a whole."""

from __future__ import annotations

import errno
import os
import stat as st
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.base.record import Record
from toyvm.machine.physical_memory import require_host_room

from ..limits import GUEST_ID
from .nodes import F_SEAL_SEAL, DirNode, FileNode, Node, Stat, SymlinkNode

_BLOCK, _PAGE = 512, 4096
_RESERVE = 8 << 20  # bytes of the host's memory that no file takes
X_OK, W_OK, R_OK = 1, 2, 4
INODE = 1024  # what a node costs besides its bytes: about what it costs the host


def _no_clock() -> int:
    return 0


class MemFs(Record, frozen=False):
    """What the nodes of one memory file system share: a device number, inode numbers, the bytes in use, the clock."""

    dev: int
    limit: int
    used: int = 0
    clock: Callable[[], int] = _no_clock  # nanoseconds since 1970
    inodes: int = 1

    def next_ino(self) -> int:
        self.inodes += 1
        return self.inodes

    def charge(self, more: int) -> None:
        """Take or give back bytes; every node takes some besides its contents. Raises OSError(ENOSPC)."""
        if self.used + more > self.limit:
            raise error(errno.ENOSPC)
        self.used += more


def require_access(status: Stat | MemNode, wanted: int) -> None:
    """Whether the mode lets the guest's user do what `wanted` says (R_OK, W_OK, X_OK). Raises OSError(EACCES)."""
    shift = 6 if status.uid == GUEST_ID else 3 if status.gid == GUEST_ID else 0
    if wanted & ~(status.mode >> shift):
        raise error(errno.EACCES)


class MemNode(Node):
    """What every node in memory has: a mode, an owner, three dates, extended attributes."""

    def __init__(self, fs: MemFs, mode: int, owner: int = GUEST_ID):
        self._fs = fs
        self.identity = (fs.dev, fs.next_ino())
        self.mode = mode
        self.uid = self.gid = owner
        self.atime = self.mtime = self.ctime = fs.clock()
        self._attributes: dict[str, bytes] | None = None
        self.links = 1

    def _status(self, kind: int, links: int, size: int, blocks: int = 0) -> Stat:
        return Stat(
            *self.identity, kind | self.mode, links, self.uid, self.gid, 0, size, blocks, self.mtime, self.atime,
            self.ctime,
        )  # fmt: skip

    def set_attributes(
        self,
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
        atime: int | None = None,
        mtime: int | None = None,
    ) -> None:
        self.ctime = self._fs.clock()
        if mode is not None:
            self.mode = mode
        if uid is not None:
            self.uid = uid
        if gid is not None:
            self.gid = gid
        if atime is not None:
            self.atime = atime
        if mtime is not None:
            self.mtime = mtime

    @property
    def attributes(self) -> dict[str, bytes]:
        if self._attributes is None:
            self._attributes = {}
        return self._attributes

    def require(self, wanted: int) -> None:
        """Raises OSError(EACCES) unless the mode lets the guest's user do what `wanted` says."""
        require_access(self, wanted)

    def charge(self, more: int) -> None:
        self._fs.charge(more)

    def _attributes_gone(self) -> None:
        if self._attributes:
            self._fs.charge(-sum(len(name) + len(value) for name, value in self._attributes.items()))
            self._attributes = None

    def unlinked(self) -> None:
        self.links -= 1
        self.ctime = self._fs.clock()
        if not self.links and not isinstance(self, MemFile):
            self.dropped()

    def dropped(self) -> None:
        """Nothing can reach the node any more."""
        self._attributes_gone()
        self._fs.charge(-INODE)

    def changed(self) -> None:
        """The contents have changed."""
        self.mtime = self.ctime = self._fs.clock()


def _pages(size: int) -> int:
    """The pages that so many bytes take."""
    return -(-size // _PAGE)


class MemFile(MemNode, FileNode):
    """A regular file held in a bytearray; read-only when made from bytes that belong to someone else."""

    def __init__(self, fs: MemFs, mode: int, data: bytes = b"", *, read_only: bool = False):
        FileNode.__init__(self)
        MemNode.__init__(self, fs, mode, 0 if read_only else GUEST_ID)
        self.seals = F_SEAL_SEAL
        self.linkable = False  # whether it may get a name again after the last (O_TMPFILE)
        self.writable = not read_only
        self._data: bytes | bytearray = data if read_only else bytearray(data)
        self._filled: bytearray | None = None  # of a file that has had holes: 1 for each page that is none
        if not read_only:
            fs.charge(INODE + len(data))

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def linked(self) -> bool:
        return self.links > 0

    def stat(self) -> Stat:
        blocks = _pages(self.size) if self._filled is None else self._filled.count(1)
        return self._status(st.S_IFREG, self.links, self.size, blocks * (_PAGE // _BLOCK))

    def in_memory(self, index: int) -> bool:
        return index < _pages(self.size) if self._filled is None else self._filled[index : index + 1] == b"\1"

    def fill(self, start: int, end: int) -> None:
        if self._filled is not None:
            first, last = start // _PAGE, min(_pages(end), len(self._filled))
            self._filled[first:last] = b"\1" * (last - first)

    def punch(self, start: int, end: int) -> None:
        first = _pages(start)
        last = end // _PAGE if end < self.size else _pages(self.size)
        if first < last:
            holed = self._with_holes()
            holed[first:last] = bytes(last - first)

    def _with_holes(self) -> bytearray:
        if self._filled is None:
            self._filled = bytearray(b"\1" * _pages(self.size))
        return self._filled

    def next_data(self, offset: int) -> int | None:
        if self._filled is None or self.in_memory(offset // _PAGE):
            return offset
        page = self._filled.find(1, offset // _PAGE)
        return page * _PAGE if page >= 0 else None

    def next_hole(self, offset: int) -> int:
        if self._filled is None:
            return self.size
        page = self._filled.find(0, offset // _PAGE)
        return min(self.size, max(offset, page * _PAGE)) if page >= 0 else self.size

    def pread(self, offset: int, count: int) -> bytes:
        return bytes(self._data[offset : offset + count])

    def pwrite(self, offset: int, data: bytes) -> int:
        end = offset + len(data)
        if end > self.size:
            self._resize(end, sparse=offset > self.size)
        self.fill(offset, end)
        assert isinstance(self._data, bytearray)
        self._data[offset:end] = data
        self.mtime = self.ctime = self._fs.clock()
        return len(data)

    def truncate(self, size: int) -> None:
        self._resize(size, sparse=True)
        self.changed()

    def _resize(self, size: int, *, sparse: bool) -> None:
        """Set the size; new whole pages are holes if `sparse`, and else to be filled."""
        if not isinstance(self._data, bytearray):
            raise error(errno.EROFS)
        more = size - len(self._data)
        self._fs.charge(more)
        if more <= 0:
            del self._data[size:]
            if self._filled is not None:
                del self._filled[_pages(size) :]
            return
        if sparse or self._filled is not None:
            holed = self._with_holes()
            holed.extend(bytes(_pages(size) - len(holed)))
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
            self._attributes_gone()
            self._fs.charge(-INODE - len(self._data))
            self._data = b""


class MemSymlink(MemNode, SymlinkNode):
    """A symbolic link in memory."""

    def __init__(self, fs: MemFs, target: str):
        super().__init__(fs, 0o777)
        self._target = target
        fs.charge(INODE + len(target))

    def dropped(self) -> None:
        """It has been removed."""
        self._fs.charge(-INODE - len(self._target))

    def readlink(self) -> str:
        return self._target

    def stat(self) -> Stat:
        return self._status(st.S_IFLNK, self.links, len(os.fsencode(self._target)))


class MemDir(MemNode, DirNode):
    """A directory in memory."""

    def __init__(self, fs: MemFs, mode: int = 0o755, *, read_only: bool = False, owner: int = 0):
        super().__init__(fs, mode, owner)
        self.removed = False
        self.read_only = read_only
        self.entries: dict[str, Node] = {}

    def stat(self) -> Stat:
        if self.removed:
            return self._status(st.S_IFDIR, 0, 0)
        below = sum(isinstance(node, DirNode) for node in self.entries.values())
        return self._status(st.S_IFDIR, 2 + below, 40 + 20 * len(self.entries))

    def set_attributes(self, **changes: int | None) -> None:
        if self.read_only:
            raise error(errno.EROFS)
        super().set_attributes(**changes)

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
        if self.removed:
            raise error(errno.ENOENT)
        self.require(W_OK | X_OK)
        self.changed()

    def create(self, name: str, mode: int) -> FileNode:
        self._check(name)
        file = MemFile(self._fs, mode)
        self.entries[name] = file
        return file

    def mkdir(self, name: str, mode: int) -> None:
        self._check(name)
        self._fs.charge(INODE)
        self.entries[name] = MemDir(self._fs, mode, owner=GUEST_ID)

    def symlink(self, name: str, target: str) -> None:
        self._check(name)
        self.entries[name] = MemSymlink(self._fs, target)

    def add(self, name: str, node: Node) -> None:
        self._check(name)
        self.entries[name] = node

    def link(self, name: str, node: Node) -> None:
        self._check(name)
        if not isinstance(node, MemNode) or node._fs is not self._fs:
            raise error(errno.EXDEV)
        if node.links == 0 and not (isinstance(node, MemFile) and node.linkable):
            raise error(errno.ENOENT)
        node.links += 1
        if isinstance(node, MemFile):
            node.linkable = False
        node.ctime = self._fs.clock()
        self.entries[name] = node

    def unnamed(self, mode: int) -> FileNode:
        if self.read_only:
            raise error(errno.EROFS)
        file = MemFile(self._fs, mode)
        file.links = 0
        return file

    def exchange(self, name: str, target: DirNode, new_name: str) -> None:
        node, other = self.lookup(name), target.lookup(new_name)
        if not isinstance(target, MemDir) or target._fs is not self._fs:
            raise error(errno.EXDEV)
        if self.read_only or target.read_only:
            raise error(errno.EROFS)
        if (isinstance(node, MemDir) and node.holds(target)) or (
            isinstance(other, MemDir) and other.holds(self)
        ):
            raise error(errno.EINVAL)
        self.require(W_OK | X_OK)
        target.require(W_OK | X_OK)
        self.entries[name], target.entries[new_name] = other, node
        for changed in (self, target):
            changed.changed()

    def unlink(self, name: str) -> None:
        node = self.lookup(name)
        if self.read_only:
            raise error(errno.EROFS)
        self.require(W_OK | X_OK)
        if isinstance(node, DirNode):
            raise error(errno.EISDIR)
        self._unlinked(node)
        del self.entries[name]

    def _unlinked(self, node: Node) -> None:
        self.changed()
        if isinstance(node, MemDir):
            node.dropped()
        else:
            node.unlinked()

    def rmdir(self, name: str) -> None:
        node = self.lookup(name)
        if self.read_only:
            raise error(errno.EROFS)
        self.require(W_OK | X_OK)
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
        self.require(W_OK | X_OK)
        target.require(W_OK | X_OK)
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
        self.changed()
        target.changed()

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
        self.removed = True
        self._attributes_gone()
        self._fs.charge(-INODE)
