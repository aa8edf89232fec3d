"""The reference engine: generated Python, printed from the instruction table.

Code that runs a few times goes through one function per mnemonic (`single`), whose basic blocks are decoded once.
Where a block begins often, the path from it is compiled as a whole (`trace`). Both are the same trees, so results,
traps and counts are the same to the instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from operator import length_hint

from ..isa.decode import Decoded, decode, find
from ..isa.spec import Insn
from ..machine.hart import Hart
from ..machine.memory import PAGE_MASK, PhysicalMemory
from ..machine.mmu import Access, Mmu
from ..machine.traps import Cause, Trap
from .code import Block, BoundStep, CodeMap, TraceFunction
from .effects import Effects
from .single import Operation, Operations, shape
from .trace import Path, compile_trace, path_of, select

HOT = 150  # a block's executions before its trace is compiled: about where compiling begins to pay
MAX_BLOCK = 64
MAX_CACHED_WORDS = 1 << 16
MAX_CACHED_TRACES = 1 << 12

OnTrace = Callable[[Hart, Decoded], None]


class _Op:
    """An instruction word made ready: the function of its shape and its operands."""

    __slots__ = ("control", "fields", "function", "insn", "needs_pc", "system")

    def __init__(self, insn: Insn, word: int, operations: Operations):
        kind = shape(insn, word)
        self.insn = insn
        self.function: Operation = operations.function(kind)
        self.fields = tuple([field.extract(word) for field in kind.fields])
        self.needs_pc = kind.needs_pc
        self.control = kind.control
        self.system = kind.system


class ReferenceEngine:
    """Executes harts on one physical memory.

    `on_trace(hart, decoded)` is called before each instruction, with `hart.pc` on it; without it tracing costs nothing.
    `hot` is how often a block runs before its trace is compiled.
    """

    def __init__(self, memory: PhysicalMemory, on_trace: OnTrace | None = None, hot: int = HOT):
        self._memory = memory
        self._hot = hot
        self._on_trace = on_trace
        self._effects = Effects(memory, self.invalidate)
        self._operations = Operations(memory)
        self._ops: dict[int, _Op] = {}
        self._traces: dict[Path, tuple[TraceFunction, bool]] = {}
        self._paths: dict[int, list[Path]] = {}  # those of _traces, by their first instruction

    # --- the Engine protocol ---

    def run(self, hart: Hart, budget: int) -> Trap | None:
        """Execute at most `budget` instructions (see `base.Engine.run`)."""
        if self._on_trace is None:
            return self._run(hart, budget)
        for _ in range(budget):
            try:
                decoded = decode(hart.mmu.fetch(hart.pc))
            except Trap as trap:
                return trap
            if decoded is not None:
                self._on_trace(hart, decoded)
            trapped = self._run(hart, 1)
            if trapped is not None:
                return trapped
        return None

    def invalidate(self, mmu: Mmu) -> None:
        """Forget the code of an address space."""
        if isinstance(mmu.code, CodeMap):
            mmu.code.clear()

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """Forget the code in the page that `va` is in."""
        if isinstance(mmu.code, CodeMap):
            mmu.code.drop_page(va >> 12)

    # --- execution ---

    def _run(self, hart: Hart, budget: int) -> Trap | None:
        effects = self._effects
        effects.bind(hart)
        code = self._code(hart.mmu)
        x, pc, left = hart.x, hart.pc, budget
        hot, blocks, read, write = code.hot, code.blocks, effects.read, effects.write
        block: Block | None = None
        try:
            while left > 0:
                entry = hot.get(pc)
                if entry is not None and entry[1] <= left:
                    block = None
                    pc, left = entry[0](x, pc, left, read, write, effects)
                    continue
                block = blocks.get(pc)
                if block is None:
                    effects.pc, effects.left = pc, left
                    block = self._decode(hart.mmu, code, pc)
                steps = iter(block.body)
                if block.length > left or block.system:
                    hart.instret += budget - left  # a CSR may read it
                    budget = left
                    pc = self._part(block, steps, left, x)
                    left -= min(left, block.length)
                    continue
                for function, fields in steps:
                    function(x, fields, effects)
                if block.last is None:
                    pc = block.end
                else:
                    function, fields = block.last
                    pc = function(x, fields, effects)
                left -= block.length
                block.heat += 1
                if block.heat == self._hot:
                    self._promote(hart.mmu, code, block)
        except Trap as trap:
            if block is None:
                pc, left = effects.pc, effects.left
            else:
                index = len(block.body) - 1 - length_hint(steps)
                pc, left = block.pcs[index], left - index
            return self._trapped(hart, trap, pc, budget - left)
        hart.pc = pc
        hart.instret += budget - left
        return None

    def _part(self, block: Block, steps: Iterator[BoundStep], left: int, x: list[int]) -> int:
        """As much of a block as the budget allows, without its last instruction; the next pc."""
        for function, fields in islice(steps, left):
            function(x, fields, self._effects)
        return block.pcs[left] if left < block.length else block.end

    def _trapped(self, hart: Hart, trap: Trap, pc: int, done: int) -> Trap:
        """Leave the hart at the trapping instruction."""
        hart.pc = pc
        hart.instret += done
        if trap.cause is Cause.ILLEGAL_INSTRUCTION:
            return Trap(trap.cause, hart.mmu.fetch(pc))
        return trap

    # --- basic blocks ---

    def _code(self, mmu: Mmu) -> CodeMap:
        code = mmu.code
        if not isinstance(code, CodeMap) or code.owner is not self:
            code = mmu.code = CodeMap(self)
        return code

    def _op(self, word: int) -> _Op | None:
        """An instruction word made ready, or None when it is illegal."""
        op = self._ops.get(word)
        if op is None:
            insn = find(word)
            if insn is None:
                return None
            if len(self._ops) >= MAX_CACHED_WORDS:
                self._ops.clear()
            op = self._ops[word] = _Op(insn, word, self._operations)
        return op

    def _decode(self, mmu: Mmu, code: CodeMap, head: int) -> Block:
        """Decode and file the basic block at `head`. Raises Trap when there is no instruction there.

        A block ends with a jump or branch, before a system instruction, at the end of the page, and before what
        cannot be decoded.
        """
        block = Block()
        pc, delta = head, mmu.translate(head, Access.EXECUTE) - head
        whole = head | PAGE_MASK - 3  # beyond this address an instruction may reach into the next page
        while block.length < MAX_BLOCK:
            if pc > whole and pc != head:
                break
            word = self._word(pc + delta) if pc <= whole else mmu.fetch(pc)
            op = self._op(word)
            if op is None and pc == head:
                raise Trap(Cause.ILLEGAL_INSTRUCTION, word)
            if op is None or (op.system and pc != head):
                break
            step = (op.function, (*op.fields, pc) if op.needs_pc else op.fields)
            block.pcs.append(pc)
            block.length += 1
            pc += op.insn.length
            if op.control:
                block.last = step
                break
            block.body.append(step)
            if op.system:
                block.system = True
                break
        block.end = pc
        code.add_block(head, block)
        self._reuse(mmu, code, head)
        return block

    def _word(self, pa: int) -> int:
        """32 bits of physical memory at an even address, within a page."""
        if pa & 3:
            u16 = self._memory.u16
            return u16[pa >> 1] | u16[(pa >> 1) + 1] << 16
        return self._memory.u32[pa >> 2]

    # --- traces ---

    def _promote(self, mmu: Mmu, code: CodeMap, block: Block) -> None:
        """Compile the hot path from a block, or take it from another process."""
        head = block.pcs[0]

        def heat(pc: int) -> int:
            there = code.blocks.get(pc)
            return there.heat if there is not None else 0

        def is_loop(pc: int) -> bool:
            return pc in code.hot and code.hot[pc][2]

        steps = select(lambda pc: self._traceable(mmu, pc), heat, is_loop, head)
        if not steps:
            return
        path = path_of(steps)
        if path not in self._traces:
            if len(self._traces) >= MAX_CACHED_TRACES:
                self._traces.clear()
                self._paths.clear()
            self._traces[path] = (
                self._operations.link(compile_trace(steps), "trace"),
                steps[-1].following == 0,
            )
            self._paths.setdefault(path[0][1], []).append(path)
        self._install(code, head, path)

    def _traceable(self, mmu: Mmu, pc: int) -> Decoded | None:
        """The instruction at `pc` when a trace may hold it."""
        try:
            word = mmu.fetch(pc)
        except Trap:
            return None
        op = self._op(word)
        return None if op is None or op.system else Decoded(op.insn, word)

    def _install(self, code: CodeMap, head: int, path: Path) -> None:
        function, loop = self._traces[path]
        code.add_trace(head, function, len(path), loop, [head + offset for offset, _ in path])

    def _reuse(self, mmu: Mmu, code: CodeMap, head: int) -> None:
        """A block met for the first time in this address space may be the head of a trace made for another."""
        candidates = (
            self._paths.get(self._memory.u32[mmu.translate(head, Access.EXECUTE) >> 2])
            if self._paths
            else None
        )
        for path in candidates or ():
            if all(self._holds(mmu, head + offset, word) for offset, word in path):
                self._install(code, head, path)
                return

    def _holds(self, mmu: Mmu, pc: int, word: int) -> bool:
        decoded = self._traceable(mmu, pc)
        return decoded is not None and decoded.word == word
