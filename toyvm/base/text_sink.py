"""Bytes written to a stream of text: a notebook's standard output has no binary stream below it."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

from .light_types import Any


class TextSink(io.RawIOBase):
    """A writable binary file that decodes UTF-8 for `stream`, also across writes; bad bytes show as U+FFFD."""

    def __init__(self, stream: TextIO):
        super().__init__()
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(self._decoder.decode(bytes(data)))
        return len(data)

    def flush(self) -> None:
        self._stream.flush()
