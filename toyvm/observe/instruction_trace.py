"""`--trace=insn`: each instruction with the registers that it writes, all or those in some ranges.

    [100] 0x10234 addi sp, sp, -16                main (cow.s:12)            sp=0x3ffffffe80

A range is a function (`main`), or addresses (`0x10000-0x10100`, the end not included). A function is
looked for in every file that is mapped, so it may be one of a shared library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from ..base.errors import UsageError
from ..isa.ops import Op
from ..isa.properties import nodes
from ..isa.registers import F_NAMES, X_NAMES

if TYPE_CHECKING:
    from ..isa.decode import Decoded
    from ..isa.spec import Insn
    from ..kernel.kernel import Kernel
    from ..machine.hart import Hart
    from .symbolize import Symbolizer


class InstructionTrace:
    """Writes a line for each instruction in `ranges`, or for all if there are none.

    It is the `on_trace` of the reference engine. Raises UsageError for a range that is none.
    """

    def __init__(
        self, kernel: Kernel, symbols: Symbolizer, write: Callable[[str], None], ranges: Sequence[str]
    ):
        self._kernel, self._symbols, self._write = kernel, symbols, write
        self._names: set[str] = set()
        self._spans: list[tuple[int, int]] = []
        for text in ranges:
            span = _span(text)
            if span is None:
                self._names.add(text)
            else:
                self._spans.append(span)
        self._filtered = bool(ranges)
        self.lines = 0

    def __call__(self, hart: Hart, decoded: Decoded) -> Callable[[], None] | None:
        """Called before an instruction; the result is called after it, unless it traps."""
        pid, tid = next(((t.pid, t.tid) for t in self._kernel.threads.values() if t.hart is hart), (0, 0))
        pc = hart.pc
        if self._filtered and not self._wanted(pid, pc):
            return None
        self.lines += 1
        where = self._symbols.describe(pid, pc)
        text = f"[{tid}] {pc:#x} {self._symbols.instruction(pid, pc):<32} {where}"
        integer, floating = _written(decoded.insn)
        rd = decoded.rd
        if not floating and not (integer and rd):
            self._write(f"{text}\n")
            return None

        def finish() -> None:
            name, value = (F_NAMES[rd], hart.f[rd]) if floating else (X_NAMES[rd], hart.x[rd])
            self._write(f"{text:<78} {name}={value:#x}\n")

        return finish

    def _wanted(self, pid: int, pc: int) -> bool:
        if any(start <= pc < end for start, end in self._spans):
            return True
        return bool(self._names) and not self._names.isdisjoint(self._symbols.names_at(pid, pc))


def _span(text: str) -> tuple[int, int] | None:
    """A range of addresses; None if the text is a name."""
    if not text.startswith("0x"):
        return None
    first, _, last = text.partition("-")
    try:
        start, end = int(first, 16), int(last, 16)
    except ValueError:
        start = end = 0
    if start >= end:
        raise UsageError(f"--trace-range {text}: expected a function or 0xSTART-0xEND")
    return start, end


@cache
def _written(insn: Insn) -> tuple[bool, bool]:
    """Whether an instruction writes rd as an integer register, and as a floating-point register."""
    present = {node.op for node in nodes(insn)}
    return Op.WRITE_X in present, Op.WRITE_F in present
