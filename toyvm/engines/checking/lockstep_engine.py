"""The lockstep engine: the LLVM engine, checked against the reference engine.

The LLVM engine executes each piece of a run, and the reference engine executes it on a copy of the
machine. The run stops after the first piece in which registers, traps, counts or memory differ. All
memory is compared, page tables with their A and D bits included.

Pieces have random lengths (from a seed), so that native code is entered and left everywhere. The
LLVM engine translates eagerly, so that short programs become native too.
"""

from __future__ import annotations

import random

from toyvm.base.errors import ToyvmError
from toyvm.isa.registers import F_NAMES, X_NAMES
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.traps import Trap

from ..engine import CallHook, FaultHook, QuickHook, WaitHook
from ..llvm.interp.interpreting_engine import InterpretingEngine
from ..llvm.tiers import EAGER
from ..llvm.translator import Translator
from ..python.reference_engine import ReferenceEngine
from .memory_pair import MemoryPair

_PIECES = (1, 7, 50, 400, 2000, 10_000)  # instructions; half of the pieces are short
_HOT = (8, 250, 1 << 30)  # compare native code with traces, with traces and blocks, or with blocks only
_FIRST = (0, 0, 3000)  # instructions before the native interpreter
_SHOWN = 8  # doublewords of memory in a message
MAX_SPACES = 256


class LockstepError(ToyvmError):
    """The engines differ; the message shows both states."""


class LockstepEngine:
    """`engine.Engine` whose `run` raises LockstepError at the first difference.

    `seed` decides the lengths of the pieces and the heat at which the reference engine compiles
    traces. `translator` as in `LlvmEngine`. Every page fault ends the run, so that both machines
    see the kernel's changes.
    """

    def __init__(self, memory: PhysicalMemory, seed: int = 0, translator: Translator | None = None):
        self._random = random.Random(seed)
        self._twin = PhysicalMemory(memory.size)
        self._memories = MemoryPair(memory, self._twin)
        if translator is None:
            translator = Translator()
            translator.keeping = False
        self._llvm = InterpretingEngine(
            memory, translator=translator, thresholds=EAGER, first=self._random.choice(_FIRST)
        )
        self._reference = ReferenceEngine(self._twin, hot=self._random.choice(_HOT))
        self._spaces: dict[int, tuple[Mmu, Mmu]] = {}  # by identity: an Mmu and its twin

    @property
    def native_entries(self) -> int:
        """How often native code was entered."""
        return self._llvm.native_entries + self._llvm.interpreted

    @property
    def stretch(self) -> int:
        """See `engine.Engine`."""
        return 500_000

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions on both (see `engine.Engine.run`)."""
        self._memories.copy()  # the kernel may have written to memory
        while budget > 0:
            piece = min(budget, self._random.choice(_PIECES))
            twin = hart.copy(self._twin_of(hart.mmu))
            twin.instret, twin.time_offset, twin.reservation = (
                hart.instret,
                hart.time_offset,
                hart.reservation,
            )
            start, before = hart.pc, hart.instret
            trap = self._llvm.run(hart, piece)
            expected = self._reference.run(twin, piece)
            if not (_state(hart, trap) == _state(twin, expected) and self._memories.equal()):
                raise LockstepError(
                    f"the engines differ after {hart.instret - before} instructions from {start:#x} "
                    f"(a piece of {piece}):\n{self._difference(hart, trap, twin, expected)}"
                )
            if trap is not None:
                return trap
            budget -= piece
        return None

    def answer_calls(
        self, on_call: CallHook, quickly: QuickHook | None = None, on_wait: WaitHook | None = None
    ) -> None:
        """See `engine.Engine`: each call traps."""

    def invalidate(self, mmu: Mmu) -> None:
        """Drop the code of an address space."""
        self._llvm.invalidate(mmu)
        self._spaces.pop(id(mmu), None)

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """Drop the code in one page."""
        self._llvm.invalidate_page(mmu, va)
        if id(mmu) in self._spaces:
            twin = self._spaces[id(mmu)][1]
            twin.tlb.drop(va >> 12)
            self._reference.invalidate_page(twin, va)

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Drop cached translations for writes."""
        self._llvm.invalidate_writes(mmu)
        if id(mmu) in self._spaces:
            self._spaces[id(mmu)][1].tlb.flush_writes()

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """Let `child` begin with the code of `mmu`, on the LLVM engine only."""
        self._llvm.inherit_code(mmu, child)

    def drop_caches(self) -> None:
        """Drop the caches of both engines."""
        self._llvm.drop_caches()
        self._reference.drop_caches()

    def close(self) -> None:
        """Close both engines."""
        self._llvm.close()
        self._reference.close()

    def _twin_of(self, mmu: Mmu) -> Mmu:
        if id(mmu) not in self._spaces:
            if len(self._spaces) >= MAX_SPACES:
                self._spaces.clear()
            self._spaces[id(mmu)] = mmu, mmu.over(self._twin)
        return self._spaces[id(mmu)][1]

    def _difference(self, hart: Hart, trap: Trap | None, twin: Hart, expected: Trap | None) -> str:
        """Both states as text, with a star where they differ."""
        rows = [("trap", str(trap), str(expected)), ("pc", f"{hart.pc:#x}", f"{twin.pc:#x}")]
        rows += [("instret", str(hart.instret), str(twin.instret)), ("fcsr", str(hart.fcsr), str(twin.fcsr))]
        rows.append(("reservation", str(hart.reservation), str(twin.reservation)))
        rows += [(name, f"{a:#x}", f"{b:#x}") for name, a, b in zip(X_NAMES, hart.x, twin.x, strict=True)]
        rows += [(name, f"{a:#x}", f"{b:#x}") for name, a, b in zip(F_NAMES, hart.f, twin.f, strict=True)]
        words = self._memories.words_that_differ(_SHOWN)
        rows += [(f"[{pa:#x}]", f"{ours:#x}", f"{theirs:#x}") for pa, ours, theirs in words]
        width = max(len(ours) for _, ours, _ in rows)
        return "\n".join(
            f"  {'*' if ours != theirs else ' '} {name:<18} llvm {ours:<{width}}  reference {theirs}"
            for name, ours, theirs in rows
        )


def _state(hart: Hart, trap: Trap | None) -> tuple[object, ...]:
    """The state that must be equal, without memory."""
    cause = None if trap is None else (trap.cause, trap.tval)
    return cause, hart.pc, hart.instret, hart.fcsr, hart.reservation, hart.x, hart.f
