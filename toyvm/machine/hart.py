"""A hardware thread: the state that instructions change."""

from __future__ import annotations

from .mmu import Mmu


class Hart:
    """Registers and program counter of one hardware thread in user mode.

    `x` holds 32 unsigned 64-bit ints; x[0] is 0 whenever an instruction begins. `f` holds 32 raw
    64-bit patterns. `reservation` is the physical address that lr reserved, or None; the kernel
    clears it at every trap and context switch. `instret` counts retired instructions. The `time`
    CSR reads `instret + time_offset`, in nanoseconds of virtual time. The kernel sets the offset at
    each dispatch, so it includes time spent asleep or in other processes.
    """

    __slots__ = ("f", "fcsr", "instret", "mmu", "pc", "reservation", "time_offset", "x")

    def __init__(self, mmu: Mmu, pc: int = 0):
        self.x: list[int] = [0] * 32
        self.f: list[int] = [0] * 32
        self.pc = pc
        self.fcsr = 0
        self.mmu = mmu
        self.instret = 0
        self.time_offset = 0
        self.reservation: int | None = None

    def copy(self, mmu: Mmu | None = None) -> Hart:
        """A hart with the same registers and pc (a fork), on `mmu` if given. Its `instret` is 0."""
        twin = Hart(mmu if mmu is not None else self.mmu, self.pc)
        twin.x[:] = self.x
        twin.f[:] = self.f
        twin.fcsr = self.fcsr
        return twin
