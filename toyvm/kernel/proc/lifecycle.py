"""The life cycle of processes: fork, signals, exit, zombies and orphans, wait, end of a run."""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.base.events import ProcessEnding, ProcessExited, ProcessForked, SignalSent
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import require_reserve

from ..mm.frame_allocator import OutOfFrames
from ..vfs.open_file import WaitQueue
from .process import Process, State
from .signals import (
    CLD_CONTINUED,
    CLD_EXITED,
    CLD_KILLED,
    CLD_STOPPED,
    DEATH_WORDS,
    SA_NOCLDSTOP,
    SA_NOCLDWAIT,
    SIG_IGN,
    STOP_SIGNALS,
    SigInfo,
    Signal,
)

if TYPE_CHECKING:
    from .kernel_state import KernelState

STATUS_DEADLOCK = 124
_LISTED = 10


def fork(
    kernel: KernelState, parent: Process, *, share_memory: bool = False, wait_for_exec: bool = False
) -> Process:
    """Create a child that is a copy of `parent` just after its system call, with 0 in a0.

    Raises OSError(EAGAIN), OSError(ENOMEM), or MemoryError if the host is out of memory.
    """
    if len(kernel.processes) >= min(kernel.limits.processes, parent.rlimits.processes):
        raise error(errno.EAGAIN)
    require_reserve()
    mm = parent.mm.share() if share_memory else parent.mm.fork()
    hart = parent.hart.copy(mm.mmu)
    rlimits = parent.rlimits if share_memory else mm.rlimits
    child = Process(kernel.take_pid(), mm, hart, parent.fds.fork(), rlimits)
    child.inherit(parent)
    child.end_call(0)
    child.started_at = kernel.now
    kernel.adopt(child)
    kernel.system.stats.forks += 1
    if wait_for_exec:
        child.vfork_done = WaitQueue()
    if kernel.interpreter is not None and parent.loader_state is not None:
        kernel.interpreter.forked(parent, child)
    if kernel.bus.wants(ProcessForked):
        kernel.bus.emit(ProcessForked(kernel.now, parent.pid, child.pid, share_memory))
    kernel.scheduler.add(child)
    return child


def exit_process(kernel: KernelState, process: Process, status: int) -> None:
    """End a process with a wait status.

    With `hold_at_exit`, its memory stays until `release_held`.
    """
    if not process.alive:
        return
    if kernel.bus.wants(ProcessEnding):
        kernel.bus.emit(ProcessEnding(kernel.now, process.pid))
    process.status = status
    if process.clear_child_tid and process.mm.map.users > 1:
        _clear_tid(process)
    process.call.abandon()
    process.fds.close_all()
    _leave_orphans(kernel, process)
    signal = status & 0x7F
    if kernel.bus.wants(ProcessExited):
        kernel.bus.emit(
            ProcessExited(kernel.now, process.pid, status >> 8, signal, process.counters.instructions)
        )
    for child in process.children:
        child.parent = None
        if child.state is State.ZOMBIE:
            _reap(kernel, child)
    process.children.clear()
    if process.hold_at_exit:
        process.state = State.HELD
        if process.vfork_done is not None:
            process.vfork_done.wake()
            process.vfork_done = None
    else:
        kernel.leave_image(process)
        process.state = State.ZOMBIE
    parent = process.parent
    if parent is None:
        _reap(kernel, process)
        return
    action = parent.signals.action(Signal.SIGCHLD)
    parent.child_ended.wake()
    if process.exit_signal:
        code = CLD_KILLED if signal else CLD_EXITED
        info = SigInfo(process.exit_signal, code, pid=process.pid, status=signal or status >> 8)
        send(kernel, parent, info)
    if action.handler == SIG_IGN or action.flags & SA_NOCLDWAIT:
        parent.children.remove(process)
        _reap(kernel, process)


def _leave_orphans(kernel: KernelState, process: Process) -> None:
    """Stopped groups that nothing will continue once `process` has ended get SIGHUP and SIGCONT (kill_orphaned_pgrp)."""
    groups = {child.pgid for child in process.children if child.pgid != process.pgid}
    if process.parent is not None and process.parent.pgid != process.pgid:
        groups.add(process.pgid)
    stopped = [p for p in kernel.processes.values() if p.state is State.STOPPED and p.pgid in groups]
    if not stopped:
        return
    left = [p for p in stopped if p is not process and orphaned(kernel, p.pgid, without=process)]
    for member in left:
        send(kernel, member, SigInfo(Signal.SIGHUP))
        send(kernel, member, SigInfo(Signal.SIGCONT))


def send(kernel: KernelState, process: Process, info: SigInfo) -> None:
    """Make a signal pending, and wake its target unless it blocks or ignores the signal.

    SIGKILL acts at once.
    """
    signal = info.signal
    if not signal or not process.alive:
        return
    if kernel.bus.wants(SignalSent):
        kernel.bus.emit(SignalSent(kernel.now, process.pid, signal, info.pid))
    if signal == Signal.SIGKILL:
        die(kernel, process, signal)
        return
    if signal == Signal.SIGCONT:
        for other in STOP_SIGNALS:
            process.signals.pending.pop(other, None)
        if process.state is State.STOPPED:
            process.state = State.RUNNABLE
            kernel.scheduler.add(process)
            _report_to_parent(kernel, process, CLD_CONTINUED, Signal.SIGCONT)
    elif signal in STOP_SIGNALS:
        process.signals.pending.pop(Signal.SIGCONT, None)
    blocked = process.signals.mask >> (signal - 1) & 1
    if process.signals.ignores(signal) and not blocked:
        return
    process.signals.pending.setdefault(signal, info)
    if not blocked:
        kernel.scheduler.wake(process)


def stop(kernel: KernelState, process: Process, signal: int) -> None:
    """Stop a process until SIGCONT."""
    process.state = State.STOPPED
    _report_to_parent(kernel, process, CLD_STOPPED, signal)


def _report_to_parent(kernel: KernelState, process: Process, code: int, signal: int) -> None:
    """A process has stopped or goes on: its parent can wait for that, and gets SIGCHLD unless SA_NOCLDSTOP."""
    process.job_report = (code, signal)
    parent = process.parent
    if parent is None:
        return
    parent.child_ended.wake()
    if not parent.signals.action(Signal.SIGCHLD).flags & SA_NOCLDSTOP:
        send(kernel, parent, SigInfo(Signal.SIGCHLD, code, pid=process.pid, status=signal))


def orphaned(kernel: KernelState, group: int, *, without: Process | None = None) -> bool:
    """Whether no process outside of the group, in the same session, is the parent of one in it (is_orphaned_pgrp).

    `without` is a process that is about to end.
    """
    return not any(
        member.pgid == group
        and member.alive
        and member is not without
        and member.parent is not None
        and member.parent is not without
        and member.parent.pgid != group
        and member.parent.sid == member.sid
        for member in kernel.processes.values()
    )


def die(kernel: KernelState, process: Process, signal: int, explanation: str = "") -> None:
    """End a process by a signal.

    A shell's message ("Segmentation fault") is printed for the first process, and for any process
    with an `explanation`, which follows it.
    """
    words = DEATH_WORDS.get(signal)
    if words is not None and (explanation or process is kernel.first):
        kernel.message(words + (f"\n{explanation}" if explanation else ""))
    exit_process(kernel, process, signal)


def _clear_tid(process: Process) -> None:
    try:
        process.mm.write_int(process.clear_child_tid, 0, 4)
    except (OSError, OutOfFrames):
        process.clear_child_tid = 0  # Linux ignores a bad address here too


def _reap(kernel: KernelState, process: Process) -> None:
    kernel.processes.pop(process.pid, None)
    if process.state is not State.HELD:
        process.state = State.DEAD
    elif process not in kernel.held:
        kernel.held.append(process)


def release_held(kernel: KernelState) -> None:
    """Release the memory of the processes that `hold_at_exit` kept."""
    for process in [*kernel.held, *kernel.processes.values()]:
        if process.state is State.HELD:
            kernel.leave_image(process)
            process.state = State.DEAD
            kernel.processes.pop(process.pid, None)
    kernel.held.clear()


def find_child(
    process: Process, matches: Callable[[Process], bool], *, ended: bool, stopped: bool, continued: bool
) -> tuple[Process, int, int] | None:
    """The first child that has something to report, with a CLD_ code and its exit status or signal; None if there is none yet.

    Raises OSError(ECHILD) if no child can ever report.
    """
    possible = False
    for child in process.children:
        if not matches(child):
            continue
        if not child.alive:
            if ended:
                signal = child.status & 0x7F
                return child, CLD_KILLED if signal else CLD_EXITED, signal or child.status >> 8
            continue
        possible = True
        if child.job_report is not None:
            code, signal = child.job_report
            if stopped if code == CLD_STOPPED else continued:
                return child, code, signal
    if not possible:
        raise error(errno.ECHILD)
    return None


def take_report(kernel: KernelState, process: Process, child: Process) -> None:
    """What `child` had to report has been told: it is not reported again, and a child that has ended is gone."""
    if child.alive:
        child.job_report = None
        return
    process.children.remove(child)
    process.children_instructions += child.counters.instructions + child.children_instructions
    _reap(kernel, child)


def exit_code(process: Process | None) -> int:
    """The exit status that a shell reports: the process's own, or 128 + signal."""
    if process is None:
        return 0
    signal = process.status & 0x7F
    return 128 + signal if signal else process.status >> 8 & 0xFF


def kill_all(kernel: KernelState) -> None:
    """End every process at once, without messages."""
    for process in list(kernel.processes.values()):
        process.parent = None
        exit_process(kernel, process, Signal.SIGKILL)
    for process in list(kernel.processes.values()):
        if process.state is State.ZOMBIE:
            _reap(kernel, process)


def end_deadlock(kernel: KernelState) -> bool:
    """Handle the state in which no process can ever run again. Return False if no process is left.

    If the first process is alive, stop the run with a message. Otherwise kill the remaining
    processes.
    """
    waiting = [p for p in kernel.processes.values() if p.alive]
    if not waiting:
        return False
    if kernel.first is not None and kernel.first.alive:
        lines = [f"  process {p.pid} ({p.comm}) {p.waits_for or 'is stopped'}" for p in waiting[:_LISTED]]
        if len(waiting) > _LISTED:
            lines.append(f"  and {len(waiting) - _LISTED} more")
        kernel.stop(STATUS_DEADLOCK, "deadlock: every process waits for ever\n" + "\n".join(lines))
    else:
        kill_all(kernel)
    return True
