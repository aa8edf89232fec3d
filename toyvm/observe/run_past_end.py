"""Notices that a thread has run past the end of a function of the user's: its last instruction is no jump or return."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..isa.decode import Decoded, decode
from ..isa.text import instruction_text
from .prologue import called_by

if TYPE_CHECKING:
    from ..kernel.proc.process import Process
    from .symbolize import Symbolizer

_LEAVES = frozenset(("jal", "jalr", "c.j", "c.jr", "c.jalr", "ebreak", "c.ebreak", "mret", "sret", "wfi"))
_MOST = 1 << 16  # bytes of a function that are read


def ran_past_end(process: Process, symbols: Symbolizer, read: Callable[[int, int], bytes]) -> str:
    """`main runs past its end (fall.s:2): ...` if the thread stands where it came by running on; else "".

    It stands in the zeros behind a function, or in the next function without a call of it. Only a
    function with source lines is blamed, because hand-written libraries let functions follow each
    other on purpose.
    """
    pc = process.hart.pc
    found = symbols.image_at(process.pid, pc)
    if found is None or not found[1].functions:
        return ""
    _, image, address = found
    bias = pc - address
    index = bisect_right(image.functions, address) - 1
    if index < 0:
        return ""
    start, stop = image.functions[index], address
    if any(read(pc, 2)):  # an instruction: of the next function, if it is one that was not called
        called = called_by(read, process.hart.x[1])
        if index == 0 or (called is not None and called - bias == start):
            return ""
        start, stop = image.functions[index - 1], start
    if not image.line(start) or stop - start > _MOST:
        return ""
    last = _last(read(start + bias, stop - start), start + bias)
    if last is None:
        return ""
    at, instruction = last
    if instruction.insn.name in _LEAVES:
        return ""
    what = instruction_text(instruction, at)
    returns = ", which returns unless it is exit," if instruction.insn.name == "ecall" else ""
    line = image.line(at - bias)
    place = f" ({line})" if line else ""
    return f"{image.symbol(start)} ran past its end: its last instruction `{what}'{place}{returns} is no jump or return"


def _last(code: bytes, start: int) -> tuple[int, Decoded] | None:
    """The last instruction of a function, zeros behind it left out, and its address."""
    at, last = 0, None
    while at + 2 <= len(code):
        size = 4 if code[at] & 3 == 3 else 2
        if not any(code[at : at + 2]):
            break
        found = decode(int.from_bytes(code[at : at + size], "little"))
        if found is None:
            return None
        last = start + at, found
        at += size
    return last if not any(code[at:]) else None
