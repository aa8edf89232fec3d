"""The effects of the instruction table, defined once for all engines: memory, reservations, CSRs.

Engines inline the hot cases (a load that hits the TLB) and call this module for all others. A
method either completes its effect or raises Trap without any effect. Addresses are modulo 2**64.
Helper functions cover arithmetic that is no single Python expression.
"""

from __future__ import annotations

from ..base.bits import M64
from ..base.light_types import TYPE_CHECKING
from ..isa.lookup_tables import look_up
from ..machine.hart import Hart
from ..machine.mmu import Access, Mmu
from ..machine.physical_memory import PhysicalMemory
from ..machine.traps import Cause, Trap

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import FaultHook

    HostFunction = Callable[[str, tuple[int, ...]], int | None]
    FloatOperation = tuple[Callable[..., tuple[int, int]], bool, HostFunction | None]

NX = 1  # the inexact flag
RNE, RMM, DYN = 0, 4, 7  # rounding modes: the first (ties to even) and last static ones, and frm's
HPM_COUNTERS = range(0xC03, 0xC20)
FFLAGS, FRM, FCSR, CYCLE, TIME, INSTRET = 0x001, 0x002, 0x003, 0xC00, 0xC01, 0xC02


def illegal(word: int) -> Trap:
    """The trap of an illegal instruction; its tval is the 16 or 32 bits of the instruction."""
    return Trap(Cause.ILLEGAL_INSTRUCTION, word if word & 0b11 == 0b11 else word & 0xFFFF)


class Effects:
    """The effects on the hart that `bind` selects.

    `read` and `write` are the dictionaries of its TLB, `f` its floating-point registers. `pc` and
    `left` are the address and the remaining budget at the last call from compiled code. `end` is
    the value of `instret` when that budget is used up. `on_fault` as in `Engine.run`.
    """

    __slots__ = (
        "_hart", "_memory", "_mmu", "_on_fence_i", "_table", "end", "f", "faults", "left", "on_fault", "pc", "read", "write",
    )  # fmt: skip

    def __init__(self, memory: PhysicalMemory, on_fence_i: Callable[[Mmu], None]):
        self._memory = memory
        self._on_fence_i = on_fence_i
        self.pc = 0
        self.left = 0
        self.end = 0
        self.faults = 0  # faults that the kernel resolved during a run
        self.on_fault: FaultHook | None = None
        self._table: dict[str, FloatOperation] | None = None

    def bind(self, hart: Hart) -> None:
        """Act on `hart` from now on."""
        self._hart: Hart = hart
        self._mmu: Mmu = hart.mmu
        self.f = hart.f
        self.read = hart.mmu.tlb.read
        self.write = hart.mmu.tlb.write

    def load(self, va: int, size: int) -> int:
        """`size` bytes of memory as an unsigned number, at any alignment."""
        return self._mmu.load(va & M64, size)

    def store(self, va: int, size: int, value: int) -> None:
        """Store the low `size` bytes of a number, at any alignment."""
        self._mmu.store(va & M64, size, value)

    def load_reserved(self, va: int, size: int) -> int:
        """lr: load, and reserve the physical address. Raises load-address-misaligned."""
        va &= M64
        if va & (size - 1):
            raise Trap(Cause.LOAD_MISALIGNED, va)
        pa = self._mmu.translate(va, Access.READ)
        self._hart.reservation = pa
        return self._unit(pa, size)

    def store_conditional(self, va: int, size: int, value: int) -> int:
        """sc: store if the reservation matches; 0 on success, 1 on failure.

        Without a reservation there is no access. With one, the address is translated for a write
        before the comparison, which may fault and sets A and D even if the store then fails.
        Raises store-address-misaligned, with or without a reservation.
        """
        va &= M64
        if va & (size - 1):
            raise Trap(Cause.STORE_MISALIGNED, va)
        reservation = self._hart.reservation
        if reservation is None:
            return 1
        pa = self._mmu.translate(va, Access.WRITE)
        self._hart.reservation = None
        if pa != reservation:
            return 1
        self._mmu.store(va, size, value)
        return 0

    def amo_load(self, va: int, size: int) -> int:
        """The load of an AMO. It raises the traps of the store that follows."""
        va &= M64
        if va & (size - 1):
            raise Trap(Cause.STORE_MISALIGNED, va)
        return self._unit(self._mmu.translate(va, Access.WRITE), size)

    def _unit(self, pa: int, size: int) -> int:
        """An aligned number of physical memory."""
        if size == 8:
            return self._memory.u64[pa >> 3]
        if size == 4:
            return self._memory.u32[pa >> 2]
        return self._memory.u16[pa >> 1] if size == 2 else self._memory.u8[pa]

    def csr_read(self, number: int) -> int:
        """Read a CSR. `hart.instret` must be exact.

        Raises illegal-instruction for a CSR that user mode cannot read.
        """
        hart = self._hart
        if number in (CYCLE, INSTRET):
            return hart.instret & M64
        if number == TIME:
            return (hart.instret + hart.time_offset) & M64
        if number in HPM_COUNTERS:
            return 0  # no event is selected
        if number == FFLAGS:
            return hart.fcsr & 0x1F
        if number == FRM:
            return hart.fcsr >> 5
        if number == FCSR:
            return hart.fcsr
        raise Trap(Cause.ILLEGAL_INSTRUCTION)

    def csr_write(self, number: int, value: int) -> None:
        """Write fflags, frm or fcsr. Raises illegal-instruction for all other CSRs."""
        hart = self._hart
        if number == FFLAGS:
            hart.fcsr = (hart.fcsr & 0xE0) | (value & 0x1F)
        elif number == FRM:
            hart.fcsr = (hart.fcsr & 0x1F) | (value & 0x7) << 5
        elif number == FCSR:
            hart.fcsr = value & 0xFF
        else:
            raise Trap(Cause.ILLEGAL_INSTRUCTION)

    def float(self, name: str, *operands: int) -> int:
        """The result of an operation of `ieee754.OPERATIONS`; adds its flags to fcsr.

        Raises illegal-instruction for a reserved rounding mode.
        """
        hart = self._hart
        function, rounds, host = self._operations[name]
        if rounds:
            mode = operands[-1]
            if mode == DYN:
                mode = hart.fcsr >> 5
            if mode > RMM:
                raise Trap(Cause.ILLEGAL_INSTRUCTION)
            operands = (*operands[:-1], mode)
            quick = host(name, operands) if host is not None and hart.fcsr & NX and mode == RNE else None
        else:
            quick = host(name, operands) if host is not None else None
        if quick is not None:
            return quick
        result, flags = function(*operands)
        hart.fcsr |= flags
        return result

    @property
    def _operations(self) -> dict[str, FloatOperation]:
        """By name: the exact function, whether it rounds, and the fast function of `host_float`."""
        if self._table is None:
            from ..isa.ieee754 import OPERATIONS  # most programs need no floating point
            from .host_float import HOST

            self._table = {
                name: (operation.function, operation.rounds, HOST.get(name))
                for name, operation in OPERATIONS.items()
            }
        return self._table

    def fence_i(self) -> None:
        """Make stores visible to fetches: the engine drops the code of this address space."""
        self._on_fence_i(self._mmu)

    def again(self, trap: Trap, pc: int, left: int) -> bool:
        """Ask `on_fault` about a trap at `pc`, with a budget of `left`; whether to retry it."""
        if self.on_fault is None or trap.final:
            return False
        if not self.on_fault(trap, pc, self.end - left):
            trap.final = True
            return False
        self.faults += 1
        return True

    def load_at(self, va: int, size: int, pc: int, left: int) -> int:
        """`load` for compiled code, which passes the instruction's address and remaining budget."""
        self.pc = pc
        self.left = left
        while True:
            try:
                return self._mmu.load(va & M64, size)
            except Trap as trap:
                if not self.again(trap, pc, left):
                    raise

    def store_at(self, va: int, size: int, value: int, pc: int, left: int) -> None:
        """`store` for compiled code."""
        self.pc = pc
        self.left = left
        while True:
            try:
                return self._mmu.store(va & M64, size, value)
            except Trap as trap:
                if not self.again(trap, pc, left):
                    raise

    def float_at(self, name: str, *rest: int) -> int:
        """`float` for compiled code."""
        *operands, self.pc, self.left = rest
        return self.float(name, *operands)

    def load_reserved_at(self, va: int, size: int, pc: int, left: int) -> int:
        """`load_reserved` for compiled code."""
        self.pc = pc
        self.left = left
        return self.load_reserved(va, size)

    def store_conditional_at(self, va: int, size: int, value: int, pc: int, left: int) -> int:
        """`store_conditional` for compiled code."""
        self.pc = pc
        self.left = left
        return self.store_conditional(va, size, value)

    def amo_load_at(self, va: int, size: int, pc: int, left: int) -> int:
        """`amo_load` for compiled code."""
        self.pc = pc
        self.left = left
        return self.amo_load(va, size)


def quotient(a: int, b: int) -> int:
    """Division that rounds towards zero, like RISC-V's div and unlike Python's `//`."""
    return abs(a) // abs(b) if (a < 0) == (b < 0) else -(abs(a) // abs(b))


def remainder(a: int, b: int) -> int:
    """The remainder of `quotient`, with the sign of the dividend."""
    return abs(a) % abs(b) if a >= 0 else -(abs(a) % abs(b))


def trailing_zeros(value: int, width: int) -> int:
    """The number of trailing zero bits; `width` for 0."""
    return (value & -value).bit_length() - 1 if value else width


HELPERS: dict[str, object] = {
    "quotient": quotient,
    "remainder": remainder,
    "trailing_zeros": trailing_zeros,
    "look_up": look_up,
}
