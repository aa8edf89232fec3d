"""What the kernel answers to a trap: a system call, a page fault, or a signal for what a program must not do."""

from __future__ import annotations

from toyvm.base.events import FaultKind
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.traps import Cause, Trap

from ..mm.faults.resolved_in_place import ACCESS, InPlaceFaults
from ..mm.frame_allocator import OutOfFrames
from ..syscalls import dispatch
from . import lifecycle
from .execve import ExecFailedError
from .process import Process
from .signals import BUS_ADRERR, ILL_ILLOPC, SEGV_ACCERR, SEGV_MAPERR, TRAP_BRKPT, SigInfo, Signal

if TYPE_CHECKING:
    from ..kernel import Kernel

_SIGNALS = {
    Cause.ILLEGAL_INSTRUCTION: (Signal.SIGILL, ILL_ILLOPC),
    Cause.BREAKPOINT: (Signal.SIGTRAP, TRAP_BRKPT),
    Cause.INSTRUCTION_ACCESS: (Signal.SIGSEGV, SEGV_ACCERR),
    Cause.LOAD_ACCESS: (Signal.SIGSEGV, SEGV_ACCERR),
    Cause.STORE_ACCESS: (Signal.SIGSEGV, SEGV_ACCERR),
}


def answer(kernel: Kernel, process: Process, trap: Trap, faults: InPlaceFaults) -> None:
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
        kernel.out_of_memory(process)
    elif kind in (FaultKind.SEGV, FaultKind.SIGBUS):
        signal = Signal.SIGSEGV if kind is FaultKind.SEGV else Signal.SIGBUS
        code = BUS_ADRERR
        if kind is FaultKind.SEGV:
            code = SEGV_ACCERR if process.mm.vmas.find(trap.tval) else SEGV_MAPERR
        _force(kernel, process, SigInfo(signal, code, trap.tval), trap)


def _force(kernel: Kernel, process: Process, info: SigInfo, trap: Trap) -> None:
    from .signal_delivery import force

    force(kernel, process, info, lambda: _explain(kernel, process, info.signal, trap))


def _explain(kernel: Kernel, process: Process, signal: int, trap: Trap) -> str:
    from ..accounts.death_report import explain_death  # only a dying process needs it

    return explain_death(kernel, process, signal, trap)


def serve(kernel: Kernel, process: Process) -> None:
    """The system call that the process has made, or goes on with after waiting."""
    number = process.hart.x[17]
    process.mm.context.pc = process.hart.pc
    try:
        dispatch.syscall(kernel, process, number)
    except ExecFailedError as failure:
        kernel.message(str(failure))
        lifecycle.exit_process(kernel, process, failure.status << 8)
    except OutOfFrames:
        kernel.out_of_memory(process)
