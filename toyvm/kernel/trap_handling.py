"""What the kernel answers to a trap: a system call, a page fault, or a signal for what a program must not do.

A page fault may be answered in the middle of an engine's run. A system call goes from its ecall to its function and back:
arguments, -errno, waiting, restarting, events.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.events import FaultKind, SyscallEnter, SyscallExit
from toyvm.machine.mmu import Access
from toyvm.machine.traps import Cause, Trap

from .mm.faults.page_fault import RESOLVED_BADLY, handle_fault
from .mm.frame_allocator import OutOfFrames
from .proc import lifecycle
from .proc.execve import ExecFailedError
from .proc.kernel_state import KernelState
from .proc.process import CallState, Process, State
from .proc.signals import BUS_ADRERR, ILL_ILLOPC, SEGV_ACCERR, SEGV_MAPERR, TRAP_BRKPT, SigInfo, Signal
from .syscalls.table import Syscall, find
from .vfs.open_file import WouldBlock

ACCESS = {
    Cause.LOAD_PAGE_FAULT: Access.READ,
    Cause.STORE_PAGE_FAULT: Access.WRITE,
    Cause.INSTRUCTION_PAGE_FAULT: Access.EXECUTE,
}
_SIGNALS = {
    Cause.ILLEGAL_INSTRUCTION: (Signal.SIGILL, ILL_ILLOPC),
    Cause.BREAKPOINT: (Signal.SIGTRAP, TRAP_BRKPT),
    Cause.INSTRUCTION_ACCESS: (Signal.SIGSEGV, SEGV_ACCERR),
    Cause.LOAD_ACCESS: (Signal.SIGSEGV, SEGV_ACCERR),
    Cause.STORE_ACCESS: (Signal.SIGSEGV, SEGV_ACCERR),
}


class InPlaceFaults:
    """Page faults that an engine lets the kernel resolve without ending its run, one run at a time.

    Ending a run, answering the trap and beginning again costs several times what the fault itself does. So the engine asks in
    the middle (`on_fault` of `Engine.run`). The accounts are brought up to date first: time, counters and events are those of a trap.
    Where the run must not simply go on (the fault is fatal, or has made something else happen), the answer is no: the trap
    ends the run, and `answer` holds what has become of the fault already.

    `account(process, instructions, misses)` takes what was executed.
    """

    def __init__(self, kernel: KernelState, account: Callable[[Process, int, int], None]):
        self._kernel = kernel
        self._account = account
        self._process: Process
        self._instret = 0
        self._misses = 0
        self._alone = False
        self._answer: FaultKind | None = None

    def begin(self, process: Process, *, alone: bool) -> None:
        """A run begins; `alone`: its budget reaches beyond the quantum, because nobody else can run."""
        self._process = process
        system = self._kernel.system
        system.windows.begin(process.mm.map, allowed=system.native_faults)
        self._instret, self._misses = process.hart.instret, process.mm.mmu.tlb.misses
        self._alone = alone
        self._answer = None

    def settle(self, instret: int) -> None:
        """Account for what was executed up to here, and for the faults that native code has resolved."""
        mm = self._process.mm
        self._kernel.system.windows.collect(mm.map, mm.context)
        misses = mm.mmu.tlb.misses
        self._account(self._process, instret - self._instret, misses - self._misses)
        self._instret, self._misses = instret, misses

    def resolve(self, trap: Trap, pc: int, instret: int) -> bool:
        """`on_fault` of `Engine.run`: whether the instruction may be tried again at once."""
        access = ACCESS.get(trap.cause)
        if access is None:
            return False
        self.settle(instret)
        process, kernel = self._process, self._kernel
        process.hart.reservation = None
        mm = process.mm
        execute = mm.mmu.tlb.execute
        pages = len(execute)
        kind = handle_fault(kernel.system, mm.map, mm.context, trap.tval, access, pc)
        if (
            kind in RESOLVED_BADLY
            or process.state is not State.RUNNABLE
            or process.signals.pending
            or (self._alone and kernel.scheduler.crowded)
        ):
            self._answer = kind
            return False
        kernel.system.balance(mm.context)
        if len(execute) != pages:  # code was taken away: what runs must be fetched again
            self._answer = kind
            return False
        return True

    def answer(self, process: Process, trap: Trap, access: Access) -> FaultKind:
        """What has become of the page fault that ended the run."""
        if self._answer is not None:
            return self._answer
        mm = process.mm
        return handle_fault(mm.system, mm.map, mm.context, trap.tval, access, process.hart.pc)


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
