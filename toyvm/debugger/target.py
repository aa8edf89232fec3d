"""What a debugger asks of a run: the interface under gdb's protocol and the terminal debugger.

A run is deterministic, so each of its moments can be computed again. A target is a run that stands
at one moment. It runs forwards, and backwards by computing the past again. Whatever is asked, the
run stays the run that it is without a debugger: breakpoints and watchpoints change no memory, a
step lets other threads run when the scheduler says so, and counts are the same. Only a write to
registers or memory makes another run of it, from that moment on.

Addresses and lengths are in bytes. A thread is named by its tid; the first thread of a process has
the pid. Unknown pids and tids raise NoSuchThreadError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from toyvm.base.errors import ToyvmError
from toyvm.base.record import Record


class NoSuchThreadError(ToyvmError):
    """A process or thread does not exist at this moment."""


class Moment(NamedTuple):
    """A moment of a run, in order.

    `instructions` is what the whole machine has executed before. `entry` counts the kernel's entries
    (system calls, faults, signals, switches) since that count was reached: a system call and a fault
    change the machine between two instructions.
    """

    instructions: int
    entry: int = 0


class Direction(Enum):
    """Of time."""

    FORWARD = "forward"
    BACKWARD = "backward"


class Access(Enum):
    """What a watchpoint watches for, as in gdb's `watch`, `rwatch` and `awatch`."""

    WRITE = "write"  # stops only if the value has changed
    READ = "read"
    ANY = "any"


class StopKind(Enum):
    """Why a run stands still."""

    STEPPED = "stepped"  # the instructions asked for were executed
    BREAKPOINT = "breakpoint"  # the next instruction of `tid` is at a breakpoint
    WATCHPOINT = "watchpoint"  # see Stop.watchpoint
    SIGNAL = "signal"  # `signal` is about to be delivered to `tid`
    FORKED = "forked"  # fork: `other` is the child's pid
    VFORKED = "vforked"
    VFORK_DONE = "vfork done"
    THREAD_STARTED = "thread started"  # `other` is the new thread's tid
    THREAD_EXITED = "thread exited"
    EXECUTED = "executed"  # execve: `path` is the new program, whose first instruction is next
    LIBRARIES = "libraries"  # toyvm's loader changed the set of loaded libraries of the process
    SYSCALL_ENTRY = "syscall entry"  # `number` is the call's
    SYSCALL_RETURN = "syscall return"
    FAULT = "fault"  # a page fault was handled: `address`
    SWITCHED = "switched"  # the hart runs `tid` now
    EXITED = "exited"  # the process exited with `status`
    KILLED = "killed"  # `signal` killed the process
    REACHED = "reached"  # the moment asked for
    INTERRUPTED = "interrupted"
    BEGINNING = "beginning"  # there is nothing before
    END = "end"  # every process has ended; the last moment of the run


class Watchpoint(Record):
    """`length` bytes of the process `pid` at `address`; pid 0: of each process."""

    address: int
    length: int
    access: Access = Access.WRITE
    pid: int = 0


class Breakpoint(Record):
    """An address in the process `pid`; pid 0: in each process."""

    address: int
    pid: int = 0


class Stop(Record):
    """Where and why a run stands.

    At a watchpoint of WRITE, forwards, the instruction at `pc` has been executed by `tid` and changed
    `old` to `new`; backwards, it is about to be.
    """

    kind: StopKind
    moment: Moment
    pid: int = 0
    tid: int = 0
    pc: int = 0
    signal: int = 0
    siginfo: bytes = b""  # siginfo_t, 128 bytes
    watchpoint: Watchpoint | None = None
    old: bytes = b""
    new: bytes = b""
    other: int = 0
    path: str = ""
    number: int = 0
    address: int = 0
    status: int = 0


class Conditions(Record):
    """When a resumed run stops, besides signals that debuggers see, and the ends of processes.

    `steps` instructions of the thread `tid` (0: of any thread); 0: no limit. `until` is the moment to
    stop at. `kinds` are the events to stop at (FORKED, SYSCALL_ENTRY, FAULT, ...).
    `syscalls` limits SYSCALL_ENTRY and SYSCALL_RETURN to numbers; empty: all.
    `range` is a half-open interval of pc: while `tid` stays in it, its steps do not count (vCont;r).
    `pass_signals` are the numbers that do not stop the run.
    """

    steps: int = 0
    tid: int = 0
    until: Moment | None = None
    kinds: frozenset[StopKind] = frozenset()
    syscalls: frozenset[int] = frozenset()
    range: tuple[int, int] | None = None
    pass_signals: frozenset[int] = frozenset()


class Registers(Record):
    """The registers of a thread: x0 to x31, pc, f0 to f31 (raw bits) and fcsr.

    `instret` and `time` are what the thread would read from these CSRs now. A write leaves them as they are.
    """

    x: tuple[int, ...]
    pc: int
    f: tuple[int, ...]
    fcsr: int
    instret: int = 0
    time: int = 0


class ThreadState(Record):
    """A thread: `state` is a letter as in /proc/PID/stat (R, S, T, Z); `syscall` is the call it waits in."""

    tid: int
    pid: int
    name: str
    state: str
    running: bool  # it has the hart
    syscall: str = ""


class ProcessState(Record):
    """A process that exists: `exe` is the guest path of its program, `command` its arguments."""

    pid: int
    parent: int
    exe: str
    command: tuple[bytes, ...]
    alive: bool


class LibraryState(Record):
    """A loaded shared object: guest path, address of its struct link_map, l_addr, and its dynamic section."""

    path: str
    link_map: int
    base: int
    dynamic: int


class Target(Protocol):
    """A run that stands at a moment."""

    @property
    def moment(self) -> Moment:
        """The moment at which the run stands."""
        ...

    @property
    def last_stop(self) -> Stop:
        """Why it stands there."""
        ...

    # Looking

    def processes(self) -> Sequence[ProcessState]:
        """The processes that exist, by pid."""
        ...

    def threads(self) -> Sequence[ThreadState]:
        """The threads that exist, by tid."""
        ...

    def registers(self, tid: int) -> Registers:
        """The registers of a thread."""
        ...

    def read_memory(self, pid: int, address: int, length: int) -> bytes:
        """Memory as a debugger sees it (any mapping, present or not). It ends before the first byte that has none.

        Reading changes nothing: no page becomes present, no A bit is set.
        """
        ...

    def read_file(self, pid: int, path: str) -> bytes:
        """A file of the guest as the process `pid` sees it, /proc included. Raises OSError with errno."""
        ...

    def auxv(self, pid: int) -> bytes:
        """The auxiliary vector of the process."""
        ...

    def libraries(self, pid: int) -> Sequence[LibraryState]:
        """The shared objects of the process in the order of link_map, the program itself included."""
        ...

    def siginfo(self, tid: int) -> bytes:
        """The siginfo_t of the signal that stopped the thread; empty if none did."""
        ...

    def output(self) -> bytes:
        """What the guest has written to standard output and standard error up to this moment."""
        ...

    def ask(self, question: str, pid: int, address: int = 0) -> str:
        """An answer as text: "maps", "smaps", "pagetable", "pte ADDRESS", "why ADDRESS", "frames", "trace" ...

        Raises UsageError for a question that it does not know, naming those it knows.
        """
        ...

    # Changing the run: from here on it is another one

    def write_registers(self, tid: int, registers: Registers) -> None:
        """Set the registers of a thread."""
        ...

    def write_memory(self, pid: int, address: int, data: bytes) -> None:
        """Write as PTRACE_POKEDATA does: read-only private pages too, which become copies. Raises OSError (EFAULT)."""
        ...

    def kill(self, pid: int) -> None:
        """Kill a process with SIGKILL."""
        ...

    # Moving

    def set_breakpoints(self, breakpoints: Sequence[Breakpoint]) -> None:
        """Replace all breakpoints."""
        ...

    def set_watchpoints(self, watchpoints: Sequence[Watchpoint]) -> None:
        """Replace all watchpoints."""
        ...

    def resume(
        self,
        conditions: Conditions,
        direction: Direction = Direction.FORWARD,
        signals: Mapping[int, int] | None = None,
    ) -> Stop:
        """Run until something of `conditions`, a breakpoint or a watchpoint stops it.

        A breakpoint at the present pc of the thread that runs next does not stop it at once.
        `signals`: for a thread that stands at SIGNAL, the number to deliver in its place (0: none);
        a thread that is not named gets its signal. Backwards, the run stops before the instruction that would
        stop it: at a breakpoint's address, or before the instruction that changed a watched value.
        """
        ...

    def go_to(self, moment: Moment) -> Stop:
        """Stand at a moment, before or after the present one. A moment past the end is the end."""
        ...

    def interrupt(self) -> None:
        """Stop a running `resume` soon; may be called from another thread or a signal handler."""
        ...

    def close(self) -> None:
        """End the run and free everything."""
        ...
