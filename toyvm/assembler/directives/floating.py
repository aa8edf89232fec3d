"""Directives for floating-point numbers: `.float`, `.double`, `.float16`, `.dc.s`, `.dcb.d` and their kind."""

from __future__ import annotations

from ..floating_constants import BFLOAT, DOUBLE, EXTENDED, HALF, SINGLE, FloatFormat, float_bytes
from ..problems import Problem
from ..state import AssemblyState
from ..statements import split_operands
from .data import Directive, repeat_count


def floats(format: FloatFormat) -> Directive:
    """`.float`, `.double`, ...: constants of one format."""

    def directive(state: AssemblyState, rest: str) -> None:
        state.mark("d")
        state.chunk.data += b"".join([float_bytes(piece, format) for piece in split_operands(rest)])

    return directive


def repeated(format: FloatFormat) -> Directive:
    """`.dcb.s count, constant` and the other formats."""

    def directive(state: AssemblyState, rest: str) -> None:
        pieces = split_operands(rest)
        if not 1 <= len(pieces) <= 2:
            raise Problem("this takes a count and a number", expected="count, number")
        count = repeat_count(state, pieces[0])
        state.mark("d")
        state.chunk.skip(count, float_bytes(pieces[1] if len(pieces) > 1 else "0", format))

    return directive


FLOATING: dict[str, Directive] = {
    **dict.fromkeys((".float", ".single", ".dc.s"), floats(SINGLE)),
    **dict.fromkeys((".double", ".dc.d"), floats(DOUBLE)),
    ".dc.x": floats(EXTENDED),
    ".float16": floats(HALF),
    ".bfloat16": floats(BFLOAT),
    ".dcb.s": repeated(SINGLE),
    ".dcb.d": repeated(DOUBLE),
    ".dcb.x": repeated(EXTENDED),
}
