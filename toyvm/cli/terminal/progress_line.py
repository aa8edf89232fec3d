"""A line that says what a command is doing, for work of a second and more."""

from __future__ import annotations

import sys
import time

DELAY = 1.0  # seconds without output before the line appears


class ProgressLine:
    """Called with what is being done; clears its line at the end of a `with` block.

    It shows on standard error, and only if that is a terminal.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._shown = False

    def __enter__(self) -> ProgressLine:
        return self

    def __call__(self, what: str) -> None:
        if self._terminal and time.monotonic() - self._began >= DELAY:
            self._shown = True
            print(f"\r\x1b[K{what}...", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
