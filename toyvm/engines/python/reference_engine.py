"""The reference engine: Python generated from the instruction table.

Cold code is decoded to basic blocks, which call one function per instruction (`row_functions`). The
path from a hot block is compiled to one function (`traces`). Both are printed from the same trees,
so results, traps and counts agree to the instruction.
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
    from ..engine import CallHook, FaultHook, QuickHook, WaitHook

    OnTrace = Callable[[Hart, Decoded], Callable[[], None] | None]

HOT = 250  # a block's executions before its trace is compiled; they take about as long as compilation
MAX_BLOCK = 64
ECALL = b"\x73\0\0\0"
MAX_CACHED_WORDS = 1 << 16
MAX_CACHED_BLOCKS = 1 << 15
_RESERVE_EVERY = 64  # new blocks between checks of the host's memory; they take about a MiB


class ReferenceEngine:
    """Executes harts on one physical memory.

    `on_trace(hart, decoded)`, if given, is called before each instruction, with its address in
    `hart.pc`. If it returns a function, that is called after the instruction, unless it traps.
    `hot` is the number of executions after which a block's trace is compiled. `keeping`: use the
    blocks that earlier runs decoded, and keep this run's for later ones.
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
        self._on_call: CallHook | None = None
        self._quickly: QuickHook | None = None
        self._on_wait: WaitHook | None = None
        self._effects = Effects(memory, self.invalidate)
        self._rows = PreparedRows(memory)
        self._ops: dict[int, PreparedInstruction] = {}
        self._blocks: dict[tuple[int, int], Block] = {}  # by address and physical address
        self._paths = HotPaths(memory, self._rows, self._op)
        self._kept = KeptBlocks(self._rows) if keeping else None

    # --- the Engine protocol ---

    @property
    def stretch(self) -> int:
        """See `engine.Engine`."""
        return 1_000_000

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions (see `engine.Engine.run`).

        With `on_trace`, `on_fault` is not called, because `on_trace` precedes every attempt.
        """
        if self._on_trace is None:
            self._effects.on_fault = on_fault
            return self._run(hart, budget)
        return self._run_traced(hart, budget, self._on_trace)

    def answer_calls(
        self, on_call: CallHook, quickly: QuickHook | None = None, on_wait: WaitHook | None = None
    ) -> None:
        """See `engine.Engine`."""
        self._on_call, self._quickly, self._on_wait = on_call, quickly, on_wait

    def invalidate(self, mmu: Mmu) -> None:
        """Drop the code of an address space."""
        if isinstance(mmu.code, CodeMap):
            mmu.code.clear()

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """Drop the code in the page of `va`."""
        if isinstance(mmu.code, CodeMap):
            mmu.code.drop_page(va >> PAGE_SHIFT)

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Nothing to do: only the TLB caches translations, and the kernel has cleared it."""

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """Let `child` begin with the blocks and traces of `mmu`."""
        if isinstance(mmu.code, CodeMap) and mmu.code.owner is self:
            child.code = mmu.code.copy(frozenset(mmu.tlb.execute))

    def drop_caches(self) -> None:
        """Drop the decoded blocks and instructions."""
        self._blocks.clear()
        self._ops.clear()

    def close(self) -> None:
        """Keep the decoded blocks for the next run."""
        if self._kept is not None:
            try:
                require_reserve()
                self._kept.keep(self._blocks.values())
            except MemoryError:
                return  # the next run decodes again

    # --- execution ---

    def _run_traced(self, hart: Hart, budget: int, on_trace: OnTrace) -> Trap | None:
        """Execute one instruction at a time; call `on_trace` before each, and its result after each."""
        from toyvm.isa.decode import decode  # imports the table, which only tracing needs

        for _ in range(budget):
            try:
                decoded = decode(hart.mmu.fetch(hart.pc))
            except Trap as trap:
                return trap
            finish = on_trace(hart, decoded) if decoded is not None else None
            trapped = self._run(hart, 1)
            if trapped is not None:
                return trapped
            if finish is not None:
                finish()
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
        inside = False  # a fault in `block` was resolved: continue with `steps`
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
                            if block.text == ECALL and self._on_call is not None:
                                effects.left = left
                                call, block = block, None
                                if self._made(hart, pc):
                                    pc = hart.pc
                                    continue
                                block = call
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

    def _made(self, hart: Hart, pc: int) -> bool:
        """Whether the kernel makes the system call at `pc`; the hart is then after it. Raises Trap."""
        assert self._on_call is not None
        try:
            return self._on_call(pc, hart.instret)
        except Trap:
            self._effects.pc = hart.pc
            raise

    def _extend(self, wanted: int) -> int:
        """Extend the budget of `_run` so that it ends with a whole block. Returns `wanted` or 0."""
        return 0

    def _part(self, block: Block, steps: Iterator[BoundStep], left: int, x: list[int]) -> int:
        """Execute `left` instructions of a block, at most its body. Returns the next pc."""
        for function, fields in islice(steps, left):
            function(x, fields, self._effects)
        return block.pcs[left] if left < block.length else block.end

    def _trapped(self, hart: Hart, trap: Trap, pc: int, done: int) -> Trap:
        """Set the hart to the trapping instruction. Returns the trap with its final tval."""
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
        """The decoded instruction word, from the cache if possible; None if it is illegal."""
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
        """Add the basic block at `head` to `code`: a known one with the same bytes, or a new one.

        Raises Trap if there is no instruction at `head`.
        """
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

    def _require_reserve(self) -> None:
        """Raises MemoryError if the host has hardly any memory left."""
        if len(self._blocks) >= MAX_CACHED_BLOCKS:
            self._blocks.clear()
        try:
            require_reserve()
        except MemoryError:
            self.drop_caches()
            raise

    def _decode(self, mmu: Mmu, head: int, pa: int) -> Block:
        """Decode the basic block at `head` (physical address `pa`).

        A block ends after a jump or branch, before a system instruction or one that cannot be
        decoded, at the end of the page, and after MAX_BLOCK instructions. Raises Trap if the first
        instruction is illegal or cannot be fetched.
        """
        block = Block()
        pcs, body, ops, u16 = block.pcs, block.body, self._ops, self._memory.u16
        pc, delta = head, pa - head
        whole = (head | PAGE_MASK) - 3  # above this address an instruction may cross into the next page
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
