"""The policy of the tiers: when to compile code, and the native code of one address space."""

from __future__ import annotations

import sys

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_SHIFT, PhysicalMemory
from toyvm.machine.traps import Trap

from ..code_map import Block, CodeMap
from ..effects import Effects
from ..python.hot_paths import HotPaths
from . import state_layout as layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..code_map import TraceFunction
    from ..python.hot_paths import Trace
    from ..python.prepared_rows import PreparedInstruction, PreparedRows
    from .native_tables import NativeTables


class Thresholds(Record):
    """When code is compiled. The unit of work is one plain instruction in Python."""

    ask: int  # executions of a block before the engine looks for a translation in the cache
    trace: int  # executions of a block before its path is compiled to Python, if there is no translation
    hot: int  # executions of each instruction of a trace before LLVM translates it
    missed: int  # failed look-ups of an address by native code before LLVM translates the code there
    first: int  # work in hot traces before the first translation, which imports LLVM
    price: int  # work that takes as long as the translation of one instruction
    cold: int  # executions that a block needs to be part of a region
    piece: int  # instructions that the Python tiers execute before native code may take over
    arrivals: int = 1024  # of the interpreter at an address, before the engine looks for a translation
    patience: int = 192  # times that many before LLVM translates the code there


PATIENT = Thresholds(
    ask=128, trace=250, hot=2000, missed=500, first=500_000, price=5000, cold=4, piece=20_000
)
EAGER = Thresholds(
    ask=2, trace=6, hot=10, missed=3, first=0, price=0, cold=1, piece=100, arrivals=2, patience=2
)  # for tests and lockstep
MISS_WORK = 200  # work of a fault, or of an exit from native code and the next entry
ALLOWANCE = 4_000_000  # work that translation may cost before the run has done any
NATIVE_WORK = 250  # instructions of native code that count as one unit of work


class CompileBudget:
    """The work of a run and the cost of its translations, which may exceed the work by ALLOWANCE.

    So if the parts of a program become hot one after the other, its run at most doubles in time.
    """

    def __init__(self, thresholds: Thresholds, first: int | None = None, allowance: int = ALLOWANCE):
        self._thresholds = thresholds
        self._first = thresholds.first if first is None else first
        self._allowance = allowance
        self.work = 0  # in traces hot enough to be translated
        self.native = 0  # instructions of native code
        self._spent = 0

    @property
    def affordable(self) -> bool:
        """Whether a translation is affordable now."""
        earned = self._allowance + self.work + self.native // NATIVE_WORK
        return self.work >= self._first and self._spent <= earned

    def spend(self, length: int) -> None:
        """Account for a translation of `length` instructions."""
        self._spent += self._thresholds.price * length


class NativeCode(CodeMap):
    """The code of one address space, with its native entry points and tables."""

    __slots__ = ("generation", "native", "runs", "tables")

    def __init__(self, owner: object):
        super().__init__(owner)
        self.native: dict[int, int] = {}
        self.generation = 0
        self.runs = 1  # generation of the runs in the shadow; each dropped entry starts a new one
        self.tables: NativeTables | None = None  # None if the address space has run no native code

    def _unlink(self) -> None:
        self.native.clear()
        if self.tables is not None:
            self.tables.unlink()

    def forget_native(self) -> None:
        """Drop every native entry point and its entry in `hot`."""
        for pc in self.native:
            self.hot.pop(pc, None)
        self._unlink()

    def add_native(
        self, pc: int, address: int, function: TraceFunction, length: int, pages: set[int]
    ) -> None:
        """Add native code at the host's `address`, and `function`, which enters it."""
        self.add_trace(pc, function, length, True, pages)
        for code in self.sharers(pages):
            assert isinstance(code, NativeCode)
            code.native[pc] = address

    def copy(self, pages: frozenset[int]) -> NativeCode:
        """A copy with the same entry points, which native code links at their first use."""
        twin = super().copy(pages)
        assert isinstance(twin, NativeCode)
        twin.native.update(self.native)
        twin.generation = self.generation
        return twin

    def link(self, pc: int, function: int) -> None:
        """Let native code jump to the native `function` at `pc`; the address space has tables."""
        assert self.tables is not None  # set by `LlvmEngine._bind_space`
        self.tables.link(pc, function)

    def drop_writes(self) -> None:
        """Drop the shadow's entries for writes."""
        if self.tables is not None:
            self.tables.wipe_writes()
            self.drop_runs()

    def drop_runs(self) -> None:
        """Invalidate the runs of pages in the shadow and the ranges made from them."""
        self.runs += 1
        if self.runs >= layout.LAST_GENERATION:
            if self.tables is not None:
                self.tables.wipe()
            self.runs = 1

    def clear(self) -> None:
        """Drop everything."""
        super().clear()
        self._unlink()
        if self.tables is not None:
            self.tables.wipe()
            self.drop_runs()

    def drop_entries(self, vpn: int) -> None:
        """Drop one page's entries in the shadow."""
        if self.tables is not None and self.tables.drop(vpn):
            self.drop_runs()

    def drop_page(self, vpn: int) -> None:
        """Drop one page: its entries in the shadow, and the code in it."""
        self.drop_entries(vpn)
        gone = self._by_page.get(vpn)
        super().drop_page(vpn)
        if gone is not None and not gone.isdisjoint(self.native):
            left = {pc: function for pc, function in self.native.items() if pc not in gone}
            self._unlink()
            self.native.update(left)


class NativePaths(HotPaths):
    """Traces that count their instructions, so that the engine knows which ones to translate.

    They are short-lived, so compile time matters more than speed.

    `adopt(mmu, code, head)` adds native code of another address space, and `find(mmu, code, head)`
    that of an earlier run; both return whether there is any. `want(head, work)` requests a
    translation, after that much work in Python.
    """

    shortest = 8

    def __init__(
        self,
        memory: PhysicalMemory,
        rows: PreparedRows,
        prepare: Callable[[int], PreparedInstruction | None],
        thresholds: Thresholds,
        *,
        adopt: Callable[[Mmu, NativeCode, int], bool],
        find: Callable[[Mmu, NativeCode, int], bool],
        want: Callable[[int, int], None],
    ):
        super().__init__(memory, rows, prepare)
        self._thresholds = thresholds
        self._adopt, self._find, self._want = adopt, find, want

    def __len__(self) -> int:
        return 1  # nonzero, so that the engine calls `reuse` for every new block

    def promote(self, mmu: Mmu, code: CodeMap, block: Block) -> None:
        """Add native code of another address space or run, if any; later compile a Python trace."""
        assert isinstance(code, NativeCode)
        if block.heat >= self._thresholds.trace:
            super().promote(mmu, code, block)
            return
        head, block.ask = block.pcs[0], self._thresholds.trace
        if head not in code.hot and not self._adopt(mmu, code, head):
            self._find(mmu, code, head)

    def reuse(self, mmu: Mmu, code: CodeMap, head: int) -> bool:
        """Add native code or a trace of another address space that fits the code at `head`."""
        assert isinstance(code, NativeCode)
        return self._adopt(mmu, code, head) or super().reuse(mmu, code, head)

    def _entered(self, head: int, trace: Trace) -> TraceFunction:
        """The trace's function with an instruction counter around it."""
        ran, function = 0, trace.function
        want, hot = self._want, self._thresholds.hot * trace.length * trace.length // trace.work

        def counting(
            x: list[int], pc: int, left: int, read: dict[int, int], write: dict[int, int], c: Effects
        ) -> tuple[int, int]:
            nonlocal ran
            try:
                after, rest = function(x, pc, left, read, write, c)
            except Trap:  # count here too: a loop may fault on each page and never return
                ran += left - c.left
                if ran >= hot:
                    want(head, ran * trace.work // trace.length)
                    ran = 0
                raise
            ran += left - rest
            if ran >= hot:
                want(head, ran * trace.work // trace.length)
                ran = 0
            return after, rest

        return counting

    def holds(self, mmu: Mmu, runs: list[tuple[int, bytes]]) -> bool:
        """Whether executed pages hold these bytes, given as (address, bytes)."""
        execute = mmu.tlb.execute
        return all(
            at >> PAGE_SHIFT in execute
            and at + len(text) - 1 >> PAGE_SHIFT in execute
            and self._holds(mmu, at, text)
            for at, text in runs
        )


def say_slow(reason: str) -> None:
    """Print why there is no native code."""
    print(f"toyvm: hot code stays in Python, which is slow: {reason}", file=sys.stderr)
