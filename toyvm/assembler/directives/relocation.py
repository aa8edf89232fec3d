"""`.reloc`: a relocation that the program asks for by name, at a place that may be further on."""

from __future__ import annotations

from toyvm.relocations import RELOCATIONS, R

from ..encode import split
from ..grammar import parse_expression
from ..problems import Problem, unknown
from ..sections import ExplicitReloc, Linear
from ..state import AssemblyState
from ..statements import split_operands
from .data import Directive

_BFD_NAMES = {
    "BFD_RELOC_NONE": R.NONE,
    "BFD_RELOC_32": R.ABS32,
    "BFD_RELOC_64": R.ABS64,
}
_TYPES: dict[str, R] = {row.name: row.type for row in RELOCATIONS.values()} | _BFD_NAMES


def reloc(state: AssemblyState, rest: str) -> None:
    """`.reloc offset, type, expression` (gas, "Reloc"). A number as offset is one in the current section."""
    pieces = split_operands(rest)
    if not 2 <= len(pieces) <= 3:
        raise Problem(
            ".reloc takes a place, a type and a symbol", expected="offset, R_RISCV_name, expression"
        )
    type = _TYPES.get(pieces[1])
    if type is None:
        raise unknown("relocation type", pieces[1], _TYPES)
    if state.chunk.is_absolute:
        raise Problem("a relocation cannot be put into the absolute section")
    place = state.evaluate(parse_expression(pieces[0]))
    value = split(state, parse_expression(pieces[2])) if len(pieces) > 2 else Linear(None, None, 0)
    state.relocs.append(ExplicitReloc(state.chunk.section, place, type, value, state.where))


RELOCATION: dict[str, Directive] = {".reloc": reloc}
