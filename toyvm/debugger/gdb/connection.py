"""The connection to a debugger: packets in both directions over a pair of descriptors.

While the run goes on, `watching` makes the host's kernel send SIGIO when the debugger sends
something, so a Ctrl-C interrupts the run and nothing else has to look for it.
"""

from __future__ import annotations

import os
import select
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import F_GETFL, F_SETFL, F_SETOWN, fcntl
from typing import BinaryIO

from .packets import MAX_PACKET, PacketReader, Signal, frame

_PIECE = 0x10000
_AGAIN = 0.1  # seconds
_MOST_WAITING = 64  # packets that a debugger may send before it reads the answers


class ClosedError(Exception):
    """The debugger is gone."""


class Connection:
    """Sends and receives packets. The descriptors belong to the caller."""

    def __init__(self, read_fd: int, write_fd: int, log: Callable[[str], None] | None = None):
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._log = log
        self._reader = PacketReader()
        self._waiting: deque[bytes | Signal] = deque()
        self._closed = False
        self._last = b""
        self.acknowledging = True

    def receive(self) -> bytes | None:
        """The next packet's payload as sent; None for a Ctrl-C. Raises ClosedError when the debugger is gone."""
        while True:
            while not self._waiting:
                if self._closed:
                    raise ClosedError
                select.select([self._read_fd], [], [])
                self._read()
            item = self._waiting.popleft()
            if isinstance(item, bytes):
                self._trace("->", item)
                if self.acknowledging:
                    self._drop_repetitions(item)
                    self._write(b"+")
                return item
            if item is Signal.INTERRUPT:
                return None
            if item is Signal.DAMAGED and self.acknowledging:
                self._write(b"-")
            elif item is Signal.RESEND and self.acknowledging and self._last:
                self._write(self._last)

    def _drop_repetitions(self, packet: bytes) -> None:
        """Drop copies of a packet that follow it.

        gdb sends a packet again after two seconds without an acknowledgement, as when it starts the
        server itself, and takes the answers to both for answers to two packets.
        """
        while not self._closed and select.select([self._read_fd], [], [], 0)[0]:
            self._read()
        while self._waiting and self._waiting[0] == packet:
            self._waiting.popleft()

    def send(self, payload: bytes) -> None:
        """Send a packet. Raises ClosedError when the debugger is gone."""
        self._trace("<-", payload)
        self._last = frame(payload)
        self._write(self._last)

    def print(self, text: bytes) -> None:
        """Show text on the debugger's console, as it may be while a command runs."""
        piece = MAX_PACKET // 2 - 1
        for start in range(0, len(text), piece):
            self.send(b"O" + text[start : start + piece].hex().encode())

    @contextmanager
    def watching(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` if a Ctrl-C comes or the debugger goes while the block runs."""

        def look() -> None:
            while not self._closed and select.select([self._read_fd], [], [], 0)[0]:
                self._read()
            if self._closed or Signal.INTERRUPT in self._waiting:
                self._waiting = deque(item for item in self._waiting if item is not Signal.INTERRUPT)
                interrupt()
                # Again until the run stands: it may not have begun yet.
                signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)

        with _handling(signal.SIGIO, look), _handling(signal.SIGALRM, interrupt):
            flags = fcntl(self._read_fd, F_GETFL)
            fcntl(self._read_fd, F_SETOWN, os.getpid())
            fcntl(self._read_fd, F_SETFL, flags | os.O_ASYNC)
            try:
                look()  # what came before the signal was asked for
                yield
            finally:
                fcntl(self._read_fd, F_SETFL, flags)
                signal.setitimer(signal.ITIMER_REAL, 0)

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True

    @property
    def closed(self) -> bool:
        """Whether the debugger is gone."""
        return self._closed

    def _read(self) -> None:
        try:
            data = os.read(self._read_fd, _PIECE)
        except OSError:
            data = b""
        if not data:
            self._closed = True
        self._waiting.extend(self._reader.feed(data))
        if len(self._waiting) > _MOST_WAITING:
            self._closed = True

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._write_fd, view) :]
        except OSError:
            self._closed = True
            raise ClosedError from None

    def _trace(self, direction: str, payload: bytes) -> None:
        if self._log is not None:
            text = payload[:300].decode("latin-1").encode("unicode_escape").decode()
            self._log(f"{direction} {text}{'...' if len(payload) > 300 else ''}")


@contextmanager
def _handling(number: signal.Signals, handler: Callable[[], None]) -> Iterator[None]:
    """Call `handler` at a signal while the block runs."""
    before = signal.signal(number, lambda *_: handler())
    try:
        yield
    finally:
        signal.signal(number, before)


class DebuggerConsole:
    """A stream for what the guest writes, which the debugger shows; `other` gets it when the debugger is gone.

    A debugger takes such text only while it waits for the run.
    """

    def __init__(self, connection: Connection, other: BinaryIO):
        self._connection = connection
        self._other = other

    def write(self, data: bytes) -> int:
        """Show bytes."""
        if self._connection.closed:
            return self._other.write(data)
        self._connection.print(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""
        self._other.flush()
