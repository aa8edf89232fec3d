"""Leases: what a native program cannot show in a test, because it takes 45 seconds. The rest is in tests/oracle/linux/leases.c."""

from __future__ import annotations

import errno

from tests.support.guest_kernel import Guest
from toyvm.kernel.proc.process import State
from toyvm.kernel.vfs.path_walk import Vfs

F_SETLEASE, F_GETLEASE = 1024, 1025
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
O_WRONLY, O_CREAT, O_RDWR = 1, 0o100, 2


def _holder(kind: int) -> tuple[Guest, int]:
    guest = Guest(vfs=Vfs.sandbox(None))
    assert guest.call("close", guest.open("/tmp/file", O_CREAT | O_RDWR)) == 0
    fd = guest.open("/tmp/file")
    assert guest.call("fcntl", fd, F_SETLEASE, kind) == 0
    guest.mm.write(guest.scratch + 0x800, (1).to_bytes(8, "little") + bytes(16))  # SIG_IGN
    assert guest.call("rt_sigaction", 29, guest.scratch + 0x800, 0, 8) == 0
    return guest, fd


def test_a_lease_that_is_not_given_up_ends_after_45_seconds() -> None:
    guest, fd = _holder(F_RDLCK)
    child = guest.fork()
    begun = guest.kernel.now
    assert guest.call("openat", -100, guest.text("/tmp/file"), O_WRONLY, 0, process=child) is None
    assert child.state is State.BLOCKED
    assert guest.call("fcntl", fd, F_GETLEASE, 0) == F_UNLCK
    assert guest.kernel.scheduler.advance()
    assert guest.kernel.now - begun == 45 * 10**9
    opened = guest.again(child)
    assert opened is not None and opened > fd
    assert guest.call("fcntl", fd, F_SETLEASE, F_UNLCK) == -errno.EAGAIN  # there is none any more


def test_a_write_lease_becomes_a_read_lease_for_a_reader() -> None:
    guest, fd = _holder(F_WRLCK)
    child = guest.fork()
    assert guest.call("openat", -100, guest.text("/tmp/file"), 0, 0, process=child) is None
    assert guest.call("fcntl", fd, F_GETLEASE, 0) == F_RDLCK
    assert guest.kernel.scheduler.advance()
    assert (guest.again(child) or -1) > fd
    assert guest.call("fcntl", fd, F_GETLEASE, 0) == F_RDLCK
    assert guest.call("fcntl", fd, F_SETLEASE, F_UNLCK) == 0


def test_who_has_died_while_waiting_counts_no_longer() -> None:
    guest, fd = _holder(F_RDLCK)
    child = guest.fork()
    assert guest.call("openat", -100, guest.text("/tmp/file"), O_WRONLY, 0, process=child) is None
    assert guest.call("fcntl", fd, F_SETLEASE, F_UNLCK) == 0
    assert guest.call("fcntl", fd, F_SETLEASE, F_RDLCK) == -errno.EAGAIN  # a writer is about to open it
    assert guest.call("kill", child.pid, 9) == 0
    assert guest.call("fcntl", fd, F_SETLEASE, F_WRLCK) == 0
