"""What open(2) makes of an inode: an open regular file or directory, a place (O_PATH), a named pipe to be opened.

A program that opens no file does not import this module.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.machine.physical_memory import PAGE_MASK

from ..mm.cache.page_cache import PageCache
from .nodes import (
    F_SEAL_FUTURE_WRITE,
    F_SEAL_GROW,
    F_SEAL_SEAL,
    F_SEAL_SHRINK,
    F_SEAL_WRITE,
    DirNode,
    FileNode,
    Node,
    Stat,
)
from .open_file import O_APPEND, SEEK_DATA, SEEK_HOLE, OpenFile, seek_to


def unsealed(file: FileNode, offset: int, data: bytes) -> bytes:
    """As much of `data` as the seals let be written at `offset`, in whole pages. Raises OSError(EPERM)."""
    if file.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE):
        raise error(errno.EPERM)
    if file.seals & F_SEAL_GROW and offset + len(data) > file.size:
        data = data[: max(0, (file.size & ~PAGE_MASK) - offset)]
        if not data:
            raise error(errno.EPERM)
    return data


class RegularFile(OpenFile):
    """An open regular file; reads and writes go by way of the page cache.

    `counted`: whether it is one of the file's `writers` if it is open for writing. What memfd_create(2)
    returns is not, so that a program in it can be run.
    """

    seekable = True

    def __init__(self, file: FileNode, cache: PageCache, flags: int, path: str, *, counted: bool = True):
        super().__init__(flags, path)
        self.file = file
        self._cache = cache
        file.opens += 1
        self._writes = self.writable and counted
        self._only_reads = self.readable and not self.writable
        file.writers += self._writes
        file.readers += self._only_reads

    @property
    def node(self) -> FileNode:
        return self.file

    def stat(self) -> Stat:
        return self.file.stat()

    def read(self, count: int) -> bytes:
        data = self._cache.pread(self.file, self.position, count)
        self.position += len(data)
        return data

    def write(self, data: bytes) -> int:
        if self.flags & O_APPEND:
            self.position = self.file.size
        if self.file.seals > F_SEAL_SEAL:
            data = unsealed(self.file, self.position, data)
        written = self._cache.pwrite(self.file, self.position, data)
        self.position += written
        return written

    def pread(self, offset: int, count: int) -> bytes:
        return self._cache.pread(self.file, offset, count)

    def pwrite(self, offset: int, data: bytes) -> int:
        if self.flags & O_APPEND:  # as on Linux, in spite of POSIX
            offset = self.file.size
        if self.file.seals > F_SEAL_SEAL:
            data = unsealed(self.file, offset, data)
        return self._cache.pwrite(self.file, offset, data)

    def seek(self, offset: int, whence: int) -> int:
        position = seek_to(self.position, self.file.size, offset, whence)
        if whence == SEEK_HOLE:
            position = self.file.next_hole(offset)
        elif whence == SEEK_DATA:
            data = self.file.next_data(offset)
            if data is None:
                raise error(errno.ENXIO)
            position = data
        self.position = position
        return position

    def truncate(self, size: int) -> None:
        before = self.file.size
        if self.file.seals & (
            (F_SEAL_SHRINK if size < before else 0) | (F_SEAL_GROW if size > before else 0)
        ):
            raise error(errno.EPERM)
        self._cache.truncate(self.file, size)

    def available(self) -> int:
        return self.file.size - self.position

    def released(self) -> None:
        self.file.opens -= 1
        self.file.writers -= self._writes
        self.file.readers -= self._only_reads
        self._cache.released(self.file)


class DirectoryFile(OpenFile):
    """An open directory; `position` counts entries. The list is taken when reading begins, so that it stays whole."""

    seekable = True

    def __init__(self, directory: DirNode, flags: int, path: str, names: Callable[[], list[str]]):
        super().__init__(flags, path)
        self.directory = directory
        self._names = names
        self._entries: list[str] | None = None

    @property
    def node(self) -> DirNode:
        return self.directory

    def stat(self) -> Stat:
        return self.directory.stat()

    def read(self, count: int) -> bytes:
        raise error(errno.EISDIR)

    def pread(self, offset: int, count: int) -> bytes:
        raise error(errno.EISDIR)

    def seek(self, offset: int, whence: int) -> int:
        self.position = seek_to(self.position, 0, offset, whence)
        if self.position == 0:
            self._entries = None
        return self.position

    def entries(self) -> list[str]:
        """`.`, `..` and the names, in their settled order."""
        if self._entries is None:
            self._entries = [".", "..", *self._names()]
        return self._entries


class PathFile(OpenFile):
    """What O_PATH opens: a place, not its contents."""

    def __init__(self, node: Node, flags: int, path: str):
        super().__init__(flags, path)
        self._node = node

    @property
    def node(self) -> Node:
        return self._node

    def stat(self) -> Stat:
        return self._node.stat()


class UnopenedFile(OpenFile):
    """What `Vfs.open` gives for a named pipe: openat(2) makes an end of it, and may have to wait for the other one."""

    def __init__(self, node: Node, flags: int, path: str):
        super().__init__(flags, path)
        self._node = node

    @property
    def node(self) -> Node:
        return self._node

    def stat(self) -> Stat:
        return self._node.stat()
