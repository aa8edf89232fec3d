"""The character devices a program expects: /dev/null, zero, full, random, urandom. None touches the host."""

from __future__ import annotations

import stat as st
from collections.abc import Callable

from toyvm.base.light_types import TYPE_CHECKING

from .memory_files import MemDir
from .nodes import Identity, LazyDir, Stat, SymlinkNode
from .open_file import DeviceNode, OpenFile
from .path_walk import Vfs

if TYPE_CHECKING:
    from .terminal import Terminals


class MemoryDevice(DeviceNode):
    """A device of the mem(4) and random(4) families: `name` and the device number say which."""

    def __init__(self, name: str, number: int, rdev: int, generator: Callable[[int], bytes]):
        self.identity = (6, number)
        self._name, self._rdev, self._generator = name, rdev, generator

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFCHR | 0o666, rdev=self._rdev)

    def open(self, flags: int, path: str) -> OpenFile:
        from .device_files import FullFile, NullFile, RandomFile, ZeroFile

        status = self.stat()
        if self._name in ("random", "urandom"):
            return RandomFile(flags, path, status, self._generator)
        kind = {"null": NullFile, "zero": ZeroFile, "full": FullFile}[self._name]
        return kind(flags, path, status)


class FixedLink(SymlinkNode):
    """A symbolic link that is always there."""

    def __init__(self, target: str, identity: Identity):
        self.identity = identity
        self._target = target

    def readlink(self) -> str:
        return self._target

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFLNK | 0o777, size=len(self._target))


class TerminalDevice(DeviceNode):
    """/dev/ptmx and /dev/tty: `make` opens a terminal."""

    def __init__(self, number: int, rdev: int, make: Callable[[int], OpenFile]):
        self.identity = (6, number)
        self._rdev, self._make = rdev, make

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFCHR | 0o666, rdev=self._rdev)

    def open(self, flags: int, path: str) -> OpenFile:
        return self._make(flags)


def mount_devices(
    vfs: Vfs,
    generator: Callable[[int], bytes],
    terminals: Callable[[], Terminals],
    session: Callable[[], int],
) -> None:
    """Mount the devices. `generator` returns random bytes, `session` is that of the process that opens /dev/tty."""
    for name, number, rdev in (
        ("null", 5, 0x103),
        ("zero", 7, 0x105),
        ("full", 9, 0x107),
        ("random", 11, 0x108),
        ("urandom", 12, 0x109),
    ):
        vfs.mount(f"/dev/{name}", MemoryDevice(name, number, rdev, generator))
    vfs.mount("/dev/pts", LazyDir((0x18, 1), terminals))
    vfs.mount("/dev/ptmx", TerminalDevice(18, 0x502, lambda flags: terminals().new_pair(flags)))
    vfs.mount(
        "/dev/tty", TerminalDevice(19, 0x500, lambda flags: terminals().open_controlling(session(), flags))
    )
    folder = vfs.node("/dev")
    assert isinstance(folder, MemDir)
    for number, name, target in (
        (13, "fd", ""),
        (14, "stdin", "/0"),
        (15, "stdout", "/1"),
        (16, "stderr", "/2"),
    ):
        folder.entries[name] = FixedLink(f"/proc/self/fd{target}", (6, number))
