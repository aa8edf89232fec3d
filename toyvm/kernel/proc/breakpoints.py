"""Breakpoints as a debugger sets them: the instruction is replaced by c.ebreak in a private copy of its page.

So the engines know nothing of them and nothing is slower. When somebody gets there, the instruction is put back and goes on.
The copied page is the only trace: it is anonymous memory from then on, as after ptrace(2) (PTRACE_POKETEXT).
"""

from __future__ import annotations

from collections.abc import Callable

from toyvm.base.light_types import TYPE_CHECKING

from ..mm.user_memory import Fault

if TYPE_CHECKING:
    from .process import Process

C_EBREAK = (0x9002).to_bytes(2, "little")


class Breakpoints:
    """The addresses at which `reached(process)` is called, once for each process that comes there with the same image."""

    def __init__(self, reached: Callable[[Process], None]):
        self._reached = reached
        self._saved: dict[tuple[str, int], bytes] = {}

    def set(self, process: Process, va: int) -> None:
        """Stop `process`, and what it forks from now on, at `va`. Raises Fault where nothing can be executed, OutOfFrames."""
        if va & 1:
            raise Fault(va)
        self._saved[process.exe, va] = process.mm.read(va, len(C_EBREAK))
        process.mm.poke(va, C_EBREAK)

    def answer(self, process: Process) -> bool:
        """`process` has run into an ebreak: whether it was one of these."""
        pc = process.hart.pc
        saved = self._saved.get((process.exe, pc))
        if saved is None or process.mm.read(pc, len(C_EBREAK)) != C_EBREAK:
            return False
        process.mm.poke(pc, saved)
        self._reached(process)
        return True
