"""Files about processes and their signals: signalfd(2), pidfd_open(2)."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable

from toyvm.base.errors import error

from ..vfs.events.anonymous import AnonymousFile
from ..vfs.open_file import POLLHUP, POLLIN, WaitQueue, WouldBlock
from .process import Process
from .signals import SI_QUEUE, SI_TIMER, SigInfo, Signal

SIGINFO_SIZE = 128


class SignalFile(AnonymousFile):
    """A file that is read for pending signals. They are those of the process that reads, `reader()`, as on Linux."""

    KIND = "[signalfd]"
    synonyms = False

    def __init__(self, reader: Callable[[], Process], mask: int, flags: int):
        super().__init__(flags)
        self._reader = reader
        self.mask = mask

    def poll_queue(self) -> WaitQueue:
        return self._reader().thread_group.signal_queue()

    def read(self, count: int) -> bytes:
        if count < SIGINFO_SIZE:
            raise error(errno.EINVAL)
        signals = self._reader().signals
        out = bytearray()
        while len(out) + SIGINFO_SIZE <= count:
            info = signals.take_one_of(self.mask)
            if info is None:
                break
            out += _signalfd_siginfo(info)
        if not out:
            raise WouldBlock(self.poll_queue())
        return bytes(out)

    def poll(self) -> int:
        return POLLIN if self._reader().signals.waiting() & self.mask else 0

    def fdinfo(self) -> str:
        """The line of /proc/PID/fdinfo."""
        return f"sigmask:\t{self.mask:016x}\n"


def _signalfd_siginfo(info: SigInfo) -> bytes:
    """struct signalfd_siginfo, from the siginfo_t that a handler would be shown."""
    packed = info.pack()
    pid, uid, low = struct.unpack_from("<iIi", packed, 16)
    (value,) = struct.unpack_from("<Q", packed, 24)
    timer = overrun = status = 0
    if info.code == SI_TIMER:
        timer, overrun, pid, uid = pid, uid, 0, 0
    elif info.signal == Signal.SIGCHLD and info.code > 0:
        status, low, value = low, 0, 0
    elif info.code != SI_QUEUE:
        low = value = 0
    if info.address:
        pid = uid = 0
    head = struct.pack(
        "<IiiiIiIIIIiiQQQQ", info.signal, 0, info.code, pid, uid, 0, timer, 0, overrun, 0, status, low, value, 0, 0,
        info.address,
    )  # fmt: skip
    return head.ljust(SIGINFO_SIZE, b"\0")


class PidFile(AnonymousFile):
    """A process as a file: readable once it has ended."""

    KIND = "[pidfd]"

    def __init__(self, process: Process, flags: int):
        super().__init__(flags)
        self.process = process

    def read(self, count: int) -> bytes:
        raise error(errno.EINVAL)

    def poll_queue(self) -> WaitQueue:
        return self.process.thread_group.end_queue()

    def poll(self) -> int:
        if self.process.alive:
            return 0
        return POLLIN | (POLLHUP if self.process.thread_group.reaped else 0)

    def fdinfo(self) -> str:
        """The lines of /proc/PID/fdinfo."""
        pid = -1 if self.process.thread_group.reaped else self.process.pid
        return f"Pid:\t{pid}\nNSpid:\t{pid}\n"
