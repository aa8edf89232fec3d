"""An engine that pauses at intervals for an observer."""

from __future__ import annotations

from collections.abc import Callable

from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Mmu
from toyvm.machine.traps import Trap

from ..engine import CallHook, Engine, FaultHook, QuickHook, WaitHook


class SlicedEngine:
    """Runs `engine` in slices (`engine.Engine`). This does not change the program's behaviour.

    `look(engine)` is called after each slice. It may set `slice`, the number of instructions until
    the next call. `total` counts the instructions of the whole machine.
    """

    def __init__(self, engine: Engine, look: Callable[[SlicedEngine], None], length: int):
        self._engine = engine
        self._look = look
        self._next = length
        self.slice = length
        self.total = 0
        self.hart: Hart | None = None  # the running hart

    @property
    def stretch(self) -> int:
        """See `engine.Engine`."""
        return self._engine.stretch

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions (see `engine.Engine.run`)."""
        self.hart = hart
        while True:
            before = hart.instret
            trap = self._engine.run(hart, min(budget, self._next - self.total), on_fault)
            self.total += hart.instret - before
            budget -= hart.instret - before
            if self.total >= self._next:
                self._look(self)
                self._next = self.total + self.slice
            if trap is not None or not budget:
                return trap

    def answer_calls(
        self, on_call: CallHook, quickly: QuickHook | None = None, on_wait: WaitHook | None = None
    ) -> None:
        """See `engine.Engine`. A slice is of one hart."""
        self._engine.answer_calls(on_call, quickly)

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
