"""Which paths are hot, and the functions compiled for them, shared by every address space with the same bytes."""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, PhysicalMemory

from ..code_map import CodeMap
from .prepared_rows import PreparedRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from toyvm.isa.decode import Decoded

    from ..code_map import Block, TraceFunction
    from .prepared_rows import PreparedInstruction
    from .traces import Path

MAX_TRACES = 1 << 12


class Trace:
    """A compiled path: its function, instructions once through, whether it is a loop, and its bytes as (distance, run).

    `work` is how long once through takes: as long as so many plain instructions.
    """

    __slots__ = ("function", "length", "loop", "runs", "work")

    def __init__(self, function: TraceFunction, path: Path, loop: bool, work: int):
        self.function = function
        self.length = len(path)
        self.loop = loop
        self.work = work
        self.runs: list[tuple[int, bytes]] = []
        for offset, word in sorted(path):
            text = word.to_bytes(4 if word & 0b11 == 0b11 else 2, "little")
            if self.runs and self.runs[-1][0] + len(self.runs[-1][1]) == offset:
                self.runs[-1] = (self.runs[-1][0], self.runs[-1][1] + text)
            else:
                self.runs.append((offset, text))


class HotPaths:
    """The traces of one engine, by their path (distances and instruction bits).

    A trace of `shortest` instructions or more ends where another begins. Much code is on many paths: without that each of its
    instructions would be compiled a dozen times.
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

    def __len__(self) -> int:
        return len(self._traces)

    def promote(self, mmu: Mmu, code: CodeMap, block: Block) -> None:
        """Compile the hot path from a block, or take it from another address space, and file it. Where that cannot be, or when
        it has been forgotten, it is tried again at twice the block's heat."""
        head, block.ask = block.pcs[0], 2 * block.heat
        if head in code.hot or self.reuse(mmu, code, head):  # a sibling compiled it after it was forked
            return
        from .traces import (  # with the table: a short program never gets here
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
            trace = self._traces[path] = Trace(
                function, path, loop=steps[-1].following == 0, work=work_of(steps)
            )
            self._by_first_word.setdefault(path[0][1], []).append(trace)
        self._install(code, head, trace)

    def reuse(self, mmu: Mmu, code: CodeMap, head: int) -> bool:
        """File a trace made for another address space that begins at `head`; whether there is one."""
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
        """What is filed for a trace at `head`: the trace itself."""
        return trace.function

    def _holds(self, mmu: Mmu, va: int, text: bytes) -> bool:
        """Whether pages that have been executed hold these bytes at `va`: looking must not set A in others."""
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
        """The instruction at `pc`, if it is in pages that have been executed; None when there is none or a trace cannot hold it."""
        from toyvm.isa.decode import decode

        execute = mmu.tlb.execute
        if pc >> PAGE_SHIFT not in execute or pc + 2 >> PAGE_SHIFT not in execute:
            return None
        word = mmu.fetch(pc)
        instruction = self._prepare(word)
        return None if instruction is None or instruction.form.system else decode(word)
