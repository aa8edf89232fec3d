"""What the kernel asks of an engine, whichever way it executes."""

from __future__ import annotations

from typing import Protocol

from ..machine.hart import Hart
from ..machine.mmu import Mmu
from ..machine.traps import Trap


class Engine(Protocol):
    """Executes instructions of a hart until they trap or a budget is used up; the same to the instruction on every engine."""

    def run(self, hart: Hart, budget: int) -> Trap | None:
        """Execute at most `budget` instructions.

        None: the budget is used up and `hart.pc` is the next instruction. Trap: `hart.pc` is the trapping instruction,
        registers are as before it, and it is not in `hart.instret` (ecall and ebreak neither).
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
