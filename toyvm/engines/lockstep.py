"""Two engines side by side: each piece of a run is executed by the LLVM engine and, on a copy of the machine, by the reference
engine; the run stops at the first piece after which registers, traps, counts or memory differ.

The pieces have random lengths (from a fixed seed), so that native code is left and entered everywhere, and the LLVM engine translates
eagerly and at once, so that short programs are native too. Memory is compared whole: choose a small `--memory`.
"""

from __future__ import annotations

import random

from ..errors import ToyvmError
from ..isa.registers import F_NAMES, X_NAMES
from ..machine.hart import Hart
from ..machine.memory import PhysicalMemory
from ..machine.mmu import Mmu
from ..machine.traps import Trap
from .llvm import EAGER, LlvmEngine
from .llvm_translate import Translator
from .reference import ReferenceEngine

_CHUNK = 1 << 16  # bytes of memory compared at a time
_LONGEST = 2000
MAX_SPACES = 256


class LockstepError(ToyvmError):
    """The engines differ; the message shows both states."""


class LockstepEngine:
    """`base.Engine`: the LLVM engine's answers, each checked. Raises LockstepError from `run` at the first difference."""

    def __init__(self, memory: PhysicalMemory, seed: int = 0):
        self._memory = memory
        self._twin = PhysicalMemory(memory.size)
        self._llvm = LlvmEngine(
            memory, translator=Translator(folder=None, background=False), thresholds=EAGER
        )
        self._reference = ReferenceEngine(self._twin, hot=8)
        self._random = random.Random(seed)
        self._spaces: dict[int, tuple[Mmu, Mmu]] = {}  # by identity: an Mmu and its twin

    def run(self, hart: Hart, budget: int) -> Trap | None:
        """Execute at most `budget` instructions on both (see `base.Engine.run`)."""
        self._copy_memory()
        while budget > 0:
            piece = min(budget, self._random.choice((1, 7, 50, 400, _LONGEST)))
            twin = hart.copy(self._twin_of(hart.mmu))
            twin.instret, twin.time_offset, twin.reservation = (
                hart.instret,
                hart.time_offset,
                hart.reservation,
            )
            start, before = hart.pc, hart.instret
            trap = self._llvm.run(hart, piece)
            expected = self._reference.run(twin, piece)
            if difference := self._difference(hart, trap, twin, expected):
                raise LockstepError(
                    f"the engines differ after {hart.instret - before} instructions from {start:#x} "
                    f"(a piece of {piece}):\n{difference}"
                )
            if trap is not None:
                return trap
            budget -= piece
        return None

    def invalidate(self, mmu: Mmu) -> None:
        """Forget the code of an address space."""
        self._llvm.invalidate(mmu)
        if id(mmu) in self._spaces:
            twin = self._spaces[id(mmu)][1]
            twin.tlb.flush()
            self._reference.invalidate(twin)

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """Forget the code in one page."""
        self._llvm.invalidate_page(mmu, va)
        if id(mmu) in self._spaces:
            twin = self._spaces[id(mmu)][1]
            twin.tlb.drop(va >> 12)
            self._reference.invalidate_page(twin, va)

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Forget where an address space may write."""
        self._llvm.invalidate_writes(mmu)
        if id(mmu) in self._spaces:
            self._spaces[id(mmu)][1].tlb.write.clear()

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """Let `child` begin with the code of `mmu`; the reference engine looks for itself."""
        self._llvm.inherit_code(mmu, child)

    def _twin_of(self, mmu: Mmu) -> Mmu:
        if id(mmu) not in self._spaces:
            if len(self._spaces) >= MAX_SPACES:
                self._spaces.clear()
            self._spaces[id(mmu)] = mmu, Mmu(self._twin, mmu.root_ppn)
        return self._spaces[id(mmu)][1]

    def _copy_memory(self) -> None:
        """What the kernel has written since the last piece."""
        for at in self._unequal():
            self._twin.u8[at : at + _CHUNK] = self._memory.u8[at : at + _CHUNK]

    def _unequal(self) -> list[int]:
        ours, theirs = self._memory.u8, self._twin.u8
        return [
            at
            for at in range(0, self._memory.size, _CHUNK)
            if bytes(ours[at : at + _CHUNK]) != bytes(theirs[at : at + _CHUNK])
        ]

    def _difference(self, hart: Hart, trap: Trap | None, twin: Hart, expected: Trap | None) -> str:
        """Both states where they differ, or nothing."""
        rows = [("trap", str(trap), str(expected)), ("pc", f"{hart.pc:#x}", f"{twin.pc:#x}")]
        rows += [("instret", str(hart.instret), str(twin.instret)), ("fcsr", str(hart.fcsr), str(twin.fcsr))]
        rows.append(("reservation", str(hart.reservation), str(twin.reservation)))
        rows += [(name, f"{a:#x}", f"{b:#x}") for name, a, b in zip(X_NAMES, hart.x, twin.x, strict=True)]
        rows += [(name, f"{a:#x}", f"{b:#x}") for name, a, b in zip(F_NAMES, hart.f, twin.f, strict=True)]
        rows += self._memory_rows()
        if all(ours == theirs for _, ours, theirs in rows):
            return ""
        width = max(len(ours) for _, ours, _ in rows)
        return "\n".join(
            f"  {'*' if ours != theirs else ' '} {name:<18} llvm {ours:<{width}}  reference {theirs}"
            for name, ours, theirs in rows
        )

    def _memory_rows(self) -> list[tuple[str, str, str]]:
        """The first words of physical memory that differ."""
        rows = []
        for chunk in self._unequal():
            for word in range(chunk >> 3, (chunk + _CHUNK) >> 3):
                ours, theirs = self._memory.u64[word], self._twin.u64[word]
                if ours != theirs:
                    rows.append((f"[{word << 3:#x}]", f"{ours:#x}", f"{theirs:#x}"))
            if len(rows) > 8:
                break
        return rows
