"""What the kernel asks of an engine, whichever way it executes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..machine.hart import Hart
from ..machine.mmu import Mmu
from ..machine.traps import Trap

# (trap, pc, instret at it) -> whether the instruction at pc may be tried again
FaultHook = Callable[[Trap, int, int], bool]


class Engine(Protocol):
    """Executes instructions of a hart until they trap or a budget is used up; the same to the instruction on every engine."""

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions.

        None: the budget is used up and `hart.pc` is the next instruction. Trap: `hart.pc` is the trapping instruction,
        registers are as before it, and it is not in `hart.instret` (ecall and ebreak neither).

        `on_fault` is the kernel's offer to resolve a page fault while the run goes on. An engine that asks it may, when the
        answer is yes, execute the instruction again as if it had not trapped; when it is no, or if the engine does not ask,
        the trap ends the run. Either way the program does the same, and the kernel counts the same.
        """
        ...

    def invalidate(self, mmu: Mmu) -> None:
        """Forget everything known about the code of an address space: it changed, or it is gone."""
        ...

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """Forget what is known about the code in one page."""
        ...

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Forget where an address space may write without a look at its tables (a fork took W away); code stays."""
        ...

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """The new address space `child` has the same pages of code as `mmu`: what is known of one may be taken over."""
        ...
