"""System calls as text, compared with what strace prints."""

from __future__ import annotations

import struct

import pytest

from tests.support.guest_kernel import AT_FDCWD, Guest
from toyvm.base.events import SyscallExit

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
