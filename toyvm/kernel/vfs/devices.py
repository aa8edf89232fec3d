"""The character devices a program expects: /dev/null, zero, full, random, urandom. None touches the host."""

from __future__ import annotations

import errno
import stat as st
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from .memory_files import MemDir
from .nodes import Identity, LazyDir, Stat, SymlinkNode
from .open_file import DeviceNode, OpenFile
from .path_walk import Vfs

if TYPE_CHECKING:
    from .terminal import Terminals


class NullFile(OpenFile):
    """/dev/null."""

    RDEV = 0x103
    _INO = 5

    def stat(self) -> Stat:
        return Stat(dev=6, ino=self._INO, mode=st.S_IFCHR | 0o666, rdev=self.RDEV)

    def reopen(self, flags: int, path: str) -> OpenFile:
        return type(self)(flags, path)

    def read(self, count: int) -> bytes:
        return b""

    def write(self, data: bytes) -> int:
        return len(data)

    def pread(self, offset: int, count: int) -> bytes:
        return self.read(count)

    def pwrite(self, offset: int, data: bytes) -> int:
        return self.write(data)

    def seek(self, offset: int, whence: int) -> int:
        return 0


class ZeroFile(NullFile):
    """/dev/zero; writing to /dev/full, its subclass, finds no space."""

    RDEV = 0x105
    _INO = 7

    def read(self, count: int) -> bytes:
        return bytes(count)


class FullFile(ZeroFile):
    """/dev/full."""

    RDEV = 0x107
    _INO = 9

    def write(self, data: bytes) -> int:
        raise error(errno.ENOSPC)


class RandomFile(NullFile):
    """/dev/random and /dev/urandom, from the run's seeded generator."""

    RDEV = 0x109
    _INO = 11

    def __init__(self, flags: int, path: str, generator: Callable[[int], bytes]):
        super().__init__(flags, path)
        self._generator = generator

    def reopen(self, flags: int, path: str) -> OpenFile:
        return RandomFile(flags, path, self._generator)

    def read(self, count: int) -> bytes:
        return self._generator(count)


class _Device(DeviceNode):
    def __init__(self, kind: type[NullFile], number: int, make: Callable[[int, str], OpenFile]):
        self.identity = (6, number)
        self._rdev = kind.RDEV
        self._make = make

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFCHR | 0o666, rdev=self._rdev)

    def open(self, flags: int, path: str) -> OpenFile:
        return self._make(flags, path)


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

    def random(flags: int, path: str) -> OpenFile:
        return RandomFile(flags, path, generator)

    vfs.mount("/dev/null", _Device(NullFile, 5, NullFile))
    vfs.mount("/dev/zero", _Device(ZeroFile, 7, ZeroFile))
    vfs.mount("/dev/full", _Device(FullFile, 9, FullFile))
    vfs.mount("/dev/random", _Device(RandomFile, 11, random))
    vfs.mount("/dev/urandom", _Device(RandomFile, 12, random))
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
