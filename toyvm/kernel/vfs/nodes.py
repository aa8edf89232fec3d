"""What a path can lead to: directories, files, symbolic links, devices. Errors are OSError with a Linux errno.

A node is an inode, without a name and without a position; `open_file` has what open() returns.
"""

from __future__ import annotations

import errno
import stat as st
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.base.record import Record

Identity = tuple[int, int]  # (st_dev, st_ino)


F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_EXEC = 1, 2, 4, 8, 16, 32
F_ALL_SEALS = 63


class Stat(Record):
    """The result of stat(2). Times are nanoseconds."""

    dev: int
    ino: int
    mode: int
    nlink: int = 1
    uid: int = 0
    gid: int = 0
    rdev: int = 0
    size: int = 0
    blocks: int = 0
    mtime: int = 0
    atime: int | None = None  # None: as mtime
    ctime: int | None = None


class Node:
    """Base of all inodes. `identity` distinguishes files, for the page cache and for hard links."""

    identity: Identity = (0, 0)

    def stat(self) -> Stat:
        raise NotImplementedError

    def set_attributes(
        self,
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
        atime: int | None = None,
        mtime: int | None = None,
    ) -> None:
        """Change what `stat` shows; None leaves a field as it is. Raises OSError."""
        raise error(errno.EROFS)

    @property
    def attributes(self) -> dict[str, bytes]:
        """The extended attributes, which the caller may change. Raises OSError(EOPNOTSUPP) where there are none."""
        raise error(errno.EOPNOTSUPP)

    def charge(self, more: int) -> None:
        """Account for the bytes of extended attributes. Raises OSError(ENOSPC)."""

    def unlinked(self) -> None:
        """A name of the node has been removed."""

    @property
    def kind(self) -> int:
        """The file type bits of st_mode."""
        return st.S_IFMT(self.stat().mode)


class FileNode(Node):
    """A regular file: bytes by offset. `opens` and `mappings` count its uses, `writers` the opens for writing, `readers`
    those for reading only.

    `backed` is False when the page cache is the only place its bytes live (shared anonymous memory).
    """

    backed = True
    writable = True
    seals = 0  # F_SEAL_ bits: what nobody may do to the file any more
    write_hint = 0  # F_SET_RW_HINT

    def __init__(self) -> None:
        self.opens = 0
        self.writers = self.readers = 0
        self.mappings = 0

    @property
    def size(self) -> int:
        raise NotImplementedError

    @property
    def linked(self) -> bool:
        """Whether some directory still names it."""
        return True

    def in_memory(self, index: int) -> bool:
        """Whether the bytes of a page need no reading from a disk."""
        return False

    def pread(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`; fewer at the end of the file."""
        raise NotImplementedError

    def pwrite(self, offset: int, data: bytes) -> int:
        raise error(errno.EROFS)

    def truncate(self, size: int) -> None:
        raise error(errno.EROFS)

    def fill(self, start: int, end: int) -> None:
        """The pages of a range, inside the file, are holes no longer (fallocate(2), a page fault)."""

    def punch(self, start: int, end: int) -> None:
        """The whole pages of a range, which hold zeros, become holes."""

    def next_data(self, offset: int) -> int | None:
        """Where the first bytes from `offset` on are that are in no hole (SEEK_DATA); None for none."""
        return offset

    def next_hole(self, offset: int) -> int:
        """Where the first hole from `offset` on begins (SEEK_HOLE); there is one at the end of every file."""
        return self.size

    def attached(self, pid: int) -> None:
        """Process `pid` has mapped the file, or has been copied with its mappings."""

    def detached(self, pid: int) -> None:
        """Process `pid` has unmapped an area of the file."""

    def dropped(self) -> None:
        """Nothing can reach the file any more."""


class DirNode(Node):
    """A directory. Without an override it is read-only.

    `no_new_name` and `no_change` are the errors of a read-only one for a new name and for another change.
    """

    no_new_name = no_change = errno.EROFS

    def lookup(self, name: str) -> Node:
        """The entry `name`; OSError(ENOENT)."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """The entries without `.` and `..`, sorted."""
        raise NotImplementedError

    def create(self, name: str, mode: int) -> FileNode:
        raise error(self.no_new_name)

    def mkdir(self, name: str, mode: int) -> None:
        raise error(self.no_new_name)

    def unlink(self, name: str) -> None:
        raise error(self.no_change)

    def rmdir(self, name: str) -> None:
        raise error(self.no_change)

    def symlink(self, name: str, target: str) -> None:
        raise error(self.no_new_name)

    def add(self, name: str, node: Node) -> None:
        """Enter a new node that has been made for this name (a named pipe, a socket)."""
        raise error(self.no_new_name)

    def link(self, name: str, node: Node) -> None:
        """Another name for `node`."""
        raise error(self.no_new_name)

    def unnamed(self, mode: int) -> FileNode:
        """A file without a name (O_TMPFILE)."""
        raise error(errno.EOPNOTSUPP)

    def exchange(self, name: str, target: DirNode, new_name: str) -> None:
        """Swap two names (RENAME_EXCHANGE)."""
        raise error(errno.EINVAL)

    def rename(self, name: str, target: DirNode, new_name: str) -> None:
        raise error(self.no_change)


PROC_IDENTITY: Identity = (0x14, 1)
SYS_IDENTITY: Identity = (0x17, 1)


class LazyDir(DirNode):
    """A read-only directory that is made when it is first looked into."""

    no_change = errno.EACCES

    def __init__(self, identity: Identity, make: Callable[[], DirNode]):
        self.identity = identity
        self.no_new_name = errno.ENOENT if identity == PROC_IDENTITY else errno.EACCES
        self._make = make
        self._made: DirNode | None = None

    def _directory(self) -> DirNode:
        if self._made is None:
            self._made = self._make()
        return self._made

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFDIR | 0o555, 2)

    def lookup(self, name: str) -> Node:
        return self._directory().lookup(name)

    def names(self) -> list[str]:
        return self._directory().names()


class SymlinkNode(Node):
    """A symbolic link. `magic`: one of /proc, which leads to an object and not by a path (path_resolution(7))."""

    magic = False

    def readlink(self) -> str:
        raise NotImplementedError
