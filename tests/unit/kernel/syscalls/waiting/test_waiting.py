"""poll, epoll, futexes and timers: who waits, who wakes, and the limits."""

from __future__ import annotations

import errno
import struct
from itertools import pairwise

import pytest

from tests.support.guest_kernel import MAP_ANONYMOUS, MAP_SHARED, PAGE, RW, Guest, Run
from toyvm.kernel.proc.lifecycle import kill_all


@pytest.fixture
def guest() -> Guest:
    return Guest()


def test_epolls_cannot_watch_each_other_without_end(guest: Guest) -> None:
    epolls = [guest.call("epoll_create1", 0) for _ in range(12)]
    guest.mm.write(guest.scratch, struct.pack("<IIQ", 1, 0, 0))
    results = []
    for inner, outer in pairwise(epolls):
        assert inner is not None and outer is not None
        results.append(guest.call("epoll_ctl", outer, 1, inner, guest.scratch))
    assert -errno.ELOOP in results
    first, second = epolls[0], epolls[1]
    assert first is not None and second is not None
    assert guest.call("epoll_ctl", first, 1, second, guest.scratch) == -errno.ELOOP


def test_a_wide_nest_of_epolls_is_refused(guest: Guest) -> None:
    guest.process.fds.limit = 4000
    guest.mm.write(guest.scratch, struct.pack("<IIQ", 1, 0, 0))
    inner = guest.call("epoll_create1", 0)
    assert inner is not None
    for _ in range(600):
        outer = guest.call("epoll_create1", 0)
        assert outer is not None
        assert guest.call("epoll_ctl", outer, 1, inner, guest.scratch) == 0
    event = guest.call("eventfd2", 0, 0)
    assert event is not None
    assert guest.call("epoll_ctl", inner, 1, event, guest.scratch) == -errno.EINVAL


def test_timers_have_a_limit_and_end_with_the_process(guest: Guest) -> None:
    made = [guest.call("timer_create", 1, 0, guest.scratch) for _ in range(1030)]
    assert made.count(0) == 1024
    assert made[-1] == -errno.EAGAIN
    kill_all(guest.kernel)
    assert not guest.process.thread_group.posix_timers


def test_an_interval_timer_that_nobody_reads_does_not_keep_the_machine_awake() -> None:
    """A process that waits for ever beside an armed timerfd is a deadlock, not an endless run."""
    run = Run(
        """
        _start: li a0, 1
            li a1, 0
            sys 85
            la a2, every
            li a1, 0
            li a3, 0
            sys 86
            li a0, 0
            li a1, 0
            li a2, 0
            li a3, 0
            sys 73
        .data
        every: .dword 0, 1000, 0, 1000
        """
    )
    assert run.status == 124
    assert "deadlock" in run.stderr


def test_poll(guest: Guest) -> None:
    guest.call("pipe2", guest.scratch, 0)
    reader, writer = guest.word(0), guest.word(4)
    guest.mm.write(guest.scratch + 64, struct.pack("<ihhihhihh", reader, 1, 0, writer, 4, 0, 77, 1, 0))
    assert guest.call("ppoll", guest.scratch + 64, 3, guest.timespec(0), 0, 8) == 2
    assert struct.unpack("<ihhihhihh", guest.mm.read(guest.scratch + 64, 24))[2::3] == (0, 4, 32)
    guest.mm.write(guest.scratch + 64, struct.pack("<ihh", reader, 1, 0))
    assert guest.call("ppoll", guest.scratch + 64, 1, 0, 0, 8) is None


def test_futex_between_processes(guest: Guest) -> None:
    va = guest.call("mmap", 0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    assert va is not None
    child = guest.fork()
    assert guest.call("futex", va, 0, 5, 0) == -errno.EAGAIN
    assert guest.call("futex", va, 0, 0, 0) is None
    assert guest.call("futex", va, 1, 10, process=child) == 1
    assert guest.again() == 0
    assert guest.call("futex", va, 1, 10, process=child) == 0
    assert guest.call("futex", va + 1, 1, 1) == -errno.EINVAL
