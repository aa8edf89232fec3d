"""Signals about open files: who is told, and how, that one can be read or written (O_ASYNC; fcntl(2), "Managing signals")."""

from __future__ import annotations

import struct

from ..vfs.open_file import (
    ANY_EVENT,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    Alarm,
    OpenFile,
    Watcher,
)
from .kernel_state import KernelState
from .lifecycle import send
from .process import Process
from .signals import SI_KERNEL, SigInfo, Signal

F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP = 0, 1, 2
_POLL_IN, _POLL_OUT, _POLL_MSG, _POLL_PRI, _POLL_HUP = 1, 2, 3, 5, 6
# Of each si_code: the POLL bits that si_band shows (Linux's band_table).
_BANDS = {_POLL_IN: 0x41, _POLL_OUT: 0x304, _POLL_MSG: 0x441, _POLL_PRI: 0x82, _POLL_HUP: 0x18}


class FileOwner(Watcher, Alarm):
    """Who is told about an open file. `kind` is an F_OWNER_ number, `number` 0 for nobody; `signal` 0 is a plain SIGIO.

    `descriptor` is the one that O_ASYNC was set by.
    """

    def __init__(self, kernel: KernelState, file: OpenFile):
        self._kernel = kernel
        self._file = file
        self.kind = F_OWNER_TID
        self.number = self.signal = 0
        self.descriptor = 0
        self._later: list[tuple[int, int]] = []

    def notify(self, events: int) -> bool:
        file = self._file
        if not file.users:
            queue = file.poll_queue()
            if queue is not None:
                queue.unwatch(self)
            return False
        code = self._reason(events)
        if code:
            self._send(code, self.descriptor)
        return False

    def message(self, descriptor: int) -> None:
        """Tell of a lease or a directory: si_code is POLL_MSG, si_fd is `descriptor`."""
        self._send(_POLL_MSG, descriptor)

    def set_default(self, process: Process) -> None:
        """`process` is told if nobody is yet."""
        if not self.number:
            self.kind, self.number = F_OWNER_PID, process.pid

    def forget(self) -> None:
        """Nobody is told any more."""
        self.number = self.signal = 0

    def _send(self, code: int, descriptor: int) -> None:
        if not self.number:
            return
        if self.signal == Signal.SIGKILL:  # not in the middle of somebody's system call
            self._later = [(code, descriptor)]
            self.alarm_at = self._kernel.now
            self._kernel.scheduler.set_alarm(self, self._kernel.now)
        else:
            self._tell(code, descriptor)

    def urgent(self) -> None:
        """SIGURG, whether or not O_ASYNC is set."""
        for target in self._targets():
            send(self._kernel, target, SigInfo(Signal.SIGURG, SI_KERNEL), to_thread=self.kind == F_OWNER_TID)

    def _reason(self, events: int) -> int:
        """The si_code for POLL bits that may have become true; 0 for none that matters here."""
        state = self._file.poll()
        if events == ANY_EVENT:
            events = state
        if events & POLLPRI:
            return _POLL_PRI
        if events & POLLIN and self._file.readable:
            return _POLL_IN
        if events & (POLLHUP | POLLERR):
            return _POLL_HUP
        return _POLL_OUT if events & POLLOUT and self._file.writable else 0

    def expire(self, now: int) -> None:
        self.alarm_at = None
        for code, descriptor in self._later:
            self._tell(code, descriptor)

    def _tell(self, code: int, descriptor: int) -> None:
        for target in self._targets():
            if self.signal:
                details = struct.pack("<iqi", 0, _BANDS[code], descriptor)
                info = SigInfo(self.signal, code, raw=details)
            else:
                info = SigInfo(Signal.SIGIO, SI_KERNEL)
            try:
                send(self._kernel, target, info, to_thread=self.kind == F_OWNER_TID)
            except OSError:  # too many are pending: a plain SIGIO is not lost
                send(self._kernel, target, SigInfo(Signal.SIGIO, SI_KERNEL))

    def _targets(self) -> list[Process]:
        kernel = self._kernel
        if self.kind == F_OWNER_PGRP:
            return [process for process in kernel.processes.values() if process.pgid == self.number]
        found = (kernel.threads if self.kind == F_OWNER_TID else kernel.processes).get(self.number)
        return [found] if found is not None else []
