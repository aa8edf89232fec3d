"""Packets that let the run go on: vCont and its predecessors, backwards steps, restart, detach and kill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...base.record import replace
from ..target import Conditions, Direction, Moment, Stop, StopKind, Target
from .packets import PacketError
from .session import Ending, Session
from .signals import linux_signal
from .stop_replies import present_reply, stop_reply
from .thread_ids import ALL, ANY, ThreadId, hex_bytes, hex_number, parse_thread_id

CONTINUE_ACTIONS = "vCont;c;C;s;S;t;r"
_MOST_ACTIONS = 1024
# These are stops whatever process the run is in.
_OF_THE_RUN = frozenset(
    {
        StopKind.STEPPED,
        StopKind.INTERRUPTED,
        StopKind.REACHED,
        StopKind.BEGINNING,
        StopKind.END,
    }
)


class Action(NamedTuple):
    """An action of vCont: c, s, t or r, the signal to deliver, the range of r, and the threads."""

    letter: str
    signal: int
    range: tuple[int, int] | None
    threads: ThreadId


def parse_actions(text: str) -> list[Action]:
    """The actions after `vCont;`. Raises PacketError."""
    words = text.split(";")
    if len(words) > _MOST_ACTIONS:
        raise PacketError("too many actions")
    return [_parse_action(word) for word in words]


def _parse_action(word: str) -> Action:
    what, colon, name = word.partition(":")
    threads = parse_thread_id(name) if colon else ThreadId(ALL, ALL)
    letter, rest = what[:1], what[1:]
    if letter in ("C", "S"):
        return Action(letter.lower(), _signal(rest), None, threads)
    if letter == "r":
        start, comma, end = rest.partition(",")
        if not comma:
            raise PacketError("a range without an end")
        return Action("r", 0, (hex_number(start), hex_number(end)), threads)
    if letter not in ("c", "s", "t") or rest:
        raise PacketError(f"no action '{what[:20]}'")
    return Action(letter, 0, None, threads)


def _signal(text: str) -> int:
    number = hex_number(text, 2)
    signal = linux_signal(number)
    if number and not signal:
        raise PacketError(f"Linux has no signal {number} of gdb's numbers")
    return signal


def resume(session: Session, actions: list[Action]) -> bytes:
    """Run as vCont says, until something that the debugger is told of."""
    stepping = next((action for action in actions if action.letter in "sr"), None)
    conditions = _conditions(session)
    if stepping is not None:
        tid = session.resolve(stepping.threads).tid
        conditions = replace(conditions, steps=1, tid=tid, range=stepping.range)
    elif not any(action.letter == "c" for action in actions):
        raise PacketError("nothing to resume")
    return _report(session, conditions, Direction.FORWARD, _signals(session, actions))


def _signals(session: Session, actions: list[Action]) -> dict[int, int]:
    """The signals to deliver, by thread. The thread that stands at a signal gets what its action says."""
    signals = {}
    for thread in session.threads():
        action = next((action for action in actions if _covers(action.threads, thread.pid, thread.tid)), None)
        if action is None:
            continue
        stands = session.last_stop.kind is StopKind.SIGNAL and session.last_stop.tid == thread.tid
        if stands or (action.signal and action.threads.tid > 0):
            signals[thread.tid] = action.signal
    return signals


def _covers(wanted: ThreadId, pid: int, tid: int) -> bool:
    return wanted.pid in (ANY, ALL, pid) and wanted.tid in (ANY, ALL, tid)


def resume_simply(session: Session, text: str) -> bytes:
    """`c`, `s`, `C` and `S` without vCont: the last two have a signal; each may have an address."""
    letter, rest = text[:1], text[1:]
    signal = 0
    if letter in "CS":
        number, _, rest = rest.partition(";")
        signal = _signal(number)
    if rest:
        _set_pc(session, hex_number(rest))
    thread = session.resolve(session.continuing)
    threads = ThreadId(thread.pid, thread.tid)
    return resume(session, [Action(letter.lower(), signal, None, threads)])


def _set_pc(session: Session, address: int) -> None:
    tid = session.resolve(session.continuing).tid
    session.target.write_registers(tid, replace(session.target.registers(tid), pc=address))


def step_back(session: Session) -> bytes:
    """`bs`."""
    tid = session.resolve(session.continuing).tid
    return _report(session, Conditions(steps=1, tid=tid), Direction.BACKWARD, {})


def continue_back(session: Session) -> bytes:
    """`bc`."""
    return _report(session, Conditions(), Direction.BACKWARD, {})


def _conditions(session: Session) -> Conditions:
    features = session.features
    kinds = {StopKind.LIBRARIES}
    if "exec-events" in features:
        kinds.add(StopKind.EXECUTED)
    if "fork-events" in features:
        kinds.add(StopKind.FORKED)
    if "vfork-events" in features:
        kinds |= {StopKind.VFORKED, StopKind.VFORK_DONE}
    if session.thread_events:
        kinds |= {StopKind.THREAD_STARTED, StopKind.THREAD_EXITED}
    if session.caught_syscalls is not None:
        kinds |= {StopKind.SYSCALL_ENTRY, StopKind.SYSCALL_RETURN}
    return Conditions(
        kinds=frozenset(kinds),
        syscalls=session.caught_syscalls or frozenset(),
        pass_signals=session.pass_signals,
    )


def _report(
    session: Session, conditions: Conditions, direction: Direction, signals: Mapping[int, int]
) -> bytes:
    stop = _run(session, conditions, direction, signals)
    if stop.kind is StopKind.WATCHPOINT:
        _stand_for_watchpoint(session, stop, direction)
    session.stopped(stop)
    if not session.attached and not session.extended:
        session.ending = Ending.OVER
    return stop_reply(session, stop)


def _run(session: Session, conditions: Conditions, direction: Direction, signals: Mapping[int, int]) -> Stop:
    """Run to a stop that concerns the debugger. What happens in other processes does not."""
    session.points.apply(session.target)
    while True:
        with session.connection.watching(session.target.interrupt):
            stop = session.target.resume(conditions, direction, signals)
        if stop.kind in _OF_THE_RUN or stop.pid in session.attached:
            return stop
        signals = {}


def _stand_for_watchpoint(session: Session, stop: Stop, direction: Direction) -> None:
    """Stand where gdb expects it: on RISC-V it takes a watchpoint for a trap before the access.

    So it removes the watchpoint, makes one step in the direction of the run, and compares values
    then. Forwards, the access has been executed already: it is undone. Backwards it has been undone:
    it is done again.
    """
    session.points.hide(session.target)
    back = Direction.BACKWARD if direction is Direction.FORWARD else Direction.FORWARD
    session.target.resume(Conditions(steps=1, tid=stop.tid), back)


def restart(session: Session, text: str) -> bytes:
    """`vRun;FILE;ARGUMENT...`: stand at the beginning again. The program and its arguments stay the same."""
    words = [hex_bytes(word) for word in text.split(";")]
    session.target.go_to(Moment(0))
    session.restart()
    processes = session.target.processes()
    if not processes:
        raise PacketError("the run has no process at its beginning")
    if words[1:] and tuple(words[1:]) != tuple(processes[0].command[1:]):
        raise PacketError("the arguments of this run are those of the command line of toyvm gdbserver")
    return present_reply(session)


def detach(session: Session, text: str) -> bytes:
    """`D` and `D;PID`: the process goes on without the debugger."""
    if text:
        session.let_go(hex_number(text, 8))
    else:
        for pid in sorted(session.attached):
            session.let_go(pid)
    if not session.attached:
        session.ending = Ending.DETACHED
    return b"OK"


def kill(session: Session, text: str) -> bytes:
    """`vKill;PID`."""
    pid = hex_number(text, 8)
    session.let_go(pid)
    if session.attached or session.extended:
        session.target.kill(pid)
    else:
        session.ending = Ending.KILLED
    return b"OK"


def run_on(target: Target) -> None:
    """Run to the end without a debugger, as after a detach."""
    target.set_breakpoints(())
    target.set_watchpoints(())
    while target.resume(Conditions()).kind not in (StopKind.END, StopKind.INTERRUPTED):
        pass
