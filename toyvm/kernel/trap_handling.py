"""Trap handling: system calls, page faults, and signals for other exceptions.

A page fault may be resolved while the engine runs (`InPlaceFaults`). System call dispatch covers
arguments, -errno, blocking, restarting and events.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.events import FaultKind, SyscallEnter, SyscallExit
from toyvm.machine.mmu import Access
from toyvm.machine.traps import Cause, Trap

from .limits import STATUS_LIMIT
from .mm.faults.page_fault import RESOLVED_BADLY, handle_fault
from .mm.frame_allocator import OutOfFrames
from .proc import lifecycle
from .proc.execve import ExecFailedError
from .proc.kernel_state import KernelState
from .proc.process import Process, State
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


_MAX_ABSENT = 64  # different numbers that are counted


# So near to the limit on faults the kernel counts each: most faults of native code take a frame, but not all.
_FEW_FAULTS = 4096


class InPlaceFaults:
    """Resolves page faults while the engine runs, without ending the run.

    Ending a run, handling the trap and starting again costs several times as much as the fault
    itself. So the engine calls `resolve` during the run (`on_fault` of `Engine.run`). Time and
    counters are updated first, so that events are the same as after a trap. If the run must not
    continue (the fault is fatal, or another process or a signal is pending), `resolve` returns
    False. The trap then ends the run, and `answer` returns the stored result.

    `account(process, instructions, misses)` charges executed instructions and TLB misses.
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
        """Start a run.

        `alone`: its budget exceeds the quantum, because no other process can run.
        """
        self._process = process
        self.renew()
        self._instret, self._misses = process.hart.instret, process.mm.mmu.tlb.misses
        self._alone = alone
        self._answer = None

    def turn(self, process: Process, *, alone: bool) -> None:
        """Continue the run with `process`; nothing but areas has changed since `begin`."""
        self._process, self._alone = process, alone
        self._instret, self._misses = process.hart.instret, process.mm.mmu.tlb.misses
        self._kernel.system.windows.follow(process.mm.map)

    def share(self) -> None:
        """The run is not alone any more, and its budget ends with the quantum."""
        self._alone = False

    def renew(self) -> None:
        """Tell native code what the areas are now, and whether it may resolve faults."""
        kernel = self._kernel
        system, debug, most = kernel.system, kernel.debug, kernel.limits.max_faults
        native = system.native_faults and not (debug is not None and debug.every_fault)
        if most is not None:
            most -= system.stats.page_faults
            native = native and most > _FEW_FAULTS
        system.windows.begin(self._process.mm.map, allowed=native, most=most)

    def settle(self, instret: int) -> None:
        """Charge the executed instructions, and count the faults that native code has resolved."""
        mm = self._process.mm
        self._kernel.system.windows.collect(mm.map, mm.context)
        misses = mm.mmu.tlb.misses
        self._account(self._process, instret - self._instret, misses - self._misses)
        self._instret, self._misses = instret, misses

    def resolve(self, trap: Trap, pc: int, instret: int) -> bool:
        """`on_fault` of `Engine.run`. Return whether the instruction can be retried at once."""
        access = ACCESS.get(trap.cause)
        if access is None:
            return False
        self.settle(instret)
        process, kernel = self._process, self._kernel
        process.hart.reservation = None
        mm = process.mm
        execute = mm.mmu.tlb.execute
        pages = len(execute)
        kind = self._handle(process, trap, access, pc)
        if (
            kind in RESOLVED_BADLY
            or process.state is not State.RUNNABLE
            or process.signals.pending
            or process.signals.shared
            or kernel.stopping
            or (kernel.debug is not None and kernel.debug.every_fault)
            or (self._alone and kernel.scheduler.crowded)
        ):
            self._answer = kind
            return False
        kernel.system.balance(mm.context)
        if len(execute) != pages:  # code was evicted: fetch the instruction again
            self._answer = kind
            return False
        return True

    def answer(self, process: Process, trap: Trap, access: Access) -> FaultKind:
        """The result of the page fault that ended the run."""
        if self._answer is not None:
            return self._answer
        return self._handle(process, trap, access, process.hart.pc)

    def _handle(self, process: Process, trap: Trap, access: Access, pc: int) -> FaultKind:
        mm = process.mm
        kind = handle_fault(mm.system, mm.map, mm.context, trap.tval, access, pc)
        if self._kernel.debug is not None:
            self._kernel.debug.fault_handled(process, trap.tval)
        return kind


def answer(kernel: KernelState, process: Process, trap: Trap, faults: InPlaceFaults) -> None:
    """Handle a trap. `faults` knows whether a page fault was handled already during the run."""
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
    """Execute the current system call of `process`, or retry it after blocking."""
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
    """Dispatch the system call at pc: block the process, or set a0 and advance pc.

    Raises OutOfFrames.
    """
    entry = find(number)
    x = process.hart.x
    args = (x[10], x[11], x[12], x[13], x[14], x[15])
    first = not process.in_call
    kernel.current = process
    if first:
        process.counters.syscalls += 1
        stats = kernel.system.stats
        stats.syscalls += 1
        if entry is not None:
            stats.calls[entry.name] = stats.calls.get(entry.name, 0) + 1
        most = kernel.limits.max_syscalls
        if most is not None and stats.syscalls >= most:
            kernel.stop(STATUS_LIMIT, f"limit of {most} system calls reached")
    wanted = kernel.bus.wanted
    traced = not (entry is not None and entry.private) and (SyscallExit in wanted or SyscallEnter in wanted)
    text = ""
    if traced:
        from .syscalls.tracing.strace import OUTPUTS, call_text

        text = call_text(process, entry, number, args)
    if first and kernel.debug is not None:
        kernel.debug.syscall_entered(process, number)
        if process.hart.x[17] != number or not process.alive:
            return  # the debugger has changed the call
        args = (x[10], x[11], x[12], x[13], x[14], x[15])
    if traced and first:
        name = entry.name if entry is not None else _foreign_name(number)
        kernel.bus.emit(SyscallEnter(kernel.now, process.tid, number, name, args, text))
    result: int | None
    if entry is None or (entry.needs_mmu and not process.mm.has_mmu):
        result = -errno.ENOSYS
        if entry is None and len(kernel.absent_calls) < _MAX_ABSENT:
            kernel.absent_calls[number] = kernel.absent_calls.get(number, 0) + 1
    else:
        try:
            result = entry.function(kernel, process, *args[: entry.arity])
        except WouldBlock as wait:
            _wait(kernel, process, entry, wait)
            return
        except (OSError, OverflowError, MemoryError) as failure:
            result = -_errno(failure)
    if result is None:  # execve and rt_sigreturn have set the registers
        process.leave_call()
    else:
        process.end_call(result)
    if kernel.debug is not None:
        kernel.debug.syscall_returned(process, number)
    if traced:
        if result is not None and entry is not None and not OUTPUTS.isdisjoint(entry.shapes):
            text = call_text(process, entry, number, args, result)
        _report(kernel, process, entry, number, text, result)


def _foreign_name(number: int) -> str:
    from .syscalls.tracing.linux_names import name_of  # most programs make no call that toyvm does not have

    return name_of(number)


def _errno(failure: Exception) -> int:
    """The error number that Linux would return. An unknown host error is EIO."""
    if isinstance(failure, OSError):
        return failure.errno if failure.errno is not None and failure.errno in errno.errorcode else errno.EIO
    return errno.ENOMEM


def _wait(kernel: KernelState, process: Process, entry: Syscall, wait: WouldBlock) -> None:
    process.in_call = True
    if process.signals.next() is not None:
        return  # a signal is pending already: the call is interrupted at once
    process.waits_in = entry.name
    kernel.scheduler.block(process, wait.queues, wait.deadline)


def _report(
    kernel: KernelState, process: Process, entry: Syscall | None, number: int, text: str, result: int | None
) -> None:
    from .syscalls.tracing.strace import result_text

    name = entry.name if entry is not None else _foreign_name(number)
    value = 0 if result is None else result
    shown = f"{text} = {'?' if not process.alive else result_text(entry, value)}"
    kernel.bus.emit(SyscallExit(kernel.now, process.tid, number, name, value, shown, known=entry is not None))
