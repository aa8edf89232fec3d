"""An engine that records a program's page references: the reference engine without traces.

An event is a time (instructions that the whole machine executed before) and `page << 2 | kind`:

- EXECUTE: an instruction is fetched from another page than the previous one. An instruction that
  crosses pages has two events. Later instructions fetch from the page of the last such event.
- READ, WRITE: an instruction accesses a page. There is one event for each instruction, page and
  kind; an AMO is one WRITE. A faulting access is recorded when the instruction is repeated and
  succeeds.
- SPACE: another address space runs. The "page" is its number: 0 for the first one that ran.

The kernel's own accesses are not recorded.

A load or store that hits the TLB uses a dictionary's `[]`, and the dictionaries here record it. All
other accesses go through `Effects`. There are no traces, because only a block gives the position of
the current instruction.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from operator import length_hint
from typing import TYPE_CHECKING, Any

from toyvm.base.bits import M64
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_SHIFT, PhysicalMemory
from toyvm.machine.traps import Trap

from ..code_map import CodeMap
from ..effects import Effects
from ..python.reference_engine import ReferenceEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..code_map import Block
    from ..engine import CallHook, FaultHook, QuickHook, WaitHook

SPACE, READ, WRITE, EXECUTE = range(4)
PIECE = 1 << 16  # instructions between two deliveries of events
NOWHERE = -1


class RecordedCode(CodeMap):
    """The code of one address space, and its number in events (NOWHERE in a new copy)."""

    __slots__ = ("number",)

    def __init__(self, owner: object):
        super().__init__(owner)
        self.number = NOWHERE


class Position:
    """The position of execution: the remaining steps of a block, and the time when none remain."""

    __slots__ = ("end", "steps")

    def __init__(self) -> None:
        self.end = 0
        self.steps: Iterator[Any] = iter(())

    @property
    def now(self) -> int:
        """The time of the current instruction."""
        return self.end - length_hint(self.steps)


def noting(kind: int, position: Position, times: array[int], values: array[int]) -> type[dict[int, int]]:
    """A dictionary type for a TLB whose `[]` records each page that it finds."""
    look, when, what, hint = dict.__getitem__, times.append, values.append, length_hint

    class Noting(dict[int, int]):
        __slots__ = ()

        def __getitem__(self, vpn: int) -> int:
            delta: int = look(self, vpn)
            when(position.end - hint(position.steps))
            what(vpn << 2 | kind)
            return delta

    return Noting


class NotingEffects(Effects):
    """Records the accesses that miss the TLB's dictionaries, once they have succeeded."""

    __slots__ = ("_note",)

    def __init__(
        self, memory: PhysicalMemory, on_fence_i: Callable[[Mmu], None], note: Callable[[int, int], None]
    ):
        super().__init__(memory, on_fence_i)
        self._note = note

    def _pages(self, va: int, size: int, kind: int) -> None:
        va &= M64
        self._note(va >> PAGE_SHIFT, kind)
        if (va + size - 1) >> PAGE_SHIFT != va >> PAGE_SHIFT:
            self._note((va + size - 1) >> PAGE_SHIFT, kind)

    def load(self, va: int, size: int) -> int:
        value = super().load(va, size)
        self._pages(va, size, READ)
        return value

    def store(self, va: int, size: int, value: int) -> None:
        super().store(va, size, value)
        self._pages(va, size, WRITE)

    def load_reserved(self, va: int, size: int) -> int:
        value = super().load_reserved(va, size)
        self._pages(va, size, READ)
        return value

    def store_conditional(self, va: int, size: int, value: int) -> int:
        reserved = self._hart.reservation is not None
        failed = super().store_conditional(va, size, value)
        if reserved:  # without a reservation, sc accesses no page
            self._pages(va, size, WRITE)
        return failed

    def amo_load(self, va: int, size: int) -> int:
        value = super().amo_load(va, size)
        self._pages(va, size, WRITE)
        return value


class RecordingEngine(ReferenceEngine):
    """Executes harts and records the pages that they reference (`engine.Engine`).

    `on_events(times, values)` receives the events every `piece` instructions and returns whether it
    wants more. The arrays are emptied after the call. If it returns False, recording ends for good.
    `on_space(number, hart)` is called for each address space before its first event.
    """

    def __init__(
        self,
        memory: PhysicalMemory,
        on_events: Callable[[array[int], array[int]], bool],
        on_space: Callable[[int, Hart], None],
        piece: int = PIECE,
    ):
        super().__init__(memory)
        self._piece = piece
        self._flushed_at = 0
        self._on_events = on_events
        self._on_space = on_space
        self.time = 0
        self._recording = True
        self._times, self._values = array("Q"), array("Q")
        self._position = Position()
        self._tlb = {kind: noting(kind, self._position, self._times, self._values) for kind in (READ, WRITE)}
        self._plain_effects = self._effects
        self._effects = NotingEffects(memory, self.invalidate, self._note)
        self._spaces = 0
        self._space = self._page = NOWHERE

    def _note(self, page: int, kind: int) -> None:
        self._times.append(self._position.now)
        self._values.append(page << 2 | kind)

    def _event(self, page: int, kind: int) -> None:
        """Record an event between two instructions."""
        self._times.append(self.time)
        self._values.append(page << 2 | kind)

    # --- the Engine protocol ---

    def answer_calls(
        self, on_call: CallHook, quickly: QuickHook | None = None, on_wait: WaitHook | None = None
    ) -> None:
        """See `engine.Engine`: each call traps."""

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions (see `engine.Engine.run`)."""
        while self._recording:
            self._enter(hart)
            self._effects.on_fault = on_fault
            before = hart.instret
            trap = self._run_noting(hart, min(budget, self._piece - self.time % self._piece))
            ran = hart.instret - before
            budget -= ran
            if not self.time % self._piece and self.time != self._flushed_at:
                self.flush()
            if trap is not None or not budget:
                return trap
        self._leave(hart.mmu)
        return super().run(hart, budget, on_fault)

    def flush(self) -> None:
        """Deliver the events so far."""
        if self._recording and not self._on_events(self._times, self._values):
            self._recording = False
            self._effects = self._plain_effects
        del self._times[:], self._values[:]
        self._flushed_at = self.time

    def _enter(self, hart: Hart) -> None:
        code = self._code(hart.mmu)
        assert isinstance(code, RecordedCode)
        if code.number == NOWHERE:
            code.number = self._spaces
            self._spaces += 1
            tlb = hart.mmu.tlb
            tlb.read, tlb.write = self._tlb[READ](tlb.read), self._tlb[WRITE](tlb.write)
            self._on_space(code.number, hart)
        if code.number != self._space:
            self._space, self._page = code.number, NOWHERE
            self._event(code.number, SPACE)

    def _leave(self, mmu: Mmu) -> None:
        """Replace the recording dictionaries by plain ones."""
        tlb = mmu.tlb
        if type(tlb.read) is not dict:
            tlb.read, tlb.write = dict(tlb.read), dict(tlb.write)

    def _code(self, mmu: Mmu) -> CodeMap:
        code = mmu.code
        if not isinstance(code, RecordedCode) or code.owner is not self:
            code = mmu.code = RecordedCode(self)
        return code

    # --- execution ---

    def _run_noting(self, hart: Hart, budget: int) -> Trap | None:
        """`_run` of the reference engine without traces; it maintains the position."""
        effects, position = self._effects, self._position
        effects.bind(hart)
        code = self._code(hart.mmu)
        x, pc, blocks = hart.x, hart.pc, code.blocks
        start = self.time
        end = start + budget
        block: Block | None = None
        try:
            while (left := end - self.time) > 0:
                block = blocks.get(pc)
                if block is None:
                    block = self._block(hart.mmu, code, pc)
                if pc >> PAGE_SHIFT != self._page or block.end - 1 >> PAGE_SHIFT != self._page:
                    self._fetch(pc, block)
                steps = position.steps = iter(block.body)
                position.end = self.time + len(block.body) - 1
                if block.length > left or block.system:
                    hart.instret += self.time - start  # a CSR may read it
                    start = self.time
                    pc = self._part(block, steps, left, x)
                    self.time += min(left, block.length)
                    continue
                for function, fields in steps:
                    function(x, fields, effects)
                if block.last is None:
                    pc = block.end
                else:
                    function, fields = block.last
                    pc = function(x, fields, effects)
                self.time += block.length
        except Trap as trap:
            if block is not None:
                index = len(block.body) - 1 - length_hint(steps)
                pc = block.pcs[index]
                self.time += index
            return self._trapped(hart, trap, pc, self.time - start)
        hart.pc = pc
        hart.instret += self.time - start
        return None

    def _fetch(self, pc: int, block: Block) -> None:
        """Record fetches of a block on another page, or of one instruction that crosses pages."""
        self._page = (block.end - 1) >> PAGE_SHIFT
        self._event(pc >> PAGE_SHIFT, EXECUTE)
        if self._page != pc >> PAGE_SHIFT:
            self._event(self._page, EXECUTE)
