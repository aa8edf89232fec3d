"""What happens in a run, as values: page faults, copy-on-write in its steps, system calls, processes, mappings.

The kernel emits them, observers subscribe by type. Nobody listening must cost next to nothing, so an emitter asks
`bus.wants(Type)` before it builds an event. Counters (`kernel.counters`) do not depend on events.
"""

from __future__ import annotations

from collections.abc import Callable

from .light_types import Any, StrEnum, TypeVar
from .record import Record


class FaultKind(StrEnum):
    """How a page fault was resolved."""

    DEMAND_ZERO = "demand_zero"  # first write to an anonymous page: a zeroed frame
    DEMAND_MEGAPAGE = (
        "demand_megapage"  # first write to 2 MiB of anonymous memory: zeroed frames for all of it
    )
    ZERO_READ = "zero_read"  # first read of an anonymous page: the shared zero page
    FILE_MINOR = "file_minor"  # a file's page that was in the page cache
    FILE_MAJOR = "file_major"  # a file's page that had to be read
    SHARED_ZERO = "shared_zero"  # first touch of a page of shared anonymous memory
    COW = "cow"  # write to a shared frame of a private mapping: a copy
    COW_REUSE = "cow_reuse"  # the same, by the last sharer: the frame is taken over
    SWAP_IN = "swap_in"  # a page that had to be read from the swap area
    SWAP_CACHED = "swap_cached"  # a swapped page that was in memory still, or again
    WRITE_ENABLE = "write_enable"  # first write to a present page of a shared mapping
    SPURIOUS = "spurious"  # the tables already allowed it
    SEGV = "segv"
    SIGBUS = "sigbus"
    OOM = "oom"  # no frame left


class Event(Record):
    """Base of all events. `time` is virtual time in nanoseconds since the machine was switched on."""

    time: int
    pid: int


class PageFault(Event):
    """A page fault and what came of it. `access` is "read", "write" or "execute"; `vma` its /proc/PID/maps line or ""."""

    kind: FaultKind
    va: int
    pc: int
    access: str
    vma: str
    frame: int | None
    grew_stack: bool = False


class CowFault(Event):
    """A copy-on-write fault in its steps. `frame_after == frame_before` means that the last sharer took the page.

    `refcount_before` counts all holders of the old frame, the page cache included (`in_page_cache`);
    `refcount_after` is what is left on the old frame. `source` is "anonymous", "file" or "zero".
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
    """`frame` was freed: `mappings` entries of all processes held it. `slot` of the swap area has the page; None: its file has."""

    frame: int
    mappings: int
    slot: int | None


class SyscallEnter(Event):
    """A system call begins. `args` are the six argument registers; `text` is `name(decoded arguments)` as strace has it."""

    number: int
    name: str
    args: tuple[int, int, int, int, int, int]
    text: str


class SyscallExit(Event):
    """A system call ended. `result` is a0 as signed; `text` the whole strace line. `known` is False for ENOSYS by number."""

    number: int
    name: str
    result: int
    text: str
    known: bool = True


class ProcessForked(Event):
    """`pid` forked `child`; `shares_memory` for vfork and CLONE_VM."""

    child: int
    shares_memory: bool


class ProcessExecuted(Event):
    """`pid` now runs `path`."""

    path: str
    argv: tuple[bytes, ...]
    entry: int


class ProcessEnding(Event):
    """`pid` is about to end: it has its memory and its files still."""


class ProcessExited(Event):
    """`pid` ended: `status` 0..255, or `signal` not 0."""

    status: int
    signal: int
    instructions: int


class MappingChanged(Event):
    """mmap, munmap, mprotect, brk or mremap changed `start`..`end`; `what` is the call's name, `detail` the new state."""

    what: str
    start: int
    end: int
    detail: str


class SignalSent(Event):
    """`signal` was made pending for `pid` by `sender` (0 = the kernel)."""

    signal: int
    sender: int


class ContextSwitch(Event):
    """The hart now runs `pid`; before it ran `previous`."""

    previous: int


E = TypeVar("E", bound=Event)


class Bus:
    """Hands each event to those who subscribed to its type, in the order of subscription."""

    def __init__(self) -> None:
        self._subscribers: dict[type[Any], list[Callable[[Any], None]]] = {}

    def subscribe(self, event_type: type[E], callback: Callable[[E], None]) -> None:
        """Call `callback` with every later event of exactly this type."""
        self._subscribers.setdefault(event_type, []).append(callback)

    def wants(self, event_type: type[Event]) -> bool:
        """Whether anyone listens: ask before building an event."""
        return event_type in self._subscribers

    def emit(self, event: Event) -> None:
        """Hand `event` to its subscribers."""
        for callback in self._subscribers.get(type(event), ()):
            callback(event)
