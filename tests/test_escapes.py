"""Escapes tried on purpose: a guest with a folder of the host, writable, and what is beside the folder.

The host's side plays along where that helps: it swaps names between any two of toyvm's own calls. Every test ends with the
same question: is what is outside the folder as it was, and has the guest seen nothing of it?
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.guest_kernel import AT_FDCWD, RW, Guest
from toyvm.kernel.syscalls.table import SYSTEM_CALLS
from toyvm.kernel.vfs import host_files
from toyvm.kernel.vfs.path_walk import Vfs

SECRET = b"what is outside the folder"
CREATE, RDWR, TRUNC, PATH, TMPFILE = 0o100, 2, 0o1000, 0o10000000, 0o20200000
FOLLOW, EMPTY_PATH, REMOVEDIR = 0x400, 0x1000, 0x200
MAP_SHARED = 1

_watching = False
_seen: list[tuple[str, tuple[Any, ...]]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching:
        _seen.append((event, arguments))


sys.addaudithook(_audit)

_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.posix_spawn",
    "os.system",
    "os.spawn",
    "ctypes.dlopen",
)


@contextmanager
def watched() -> Iterator[None]:
    """Whatever the host is asked for inside is one name in an open directory, never a path, and no link is followed."""
    global _watching
    _seen.clear()
    _watching = True
    try:
        yield
    finally:
        _watching = False
    for event, arguments in _seen:
        assert not event.startswith(_FORBIDDEN), event
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(path, str) and path.endswith((".py", ".pyc", ".so"))):  # a module
                assert isinstance(path, int) or ("/" not in path and path not in ("", ".", "..")), path
                assert isinstance(path, int) or flags & os.O_NOFOLLOW, path
        elif event.startswith("os.") and event not in ("os.symlink", "os.scandir", "os.listdir"):
            for argument in arguments:
                assert not (isinstance(argument, str) and "/" in argument), (event, arguments)


@contextmanager
def as_host() -> Iterator[None]:
    """What is done inside is the host's doing, and not watched."""
    global _watching
    before, _watching = _watching, False
    yield
    _watching = before


class Place:
    """A folder for the guest, what is beside it, and a guest."""

    def __init__(self, top: Path):
        self.outside, self.root = top / "outside", top / "root"
        (self.outside / "folder").mkdir(parents=True)
        (self.outside / "secret").write_bytes(SECRET)
        (self.outside / "folder/file").write_bytes(SECRET)
        (self.root / "dir/below").mkdir(parents=True)
        (self.root / "dir/file").write_bytes(b"inside")
        (self.root / "file").write_bytes(b"inside")
        (self.root / "absolute").symlink_to(self.outside / "secret")
        (self.root / "relative").symlink_to("../outside/secret")
        (self.root / "deep").symlink_to("dir/../../outside/folder")
        (self.root / "top").symlink_to("/")
        (self.root / "new").symlink_to(self.outside / "made")
        self.it = Guest(1 << 19, vfs=Vfs.sandbox(str(self.root), writable=True, disk_limit=1 << 20))
        self.before = self._state()

    def _state(self) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for path in sorted((self.outside, *self.outside.rglob("*"))):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found.append(
                (
                    str(path),
                    status.st_mode,
                    status.st_nlink,
                    status.st_mtime_ns,
                    status.st_size,
                    status.st_uid,
                    content,
                )
            )
        return found

    def check(self) -> None:
        """Nothing outside has changed, and nothing of it is in the machine's memory."""
        with as_host():
            assert self._state() == self.before
        assert bytes(self.it.kernel.memory.u8).find(SECRET) < 0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    with watched():
        yield made
    made.check()


# What a guest does with a name. Each is made again for every way of getting out.

Act = Callable[[Guest, str], object]


def _read(it: Guest, path: str) -> int | None:
    fd = it.open(path)
    if fd < 0:
        return fd
    it.call("getdents64", fd, it.scratch + 0x2000, 4096)
    it.call("pread64", fd, it.scratch + 0x2000, 4096, 0)
    va = it.call("mmap", 0, 4096, 1, MAP_SHARED, fd, 0)
    if va is not None and va > 0:
        it.call("read", fd, va, 1)
        it.call("munmap", va, 4096)
    return it.call("close", fd)


def _write(it: Guest, path: str, flags: int = RDWR) -> int | None:
    fd = it.open(path, flags)
    if fd < 0:
        return fd
    it.mm.write(it.scratch + 0x2000, b"overwritten")
    for call in ("write", "pwrite64"):
        it.call(call, fd, it.scratch + 0x2000, 11, 0)
    it.call("fchmod", fd, 0o777)
    it.call("utimensat", fd, 0, 0, 0)
    it.call("ftruncate", fd, 3)
    va = it.call("mmap", 0, 4096, RW, MAP_SHARED, fd, 0)
    if va is not None and va > 0 and it.call("fstat", fd, it.scratch + 0x3000) == 0 and it.word(0x3000 + 48):
        it.mm.write(va, b"m")
        it.call("msync", va, 4096, 4)
        it.call("munmap", va, 4096)
    return it.call("close", fd)


def _at(name: str, *rest: int) -> Act:
    return lambda it, path: it.call(name, AT_FDCWD, it.text(path), *rest)


def _two(name: str, mine: str, *rest: int, swapped: bool = False) -> Act:
    def act(it: Guest, path: str) -> object:
        first, second = (
            (it.text(path, 0x400), it.text(mine)) if swapped else (it.text(mine), it.text(path, 0x400))
        )
        return it.call(name, AT_FDCWD, first, AT_FDCWD, second, *rest)

    return act


def _bind(it: Guest, path: str) -> object:
    fd = it.call("socket", 1, 1, 0)
    assert fd is not None
    name = struct.pack("<H", 1) + path.encode() + b"\0"
    it.mm.write(it.scratch + 0x2000, name)
    return it.call("bind", fd, it.scratch + 0x2000, len(name)), it.call(
        "connect", fd, it.scratch + 0x2000, len(name)
    )


ACTS: dict[str, Act] = {
    "read": _read,
    "write": _write,
    "create": lambda it, path: _write(it, path, RDWR | CREATE),
    "exclusive": lambda it, path: _write(it, path, RDWR | CREATE | 0o200),
    "truncate": lambda it, path: _write(it, path, RDWR | TRUNC),
    "truncate by name": lambda it, path: it.call("truncate", it.text(path), 0),
    "tmpfile": lambda it, path: _write(it, path, RDWR | TMPFILE),
    "path": lambda it, path: it.call("fchmodat2", it.open(path, PATH), it.text(""), 0o777, EMPTY_PATH),
    "unlink": _at("unlinkat", 0),
    "rmdir": _at("unlinkat", REMOVEDIR),
    "mkdir": _at("mkdirat", 0o777),
    "fifo": _at("mknodat", 0o10666, 0),
    "chmod": _at("fchmodat", 0o777),
    "chown": _at("fchownat", 1000, 1000, 0),
    "utimes": _at("utimensat", 0, 0),
    "stat": lambda it, path: it.call("newfstatat", AT_FDCWD, it.text(path), it.scratch + 0x2000, 0),
    "readlink": lambda it, path: it.call("readlinkat", AT_FDCWD, it.text(path), it.scratch + 0x2000, 100),
    "link from": _two("linkat", "/linked", FOLLOW, swapped=True),
    "link to": _two("linkat", "/file", 0),
    "rename from": _two("renameat2", "/renamed", 0, swapped=True),
    "rename to": _two("renameat2", "/file", 0),
    "symlink": lambda it, path: it.call("symlinkat", it.text("x"), AT_FDCWD, it.text(path, 0x400)),
    "chdir": lambda it, path: (it.call("chdir", it.text(path)), _read(it, "file"), _read(it, "..")),
    "setxattr": lambda it, path: it.call("setxattr", it.text(path), it.text("user.a", 0x400), it.scratch, 4, 0),
    "statfs": lambda it, path: it.call("statfs", it.text(path), it.scratch + 0x2000),
    "bind": _bind,
    "execve": lambda it, path: it.call("execve", it.text(path), 0, 0),
}  # fmt: skip

WAYS = [
    "../outside/secret", "/../outside/secret", "/dir/../../outside/secret", "dir/below/../../../outside/folder/file",
    "absolute", "relative", "deep/file", "deep", "top/../outside/secret", "new", "/dir/../new",
    "/proc/self/root/../outside/secret", "/proc/1/root/../outside/secret", "/proc/self/cwd/../outside/secret",
    "/proc/self/fd/3/../../outside/secret", "/proc/self/fd/3/../outside/secret", "/dev/fd/3/../outside/secret",
    "/proc/thread-self/root/../outside/secret", "/proc/self/root/absolute", "/proc/self/exe/../../outside/secret",
    "/tmp/../../outside/secret", "/dev/shm/../../../outside/secret", "./././../outside/secret", "//..//outside//secret",
    "..", "../outside", "/proc/self/fd/3/..",
]  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
def test_no_name_leads_out(act: str, place: Place) -> None:
    """With `..`, links of either kind, /proc/self/root and /proc/self/fd, seen from two current directories."""
    it = place.it
    assert it.open("/dir", 0o200000) == 3
    for folder in ("/", "/dir"):
        assert it.call("chdir", it.text(folder)) == 0
        for way in WAYS:
            it.process.state = type(it.process.state).RUNNABLE  # execve of what is no program ends nothing
            ACTS[act](it, way)
    place.check()


def test_links_that_the_guest_makes_lead_nowhere_either(place: Place) -> None:
    it = place.it
    targets = (
        str(place.outside / "secret"),
        "../outside/secret",
        "/proc/self/root/../outside/secret",
        "../../../../../../etc/passwd",
    )
    for number, target in enumerate(targets):
        assert it.call("symlinkat", it.text(target, 0x400), AT_FDCWD, it.text(f"/mine{number}")) == 0
        for act in ("read", "write", "create", "chmod", "link from", "truncate by name"):
            ACTS[act](it, f"/mine{number}")
    assert it.call("linkat", AT_FDCWD, it.text("/mine0"), AT_FDCWD, it.text("/hard", 0x400), 0) in (
        0,
        -errno.EXDEV,
    )
    _write(it, "/hard")


# Names that change between a check and a use


class _Meddler:
    """The module `os`, except that `swap` happens before call number `at`."""

    def __init__(self, swap: Callable[[], None], at: int):
        self.swap, self.at, self.calls = swap, at, 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if (
            not callable(real)
            or isinstance(real, type)
            or name in ("fsencode", "fsdecode", "strerror", "geteuid")
        ):
            return real

        def call(*arguments: Any, **named: Any) -> Any:
            if self.calls == self.at:
                with as_host(), contextlib.suppress(OSError):  # the guest may have removed it
                    self.swap()
            self.calls += 1
            return real(*arguments, **named)

        return call


def _replace(path: Path, make: Callable[[Path], object]) -> None:
    path.rename(path.with_name("old"))
    make(path)


SWAPS: dict[str, Callable[[Place], None]] = {
    "file by a link": lambda p: _replace(
        p.root / "dir/file", lambda path: path.symlink_to(p.outside / "secret")
    ),
    "folder by a link": lambda p: _replace(
        p.root / "dir", lambda path: path.symlink_to(p.outside / "folder")
    ),
    "file by a pipe": lambda p: _replace(p.root / "dir/file", os.mkfifo),
    "file by a folder": lambda p: _replace(p.root / "dir/file", os.mkdir),
    "file by another": lambda p: _replace(p.root / "dir/file", lambda path: path.write_bytes(b"another")),
    "folder by a file": lambda p: _replace(p.root / "dir", lambda path: path.write_bytes(b"no folder")),
    "file by nothing": lambda p: (p.root / "dir/file").unlink(),
}


@pytest.mark.parametrize("swap", SWAPS)
def test_names_swapped_between_check_and_use(
    swap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every act on dir/file, and the swap before every call that the host gets meanwhile."""
    acts = 0
    for act in sorted(set(ACTS) - {"bind", "setxattr", "statfs", "tmpfile"}):
        for at in range(100):
            top = tmp_path / f"{act}-{at}"
            made = Place(top)
            meddler = _Meddler(lambda made=made: SWAPS[swap](made), at)  # type: ignore[misc]  # the place of this round
            with monkeypatch.context() as patch, watched():
                patch.setattr(host_files, "os", meddler)
                ACTS[act](made.it, "/dir/file")
            made.check()
            if meddler.calls <= at:
                break
            acts += 1
        else:
            raise AssertionError(f"{act} makes no end of calls")
    assert acts > 60


def test_a_file_is_not_opened_again_as_another(place: Place) -> None:
    """Descriptors are closed when the host has few; the name may be another file's by the next time."""
    it = place.it
    fd = it.open("/dir/file", PATH)
    node = it.kernel.vfs.node("/dir/file")
    assert node.pread(0, 6) == b"inside"  # type: ignore[attr-defined]  # it is a HostFile
    node.let_go()  # type: ignore[attr-defined]
    with as_host():
        SWAPS["file by a link"](place)
    for ask in (lambda: node.pread(0, 6), lambda: node.pwrite(0, b"x"), lambda: node.truncate(0)):  # type: ignore[attr-defined]
        with pytest.raises(OSError) as refused:
            ask()
        assert refused.value.errno in (errno.ELOOP, errno.ESTALE)
    assert fd >= 0


def test_files_replaced_and_cut_under_a_mapping(place: Place) -> None:
    """The host's own mappings would give this process SIGBUS; the guest gets what its Linux would give it."""
    it = place.it
    big = place.root / "big"
    with as_host():
        big.write_bytes(b"A" * 0x8000)
    fd = it.open("/big", RDWR)
    va = it.call("mmap", 0, 0x8000, RW, MAP_SHARED, fd, 0)
    assert va is not None and it.mm.read(va, 2) == b"AA"
    with as_host():
        os.truncate(big, 0x1000)
    with pytest.raises(OSError):
        it.mm.read(va + 0x4000, 1)  # SIGBUS for the guest, EFAULT in a call
    it.mm.write(va, b"B")
    assert it.call("msync", va, 0x8000, 4) == 0 and big.stat().st_size == 0x1000
    with as_host():
        _replace(big, lambda path: path.symlink_to(place.outside / "secret"))
        os.truncate(big.with_name("old"), 0)
    it.mm.write(va, b"C")
    it.call("msync", va, 0x8000, 4)
    it.call("munmap", va, 0x8000)
    assert it.call("pread64", fd, it.scratch, 10, 0) in (0, 1, 10)


# Other kinds of files


def test_a_socket_of_the_guest_is_not_the_hosts(place: Place) -> None:
    """A bound name is a file of that kind. A server of the host whose socket is in the folder is not reached."""
    it = place.it
    with as_host():
        server = socket.socket(socket.AF_UNIX)
    with server:
        with as_host(), contextlib.chdir(place.root):  # its name is too long for an address
            server.bind("server")
            server.listen()
            server.setblocking(False)
        assert _bind(it, "/server") == (-errno.EADDRINUSE, -errno.ECONNREFUSED)
        assert _bind(it, "/mine")[0] == 0  # type: ignore[index]  # a pair
        assert _bind(it, "/absolute")[0] == -errno.EADDRINUSE  # type: ignore[index]
        assert _bind(it, "../../outside/here")[0] == -errno.ENOENT  # type: ignore[index]
        with as_host(), contextlib.chdir(place.root), socket.socket(socket.AF_UNIX) as client:
            with pytest.raises(BlockingIOError):
                server.accept()
            with pytest.raises(ConnectionRefusedError):
                client.connect("mine")


def test_devices(tmp_path: Path) -> None:
    """Those of the host can be seen, and no more; no device can be made."""
    it = Guest(vfs=Vfs.sandbox("/", writable=False))
    with watched():
        for name in ("null", "zero", "full", "random", "tty", "ptmx"):
            if os.path.exists(f"/dev/{name}"):
                node = it.kernel.vfs.root.lookup("dev").lookup(name)  # type: ignore[attr-defined]  # past the guest's own /dev
                assert type(node).__name__ in ("HostSpecial", "HostSymlink")
    made = Place(tmp_path)
    with watched():
        for kind in (0o020000, 0o060000, 0o140000 | 0o4000):
            assert made.it.call("mknodat", AT_FDCWD, made.it.text("/device"), kind | 0o666, 0x103) in (
                -errno.EPERM,
                -errno.EINVAL,
                0,
            )
        assert (
            made.it.open("/dev/mem") == made.it.open("/dev/kmem") == made.it.open("/dev/vda") == -errno.ENOENT
        )
    for path in made.root.rglob("*"):
        assert not path.is_char_device() and not path.is_block_device()


def test_huge_offsets(place: Place) -> None:
    it = place.it
    fd = it.open("/file", RDWR)
    for offset in (1 << 40, 1 << 44, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 63) - 4096):
        for call in (
            lambda at: it.call("pwrite64", fd, it.scratch, 1, at),
            lambda at: it.call("pread64", fd, it.scratch, 1 << 20, at),
            lambda at: it.call("ftruncate", fd, at),
            lambda at: it.call("fallocate", fd, 0, at, 4096),
            lambda at: it.call("fallocate", fd, 3, 0, at),
            lambda at: it.call("lseek", fd, at, 0),
            lambda at: it.call("lseek", fd, at, 4),
            lambda at: it.call("mmap", 0, 4096, RW, MAP_SHARED, fd, at & ~0xFFF),
            lambda at: it.call("sync_file_range", fd, at, 4096, 7),
            lambda at: it.call("readahead", fd, at, 1 << 40),
            lambda at: it.call("copy_file_range", fd, 0, fd, 0, at, 0),
            lambda at: it.call("sendfile", fd, fd, 0, at),
        ):  # fmt: skip
            result = call(offset)
            assert result is None or -4096 < result <= 1 << 63
    assert (place.root / "file").stat().st_blocks * 512 <= 1 << 20
    assert it.call("ftruncate", fd, 6) == 0


@pytest.mark.parametrize(
    "name", [b"a\nb", b"\xff\xfe", b"a\x1b[2Jb", b" ", b"\\", b"%s%n", b"x" * 255, "é".encode()]
)
def test_odd_names_are_names(name: bytes, place: Place) -> None:
    it = place.it
    fd = it.call("openat", AT_FDCWD, it.text(b"/" + name), CREATE | RDWR, 0o644)
    assert fd is not None and fd >= 0
    assert os.path.exists(os.path.join(os.fsencode(place.root), name))
    it.call("readlinkat", AT_FDCWD, it.text(f"/proc/self/fd/{fd}"), it.scratch + 0x2000, 300)
    va = it.call("mmap", 0, 4096, 1, MAP_SHARED, fd, 0)
    maps = it.open("/proc/self/maps")
    lines = it.read(maps).split(b"\n")
    assert va is not None
    assert sum(line.startswith(b"%08x-" % va) for line in lines) == 1
    assert all(b"-" in line.split(b" ")[0] for line in lines if line)  # a name makes no line of its own


def test_a_name_ends_at_its_nul(place: Place) -> None:
    it = place.it
    assert it.open("/file\0/../../outside/secret") == it.open("/file") - 1
    for path in ("/file\0x", "\0", "/dir\0/file"):
        with pytest.raises(OSError) as refused:
            it.kernel.vfs.node(path)
        assert refused.value.errno in (errno.ENOENT, errno.ENOTDIR)


# What only the superuser may do

_NAMES = """mount umount2 pivot_root chroot swapon swapoff init_module finit_module delete_module kexec_load reboot bpf setns
    open_by_handle_at name_to_handle_at ptrace acct quotactl sethostname setdomainname clock_settime settimeofday vhangup
    move_mount fsopen fsmount open_tree fspick mount_setattr perf_event_open io_uring_setup userfaultfd fanotify_init keyctl"""
PRIVILEGED = sorted({row[0] for row in SYSTEM_CALLS.values()} & set(_NAMES.split()))  # the others are ENOSYS


@pytest.mark.parametrize("name", PRIVILEGED)
def test_calls_of_the_superuser(name: str, place: Place) -> None:
    it = place.it
    text = it.text("/dir")
    for arguments in ((text, text, text, 0, 0), (-100, text, text, text, 0), (3, 0x20000, 0, 0, 0)):
        result = it.call(name, *arguments)
        assert result is not None and -4096 < result < 0, result
    for namespace in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert it.call("unshare", namespace) in (-errno.EPERM, -errno.EINVAL)
        assert it.call("clone", namespace | 17) in (-errno.EPERM, -errno.EINVAL)


def test_nothing_is_pushed_into_the_terminal_of_the_host(place: Place) -> None:
    """TIOCSTI, TIOCLINUX: what a shell would read after the run."""
    it = place.it
    for fd in (0, 1, 2, it.open("/dev/tty"), it.open("/dev/ptmx", RDWR)):
        for request in (0x5412, 0x541C, 0x5423):  # TIOCSTI, TIOCLINUX, TIOCSETD
            assert it.call("ioctl", fd & (1 << 64) - 1, request, it.scratch) in (
                -errno.ENOTTY,
                -errno.EINVAL,
                -errno.EBADF,
                -errno.EIO,
            )
