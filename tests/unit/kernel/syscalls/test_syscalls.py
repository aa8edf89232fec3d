"""System calls one by one: results and errno."""

from __future__ import annotations

import errno
import struct

import pytest

from tests.support.guest_kernel import (
    AT_FDCWD,
    MAP_ANONYMOUS,
    MAP_PRIVATE,
    MAP_SHARED,
    PAGE,
    RW,
    Guest,
    number_of,
)
from toyvm.base.bits import M64
from toyvm.kernel.proc.process import State
from toyvm.run_options import Limits

WILD = 0x123456789000


@pytest.fixture
def guest() -> Guest:
    return Guest()


def test_numbers_are_asm_generic() -> None:
    names = {"read": 63, "write": 64, "openat": 56, "exit_group": 94, "brk": 214, "mmap": 222, "clone": 220}
    assert {name: number_of(name) for name in names} == names


@pytest.mark.parametrize(
    ("name", "args", "number"),
    [
        ("write", (99, 0, 1), errno.EBADF),
        ("write", (1, WILD, 1), errno.EFAULT),
        ("write", (0, WILD, 1), errno.EBADF),
        ("read", (1, WILD, 1), errno.EBADF),
        ("openat", (AT_FDCWD, WILD, 0), errno.EFAULT),
        ("openat", (99, WILD, 0), errno.EFAULT),
        ("newfstatat", (AT_FDCWD, WILD, WILD, 0), errno.EFAULT),
        ("execve", (WILD, 0, 0), errno.EFAULT),
        ("pipe2", (WILD, 0), errno.EFAULT),
        ("pipe2", (WILD, 1), errno.EINVAL),
        ("wait4", (-1 & M64, 0, 0, 0), errno.ECHILD),
        ("kill", (99999, 0), errno.ESRCH),
        ("kill", (0, 65), errno.EINVAL),
        ("rt_sigaction", (9, WILD, 0, 8), errno.EINVAL),
        ("rt_sigaction", (2, WILD, 0, 8), errno.EFAULT),
        ("clock_gettime", (99, 0), errno.EINVAL),
        ("nanosleep", (WILD, 0), errno.EFAULT),
        ("dup3", (1, 1, 0), errno.EINVAL),
        ("dup3", (1, 5000, 0), errno.EBADF),
        ("ioctl", (1, 0x5413, 0), errno.ENOTTY),
        ("lseek", (1, 0, 0), errno.ESPIPE),
        ("clone", (0x10700, 0), errno.EINVAL),
        ("clone", (0x800, 0), errno.EINVAL),
        ("getcwd", (0, 1), errno.ERANGE),
        ("getrandom", (WILD, 8, 0), errno.EFAULT),
        (1234, (), errno.ENOSYS),
        (1 << 40, (), errno.ENOSYS),
    ],
)
def test_errors(guest: Guest, name: str | int, args: tuple[int, ...], number: int) -> None:
    descriptors, frames = list(guest.process.fds), guest.kernel.frames.used
    assert guest.call(name, *args) == -number
    assert list(guest.process.fds) == descriptors and guest.kernel.frames.used - frames <= 3


def test_a_huge_read_takes_no_memory(guest: Guest) -> None:
    fd = guest.open("/dev/zero")
    got = guest.call("read", fd, guest.scratch, 1 << 60)
    assert got is None or got == -errno.EFAULT or 0 < got <= 1 << 20


def test_a_write_goes_as_far_as_the_memory(guest: Guest) -> None:
    fd = guest.open("/tmp", 0)
    assert fd < 0  # an empty tree has no /tmp
    end = guest.scratch + (1 << 16)
    assert guest.call("write", 1, end - 3, 10) == -errno.EFAULT
    assert guest.call("write", 1, end - 3, 3) == 3


def test_readv_and_writev(guest: Guest) -> None:
    guest.mm.write(guest.scratch + 256, b"abcdef")
    guest.mm.write(guest.scratch, struct.pack("<QQQQ", guest.scratch + 256, 2, guest.scratch + 258, 4))
    assert guest.call("writev", 1, guest.scratch, 2) == 6
    assert guest.out.getvalue() == b"abcdef"
    assert guest.call("writev", 1, guest.scratch, 1 << 31) == -errno.EINVAL
    assert guest.call("writev", 1, guest.scratch, 0) == 0


def test_descriptors_are_the_lowest_free_and_close_on_exec_is_theirs(guest: Guest) -> None:
    assert guest.call("dup", 1) == 3
    assert guest.call("fcntl", 1, 0, 10) == 10
    assert guest.call("fcntl", 1, 1030, 10) == 11
    assert (guest.call("fcntl", 10, 1), guest.call("fcntl", 11, 1)) == (0, 1)
    assert guest.call("close", 0) == 0
    assert guest.call("dup", 1) == 0
    assert guest.call("dup3", 1, 20, 0o2000000) == 20 and guest.call("fcntl", 20, 1) == 1


def test_too_many_open_files() -> None:
    guest = Guest()
    guest.process.fds.limit = 5
    assert [guest.call("dup", 1) for _ in range(3)] == [3, 4, -errno.EMFILE]
    assert guest.call("pipe2", guest.scratch, 0) == -errno.EMFILE
    guest.call("close", 4)
    assert guest.call("pipe2", guest.scratch, 0) == -errno.EMFILE  # one is not enough, and is given back
    assert guest.call("dup", 1) == 4


def test_pipe_blocks_and_wakes(guest: Guest) -> None:
    assert guest.call("pipe2", guest.scratch, 0) == 0
    reader, writer = guest.word(0), guest.word(4)
    guest.text("hey", 512)
    child = guest.fork()
    assert guest.call("read", reader, guest.scratch + 64, 10) is None
    assert guest.call("write", writer, guest.scratch + 512, 3, process=child) == 3
    assert guest.process.state is State.RUNNABLE
    assert guest.again() == 3 and guest.mm.read(guest.scratch + 64, 3) == b"hey"


def test_pipe_ends(guest: Guest) -> None:
    guest.call("pipe2", guest.scratch, 0o4000)
    reader, writer = guest.word(0), guest.word(4)
    assert guest.call("read", reader, guest.scratch, 1) == -errno.EAGAIN
    assert guest.call("write", writer, guest.scratch, 1) == 1
    guest.call("close", writer)
    assert guest.read(reader) != b"" and guest.read(reader) == b""


def test_wait_reaps_in_order_and_tells_status(guest: Guest) -> None:
    first, second = guest.fork(), guest.fork()
    assert guest.call("wait4", -1, guest.scratch, 1, 0) == 0  # WNOHANG
    assert guest.call("wait4", -1, guest.scratch, 0, 0) is None
    guest.call("exit_group", 5, process=second)
    assert guest.again() == second.pid and guest.word() == 5 << 8
    guest.call("kill", first.pid, 9)
    assert guest.call("waitid", 0, 0, guest.scratch, 4, 0) == 0
    assert struct.unpack("<iiiiiii", guest.mm.read(guest.scratch, 28)) == (17, 0, 2, 0, first.pid, 1000, 9)
    assert guest.call("wait4", -1, 0, 0, 0) == -errno.ECHILD


def test_an_orphan_gets_init_as_parent_and_leaves_no_zombie(guest: Guest) -> None:
    child = guest.fork()
    assert guest.call("clone", 17, process=child) == child.pid + 1
    grandchild = guest.kernel.processes[child.pid + 1]
    guest.call("exit", 0, process=child)
    assert guest.call("getppid", process=grandchild) == 1
    guest.call("exit", 0, process=grandchild)
    assert grandchild.state is State.DEAD and grandchild.pid not in guest.kernel.processes


def test_vfork_waits_for_the_child(guest: Guest) -> None:
    assert guest.call("clone", 0x4111, 0) is None
    child = max(guest.kernel.processes.values(), key=lambda p: p.pid)
    assert child.mm.map is guest.mm.map
    guest.call("exit", 3, process=child)
    assert guest.again() == child.pid and guest.mm.map.users == 1


def test_fork_sets_the_tid_where_glibc_asks(guest: Guest) -> None:
    pid = guest.call("clone", 0x1200011, 0, 0, 0, guest.scratch)
    assert pid is not None and pid > 0 and guest.word() == 0
    assert guest.kernel.processes[pid].mm.read_int(guest.scratch, 4) == pid


def test_too_many_processes() -> None:
    guest = Guest(limits=Limits(processes=3))
    guest.fork()
    guest.fork()
    assert guest.call("clone", 17) == -errno.EAGAIN


def test_mmap_through_the_call(guest: Guest) -> None:
    flags = MAP_PRIVATE | MAP_ANONYMOUS
    va = guest.call("mmap", 0, 5000, RW, flags, -1, 0)
    assert va == guest.scratch - 2 * PAGE
    assert guest.call("mmap", 0, PAGE, RW, MAP_ANONYMOUS, -1, 0) == -errno.EINVAL
    assert guest.call("mmap", 0, PAGE, RW, MAP_PRIVATE, 99, 0) == -errno.EBADF
    assert guest.call("mmap", 0, PAGE, RW, MAP_PRIVATE, 1, 0) == -errno.EACCES
    assert guest.call("mmap", 0, 1 << 40, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == -errno.ENOMEM


def test_a_file_opened_for_reading_is_not_mapped_shared_and_writable() -> None:
    from toyvm.kernel.vfs.path_walk import Vfs

    guest = Guest(vfs=Vfs.sandbox(None))
    guest.call("close", guest.open("/tmp/a", 0o102))
    fd = guest.open("/tmp/a")
    assert guest.call("mmap", 0, PAGE, RW, MAP_SHARED, fd, 0) == -errno.EACCES
    va = guest.call("mmap", 0, PAGE, 1, MAP_SHARED, fd, 0)
    assert va is not None and va > 0 and guest.call("mprotect", va, PAGE, RW) == -errno.EACCES
    assert (guest.call("mmap", 0, PAGE, RW, MAP_PRIVATE, fd, 0) or 0) > 0


def test_memfd_is_shared_by_descriptor_and_gone_with_it(guest: Guest) -> None:
    fd = guest.call("memfd_create", guest.text("name"), 0)
    assert fd == 3 and guest.call("ftruncate", fd, 2 * PAGE) == 0
    va = guest.call("mmap", 0, 2 * PAGE, RW, MAP_SHARED, fd, 0)
    assert va is not None
    child = guest.fork()
    child.mm.write(va + PAGE, b"from the child")
    assert guest.mm.read(va + PAGE, 14) == b"from the child"
    guest.call("exit", 0, process=child)
    guest.call("close", fd)
    frames = guest.kernel.frames.used
    guest.call("munmap", va, 2 * PAGE)
    assert guest.kernel.frames.used < frames and not guest.kernel.system.cache.owner


def test_limits_can_be_read_and_set(guest: Guest) -> None:
    assert guest.call("prlimit64", 0, 3, 0, guest.scratch) == 0
    assert guest.mm.read_int(guest.scratch) == 8 << 20
    guest.mm.write(guest.scratch, struct.pack("<QQ", 4, 4))
    assert guest.call("setrlimit", 7, guest.scratch) == 0
    assert [guest.call("dup", 1) for _ in range(2)] == [3, -errno.EMFILE]
    assert guest.call("getrlimit", 99, guest.scratch) == -errno.EINVAL


def test_clocks_are_virtual(guest: Guest) -> None:
    guest.kernel.scheduler.now = 3_500_000_000
    assert guest.call("clock_gettime", 1, guest.scratch) == 0
    assert struct.unpack("<qq", guest.mm.read(guest.scratch, 16)) == (3, 500_000_000)
    assert guest.call("times", 0) == 350
    assert guest.call("nanosleep", guest.timespec(1, 10**9), 0) == -errno.EINVAL
    assert guest.call("nanosleep", guest.timespec(0, 0), 0) == 0


def test_uname_and_identity(guest: Guest) -> None:
    assert guest.call("uname", guest.scratch) == 0
    assert (
        guest.mm.read(guest.scratch, 5) == b"Linux" and guest.mm.read(guest.scratch + 4 * 65, 7) == b"riscv64"
    )
    assert guest.call("getpid") == guest.process.pid == guest.call("gettid")
    assert guest.call("getuid") == guest.call("geteuid") == 1000
