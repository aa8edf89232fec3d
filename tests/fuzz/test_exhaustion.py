"""A guest that asks for more than there is: it gets an errno, soon, and the host's memory and Python's stack are not its own."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from tests.support.guest_kernel import AT_FDCWD, Guest
from toyvm.kernel.limits import PIPE_CAPACITY
from toyvm.kernel.mm.image_mapping import map_image
from toyvm.kernel.mm.vma import MACHINE_MAP_COUNT, MAX_MAP_COUNT
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.kernel.vfs.path_walk import PATH_MAX, Vfs
from toyvm.kernel.vfs.pipe import PipePool

PAGE = 4096
FOR_EVER = (1 << 63) - 1


def guest(memory: int = 4 << 20, memfs_bytes: int = 256 << 20) -> Guest:
    return Guest(memory, vfs=Vfs.sandbox(None, memfs_bytes=memfs_bytes))


def test_directories_end_at_path_max() -> None:
    """Each system call in a deep directory walks to it: a path without end would make the walk one without end."""
    it = guest()
    it.call("chdir", it.text("/tmp"))
    made = 0
    while made < PATH_MAX and not it.call("mkdirat", AT_FDCWD, it.text("d"), 0o755):
        made += 1
        it.call("chdir", it.text("d"))
    assert made == (PATH_MAX - len("/tmp/d\0")) // 2 + 1
    assert it.call("chdir", it.text("d")) == -errno.ENAMETOOLONG
    assert it.call("chdir", it.text("/tmp")) == 0
    # and such a tree is no problem to rename: Python's stack is not as deep
    assert it.call("mkdirat", AT_FDCWD, it.text("e"), 0o755) == 0
    assert it.call("renameat2", AT_FDCWD, it.text("/tmp/d"), AT_FDCWD, it.text("/tmp/e/f", 64), 0) == 0


@pytest.mark.parametrize(
    ("make", "remove"),
    [
        (("mkdirat", "/tmp/a", 0o755), ("unlinkat", "/tmp/a", 0x200)),
        (("openat", "/tmp/a", 0o102, 0o644), ("unlinkat", "/tmp/a", 0)),
    ],
    ids=["directory", "empty file"],
)
def test_nodes_without_bytes_are_charged(make: tuple[str, str, int], remove: tuple[str, str, int]) -> None:
    it = guest(memfs_bytes=64 << 10)
    fs = it.kernel.vfs.memfs
    before = fs.used
    name, path, *rest = make
    opened = it.call(name, AT_FDCWD, it.text(path), *rest)
    assert fs.used > before
    assert it.call(remove[0], AT_FDCWD, it.text(remove[1]), remove[2]) == 0
    if opened:
        it.call("close", opened)
    assert fs.used == before
    results = [it.call(name, AT_FDCWD, it.text(f"/tmp/{n}"), *rest) for n in range(100)]
    assert results[-1] == -errno.ENOSPC


def test_time_does_not_overflow() -> None:
    it = guest()
    assert it.call("nanosleep", it.timespec(FOR_EVER), 0) is None
    it.kernel.scheduler.advance()
    it.kernel.scheduler.expire()
    assert it.again() == 0
    for clock in (0, 1):
        assert it.call("clock_gettime", clock, it.scratch) == 0
    assert it.call("gettimeofday", it.scratch, 0) == 0
    it.mm.write(it.scratch, struct.pack("<4q", FOR_EVER, 0, FOR_EVER, 0))
    assert it.call("setitimer", 0, it.scratch, 0) == 0
    assert it.call("getitimer", 0, it.scratch) == 0


def test_pipes_have_a_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PipePool, "FULL", 2 * PIPE_CAPACITY)
    monkeypatch.setattr(PipePool, "MOST", 3)
    it = guest()
    ends = []
    for _ in range(3):
        assert it.call("pipe2", it.scratch, 0o4000) == 0
        ends.append((it.word(0), it.word(4)))
    assert [it.write(writer, bytes(8192)) for _, writer in ends] == [8192, 8192, 4096]
    assert it.call("pipe2", it.scratch, 0) == -errno.ENFILE
    for end in ends[0]:
        it.call("close", end)
    assert it.call("pipe2", it.scratch, 0) == 0


def test_failed_pipe_is_given_back() -> None:
    it = guest()
    while it.call("dup", 0) != -errno.EMFILE:
        pass
    assert it.call("pipe2", it.scratch, 0) == -errno.EMFILE
    it.call("close", 5)
    assert it.call("pipe2", it.scratch, 0) == -errno.EMFILE
    assert it.kernel.pipes._open == 0


def test_areas_have_a_limit() -> None:
    it = guest()
    setting = it.call("openat", AT_FDCWD, it.text("/proc/sys/vm/max_map_count"), 1, 0)

    def limit(count: int) -> int | None:
        it.mm.write(it.scratch, b"%d\n" % count)
        return it.call("write", setting, it.scratch, len(b"%d\n" % count))

    assert limit(MACHINE_MAP_COUNT + 1) == -errno.EINVAL
    assert it.kernel.system.max_map_count == MAX_MAP_COUNT
    assert limit(16) == 3
    start = it.call("mmap", 0, 64 * PAGE, 1, 0x22, -1, 0)
    assert start is not None
    results = [it.call("mprotect", start + n * PAGE, PAGE, 3) for n in range(0, 64, 2)]
    assert results[0] == 0 and results[-1] == -errno.ENOMEM
    assert len(it.mm.vmas) <= 16
    assert it.call("munmap", start + 51 * PAGE, PAGE) in (0, -errno.ENOMEM) and len(it.mm.vmas) <= 16
    assert it.call("munmap", start, 64 * PAGE) == 0


def test_calls_that_need_no_more_areas_succeed_at_the_limit() -> None:
    """So a program that has reached the limit can free its memory. Only a hole or a split needs an area."""
    it = guest()
    it.kernel.system.max_map_count = 24
    start = it.call("mmap", 0, 256 * PAGE, 1, 0x22, -1, 0)
    assert start is not None
    places = iter(range(start, start + 256 * PAGE, 8 * PAGE))
    while it.call("munmap", next(places) + 4 * PAGE, 4 * PAGE) == 0:
        pass
    assert len(it.mm.vmas) == 24
    whole, head, tail, changed, marked, fixed, full = (start + 8 * n * PAGE for n in range(1, 8))
    assert it.call("munmap", full + PAGE, PAGE) == -errno.ENOMEM
    assert it.call("mprotect", full + PAGE, PAGE, 3) == -errno.ENOMEM
    assert it.call("madvise", full + PAGE, PAGE, 10) == -errno.ENOMEM
    assert it.call("mmap", full + PAGE, PAGE, 3, 0x32, -1, 0) == -errno.ENOMEM
    assert it.call("mprotect", changed, 4 * PAGE, 3) == it.call("madvise", marked, 4 * PAGE, 10) == 0
    assert it.call("mmap", fixed, 4 * PAGE, 3, 0x32, -1, 0) == fixed
    assert it.call("munmap", head, PAGE) == it.call("munmap", tail + 3 * PAGE, PAGE) == 0
    assert len(it.mm.vmas) == 24
    assert it.call("munmap", whole, 4 * PAGE) == 0 and len(it.mm.vmas) == 23
    assert it.call("munmap", full + PAGE, PAGE) == 0 and len(it.mm.vmas) == 24
    it.kernel.system.max_map_count = 8
    assert it.call("mprotect", full, PAGE, 3) == it.call("munmap", full, PAGE) == 0


def test_forks_do_not_copy_areas_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MACHINE_MAP_COUNT < 1000 * MAX_MAP_COUNT
    it = guest()
    monkeypatch.setattr("toyvm.kernel.mm.address_space.MACHINE_MAP_COUNT", 3 * len(it.mm.vmas))
    assert [(it.call("clone", 17) or 0) > 0 for _ in range(3)] == [True, True, False]
    assert it.call("clone", 17) == -errno.ENOMEM


def test_populating_a_huge_mapping_ends_soon() -> None:
    it = guest(1 << 20)
    assert it.call("mmap", 0, 1 << 37, 1, 0x22 | 0x8000 | 0x4000, -1, 0) > 0  # type: ignore[operator]  # None never comes back
    assert it.mm.context.counters.page_faults <= 256


def test_entry_point_wraps() -> None:
    """e_entry beyond 2**64 once the load bias is added is an address like any other: the jump there is a fault."""
    ident = b"\x7fELF\2\1\1" + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 3, 243, 1, (1 << 64) - 2, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 120, 120, PAGE)
    it = guest()
    file = MemFile(it.kernel.vfs.memfs, 0o755, ident + header + segment, read_only=True)
    assert 0 <= map_image(it.mm, file, "/wraps").entry < 1 << 64


def test_the_guest_does_not_take_the_last_descriptor_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr("toyvm.kernel.vfs.host_files.os.sysconf", lambda _: 8)
    it = Guest(vfs=Vfs.sandbox(str(tmp_path)))
    opened = [it.open(f"/{number}") for number in range(12)]
    assert opened[0] > 0 and opened[-1] == -errno.ENFILE
    it.call("close", opened[0])
    assert it.open("/11") > 0


def test_a_host_without_a_limit_on_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sysconf(3) says -1 then."""
    for number in range(12):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr("toyvm.kernel.vfs.host_files.os.sysconf", lambda _: -1)
    it = Guest(vfs=Vfs.sandbox(str(tmp_path)))
    assert min(it.open(f"/{number}") for number in range(12)) > 0
