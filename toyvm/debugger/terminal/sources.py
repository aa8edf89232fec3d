"""Source files as the debugger shows them, read from the host by the paths in the debugging information."""

from __future__ import annotations

import os
from collections.abc import Iterable

_MOST = 16 << 20  # bytes of a source file


class Sources:
    """Finds and keeps source files. `folders` are looked into if a path leads nowhere."""

    def __init__(self, folders: Iterable[str] = ()):
        self._folders = tuple(folders)
        self._lines: dict[str, tuple[str, ...]] = {}

    def lines(self, path: str) -> tuple[str, ...]:
        """All lines of a file, without their ends; empty if it cannot be read."""
        if path not in self._lines:
            self._lines[path] = self._read(path)
        return self._lines[path]

    def line(self, path: str, number: int) -> str | None:
        """Line `number`, counted from 1, or None."""
        lines = self.lines(path)
        return lines[number - 1] if 0 < number <= len(lines) else None

    def _read(self, path: str) -> tuple[str, ...]:
        name = os.path.basename(path)
        for candidate in (path, *(os.path.join(folder, name) for folder in ("", *self._folders))):
            try:
                if not os.path.isfile(candidate):
                    continue
                with open(candidate, encoding="utf-8", errors="replace") as file:
                    return tuple(line.rstrip("\r\n") for line in file.read(_MOST).splitlines())
            except (OSError, ValueError):  # no permission; a NUL in the path
                continue
        return ()
