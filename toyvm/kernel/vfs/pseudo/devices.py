"""The character devices a program expects: /dev/null, zero, full, random, urandom. None touches the host."""

from __future__ import annotations

import stat as st
from collections.abc import Callable

from ..nodes import Stat
from ..open_file import DeviceNode, FullFile, NullFile, OpenFile, RandomFile, ZeroFile
from ..path_walk import Vfs


class _Device(DeviceNode):
    def __init__(self, kind: type[NullFile], number: int, make: Callable[[int, str], OpenFile]):
        self.identity = (6, number)
        self._rdev = kind.RDEV
        self._make = make

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFCHR | 0o666, rdev=self._rdev)

    def open(self, flags: int, path: str) -> OpenFile:
        return self._make(flags, path)


def mount_devices(vfs: Vfs, generator: Callable[[int], bytes]) -> None:
    """Mount the devices; `generator` gives random bytes."""

    def random(flags: int, path: str) -> OpenFile:
        return RandomFile(flags, path, generator)

    vfs.mount("/dev/null", _Device(NullFile, 5, NullFile))
    vfs.mount("/dev/zero", _Device(ZeroFile, 7, ZeroFile))
    vfs.mount("/dev/full", _Device(FullFile, 9, FullFile))
    vfs.mount("/dev/random", _Device(RandomFile, 11, random))
    vfs.mount("/dev/urandom", _Device(RandomFile, 12, random))
