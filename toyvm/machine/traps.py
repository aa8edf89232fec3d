"""Synchronous exceptions: the privileged manual's cause codes, and the exception `Trap`."""

from __future__ import annotations

from ..base.light_types import IntEnum


class Cause(IntEnum):
    """Exception codes of scause (privileged manual, "Supervisor cause register values")."""

    INSTRUCTION_MISALIGNED = 0
    INSTRUCTION_ACCESS = 1
    ILLEGAL_INSTRUCTION = 2
    BREAKPOINT = 3
    LOAD_MISALIGNED = 4
    LOAD_ACCESS = 5
    STORE_MISALIGNED = 6
    STORE_ACCESS = 7
    ECALL_U = 8
    INSTRUCTION_PAGE_FAULT = 12
    LOAD_PAGE_FAULT = 13
    STORE_PAGE_FAULT = 15


class Trap(Exception):
    """An instruction trapped. `tval` is the faulting address, the illegal instruction's bits, or 0.

    `final`: the kernel has already declined to resolve the fault during the run (`Engine.run`).
    """

    def __init__(self, cause: Cause, tval: int = 0):
        super().__init__(cause, tval)
        self.cause = cause
        self.tval = tval
        self.final = False

    def __str__(self) -> str:
        return f"{self.cause.name.lower().replace('_', ' ')} at {self.tval:#x}"
