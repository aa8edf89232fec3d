"""The sandbox: nothing outside it can be reached, by any path, link or race of names; and files behave as files."""

from __future__ import annotations

import errno
import os
import stat as st
from pathlib import Path

import pytest

from tests.support.guest_kernel import AT_FDCWD, Guest
from toyvm.kernel.vfs.host_files import HostFs
from toyvm.kernel.vfs.memory_files import INODE
from toyvm.kernel.vfs.open_file import O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_TRUNC, O_WRONLY
from toyvm.kernel.vfs.path_walk import Vfs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sandbox with a secret beside it, and links that try to get there."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "dir" / "sub").mkdir(parents=True)
    (root / "file").write_text("inside")
    (root / "dir" / "deep").write_text("deep")
    os.symlink("../secret", root / "up")
    os.symlink(str(tmp_path / "secret"), root / "absolute")
    os.symlink("/file", root / "dir" / "rooted")
    os.symlink("dir", root / "alias")
    os.symlink("loop", root / "loop")
    os.symlink("/etc", root / "host")
    os.mkfifo(root / "fifo")
    return root


def sandbox(root: Path, *, writable: bool = False) -> Guest:
    return Guest(vfs=Vfs.sandbox(str(root), writable=writable))


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "/../secret",
        "/dir/../../secret",
        "dir/../../../../../../../../etc/passwd",
        "up",
        "absolute",
        "host/passwd",
        "/proc/self/root/../../secret",
        "alias/../../secret",
        "/proc/self/cwd/../secret",
    ],
)
def test_no_path_leaves_the_sandbox(root: Path, path: str) -> None:
    assert sandbox(root).open(path) == -errno.ENOENT


@pytest.mark.parametrize(
    ("path", "contents"),
    [
        ("file", b"inside"),
        ("/dir/rooted", b"inside"),
        ("alias/deep", b"deep"),
        ("dir/./sub/../deep", b"deep"),
        ("/../../../file", b"inside"),
        ("alias/../file", b"inside"),
    ],
)
def test_paths_inside_resolve_as_chroot_would(root: Path, path: str, contents: bytes) -> None:
    guest = sandbox(root)
    assert guest.read(guest.open(path)) == contents


@pytest.mark.parametrize(
    ("path", "flags", "number"),
    [
        ("fifo", 0, errno.EACCES),
        ("loop", 0, errno.ELOOP),
        ("alias", O_NOFOLLOW, errno.ELOOP),
        ("file/x", 0, errno.ENOTDIR),
        ("file/", 0, errno.ENOTDIR),
        ("dir", O_WRONLY, errno.EISDIR),
        ("file", O_WRONLY, errno.EROFS),
        ("new", O_CREAT | O_WRONLY, errno.EROFS),
        ("x" * 300, 0, errno.ENAMETOOLONG),
        ("x/" * 2500, 0, errno.ENAMETOOLONG),
        ("", 0, errno.ENOENT),
        ("file", O_CREAT | O_EXCL, errno.EEXIST),
    ],
)
def test_what_cannot_be_opened(root: Path, path: str, flags: int, number: int) -> None:
    assert sandbox(root).open(path, flags) == -number


def test_a_read_only_sandbox_changes_nothing_on_the_host(root: Path) -> None:
    guest = sandbox(root)
    before = sorted(os.listdir(root))
    text = guest.text("file")
    other = guest.text("other", 512)
    assert guest.call("unlinkat", AT_FDCWD, text, 0) == -errno.EROFS
    assert guest.call("mkdirat", AT_FDCWD, other, 0o755) == -errno.EROFS
    assert guest.call("renameat2", AT_FDCWD, text, AT_FDCWD, other, 0) == -errno.EROFS
    assert guest.call("truncate", text, 0) == -errno.EROFS
    assert sorted(os.listdir(root)) == before and (root / "file").read_text() == "inside"


@pytest.mark.parametrize("folder", ["", "/tmp"])
def test_working_and_open_directories_follow_a_directory_that_moves(root: Path, folder: str) -> None:
    guest = sandbox(root, writable=True)
    old, inside, new = (
        guest.text(f"{folder}/{name}", 512 * at) for at, name in enumerate(("one", "one/in", "two"))
    )
    for path in (old, inside):
        assert guest.call("mkdirat", AT_FDCWD, path, 0o755) == 0
    fd = guest.open(f"{folder}/one")
    assert guest.call("chdir", inside) == 0
    assert guest.call("renameat2", AT_FDCWD, old, AT_FDCWD, new, 0) == 0
    assert guest.process.cwd == f"{folder}/two/in"
    assert guest.call("mkdirat", AT_FDCWD, guest.text("deeper"), 0o755) == 0
    assert guest.call("mkdirat", fd, guest.text("beside"), 0o755) == 0
    assert guest.open(f"{folder}/two/in/deeper") > 0 and guest.open(f"{folder}/two/beside") > 0


def test_a_named_pipe_in_a_writable_sandbox_is_the_guests(root: Path) -> None:
    """The host has a file of that kind, and no process of the host gets the bytes."""
    guest = sandbox(root, writable=True)
    pipe, other, again = guest.text("pipe"), guest.text("dir/other", 512), guest.text("again", 1024)
    used = guest.kernel.vfs.memfs.used
    assert guest.call("mknodat", AT_FDCWD, pipe, st.S_IFIFO | 0o640, 0) == 0
    assert st.S_ISFIFO(os.stat(root / "pipe").st_mode) and guest.kernel.vfs.memfs.used > used
    assert guest.call("mknodat", AT_FDCWD, pipe, st.S_IFIFO | 0o640, 0) == -errno.EEXIST
    fd = guest.open("pipe", os.O_RDWR)
    assert guest.call("write", fd, other, 3) == 3
    assert guest.call("renameat2", AT_FDCWD, pipe, AT_FDCWD, other, 0) == 0
    second = guest.open("dir/other", os.O_RDONLY | os.O_NONBLOCK)
    assert guest.call("read", second, guest.text("", 2048), 10) == 3
    assert guest.call("mknodat", AT_FDCWD, again, st.S_IFIFO | 0o600, 0) == 0
    assert guest.call("renameat2", AT_FDCWD, again, AT_FDCWD, other, 0) == 0
    assert guest.open("dir/other", os.O_WRONLY | os.O_NONBLOCK) == -errno.ENXIO  # nobody reads this one
    assert guest.call("unlinkat", AT_FDCWD, other, 0) == 0
    assert guest.kernel.vfs.memfs.used == used
    assert not (root / "dir" / "other").exists() and guest.open("fifo") == -errno.EACCES


def test_a_writable_sandbox_reaches_the_host(root: Path) -> None:
    guest = sandbox(root, writable=True)
    fd = guest.open("new", O_CREAT | O_RDWR | O_TRUNC)
    assert guest.write(fd, b"written") == 7
    assert (root / "new").read_text() == "written"
    assert (
        guest.call("renameat2", AT_FDCWD, guest.text("new"), AT_FDCWD, guest.text("dir/newer", 512), 0) == 0
    )
    assert (root / "dir" / "newer").read_text() == "written"
    assert guest.call("unlinkat", AT_FDCWD, guest.text("dir/newer"), 0) == 0
    assert guest.open("up", O_CREAT | O_WRONLY) >= 0  # "../secret" from the root is "/secret" in the sandbox
    assert (root.parent / "secret").read_text() == "secret" and (root / "secret").exists()


def test_memory_files_are_files(root: Path) -> None:
    guest = sandbox(root)
    fd = guest.open("/tmp/a", O_CREAT | O_RDWR)
    assert guest.write(fd, b"hello world") == 11
    assert guest.call("lseek", fd, -5, 2) == 6
    assert guest.read(fd) == b"world"
    assert guest.call("pwrite64", fd, guest.text("J"), 1, 0) == 1
    assert guest.call("pread64", fd, guest.scratch, 5, 0) == 5 and guest.mm.read(guest.scratch, 5) == b"Jello"
    assert guest.call("ftruncate", fd, 3) == 0
    assert guest.call("lseek", fd, 0, 2) == 3
    assert guest.call("unlinkat", AT_FDCWD, guest.text("/tmp/a"), 0) == 0
    assert guest.open("/tmp/a") == -errno.ENOENT
    assert guest.call("pread64", fd, guest.scratch, 5, 0) == 3  # unlinked, and still open
    used = guest.kernel.vfs.memfs.used
    guest.call("close", fd)
    assert guest.kernel.vfs.memfs.used == used - 3 - INODE


def test_memory_files_have_a_limit() -> None:
    guest = Guest(vfs=Vfs.sandbox(None, memfs_bytes=11_000))
    fd = guest.open("/tmp/a", O_CREAT | O_RDWR)
    assert guest.call("ftruncate", fd, 1 << 40) == -errno.ENOSPC
    assert guest.call("write", fd, guest.scratch, 9000) == 9000
    assert guest.call("write", fd, guest.scratch, 9000) == -errno.ENOSPC


def test_directories_list_what_is_mounted_too(root: Path) -> None:
    guest = sandbox(root)
    fd = guest.open("/", 0o200000)
    size = guest.call("getdents64", fd, guest.scratch + 0x8000, 4096)
    assert size is not None and size > 0
    raw, names, at = guest.mm.read(guest.scratch + 0x8000, size), {}, 0
    while at < len(raw):
        length = int.from_bytes(raw[at + 16 : at + 18], "little")
        names[raw[at + 19 : at + length].split(b"\0")[0]] = raw[at + 18]
        at += length
    assert {b".", b"..", b"dir", b"file", b"tmp", b"dev", b"proc"} <= set(names)
    assert names[b"dir"] == 4 and names[b"file"] == 8 and names[b"up"] == 10 and names[b"fifo"] == 1
    assert guest.call("getdents64", fd, guest.scratch + 0x8000, 4096) == 0


def test_mounts_hide_and_fill(root: Path) -> None:
    (root / "tmp").mkdir()
    (root / "tmp" / "hidden").write_text("x")
    (root / "lib").mkdir()
    (root / "lib" / "own.so").write_text("own")
    guest = sandbox(root)
    guest.kernel.vfs.add_file("/lib/own.so", b"theirs", first=False)
    guest.kernel.vfs.add_file("/lib/libc.so", b"libc", first=False)
    guest.kernel.vfs.add_file("/bin/prog", b"bytes")
    assert guest.open("/tmp/hidden") == -errno.ENOENT
    assert guest.read(guest.open("/lib/own.so")) == b"own"
    assert guest.read(guest.open("/lib/libc.so")) == b"libc"
    assert guest.read(guest.open("/bin/prog")) == b"bytes"
    assert guest.open("/bin/prog", O_WRONLY) == -errno.EROFS
    assert guest.call("unlinkat", AT_FDCWD, guest.text("/bin/prog"), 0) == -errno.EBUSY


def test_mounts_below_links_are_found_through_the_link_and_its_target(root: Path) -> None:
    (root / "usr").mkdir()
    (root / "usr" / "bin").mkdir()
    (root / "bin").symlink_to("usr/bin")
    guest = sandbox(root)
    guest.kernel.vfs.add_file("/bin/prog", b"bytes")
    assert guest.read(guest.open("/bin/prog")) == guest.read(guest.open("/usr/bin/prog")) == b"bytes"


def test_a_sysroot_is_the_root_and_the_sandbox_keeps_its_path(root: Path, tmp_path: Path) -> None:
    system = tmp_path / "system"
    (system / "etc").mkdir(parents=True)
    (system / "etc" / "name").write_text("system")
    vfs = Vfs.sandbox(str(root), writable=True, sysroot=str(system))
    guest = Guest(vfs=vfs)
    assert vfs.home == str(root.resolve())
    assert guest.read(guest.open("/etc/name")) == b"system"
    assert guest.read(guest.open(f"{vfs.home}/file")) == (root / "file").read_bytes()
    assert guest.open("/etc/name", O_WRONLY) == -errno.EROFS
    assert guest.open(f"{vfs.home}/file", O_WRONLY) >= 0
    assert guest.open("/file") == guest.open(f"{vfs.home}/../secret") == -errno.ENOENT


def test_inode_numbers_do_not_depend_on_the_host(root: Path) -> None:
    guest = sandbox(root)
    assert guest.call("newfstatat", AT_FDCWD, guest.text("file"), guest.scratch + 512, 0) == 0
    device, inode = guest.mm.read_int(guest.scratch + 512), guest.mm.read_int(guest.scratch + 520)
    assert device == 0x801 and inode < 10


def test_devices() -> None:
    guest = Guest()
    assert guest.read(guest.open("/dev/null")) == b""
    assert guest.read(guest.open("/dev/zero"), 8) == bytes(8)
    assert guest.write(guest.open("/dev/full", O_WRONLY), b"x") == -errno.ENOSPC
    first = guest.read(guest.open("/dev/urandom"), 16)
    again = Guest()
    for path in ("/dev/null", "/dev/zero", "/dev/full"):
        again.open(path)
    assert first == again.read(again.open("/dev/urandom"), 16) != bytes(16)  # seeded: every run is the same


@pytest.mark.parametrize(
    ("name", "minor"), [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)]
)
def test_a_device_is_the_same_by_its_path_and_by_its_descriptor(name: str, minor: int) -> None:
    """The major number 1 and the minor numbers of mem(4), null(4) and random(4), full(4)."""
    guest = Guest()
    assert guest.call("newfstatat", AT_FDCWD, guest.text(f"/dev/{name}"), guest.scratch + 512, 0) == 0
    by_path = guest.mm.read(guest.scratch + 512, 128)
    assert guest.call("fstat", guest.open(f"/dev/{name}"), guest.scratch + 512) == 0
    assert guest.mm.read(guest.scratch + 512, 128) == by_path
    assert guest.mm.read_int(guest.scratch + 512 + 32) == 1 << 8 | minor


def test_only_zero_of_the_devices_can_be_mapped() -> None:
    guest = Guest()
    va = guest.call("mmap", 0, 4096, 3, 2, guest.open("/dev/zero", O_RDWR), 0)
    assert va is not None and va > 0 and guest.mm.read(va, 8) == bytes(8)
    for name in ("null", "full", "urandom"):
        assert guest.call("mmap", 0, 4096, 3, 2, guest.open(f"/dev/{name}", O_RDWR), 0) == -errno.ENODEV


def test_a_host_file_that_is_mapped_and_written_agrees_with_its_descriptor(root: Path) -> None:
    guest = sandbox(root, writable=True)
    fd = guest.open("file", O_RDWR)
    va = guest.call("mmap", 0, 4096, 3, 1, fd, 0)
    assert va is not None and va > 0
    guest.mm.write(va, b"I")
    assert guest.read(fd) == b"Inside"
    guest.call("pwrite64", fd, guest.text("N"), 1, 1)
    assert guest.mm.read(va, 6) == b"INside"
    assert guest.call("msync", va, 4096, 4) == 0
    assert (root / "file").read_text() == "INside"


def test_a_descriptor_whose_close_fails_is_not_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """close(2): it is gone all the same, and its number may be another file's."""
    closed: list[int] = []
    close = os.close
    fd = os.open(os.devnull, os.O_RDONLY)

    def failing(number: int) -> None:
        if number != fd:  # of a file of another test, which the garbage collector finds now
            return close(number)
        closed.append(number)
        raise OSError(errno.EIO, "late")

    held = HostFs().hold(fd)
    with monkeypatch.context() as patch:
        patch.setattr("toyvm.kernel.vfs.host_files.os.close", failing)
        with pytest.raises(OSError, match="late"):
            held.close()
        held.close()
    os.close(fd)
    assert closed == [fd]
