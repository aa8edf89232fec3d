"""A standard stream that is redirected to or from a regular file of the host."""

from __future__ import annotations

import os

from .host_files import host_error
from .nodes import Stat
from .open_file import HostStream, OpenFile, Sink, Source, seek_to


class HostFileStream(HostStream):
    """A standard stream that is a regular file of the host: it has a size, and a position that the host shares."""

    seekable = True
    pollable = False

    def __init__(
        self, fd: int, flags: int, path: str, *, source: Source | None = None, sink: Sink | None = None
    ):
        super().__init__(flags, path, source=source, sink=sink)
        self._fd = fd
        self.position = os.lseek(fd, 0, os.SEEK_CUR)

    def stat(self) -> Stat:
        status = os.fstat(self._fd)
        ino = self.INO if self._source is not None else self.INO + 1
        return Stat(
            0x801, ino, status.st_mode, size=status.st_size, blocks=status.st_blocks, mtime=status.st_mtime_ns
        )

    def reopen(self, flags: int, path: str) -> OpenFile:
        again = HostFileStream(self._fd, flags, self.path, source=self._source, sink=self._sink)
        return self._with_budget(again)

    def read(self, count: int) -> bytes:
        data = self.pread(self.position, count)
        self.position += len(data)
        os.lseek(self._fd, self.position, os.SEEK_SET)
        return data

    def pread(self, offset: int, count: int) -> bytes:
        try:
            return os.pread(self._fd, count, offset)
        except OSError as failure:
            raise host_error(failure) from None

    def write(self, data: bytes) -> int:
        written = super().write(data)
        self.position = os.lseek(self._fd, 0, os.SEEK_CUR)
        return written

    def pwrite(self, offset: int, data: bytes) -> int:
        try:
            allowed = self.within_budget(data)
            return os.pwrite(self._fd, allowed, offset) + len(data) - len(allowed)
        except OSError as failure:
            raise host_error(failure) from None

    def seek(self, offset: int, whence: int) -> int:
        here = os.lseek(self._fd, 0, os.SEEK_CUR)
        self.position = seek_to(here, os.fstat(self._fd).st_size, offset, whence)
        os.lseek(self._fd, self.position, os.SEEK_SET)
        return self.position
