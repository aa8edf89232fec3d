"""Signals sent, blocked, waited for and handled."""

from __future__ import annotations

import errno
import struct

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..proc.process import State
from ..proc.signal_delivery import send
from ..proc.signals import (
    MAX_SIGNAL,
    SI_TKILL,
    SI_USER,
    SS_DISABLE,
    UNBLOCKABLE,
    Action,
    SigInfo,
    Signal,
    pop_frame,
)
from ..vfs.open_file import WouldBlock
from .table import signed, syscall

if TYPE_CHECKING:
    from ..kernel import Kernel
    from ..proc.process import Process

SIGSET_SIZE = 8
SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = 0, 1, 2
MINSIGSTKSZ = 2048


def _check_number(signal: int) -> int:
    number = signed(signal, 32)
    if not 0 <= number <= MAX_SIGNAL:
        raise error(errno.EINVAL)
    return number


@syscall(134, "rt_sigaction", "signal ptr ptr uint")
def rt_sigaction(kernel: Kernel, process: Process, signal: int, new: int, old: int, size: int) -> int:
    number = _check_number(signal)
    if size != SIGSET_SIZE or not number or (new and number in (Signal.SIGKILL, Signal.SIGSTOP)):
        raise error(errno.EINVAL)
    before = process.signals.action(number)
    if new:
        handler, flags, mask = struct.unpack("<QQQ", process.mm.read(new, 24))
        process.signals.actions[number] = Action(handler, flags, mask & ~UNBLOCKABLE)
        if process.signals.ignores(number):
            process.signals.pending.pop(number, None)
    if old:
        process.mm.write(old, struct.pack("<QQQ", before.handler, before.flags, before.mask))
    return 0


@syscall(135, "rt_sigprocmask", "int ptr ptr uint")
def rt_sigprocmask(kernel: Kernel, process: Process, how: int, new: int, old: int, size: int) -> int:
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
    if old:
        process.mm.write_int(old, before)
    return 0


@syscall(136, "rt_sigpending", "ptr uint")
def rt_sigpending(kernel: Kernel, process: Process, va: int, size: int) -> int:
    if size > SIGSET_SIZE:
        raise error(errno.EINVAL)
    bits = sum(1 << (s - 1) for s in process.signals.pending) & process.signals.mask
    process.mm.write(va, bits.to_bytes(8, "little")[:size])
    return 0


@syscall(133, "rt_sigsuspend", "ptr uint")
def rt_sigsuspend(kernel: Kernel, process: Process, va: int, size: int) -> int:
    if size != SIGSET_SIZE:
        raise error(errno.EINVAL)
    state = process.signals
    if not process.in_call:
        mask = process.mm.read_int(va) & ~UNBLOCKABLE
        state.restore_mask, state.mask = state.mask, mask
    raise WouldBlock


@syscall(139, "rt_sigreturn")
def rt_sigreturn(kernel: Kernel, process: Process) -> None:
    try:
        pop_frame(process)
    except OSError:
        from ..proc.signal_delivery import die

        die(kernel, process, Signal.SIGSEGV, "toyvm: rt_sigreturn without a signal frame at sp")


@syscall(132, "sigaltstack", "ptr ptr")
def sigaltstack(kernel: Kernel, process: Process, new: int, old: int) -> int:
    base, size, flags = process.signals.stack
    before = struct.pack("<QiiQ", base, flags, 0, size)
    if new:
        base, flags, _, size = struct.unpack("<QiiQ", process.mm.read(new, 24))
        if flags & ~SS_DISABLE & ~1:
            raise error(errno.EINVAL)
        if flags & SS_DISABLE:
            base, size = 0, 0
        elif size < MINSIGSTKSZ:
            raise error(errno.ENOMEM)
        process.signals.stack = (base, size, flags & SS_DISABLE)
    if old:
        process.mm.write(old, before)
    return 0


def _targets(kernel: Kernel, process: Process, pid: int) -> list[Process]:
    if pid > 0:
        found = kernel.processes.get(pid)
        return [found] if found is not None else []
    others = list(kernel.processes.values())
    if pid == -1:
        return [p for p in others if p is not process]
    group = process.pgid if pid == 0 else -pid
    return [p for p in others if p.pgid == group]


@syscall(129, "kill", "int signal")
def kill(kernel: Kernel, process: Process, pid: int, signal: int) -> int | None:
    return _send_all(kernel, process, _targets(kernel, process, signed(pid, 32)), signal, SI_USER)


@syscall(130, "tkill", "int signal")
def tkill(kernel: Kernel, process: Process, tid: int, signal: int) -> int | None:
    if signed(tid, 32) <= 0:
        raise error(errno.EINVAL)
    return _send_all(kernel, process, _targets(kernel, process, signed(tid, 32)), signal, SI_TKILL)


@syscall(131, "tgkill", "int int signal")
def tgkill(kernel: Kernel, process: Process, group: int, tid: int, signal: int) -> int | None:
    if signed(group, 32) <= 0:
        raise error(errno.EINVAL)
    return tkill(kernel, process, tid, signal)


def _send_all(kernel: Kernel, process: Process, targets: list[Process], signal: int, code: int) -> int | None:
    number = _check_number(signal)
    if not targets:
        raise error(errno.ESRCH)
    for target in targets:
        if number:
            send(kernel, target, SigInfo(number, code, pid=process.pid))
    return None if process.state is State.ZOMBIE or not process.alive else 0
