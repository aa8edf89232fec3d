"""A guest that takes all it can get of one thing: it gets an errno, and the host's memory stays within a bound.

Each case takes the thing again and again until it is refused, and says with which errno. `HOST_MEMORY` bounds what this
process may grow by meanwhile. It is measured as the peak of the resident set.
"""

from __future__ import annotations

import errno
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.guest_kernel import AT_FDCWD, Guest
from toyvm.kernel import counters
from toyvm.kernel.net import network
from toyvm.kernel.syscalls.arguments import MAX_RW_COUNT, vectors
from toyvm.kernel.vfs import file_locks
from toyvm.kernel.vfs.events import inotify
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.kernel.vfs.pipe import PipePool
from toyvm.run_options import Limits

HOST_MEMORY = 48 << 10  # KiB
AF_UNIX, AF_INET, STREAM, DATAGRAM, NONBLOCK, DONTWAIT = 1, 2, 1, 2, 0o4000, 0x40
THREAD = 0x10F00  # CLONE_VM, FS, FILES, SIGHAND, THREAD


def hoarder() -> Guest:
    """A machine with 64 MiB, as small as the cases allow."""
    return Guest(64 << 20, Vfs.sandbox(None, memfs_bytes=4 << 20), Limits(processes=300))


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@contextmanager
def bounded() -> Iterator[None]:
    """What happens inside grows this process by less than HOST_MEMORY."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    before = _status("VmRSS")
    yield
    assert _status("VmHWM") - before < HOST_MEMORY


def until_refused(call: Callable[[int], int | None], most: int = 200_000) -> tuple[int, int]:
    """(successful calls, errno) of a call that is made again and again."""
    for count in range(most):
        result = call(count)
        assert result is not None
        if result < 0:
            return count, -result
    raise AssertionError(f"{most} and no end")


def message(it: Guest, fds: list[int]) -> int:
    """The address of a msghdr with one byte and these descriptors."""
    control = struct.pack(f"<Qii{len(fds)}i", 16 + 4 * len(fds), 1, 1, *fds)
    it.mm.write(it.scratch + 0x1000, control.ljust((len(control) + 7) & ~7, b"\0"))
    it.mm.write(it.scratch + 0x200, struct.pack("<QQ", it.scratch, 1))
    it.mm.write(
        it.scratch + 0x300,
        struct.pack("<QiiQQQQii", 0, 0, 0, it.scratch + 0x200, 1, it.scratch + 0x1000, len(control), 0, 0),
    )
    return it.scratch + 0x300


def pair(it: Guest, kind: int = STREAM) -> tuple[int, int]:
    """A socketpair; (errno, -1) if there is none."""
    result = it.call("socketpair", AF_UNIX, kind, 0, it.scratch)
    return (result, -1) if result else (it.word(0), it.word(4))  # type: ignore[return-value]  # it never waits


def in_every_process(it: Guest, call: Callable[[], int | None]) -> int:
    """Make the call until it is refused, in one child after the other, until a child gets nothing; the errno."""
    parent = it.process
    while True:
        pid = it.call("clone", 17, process=parent)
        assert pid is not None and pid > 0, "there are enough processes to find the machine's limit"
        it.process = it.kernel.processes[pid]
        got, refused = until_refused(lambda _: call())
        if not got:
            it.process = parent
            return refused


def _full_pipe(it: Guest) -> int | None:
    result = it.call("pipe2", it.scratch, NONBLOCK)
    if not result:
        it.call("write", it.word(4), it.scratch, 1 << 16)
    return result


def _timer(it: Guest) -> int | None:
    return it.call("timer_create", 1, 0, it.scratch)


def _queued_signal(it: Guest) -> int | None:
    it.mm.write(it.scratch, struct.pack("<Q", (1 << 64) - 1))
    it.call("rt_sigprocmask", 0, it.scratch, 0, 8)
    it.mm.write(it.scratch, struct.pack("<iii", 0, 0, -1).ljust(128, b"\0"))
    return it.call("rt_sigqueueinfo", it.process.pid, 40, it.scratch)


ONE_PROCESS: dict[str, tuple[Callable[[Guest], int | None], int]] = {
    "threads": (lambda it: it.call("clone", THREAD, it.scratch + 0xF000), errno.EAGAIN),
    "processes": (lambda it: it.call("clone", 17), errno.EAGAIN),
    "vforks": (lambda it: it.call("clone", 0x100 | 17), errno.EAGAIN),
    "eventfds": (lambda it: it.call("eventfd2", 0, 0), errno.EMFILE),
    "timerfds": (lambda it: it.call("timerfd_create", 1, 0), errno.EMFILE),
    "signalfds": (lambda it: it.call("signalfd4", -1, it.scratch, 8, 0), errno.EMFILE),
    "epolls": (lambda it: it.call("epoll_create1", 0), errno.EMFILE),
    "memfds": (lambda it: it.call("memfd_create", it.text("m"), 0), errno.EMFILE),
    "pidfds": (lambda it: it.call("pidfd_open", it.process.pid, 0), errno.EMFILE),
    "sockets": (lambda it: it.call("socket", AF_INET, DATAGRAM, 0), errno.EMFILE),
    "terminals": (lambda it: it.open("/dev/ptmx", 2), errno.ENOSPC),
    "inotifies": (lambda it: it.call("inotify_init1", 0), errno.EMFILE),
    "timers": (_timer, errno.EAGAIN),
    "signals": (_queued_signal, errno.EAGAIN),
    "segments": (lambda it: it.call("shmget", 0, 4096, 0o1600), errno.ENOSPC),
}


@pytest.mark.parametrize("name", ONE_PROCESS)
def test_one_process_takes_all(name: str) -> None:
    it, (call, expected) = hoarder(), ONE_PROCESS[name]
    with bounded():
        count, refused = until_refused(lambda _: call(it))
    assert refused == expected, errno.errorcode[refused]
    assert count >= 10


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (_full_pipe, errno.ENFILE),
        (lambda it: it.call("socket", AF_UNIX, STREAM, 0), errno.ENFILE),
        (lambda it: it.call("inotify_init1", 0), errno.EMFILE),
        (lambda it: it.call("eventfd2", 0, 0), errno.ENFILE),
        (lambda it: it.open("/tmp/file", 0o102), errno.ENFILE),
        (lambda it: it.call("epoll_create1", 0), errno.ENFILE),
    ],
    ids=["full pipes", "sockets", "inotifies", "eventfds", "files", "epolls"],
)
def test_many_processes_take_all(
    call: Callable[[Guest], int | None], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PipePool, "MOST", 3000)
    monkeypatch.setattr(PipePool, "FULL", 4 << 20)
    monkeypatch.setattr(network, "MOST_SOCKETS", 3000)
    it = hoarder()
    with bounded():
        assert in_every_process(it, lambda: call(it)) == expected


def test_processes_that_end_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that runs for ever starts any number of programs."""
    monkeypatch.setattr("toyvm.kernel.proc.kernel_state.MOST_PROCESSES", 100)
    assert counters.MOST_PROCESSES * 1000 < HOST_MEMORY << 10
    it = hoarder()
    for _ in range(500):
        child = it.fork()
        assert it.call("exit_group", 0, process=child) == 0
        assert it.call("wait4", -1, 0, 0, 0) == child.pid
        while it.kernel.scheduler.next() is not None:
            pass
    stats = it.kernel.stats
    assert list(stats.processes) == [it.process.pid, *sorted(stats.processes)[1:]]
    assert len(stats.processes) == 100 and stats.processes_forgotten == 401
    assert len(it.kernel.threads) == 1


def test_watches_and_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inotify, "MOST_WATCHES", 500)
    monkeypatch.setattr(inotify, "MOST_EVENTS", 300)
    it = hoarder()
    instance = it.call("inotify_init1", NONBLOCK)
    assert instance is not None

    def watch(number: int) -> int | None:
        assert it.call("mkdirat", AT_FDCWD, it.text(f"/tmp/{number}"), 0o755) == 0
        return it.call("inotify_add_watch", instance, it.text(f"/tmp/{number}"), 0xFFF)

    with bounded():
        assert until_refused(watch) == (500, errno.ENOSPC)
        for number in range(500):
            it.call("unlinkat", AT_FDCWD, it.text(f"/tmp/{number}"), 0x200)
        told = b""
        while (got := it.call("read", instance, it.scratch + 0x8000, 4096)) is not None and got > 0:
            told += it.mm.read(it.scratch + 0x8000, got)
    assert told.endswith(struct.pack("<iIII", -1, 0x4000, 0, 0))  # IN_Q_OVERFLOW
    assert len(told) == 301 * 16


def test_record_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_locks, "MOST", 2000)
    it = hoarder()
    fd = it.open("/tmp/locked", 0o102)

    def lock(number: int, kind: int = 1) -> int | None:
        it.mm.write(it.scratch, struct.pack("<hh4xqqi4x", kind, 0, 2 * number, 1, 0))
        return it.call("fcntl", fd, 6, it.scratch)

    with bounded():
        assert until_refused(lock) == (2000, errno.ENOLCK)
    assert lock(0, kind=2) == 0 and lock(5000) == 0
    assert it.call("close", fd) == 0
    assert it.kernel.record_locks._count == 0


def test_attributes_are_charged() -> None:
    it = hoarder()
    fd = it.open("/tmp/a", 0o102)
    with bounded():
        _, refused = until_refused(
            lambda n: it.call("fsetxattr", fd, it.text(f"user.{n}"), it.scratch + 0x2000, 1000, 0)
        )
    assert refused == errno.ENOSPC


# Descriptors in messages


def test_descriptors_in_flight_have_a_limit() -> None:
    it = hoarder()
    one, _ = pair(it)
    _, refused = until_refused(lambda _: it.call("sendmsg", one, message(it, [one] * 250), DONTWAIT))
    assert refused == errno.ETOOMANYREFS


@pytest.mark.parametrize("kind", [STREAM, DATAGRAM, 5])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_circles_of_descriptors_are_collected(kind: int, length: int) -> None:
    """Sockets whose only descriptors are in each other's messages."""
    it = hoarder()
    with bounded():
        for _ in range(200):
            pairs = [pair(it, kind) for _ in range(length)]
            for (end, _), (next_end, next_other) in zip(pairs, pairs[1:] + pairs[:1], strict=True):
                assert it.call("sendmsg", end, message(it, [next_end, next_other]), 0) == 1
            for ends in pairs:
                for fd in ends:
                    it.call("close", fd)
    assert not it.kernel.network.sockets and not it.kernel.network.in_flight and not it.kernel.network.used


def test_sockets_within_sockets_within_sockets() -> None:
    """Each socket's message holds the one before: the limit is on descriptors in flight, and closing them nests nothing."""
    it = hoarder()
    inner = it.call("eventfd2", 0, 0)

    def wrap(_: int) -> int | None:
        nonlocal inner
        one, other = pair(it)
        result = it.call("sendmsg", one, message(it, [inner or 0]), 0)
        it.call("close", one)
        if result == 1:
            it.call("close", inner or 0)
            inner = other
        return result

    with bounded():
        count, refused = until_refused(wrap)
        assert refused == errno.ETOOMANYREFS and count > 500
        for fd in list(it.process.fds):
            it.call("close", fd)
    assert not it.kernel.network.sockets


@pytest.mark.parametrize("size", [0, 1, 60000])
def test_messages_nobody_reads(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MEMORY", 8 << 20)
    it = hoarder()
    with bounded():
        for kind in (DATAGRAM, 5):
            for _ in range(150):
                one, _ = pair(it, kind)
                _, refused = until_refused(
                    lambda _, one=one: it.call("sendto", one, it.scratch, size, DONTWAIT)  # type: ignore[misc]  # the loop's
                )
                assert refused == errno.EAGAIN
    assert it.kernel.network.used < 3 * (8 << 20)


def test_connections_nobody_accepts() -> None:
    it = hoarder()
    listener = it.call("socket", AF_UNIX, STREAM, 0)
    assert listener is not None
    it.mm.write(it.scratch, struct.pack("<H", AF_UNIX) + b"\0name")
    assert it.call("bind", listener, it.scratch, 7) == 0
    assert it.call("listen", listener, 1 << 30) == 0

    def connect(_: int) -> int | None:
        fd = it.call("socket", AF_UNIX, STREAM | NONBLOCK, 0)
        if fd is None or fd < 0:
            return fd
        it.mm.write(it.scratch, struct.pack("<H", AF_UNIX) + b"\0name")
        result = it.call("connect", fd, it.scratch, 7)
        it.call("close", fd)
        return result

    with bounded():
        _, refused = until_refused(connect)
    assert refused == errno.EAGAIN


# Loops


def test_epolls_in_epolls() -> None:
    it = hoarder()
    epolls = [it.call("epoll_create1", 0) or 0 for _ in range(40)]
    it.mm.write(it.scratch, struct.pack("<IIQ", 1, 0, 0))

    def add(outer: int, inner: int) -> int | None:
        return it.call("epoll_ctl", outer, 1, inner, it.scratch)

    assert add(epolls[0], epolls[0]) == -errno.EINVAL
    chain = [add(outer, inner) for outer, inner in pairwise(epolls)]
    assert chain[:4] == [0, 0, 0, 0] and chain[4] == -errno.ELOOP
    assert add(epolls[3], epolls[0]) == -errno.ELOOP
    results = Counter(add(outer, inner) for outer in epolls for inner in epolls)
    assert set(results) == {0, -errno.ELOOP, -errno.EINVAL, -errno.EEXIST}
    # and a wake-up at the bottom ends, whatever the ways up
    event = it.call("eventfd2", 0, 0) or 0
    watching = [epoll for epoll in epolls if not add(epoll, event)]
    assert watching
    assert it.write(event, (1).to_bytes(8, "little")) == 8
    for epoll in watching:
        assert it.call("epoll_pwait", epoll, it.scratch, 8, 0, 0, 8) in range(1, 9)


def test_bytes_that_go_round_in_pipes() -> None:
    it = hoarder()
    ends = []
    for _ in range(2):
        assert it.call("pipe2", it.scratch, NONBLOCK) == 0
        ends.append((it.word(0), it.word(4)))
    (out1, in1), (out2, in2) = ends
    assert it.call("splice", out1, 0, in1, 0, 10, 0) == -errno.EINVAL
    assert it.call("tee", out1, in1, 10, 0) == -errno.EINVAL
    assert it.write(in1, bytes(40)) == 40
    with bounded():

        def round_trip(_: int) -> int | None:
            result = it.call("tee", out1, in2, 1 << 62, 0)
            if result is not None and result > 0:
                moved = it.call("splice", out2, 0, in1, 0, 1 << 62, 0)
                assert moved == -errno.EAGAIN or 0 < (moved or 0) <= 1 << 16
            return result

        _, refused = until_refused(round_trip)
    assert refused == errno.EAGAIN


def test_huge_buffers_are_cut() -> None:
    """Linux moves at most MAX_RW_COUNT bytes in one call, however many buffers there are."""
    it = hoarder()
    it.mm.write(it.scratch, struct.pack("<QQ", 0x1000, 1 << 30) * 1024)
    pairs = vectors(it.process, it.scratch, 1024)
    assert sum(length for _, length in pairs) == MAX_RW_COUNT and pairs[0] == (0x1000, 1 << 30)
    assert it.call("writev", 1, it.scratch, 1025) == -errno.EINVAL
    size = 8 << 20
    big = it.call("mmap", 0, size, 3, 0x22, -1, 0)
    assert big is not None and big > 0
    one, _ = pair(it)
    it.mm.write(it.scratch, struct.pack("<QQ", big, size) * 1024)
    sink, full, zero = it.open("/tmp/file", 0o102), it.open("/dev/full", 1), it.open("/dev/zero", 0)
    it.mm.write(it.scratch, struct.pack("<QQ", big, size) * 1024)
    with bounded():
        assert (it.call("writev", sink, it.scratch, 1024) or 0) <= 4 << 20
        assert it.call("writev", full, it.scratch, 1024) == -errno.ENOSPC
        assert (it.call("readv", zero, it.scratch, 1024) or 0) > 0
        assert (it.call("vmsplice", sink, it.scratch, 1024, 0)) == -errno.EBADF
        it.mm.write(it.scratch + 0x8000, struct.pack("<QiiQQQQii", 0, 0, 0, it.scratch, 1024, 0, 0, 0, 0))
        assert (it.call("sendmsg", one, it.scratch + 0x8000, DONTWAIT) or 0) > 0
        assert (it.call("getrandom", big, size, 0) or 0) > 0


def test_signals_to_everything() -> None:
    """kill(-1) reaches every process of the machine but the caller, and nothing outside."""
    it = hoarder()
    children = [it.fork() for _ in range(20)]
    assert it.call("kill", -1, 9) == 0
    for child in children:
        assert not child.alive
    assert it.process.alive and it.process.signals.next() is None
    assert it.call("kill", -1, 0) == 0
    assert it.call("kill", 1, 9) == -errno.ESRCH  # the host's first process is none of this machine's
