"""When code is worth more effort than it has had: the thresholds of the tiers, and the counters that are held against them."""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_SHIFT, PhysicalMemory
from toyvm.machine.traps import Trap

from ..code_map import Block, CodeMap
from ..effects import Effects
from ..python.hot_paths import HotPaths
from .native_space import NativeCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..code_map import TraceFunction
    from ..python.hot_paths import Trace
    from ..python.prepared_rows import Instruction, PreparedRows
    from .llvm_engine import LlvmEngine


class Thresholds(Record):
    """When code is worth more effort.

    ask: executions of a block before a translation of it is looked for      trace: executions before its path is compiled to
    Python, where there is none      hot: executions of each of its instructions before it is worth LLVM's time, which is the
    dearer the longer it is      missed: times that native code looked for a function there in vain before it is worth LLVM's
    time      first: instructions of hot traces before anything is, because LLVM has to be imported for it      price: plain
    instructions of Python that the translation of one instruction takes as long as      cold: executions of a block below
    which it is not translated with others      piece: instructions that the Python tiers run at most before native code may
    take over
    """

    ask: int
    trace: int
    hot: int
    missed: int
    first: int
    price: int
    cold: int
    piece: int


PATIENT = Thresholds(
    ask=128, trace=250, hot=2000, missed=500, first=500_000, price=5000, cold=4, piece=20_000
)
EAGER = Thresholds(
    ask=2, trace=6, hot=10, missed=3, first=0, price=0, cold=1, piece=100
)  # for tests and lockstep
MISS_WORK = (
    200  # plain instructions of Python that a fault, or leaving native code and coming back, costs as much as
)


ALLOWANCE = 4_000_000  # plain instructions of Python: so long may translation take, whatever comes of it
NATIVE_WORK = 250  # instructions of native code that take as long as a plain one in Python


class Purse:
    """The time that a run has put to use, in plain instructions of Python, and the time that has gone into translation: the latter is
    to be no more than the former. So a program whose code is hot one part after the other takes twice as long at the worst."""

    def __init__(self, thresholds: Thresholds):
        self._thresholds = thresholds
        self.work = 0  # what Python has done in traces that are worth a translation
        self.native = 0  # instructions of native code
        self._spent = 0

    @property
    def open(self) -> bool:
        """Whether something may be translated now."""
        earned = ALLOWANCE + self.work + self.native // NATIVE_WORK
        return self.work >= self._thresholds.first and self._spent <= earned

    def spend(self, length: int) -> None:
        """So many instructions have been translated."""
        self._spent += self._thresholds.price * length


class NativePaths(HotPaths):
    """Traces that count what they run, so that the engine learns what is worth LLVM's time. They are in use but for a while, so
    what it costs to make them counts for more than how fast they are."""

    shortest = 8

    def __init__(
        self,
        memory: PhysicalMemory,
        rows: PreparedRows,
        prepare: Callable[[int], Instruction | None],
        engine: LlvmEngine,
        thresholds: Thresholds,
    ):
        super().__init__(memory, rows, prepare)
        self._engine = engine
        self._thresholds = thresholds

    def __len__(self) -> int:
        return 1  # `reuse` is to be asked about every new block

    def promote(self, mmu: Mmu, code: CodeMap, block: Block) -> None:
        """Native code, if it is known from elsewhere or from an earlier run; later a Python trace."""
        assert isinstance(code, NativeCode)
        if block.heat >= self._thresholds.trace:
            super().promote(mmu, code, block)
            return
        head, block.ask = block.pcs[0], self._thresholds.trace
        if head not in code.hot and not self._engine.adopt(mmu, code, head):
            self._engine.find(mmu, code, head)

    def reuse(self, mmu: Mmu, code: CodeMap, head: int) -> bool:
        """A block that is new to this address space may have been translated for another."""
        assert isinstance(code, NativeCode)
        return self._engine.adopt(mmu, code, head) or super().reuse(mmu, code, head)

    def _entered(self, head: int, trace: Trace) -> TraceFunction:
        """A Python trace with a counter around it."""
        ran, function = 0, trace.function
        engine, hot = self._engine, self._thresholds.hot * trace.length * trace.length // trace.work

        def counting(
            x: list[int], pc: int, left: int, read: dict[int, int], write: dict[int, int], c: Effects
        ) -> tuple[int, int]:
            nonlocal ran
            try:
                after, rest = function(x, pc, left, read, write, c)
            except Trap:  # a loop may fault on each page and never return
                ran += left - c.left
                if ran >= hot:
                    engine.want(head, ran * trace.work // trace.length)
                    ran = 0
                raise
            ran += left - rest
            if ran >= hot:
                engine.want(head, ran * trace.work // trace.length)
                ran = 0
            return after, rest

        return counting

    def holds(self, mmu: Mmu, runs: list[tuple[int, bytes]]) -> bool:
        """Whether pages that have been executed hold these bytes."""
        execute = mmu.tlb.execute
        return all(
            at >> PAGE_SHIFT in execute
            and at + len(text) - 1 >> PAGE_SHIFT in execute
            and self._holds(mmu, at, text)
            for at, text in runs
        )
