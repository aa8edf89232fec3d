"""The life cycle of processes: fork, signals, exit, zombies and orphans, wait, end of a run."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress

from toyvm.base.errors import error
from toyvm.base.events import (
    ProcessEnding,
    ProcessExited,
    ProcessForked,
    SignalSent,
    ThreadExited,
    ThreadStarted,
)
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import replace
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
    SI_USER,
    SIG_IGN,
    STOP_SIGNALS,
    SigInfo,
    Signal,
)

if TYPE_CHECKING:
    from .kernel_state import KernelState

STATUS_DEADLOCK = 124


def fork(
    kernel: KernelState,
    parent: Process,
    *,
    share_memory: bool = False,
    wait_for_exec: bool = False,
    share_files: bool = False,
    share_place: bool = False,
    share_handlers: bool = False,
    sibling: bool = False,
) -> Process:
    """Create a child that is a copy of the thread `parent` just after its system call, with 0 in a0.

    The child has one thread. With `sibling` (CLONE_PARENT) its parent is that of `parent`.

    Raises OSError(EAGAIN), OSError(ENOMEM), or MemoryError if the host is out of memory.
    """
    _require_room(kernel, parent)
    mm = parent.mm.share() if share_memory else parent.mm.fork()
    hart = parent.hart.copy(mm.mmu)
    rlimits = parent.rlimits if share_memory else mm.rlimits
    fds = parent.fds.share() if share_files else parent.fds.fork()
    child = Process(kernel.take_pid(), mm, hart, fds, rlimits)
    child.inherit(parent, same_handlers=share_handlers, sibling=sibling)
    if share_place:
        child.place = parent.place
    child.end_call(0)
    child.started_at = kernel.now
    kernel.adopt(child)
    kernel.system.stats.forks += 1
    if wait_for_exec:
        child.vfork_done = WaitQueue()
    if kernel.interpreter is not None and parent.loader_state is not None:
        kernel.interpreter.forked(parent, child)
    if kernel.bus.wants(ProcessForked):
        kernel.bus.emit(ProcessForked(kernel.now, parent.tid, child.pid, share_memory))
    kernel.scheduler.add(child)
    return child


def start_thread(
    kernel: KernelState,
    creator: Process,
    *,
    wait_for_exec: bool = False,
    share_files: bool = True,
    share_place: bool = True,
) -> Process:
    """Create a thread in the process of `creator`, with its registers just after its system call and 0 in a0.

    Raises OSError(EAGAIN), or MemoryError if the host is out of memory.
    """
    _require_room(kernel, creator)
    fds = creator.fds.share() if share_files else creator.fds.fork()
    thread = Process(kernel.take_pid(), creator.mm, creator.hart.copy(), fds, creator.rlimits, creator)
    thread.comm = creator.comm
    thread.place = creator.place if share_place else replace(creator.place)
    thread.schedule = creator.schedule and creator.schedule.inherited()
    thread.signals = creator.signals.thread()
    thread.end_call(0)
    kernel.threads[thread.tid] = thread
    kernel.system.stats.threads += 1
    if wait_for_exec:
        thread.vfork_done = WaitQueue()
    if kernel.bus.wants(ThreadStarted):
        kernel.bus.emit(ThreadStarted(kernel.now, creator.tid, thread.tid))
    kernel.scheduler.add(thread)
    return thread


def _require_room(kernel: KernelState, parent: Process) -> None:
    """Raises OSError(EAGAIN) at the limit of threads, which is RLIMIT_NPROC or `Limits.processes`."""
    if len(kernel.threads) >= min(kernel.limits.processes, parent.rlimits.processes):
        kernel.system.stats.forks_refused += len(kernel.threads) >= kernel.limits.processes
        raise error(errno.EAGAIN)
    require_reserve()


def exit_thread(kernel: KernelState, thread: Process, status: int) -> None:
    """End one thread. The process ends with its last thread, and with the status of that."""
    members = thread.thread_group.members
    if thread.tid in members and len(members) == 1:
        exit_process(kernel, thread, status)
    elif thread.tid in members:
        _end_thread(kernel, thread)


def _end_thread(kernel: KernelState, thread: Process) -> None:
    """End a thread as Linux's do_exit does: its robust futexes, `clear_child_tid`, its descriptors."""
    group = thread.thread_group
    _leave_memory(kernel, thread)
    thread.leave_call()
    thread.fds.release()
    del group.members[thread.tid]
    if kernel.bus.wants(ThreadExited) and (group.members or thread is not group.leader):
        kernel.bus.emit(ThreadExited(kernel.now, thread.tid, group.pid, thread.hart.instret))
    if thread is group.leader:
        thread.state = State.ZOMBIE
        return
    thread.state = State.DEAD
    kernel.threads.pop(thread.tid, None)
    leave_parent(thread)
    pass_on_signals(kernel, thread)


def _leave_memory(kernel: KernelState, thread: Process) -> None:
    """Release what the thread holds in its memory, before it ends or executes a program (mm_release in Linux)."""
    if thread.robust_list:
        kernel.futexes.owner_died(thread)
    if thread.clear_child_tid and (thread.mm.map.users > 1 or len(thread.thread_group.members) > 1):
        _clear_tid(kernel, thread)


def leave_parent(process: Process) -> None:
    """Wake the thread that waits in vfork until `process` has left its memory."""
    if process.vfork_done is not None:
        process.vfork_done.wake()
        process.vfork_done = None


def become_leader(kernel: KernelState, caller: Process) -> Process:
    """End the other threads of a process that executes a program. Return the first thread, which continues as `caller`.

    So the process keeps its number whichever thread calls execve(2).
    """
    leader = caller.leader
    leader.exit_signal = Signal.SIGCHLD
    for thread in list(caller.thread_group.members.values()):
        if thread is not caller:
            _end_thread(kernel, thread)
    if caller is leader:
        _leave_memory(kernel, leader)
        return leader
    leader.hart, leader.signals, leader.place = caller.hart, caller.signals, caller.place
    leader.fds = caller.fds.share()
    leader.wake_serial += 1
    _end_thread(kernel, caller)
    leader.thread_group.members[leader.tid] = leader
    leader.state = State.RUNNABLE
    kernel.scheduler.add(leader)
    return leader


def exit_process(kernel: KernelState, process: Process, status: int) -> None:
    """End all threads of a process, with a wait status.

    With `hold_at_exit`, its memory stays until `release_held`.
    """
    process = process.leader
    if not process.alive:
        return
    if kernel.bus.wants(ProcessEnding):
        kernel.bus.emit(ProcessEnding(kernel.now, process.pid))
    process.status = status
    for thread in reversed(list(process.thread_group.members.values())):
        if process.mm.map.users == 1:
            thread.clear_child_tid = 0  # nothing is left that could see the word
        _end_thread(kernel, thread)
    if process.sid == process.pid:
        kernel.session_ended(process.sid)
    _leave_orphans(kernel, process)
    signal = status & 0x7F
    if kernel.bus.wants(ProcessExited):
        kernel.bus.emit(
            ProcessExited(kernel.now, process.pid, status >> 8, signal, process.counters.instructions)
        )
    for child in process.children:
        child.give_to(process.reaper())
        if child.thread_group.death_signal:
            send(kernel, child, SigInfo(child.thread_group.death_signal, SI_USER, pid=process.pid))
        if child.state is State.ZOMBIE and not child.alive:
            _tell_end(kernel, child)
    process.children.clear()
    if process.hold_at_exit:
        process.state = State.HELD
        leave_parent(process)
    else:
        kernel.leave_image(process)
        process.state = State.ZOMBIE
    process.thread_group.drop_timers()
    if process.thread_group.end_waiters is not None:
        process.thread_group.end_waiters.wake()
    _tell_end(kernel, process)


def _tell_end(kernel: KernelState, process: Process) -> None:
    """A process has ended: its parent can wait for that, gets its signal, or lets it be reaped at once."""
    parent = process.parent
    if parent is None:
        _reap(kernel, process)
        return
    action = parent.signals.action(Signal.SIGCHLD)
    parent.child_ended.wake()
    if process.exit_signal:
        killed = process.status & 0x7F
        code, number = (CLD_KILLED, killed) if killed else (CLD_EXITED, process.status >> 8)
        info = SigInfo(process.exit_signal, code, pid=process.pid, status=number, uid=kernel.UID)
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


def send(kernel: KernelState, process: Process, info: SigInfo, *, to_thread: bool = False) -> None:
    """Make a signal pending for a process, or for the one thread `process`. Wake a thread that takes it.

    SIGKILL acts at once. Raises OSError(EAGAIN) if too many real-time signals are pending.
    """
    signal = info.signal
    if not signal or not process.alive:
        return
    if kernel.bus.wants(SignalSent):
        number = process.tid if to_thread else process.pid
        kernel.bus.emit(SignalSent(kernel.now, number, signal, info.pid))
    if signal == Signal.SIGKILL:
        die(kernel, process, signal)
        return
    if signal == Signal.SIGCONT:
        for other in STOP_SIGNALS:
            forget_signal(process, other)
        _continue(kernel, process)
    elif signal in STOP_SIGNALS:
        forget_signal(process, Signal.SIGCONT)
    signals = process.signals
    if signals.ignores(signal) and not signals.blocks(signal):
        return
    if not signals.queue(info, to_thread=to_thread):
        return
    waiters = process.thread_group.signal_waiters
    if waiters is not None:
        waiters.wake()
    if not to_thread:
        _choose_target(kernel, process, signal)
    elif signals.wants(signal):
        kernel.scheduler.wake(process)


def _choose_target(kernel: KernelState, first: Process, signal: int) -> None:
    """Let a thread that does not block the pending signal take it: `first` if possible (complete_signal in Linux).

    A thread that has another signal to take is not chosen. If no thread is, the first one to look takes the signal.
    """
    for thread in (first, *first.thread_group.members.values()):
        signals = thread.signals
        ready = thread.tid in thread.thread_group.members and signals.wants(signal)
        if ready and (thread is kernel.current or signals.next() in (None, signal)):
            signals.targets[signal] = signals
            kernel.scheduler.wake(thread)
            return


def pass_on_signals(kernel: KernelState, thread: Process) -> None:
    """Choose another thread for the signals that `thread` was chosen to take and no longer can (retarget_shared_pending)."""
    signals = thread.signals
    gone = thread.tid not in thread.thread_group.members
    for signal in list(signals.shared):
        if signals.targets.get(signal) is signals and (gone or not signals.wants(signal)):
            del signals.targets[signal]
            _choose_target(kernel, thread, signal)


def signal_group(kernel: KernelState, group: int, signal: int) -> None:
    """Send a signal of the kernel's to every process of a group."""
    for member in list(kernel.processes.values()):
        if member.pgid == group:
            send(kernel, member, SigInfo(signal))


def stop(kernel: KernelState, process: Process, signal: int) -> None:
    """Stop all threads of a process until SIGCONT."""
    for thread in process.thread_group.members.values():
        thread.state = State.STOPPED
    _report_to_parent(kernel, process.leader, CLD_STOPPED, signal)


def _continue(kernel: KernelState, process: Process) -> None:
    """Let the threads of a stopped process run again."""
    stopped = [thread for thread in process.thread_group.members.values() if thread.state is State.STOPPED]
    for thread in stopped:
        thread.state = State.RUNNABLE
        kernel.scheduler.add(thread)
    if stopped:
        _report_to_parent(kernel, process.leader, CLD_CONTINUED, Signal.SIGCONT)


def forget_signal(process: Process, signal: int) -> None:
    """Drop a signal that is pending for a process or one of its threads."""
    process.signals.shared.pop(signal, None)
    process.signals.targets.pop(signal, None)
    for thread in process.thread_group.members.values():
        thread.signals.pending.pop(signal, None)


def _report_to_parent(kernel: KernelState, process: Process, code: int, signal: int) -> None:
    """A process has stopped or goes on: its parent can wait for that, and gets SIGCHLD unless SA_NOCLDSTOP."""
    process.job_report = (code, signal)
    parent = process.parent
    if parent is None:
        return
    parent.child_ended.wake()
    if not parent.signals.action(Signal.SIGCHLD).flags & SA_NOCLDSTOP:
        send(kernel, parent, SigInfo(Signal.SIGCHLD, code, pid=process.pid, status=signal, uid=kernel.UID))


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
    if words is not None and (explanation or process.leader is kernel.first):
        kernel.message(words + (f"\n{explanation}" if explanation else ""))
    exit_process(kernel, process, signal)


def _clear_tid(kernel: KernelState, thread: Process) -> None:
    """Write 0 to `clear_child_tid` and wake one waiter there, as set_tid_address(2) says. Linux ignores a bad address too."""
    va, thread.clear_child_tid = thread.clear_child_tid, 0
    with suppress(OSError, OutOfFrames):
        thread.mm.write_int(va, 0, 4)
        if "futexes" in kernel.__dict__:
            kernel.futexes.wake(kernel.futexes.key(thread, va, private=False), 1)


def _reap(kernel: KernelState, process: Process) -> None:
    kernel.processes.pop(process.pid, None)
    kernel.threads.pop(process.pid, None)
    group = process.thread_group
    group.reaped = True
    if group.end_waiters is not None:
        group.end_waiters.wake()
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
            kernel.threads.pop(process.pid, None)
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
    waiting = [t for p in kernel.processes.values() for t in p.thread_group.members.values()]
    if not waiting:
        return False
    if kernel.first is not None and kernel.first.alive:
        threaded = len(waiting) > len({thread.pid for thread in waiting})
        every = "thread" if threaded else "process"
        kernel.stop(STATUS_DEADLOCK, f"deadlock: every {every} waits for ever")
    else:
        kill_all(kernel)
    return True
