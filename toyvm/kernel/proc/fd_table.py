"""The file descriptors of a process."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

from toyvm.base.errors import error

from ..vfs.open_file import FileCount, OpenFile

NR_FILE = 8192  # the least file-max of a Linux
MOST_FILES = 1 << 16  # and the most here: an open file costs the host about a kilobyte


def file_max(memory_bytes: int) -> int:
    """The open files that a machine of this size may have: a tenth of its memory, a file counted as 1 KiB (files_maxfiles_init)."""
    return min(max(NR_FILE, memory_bytes // 10240), MOST_FILES)


class FdTable:
    """File descriptors: number -> (open file, close-on-exec). `users` threads share it (CLONE_FILES).

    `count` has the open files of all tables of the machine.
    """

    def __init__(self, limit: int = 1024, count: FileCount | None = None):
        self._count = count if count is not None else FileCount(NR_FILE)
        self.files: dict[int, tuple[OpenFile, bool]] = {}
        self.limit = self.hard_limit = limit
        # What the table owns, and so ends when it closes a file: record locks, notifications (F_NOTIFY)
        self.on_close: dict[str, Callable[[FdTable, OpenFile], None]] = {}
        self.users = 1

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self.files))

    def get(self, fd: int) -> OpenFile:
        """The open file. Raises OSError(EBADF)."""
        try:
            return self.files[fd][0]
        except KeyError:
            raise error(errno.EBADF) from None

    def cloexec(self, fd: int) -> bool:
        self.get(fd)
        return self.files[fd][1]

    def set_cloexec(self, fd: int, value: bool) -> None:
        self.files[fd] = (self.get(fd), value)

    def install(self, file: OpenFile, *, cloexec: bool = False, lowest: int = 0) -> int:
        """Give `file` the lowest free number from `lowest` up, and return it.

        Raises OSError: EMFILE, ENFILE (the machine has as many open files as it may), and closes the
        file if it has no other user.
        """
        fd = lowest
        while fd in self.files:
            fd += 1
        if fd >= self.limit:
            if not file.users:
                file.released()
            raise error(errno.EMFILE)
        if not file.users:
            if self._count.full:
                file.released()
                raise error(errno.ENFILE)
            self._count.enter(file)
        file.users += 1
        self.files[fd] = (file, cloexec)
        return fd

    def require_room(self) -> None:
        """Raises OSError if no new file can be opened: EMFILE, ENFILE."""
        if len(self.files) >= self.limit:
            raise error(errno.EMFILE)
        if self._count.full:
            raise error(errno.ENFILE)

    def replace(self, fd: int, file: OpenFile, *, cloexec: bool = False) -> None:
        """Make `fd` refer to `file`, closing the old file (dup3(2)). Raises OSError(EBADF)."""
        if not 0 <= fd < self.limit:
            raise error(errno.EBADF)
        file.users += 1
        if fd in self.files:
            self.close(fd)
        self.files[fd] = (file, cloexec)

    def close(self, fd: int) -> None:
        """Raises OSError(EBADF)."""
        file = self.get(fd)
        del self.files[fd]
        for tell in self.on_close.values():
            tell(self, file)
        file.put()

    def release(self) -> None:
        """A thread has ended: the last one closes everything."""
        self.users -= 1
        if not self.users:
            for fd in list(self):
                self.close(fd)

    def share(self) -> FdTable:
        """The same table for another thread."""
        self.users += 1
        return self

    def alone(self) -> FdTable:
        """A table that nobody else uses: this one, or else a copy in its place."""
        if self.users == 1:
            return self
        self.users -= 1
        return self.fork()

    def exec(self) -> None:
        """Close the descriptors that are marked close-on-exec."""
        for fd in list(self):
            if self.files[fd][1]:
                self.close(fd)

    def fork(self) -> FdTable:
        twin = FdTable(self.hard_limit, self._count)
        twin.limit = self.limit
        twin.files = dict(self.files)
        for file, _ in twin.files.values():
            file.users += 1
        return twin
