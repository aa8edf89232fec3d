"""Signals: numbers, dispositions, pending signals, siginfo_t (signal(7), Linux riscv64)."""

from __future__ import annotations

import errno
import struct

from toyvm.base.errors import error
from toyvm.base.light_types import IntEnum
from toyvm.base.record import Record


class Signal(IntEnum):
    """Linux's numbers on riscv64 (asm-generic)."""

    SIGHUP = 1
    SIGINT = 2
    SIGQUIT = 3
    SIGILL = 4
    SIGTRAP = 5
    SIGABRT = 6
    SIGBUS = 7
    SIGFPE = 8
    SIGKILL = 9
    SIGUSR1 = 10
    SIGSEGV = 11
    SIGUSR2 = 12
    SIGPIPE = 13
    SIGALRM = 14
    SIGTERM = 15
    SIGSTKFLT = 16
    SIGCHLD = 17
    SIGCONT = 18
    SIGSTOP = 19
    SIGTSTP = 20
    SIGTTIN = 21
    SIGTTOU = 22
    SIGURG = 23
    SIGXCPU = 24
    SIGXFSZ = 25
    SIGVTALRM = 26
    SIGPROF = 27
    SIGWINCH = 28
    SIGIO = 29
    SIGPWR = 30
    SIGSYS = 31


# The messages that a shell prints when a process is killed (strsignal(3)).
DEATH_WORDS: dict[int, str] = {
    Signal.SIGSEGV: "Segmentation fault",
    Signal.SIGBUS: "Bus error",
    Signal.SIGILL: "Illegal instruction",
    Signal.SIGABRT: "Aborted",
    Signal.SIGTRAP: "Trace/breakpoint trap",
    Signal.SIGFPE: "Floating point exception",
    Signal.SIGKILL: "Killed",
    Signal.SIGSYS: "Bad system call",
}
IGNORED_BY_DEFAULT = {Signal.SIGCHLD, Signal.SIGCONT, Signal.SIGURG, Signal.SIGWINCH}
MAX_SIGNAL, SIGRTMIN = 64, 32
MAX_QUEUED = 1024  # real-time signals of one number, as RLIMIT_SIGPENDING bounds them
SIG_DFL, SIG_IGN = 0, 1
SA_NOCLDSTOP, SA_NOCLDWAIT, SA_SIGINFO, SA_ONSTACK = 1, 2, 4, 0x08000000
SA_RESTART, SA_NODEFER, SA_RESETHAND = 0x10000000, 0x40000000, 0x80000000
UNBLOCKABLE = 1 << (Signal.SIGKILL - 1) | 1 << (Signal.SIGSTOP - 1)
SS_ONSTACK, SS_DISABLE, SS_AUTODISARM = 1, 2, 1 << 31
MINSIGSTKSZ = 2048
SI_USER, SI_QUEUE, SI_TIMER, SI_TKILL, SI_KERNEL = 0, -1, -2, -6, 0x80
SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR, ILL_ILLOPC, TRAP_BRKPT = 1, 2, 2, 1, 1
CLD_EXITED, CLD_KILLED, CLD_STOPPED, CLD_CONTINUED = 1, 2, 5, 6
STOP_SIGNALS = (Signal.SIGSTOP, Signal.SIGTSTP, Signal.SIGTTIN, Signal.SIGTTOU)


class SignalSource:
    """A timer that sends a signal. The signal shows its `number`, `overrun` and `value`."""

    number = 0
    overrun = 0
    value = 0

    def taken(self) -> None:
        """The signal is about to be delivered."""
        raise NotImplementedError


class SigInfo(Record):
    """The fields of siginfo_t that are set: `address` for faults, else `pid`, `uid` and `status`.

    `raw` are the bytes after the first three fields, as rt_sigqueueinfo(2) passes them.
    """

    signal: int
    code: int = SI_KERNEL
    address: int = 0
    pid: int = 0
    status: int = 0
    uid: int = 0
    raw: bytes = b""
    source: SignalSource | None = None

    def pack(self) -> bytes:
        """The 128 bytes of a siginfo_t."""
        if self.raw:
            union = self.raw[4:]
        elif self.source is not None:
            union = struct.pack("<iiQ", self.source.number, self.source.overrun, self.source.value)
        elif self.address or self.signal in (4, 5, 7, 8, 11):
            union = struct.pack("<Q", self.address)
        else:
            union = struct.pack("<iIi", self.pid, self.uid, self.status)
        return (struct.pack("<iiii", self.signal, 0, self.code, 0) + union).ljust(128, b"\0")


class Action(Record):
    """struct sigaction of rt_sigaction(2): three 64-bit words on riscv64 (no restorer)."""

    handler: int = SIG_DFL
    flags: int = 0
    mask: int = 0


class SignalState(Record, frozen=False):
    """The signals of one thread. Masks are bit sets with bit n-1 for signal n.

    A standard signal is pending once; the real-time ones from SIGRTMIN on are queued. `awaited` are
    the signals that the thread waits for in rt_sigtimedwait.

    The threads of a process have the same dictionaries `actions`, `shared` and `targets`: what
    signals do, those that are pending for the process, and the thread that was chosen to take one
    of these. Without a target, the first thread that does not block the signal takes it.
    """

    actions: dict[int, Action] = {}
    mask: int = 0
    pending: dict[int, list[SigInfo]] = {}
    restore_mask: int | None = None  # the mask before rt_sigsuspend or ppoll, restored after the signal
    stack: tuple[int, int, int] = (0, 0, SS_DISABLE)  # sigaltstack: address, size, flags as they were given
    shared: dict[int, list[SigInfo]] = {}
    targets: dict[int, SignalState] = {}
    awaited: int = 0

    def on_stack(self, sp: int) -> bool:
        """Whether `sp` is in the alternate stack; never in one that a handler's start takes away (SS_AUTODISARM)."""
        base, size, flags = self.stack
        return not flags & SS_AUTODISARM and base < sp <= base + size

    def set_stack(self, sp: int, base: int, size: int, flags: int) -> None:
        """sigaltstack(2) of a thread whose stack pointer is `sp`. Raises OSError: EPERM, EINVAL, ENOMEM."""
        if self.on_stack(sp):
            raise error(errno.EPERM)
        mode = flags & ~SS_AUTODISARM
        if mode not in (0, SS_ONSTACK, SS_DISABLE):
            raise error(errno.EINVAL)
        if mode == SS_DISABLE:
            base = size = 0
        elif size < MINSIGSTKSZ and self.stack != (base, size, flags):
            raise error(errno.ENOMEM)
        self.stack = (base, size, flags)

    def action(self, signal: int) -> Action:
        return self.actions.get(signal, Action())

    def ignores(self, signal: int) -> bool:
        """Whether the signal has no effect: SIG_IGN, or ignored by default."""
        action = self.action(signal)
        return action.handler == SIG_IGN or (action.handler == SIG_DFL and signal in IGNORED_BY_DEFAULT)

    def blocks(self, signal: int) -> bool:
        """Whether the thread's mask holds the signal back."""
        return bool(self.mask >> (signal - 1) & 1)

    def wants(self, signal: int) -> bool:
        """Whether the thread would take the signal, by a handler or in rt_sigtimedwait."""
        return bool((~self.mask | self.awaited) >> (signal - 1) & 1)

    def next(self) -> int | None:
        """The lowest signal that the thread takes now, its own before those of the process; None if there is none."""
        held = self.mask | self.awaited
        if self.pending:
            own = [s for s in self.pending if not held >> (s - 1) & 1]
            if own:
                return min(own)
        if self.shared:
            ours = [s for s in self.shared if not held >> (s - 1) & 1 and self.targets.get(s, self) is self]
            if ours:
                return min(ours)
        return None

    def take(self, signal: int) -> SigInfo:
        """Remove the first pending signal of a number, of the thread or its process. Raises KeyError."""
        pending = self.pending if signal in self.pending else self.shared
        queue = pending[signal]
        info = queue.pop(0)
        if not queue:
            del pending[signal]
            if pending is self.shared:
                self.targets.pop(signal, None)
        if info.source is not None:
            info.source.taken()
        return info

    def take_one_of(self, mask: int) -> SigInfo | None:
        """Remove the lowest pending signal of a set, the thread's own first. None if there is none."""
        for pending in (self.pending, self.shared):
            found = [signal for signal in pending if mask >> (signal - 1) & 1]
            if found:
                return self.take(min(found))
        return None

    def queue(self, info: SigInfo, *, to_thread: bool) -> bool:
        """Make a signal pending for the thread or its process. Return False if it is a standard one that already is.

        Raises OSError(EAGAIN) if too many real-time signals are pending.
        """
        pending = self.pending if to_thread else self.shared
        queue = pending.setdefault(info.signal, [])
        if queue and info.signal < SIGRTMIN:
            return False
        if len(queue) >= MAX_QUEUED:
            if info.code == SI_USER:  # kill(2) promises no queue
                return False
            raise error(errno.EAGAIN)
        queue.append(info)
        return True

    def waiting(self) -> int:
        """The pending signals of the thread and its process, as a bit set."""
        return sum(1 << (s - 1) for s in {*self.pending, *self.shared})

    def fork(self, *, same_handlers: bool = False) -> SignalState:
        """The state of a forked child: same dispositions and mask, no pending signals.

        With `same_handlers` (CLONE_SIGHAND), parent and child change the dispositions together.
        """
        actions = self.actions if same_handlers else dict(self.actions)
        return SignalState(actions, self.mask, {}, None, self.stack)

    def thread(self) -> SignalState:
        """The state of a new thread of the process: same mask, no pending signals, no alternate stack."""
        twin = SignalState(mask=self.mask)
        twin.actions, twin.shared, twin.targets = self.actions, self.shared, self.targets
        return twin

    def exec(self) -> None:
        """Reset handlers to SIG_DFL, as execve(2) does. Ignored signals stay ignored."""
        self.actions = {s: a for s, a in self.actions.items() if a.handler == SIG_IGN}
        self.stack = (0, 0, SS_DISABLE)
