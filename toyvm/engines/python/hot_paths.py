"""Hot paths and their compiled functions, shared by all address spaces with the same bytes."""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, PhysicalMemory

from ..code_map import CodeMap, joined
from .prepared_rows import PreparedRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from toyvm.isa.decode import Decoded

    from ..code_map import Block, TraceFunction
    from .prepared_rows import PreparedInstruction
    from .traces import Path

MAX_TRACES = 1 << 12


class Trace(Record, eq=False):
    """A compiled path.

    `length` is the number of instructions of one pass, and `work` its duration in units of one
    plain instruction. `loop`: it returns to its beginning. `runs` are its bytes as (distance from
    the head, bytes).
    """

    function: TraceFunction
    length: int
    loop: bool
    work: int
    runs: list[tuple[int, bytes]]


def runs_of(path: Path) -> list[tuple[int, bytes]]:
    """The bytes of a path as (distance from the head, bytes), by distance."""
    return joined(
        (offset, word.to_bytes(4 if word & 0b11 == 0b11 else 2, "little")) for offset, word in sorted(path)
    )


class HotPaths:
    """The traces of one engine, by their path (distances and instruction bits).

    A trace of at least `shortest` instructions ends where another one begins. Code that is on many
    paths would otherwise be compiled many times.
    """

    shortest = 32

    def __init__(
        self, memory: PhysicalMemory, rows: PreparedRows, prepare: Callable[[int], PreparedInstruction | None]
    ):
        self._memory = memory
        self._rows = rows
        self._prepare = prepare
        self._traces: dict[Path, Trace] = {}
        self._by_first_word: dict[int, list[Trace]] = {}
        self.barred: frozenset[int] = frozenset()  # addresses of instructions that no trace may contain

    def __len__(self) -> int:
        return len(self._traces)

    def promote(self, mmu: Mmu, code: CodeMap, block: Block) -> None:
        """Add the hot path from a block to `code`: a trace of another address space, or a new one.

        If there is no path, or the trace is dropped later, the engine retries at twice the heat.
        """
        head, block.ask = block.pcs[0], 2 * block.heat
        if head in code.hot or self.reuse(mmu, code, head):  # another process compiled it after the fork
            return
        from .traces import (  # imports the table, which a short program does not need
            compile_trace,
            path_of,
            select,
            work_of,
        )

        def heat(pc: int) -> int:
            there = code.blocks.get(pc)
            return there.heat if there is not None else 0

        def ends(pc: int, length: int) -> bool:
            known = code.hot.get(pc)
            return known is not None and (known[2] or length >= self.shortest)

        steps = select(lambda pc: self._decoded(mmu, pc), heat, ends, head)
        if not steps:
            return
        path = path_of(steps)
        trace = self._traces.get(path)
        if trace is None:
            if len(self._traces) >= MAX_TRACES:
                self._traces.clear()
                self._by_first_word.clear()
            (function,) = self._rows.link(compile_trace(steps), "trace")
            loop = steps[-1].following == 0
            trace = self._traces[path] = Trace(function, len(path), loop, work_of(steps), runs_of(path))
            self._by_first_word.setdefault(path[0][1], []).append(trace)
        self._install(code, head, trace)

    def reuse(self, mmu: Mmu, code: CodeMap, head: int) -> bool:
        """Add another address space's trace that fits the code at `head`; whether there is one."""
        if not self._by_first_word:
            return False
        word = mmu.fetch(head)
        for trace in self._by_first_word.get(word if word & 0b11 == 0b11 else word & 0xFFFF, ()):
            if all(self._holds(mmu, head + offset, text) for offset, text in trace.runs):
                self._install(code, head, trace)
                return True
        return False

    def _install(self, code: CodeMap, head: int, trace: Trace) -> None:
        runs = [(head + offset, head + offset + len(text) - 1) for offset, text in trace.runs]
        pages = {
            page for first, last in runs for page in range(first >> PAGE_SHIFT, (last >> PAGE_SHIFT) + 1)
        }
        code.add_trace(head, self._entered(head, trace), trace.length, trace.loop, pages)

    def _entered(self, head: int, trace: Trace) -> TraceFunction:
        """The function to enter a trace at `head` with."""
        return trace.function

    def _holds(self, mmu: Mmu, va: int, text: bytes) -> bool:
        """Whether executed pages hold these bytes at `va`, none of them barred. Reading other pages would set A."""
        if self.barred and any(va <= pc < va + len(text) for pc in self.barred):
            return False
        while text:
            delta = mmu.tlb.execute.get(va >> PAGE_SHIFT)
            if delta is None:
                return False
            pa = va + delta
            size = min(len(text), PAGE_SIZE - (va & PAGE_MASK))
            if bytes(self._memory.u8[pa : pa + size]) != text[:size]:
                return False
            va, text = va + size, text[size:]
        return True

    def _decoded(self, mmu: Mmu, pc: int) -> Decoded | None:
        """The instruction at `pc`; None if its page is unexecuted or a trace cannot contain it."""
        from toyvm.isa.decode import decode

        execute = mmu.tlb.execute
        if pc in self.barred or pc >> PAGE_SHIFT not in execute or pc + 2 >> PAGE_SHIFT not in execute:
            return None
        word = mmu.fetch(pc)
        instruction = self._prepare(word)
        return None if instruction is None or instruction.form.system else decode(word)
