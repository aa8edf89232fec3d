"""From a signal sent to what it does: ignore, end, stop, or run a handler on the user's stack."""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.events import SignalSent
from toyvm.base.light_types import TYPE_CHECKING

from ..mm.frame_allocator import OutOfFrames
from ..vfs.memory_files import MemFile
from ..vfs.nodes import FileNode
from . import lifecycle
from .process import CallState, Process, State
from .signals import (
    DEATH_WORDS,
    SA_RESTART,
    SIG_DFL,
    SIG_IGN,
    SIGRETURN_CODE,
    Action,
    SigInfo,
    Signal,
    push_frame,
)

if TYPE_CHECKING:
    from ..kernel import Kernel

_STOPPING = {Signal.SIGSTOP, Signal.SIGTSTP, Signal.SIGTTIN, Signal.SIGTTOU}
# Calls that end with EINTR even when the handler was installed with SA_RESTART (signal(7)).
_NEVER_RESTARTED = {73, 101, 115, 133, 22}  # ppoll, nanosleep, clock_nanosleep, rt_sigsuspend, epoll_pwait


def send(kernel: Kernel, process: Process, info: SigInfo) -> None:
    """Make a signal pending; wake its target when it will notice."""
    signal = info.signal
    if not signal or not process.alive:
        return
    if kernel.bus.wants(SignalSent):
        kernel.bus.emit(SignalSent(kernel.now, process.pid, signal, info.pid))
    if signal == Signal.SIGKILL:
        die(kernel, process, signal)
        return
    if signal == Signal.SIGCONT and process.state is State.STOPPED:
        process.state = State.RUNNABLE
        kernel.scheduler.add(process)
    blocked = process.signals.mask >> (signal - 1) & 1
    if process.signals.ignores(signal) and not blocked:
        return
    process.signals.pending.setdefault(signal, info)
    if not blocked:
        kernel.scheduler.wake(process)


def force(kernel: Kernel, process: Process, info: SigInfo, explain: Callable[[], str]) -> None:
    """A signal for what an instruction did: its handler runs, or, when it is blocked or ignored, the process ends."""
    signals = process.signals
    action = signals.action(info.signal)
    blocked = signals.mask >> (info.signal - 1) & 1
    if action.handler in (SIG_DFL, SIG_IGN) or blocked:
        die(kernel, process, info.signal, explain())
    elif not _handle(kernel, process, info, action):
        die(kernel, process, Signal.SIGSEGV, explain())


def die(kernel: Kernel, process: Process, signal: int, explanation: str = "") -> None:
    """End a process by a signal. What it did itself is explained; a shell's word for its end only the first one gets."""
    words = DEATH_WORDS.get(signal)
    if words is not None and (explanation or process is kernel.first):
        kernel.message(words + (f"\n{explanation}" if explanation else ""))
    lifecycle.exit_process(kernel, process, signal)


def deliver(kernel: Kernel, process: Process) -> bool:
    """Act on the pending signals before the process runs on; whether it still can.

    Each handler's frame goes on top of the one before, so the last signal's handler runs first, as on Linux.
    """
    signals = process.signals
    while (signal := signals.next()) is not None:
        info = signals.pending.pop(signal)
        action = signals.action(signal)
        if action.handler == SIG_IGN or signals.ignores(signal):
            continue
        if action.handler == SIG_DFL:
            if signal in _STOPPING:
                process.state = State.STOPPED
            else:
                die(kernel, process, signal)
            return False
        _interrupt_call(process, action)
        if not _handle(kernel, process, info, action):
            die(kernel, process, Signal.SIGSEGV, "toyvm: no room on the stack for a signal's frame")
            return False
    if signals.restore_mask is not None and not process.in_call:
        signals.mask, signals.restore_mask = signals.restore_mask, None
    return True


def _interrupt_call(process: Process, action: Action) -> None:
    """The process slept in a system call: let that be made again after the handler, or end with EINTR."""
    if not process.in_call:
        return
    # A wait with a deadline is not begun anew, which would move the deadline: futex(2) with a timeout ends too.
    if (
        not action.flags & SA_RESTART
        or process.hart.x[17] in _NEVER_RESTARTED
        or process.call.deadline is not None
    ):
        _report_time_left(process)
        process.end_call(process.call.done or -errno.EINTR)
    process.in_call = False
    process.call = CallState()


def _report_time_left(process: Process) -> None:
    call = process.call
    if call.remaining_at and call.deadline is not None:
        left = max(0, call.deadline - process.mm.system.now())
        try:
            process.mm.write(
                call.remaining_at, b"".join(n.to_bytes(8, "little") for n in divmod(left, 10**9))
            )
        except (OSError, OutOfFrames):
            call.remaining_at = 0  # Linux would report EFAULT; the sleep is over either way


def _handle(kernel: Kernel, process: Process, info: SigInfo, action: Action) -> bool:
    """Let the process continue in its handler; False when the frame has no room."""
    mm = process.mm
    try:
        if not mm.map.sigreturn_page:
            # Above the mmap area: no later mapping, and no hole that the program has made, is where it goes.
            mm.map.sigreturn_page = mm.mmap(mm.mmap_top, 4096, 0b101, file=_trampoline(kernel), name="[vdso]")
        push_frame(process, info, action, mm.map.sigreturn_page)
    except (OSError, OutOfFrames):
        return False
    return True


def _trampoline(kernel: Kernel) -> FileNode:
    if kernel.trampoline is None:
        kernel.trampoline = MemFile(kernel.vfs.memfs, 0o555, SIGRETURN_CODE, read_only=True)
    return kernel.trampoline
