"""Settings of the kernel as files: the numbers of /proc/sys and /sys."""

from __future__ import annotations

import errno
import stat as st
from collections.abc import Callable

from .node import DeviceNode, Identity, Stat, error
from .openfile import OpenFile, TextFile

_MOST = 0xFFFF_FFFF  # settings are unsigned ints


class SettingFile(TextFile):
    """A number that can be read and written, as text."""

    def __init__(
        self, flags: int, path: str, text: bytes, status: Stat, store: Callable[[int], None], least: int
    ):
        super().__init__(flags, path, text, status)
        self._store = store
        self._least = least

    def write(self, data: bytes) -> int:
        text = data.strip()
        if not text.removeprefix(b"-").isdigit() or len(text) > 11 or not self._least <= int(text) <= _MOST:
            raise error(errno.EINVAL)
        self._store(int(text))
        return len(data)

    def truncate(self, size: int) -> None:
        """Opening with O_TRUNC, as a shell's `>` does, changes nothing."""


class Setting(DeviceNode):
    """A file of one number, `least` or more, which `load` tells and `store` sets; `store` raises OSError for a number that
    makes no sense."""

    def __init__(
        self, identity: Identity, load: Callable[[], int], store: Callable[[int], None], least: int = 0
    ):
        self.identity = identity
        self._least = least
        self._load, self._store = load, store

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFREG | 0o644, size=4096)

    def open(self, flags: int, path: str) -> OpenFile:
        return SettingFile(flags, path, f"{self._load()}\n".encode(), self.stat(), self._store, self._least)
