"""An engine that returns to the kernel at every page fault, for observers that read registers."""

from __future__ import annotations

from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Mmu
from toyvm.machine.traps import Trap

from ..engine import CallHook, Engine, FaultHook, QuickHook, WaitHook


class TrappingEngine:
    """Runs `engine` without the kernel's hook for faults (`engine.Engine`).

    While an engine runs, the registers of the hart are in its hands, and those that the kernel sees
    when it resolves a fault are old. Here a fault ends the run first. The program's behaviour and
    the kernel's counts stay the same.
    """

    def __init__(self, engine: Engine):
        self._engine = engine

    @property
    def stretch(self) -> int:
        """See `engine.Engine`."""
        return self._engine.stretch

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions; `on_fault` is not called (see `engine.Engine.run`)."""
        return self._engine.run(hart, budget)

    def answer_calls(
        self, on_call: CallHook, quickly: QuickHook | None = None, on_wait: WaitHook | None = None
    ) -> None:
        """See `engine.Engine`: each call traps."""

    def invalidate(self, mmu: Mmu) -> None:
        """See `engine.Engine`."""
        self._engine.invalidate(mmu)

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """See `engine.Engine`."""
        self._engine.invalidate_page(mmu, va)

    def invalidate_writes(self, mmu: Mmu) -> None:
        """See `engine.Engine`."""
        self._engine.invalidate_writes(mmu)

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """See `engine.Engine`."""
        self._engine.inherit_code(mmu, child)

    def drop_caches(self) -> None:
        """See `engine.Engine`."""
        self._engine.drop_caches()

    def close(self) -> None:
        """See `engine.Engine`."""
        self._engine.close()
