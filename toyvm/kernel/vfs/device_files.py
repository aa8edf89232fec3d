"""The open files of /dev/null, zero, full, random, urandom. A program that opens no device does not import this module."""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.errors import error

from .nodes import Stat
from .open_file import OpenFile


class NullFile(OpenFile):
    """/dev/null. `status` is the stat(2) of the device."""

    def __init__(self, flags: int, path: str, status: Stat):
        super().__init__(flags, path)
        self._status = status

    def stat(self) -> Stat:
        return self._status

    def reopen(self, flags: int, path: str) -> OpenFile:
        return type(self)(flags, path, self._status)

    def read(self, count: int) -> bytes:
        return b""

    def write(self, data: bytes) -> int:
        return len(data)

    def pread(self, offset: int, count: int) -> bytes:
        return self.read(count)

    def pwrite(self, offset: int, data: bytes) -> int:
        return self.write(data)

    def seek(self, offset: int, whence: int) -> int:
        return 0


class ZeroFile(NullFile):
    """/dev/zero."""

    maps_zeros = True

    def read(self, count: int) -> bytes:
        return bytes(count)


class FullFile(ZeroFile):
    """/dev/full, which is /dev/zero to read; a write finds no space, and it cannot be mapped."""

    maps_zeros = False

    def write(self, data: bytes) -> int:
        raise error(errno.ENOSPC)


class RandomFile(NullFile):
    """/dev/random and /dev/urandom: bytes of the run's seeded generator."""

    def __init__(self, flags: int, path: str, status: Stat, generator: Callable[[int], bytes]):
        super().__init__(flags, path, status)
        self._generator = generator

    def reopen(self, flags: int, path: str) -> OpenFile:
        return RandomFile(flags, path, self._status, self._generator)

    def read(self, count: int) -> bytes:
        return self._generator(count)
