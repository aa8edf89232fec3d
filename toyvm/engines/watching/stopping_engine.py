"""Engines that stop before breakpoints and before accesses to watched memory, and change no memory for that.

No block, trace or translation contains the instruction at a breakpoint: each arrival there looks
for a block and finds none. So other code runs at full speed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Access, Mmu
from toyvm.machine.physical_memory import PAGE_SHIFT, PhysicalMemory
from toyvm.machine.traps import Trap

from ..code_map import Block, CodeMap
from ..llvm import state_layout as layout
from ..llvm.llvm_engine import LlvmEngine
from ..python.reference_engine import ReferenceEngine
from .watched_pages import Halt, OpenPages, Watch, WatchingEffects, pages_of

if TYPE_CHECKING:
    from ..engine import FaultHook

MOST_WATCHES = layout.WATCHES_MOST
_NEVER = 1 << 62


class StoppingReferenceEngine(ReferenceEngine):
    """The reference engine with breakpoints and watched memory.

    `run` returns Halt before a breakpoint's instruction, and before an instruction that accesses
    watched memory; everything is then as before the instruction. `pass_one` executes it.
    """

    def __init__(self, memory: PhysicalMemory, *, keeping: bool = False):
        super().__init__(memory, keeping=keeping)
        self._stopping = Stopping(self)
        self._effects = self._watching = WatchingEffects(memory, self.invalidate)

    def set_breakpoints(self, addresses: Iterable[int], spaces: Collection[Mmu]) -> None:
        """Replace the breakpoints. They hold in every address space; `spaces` are those that exist."""
        self._paths.barred = self._stopping.set_breakpoints(addresses, spaces)

    def set_watches(self, watches: Iterable[Watch]) -> None:
        """Replace the watched memory."""
        self._stopping.set_watches(watches)

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """See the class, and `engine.Engine.run`."""
        self._watching.watches = self._stopping.close_pages(hart.mmu)
        return super().run(hart, budget, on_fault)

    def pass_one(self, hart: Hart, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute one instruction, whatever it accesses and wherever it is."""
        self._stopping.passing = self._watching.passing = True
        try:
            return self.run(hart, 1, on_fault)
        finally:
            self._stopping.passing = self._watching.passing = False

    def _block(self, mmu: Mmu, code: CodeMap, head: int) -> Block:
        if self._stopping.near(head):
            return self._stopping.block(mmu, code, head, self._hot, self._decode)
        return super()._block(mmu, code, head)


class StoppingLlvmEngine(LlvmEngine):
    """The tiered engine with breakpoints and watched memory, as `StoppingReferenceEngine`."""

    def __init__(self, memory: PhysicalMemory, *, caching: bool = True):
        super().__init__(memory, caching=caching)
        self._stopping = Stopping(self)
        self._effects = self._watching = WatchingEffects(memory, self.invalidate)

    def set_breakpoints(self, addresses: Iterable[int], spaces: Collection[Mmu]) -> None:
        """Replace the breakpoints. They hold in every address space; `spaces` are those that exist."""
        self._paths.barred = self._stopping.set_breakpoints(addresses, spaces)
        if self._translator is not None:
            self._translator.forget()
            self._translator.keeping = not self._paths.barred

    def set_watches(self, watches: Iterable[Watch]) -> None:
        """Replace the watched memory."""
        self._stopping.set_watches(watches)

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """See the class, and `engine.Engine.run`."""
        self._watching.watches = self._stopping.close_pages(hart.mmu)
        return super().run(hart, budget, on_fault)

    def pass_one(self, hart: Hart, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute one instruction, whatever it accesses and wherever it is."""
        self._stopping.passing = self._watching.passing = True
        try:
            return self.run(hart, 1, on_fault)
        finally:
            self._stopping.passing = self._watching.passing = False

    def _block(self, mmu: Mmu, code: CodeMap, head: int) -> Block:
        if self._stopping.near(head):
            return self._stopping.block(mmu, code, head, self._hot, self._decode)
        return super()._block(mmu, code, head)

    def want(self, head: int, work: int = 0) -> None:
        """See `LlvmEngine`; no translation begins at a breakpoint."""
        if head not in self._stopping.breakpoints:
            super().want(head, work)

    def _fetcher(self, mmu: Mmu) -> Callable[[int], int | None]:
        fetch, barred = super()._fetcher(mmu), self._stopping.breakpoints
        return (lambda pc: None if pc in barred else fetch(pc)) if barred else fetch

    def _bind_space(self, mmu: Mmu) -> None:
        super()._bind_space(mmu)
        words, watches = self._state.words, self._watching.watches
        words[layout.WATCHES] = len(watches)
        for number, watch in enumerate(watches):
            words[layout.WATCHES + 1 + 2 * number] = watch.first
            words[layout.WATCHES + 2 + 2 * number] = watch.after


class Stopping:
    """What the two engines have in common: the breakpoints, and the pages that are kept out of the TLBs."""

    def __init__(self, engine: ReferenceEngine):
        self._engine = engine
        self.breakpoints: frozenset[int] = frozenset()
        self.passing = False
        self._pages: frozenset[int] = frozenset()
        self._watches: tuple[Watch, ...] = ()

    def set_breakpoints(self, addresses: Iterable[int], spaces: Collection[Mmu]) -> frozenset[int]:
        """Drop the code that the change concerns. Returns the breakpoints."""
        before, self.breakpoints = self.breakpoints, frozenset(addresses)
        self._pages = frozenset(pc >> PAGE_SHIFT for pc in self.breakpoints)
        changed = before ^ self.breakpoints
        for mmu in spaces:
            for va in {pc >> PAGE_SHIFT << PAGE_SHIFT for pc in changed}:
                self._engine.invalidate_page(mmu, va)
        return self.breakpoints

    def set_watches(self, watches: Iterable[Watch]) -> None:
        """Replace the watched memory; `close_pages` brings it into effect."""
        self._watches = tuple(watches)
        assert len(self._watches) <= MOST_WATCHES

    def close_pages(self, mmu: Mmu) -> tuple[Watch, ...]:
        """Keep the watched pages of an address space out of its TLB. Returns what is watched there."""
        tlb = mmu.tlb
        if not self._watches and type(tlb.read) is dict:
            return ()
        watches = tuple(watch for watch in self._watches if watch.mmu in (None, mmu))
        closed = pages_of(watches)
        known = tlb.read.closed if isinstance(tlb.read, OpenPages) else frozenset()
        if closed != known:
            for page in closed - known:
                self._engine.invalidate_page(mmu, page << PAGE_SHIFT)
            if closed:
                tlb.read, tlb.write = OpenPages(tlb.read, closed), OpenPages(tlb.write, closed)
            else:
                tlb.read, tlb.write = dict(tlb.read), dict(tlb.write)
        return watches

    def near(self, head: int) -> bool:
        """Whether a block at `head` may reach a breakpoint."""
        return head >> PAGE_SHIFT in self._pages

    def block(
        self,
        mmu: Mmu,
        code: CodeMap,
        head: int,
        hot: int,
        decode: Callable[[Mmu, int, int], Block],
    ) -> Block:
        """The block at `head`, which ends before a breakpoint.

        Raises Halt at a breakpoint; for `passing`, a block that is not kept.
        """
        stops = head in self.breakpoints
        if stops and not self.passing:
            raise Halt(head)
        block = decode(mmu, head, mmu.translate(head, Access.EXECUTE))
        block.ask = _NEVER if stops else hot
        cut = next((n for n, pc in enumerate(block.pcs) if n and pc in self.breakpoints), None)
        if cut is not None:
            block.end = block.pcs[cut]
            del block.body[cut:], block.pcs[cut:]
            block.last, block.length = None, cut
            block.text = block.text[: block.end - head]
        if not stops:
            code.add_block(head, block)
        return block
