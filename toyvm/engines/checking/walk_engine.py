"""The executable definition: executes an instruction by walking its tree, one operation at a time.

It is slow and simple. It shares only the trees and the effects with the printers, so tests compare
every engine with it.
"""

from __future__ import annotations

from collections.abc import Callable

from toyvm.base.bits import sext
from toyvm.isa.decode import decode
from toyvm.isa.lookup_tables import table
from toyvm.isa.ops import Node, Op
from toyvm.isa.trees import tree
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.traps import Cause, Trap

from ..effects import Effects, illegal
from ..engine import CallHook, FaultHook, QuickHook, WaitHook


def _towards_zero(a: int, b: int) -> int:
    sign = -1 if (a < 0) != (b < 0) else 1
    return sign * (abs(a) // abs(b))


_BINARY: dict[Op, Callable[[int, int, int], int]] = {
    Op.ADD: lambda a, b, w: a + b,
    Op.SUB: lambda a, b, w: a - b,
    Op.MUL: lambda a, b, w: a * b,
    Op.AND: lambda a, b, w: a & b,
    Op.OR: lambda a, b, w: a | b,
    Op.XOR: lambda a, b, w: a ^ b,
    Op.SHL: lambda a, b, w: a << b,
    Op.LSHR: lambda a, b, w: a >> b,
    Op.ASHR: lambda a, b, w: sext(a, w) >> b,
    Op.UDIV: lambda a, b, w: a // b,
    Op.UREM: lambda a, b, w: a % b,
    Op.SDIV: lambda a, b, w: _towards_zero(sext(a, w), sext(b, w)),
    Op.SREM: lambda a, b, w: sext(a, w) - sext(b, w) * _towards_zero(sext(a, w), sext(b, w)),
    Op.EQ: lambda a, b, w: a == b,
    Op.NE: lambda a, b, w: a != b,
    Op.ULT: lambda a, b, w: a < b,
    Op.UGE: lambda a, b, w: a >= b,
    Op.SLT: lambda a, b, w: sext(a, w) < sext(b, w),
    Op.SGE: lambda a, b, w: sext(a, w) >= sext(b, w),
}


class WalkEngine:
    """An engine that walks trees (`engine.Engine`).

    It caches no code, so invalidation does nothing. Every page fault ends its run.
    """

    def __init__(self, memory: PhysicalMemory):
        self._effects = Effects(memory, self.invalidate)

    @property
    def stretch(self) -> int:
        """See `engine.Engine`."""
        return 50_000

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        """Execute at most `budget` instructions (see `engine.Engine.run`)."""
        self._effects.bind(hart)
        for _ in range(budget):
            try:
                self.step(hart)
            except Trap as trap:
                return trap
        return None

    def answer_calls(
        self, on_call: CallHook, quickly: QuickHook | None = None, on_wait: WaitHook | None = None
    ) -> None:
        """See `engine.Engine`: each call traps."""

    def invalidate(self, mmu: Mmu) -> None:
        """Nothing to drop."""

    def invalidate_page(self, mmu: Mmu, va: int) -> None:
        """Nothing to drop."""

    def invalidate_writes(self, mmu: Mmu) -> None:
        """Nothing to drop."""

    def inherit_code(self, mmu: Mmu, child: Mmu) -> None:
        """Nothing to inherit."""

    def drop_caches(self) -> None:
        """There are no caches."""

    def close(self) -> None:
        """Nothing to store."""

    def step(self, hart: Hart) -> None:
        """Execute the instruction at pc. If it raises Trap, registers and pc are unchanged."""
        word = hart.mmu.fetch(hart.pc)
        decoded = decode(word)
        if decoded is None:
            raise illegal(word)
        walk = _Walk(hart, self._effects)
        try:
            for node in tree(decoded):
                walk.effect(node)
        except Trap as trap:
            if trap.cause is Cause.ILLEGAL_INSTRUCTION:
                raise illegal(word) from None
            raise
        for number, value in walk.writes:
            hart.x[number] = value
        for number, value in walk.float_writes:
            hart.f[number] = value
        hart.pc = walk.target if walk.target is not None else hart.pc + decoded.length
        hart.instret += 1


class _Walk:
    """The execution of one instruction."""

    def __init__(self, hart: Hart, effects: Effects):
        self._hart = hart
        self._effects = effects
        self._values: dict[Node, int] = {}
        self.writes: list[tuple[int, int]] = []
        self.float_writes: list[tuple[int, int]] = []
        self.target: int | None = None

    def value(self, node: Node) -> int:
        """The value of a node: 0 <= v < 2**width."""
        op, args = node.op, node.args
        if node in self._values:
            return self._values[node]
        if op in _BINARY:
            result = int(_BINARY[op](self.value(args[0]), self.value(args[1]), args[0].width))
        elif op is Op.CONST:
            result = node.value
        elif op is Op.PC:
            result = self._hart.pc
        elif op is Op.READ_X:
            result = self._hart.x[self.value(args[0])]
        elif op in (Op.CLZ, Op.CTZ, Op.CPOP):
            bits = f"{self.value(args[0]):0{node.width}b}"
            zeros = {Op.CLZ: bits.lstrip("0"), Op.CTZ: bits.rstrip("0"), Op.CPOP: bits.replace("1", "")}
            result = node.width - len(zeros[op])
        elif op is Op.TABLE:
            result = table(node.name)[self.value(args[0])]
        elif op is Op.READ_F:
            result = self._hart.f[self.value(args[0])]
        elif op in (Op.TRUNC, Op.ZEXT):
            result = self.value(args[0])
        elif op is Op.SEXT:
            result = sext(self.value(args[0]), args[0].width)
        elif op is Op.SELECT:
            result = self.value(args[1]) if self.value(args[0]) else self.value(args[2])
        else:
            raise NotImplementedError(op.name)
        return result & ((1 << node.width) - 1)

    def effect(self, node: Node) -> None:
        """Execute one effect."""
        op, effects = node.op, self._effects
        if op is Op.TRAP:
            raise Trap(Cause(node.value))
        values = [self.value(argument) for argument in node.args]
        if op is Op.LOAD:
            self._values[node] = effects.load(values[0], node.width // 8)
        elif op is Op.LOAD_RESERVED:
            self._values[node] = effects.load_reserved(values[0], node.width // 8)
        elif op is Op.AMO_LOAD:
            self._values[node] = effects.amo_load(values[0], node.width // 8)
        elif op is Op.STORE_CONDITIONAL:
            self._values[node] = effects.store_conditional(values[0], node.args[1].width // 8, values[1])
        elif op is Op.STORE:
            effects.store(values[0], node.args[1].width // 8, values[1])
        elif op is Op.CSR_READ:
            self._values[node] = effects.csr_read(values[0])
        elif op is Op.CSR_WRITE:
            if values[2]:
                effects.csr_write(values[0], values[1])
        elif op is Op.FLOAT:
            self._values[node] = effects.float(node.name, *values)
        elif op is Op.WRITE_F:
            self.float_writes.append((values[0], values[1]))
        elif op is Op.FENCE_I:
            effects.fence_i()
        elif op is Op.JUMP or (op is Op.BRANCH and values[0]):
            self.target = values[-1]
        elif op is Op.WRITE_X:
            self.writes.append((values[0], values[1]))
        elif op not in (Op.FENCE, Op.BRANCH):
            raise NotImplementedError(op.name)
