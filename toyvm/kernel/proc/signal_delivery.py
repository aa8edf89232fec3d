"""Signal delivery: ignore a pending signal, end or stop the process, or run a handler.

Most programs get no signal, so this module is imported when the first one is delivered. Signals
are sent in `lifecycle`.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from contextlib import suppress

from toyvm.base.light_types import TYPE_CHECKING

from ..mm.frame_allocator import OutOfFrames
from ..mm.user_memory import Fault
from ..vfs.memory_files import MemFile
from ..vfs.nodes import FileNode
from .lifecycle import die, orphaned, pass_on_signals, stop
from .process import Process
from .signals import (
    SA_NODEFER,
    SA_ONSTACK,
    SA_RESETHAND,
    SA_RESTART,
    SIG_DFL,
    SIG_IGN,
    SS_AUTODISARM,
    SS_DISABLE,
    STOP_SIGNALS,
    UNBLOCKABLE,
    Action,
    SigInfo,
    Signal,
)

if TYPE_CHECKING:
    from .debug_hook import DebugHook
    from .kernel_state import KernelState

# Calls that end with EINTR even when the handler was installed with SA_RESTART (signal(7)).
# pselect6, ppoll, nanosleep, clock_nanosleep, rt_sigsuspend, rt_sigtimedwait, epoll_pwait, epoll_pwait2
_NEVER_RESTARTED = {72, 73, 101, 115, 133, 137, 22, 441}

# struct rt_sigframe { siginfo_t info; struct ucontext uc; }: siginfo 128 bytes; ucontext: flags 8, link 8, stack 24,
# sigmask 8, padding 120, then, aligned to 16, mcontext: pc and x1..x31 (256), floating-point state (528).
_UC = 128
_UC_STACK = _UC + 16
_UC_MASK = _UC + 40
_MCONTEXT = _UC + 176
_FP = _MCONTEXT + 256
FRAME_SIZE = _MCONTEXT + 256 + 528
_GPRS = struct.Struct("<32Q")
_FPRS = struct.Struct("<32QI")
SIGRETURN_CODE = bytes.fromhex("9308b00873000000")  # li a7, 139; ecall


def force(kernel: KernelState, process: Process, info: SigInfo, explain: Callable[[], str]) -> None:
    """Deliver a signal that an instruction caused.

    If the signal has no handler or is blocked, the process ends, as with Linux's force_sig_fault.
    """
    if kernel.debug is not None and not _told(kernel.debug, process, info):
        return
    signals = process.signals
    action = signals.action(info.signal)
    blocked = signals.mask >> (info.signal - 1) & 1
    if action.handler in (SIG_DFL, SIG_IGN) or blocked:
        die(kernel, process, info.signal, explain())
    elif not _handle(kernel, process, info, action):
        die(kernel, process, Signal.SIGSEGV, explain())


def _told(debug: DebugHook, process: Process, info: SigInfo) -> bool:
    """Tell a debugger of a signal that an instruction caused; whether to deliver it.

    The debugger's signal in its place becomes pending.
    """
    number = debug.signal(process, info)
    if number not in (0, info.signal) and process.alive:
        process.signals.queue(SigInfo(number), to_thread=True)
    return number == info.signal and process.alive


def deliver(kernel: KernelState, process: Process) -> bool:
    """Act on all pending signals. Return whether the process can continue.

    Each handler's frame is pushed on top of the previous one, so the last signal's handler runs
    first, as on Linux.
    """
    signals = process.signals
    while (signal := signals.next()) is not None:
        info = signals.take(signal)
        action = signals.action(signal)
        if action.handler == SIG_IGN or signals.ignores(signal):
            continue
        if kernel.debug is not None:
            number = kernel.debug.signal(process, info)
            if not process.alive:
                return False
            if not number:
                continue
            if number != signal:
                signal, info = number, SigInfo(number)
                action = signals.action(signal)
                if signals.ignores(signal):
                    continue
        if action.handler == SIG_DFL:
            if signal not in STOP_SIGNALS:
                die(kernel, process, signal)
                return False
            if signal != Signal.SIGSTOP and orphaned(kernel, process.pgid):
                continue
            stop(kernel, process, signal)
            return False
        _interrupt_call(process, action)
        if not _handle(kernel, process, info, action):
            die(kernel, process, Signal.SIGSEGV, "toyvm: no room on the stack for a signal's frame")
            return False
    if signals.shared:
        pass_on_signals(kernel, process)
    if signals.restore_mask is not None and not process.in_call:
        signals.mask, signals.restore_mask = signals.restore_mask, None
    return True


def _interrupt_call(process: Process, action: Action) -> None:
    """Restart a blocked system call after the handler (SA_RESTART), or end it with EINTR."""
    if not process.in_call:
        return
    futex = process.call.futex
    if futex is not None and futex.woken:  # the wake-up is not lost: the handler runs after the call
        process.end_call(0)
        return
    # A restarted call would compute a new deadline. So a call with a deadline ends, as in futex(2).
    if (
        not action.flags & SA_RESTART
        or process.hart.x[17] in _NEVER_RESTARTED
        or process.call.deadline is not None
    ):
        process.end_call(process.call.done or _report_time_left(process))
    process.leave_call()


def _report_time_left(process: Process) -> int:
    """Store how long an interrupted sleep had still to go; the result of the call."""
    call = process.call
    if call.remaining_at and call.deadline is not None:
        now = call.sleep.clock.spent() if call.sleep is not None else process.mm.system.now()
        left = max(0, call.deadline - now)
        try:
            process.mm.write(
                call.remaining_at, b"".join(n.to_bytes(8, "little") for n in divmod(left, 10**9))
            )
        except (OSError, OutOfFrames):
            return -errno.EFAULT
    return -errno.EINTR


def _handle(kernel: KernelState, process: Process, info: SigInfo, action: Action) -> bool:
    """Make the process continue in its handler. Return False if the frame cannot be written."""
    mm = process.mm
    try:
        if not mm.map.sigreturn_page:
            # It lies above the mmap area, where it does not change the addresses of other mappings.
            mm.map.sigreturn_page = mm.mmap(mm.mmap_top, 4096, 0b101, file=_trampoline(kernel), name="[vdso]")
        push_frame(process, info, action, mm.map.sigreturn_page)
    except (OSError, OutOfFrames):
        return False
    return True


def _trampoline(kernel: KernelState) -> FileNode:
    if kernel.trampoline is None:
        kernel.trampoline = MemFile(kernel.vfs.memfs, 0o555, SIGRETURN_CODE, read_only=True)
    return kernel.trampoline


def push_frame(process: Process, info: SigInfo, action: Action, trampoline: int) -> None:
    """Push a signal frame on the user's stack and continue in the handler. Raises Fault."""
    hart, signals = process.hart, process.signals
    sp = hart.x[2]
    base, size, flags = signals.stack
    nested = size and signals.on_stack(sp)
    if action.flags & SA_ONSTACK and size and not nested:
        sp = base + size
    frame = (sp - FRAME_SIZE) & ~15
    if nested and not signals.on_stack(frame):  # the stack would overflow
        raise Fault(frame & (1 << 64) - 1)
    if frame < 0 or frame >> 38:
        raise Fault(frame & (1 << 64) - 1)
    mask = signals.mask if signals.restore_mask is None else signals.restore_mask
    signals.restore_mask = None
    image = bytearray(FRAME_SIZE)
    image[0:128] = info.pack()
    struct.pack_into("<QIiQ", image, _UC_STACK, base, flags, 0, size)
    struct.pack_into("<Q", image, _UC_MASK, mask)
    _GPRS.pack_into(image, _MCONTEXT, hart.pc, *hart.x[1:])
    _FPRS.pack_into(image, _FP, *hart.f, hart.fcsr)
    process.mm.write(frame, bytes(image))
    if flags & SS_AUTODISARM:
        signals.stack = (0, 0, SS_DISABLE)
    signals.mask |= action.mask
    if not action.flags & SA_NODEFER:
        signals.mask |= 1 << (info.signal - 1)
    signals.mask &= ~UNBLOCKABLE
    if action.flags & SA_RESETHAND:
        signals.actions.pop(info.signal, None)
    x = hart.x
    x[1], x[2] = trampoline, frame
    x[10], x[11], x[12] = info.signal, frame, frame + _UC
    hart.pc = action.handler & ~1


def saved_registers(frame: bytes) -> tuple[int, list[int]]:
    """pc and x1 to x31 of the code that a signal has interrupted, from the signal's frame."""
    pc, *registers = _GPRS.unpack_from(frame, _MCONTEXT)
    return pc, registers


def pop_frame(process: Process) -> None:
    """rt_sigreturn(2): restore registers and mask from the frame at sp. Raises Fault."""
    frame = process.mm.read(process.hart.x[2], FRAME_SIZE)
    pc, registers = saved_registers(frame)
    *floats, fcsr = _FPRS.unpack_from(frame, _FP)
    hart = process.hart
    hart.x[:] = [0, *registers]
    hart.f[:] = floats
    hart.fcsr = fcsr & 0xFF
    hart.pc = pc & ~1
    (mask,) = struct.unpack_from("<Q", frame, _UC_MASK)
    process.signals.mask = mask & ~UNBLOCKABLE
    base, flags, _, size = struct.unpack_from("<QIiQ", frame, _UC_STACK)
    with suppress(OSError):  # restore_altstack: a bad stack is no error of rt_sigreturn
        process.signals.set_stack(hart.x[2], base, size, flags)
