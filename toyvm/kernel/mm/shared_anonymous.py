"""Shared anonymous memory: mmap(MAP_SHARED | MAP_ANONYMOUS) and System V segments."""

from __future__ import annotations

import errno
import stat as st

from toyvm.base.errors import error
from toyvm.machine.physical_memory import PAGE_SHIFT

from ..vfs.nodes import FileNode, Stat
from .overcommit import Commit


class ShmNode(FileNode):
    """Shared anonymous memory: a file without a name whose pages exist in the page cache only.

    Linux shows it as "/dev/zero (deleted)". All its pages are committed in `account`, if given,
    until no process can reach it. Raises OSError(ENOMEM).
    """

    backed = False
    DEVICE = 1

    def __init__(self, ino: int, size: int, account: Commit | None = None):
        super().__init__()
        self.identity = (self.DEVICE, ino)
        self._size = size
        self._account = account
        if account is not None:
            account.require(size >> PAGE_SHIFT)
            account.add(size >> PAGE_SHIFT)

    def dropped(self) -> None:
        if self._account is not None:
            self._account.add(-(self._size >> PAGE_SHIFT))
            self._account = None

    @property
    def size(self) -> int:
        return self._size

    @property
    def linked(self) -> bool:
        return False

    def pread(self, offset: int, count: int) -> bytes:
        return bytes(max(0, min(count, self._size - offset)))

    def pwrite(self, offset: int, data: bytes) -> int:
        raise error(errno.EINVAL)

    def stat(self) -> Stat:
        return Stat(self.DEVICE, self.identity[1], st.S_IFREG | 0o777, nlink=0, size=self._size)
