"""Standard streams on which control characters of names show, and control nothing.

A name in a file can hold any bytes. A terminal would obey an escape sequence in it: clear the
screen, change the title, answer as if the user had typed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ...base.diagnostics import without_controls
from ...base.light_types import Any


class _Shown:
    """A text stream that writes control characters as `without_controls` does; all else is the other's."""

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(without_controls(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def shown() -> Iterator[None]:
    """Show control characters that are printed to the standard streams while the block runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Shown(sys.stdout), _Shown(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
