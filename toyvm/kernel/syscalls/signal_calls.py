"""Signals: send, block, wait for and handle them."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..proc.lifecycle import die, forget_signal, pass_on_signals, send
from ..proc.signal_delivery import pop_frame
from ..proc.signals import (
    MAX_SIGNAL,
    SI_TKILL,
    SI_USER,
    SS_AUTODISARM,
    SS_DISABLE,
    SS_ONSTACK,
    UNBLOCKABLE,
    Action,
    SigInfo,
    Signal,
)
from ..vfs.open_file import WouldBlock
from .arguments import timespec

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

SIGSET_SIZE = 8
SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = 0, 1, 2


def _check_number(signal: int) -> int:
    number = sext(signal, 32)
    if not 0 <= number <= MAX_SIGNAL:
        raise error(errno.EINVAL)
    return number


def rt_sigaction(kernel: KernelState, process: Process, signal: int, new: int, old: int, size: int) -> int:
    """rt_sigaction(2): get and set the action of a signal.

    Errors: EFAULT, EINVAL.
    """
    number = _check_number(signal)
    if size != SIGSET_SIZE or not number or (new and number in (Signal.SIGKILL, Signal.SIGSTOP)):
        raise error(errno.EINVAL)
    before = process.signals.action(number)
    if new:
        handler, flags, mask = struct.unpack("<QQQ", process.mm.read(new, 24))
        process.signals.actions[number] = Action(handler, flags, mask & ~UNBLOCKABLE)
        if process.signals.ignores(number):
            forget_signal(process, number)
    if old:
        process.mm.write(old, struct.pack("<QQQ", before.handler, before.flags, before.mask))
    return 0


def rt_sigprocmask(kernel: KernelState, process: Process, how: int, new: int, old: int, size: int) -> int:
    """rt_sigprocmask(2): get and change the mask of blocked signals.

    Errors: EFAULT, EINVAL.
    """
    if size != SIGSET_SIZE:
        raise error(errno.EINVAL)
    state = process.signals
    before = state.mask
    if new:
        given = process.mm.read_int(new)
        if how not in (SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK):
            raise error(errno.EINVAL)
        mask = before | given if how == SIG_BLOCK else before & ~given if how == SIG_UNBLOCK else given
        state.mask = mask & ~UNBLOCKABLE
        if state.shared:
            pass_on_signals(kernel, process)
    if old:
        process.mm.write_int(old, before)
    return 0


def rt_sigpending(kernel: KernelState, process: Process, va: int, size: int) -> int:
    """rt_sigpending(2): get the set of pending, blocked signals.

    Errors: EFAULT, EINVAL.
    """
    if size > SIGSET_SIZE:
        raise error(errno.EINVAL)
    bits = process.signals.waiting() & process.signals.mask
    process.mm.write(va, bits.to_bytes(8, "little")[:size])
    return 0


def rt_sigsuspend(kernel: KernelState, process: Process, va: int, size: int) -> int:
    """rt_sigsuspend(2): replace the mask and wait until a handler has run.

    Errors: EFAULT, EINTR, EINVAL.
    """
    if size != SIGSET_SIZE:
        raise error(errno.EINVAL)
    state = process.signals
    if not process.in_call:
        mask = process.mm.read_int(va) & ~UNBLOCKABLE
        state.restore_mask, state.mask = state.mask, mask
    raise WouldBlock


def rt_sigtimedwait(
    kernel: KernelState, process: Process, these: int, info: int, timeout: int, size: int
) -> int:
    """rt_sigtimedwait(2): wait for one of the signals of a set and take it; its number.

    Errors: EAGAIN (the time is over), EFAULT, EINTR, EINVAL.
    """
    if size != SIGSET_SIZE:
        raise error(errno.EINVAL)
    state, call = process.signals, process.call
    wanted = process.mm.read_int(these) & ~UNBLOCKABLE
    if not process.in_call and timeout:
        call.deadline = kernel.now + timespec(process, timeout)
    found = [s for queue in (state.pending, state.shared) for s in sorted(queue) if wanted >> (s - 1) & 1]
    if found:
        taken = state.take(found[0])
        if info:
            process.mm.write(info, taken.pack())
        return taken.signal
    if call.deadline is not None and call.deadline <= kernel.now:
        raise error(errno.EAGAIN)
    state.awaited = wanted
    raise WouldBlock(deadline=call.deadline)


def rt_sigreturn(kernel: KernelState, process: Process) -> None:
    """rt_sigreturn(2): return from a signal handler. A bad frame kills the process with SIGSEGV.

    It cannot fail.
    """
    try:
        pop_frame(process)
    except OSError:
        die(kernel, process, Signal.SIGSEGV, "toyvm: rt_sigreturn without a signal frame at sp")


def sigaltstack(kernel: KernelState, process: Process, new: int, old: int) -> int:
    """sigaltstack(2): get and set the stack for handlers with SA_ONSTACK.

    Errors: EFAULT, EINVAL, ENOMEM (less than MINSIGSTKSZ), EPERM (the caller runs on it).
    """
    signals, sp = process.signals, process.hart.x[2]
    base, size, flags = signals.stack
    state = SS_DISABLE if not size else SS_ONSTACK if signals.on_stack(sp) else 0
    before = struct.pack("<QIiQ", base, state | flags & SS_AUTODISARM, 0, size)
    if new:
        base, flags, _, size = struct.unpack("<QIiQ", process.mm.read(new, 24))
        signals.set_stack(sp, base, size, flags)
    if old:
        process.mm.write(old, before)
    return 0


def _targets(kernel: KernelState, process: Process, pid: int) -> list[Process]:
    if pid > 0:
        found = kernel.threads.get(pid)
        return [found] if found is not None else []
    others = list(kernel.processes.values())
    if pid == -1:
        return [p for p in others if p is not process.leader]
    group = process.pgid if pid == 0 else -pid
    return [p for p in others if p.pgid == group]


def kill(kernel: KernelState, process: Process, pid: int, signal: int) -> int | None:
    """kill(2): send a signal to a process, a process group or all others. Signal 0 only checks.

    A thread's number stands for its process.

    Errors: EINVAL, ESRCH.
    """
    targets = _targets(kernel, process, sext(pid, 32))
    if not targets:
        raise error(errno.ESRCH)
    number = _check_number(signal)
    for target in targets:
        send(kernel, target, SigInfo(number, SI_USER, pid=process.pid, uid=kernel.UID))
    return 0 if process.tid in process.thread_group.members else None


def tkill(kernel: KernelState, process: Process, tid: int, signal: int) -> int | None:
    """tkill(2): send a signal to a thread.

    Errors: EINVAL, ESRCH.
    """
    return _send_to_thread(kernel, process, None, sext(tid, 32), signal)


def tgkill(kernel: KernelState, process: Process, group: int, tid: int, signal: int) -> int | None:
    """tgkill(2): send a signal to a thread of the process `group`.

    Errors: EINVAL, ESRCH.
    """
    if sext(group, 32) <= 0:
        raise error(errno.EINVAL)
    return _send_to_thread(kernel, process, sext(group, 32), sext(tid, 32), signal)


def _send_to_thread(
    kernel: KernelState, process: Process, group: int | None, tid: int, signal: int
) -> int | None:
    if tid <= 0:
        raise error(errno.EINVAL)
    target = kernel.threads.get(tid)
    if target is None or group not in (None, target.pid):
        raise error(errno.ESRCH)
    number = _check_number(signal)
    send(kernel, target, SigInfo(number, SI_TKILL, pid=process.pid, uid=kernel.UID), to_thread=True)
    return 0 if process.tid in process.thread_group.members else None


def _given_info(process: Process, signal: int, va: int, *, to_itself: bool) -> SigInfo:
    """The siginfo_t of a sigqueue call. Only to itself may a process claim to be the kernel or kill(2)."""
    data = process.mm.read(va, 128)
    (code,) = struct.unpack_from("<i", data, 8)
    if (code >= 0 or code == SI_TKILL) and not to_itself:
        raise error(errno.EPERM)
    return SigInfo(_check_number(signal), code, pid=struct.unpack_from("<i", data, 16)[0], raw=data[12:])


def rt_sigqueueinfo(kernel: KernelState, process: Process, pid: int, signal: int, info: int) -> int | None:
    """rt_sigqueueinfo(2): send a signal to a process with the siginfo_t at `info`, as sigqueue(3) does.

    Errors: EAGAIN, EFAULT, EINVAL, EPERM, ESRCH.
    """
    found = kernel.threads.get(sext(pid, 32))
    given = _given_info(process, signal, info, to_itself=sext(pid, 32) == process.pid)
    if found is None:
        raise error(errno.ESRCH)
    send(kernel, found, given)
    return 0 if process.tid in process.thread_group.members else None


def rt_tgsigqueueinfo(
    kernel: KernelState, process: Process, group: int, tid: int, signal: int, info: int
) -> int | None:
    """rt_tgsigqueueinfo(2): send a signal to a thread with the siginfo_t at `info`.

    Errors: EAGAIN, EFAULT, EINVAL, EPERM, ESRCH.
    """
    if sext(group, 32) <= 0 or sext(tid, 32) <= 0:
        raise error(errno.EINVAL)
    found = kernel.threads.get(sext(tid, 32))
    given = _given_info(process, signal, info, to_itself=sext(tid, 32) == process.tid)
    if found is None or found.pid != sext(group, 32):
        raise error(errno.ESRCH)
    send(kernel, found, given, to_thread=True)
    return 0 if process.tid in process.thread_group.members else None
