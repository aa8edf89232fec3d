"""Writes events of a run as lines of text, as they happen (`--trace`).

`attach` subscribes the renderers for the requested kinds of events. A copy-on-write fault is shown
step by step, from the instruction that traps to the instruction that is executed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from textwrap import wrap
from typing import TYPE_CHECKING

from ..base.errors import UsageError
from ..base.events import (
    Bus,
    CowFault,
    FaultKind,
    MappingChanged,
    PageFault,
    PageReclaimed,
    ProcessExecuted,
    ProcessExited,
    ProcessForked,
    SignalSent,
    SyscallExit,
    ThreadExited,
    ThreadStarted,
)
from ..loader.loader_events import LibraryMapped, LibraryUnmapped, RelocationDone, SymbolBound
from .pte_text import pte_text

if TYPE_CHECKING:
    from .symbolize import Symbolizer

PAGE = 4096
WIDTH = 120


def folded(text: str, indent: str = "      ") -> str:
    """A line with its newline. One of more than 120 columns loses padding, and goes on in further lines.

    It is broken behind a semicolon, so that a place or a mapping stays whole and can be searched
    for, and at a space only where no semicolon comes in time.
    """
    if len(text) <= WIDTH:
        return f"{text}\n"
    start = text[: len(text) - len(text.lstrip())]
    lines: list[str] = []
    for part in " ".join(text.split()).split("; "):
        if lines and len(lines[-1]) + len(part) + 3 <= WIDTH:
            lines[-1] += f"; {part}"
            continue
        if lines:
            lines[-1] += ";"
        lines += wrap(
            part,
            WIDTH - 1,
            initial_indent=indent if lines else start,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "".join(f"{line}\n" for line in lines)


class Tracer:
    """Renders events as lines of text and passes them to `out`."""

    def __init__(self, out: Callable[[str], None], symbols: Symbolizer):
        self.out = out
        self.symbols = symbols

    def line(self, pid: int, text: str) -> None:
        """Write a line that begins with the process number; a long one is folded."""
        self.out(folded(f"[{pid}] {text}"))

    def at(self, pid: int, va: int) -> str:
        """An address with its symbol and source line, if known."""
        where = self.symbols.describe(pid, va)
        return f"{va:#x} {where}" if where else f"{va:#x}"

    def fault(self, event: PageFault) -> None:
        """`[1] page fault: write 0x12000, demand_zero -> frame 0x41; pc 0x10234 main+0x8; <vma>`"""
        frame = "" if event.frame is None else f" -> frame {event.frame:#x}"
        stack = ", the stack grows" if event.grew_stack else ""
        self.line(
            event.pid,
            f"page fault: {event.access} {event.va:#x}, {_FAULTS[event.kind]}{frame}{stack}; "
            f"{f'pc {self.at(event.pid, event.pc)}' if event.pc else 'by the kernel'}; {event.vma or 'no mapping'}",
        )

    def cow(self, event: CowFault) -> None:
        """A copy-on-write fault, step by step."""
        pid = event.pid
        page = event.va & -PAGE
        holders = f"{event.refcount_before} reference{'s' * (event.refcount_before != 1)}"
        if event.in_page_cache:
            holders += ", one of them the page cache's"
        step = self._step
        if event.pc:
            self.line(pid, f"copy-on-write fault at pc {self.at(pid, event.pc)}")
            step("trap", f"a store to {event.va:#x}; the context of process {pid} is saved")
        else:  # execve and the loader write before the first instruction
            self.line(pid, f"copy-on-write fault in the kernel, which prepares process {pid}")
            step("write", f"to {event.va:#x}")
        step("mapping", event.vma)
        plan = "so the write waits for a copy" if event.copied else "with no other user"
        step("PTE before", f"{pte_text(event.pte_before)}; {holders}: private, {plan}")
        if event.copied:
            what = (
                "zeroed"
                if event.source == "zero"
                else f"{PAGE} bytes copied from frame {event.frame_before:#x}"
            )
            step("new frame", f"{event.frame_after:#x}, {what}")
            left = f"; frame {event.frame_before:#x} keeps {event.refcount_after}"
        else:
            step("no copy", f"frame {event.frame_before:#x} is taken over")
            left = ""
        step("PTE after", f"{pte_text(event.pte_after)}{left}")
        step("TLB", f"the entry of page {page:#x} is dropped")
        if not event.pc:
            return
        resumed = self.symbols.instruction(pid, event.pc)
        step("resumed", f"pc {event.pc:#x}{': ' + resumed if resumed else ''}, which now succeeds")

    def _step(self, name: str, text: str) -> None:
        self.out(folded(f"      {name:<11} {text}", " " * 18))

    def reclaimed(self, event: PageReclaimed) -> None:
        """`[kernel] reclaimed frame 0x41 (2 mappings) -> slot 0x7 of the swap area`"""
        mappings = f"{event.mappings} mapping{'s' * (event.mappings != 1)}"
        where = "its file has the page" if event.slot is None else f"slot {event.slot:#x} of the swap area"
        self.out(f"[kernel] reclaimed frame {event.frame:#x} ({mappings}) -> {where}\n")

    def syscall(self, event: SyscallExit) -> None:
        """The line that strace would print."""
        unknown = "" if event.known else "  (unknown to toyvm)"
        self.out(f"[{event.pid}] {event.text}{unknown}\n")  # whole: programs read what strace prints

    def forked(self, event: ProcessForked) -> None:
        """A process created another."""
        how = "shares its memory with" if event.shares_memory else "is a copy of"
        self.line(event.pid, f"fork: process {event.child} {how} process {event.pid}")

    def thread_started(self, event: ThreadStarted) -> None:
        """A thread was created."""
        self.line(event.pid, f"clone: thread {event.tid}")

    def thread_exited(self, event: ThreadExited) -> None:
        """A thread ended before its process."""
        self.line(
            event.pid,
            f"exit of a thread of process {event.process} after {event.instructions:,} instructions",
        )

    def executed(self, event: ProcessExecuted) -> None:
        """A process executed a program."""
        argv = " ".join(arg.decode("utf-8", "replace") for arg in event.argv)
        self.line(
            event.pid, f"exec: {event.path} ({argv}), first instruction at {self.at(event.pid, event.entry)}"
        )

    def exited(self, event: ProcessExited) -> None:
        """A process exited."""
        how = f"killed by signal {event.signal}" if event.signal else f"status {event.status}"
        self.line(event.pid, f"exit: {how} after {event.instructions:,} instructions")

    def mapping(self, event: MappingChanged) -> None:
        """A mapping changed."""
        self.line(event.pid, f"{event.what}: {event.detail or f'{event.start:08x}-{event.end:08x}'}")

    def library_mapped(self, event: LibraryMapped) -> None:
        """A shared library was loaded."""
        self.line(event.pid, f"load: {event.path} at {event.start:#x}-{event.end:#x}")

    def library_unmapped(self, event: LibraryUnmapped) -> None:
        """A shared library was unloaded."""
        self.line(event.pid, f"unload: {event.path} from {event.start:#x}-{event.end:#x}")

    def relocated(self, event: RelocationDone) -> None:
        """An object was relocated."""
        applied = (
            ", ".join(f"{count} {name}" for name, count in sorted(event.applied.items())) or "nothing to do"
        )
        left = f"; {event.lazy_slots} PLT slots wait for their first call" if event.lazy_slots else ""
        self.line(event.pid, f"relocate: {event.path}: {applied}{left}")

    def bound(self, event: SymbolBound) -> None:
        """A symbol reference was bound to its definition."""
        when = f"at its first call, into GOT slot {event.slot:#x}" if event.lazy else "at load"
        self.line(
            event.pid, f"bind: {event.symbol} of {event.path} -> {event.definer} {event.value:#x}, {when}"
        )

    def signal(self, event: SignalSent) -> None:
        """A signal was sent."""
        sender = f"process {event.sender}" if event.sender else "the kernel"
        self.line(event.pid, f"signal {event.signal} from {sender}")


_FAULTS = {
    FaultKind.DEMAND_ZERO: "demand zero",
    FaultKind.DEMAND_MEGAPAGE: "demand zero, a megapage",
    FaultKind.ZERO_READ: "first read, the shared zero page",
    FaultKind.FILE_MINOR: "file page from the page cache",
    FaultKind.FILE_MAJOR: "file page read into the page cache",
    FaultKind.SHARED_ZERO: "shared memory, zeroed",
    FaultKind.SWAP_IN: "read from the swap area",
    FaultKind.SWAP_CACHED: "swapped, but found in the swap cache",
    FaultKind.COW: "copy-on-write",
    FaultKind.COW_REUSE: "copy-on-write, last sharer",
    FaultKind.WRITE_ENABLE: "shared page becomes writable",
    FaultKind.SPURIOUS: "already mapped",
    FaultKind.SEGV: "not allowed",
    FaultKind.SIGBUS: "beyond the end of the file",
    FaultKind.OOM: "no frame left",
}


def attach(bus: Bus, kinds: Iterable[str], out: Callable[[str], None], symbols: Symbolizer) -> None:
    """Subscribe the renderers for `kinds`. Raises UsageError for an unknown kind."""
    tracer = Tracer(out, symbols)
    subscriptions: dict[str, Callable[[], None]] = {
        "faults": lambda: bus.subscribe(PageFault, tracer.fault),
        "cow": lambda: bus.subscribe(CowFault, tracer.cow),
        "swap": lambda: bus.subscribe(PageReclaimed, tracer.reclaimed),
        "syscalls": lambda: bus.subscribe(SyscallExit, tracer.syscall),
        "process": lambda: _subscribe_process(bus, tracer),
        "loader": lambda: _subscribe_loader(bus, tracer),
    }
    for kind in kinds:
        if kind not in subscriptions:
            raise UsageError(f"--trace={kind}: expected any of {', '.join(subscriptions)}")
        subscriptions[kind]()


def _subscribe_process(bus: Bus, tracer: Tracer) -> None:
    bus.subscribe(ProcessForked, tracer.forked)
    bus.subscribe(ThreadStarted, tracer.thread_started)
    bus.subscribe(ThreadExited, tracer.thread_exited)
    bus.subscribe(ProcessExecuted, tracer.executed)
    bus.subscribe(ProcessExited, tracer.exited)
    bus.subscribe(MappingChanged, tracer.mapping)
    bus.subscribe(SignalSent, tracer.signal)


def _subscribe_loader(bus: Bus, tracer: Tracer) -> None:
    bus.subscribe(LibraryMapped, tracer.library_mapped)
    bus.subscribe(LibraryUnmapped, tracer.library_unmapped)
    bus.subscribe(RelocationDone, tracer.relocated)
    bus.subscribe(SymbolBound, tracer.bound)
