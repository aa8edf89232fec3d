"""What the files of this room have in common: an inode without a name or a type, and a queue (anon_inode of Linux)."""

from __future__ import annotations

import errno

from toyvm.base.errors import error

from ..nodes import Stat
from ..open_file import O_RDWR, OpenFile, WaitQueue, seek_to

_DEVICE, _INODE = 15, 1


class AnonymousFile(OpenFile):
    """An open file that is only a descriptor. `changed` wakes when `poll` may have changed."""

    KIND = ""
    pollable = True
    messages = True

    def __init__(self, flags: int = 0):
        super().__init__(O_RDWR | flags, f"anon_inode:{self.KIND}")
        self.changed = WaitQueue()

    def stat(self) -> Stat:
        return Stat(_DEVICE, _INODE, 0o600)

    def poll_queue(self) -> WaitQueue:
        return self.changed

    def seek(self, offset: int, whence: int) -> int:
        seek_to(0, 0, offset, whence)
        return 0

    def truncate(self, size: int) -> None:
        raise error(errno.EINVAL)
