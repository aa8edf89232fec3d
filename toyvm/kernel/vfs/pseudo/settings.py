"""Kernel settings as files: numbers and keywords in /proc and /sys."""

from __future__ import annotations

import errno
import stat as st
from collections.abc import Callable, Sequence

from toyvm.base.errors import error

from ..nodes import Identity, Stat
from ..open_file import O_ACCMODE, O_WRONLY, DeviceNode, OpenFile
from .text_file import TextFile

_MOST = 0xFFFF_FFFF  # settings are unsigned ints


class SettingFile(TextFile):
    """An open setting. A write calls `store` with the data, stripped of surrounding white space."""

    def __init__(self, flags: int, path: str, text: bytes, status: Stat, store: Callable[[bytes], None]):
        super().__init__(flags, path, text, status)
        self._store = store

    def write(self, data: bytes) -> int:
        self._store(data.strip())
        return len(data)

    def truncate(self, size: int) -> None:
        """Ignore O_TRUNC, which a shell's `>` sets."""


class Setting(DeviceNode):
    """A file that holds one number, `least` or more.

    `load` returns it, `store` sets it or raises OSError.
    """

    def __init__(
        self, identity: Identity, load: Callable[[], int], store: Callable[[int], None], least: int = 0
    ):
        self.identity = identity
        self._least = least
        self._load, self._store = load, store

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFREG | 0o644, size=4096)

    def open(self, flags: int, path: str) -> OpenFile:
        return SettingFile(flags, path, f"{self._load()}\n".encode(), self.stat(), self._parse)

    def _parse(self, text: bytes) -> None:
        if not text.removeprefix(b"-").isdigit() or len(text) > 11 or not self._least <= int(text) <= _MOST:
            raise error(errno.EINVAL)
        self._store(int(text))


class Command(DeviceNode):
    """A file that can only be written: `run` gets the number, and raises OSError for one that it does not know."""

    def __init__(self, identity: Identity, run: Callable[[int], None]):
        self.identity = identity
        self._run = run

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFREG | 0o200)

    def open(self, flags: int, path: str) -> OpenFile:
        if flags & O_ACCMODE != O_WRONLY:
            raise error(errno.EACCES)
        return SettingFile(flags, path, b"", self.stat(), self._parse)

    def _parse(self, text: bytes) -> None:
        if not text.isdigit() or len(text) > 10:
            raise error(errno.EINVAL)
        self._run(int(text))


class Choice(DeviceNode):
    """A file that holds one of several keywords.

    It shows all of them, the current one in brackets.
    """

    def __init__(
        self, identity: Identity, words: Sequence[str], load: Callable[[], str], store: Callable[[str], None]
    ):
        self.identity = identity
        self._words, self._load, self._store = words, load, store

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFREG | 0o644, size=4096)

    def open(self, flags: int, path: str) -> OpenFile:
        chosen = self._load()
        text = " ".join(f"[{word}]" if word == chosen else word for word in self._words)
        return SettingFile(flags, path, f"{text}\n".encode(), self.stat(), self._parse)

    def _parse(self, text: bytes) -> None:
        word = text.decode("latin-1")
        if word not in self._words:
            raise error(errno.EINVAL)
        self._store(word)
