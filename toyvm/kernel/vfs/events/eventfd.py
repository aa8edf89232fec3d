"""eventfd(2): a number that waits at zero."""

from __future__ import annotations

import errno

from toyvm.base.errors import error

from ..open_file import POLLERR, POLLIN, POLLOUT, WouldBlock
from .anonymous import AnonymousFile

EFD_SEMAPHORE = 1
_MOST = (1 << 64) - 1


class EventFile(AnonymousFile):
    """A counter: a read takes all of it, or one with EFD_SEMAPHORE; a write adds."""

    KIND = "[eventfd]"
    synonyms = False

    def __init__(self, count: int, flags: int, *, semaphore: bool):
        super().__init__(flags)
        self._count = count
        self._semaphore = semaphore

    def read(self, count: int) -> bytes:
        if count < 8:
            raise error(errno.EINVAL)
        if not self._count:
            raise WouldBlock(self.changed)
        value = 1 if self._semaphore else self._count
        self._count -= value
        self.changed.wake(POLLOUT)
        return value.to_bytes(8, "little")

    def write(self, data: bytes) -> int:
        value = int.from_bytes(data[:8], "little")
        if len(data) != 8 or value == _MOST:
            raise error(errno.EINVAL)
        if value > _MOST - 1 - self._count:
            raise WouldBlock(self.changed)
        self._count += value
        self.changed.wake(POLLIN)
        return 8

    def poll(self) -> int:
        bits = POLLIN if self._count else 0
        if self._count == _MOST:
            bits |= POLLERR
        return bits | (POLLOUT if self._count < _MOST - 1 else 0)

    def fdinfo(self) -> str:
        """The line of /proc/PID/fdinfo."""
        return f"eventfd-count: {self._count:16x}\n"
