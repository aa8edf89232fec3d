"""Why a run stands, in gdb's words."""

from __future__ import annotations

from toyvm.kernel.proc.signals import DEATH_WORDS, Signal
from toyvm.kernel.syscalls.table import find

from ..target import Stop, StopKind
from .numbered_stops import NumberedStop
from .places import Places


def signal_text(number: int) -> str:
    """`SIGSEGV, Segmentation fault`."""
    try:
        name = Signal(number).name
    except ValueError:
        return f"SIG{number}, Real-time event {number}"
    return f"{name}, {DEATH_WORDS.get(number, name)}"


def call_name(number: int) -> str:
    """The name of a system call, or its number."""
    call = find(number)
    return call.name if call is not None else str(number)


def event_text(stop: Stop, points: list[NumberedStop], places: Places, pid: int) -> list[str]:
    """The lines that precede the place of a stop; none for a step."""
    caught = f"Catchpoint {points[0].number}" if points else "Stopped"
    match stop.kind:
        case StopKind.BREAKPOINT if points:
            what = "Temporary breakpoint" if points[0].temporary else "Breakpoint"
            return ["", f"{what} {points[0].number}, at {places.describe(pid, stop.pc) or hex(stop.pc)}"]
        case StopKind.WATCHPOINT:
            return _watch_text(stop, points)
        case StopKind.SIGNAL:
            return ["", f"Program received signal {signal_text(stop.signal)}."]
        case StopKind.FORKED | StopKind.VFORKED:
            call = "forked" if stop.kind is StopKind.FORKED else "vforked"
            return ["", f"{caught} ({call} process {stop.other})"]
        case StopKind.EXECUTED:
            return ["", f"{caught} (exec'd {stop.path})"]
        case StopKind.SYSCALL_ENTRY:
            return ["", f"{caught} (call to syscall {call_name(stop.number)})"]
        case StopKind.SYSCALL_RETURN:
            return ["", f"{caught} (returned from syscall {call_name(stop.number)})"]
        case StopKind.FAULT:
            return ["", f"{caught} (page fault at {stop.address:#x}, handled)"]
        case StopKind.SWITCHED:
            return ["", f"{caught} (the hart runs thread {stop.tid} now)"]
        case StopKind.THREAD_STARTED:
            return ["", f"[New thread {stop.other}]"]
        case StopKind.THREAD_EXITED:
            return ["", f"[Thread {stop.tid} exited]"]
        case StopKind.LIBRARIES:
            return ["", f"{caught} (loaded or unloaded libraries)"]
        case StopKind.EXITED:
            status = f"with code {stop.status:02o}" if stop.status else "normally"
            return [f"[Inferior (process {stop.pid}) exited {status}]"]
        case StopKind.KILLED:
            return ["", f"Program terminated with signal {signal_text(stop.signal)}."]
        case StopKind.END:
            return ["The run has ended; reverse-continue goes back into it."]
        case StopKind.BEGINNING:
            return ["", "No more reverse-execution history."]
        case StopKind.INTERRUPTED:
            return ["", f"Interrupted at moment {stop.moment.instructions}."]
    return []


def _watch_text(stop: Stop, points: list[NumberedStop]) -> list[str]:
    what = points[0].what if points else (hex(stop.watchpoint.address) if stop.watchpoint else "?")
    number = points[0].number if points else 0
    lines = ["", f"Hardware watchpoint {number}: {what}", ""]
    if stop.old != stop.new:
        return [*lines, f"Old value = {_number(stop.old)}", f"New value = {_number(stop.new)}"]
    return [*lines, f"Value = {_number(stop.new)}"]


def _number(data: bytes) -> str:
    return str(int.from_bytes(data, "little", signed=True)) if data else "<unreadable>"
