"""The reference engine: generated Python, printed from the instruction table.

Code that runs a few times goes through one function per mnemonic (`single`), whose basic blocks are decoded once.
Where a block begins often, the path from it is compiled as a whole (`trace`). Both are the same trees, so results,
traps and counts are the same to the instruction.
"""

from __future__ import annotations

from itertools import islice
from operator import length_hint

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Access, Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PhysicalMemory, require_reserve
from toyvm.machine.traps import Cause, Trap

from ..code_map import Block, CodeMap
from ..effects import Effects, illegal
from .code_cache import KeptBlocks
from .hot_paths import HotPaths
from .prepared_rows import PreparedInstruction, PreparedRows, bound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toyvm.isa.decode import Decoded

    from ..code_map import BoundStep
    from ..engine import FaultHook

    OnTrace = Callable[[Hart, Decoded], None]

HOT = 250  # a block's executions before its trace is compiled: what they cost is about what compiling costs
MAX_BLOCK = 64
MAX_CACHED_WORDS = 1 << 16
MAX_CACHED_BLOCKS = 1 << 15
_RESERVE_EVERY = 64  # blocks: about a MiB of the host's memory


class ReferenceEngine:
    """Executes harts on one physical memory.

    `on_trace(hart, decoded)` is called before each instruction, with `hart.pc` on it; without it tracing costs nothing.
    `hot` is how often a block runs before its trace is compiled. `keeping`: use what earlier runs have decoded, and leave it to later ones.
    """

    def __init__(
        self,
        memory: PhysicalMemory,
        on_trace: OnTrace | None = None,
        hot: int = HOT,
        *,
        keeping: bool = False,
    ):
        self._memory = memory
        self._hot = hot
        self._on_trace = on_trace
        self._effects = Effects(memory, self.invalidate)
        self._rows = PreparedRows(memory)
        self._ops: dict[int, PreparedInstruction] = {}
        self._blocks: dict[tuple[int, int], Block] = {}  # by address and physical address
        self._paths = HotPaths(memory, self._rows, self._op)
        self._kept = KeptBlocks(self._rows) if keeping else None

    # --- the Engine protocol ---

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions (see `engine.Engine.run`).

        With `on_trace` the kernel is not asked about faults, because each try of an instruction is to be announced.
        """
        if self._on_trace is None:
            self._effects.on_fault = on_fault
            return self._run(hart, budget)
        return self._run_traced(hart, budget, self._on_trace)

    def invalidate(self, mmu: Mmu) -> None:
        """Forget the code of an address space."""
        if isinstance(mmu.code, CodeMap):
            mmu.code.clear()

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """Forget the code in the page that `va` is in."""
        if isinstance(mmu.code, CodeMap):
            mmu.code.drop_page(va >> PAGE_SHIFT)

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Forget where an address space may write: that is in its TLB alone, which the kernel has cleared."""

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """Let `child` begin with the blocks and traces of `mmu`."""
        if isinstance(mmu.code, CodeMap) and mmu.code.owner is self:
            child.code = mmu.code.copy(frozenset(mmu.tlb.execute))

    # --- execution ---

    def _run_traced(self, hart: Hart, budget: int, on_trace: OnTrace) -> Trap | None:
        """One instruction at a time, each announced."""
        from toyvm.isa.decode import decode  # with the table: nothing else here needs it

        for _ in range(budget):
            try:
                decoded = decode(hart.mmu.fetch(hart.pc))
            except Trap as trap:
                return trap
            if decoded is not None:
                on_trace(hart, decoded)
            trapped = self._run(hart, 1)
            if trapped is not None:
                return trapped
        return None

    def _run(self, hart: Hart, budget: int) -> Trap | None:
        effects = self._effects
        effects.bind(hart)
        effects.end = hart.instret + budget
        code = self._code(hart.mmu)
        x, pc, left = hart.x, hart.pc, budget
        hot, blocks, read, write = code.hot, code.blocks, effects.read, effects.write
        block: Block | None = None
        steps: Iterator[BoundStep] = iter(())
        inside = False  # a block whose fault was resolved goes on with `steps`
        while True:
            try:
                while left > 0:
                    if inside:
                        inside = False
                        assert block is not None
                    else:
                        entry = hot.get(pc)
                        if entry is not None and entry[1] <= left:
                            block = None
                            pc, left = entry[0](x, pc, left, read, write, effects)
                            continue
                        block = blocks.get(pc)
                        if block is None:
                            effects.pc, effects.left = pc, left
                            block = self._block(hart.mmu, code, pc)
                        steps = iter(block.body)
                        if block.length > left:
                            more = self._extend(block.length - left)
                            left, budget, effects.end = left + more, budget + more, effects.end + more
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
                    if block.heat >= block.ask:
                        self._paths.promote(hart.mmu, code, block)
            except Trap as trap:
                if block is None:
                    pc, left = effects.pc, effects.left
                    if not effects.again(trap, pc, left):
                        return self._trapped(hart, trap, pc, budget - left)
                    continue
                index = len(block.body) - 1 - length_hint(steps)
                if not effects.again(trap, block.pcs[index], left - index):
                    return self._trapped(hart, trap, block.pcs[index], budget - left + index)
                if block.length > left or block.system:
                    pc, left, block = block.pcs[index], left - index, None
                else:
                    inside, steps = True, iter(block.body[index:])
            else:
                break
        hart.pc = pc
        hart.instret += budget - left
        return None

    def _extend(self, wanted: int) -> int:
        """How many instructions `_run` may add to its budget in order to end with a whole block: as many as `wanted`, or none."""
        return 0

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
            return illegal(hart.mmu.fetch(pc))
        return trap

    # --- basic blocks ---

    def _code(self, mmu: Mmu) -> CodeMap:
        code = mmu.code
        if not isinstance(code, CodeMap) or code.owner is not self:
            code = mmu.code = CodeMap(self)
        return code

    def _op(self, word: int) -> PreparedInstruction | None:
        """An instruction word made ready, or None when it is illegal."""
        if word & 0b11 != 0b11:
            word &= 0xFFFF
        op = self._ops.get(word)
        if op is None:
            op = self._rows.prepare(word)
            if op is None:
                return None
            if len(self._ops) >= MAX_CACHED_WORDS:
                self._ops.clear()
            self._ops[word] = op
        return op

    def _block(self, mmu: Mmu, code: CodeMap, head: int) -> Block:
        """File the basic block at `head`: one known from another address space (or from before it was forgotten), or a
        new one. Raises Trap when there is no instruction there."""
        pa = mmu.translate(head, Access.EXECUTE)
        block, kept = self._blocks.get((head, pa)), None
        if block is None or bytes(self._memory.u8[pa : pa + len(block.text)]) != block.text:
            kept = self._kept.take(head, self._memory.u8, pa) if self._kept is not None else None
            block = kept or self._decode(mmu, head, pa)
            block.ask = self._hot
            if not len(self._blocks) % _RESERVE_EVERY:
                self._require_reserve()
            if block.text:
                self._blocks[head, pa] = block
        code.add_block(head, block)
        if self._paths and kept is None:
            self._paths.reuse(mmu, code, head)
        return block

    def close(self) -> None:
        """The run is over: what was decoded is kept for the next."""
        if self._kept is not None:
            try:
                require_reserve()
                self._kept.keep(self._blocks.values())
            except MemoryError:
                return  # the host is short of memory: the next run decodes again

    def _require_reserve(self) -> None:
        """Raises MemoryError when the host has hardly any memory left."""
        if len(self._blocks) >= MAX_CACHED_BLOCKS:
            self._blocks.clear()
        try:
            require_reserve()
        except MemoryError:
            self.forget()
            raise

    def forget(self) -> None:
        """Forget what can be found out again: the host is short of memory."""
        self._blocks.clear()
        self._ops.clear()

    def _decode(self, mmu: Mmu, head: int, pa: int) -> Block:
        """Decode the basic block at `head`, which is at `pa`.

        A block ends with a jump or branch, before a system instruction, at the end of the page, and before what
        cannot be decoded.
        """
        block = Block()
        pcs, body, ops, u16 = block.pcs, block.body, self._ops, self._memory.u16
        pc, delta = head, pa - head
        whole = (head | PAGE_MASK) - 3  # beyond this address an instruction may reach into the next page
        while len(pcs) < MAX_BLOCK and (pc <= whole or pc == head):
            if pc <= whole:
                word = u16[pc + delta >> 1]
                if word & 0b11 == 0b11:
                    word |= u16[(pc + delta >> 1) + 1] << 16
            else:
                word = mmu.fetch(pc)
            op = ops.get(word) or self._op(word)
            if op is None and pc == head:
                raise illegal(word)
            if op is None or (op.form.system and pc != head):
                break
            pcs.append(pc)
            if op.plain:
                body.append(op.step)
                pc += op.length
                continue
            step = bound(op, pc)
            pc += op.length
            if op.form.control:
                block.last = step
                break
            body.append(step)
            if op.form.system:
                block.system = True
                break
        block.length = len(pcs)
        block.end = pc
        if (pc - 1) >> PAGE_SHIFT == head >> PAGE_SHIFT:
            block.text = bytes(self._memory.u8[pa : pc + delta])
        return block
