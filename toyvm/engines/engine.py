"""The interface between the kernel and an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..machine.hart import Hart
from ..machine.mmu import Mmu
from ..machine.traps import Trap

# (trap, pc, instret at the trap) -> whether the engine may retry the instruction at pc
FaultHook = Callable[[Trap, int, int], bool]

# (pc of an ecall, instret there) -> whether the call is made, and the run goes on at `hart.pc`
CallHook = Callable[[int, int], bool]

# (instret at an ecall, a0 to a7) -> how many instructions the run may still execute after the call, whose result is
# then a0 in the list; or -1, and nothing has happened, or -2: neither, and the call has to wait
QuickHook = Callable[[int, list[int]], int]

# (pc of an ecall, instret there) -> the hart that runs from now on, and its budget, because the call blocks its
# thread; or None, and nothing has happened
WaitHook = Callable[[int, int], tuple[Hart, int] | None]


class Engine(Protocol):
    """Executes instructions of a hart until one traps or the budget is used up.

    All engines agree to the instruction.
    """

    @property
    def stretch(self) -> int:
        """How many instructions a run may have when nothing else needs the processor.

        They take about a tenth of a second, so that the host's interrupts are served.
        """
        ...

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions.

        Returns None when the budget is used up; `hart.pc` is then the next instruction. Returns the
        trap if an instruction traps (ecall and ebreak included); `hart.pc` is then this
        instruction, the registers are unchanged by it, and `hart.instret` does not count it.

        `on_fault` is the kernel's hook that resolves page faults during a run. If it returns True,
        the engine may retry the instruction as if it had not trapped. If it returns False, or the
        engine does not call it, the trap ends the run. The program's behaviour and the kernel's
        counts are the same either way.
        """
        ...

    def answer_calls(
        self, on_call: CallHook, quickly: QuickHook | None = None, on_wait: WaitHook | None = None
    ) -> None:
        """Offer a hook that makes system calls during a run. An engine may ignore it.

        The registers are exact when it is called. If it returns True, the call is made, and the run
        goes on at `hart.pc`, with no other register than a0 changed; if False, nothing has happened,
        and the ecall traps. If the call is made and the run must end, it raises the trap, which ends
        the run as it is, at `hart.pc`.

        An engine may ask `quickly` first, which needs no other registers and changes none but a0.
        The run goes on behind the ecall. If the call has to wait, an engine may ask `on_wait`, with exact
        registers, whether the run goes on with another hart; that raises the trap like `on_call`.
        """
        ...

    def invalidate(self, mmu: Mmu) -> None:
        """Drop all code of an address space: the code has changed, or the space is gone."""
        ...

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """Drop the code in the page of `va`."""
        ...

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Drop cached translations for writes (a fork has cleared W in the tables). Code stays."""
        ...

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """Let the new address space `child`, a fork of `mmu`, begin with its code."""
        ...

    def drop_caches(self) -> None:
        """Free what the engine can derive again, because the host is short of memory."""
        ...

    def close(self) -> None:
        """Called once after the last `run`: the engine may store code for later runs."""
        ...
