"""Page faults that an engine lets the kernel resolve without ending its run.

Ending a run, answering the trap and beginning again costs several times what the fault itself does. Here the engine asks in the
middle (`Engine.on_fault`); the accounts are brought up to date first, so that time, counters and events are those of a trap.
Where the run must not simply go on (the fault is fatal, or has made something else happen), the answer is no: the trap
ends the run, and `answer` holds what has become of the fault already.
"""

from __future__ import annotations

from collections.abc import Callable

from toyvm.base.events import FaultKind
from toyvm.machine.mmu import Access
from toyvm.machine.traps import Cause, Trap

from .mm.faults.page_fault import RESOLVED_BADLY, handle_fault
from .proc.kernel_state import KernelState
from .proc.process import Process, State

ACCESS = {
    Cause.LOAD_PAGE_FAULT: Access.READ,
    Cause.STORE_PAGE_FAULT: Access.WRITE,
    Cause.INSTRUCTION_PAGE_FAULT: Access.EXECUTE,
}


class InPlaceFaults:
    """The faults of one run of the engine at a time. `account(process, instructions, misses)` takes what was executed."""

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
        """`Engine.on_fault`."""
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
