"""System calls as text, compared with what strace prints."""

from __future__ import annotations

import struct

import pytest

from tests.support.guest_kernel import AT_FDCWD, Guest
from toyvm.base.events import SyscallExit
from toyvm.kernel.syscalls.table import SYSTEM_CALLS, find
from toyvm.kernel.syscalls.tracing.strace import call_text

AF_UNIX, AF_INET, STREAM, DGRAM, NONBLOCK = 1, 2, 1, 2, 0o4000


@pytest.fixture
def guest() -> Guest:
    return Guest()


def test_system_calls_are_told_as_strace_would(guest: Guest) -> None:
    lines: list[str] = []
    guest.bus.subscribe(SyscallExit, lambda event: lines.append(event.text))
    guest.mm.write(guest.scratch, b"hi\n\0")
    guest.call("write", 1, guest.scratch, 3)
    guest.call("openat", AT_FDCWD, guest.text("/none"), 0o2000002, 0o644)
    guest.call("mmap", 0, 4096, 3, 0x22, -1, 0)
    guest.call("kill", 5, 11)
    guest.call("pipe2", guest.scratch, 0o2000000)
    guest.call("write", 4, guest.text("in"), 2)
    guest.call("read", 3, guest.scratch, 100)
    guest.call("read", 9, guest.scratch, 100)
    guest.call("exit_group", 3)
    assert lines == [
        'write(1, "hi\\n", 3) = 3',
        'openat(AT_FDCWD, "/none", O_RDWR|O_CLOEXEC, 0644) = -1 ENOENT (No such file or directory)',
        f"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0) = {guest.scratch - 4096:#x}",
        "kill(5, SIGSEGV) = -1 ESRCH (No such process)",
        "pipe2([3, 4], O_CLOEXEC) = 0",
        'write(4, "in", 2) = 2',
        'read(3, "in", 100) = 2',
        f"read(9, {guest.scratch:#x}, 100) = -1 EBADF (Bad file descriptor)",
        "exit_group(3) = ?",
    ]


def test_the_trace_shows_addresses_and_flags_as_strace_does(guest: Guest) -> None:
    shown: list[str] = []
    guest.bus.subscribe(SyscallExit, lambda event: shown.append(event.text))
    socket = guest.call("socket", AF_INET, DGRAM | 0o2000000, 0)
    assert socket is not None
    guest.mm.write(
        guest.scratch, struct.pack("<H", AF_INET) + (53).to_bytes(2) + bytes([8, 8, 8, 8]) + bytes(8)
    )
    guest.call("connect", socket, guest.scratch, 16)
    guest.call("recvfrom", socket, guest.scratch, 1, 0x42, 0, 0)
    epoll = guest.call("epoll_create1", 0)
    assert epoll is not None
    guest.mm.write(guest.scratch, struct.pack("<IIQ", 1 | 1 << 31, 0, 7))
    guest.call("epoll_ctl", epoll, 1, socket, guest.scratch)
    assert shown == [
        "socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, 0) = 3",
        'connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("8.8.8.8")}, 16)'
        " = -1 ENETUNREACH (Network is unreachable)",
        shown[2],
        "epoll_create1(0) = 4",
        "epoll_ctl(4, EPOLL_CTL_ADD, 3, {events=EPOLLIN|EPOLLET, data=0x7}) = 0",
    ]
    assert "MSG_PEEK|MSG_DONTWAIT" in shown[2] and shown[2].endswith(
        "-1 EAGAIN (Resource temporarily unavailable)"
    )


CALLS: list[tuple[str, tuple[int, ...], str]] = [
    ("lseek", (1, -(1 << 40), 2), "lseek(1, -1099511627776, SEEK_END)"),
    ("fcntl", (1, 4, 0o4000), "fcntl(1, F_SETFL, O_NONBLOCK)"),
    ("fcntl", (1, 2, 1), "fcntl(1, F_SETFD, FD_CLOEXEC)"),
    ("fcntl", (1, 1030, 5), "fcntl(1, F_DUPFD_CLOEXEC, 0x5)"),
    ("ioctl", (0, 0x5413, 0), "ioctl(0, TIOCGWINSZ, NULL)"),
    ("ioctl", (0, 0xABCD, 0), "ioctl(0, 0xabcd, NULL)"),
    ("madvise", (0, 0, 4), "madvise(NULL, 0, MADV_DONTNEED)"),
    ("madvise", (0, 0, 77), "madvise(NULL, 0, 77)"),
    ("wait4", (-1, 0, 3, 0), "wait4(-1, NULL, WNOHANG|WUNTRACED, NULL)"),
    ("waitid", (1, 7, 0, 0x1000004, 0), "waitid(P_PID, 7, NULL, WEXITED|WNOWAIT, NULL)"),
    ("clone", (0x3D0F00 | 17, 0, 0, 0, 0), "clone(CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|"),
    ("clone", (17, 0, 0, 0, 0), "clone(SIGCHLD, NULL, NULL, NULL, NULL)"),
    ("futex", (4, 128, 1, 0, 0, 0), "futex(0x4, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0)"),
    ("futex", (4, 4, 1, 9, 8, 7), "futex(0x4, FUTEX_CMP_REQUEUE, 1, 0x9, 0x8, 7)"),
    ("futex", (4, 265, 1, 0, 0, 7), "futex(0x4, FUTEX_WAIT_BITSET|FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 7)"),
    ("prlimit64", (0, 3, 0, 0), "prlimit64(0, RLIMIT_STACK, NULL, NULL)"),
    ("getrusage", (-1, 0), "getrusage(RUSAGE_CHILDREN, NULL)"),
    ("prctl", (15, 0, 0, 0, 0), "prctl(PR_SET_NAME, 0x0, 0x0, 0x0, 0x0)"),
    ("faccessat", (AT_FDCWD, 0, 0), "faccessat(AT_FDCWD, NULL, F_OK)"),
    ("faccessat", (AT_FDCWD, 0, 5), "faccessat(AT_FDCWD, NULL, R_OK|X_OK)"),
    ("statx", (AT_FDCWD, 0, 0x1100, 0x7FF, 0), "statx(AT_FDCWD, NULL, AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH, STATX_BASIC_STATS, NULL)"),
    ("mremap", (0, 0, 0, 3, 0), "mremap(NULL, 0, 0, MREMAP_MAYMOVE|MREMAP_FIXED, NULL)"),
    ("fallocate", (1, 3, 0, 1 << 33), "fallocate(1, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 8589934592)"),
    ("flock", (1, 6), "flock(1, LOCK_EX|LOCK_NB)"),
    ("setsockopt", (1, 1, 2, 0, 4), "setsockopt(1, SOL_SOCKET, SO_REUSEADDR, NULL, 4)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "words"), CALLS)
def test_flags_and_numbers_have_their_names(
    guest: Guest, name: str, args: tuple[int, ...], words: str
) -> None:
    unsigned = tuple(value & (1 << 64) - 1 for value in args)
    number = next(number for number, row in SYSTEM_CALLS.items() if row[0] == name)
    text = call_text(guest.process, find(number), number, (*unsigned, 0, 0, 0, 0, 0, 0)[:6])
    assert text.startswith(words)


def test_times_and_sets_of_signals_are_shown(guest: Guest) -> None:
    shown: list[str] = []
    guest.bus.subscribe(SyscallExit, lambda event: shown.append(event.text))
    guest.mm.write(guest.scratch, struct.pack("<qqQQ", 0, 5, 1 << 9 | 1 << 16, (1 << 64) - 1 ^ 1))
    guest.call("nanosleep", guest.scratch + 4096 * 64, 0)
    guest.call("rt_sigprocmask", 0, guest.scratch + 16, 0, 8)
    guest.call("rt_sigprocmask", 1, guest.scratch + 24, 0, 8)
    guest.call("clock_settime", 0, guest.scratch)
    assert shown == [
        f"nanosleep({guest.scratch + 4096 * 64:#x}, NULL) = -1 EFAULT (Bad address)",
        "rt_sigprocmask(SIG_BLOCK, [USR1 CHLD], NULL, 8) = 0",
        "rt_sigprocmask(SIG_UNBLOCK, ~[HUP], NULL, 8) = 0",
        "clock_settime(CLOCK_REALTIME, {tv_sec=0, tv_nsec=5}) = -1 EPERM (Operation not permitted)",
    ]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (425, "io_uring_setup(1, 0x2)"),
        (293, "rseq(0x1, 2, RSEQ_FLAG_UNREGISTER|0x2, 0x4)"),
        (282, "userfaultfd(0x1)"),
        (462, "mseal(0x1, 2, 0x3)"),
        (403, "clock_gettime64(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)"),
        (4711, "syscall_0x1267(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)"),
    ],
)  # fmt: skip
def test_a_call_that_is_absent_has_its_name_and_its_arguments(guest: Guest, number: int, words: str) -> None:
    assert call_text(guest.process, None, number, (1, 2, 3, 4, 5, 6)) == words
