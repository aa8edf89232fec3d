"""Threads in one process: the group they share, what their ends leave, and futexes without priority inheritance."""

from __future__ import annotations

import errno

import pytest

from tests.support.guest_kernel import PAGE, Guest
from toyvm.base.events import Bus, Event, ThreadExited, ThreadStarted
from toyvm.kernel.proc.lifecycle import exit_process, exit_thread, send, start_thread, stop
from toyvm.kernel.proc.process import Process, State
from toyvm.kernel.proc.signals import SigInfo, Signal

FUTEX_PI = [6, 7, 8, 11, 12, 13]  # LOCK, UNLOCK, TRYLOCK, WAIT_REQUEUE, CMP_REQUEUE, LOCK_PI2
LINUX_WITHOUT = {"ptrace": 117, "rseq": 293, "futex_waitv": 449}


@pytest.fixture
def guest() -> Guest:
    return Guest()


@pytest.fixture
def thread(guest: Guest) -> Process:
    return start_thread(guest.kernel, guest.process)


@pytest.mark.parametrize("operation", FUTEX_PI)
@pytest.mark.parametrize("private", [0, 128])
def test_priority_inheritance_is_not_offered(guest: Guest, operation: int, private: int) -> None:
    assert (
        guest.call("futex", guest.scratch, operation | private, 0, 0, guest.scratch + 4, 0) == -errno.ENOSYS
    )


@pytest.mark.parametrize("number", LINUX_WITHOUT.values(), ids=LINUX_WITHOUT)
def test_what_glibc_does_without(guest: Guest, number: int) -> None:
    assert guest.call(number, guest.scratch, 32, 0, 0x53053053) == -errno.ENOSYS


def test_threads_share_everything_but_registers_mask_and_pending_signals(
    guest: Guest, thread: Process
) -> None:
    process = guest.process
    assert (thread.pid, thread.leader) == (process.pid, process)
    assert thread.tid != process.tid
    assert thread.mm is process.mm and thread.fds is process.fds and thread.counters is process.counters
    thread.pgid, thread.umask, thread.cwd = 77, 0o77, "/tmp"
    assert (process.pgid, process.umask, process.cwd) == (77, 0o77, "/tmp")
    thread.signals.mask = 1
    assert process.signals.mask == 0
    assert thread.signals.actions is process.signals.actions
    assert list(guest.kernel.processes) == [process.pid]
    assert set(guest.kernel.threads) == {process.tid, thread.tid}


def test_the_process_lives_as_long_as_one_thread(guest: Guest, thread: Process) -> None:
    exit_thread(guest.kernel, guest.process, 3 << 8)
    assert guest.process.state is State.ZOMBIE and guest.process.alive
    send(guest.kernel, guest.process, SigInfo(Signal.SIGUSR1))
    assert thread.signals.next() == Signal.SIGUSR1
    exit_thread(guest.kernel, thread, 4 << 8)
    assert not guest.process.alive and guest.process.status == 4 << 8
    assert not guest.kernel.threads and not guest.kernel.processes


def test_a_waiter_leaves_its_queue_however_its_wait_ends(guest: Guest) -> None:
    queues = guest.kernel.futexes._queues
    for number in range(4):
        waiter = start_thread(guest.kernel, guest.process)
        assert guest.call("futex", guest.scratch + 4 * number, 128, 0, 0, process=waiter) is None
        assert len(queues) == 1
        if number == 0:
            exit_thread(guest.kernel, waiter, 0)
        elif number == 1:
            waiter.end_call(-errno.EINTR)
        elif number == 2:
            assert guest.call("futex", guest.scratch + 8, 129, 1) == 1
        else:
            exit_process(guest.kernel, guest.process, 0)
        assert not queues


def test_a_thread_that_ends_wakes_who_joins_it(guest: Guest, thread: Process) -> None:
    guest.mm.write_int(guest.scratch, thread.tid, 4)
    thread.clear_child_tid = guest.scratch
    assert guest.call("futex", guest.scratch, 0, thread.tid, 0) is None
    exit_thread(guest.kernel, thread, 0)
    assert guest.process.state is State.RUNNABLE and guest.mm.read_int(guest.scratch, 4) == 0


def test_a_group_stops_and_continues_together(guest: Guest, thread: Process) -> None:
    assert guest.call("futex", guest.scratch, 128, 0, 0, process=thread) is None
    stop(guest.kernel, guest.process, Signal.SIGSTOP)
    assert thread.state is guest.process.state is State.STOPPED
    assert guest.call("futex", guest.scratch, 129, 1) == 1  # woken while it is stopped
    assert thread.state is State.STOPPED
    send(guest.kernel, guest.process, SigInfo(Signal.SIGCONT))
    assert thread.state is guest.process.state is State.RUNNABLE


def test_a_dispatched_thread_stands_in_the_queue_once(guest: Guest, thread: Process) -> None:
    scheduler = guest.kernel.scheduler
    for _ in range(5):
        scheduler.add(thread)
    while scheduler.next() not in (thread, None):
        pass
    assert scheduler.next() is not thread


def test_no_more_threads_than_the_limit(guest: Guest) -> None:
    guest.process.rlimits.processes = 4
    clone = (0x10F00, guest.scratch + PAGE, 0, 0, 0)
    assert [guest.call("clone", *clone) > 0 for _ in range(3)] == [True] * 3
    assert guest.call("clone", *clone) == -errno.EAGAIN
    assert guest.call("clone", 17, 0, 0, 0, 0) == -errno.EAGAIN
    for thread in list(guest.kernel.threads.values())[1:]:
        exit_thread(guest.kernel, thread, 0)
    assert guest.call("clone", *clone) > 0


def test_events_name_threads(guest: Guest) -> None:
    seen: list[Event] = []
    bus: Bus = guest.kernel.bus
    bus.subscribe(ThreadStarted, seen.append)
    bus.subscribe(ThreadExited, seen.append)
    thread = start_thread(guest.kernel, guest.process)
    exit_thread(guest.kernel, thread, 0)
    exit_process(guest.kernel, guest.process, 0)
    assert [(type(event), event.pid) for event in seen] == [
        (ThreadStarted, guest.process.tid),
        (ThreadExited, thread.tid),
    ]
