"""An open file of /proc or /sys: text that is made when the file is opened."""

from __future__ import annotations

from ..nodes import Stat
from ..open_file import OpenFile, seek_to


class TextFile(OpenFile):
    """A file whose bytes are made when it is opened (/proc)."""

    seekable = True

    def __init__(self, flags: int, path: str, data: bytes, status: Stat):
        super().__init__(flags, path)
        self._data = data
        self._status = status

    def stat(self) -> Stat:
        return self._status

    def read(self, count: int) -> bytes:
        data = self.pread(self.position, count)
        self.position += len(data)
        return data

    def pread(self, offset: int, count: int) -> bytes:
        return self._data[offset : offset + count]

    def seek(self, offset: int, whence: int) -> int:
        self.position = seek_to(self.position, len(self._data), offset, whence)
        return self.position
