"""Files of the host: what the guest may add to the disk, and files without a name."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.support.guest_kernel import AT_FDCWD, Guest
from toyvm.base.errors import UsageError
from toyvm.guestfs import sandbox
from toyvm.kernel.vfs.path_walk import Vfs

CREATE = 0o102  # O_RDWR | O_CREAT
MIB = 1 << 20


def guest(root: Path, limit: int = MIB) -> Guest:
    it = Guest(vfs=Vfs.sandbox(str(root), writable=True, disk_limit=limit))
    it.mm.write(it.scratch + 0x1000, bytes(range(1, 256)) * 128)
    return it


def write(it: Guest, fd: int, offset: int, count: int = 0x4000) -> int | None:
    return it.call("pwrite64", fd, it.scratch + 0x1000, count, offset)


def used(root: Path) -> int:
    """Bytes on the disk, with directories."""
    return sum(path.lstat().st_blocks for path in root.rglob("*")) * 512


def fill(it: Guest, fd: int, start: int = 0) -> int:
    """Write on and on; the bytes that were written when there was no room."""
    at = start
    while (written := write(it, fd, at)) != -errno.ENOSPC:
        assert written is not None and written > 0 and at - start < 64 * MIB
        at += written
    return at - start


def test_a_file_grows_to_the_limit_and_no_further(tmp_path: Path) -> None:
    it = guest(tmp_path)
    fd = it.open("/a", CREATE)
    assert MIB - (64 << 10) <= fill(it, fd) <= MIB
    assert used(tmp_path) <= MIB + 4096
    assert write(it, fd, 0) == 0x4000  # what is there may be written again
    assert it.open("/b", CREATE) in (-errno.ENOSPC, fd + 1)
    assert it.call("ftruncate", fd, 0x8000) == 0 and fill(it, fd, 0x8000) >= MIB - (128 << 10)


def test_holes_are_free_until_they_are_filled(tmp_path: Path) -> None:
    """Those of a file that was there too: the size of a file says nothing about the disk."""
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 36)
    it = guest(tmp_path)
    mine, old = it.open("/mine", CREATE), it.open("/sparse", 2)
    assert it.call("ftruncate", mine, 1 << 36) == 0
    assert 0 < fill(it, mine, 1 << 35) + fill(it, old, 1 << 34) <= MIB
    assert used(tmp_path) <= MIB + 8192


def test_names_take_room(tmp_path: Path) -> None:
    it = guest(tmp_path, 64 << 10)
    made = 0
    for number in range(200):
        results = [
            it.call("mkdirat", AT_FDCWD, it.text(f"/d{number}"), 0o755),
            it.call("symlinkat", it.text("x" * 200), AT_FDCWD, it.text(f"/l{number}", 0x800)),
            it.call("mknodat", AT_FDCWD, it.text(f"/p{number}"), 0o10644, 0),
            it.open(f"/f{number}", CREATE),
            it.call("linkat", AT_FDCWD, it.text("/f0"), AT_FDCWD, it.text(f"/h{number}", 0x800), 0),
        ]
        if isinstance(results[3], int) and results[3] >= 0:
            it.call("close", results[3])
        made += sum(result is not None and result >= 0 for result in results)
    assert made == 16 == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("how", ["unlink", "rename", "truncate"])
@pytest.mark.parametrize("in_use", [False, True])
def test_what_is_removed_makes_room_when_nothing_uses_it(how: str, in_use: bool, tmp_path: Path) -> None:
    it = guest(tmp_path)
    for _ in range(4):
        fd = it.open("/a", CREATE)
        assert fill(it, fd) > MIB // 2
        if not in_use:
            it.call("close", fd)
        if how == "unlink":
            assert it.call("unlinkat", AT_FDCWD, it.text("/a"), 0) == 0
        elif how == "rename":
            assert it.call("unlinkat", AT_FDCWD, it.text("/b"), 0) in (0, -errno.ENOENT)
            (tmp_path / "b").write_bytes(b"")  # of the host
            rename = it.call("renameat2", AT_FDCWD, it.text("/b"), AT_FDCWD, it.text("/a", 0x800), 0)
            assert rename == 0
            assert it.call("unlinkat", AT_FDCWD, it.text("/a"), 0) == 0
        else:
            assert it.call("truncate", it.text("/a"), 0) == 0
        if in_use:
            if how != "truncate":
                again = it.open("/c", CREATE)
                assert again == -errno.ENOSPC or fill(it, again) < MIB // 4
                if again >= 0:
                    it.call("close", again)
                    it.call("unlinkat", AT_FDCWD, it.text("/c"), 0)
            it.call("close", fd)
    assert it.kernel.vfs.hostfs.used < 32 << 10
    open_files = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert not [path for path in open_files if path.startswith(str(tmp_path)) and path.endswith("(deleted)")]


def test_a_mapping_cannot_fill_the_disk_either(tmp_path: Path) -> None:
    it = guest(tmp_path, 64 << 10)
    fd = it.open("/a", CREATE)
    assert it.call("ftruncate", fd, MIB) == 0
    va = it.call("mmap", 0, MIB, 3, 1, fd, 0)
    assert va is not None
    for page in range(0, MIB, 4096):
        it.mm.write(va + page, b"x")
    assert it.call("msync", va, MIB, 4) == -errno.ENOSPC
    assert it.call("munmap", va, MIB) == 0
    it.call("close", fd)
    it.kernel.power_off()
    assert used(tmp_path) <= 72 << 10


def test_a_writable_root_that_holds_the_cache_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache has native code that later runs execute on the host."""
    home = tmp_path / "home"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    (home / ".cache/toyvm/native").mkdir(parents=True)
    (tmp_path / "link").symlink_to(home)
    words = {"sysroot": None, "libraries": False, "memfs_bytes": 1 << 20}
    for root in (home, tmp_path / "link", tmp_path, home / ".cache/toyvm", home / ".cache/toyvm/native", "/"):
        with pytest.raises(UsageError, match="holds toyvm's cache"):
            sandbox(root, writable=True, **words)
        sandbox(root, writable=False, **words)
    sandbox(tmp_path / "elsewhere", writable=True, **words)
