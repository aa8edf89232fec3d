"""Events of a run: page faults, copy-on-write faults, system calls, processes, mappings, signals.

The kernel emits events, and observers subscribe to them by type. An emitter asks `bus.wants(Type)`
before it builds an event, so that a run without observers is not slowed down. Counters
(`kernel.counters`) do not depend on events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from .light_types import Any, StrEnum, TypeVar
from .record import Record


class FaultKind(StrEnum):
    """How a page fault was resolved."""

    DEMAND_ZERO = "demand_zero"  # first write to an anonymous page: a zeroed frame
    DEMAND_MEGAPAGE = "demand_megapage"  # first access to 2 MiB of anonymous memory: 512 zeroed frames
    ZERO_READ = "zero_read"  # first read of an anonymous page: the shared zero page
    FILE_MINOR = "file_minor"  # a file page that was in the page cache
    FILE_MAJOR = "file_major"  # a file page that was read from the file
    SHARED_ZERO = "shared_zero"  # first touch of a page of shared anonymous memory
    COW = "cow"  # write to a shared frame of a private mapping: a copy
    COW_REUSE = "cow_reuse"  # the same by the last owner: the frame becomes writable without a copy
    SWAP_IN = "swap_in"  # a page that was read from the swap area
    SWAP_CACHED = "swap_cached"  # a swapped page that was in the swap cache
    WRITE_ENABLE = "write_enable"  # first write to a present page of a shared mapping
    SPURIOUS = "spurious"  # the page table already allows the access
    SEGV = "segv"
    SIGBUS = "sigbus"
    OOM = "oom"  # no free frame


class Event(Record):
    """Base of all events. `time` is virtual time in nanoseconds since the machine started."""

    time: int
    pid: int


class PageFault(Event):
    """A page fault and its resolution.

    `access` is "read", "write" or "execute". `pc` is 0 for an access by the kernel. `vma` is the
    mapping's line of /proc/PID/maps, or "". `pte_before` and `pte_after` are the page's entry, in a
    megapage the entry that a split would give it. `frames_more` is the change in frames in use, of
    which `tables_made` hold page tables.
    """

    kind: FaultKind
    va: int
    pc: int
    access: str
    vma: str
    frame: int | None
    grew_stack: bool = False
    pte_before: int = 0
    pte_after: int = 0
    tables_made: int = 0
    frames_more: int = 0


class CowFault(Event):
    """A copy-on-write fault. If `frame_after == frame_before`, the last owner reused the frame.

    `refcount_before` and `refcount_after` are the reference counts of the old frame; the page cache
    holds one of the references if `in_page_cache`. `source` is "anonymous", "file" or "zero".
    """

    va: int
    pc: int
    vma: str
    source: str
    pte_before: int
    frame_before: int
    refcount_before: int
    in_page_cache: bool
    copied: bool
    frame_after: int
    refcount_after: int
    pte_after: int


class PageReclaimed(Event):
    """Reclaim freed `frame`, which `mappings` page table entries mapped.

    `slot` is the swap slot that holds the page; None if the page can be read from its file.
    """

    frame: int
    mappings: int
    slot: int | None


class SyscallEnter(Event):
    """A system call of the thread `pid` begins. The number of a process's first thread is the process's.

    `args` are the six argument registers, `text` is `name(arguments)` as in strace.
    """

    number: int
    name: str
    args: tuple[int, int, int, int, int, int]
    text: str


class SyscallExit(Event):
    """A system call of the thread `pid` returned. `result` is a0, signed; `text` is the strace line.

    `known` is False for a number that is not in the table of system calls.
    """

    number: int
    name: str
    result: int
    text: str
    known: bool = True


class ProcessForked(Event):
    """`pid` created `child`; `shares_memory` is set for vfork and CLONE_VM."""

    child: int
    shares_memory: bool


class ThreadStarted(Event):
    """The thread `pid` created the thread `tid` in its process."""

    tid: int


class ThreadExited(Event):
    """The thread `pid` of the process `process` exited. `instructions` are those that it executed."""

    process: int
    instructions: int


class ProcessExecuted(Event):
    """`pid` executed `path` (execve(2))."""

    path: str
    argv: tuple[bytes, ...]
    entry: int


class ProcessEnding(Event):
    """`pid` is about to exit; its memory and its files still exist."""


class ProcessExited(Event):
    """`pid` exited with `status` (0..255), or `signal` (not 0) killed it."""

    status: int
    signal: int
    instructions: int


class MappingChanged(Event):
    """A system call changed the mappings of `start`..`end`.

    `what` is the call's name (mmap, munmap, mprotect, ...), `detail` the new state.
    """

    what: str
    start: int
    end: int
    detail: str


class SignalSent(Event):
    """`signal` was made pending for `pid` by `sender` (0 = the kernel)."""

    signal: int
    sender: int


class ContextSwitch(Event):
    """The hart switched from the thread `previous` to the thread `pid`."""

    previous: int


E = TypeVar("E", bound=Event)


class Bus:
    """Passes each event to the subscribers of its type, in the order of subscription."""

    def __init__(self) -> None:
        self._subscribers: dict[type[Any], list[Callable[[Any], None]]] = {}
        self.wanted: Collection[type[Any]] = self._subscribers  # the types that have subscribers

    def subscribe(self, event_type: type[E], callback: Callable[[E], None]) -> None:
        """Call `callback` for each later event of exactly this type."""
        self._subscribers.setdefault(event_type, []).append(callback)

    def wants(self, event_type: type[Event]) -> bool:
        """Whether the type has a subscriber."""
        return event_type in self._subscribers

    def emit(self, event: Event) -> None:
        """Pass `event` to the subscribers of its type."""
        for callback in self._subscribers.get(type(event), ()):
            callback(event)
