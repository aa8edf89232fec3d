"""The engine of a debugged machine: it runs in pieces, and passes a gate before each."""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING, Protocol
from toyvm.engines.watching.stopping_engine import StoppingLlvmEngine, StoppingReferenceEngine
from toyvm.engines.watching.watched_pages import Halt
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.traps import Trap

if TYPE_CHECKING:
    from toyvm.engines.engine import CallHook, FaultHook, QuickHook, WaitHook

StoppingEngine = StoppingReferenceEngine | StoppingLlvmEngine


class Gate(Protocol):
    """What lets the engine run."""

    def before(self, hart: Hart, ran: int) -> int:
        """The most instructions of the next piece; 0: the hart must not run now.

        `ran` counts those of this run so far. Registers and memory may change during the call.
        """

    def must_pass(self) -> bool:
        """Whether the next piece is one instruction that no breakpoint and no watched memory stops."""

    def after(self, hart: Hart, ran: int, halt: Halt | None) -> None:
        """A piece has run `ran` instructions. `halt`: it ended before watched memory is accessed."""


class GatedEngine:
    """Runs `inner` in pieces (`engine.Engine`). Behaviour and counts are those of one piece."""

    def __init__(self, inner: StoppingEngine):
        self.inner = inner
        self.gate: Gate | None = None

    @property
    def stretch(self) -> int:
        """See `engine.Engine`."""
        return self.inner.stretch

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions (see `engine.Engine.run`)."""
        gate = self.gate
        assert gate is not None, "a debugged machine needs a gate"
        start = hart.instret
        while True:
            piece = min(budget, gate.before(hart, hart.instret - start))
            if not piece:
                return None
            before = hart.instret
            inner = self.inner
            trap = inner.pass_one(hart, on_fault) if gate.must_pass() else inner.run(hart, piece, on_fault)
            ran = hart.instret - before
            budget -= ran
            halt = trap if isinstance(trap, Halt) else None
            gate.after(hart, ran, halt if halt is not None and halt.size else None)
            if halt is None and (trap is not None or not budget):
                return trap

    def answer_calls(
        self, on_call: CallHook, quickly: QuickHook | None = None, on_wait: WaitHook | None = None
    ) -> None:
        """See `engine.Engine`: each call traps."""

    def invalidate(self, mmu: Mmu) -> None:
        """See `engine.Engine`."""
        self.inner.invalidate(mmu)

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """See `engine.Engine`."""
        self.inner.invalidate_page(mmu, va)

    def invalidate_writes(self, mmu: Mmu) -> None:
        """See `engine.Engine`."""
        self.inner.invalidate_writes(mmu)

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """See `engine.Engine`."""
        self.inner.inherit_code(mmu, child)

    def drop_caches(self) -> None:
        """See `engine.Engine`."""
        self.inner.drop_caches()

    def close(self) -> None:
        """See `engine.Engine`."""


def debug_engine(name: str, memory: PhysicalMemory, *, caching: bool) -> GatedEngine:
    """The engine for a debugged machine: `name` is auto, llvm or reference."""
    if name == "reference":
        return GatedEngine(StoppingReferenceEngine(memory))
    return GatedEngine(StoppingLlvmEngine(memory, caching=caching))
