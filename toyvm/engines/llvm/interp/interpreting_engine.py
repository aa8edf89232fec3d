"""The tiered engine with the native interpreter between the Python tiers and LLVM's regions.

The interpreter (`interpreter.ll`) executes all code that has no region. Native code returns here for
what it cannot do: an instruction that its row's function must execute, a page of code without
operations, an address with so many arrivals that a region may pay, a system call. The interpreter's
image is in the cache; if it is not, the Python tiers execute until compiling it pays.
"""

from __future__ import annotations

from array import array

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Access, Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PhysicalMemory
from toyvm.machine.traps import Cause, Trap

from .. import state_layout as layout
from ..llvm_engine import MAX_COPIES, NATIVE_FCSR, NO_ROOM, LlvmEngine
from ..tiers import PATIENT, CompileBudget, Thresholds
from ..translator import unavailable
from .op_pages import InterpretedCode, OpPages

if TYPE_CHECKING:
    from toyvm.engines.engine import FaultHook
    from toyvm.engines.python.reference_engine import OnTrace

    from ..analysis.regions import Key, Region
    from ..translator import Translator
    from .image import InterpreterImage

WITHOUT = 20_000  # instructions in Python before a host without LLVM says so
# Budgets of translation, in arrivals: what LLVM may cost beyond the work so far, and how much work comes
# before the first translation, in units of `Thresholds.first`.
_ALLOWANCE, _FIRSTS = 500_000, 4
_LONGEST_WAIT = 3 << 16  # arrivals between two requests for a region that there is not


class InterpretingEngine(LlvmEngine):
    """Executes harts on one physical memory (`engine.Engine`); the parameters are those of `LlvmEngine`.

    `first` is the number of instructions in Python before the image is loaded, and `compiling` the
    number before it is compiled.
    """

    _code_type = InterpretedCode

    def __init__(
        self,
        memory: PhysicalMemory,
        on_trace: OnTrace | None = None,
        translator: Translator | None = None,
        thresholds: Thresholds = PATIENT,
        caching: bool = True,
        first: int = 0,
    ):
        super().__init__(memory, on_trace, translator, thresholds, caching)
        self._image: InterpreterImage | None = None
        self._executed = 0  # instructions in Python
        self._next_look = first  # instructions in Python before the next look for the image
        self._requests: dict[int, int] = {}  # by address: how often its counter was used up
        self._credited: dict[int, int] = {}  # by number of a counter: its value when it last counted as work
        self.interpreted = 0  # entries of the interpreter from Python

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """See `LlvmEngine.run`."""
        if self._on_trace is not None:
            return super().run(hart, budget)
        self._effects.on_fault = on_fault
        self._running = True
        try:
            while True:
                self._bind(hart)
                if self._ready_to_interpret() and hart.fcsr < NATIVE_FCSR and not hart.pc & 1:
                    trap, budget = self._interpret(hart, budget)
                    hart = self._hart  # it may be another one now
                else:
                    piece = min(budget, self._thresholds.piece)
                    self._reserve, before = budget - piece, hart.instret
                    trap = self._run(hart, piece)
                    budget = self._reserve
                    self._executed += hart.instret - before
                if trap is not None or not budget:
                    return trap
        finally:
            self._running = False

    # --- the image ---

    def _ready_to_interpret(self) -> bool:
        """Whether the interpreter is loaded; loads it if the run is long enough."""
        if self._image is not None:
            return self._arena is not None
        if self._executed < self._next_look or self._without:
            return False
        if self._executed < WITHOUT and self._translator is None and unavailable():
            self._next_look = WITHOUT  # a short program needs no message
            return False
        translator = self._ready()
        if translator is None:
            return False
        from . import image

        try:
            self._image = image.cached(translator)
            if self._image is None:
                if self._executed < self._thresholds.first:
                    self._next_look = self._thresholds.first
                    return False
                self._image = image.make(translator)
            self._begin()
        except NO_ROOM as failure:
            self._image = None
            self._give_up(failure)
            return False
        return True

    def _begin(self) -> None:
        assert self._image is not None
        thresholds, python = self._thresholds, self._compile_budget
        self._compile_budget = CompileBudget(thresholds, _FIRSTS * thresholds.first, _ALLOWANCE)
        self._compile_budget.work = python.work
        self._pages = OpPages(self._image.functions["decode"], self._image.functions["sought"])
        self._arrivals = array("I", [thresholds.arrivals]) * (1 << layout.ARRIVAL_BITS)
        if self._arena is None:
            self._open()
        else:
            self._install()
        self._bind_space(self._hart.mmu)

    def _open(self) -> None:
        super()._open()
        self._install()

    def _load_runtime(self) -> None:
        super()._load_runtime()
        if self._image is not None:
            self._state.words[layout.LEAVE] = self._image.functions["left"]

    def _install(self) -> None:
        """Tell native code of the interpreter."""
        image = self._image
        if image is None:
            return
        from ..native_code import address_of

        words = self._state.words
        words[layout.LEAVE] = image.functions["left"]
        words[layout.IMAGE], words[layout.BUCKETS] = image.address, image.table
        words[layout.ARRIVALS] = address_of(self._arrivals)
        for number in range(3):
            words[layout.CROSSING + number * layout.OP_WORDS] = image.functions["sought"]
        self._host = words[layout.MEMORY]

    def _bind_space(self, mmu: Mmu) -> None:
        fresh = self._space.tables is None
        super()._bind_space(mmu)
        tables, code = self._space.tables, self._space
        assert tables is not None and isinstance(code, InterpretedCode)
        self._state.words[layout.CODE] = tables.code_address
        if fresh:
            code.link_all()

    # --- execution ---

    def _interpret(self, hart: Hart, budget: int) -> tuple[Trap | None, int]:
        """Execute in native code. Returns the trap, if any, and the rest of the budget."""
        effects, words = self._effects, self._state.words
        effects.bind(hart)
        end = self._end = effects.end = hart.instret + budget
        assert self._image is not None
        start, state = self._image.functions["start"], self._state.address
        pc, left = hart.pc, budget
        self._registers_in(hart)
        while True:
            if self._pages.retired:
                self._pages.collect()
            if words[layout.GENERATION] != self._space.runs:
                self._forget_ranges()
            words[layout.PC], words[layout.LEFT] = pc, left
            self.interpreted += 1
            self._enter(state, start)
            status, pc, left = words[layout.STATUS], words[layout.PC], words[layout.LEFT]
            if words[layout.STALE]:
                self._drop_stale()
            trap: Trap | None = None
            if self._broken is not None:
                error, self._broken = self._broken, None
                if not isinstance(error, Trap):
                    self._return(hart, pc, end - left)
                    raise error
                trap = error
            elif status == layout.ECALL:
                arguments = words[10:18].tolist()
                try:
                    room = self._quickly(end - left, arguments) if self._quickly is not None else -1
                except BaseException:
                    self._return(hart, pc, end - left)
                    raise
                if room >= 0:
                    words[10] = arguments[0]
                    words[layout.RESERVATION] = layout.NO_RESERVATION
                    pc += 4
                    if room < left:
                        end, left = end - left + room, room
                        self._end = effects.end = end
                    continue
                self._return(hart, pc, end - left)
                try:
                    on_wait = self._on_wait if room == -2 else None
                    turn = on_wait(pc, end - left) if on_wait is not None else None
                except Trap as found:
                    return found, left
                if turn is None:
                    trap = self._system_call(hart, pc)
                    if trap is not None:
                        return trap, left
                    pc = hart.pc
                    continue
                (hart, left), before = turn, hart
                if hart.mmu is before.mmu:
                    self._hart = hart
                else:
                    self._bind(hart)
                if self._arena is None or hart.fcsr >= NATIVE_FCSR or hart.pc & 1:
                    return None, left
                effects.bind(hart)
                end = self._end = effects.end = hart.instret + left
                pc = hart.pc
                self._registers_in(hart)
                continue
            elif status == layout.BUDGET:
                self._return(hart, pc, end - left)
                return None, left
            elif status == layout.ARRIVED:
                self._arrived(pc)
                if self._arena is None:
                    self._return(hart, pc, end - left)
                    return None, left
                continue
            elif status == layout.PAGE:
                try:
                    self._add_page(hart.mmu, pc)
                    continue
                except Trap as found:
                    trap = found
            else:
                self.slow_steps += 1
                self._return(hart, pc, end - left)
                try:
                    pc, left = self._step(hart.x, pc, left, effects)
                    if hart.fcsr >= NATIVE_FCSR:
                        hart.pc, hart.instret = pc, end - left
                        return None, left
                except Trap as found:
                    trap = found
                else:
                    self._registers_in(hart)
                    continue
            self._return(hart, pc, end - left)
            if not effects.again(trap, pc, left):
                return self._trapped(hart, trap, pc, 0), left
            self._registers_in(hart)  # the kernel has ended the reservation

    def _return(self, hart: Hart, pc: int, instret: int) -> None:
        """Give the hart the state of native code, before the instruction at `pc`."""
        self._registers_out(hart)
        self._compile_budget.native += instret - hart.instret
        hart.pc, hart.instret = pc, instret

    def _system_call(self, hart: Hart, pc: int) -> Trap | None:
        """Have the kernel make the system call at `pc`. Returns the trap if the run must end."""
        try:
            if self._on_call is None or not self._on_call(pc, hart.instret):
                return Trap(Cause.ECALL_U)
        except Trap as trap:
            return trap
        self._registers_in(hart)
        return None

    def _add_page(self, mmu: Mmu, pc: int) -> None:
        """Add operations for the page of `pc`. Raises Trap if it cannot be executed."""
        pa = mmu.translate(pc, Access.EXECUTE)
        code, vpn = self._space, pc >> PAGE_SHIFT
        assert isinstance(code, InterpretedCode)
        code.drop_operations(vpn)
        address = self._pages.allocate(code, vpn)
        if address is None:  # drop all pages of all address spaces
            for owner, page in list(self._pages.owners.values()):
                owner.drop_operations(page)
            self._pages.collect()
            address = self._pages.allocate(code, vpn)
            assert address is not None
        code.add_page(self._pages, vpn, address, self._host + (pa & ~PAGE_MASK))

    # --- regions ---

    def _arrived(self, pc: int) -> None:
        """The counter of `pc` is used up: find a region for it, or request one.

        A translation of an earlier run is looked for once, after `arrivals`. Then the counter runs until
        LLVM may translate the code: each return to Python takes as long as interpreting for a microsecond
        or ten.
        """
        thresholds, code = self._thresholds, self._space
        requests = self._requests[pc] = self._requests.get(pc, 0) + 1
        slot = pc >> 1 & (1 << layout.ARRIVAL_BITS) - 1
        mmu = self._hart.mmu
        known = pc in code.native or self.adopt(mmu, code, pc)
        if not known and pc >> PAGE_SHIFT in mmu.tlb.execute:
            if requests > 1:
                self._credit()
                self.want(pc)
            elif not self.find(mmu, code, pc):
                self._compile_budget.work += thresholds.arrivals
        self._arrivals[slot] = self._credited[slot] = self._wait(requests)
        function = self._space.native.get(pc)
        if function is not None and self._space.tables is not None:
            self._space.link(pc, function)

    def _credit(self) -> None:
        """Count the arrivals at all addresses that wait as work."""
        arrivals, credited = self._arrivals, self._credited
        for slot, before in credited.items():
            self._compile_budget.work += before - arrivals[slot]
            credited[slot] = arrivals[slot]

    def _wait(self, requests: int) -> int:
        """How many arrivals come before the next request for a region, after so many."""
        thresholds = self._thresholds
        if requests == 1:
            return min(thresholds.arrivals * max(1, thresholds.patience - 1), _LONGEST_WAIT)
        return min(thresholds.arrivals << min(requests - 1, 16), _LONGEST_WAIT)

    def _region(self, mmu: Mmu, head: int) -> Region | None:
        """See `LlvmEngine`; what the interpreter has executed has run, too."""
        from ..analysis.regions import explore
        from ..emit.effects_text import native

        code, cold = self._space, self._thresholds.cold
        assert isinstance(code, InterpretedCode)

        def includes(key: Key) -> bool:
            pc = key[0]
            block = code.blocks.get(pc)
            ran = code.has_run(pc) or (block is not None and block.heat >= cold)
            return ran and (key[1] != () or code.copies.get(pc, 0) < MAX_COPIES)

        region = explore(head, self._fetcher(mmu), includes, native)
        self._compile_budget.spend(region.length if region is not None else 0)
        for pc, awaited in region.blocks if region is not None else ():
            if not awaited:
                code.copies[pc] = code.copies.get(pc, 0) + 1
        return region
