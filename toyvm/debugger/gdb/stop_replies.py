"""Stop replies: what the debugger reads when the run stands still."""

from __future__ import annotations

from ...base.record import replace
from ..target import Access, NoSuchThreadError, Stop, StopKind
from .register_numbers import PC, ROWS, SP, value_text
from .session import Session
from .signals import gdb_signal

_SIGINT, _SIGTRAP = 2, 5
_FP = 8
_EXPEDITED = tuple(row for row in ROWS if row.number in (SP, _FP, PC))
_WATCH = {Access.WRITE: "watch", Access.READ: "rwatch", Access.ANY: "awatch"}


def stop_reply(session: Session, stop: Stop) -> bytes:
    """The reply for `stop`. The target must stand there."""
    process = f";process:{stop.pid:x}" if session.multiprocess else ""
    if stop.kind is StopKind.EXITED:
        return f"W{stop.status & 0xFF:02x}{process}".encode()
    if stop.kind is StopKind.KILLED:
        return f"X{gdb_signal(stop.signal):02x}{process}".encode()
    if stop.kind is StopKind.THREAD_EXITED:
        return f"w{stop.status & 0xFF:02x};{session.name(stop.pid, stop.tid)}".encode()
    number = {StopKind.SIGNAL: stop.signal, StopKind.INTERRUPTED: _SIGINT}.get(stop.kind, _SIGTRAP)
    if stop.kind is StopKind.STEPPED and not stop.tid:
        number = 0
    parts = [*_reason(session, stop), *_where(session, stop)]
    return f"T{gdb_signal(number):02x}{''.join(f'{key}:{value};' for key, value in parts)}".encode()


def present_reply(session: Session) -> bytes:
    """Where the run stands, for a debugger that has not let it go: that this is the beginning is no news then."""
    stop = session.last_stop
    if stop.kind in (StopKind.BEGINNING, StopKind.END):
        stop = replace(stop, kind=StopKind.REACHED)
    return stop_reply(session, stop)


def _reason(session: Session, stop: Stop) -> list[tuple[str, str]]:
    """The pairs that say why it stopped, as far as the debugger knows them."""
    kind, features = stop.kind, session.features
    child = session.name(stop.other, stop.other)
    if kind is StopKind.WATCHPOINT and stop.watchpoint is not None:
        return [(_WATCH[stop.watchpoint.access], f"{stop.watchpoint.address:x}")]
    if kind is StopKind.BREAKPOINT:
        hardware = session.points.has_hardware_breakpoint(stop.pid, stop.pc)
        name = "hwbreak" if hardware else "swbreak"
        return [(name, "")] if name in features else []
    if kind is StopKind.FORKED:
        return [("fork", child)]
    if kind is StopKind.VFORKED:
        return [("vfork", child)]
    if kind is StopKind.VFORK_DONE:
        return [("vforkdone", "")]
    if kind is StopKind.EXECUTED:
        return [("exec", stop.path.encode(errors="surrogateescape").hex())]
    if kind is StopKind.THREAD_STARTED:
        return [("create", "")]
    if kind is StopKind.LIBRARIES:
        return [("library", "")]
    if kind is StopKind.SYSCALL_ENTRY:
        return [("syscall_entry", f"{stop.number:x}")]
    if kind is StopKind.SYSCALL_RETURN:
        return [("syscall_return", f"{stop.number:x}")]
    if kind is StopKind.BEGINNING:
        return [("replaylog", "begin")]
    if kind is StopKind.END:
        return [("replaylog", "end")]
    return []


def _where(session: Session, stop: Stop) -> list[tuple[str, str]]:
    """The thread, and the registers that every debugger asks for first."""
    pid, tid = stop.pid, stop.other if stop.kind is StopKind.THREAD_STARTED else stop.tid
    if pid not in session.attached or not tid:
        try:
            thread = session.selected()
        except NoSuchThreadError:
            return []
        pid, tid = thread.pid, thread.tid
    registers = session.target.registers(tid)
    # gdb keeps the registers of a process that it has not let go, though the whole machine has run.
    rows = ROWS if len(session.attached) > 1 else _EXPEDITED
    values = [(f"{row.number:02x}", value_text(row, registers)) for row in rows]
    return [("thread", session.name(pid, tid)), ("core", "0"), *values]
