"""Software breakpoints: c.ebreak replaces the instruction in a private copy of its page.

The engines need no support for them and run at full speed. When a process reaches a breakpoint,
the original instruction is restored and executes. The page stays a private anonymous copy, as
after PTRACE_POKETEXT (ptrace(2)).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from toyvm.base.light_types import TYPE_CHECKING

from ..mm.frame_allocator import OutOfFrames
from ..mm.user_memory import Fault

if TYPE_CHECKING:
    from .process import Process

C_EBREAK = (0x9002).to_bytes(2, "little")


class Breakpoints:
    """A set of breakpoints, each identified by executable path and address.

    `reached(process)` is called when a process hits one for the `count`th time. The breakpoint is
    then removed from the memory of that process. Before, the thread that hits it executes the
    original instruction alone, and the breakpoint is set again.
    """

    def __init__(self, reached: Callable[[Process], None], count: int = 1):
        self._tell = reached
        self._count = count
        self.reached = False  # by any process, often enough
        self._saved: dict[tuple[str, int], bytes] = {}
        self._hits: dict[tuple[int, int], int] = {}  # by process and address
        self._passing: dict[Process, tuple[int, int]] = {}  # thread -> address, and its `instret` there

    def set(self, process: Process, va: int) -> None:
        """Stop `process`, and the children that it forks later, at `va`.

        Raises Fault if `va` is odd or not mapped, OutOfFrames.
        """
        if va & 1:
            raise Fault(va)
        self._saved[process.exe, va] = process.mm.read(va, len(C_EBREAK))
        process.mm.poke(va, C_EBREAK)

    def required_hits(self) -> str:
        """` N times, at most M`: the hits that are required, and those of the process with most. "" for one."""
        return (
            "" if self._count == 1 else f" {self._count} times, at most {max(self._hits.values(), default=0)}"
        )

    def answer(self, process: Process) -> bool:
        """Handle an ebreak at the pc of `process`.

        Return False if it is not one of these breakpoints.
        """
        pc = process.hart.pc
        saved = self._saved.get((process.exe, pc))
        if saved is None or process.mm.read(pc, len(C_EBREAK)) != C_EBREAK:
            return False
        process.mm.poke(pc, saved)
        hits = self._hits[process.pid, pc] = self._hits.get((process.pid, pc), 0) + 1
        if hits == self._count:
            self.reached = True
            self._tell(process)
        else:
            self._passing[process] = pc, process.hart.instret
        return True

    def passing(self, process: Process) -> bool:
        """Whether a thread is at a breakpoint that it passes: it must then execute one instruction only.

        Once it has, the breakpoint is set again.
        """
        if process not in self._passing:
            return False
        va, before = self._passing[process]
        if process.alive and process.hart.pc == va and process.hart.instret == before:
            return True
        del self._passing[process]
        if process.alive:
            with suppress(Fault, OutOfFrames):  # the page may be unmapped by now
                if process.mm.read(va, len(C_EBREAK)) == self._saved.get((process.exe, va)):
                    process.mm.poke(va, C_EBREAK)
        return False
