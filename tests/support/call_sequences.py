"""Random sequences of system calls with well-formed arguments, made by a few processes and threads of one machine.

`tests/fuzz/test_syscalls.py` tries any arguments; here structures, descriptors, names and process numbers are those that a
program would pass, so that calls succeed and meet each other: a descriptor in a message, a lock that another process waits
for, an epoll in an epoll. Now and then an argument is wild.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from random import Random

from tests.support.call_makers import FAMILIES, HANDLER, M64, MAKERS, PROLOGUES, STACK_AT, Arguments, sign
from tests.support.guest_kernel import AT_FDCWD, Guest, number_of
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.proc.lifecycle import kill_all, send
from toyvm.kernel.proc.process import Process, State
from toyvm.kernel.proc.signal_delivery import deliver
from toyvm.kernel.proc.signals import SigInfo, Signal
from toyvm.kernel.trap_handling import serve
from toyvm.kernel.vfs.open_file import OpenFile
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.run_options import Limits

WILD = (
    0,
    1,
    7,
    4095,
    4096,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    1 << 32,
    1 << 38,
    1 << 62,
    1 << 63,
    M64,
    M64 - 1,
    M64 - 4095,
)
_SLOT = 0x100  # bytes of one argument in memory
_SLOTS_AT, _SLOTS, _OUT_AT = 0x1000, 0x60, 0x8000  # in scratch
_FILES = ("a", "a", "a", "b", "sub/c", "fifo", "sock", "link", "loop", "new", "deep/er", ".", "..", "")
_HOST_FILES = (
    "/kept",
    "/sub/inner",
    "/out",
    "/up",
    "/sub/../../secret",
    "/out/secret",
    "/up/secret",
    "/loop",
    "/sub",
    "/made",
)
_PSEUDO = (
    "/proc/self/fd/%d", "/dev/fd/%d", "/proc/self/fdinfo/%d", "/proc/%d/status", "/proc/%d/task", "/proc/%d/root" "/secret",
    "/proc/self/maps", "/proc/self/cwd/../secret", "/dev/ptmx", "/dev/pts/0", "/dev/tty", "/dev/null", "/dev/zero", "/dev/full",
    "/dev/stdin", "/proc/self/exe", "/proc/locks", "/proc/net/unix", "/proc/self/mountinfo", "/sys/devices/system/cpu/online",
)  # fmt: skip
# The sorts of open files that calls want: words of the names of their classes
_SORTS = {
    "socket": ("Unix", "Inet", "Tcp", "Udp"), "pipe": ("Pipe", "Fifo"), "epoll": ("Epoll",), "timer": ("TimerFile",), "event": ("Event",),
    "inotify": ("Inotify",), "tty": ("Master", "Slave"), "pidfd": ("Pid",), "signal": ("Signal",),
    "file": ("MemFile", "HostFile", "NodeFile", "RegularFile"), "dir": ("Dir",),
}  # fmt: skip


class Sequence:
    """One machine and the dice that decide what its processes call."""

    def __init__(self, seed: int | Random, root: str | None = None, *, writable: bool = False):
        self.dice = seed if isinstance(seed, Random) else Random(seed)
        vfs = Vfs.sandbox(root, writable=writable, memfs_bytes=1 << 20)
        limits = Limits(processes=12, open_files=64)
        self.guest = Guest(2 << 20, vfs, limits)
        self.kernel: Kernel = self.guest.kernel
        self.scratch = self.guest.scratch
        self.process: Process = self.guest.process
        self.last: tuple[str, Arguments] = ("", ())
        self.results: list[tuple[str, int | None]] = []
        self._slot = 0
        names = sorted(MAKERS)
        families = [
            self.dice.choice(FAMILIES).split() for _ in range(self.dice.randint(1, 3))
        ]  # each has its emphasis
        self._names = [name for family in families for name in family] * 3 + self.dice.sample(names, 8)
        for family in families:
            for name, *arguments in PROLOGUES.get(family[0], ()):
                self._make(name, [a(self) if callable(a) else a for a in arguments])
        for signal in (1, 2, 10, 12, 13, 14, 17, 34, 35):
            if self.dice.random() < 0.8:
                self._make(
                    "rt_sigaction",
                    [signal, self.put(struct.pack("<QQQ", self.pick(1, HANDLER, HANDLER), 4, 0)), 0, 8],
                )

    def _make(self, name: str, arguments: list[int]) -> None:
        """One call of the first process, which does not wait."""
        self.guest.call(name, *arguments)
        assert self.process.state is State.RUNNABLE, name

    # What arguments consist of

    def pick(self, *choices: int) -> int:
        """One of some values."""
        return self.dice.choice(choices)

    def bits(self, *choices: int) -> int:
        """Some of these bits."""
        return sum(bit for bit in set(choices) if self.dice.random() < 0.3)

    def put(self, data: bytes) -> int:
        """The address of these bytes, in a place of their own for a while; sometimes a bad one."""
        if self.dice.random() < 0.02:
            return self.dice.choice(WILD)
        self._slot = (self._slot + 1) % _SLOTS
        va = self.scratch + _SLOTS_AT + self._slot * _SLOT
        with suppress(OSError):  # the program may have unmapped it
            self.process.mm.write(va, data[:_SLOT])
        return va

    def maybe(self, va: int) -> int:
        """The address, or none."""
        return va if self.dice.random() < 0.6 else 0

    def out(self, size: int = 64) -> int:
        """Where a result goes."""
        return (
            self.scratch + _OUT_AT + self.dice.randrange(0, 0x4000, 8)
            if self.dice.random() < 0.97
            else self.dice.choice(WILD)
        )

    def fd(self, sort: str = "") -> int:
        """A descriptor, mostly an open one, and mostly of that sort."""
        fds = list(self.process.fds)
        if sort and self.dice.random() < 0.85:
            fds = [fd for fd in fds if sort_of(self.process.fds.get(fd)) == sort] or fds
        return (
            self.dice.choice(fds) if fds and self.dice.random() < 0.95 else self.pick(-1, 63, 1000, AT_FDCWD)
        )

    def at(self) -> int:
        return AT_FDCWD if self.dice.random() < 0.8 else self.fd()

    def name(self) -> str:
        """The name of a file somewhere."""
        kind = self.dice.random()
        if kind < 0.6:
            return "/tmp/" + self.dice.choice(_FILES)
        if kind < 0.75:
            return self.dice.choice(_HOST_FILES)
        if kind < 0.85:
            return self.dice.choice(_FILES)
        name = self.dice.choice(_PSEUDO)
        return (
            name % self.dice.randint(0, 12)
            if "fd" in name and "%" in name
            else name % self.pid()
            if "%" in name
            else name
        )

    def path(self) -> int:
        return self.put(self.name().encode() + b"\0")

    def pid(self) -> int:
        """The number of a process or a thread."""
        return (
            self.dice.choice(list(self.kernel.threads))
            if self.dice.random() < 0.9
            else self.pick(0, 1, -1, 9999)
        )

    def signal(self) -> int:
        return (
            self.pick(0, 1, 2, 10, 12, 13, 14, 17, 18, 19, 20, 21, 34, 35, 64, 65)
            if self.dice.random() < 0.95
            else self.pick(9, 11, 15)
        )

    def sigset(self) -> int:
        return self.put(
            struct.pack(
                "<Q", self.dice.choice((0, M64, 1 << 9 | 1 << 16, 3 << 33, self.dice.getrandbits(64)))
            )
        )

    def ns(self) -> int:
        return self.pick(0, 0, 1, 1000, 10**6, 10**9 - 1, 10**9, -1)

    def timespec(self) -> int:
        return self.put(struct.pack("<qq", self.pick(0, 0, 0, 1, 10, 1 << 40, (1 << 63) - 1, -1), self.ns()))

    def itimerspec(self) -> int:
        return self.put(
            struct.pack("<4q", self.pick(0, 0, 1, 1 << 62), self.ns(), self.pick(0, 0, 1, 1 << 62), self.ns())
        )

    def size(self) -> int:
        return self.pick(0, 1, 8, 16, 100, 256, 4096, 8192, 70000, 1 << 31, 1 << 62)

    def small(self) -> int:
        return self.pick(0, 1, 8, 16, 100, 256, 4096)

    def offset(self) -> int:
        return self.pick(0, 0, 1, 100, 4096, 1 << 20, 1 << 40, (1 << 63) - 1, -1)

    def iov(self) -> int:
        """An array of buffers."""
        return self.put(b"".join(struct.pack("<QQ", self.out(), self.size()) for _ in range(8)))

    def sockaddr(self) -> bytes:
        kind = self.dice.random()
        if kind < 0.35:
            return struct.pack("<H", 1) + self.name().encode() + b"\0"
        if kind < 0.6:
            return struct.pack("<H", 1) + b"\0name" + bytes([self.pick(0, 1, 1, 1, 2)])
        if kind < 0.65:
            return struct.pack("<H", 1)
        port = self.pick(0, 80, 5000, 5000, 5001, 5002)
        if kind < 0.85:
            host = self.dice.choice(
                (
                    b"\x7f\0\0\1",
                    b"\x7f\0\0\1",
                    b"\x7f\0\0\1",
                    b"\0\0\0\0",
                    b"\x08\x08\x08\x08",
                    b"\xe0\0\0\1",
                    b"\xff\xff\xff\xff",
                )
            )
            return struct.pack("<H", 2) + struct.pack(">H", port) + host + bytes(8)
        host = self.dice.choice(
            (bytes(15) + b"\1", bytes(16), bytes(10) + b"\xff\xff\x7f\0\0\1", b"\x20\1" + bytes(14))
        )
        return struct.pack("<H", 10) + struct.pack(">H", port) + bytes(4) + host + bytes(4)

    def address(self) -> tuple[int, int]:
        """A socket address and its length."""
        data = self.sockaddr()
        return self.put(data), len(data) if self.dice.random() < 0.8 else self.pick(0, 2, 110, 16, 28)

    def length(self) -> int:
        return self.put(struct.pack("<i", self.pick(0, 4, 16, 110, 128, -1)))

    def control(self) -> bytes:
        """Control data: descriptors, credentials, or nonsense."""
        if self.dice.random() < 0.7:
            fds = [self.fd() for _ in range(self.dice.randint(1, 4))]
            return struct.pack(f"<Qii{len(fds)}i", 16 + 4 * len(fds), 1, 1, *(sign(fd) for fd in fds))
        if self.dice.random() < 0.5:
            return struct.pack("<Qiiiii", 28, 1, 2, self.pid() & 0xFFFF, 1000, 1000)
        return struct.pack("<Qii", self.pick(0, 15, 16, 1 << 40), 1, self.pick(0, 1, 2))

    def msghdr(self) -> bytes:
        name, length = self.address() if self.dice.random() < 0.3 else (0, 0)
        control = self.control().ljust(64, b"\0") if self.dice.random() < 0.6 else b""
        iov = self.put(
            b"".join(struct.pack("<QQ", self.out(), self.pick(0, 1, 10, 100, 5000)) for _ in range(3))
        )
        return struct.pack(
            "<QiiQQQQii", name, length, 0, iov, self.pick(0, 1, 1, 2, 3), self.put(control) if control else 0,
            self.pick(len(control), len(control), 24, 1 << 20) if control else 0, 0, 0,
        )  # fmt: skip

    def word(self) -> int:
        """A futex: one of a few words that all share."""
        return (
            self.scratch + 0x800 + self.pick(0, 4, 8, 12, 64)
            if self.dice.random() < 0.95
            else self.pick(0, 3, *WILD)
        )

    def flock(self) -> int:
        return self.put(
            struct.pack(
                "<hh4xqqi4x",
                self.pick(0, 1, 2, 3),
                self.pick(0, 1, 2),
                self.pick(0, 1, 10, 1 << 62, -5),
                self.pick(0, 1, 5, -3, 1 << 62),
                0,
            )
        )

    def clone_flags(self) -> int:
        thread = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000
        return self.pick(
            17, 17, 0, thread, thread | 0x1000000 | 0x200000, 0x4100 | 17, 0x100 | 17, 0x400 | 17,
            0x1100 | 17, 0x10000, 0x800, 0x100000 | 17,
            thread | 0x80000 | 0x100000,
        )  # fmt: skip

    # Running

    def step(self) -> bool:
        """One call, or the next part of one that waited, of some process. Returns False when none is left."""
        kernel = self.kernel
        alive = [thread for thread in kernel.threads.values() if thread.alive]
        if not alive:
            return False
        ready = [thread for thread in alive if thread.state is State.RUNNABLE]
        if not ready:
            if not kernel.scheduler.advance():
                waker = self.dice.choice(alive)
                send(
                    kernel,
                    waker,
                    SigInfo(
                        Signal.SIGCONT
                        if waker.state is State.STOPPED
                        else self.dice.choice((Signal.SIGUSR1, Signal.SIGKILL))
                    ),
                )
            kernel._timers()
            return True
        process = self.process = self.dice.choice(ready)
        if (process.signals.pending or process.signals.shared) and not deliver(kernel, process):
            return True
        hart = process.hart
        if not process.in_call:
            name = self.dice.choice(self._names)
            if name in ("exit", "exit_group") and len(alive) < 3:
                name = "getpid"
            if name != "rt_sigreturn":
                hart.x[2] = self.scratch + STACK_AT
            args = [arg & M64 for arg in MAKERS[name](self)]
            if self.dice.random() < 0.03 and args:
                args[self.dice.randrange(len(args))] = self.dice.choice(WILD)
            self.last = name, tuple(args)
            hart.pc = HANDLER
            hart.x[10:16] = (args + [0] * 6)[:6]
            hart.x[17] = number_of_cached(name)
        serve(kernel, process)
        if not process.in_call and process.alive:
            self.results.append((self.last[0], hart.x[10]))
        kernel.yielded = False
        kernel._timers()
        return True

    def end(self) -> None:
        """Everything ends; nothing is left."""
        kernel = self.kernel
        kill_all(kernel)
        kernel.power_off()
        assert kernel.frames.used == 0 and kernel.files.used == 0
        lazily = kernel.__dict__
        if "network" in lazily:
            assert not kernel.network.sockets and not kernel.network.in_flight and not kernel.network.used
            assert not kernel.network.abstract and not kernel.network.bound
        if "pipes" in lazily:
            assert kernel.pipes._open == 0
        if "futexes" in lazily:
            assert not kernel.futexes._queues
        for locks in ("flocks", "record_locks"):
            if locks in lazily:
                assert not lazily[locks]._held and lazily[locks]._count == 0
        if kernel.leases is not None:
            assert not kernel.leases._held
        if kernel.inotify is not None:
            assert kernel.inotify.instances == 0 and not kernel.inotify._watching


def sort_of(file: OpenFile) -> str:
    """The sort of an open file, "" for another one."""
    name = type(file).__name__ if file.node is None else type(file.node).__name__
    return next((sort for sort, words in _SORTS.items() if any(word in name for word in words)), "")


_numbers: dict[str, int] = {}


def number_of_cached(name: str) -> int:
    """The number of a system call."""
    if name not in _numbers:
        _numbers[name] = number_of(name)
    return _numbers[name]
