"""The standard streams of a timeline's guest, kept in the front process: each byte is read and written once."""

from __future__ import annotations

import select
import tempfile
from collections.abc import Callable
from typing import BinaryIO

_IN_MEMORY = 16 << 20  # bytes of output, from which they are kept in a temporary file


class InputLog:
    """What was read of standard input, piece by piece, so that a run that is computed again reads the same."""

    def __init__(self, source: bytes | BinaryIO | None):
        self._source = source if not isinstance(source, bytes) else None
        self._pieces: dict[int, bytes] = {}
        self._length = 0
        self._ended = self._source is None
        if isinstance(source, bytes) and source:
            self._add(source)

    @property
    def data(self) -> bytes:
        """All that was read so far."""
        return b"".join(self._pieces.values())

    @property
    def pieces(self) -> list[bytes]:
        """What each read that reached the source gave."""
        return list(self._pieces.values())

    def feed(self, pieces: list[bytes]) -> None:
        """Append recorded pieces."""
        for piece in pieces:
            self._add(piece)

    def _add(self, piece: bytes) -> None:
        self._pieces[self._length] = piece
        self._length += len(piece)

    def needs_source(self, position: int) -> bool:
        """Whether `read` at this position asks the source, and may wait."""
        return position >= self._length and not self._ended

    @property
    def descriptor(self) -> int | None:
        """The source's descriptor, if it has one."""
        try:
            return self._source.fileno() if self._source is not None else None
        except (OSError, ValueError):
            return None

    def read(self, position: int, count: int) -> bytes:
        """At most `count` bytes from `position`, as the first time; empty at the end."""
        if self.needs_source(position):
            assert self._source is not None
            reader: Callable[[int], bytes | None] = getattr(self._source, "read1", self._source.read)
            piece = reader(count) or b""
            if not piece:
                self._ended = True
                return b""
            self._add(piece)
        for start, piece in self._pieces.items():
            if start <= position < start + len(piece):
                return piece[position - start :][:count]
        return b""


class OutputLog:
    """What the guest has written, by position; each byte goes to the real streams once.

    `sinks` are those of standard output and error; None: none.
    """

    def __init__(self, out: BinaryIO | None, error: BinaryIO | None):
        self._sinks = {1: out, 2: error}
        self._log = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self.length = 0

    def add(self, number: int, position: int, data: bytes) -> None:
        """The guest has written `data`, which begins at `position`."""
        new = data[max(0, self.length - position) :]
        if not new:
            return
        self._log.seek(self.length)
        self._log.write(new)
        self.length += len(new)
        sink = self._sinks[number]
        if sink is not None:
            sink.write(new)
            sink.flush()

    def until(self, position: int) -> bytes:
        """What was written before `position`."""
        self._log.seek(0)
        return self._log.read(position)

    def forget_after(self, position: int) -> None:
        """Another history begins at `position`."""
        self.length = min(self.length, position)
        self._log.truncate(self.length)

    def close(self) -> None:
        """Free the log."""
        self._log.close()


def readable(descriptor: int, seconds: float) -> bool:
    """Whether a descriptor has something to read within a time."""
    ready, _, _ = select.select([descriptor], [], [], seconds)
    return bool(ready)
