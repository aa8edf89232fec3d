"""Directives for unwinding: call frames (`.cfi_*`), and the dead format `.stabs`."""

from __future__ import annotations

from ..dwarf.call_frames import CfiError
from ..dwarf.cfi_directives import DIRECTIVES as CFI
from ..dwarf.cfi_directives import REGISTER_ARGUMENTS, dwarf_register
from ..encode import split
from ..grammar import parse_expression
from ..problems import Problem
from ..sections import AsmSymbol
from ..state import AssemblyState
from ..statements import split_operands
from .data import Directive


def cfi(name: str) -> Directive:
    """A `.cfi_*` directive: adds to the table of call frames."""

    def directive(state: AssemblyState, rest: str) -> None:
        pieces = split_operands(rest)
        try:
            _cfi(state, name, pieces)
        except CfiError as error:
            raise Problem(str(error)) from None

    return directive


def _cfi(state: AssemblyState, name: str, pieces: list[str]) -> None:
    frames = state.frames
    if name == ".cfi_startproc":
        if pieces not in ([], ["simple"]):
            raise Problem(".cfi_startproc takes nothing or 'simple'", pieces[0], expected="simple")
        frames.startproc(state.cfi_here, simple=bool(pieces))
    elif name == ".cfi_endproc":
        frames.endproc(state.cfi_here)
    elif name == ".cfi_sections":
        frames.sections(pieces)
    elif name in (".cfi_personality", ".cfi_lsda"):
        encoding = state.number_of(pieces[0], "the encoding") if pieces else 0xFF
        symbol = _cfi_symbol(state, pieces[1]) if len(pieces) > 1 else None
        (frames.personality if name == ".cfi_personality" else frames.lsda)(encoding, symbol)
    else:
        registers = REGISTER_ARGUMENTS.get(name)
        everywhere = name in (".cfi_restore", ".cfi_undefined", ".cfi_same_value")
        values = []
        for index, piece in enumerate(pieces):
            number = dwarf_register(piece) if everywhere or (registers and index in registers) else None
            values.append(state.number_of(piece, "the argument") if number is None else number)
        frames.directive(name, values, state.cfi_here)


def _cfi_symbol(state: AssemblyState, text: str) -> AsmSymbol:
    add, sub, addend = split(state, parse_expression(text))
    if add is None or sub is not None or addend:
        raise Problem("expected a symbol", text, expected="a symbol")
    return add


def stabs(state: AssemblyState, rest: str) -> None:
    """`.stabs`, `.stabn`, `.stabd`: debugging information of a format that nothing reads any more."""
    if not state.seen_stabs:
        state.seen_stabs = True
        state.warn("debugging information in the stabs format is ignored; -g writes DWARF")


DEBUG_INFORMATION: dict[str, Directive] = {
    **{
        name: cfi(name)
        for name in (*CFI, ".cfi_startproc", ".cfi_endproc", ".cfi_sections", ".cfi_personality", ".cfi_lsda")
    },
    **dict.fromkeys((".stabs", ".stabn", ".stabd", ".xstabs"), stabs),
}
