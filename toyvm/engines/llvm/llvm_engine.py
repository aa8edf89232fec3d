"""The tiered engine: the reference engine runs cold code, and LLVM compiles hot code.

A native function is one of the reference engine's traces: it is found by the address of its first
instruction, and called the same way. At an instruction that it cannot execute (an access that may
trap, a system instruction, the last instructions of a budget), it returns to the reference engine
with exact state. So traps, counts and other rare cases are implemented once.
"""

from __future__ import annotations

from array import array

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Access, Mmu
from toyvm.machine.physical_memory import PAGE_SHIFT, PhysicalMemory
from toyvm.machine.traps import Trap

from ..code_map import CodeMap
from ..effects import Effects, illegal
from ..python.prepared_rows import bound
from ..python.reference_engine import ECALL, ReferenceEngine
from . import state_layout as layout
from .guest_code import fetcher, text_at
from .tiers import MISS_WORK, PATIENT, CompileBudget, NativeCode, NativePaths, Thresholds, say_slow

if TYPE_CHECKING:
    from ..engine import FaultHook
    from ..python.code_cache import Translation
    from ..python.reference_engine import OnTrace
    from .analysis.regions import Key, Region
    from .guest_code import Fetch
    from .native_code import CodeArena
    from .native_tables import NativeTables
    from .translator import Translator


MAX_COPIES = 2  # regions that may contain the same block, other than as part of a short callee
SPARE_TABLES = 4
NATIVE_FCSR = 4 << 5  # values of fcsr from here on have a rounding mode that the host lacks
NO_ROOM = MemoryError, OSError  # the host cannot allocate memory, or cannot load LLVM for lack of it
_AT_CALL = layout.STOP, layout.LOOKUP  # how native code leaves at a system call
_NO_RANGES = array("Q", bytes(8 * (layout.RANGES_END - layout.RANGES)))


class LlvmEngine(ReferenceEngine):
    """Executes harts on one physical memory (`engine.Engine`).

    `translator` makes translations, and finds those of earlier runs; by default the engine makes
    one when code becomes hot, with the disk cache if `caching`. `on_trace` as in `ReferenceEngine`,
    whose tiers then execute every instruction. On a host without native code, hot code stays in
    Python.
    """

    _code_type: type[NativeCode] = NativeCode

    def __init__(
        self,
        memory: PhysicalMemory,
        on_trace: OnTrace | None = None,
        translator: Translator | None = None,
        thresholds: Thresholds = PATIENT,
        caching: bool = True,
    ):
        super().__init__(memory, on_trace, thresholds.ask, keeping=caching and translator is None)
        self._caching = caching
        self._without = False  # this run has no native code
        self._thresholds = thresholds
        self._native_paths = NativePaths(
            memory, self._rows, self._op, thresholds, adopt=self.adopt, find=self.find, want=self.want
        )
        self._paths = self._native_paths
        self._translator = translator
        self._arena: CodeArena | None = None
        self._generation = 0  # of native code, all of which is dropped when its memory is full
        self._known: dict[int, list[tuple[Translation, int]]] = {}  # by entry point: translation, address
        self._missed: dict[int, int] = {}
        self._compile_budget = CompileBudget(thresholds)
        self._faults_counted = 0  # faults that are part of the budget's work
        self._reserve = 0  # budget beyond the current piece
        self._floats = [0] * 32  # the floating-point registers in the state
        self._table = 0  # address of the words of the frame table
        self._end = 0  # `instret` at the end of the budget of native code
        self._broken: BaseException | None = None  # to raise after native code has returned
        self.native_entries = 0  # calls of native code from Python
        self.slow_steps = 0  # instructions that native code left to their rows
        self._spare: list[NativeTables] = []  # emptied tables of dead address spaces
        self._running = False
        self._hart: Hart
        self._space: NativeCode

    # --- the Engine protocol ---

    @property
    def stretch(self) -> int:
        """See `engine.Engine`; of native code."""
        return 100_000_000

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """See `engine.Engine.run`. The Python tiers get the budget in pieces, so that the loop finds
        code that has become native. Native code may use the whole rest at once.
        """
        if self._on_trace is not None:
            return super().run(hart, budget)
        self._effects.on_fault = on_fault
        self._running = True
        try:
            self._bind(hart)
            while True:
                piece = min(budget, self._thresholds.piece)
                self._reserve = budget - piece
                trap = self._run(hart, piece)
                budget = self._reserve
                if trap is not None or not budget:
                    return trap
        finally:
            self._running = False

    def _extend(self, wanted: int) -> int:
        """Let a piece end with a whole block, so that the rest makes no new block and trace."""
        if wanted > self._reserve:
            return 0
        self._reserve -= wanted
        return wanted

    def _bind(self, hart: Hart) -> None:
        self._hart = hart
        code = self._code(hart.mmu)
        assert isinstance(code, NativeCode)
        self._space = code
        if self._arena is not None:
            try:
                self._bind_space(hart.mmu)
            except NO_ROOM as failure:
                self._give_up(failure)

    def _bind_space(self, mmu: Mmu) -> None:
        space, words = self._space, self._state.words
        tables = space.tables
        if tables is None:
            tables = space.tables = self._empty_tables()
        words[layout.SHADOW] = tables.shadow_address
        words[layout.JUMP] = tables.jump_address
        words[layout.ROOT] = mmu.root_ppn
        words[layout.TABLE] = self._table if self._effects.on_fault is not None else 0
        self._forget_ranges()

    def _empty_tables(self) -> NativeTables:
        if self._spare:
            return self._spare.pop()
        from .native_tables import NativeTables  # only programs with hot code need it

        return NativeTables()

    def _forget_ranges(self) -> None:
        """Drop the ranges. They are valid for one address space until an entry is dropped."""
        words = self._state.words
        words[layout.RANGES : layout.RANGES_END] = _NO_RANGES
        words[layout.GENERATION] = self._space.runs

    def _code(self, mmu: Mmu) -> CodeMap:
        code = mmu.code
        if not isinstance(code, NativeCode) or code.owner is not self:
            code = mmu.code = self._code_type(self)
        if code.generation != self._generation:
            code.forget_native()
            code.generation = self._generation
        return code

    def invalidate(self, mmu: Mmu) -> None:
        """Drop the code of an address space. If no hart runs, its tables become spare ones."""
        super().invalidate(mmu)
        code = mmu.code
        if isinstance(code, NativeCode) and not self._running and code.tables is not None:
            if len(self._spare) < SPARE_TABLES:
                self._spare.append(code.tables)
            code.tables = None

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Drop cached translations for writes."""
        if isinstance(mmu.code, NativeCode):
            mmu.code.drop_writes()

    # --- running native code ---

    def _native(
        self, x: list[int], pc: int, left: int, read: dict[int, int], write: dict[int, int], c: Effects
    ) -> tuple[int, int]:
        """Run native code at `pc`, with the signature of a trace. It may use the reserve too."""
        hart, words, native = self._hart, self._state.words, self._space.native
        if hart.fcsr >= NATIVE_FCSR:
            return self._step(x, pc, left, c)
        self.native_entries += 1
        total = before = left + self._reserve
        self._end = c.end + self._reserve
        self._registers_in(hart)
        while True:
            if words[layout.GENERATION] != self._space.runs:
                self._forget_ranges()
            words[layout.LEFT] = total
            self._enter(self._state.address, native[pc])
            status, pc, total = words[layout.STATUS], words[layout.PC], words[layout.LEFT]
            function = native.get(pc)
            if function is None and status in _AT_CALL and total > 0 and self._call(x, pc, total):
                pc = hart.pc
                if pc in native and self._broken is None:
                    continue
                break
            if status != layout.LOOKUP or function is None:
                if status == layout.LOOKUP:
                    self._miss(pc)
                break
            self._space.link(pc, function)
        self._drop_stale()
        self._registers_out(hart)
        rest = min(total, left)
        taken = self._reserve - (total - rest)  # instructions taken from the reserve
        hart.instret += taken
        c.end += taken
        self._reserve = total - rest
        self._compile_budget.native += before - total
        assert total <= before
        if self._broken is not None:
            error, self._broken = self._broken, None
            c.pc, c.left = pc, rest
            raise error
        if status == layout.MISS:
            self.slow_steps += 1
            return self._step(x, pc, rest, c)
        return pc, rest

    def _registers_in(self, hart: Hart) -> None:
        """Copy a hart's registers into the state."""
        words = self._state.words
        words[0:32] = array("Q", hart.x)
        if hart.f != self._floats:
            self._floats = hart.f[:]
            words[32:64] = array("Q", self._floats)
        words[layout.FCSR] = hart.fcsr
        words[layout.RESERVATION] = layout.NO_RESERVATION if hart.reservation is None else hart.reservation

    def _registers_out(self, hart: Hart) -> None:
        """Copy the state's registers into the hart, and count its misses of the TLB."""
        words = self._state.words
        hart.x[:] = words[0:32].tolist()
        if words[layout.FLOATS]:
            words[layout.FLOATS] = 0
            self._floats = words[32:64].tolist()
            hart.f[:] = self._floats
        hart.fcsr = words[layout.FCSR]
        reservation = words[layout.RESERVATION]
        hart.reservation = None if reservation == layout.NO_RESERVATION else reservation
        self._count_misses()

    def _fault(self, va: int, writes: int, pc: int, left: int) -> int:
        """Called by native code on a page fault at `va`; whether the kernel has resolved it.

        An exception must not pass through native code. It is stored in `_broken`, native code
        returns with `MISS`, and `_native` raises it.
        """
        mmu, hook = self._hart.mmu, self._effects.on_fault
        self._drop_stale()
        try:
            mmu.translate(va, Access.WRITE if writes else Access.READ)
        except Trap as trap:
            try:
                if hook is None:
                    return 0
                if hook(trap, pc, self._end - left):
                    self._state.words[layout.RESERVATION] = layout.NO_RESERVATION
                    if self._state.words[layout.GENERATION] != self._space.runs:
                        self._forget_ranges()
                    return 1
                trap.final = True
                self._broken = trap
            except BaseException as error:
                self._broken = error
        return 0  # the row executes the instruction

    def _call(self, x: list[int], pc: int, left: int) -> bool:
        """Ask the kernel to make the system call at `pc`, if there is one; whether the hart is after it."""
        block, words = self._space.blocks.get(pc), self._state.words
        if block is None or block.text != ECALL or self._on_call is None:
            return False
        self._drop_stale()
        self._count_misses()
        x[:] = words[0:32].tolist()
        try:
            made = self._on_call(pc, self._end - left)
        except BaseException as error:  # as in `_fault`
            made, self._broken = True, error
        if made:
            words[10] = x[10]
            words[layout.RESERVATION] = layout.NO_RESERVATION
        return made

    def _drop_stale(self) -> None:
        """Drop the stale entries of pages whose faults native code has resolved."""
        words = self._state.words
        stale = words[layout.STALE]
        if stale:
            tlb = self._hart.mmu.tlb
            for vpn in words[layout.STALE_PAGES : layout.STALE_PAGES + stale]:
                if tlb.megapages:
                    tlb.drop(vpn)
                else:  # a page without W and X is in no other dictionary
                    tlb.read.pop(vpn, None)
            words[layout.STALE] = 0
            for _ in range(words[layout.GENERATION_STEPS]):
                self._space.drop_runs()
            words[layout.GENERATION_STEPS] = 0
            if words[layout.GENERATION] != self._space.runs:
                self._forget_ranges()

    def _step(self, x: list[int], pc: int, left: int, c: Effects) -> tuple[int, int]:
        """Execute the instruction at `pc` by its row's function. Raises Trap."""
        c.pc, c.left = pc, left
        op = self._op(word := self._hart.mmu.fetch(pc))
        if op is None:
            raise illegal(word)
        function, fields = bound(op, pc)
        while True:
            try:
                following = function(x, fields, c)
                break
            except Trap as trap:
                if not c.again(trap, pc, left):
                    raise
        return following if op.form.control else pc + op.length, left - 1

    def _miss(self, pc: int) -> None:
        count = self._missed.get(pc, 0) + 1
        self._missed[pc] = count
        if count % self._thresholds.missed == 0:
            self.want(pc, MISS_WORK * self._thresholds.missed)

    def _count_misses(self) -> None:
        words = self._state.words
        if words[layout.MISSES]:
            self._hart.mmu.tlb.misses += words[layout.MISSES]
            words[layout.MISSES] = 0

    # --- where native code comes from ---

    def _ready(self) -> Translator | None:
        """The translator, made at the first call. Without LLVM: None, and a message once."""
        if self._translator is None and not self._without:
            from .translator import Translator, unavailable

            reason = unavailable()
            if reason:
                self._without = True
                say_slow(reason)
            else:
                self._translator = Translator("" if self._caching else None)
        return self._translator

    def find(self, mmu: Mmu, code: NativeCode, head: int) -> bool:
        """Load the code at `head` from the disk cache; whether it was there."""
        translator = self._ready()
        if translator is None:
            return False
        try:
            found = translator.cached(head, text_at(mmu, head))
            if found is None or not self._native_paths.holds(mmu, found[0]):
                return False
            return self._learn(mmu, head, found)
        except NO_ROOM as failure:
            self._give_up(failure)
            return False

    def adopt(self, mmu: Mmu, code: NativeCode, head: int) -> bool:
        """Add loaded native code that fits the bytes at `head`; whether there is any."""
        for translation, function in self._known.get(head, ()):
            if self._native_paths.holds(mmu, translation[0]):
                self._file(mmu, code, head, translation, function)
                return True
        return False

    def want(self, head: int, work: int = 0) -> None:
        """Request a translation of the code at `head`; a later piece of the run enters it.

        `work` is the work of Python at `head` since the last request. This may run while native
        code waits, so it must not trap: it ignores code in unexecuted pages.
        """
        mmu = self._hart.mmu
        if head >> PAGE_SHIFT not in mmu.tlb.execute:
            return
        if head in self._space.native or (head in self._known and self.adopt(mmu, self._space, head)):
            return
        if self.find(mmu, self._space, head):
            return
        self._compile_budget.work += work + MISS_WORK * (self._effects.faults - self._faults_counted)
        self._faults_counted = self._effects.faults
        if not self._compile_budget.affordable:
            return
        translator = self._ready()
        if translator is None:
            return
        try:
            made = translator.translate(head, text_at(mmu, head), lambda: self._region(mmu, head))
            if made is not None:
                self._learn(mmu, head, made)
        except NO_ROOM as failure:
            self._give_up(failure)

    def _give_up(self, failure: Exception) -> None:
        """Drop all native code and continue in Python, because the host is short of memory."""
        say_slow(getattr(failure, "strerror", None) or str(failure) or "the host has no memory left")
        self._without, self._translator, self._arena = True, None, None
        self._spare.clear()
        self._forget()

    def _region(self, mmu: Mmu, head: int) -> Region | None:
        """The region at `head`, of blocks that have run `cold` times.

        A block is part of at most MAX_COPIES regions, not counting those that follow a call to it.
        """
        from .analysis.regions import explore
        from .emit.effects_text import native

        blocks, cold = self._space.blocks, self._thresholds.cold

        def includes(key: Key) -> bool:
            block = blocks.get(key[0])
            return block is not None and block.heat >= cold and (key[1] != () or block.copies < MAX_COPIES)

        region = explore(head, self._fetcher(mmu), includes, native)
        self._compile_budget.spend(region.length if region is not None else 0)
        for pc, awaited in region.blocks if region is not None else ():
            if not awaited and pc in blocks:
                blocks[pc].copies += 1
        return region

    def _learn(self, mmu: Mmu, head: int, translation: Translation) -> bool:
        """Load a translation and add it to the address space; whether there was room."""
        if self._arena is None:
            self._open()
            self._bind_space(mmu)
        assert self._arena is not None
        symbols = self._arena.load(translation[2])
        if symbols is None:  # the arena is full: drop everything
            self._reset()
            symbols = self._arena.load(translation[2])
            if symbols is None:
                return False
        function = symbols["region"]
        self._known.setdefault(head, []).append((translation, function))
        code = self._code(mmu)
        assert isinstance(code, NativeCode)
        self._file(mmu, code, head, translation, function)
        return True

    def _file(self, mmu: Mmu, code: NativeCode, head: int, translation: Translation, function: int) -> None:
        pages = {
            page
            for at, text in translation[0]
            for page in range(at >> PAGE_SHIFT, (at + len(text) - 1 >> PAGE_SHIFT) + 1)
        }
        code.add_native(head, function, self._native, translation[1], pages)

    def _open(self) -> None:
        """Allocate the arena and the state, and load the shared functions."""
        from .native_code import CODE_BYTES, CodeArena, NativeState

        self._arena = CodeArena(CODE_BYTES)
        self._state = NativeState()
        self._load_runtime()
        self._table = self._state.describe(self._memory)

    def _load_runtime(self) -> None:
        assert self._arena is not None and self._translator is not None
        table = self._memory.table
        symbols = self._arena.load(self._translator.runtime(table.policy if table is not None else None))
        assert symbols is not None
        words = self._state.words
        words[layout.REFILL], words[layout.SEARCH] = symbols["outside"], symbols["refill"]
        words[layout.LEAVE] = symbols["leave"]
        from .native_code import Enter, OnFault, kernel_functions

        self._enter = Enter(symbols["enter"])
        # The object must live as long as its address is in use.
        self._callback = OnFault(self._fault)
        words[layout.FAULT] = self._callback.address
        if table is not None:
            table.native = kernel_functions(symbols, self._state, self._arena)

    def _reset(self) -> None:
        """Drop all native code, because the arena is full."""
        assert self._arena is not None
        self._forget()
        self._arena.clear()
        self._load_runtime()

    def _forget(self) -> None:
        self._generation += 1
        self._space.forget_native()
        self._space.generation = self._generation
        self._known.clear()

    def _fetcher(self, mmu: Mmu) -> Fetch:
        return fetcher(mmu)
