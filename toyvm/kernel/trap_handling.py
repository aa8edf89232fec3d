"""What the kernel answers to a trap: a system call, a page fault, or a signal for what a program must not do.

A system call goes from its ecall to its function and back: arguments, -errno, waiting, restarting, events.
"""

from __future__ import annotations

import errno

from toyvm.base.events import FaultKind, SyscallEnter, SyscallExit
from toyvm.machine.traps import Cause, Trap

from .mm.frame_allocator import OutOfFrames
from .proc import lifecycle
from .proc.execve import ExecFailedError
from .proc.kernel_state import KernelState
from .proc.process import CallState, Process
from .proc.signals import BUS_ADRERR, ILL_ILLOPC, SEGV_ACCERR, SEGV_MAPERR, TRAP_BRKPT, SigInfo, Signal
from .resolved_in_place import ACCESS, InPlaceFaults
from .syscalls.table import Syscall, find
from .vfs.open_file import WouldBlock

_SIGNALS = {
    Cause.ILLEGAL_INSTRUCTION: (Signal.SIGILL, ILL_ILLOPC),
    Cause.BREAKPOINT: (Signal.SIGTRAP, TRAP_BRKPT),
    Cause.INSTRUCTION_ACCESS: (Signal.SIGSEGV, SEGV_ACCERR),
    Cause.LOAD_ACCESS: (Signal.SIGSEGV, SEGV_ACCERR),
    Cause.STORE_ACCESS: (Signal.SIGSEGV, SEGV_ACCERR),
}


def answer(kernel: KernelState, process: Process, trap: Trap, faults: InPlaceFaults) -> None:
    """Do what the trap asks for; `faults` has seen what became of a page fault in the middle of a run."""
    if trap.cause == Cause.ECALL_U:
        serve(kernel, process)
        return
    pc = process.hart.pc
    access = ACCESS.get(trap.cause)
    if access is None:
        if trap.cause == Cause.BREAKPOINT and kernel.breakpoints and kernel.breakpoints.answer(process):
            return
        signal, code = _SIGNALS.get(trap.cause, (Signal.SIGBUS, BUS_ADRERR))
        where = trap.tval if signal in (Signal.SIGBUS, Signal.SIGSEGV) else pc
        _force(kernel, process, SigInfo(signal, code, where), trap)
        return
    kind = faults.answer(process, trap, access)
    if kind is FaultKind.OOM:
        _out_of_memory(kernel, process)
    elif kind in (FaultKind.SEGV, FaultKind.SIGBUS):
        signal = Signal.SIGSEGV if kind is FaultKind.SEGV else Signal.SIGBUS
        code = BUS_ADRERR
        if kind is FaultKind.SEGV:
            code = SEGV_ACCERR if process.mm.vmas.find(trap.tval) else SEGV_MAPERR
        _force(kernel, process, SigInfo(signal, code, trap.tval), trap)


def _force(kernel: KernelState, process: Process, info: SigInfo, trap: Trap) -> None:
    from .proc.signal_delivery import force  # most programs get no signal

    force(kernel, process, info, lambda: _explain(kernel, process, info.signal, trap))


def _explain(kernel: KernelState, process: Process, signal: int, trap: Trap) -> str:
    from .accounts.death_report import explain_death  # only a dying process needs it

    return explain_death(kernel, process, signal, trap)


def serve(kernel: KernelState, process: Process) -> None:
    """The system call that the process has made, or goes on with after waiting."""
    number = process.hart.x[17]
    process.mm.context.pc = process.hart.pc
    try:
        _make_call(kernel, process, number)
    except ExecFailedError as failure:
        kernel.message(str(failure))
        lifecycle.exit_process(kernel, process, failure.status << 8)
    except OutOfFrames:
        _out_of_memory(kernel, process)


def _out_of_memory(kernel: KernelState, process: Process) -> None:
    from .proc.oom_killer import out_of_memory  # most runs never need it

    out_of_memory(kernel, process)


def _make_call(kernel: KernelState, process: Process, number: int) -> None:
    """Make the system call that `process` stands at; blocks it, or sets a0 and moves pc on. Raises OutOfFrames."""
    entry = find(number)
    x = process.hart.x
    args = (x[10], x[11], x[12], x[13], x[14], x[15])
    first = not process.in_call
    kernel.current = process
    if first:
        process.counters.syscalls += 1
        kernel.system.stats.syscalls += 1
    traced = not (entry is not None and entry.private) and (
        kernel.bus.wants(SyscallExit) or kernel.bus.wants(SyscallEnter)
    )
    text = ""
    if traced:
        from .syscalls.strace import OUTPUTS, call_text

        text = call_text(process, entry, number, args)
    if traced and first:
        name = entry.name if entry is not None else f"syscall_{number}"
        kernel.bus.emit(SyscallEnter(kernel.now, process.pid, number, name, args, text))
    result: int | None
    if entry is None or (entry.needs_mmu and not process.mm.has_mmu):
        result = -errno.ENOSYS
    else:
        try:
            result = entry.function(kernel, process, *args[: entry.arity])
        except WouldBlock as wait:
            _wait(kernel, process, entry, wait)
            return
        except (OSError, OverflowError, MemoryError) as failure:
            result = -_errno(failure)
    if result is None:  # execve and rt_sigreturn have set the registers
        process.in_call = False
        process.call = CallState()
    else:
        process.end_call(result)
    if traced:
        if result is not None and entry is not None and not OUTPUTS.isdisjoint(entry.shapes):
            text = call_text(process, entry, number, args, result)
        _report(kernel, process, entry, number, text, result)


def _errno(failure: Exception) -> int:
    """What Linux would call it: anything unexpected of the host is EIO."""
    if isinstance(failure, OSError):
        return failure.errno if failure.errno is not None and failure.errno in errno.errorcode else errno.EIO
    return errno.ENOMEM


def _wait(kernel: KernelState, process: Process, entry: Syscall, wait: WouldBlock) -> None:
    process.in_call = True
    if process.signals.next() is not None:
        return  # it came before we slept: the call is interrupted at once
    process.waits_for = f"waits in {entry.name}"
    kernel.scheduler.block(process, wait.queues, wait.deadline)


def _report(
    kernel: KernelState, process: Process, entry: Syscall | None, number: int, text: str, result: int | None
) -> None:
    from .syscalls.strace import result_text

    name = entry.name if entry is not None else f"syscall_{number}"
    value = 0 if result is None else result
    shown = f"{text} = {'?' if not process.alive else result_text(entry, value)}"
    kernel.bus.emit(SyscallExit(kernel.now, process.pid, number, name, value, shown, known=entry is not None))
