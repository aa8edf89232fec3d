"""`.insn` with a format: instructions that are not in the table (gas, "RISC-V Instruction Formats")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..isa.fields import B, I, J, R, S, U
from ..isa.spec import Insn
from .encode import emit_row
from .grammar import parse_operand
from .mnemonics import EncodableRow
from .problems import Problem
from .state import AssemblyState

if TYPE_CHECKING:
    from ..isa.semantics import Machine

_FORMATS = {"r": R, "i": I, "s": S, "b": B, "sb": B, "u": U, "j": J, "uj": J}
_SHIFTS = {"opcode": 0, "funct3": 12, "funct7": 25}


def encode_format(
    state: AssemblyState, name: str, fields: tuple[tuple[int, int], ...], syntax: str, pieces: list[str]
) -> None:
    """Encode `.insn NAME pieces`: numbers for the fixed fields, then the operands of the format.

    Raises Problem.
    """
    wanted = len(fields) + syntax.count(",") + 1
    if len(pieces) != wanted:
        usage = ", ".join([*("opcode", "funct3", "funct7")[: len(fields)], syntax])
        raise Problem(f".insn {name} takes {wanted} operands, not {len(pieces)}", name, expected=usage)
    format = _FORMATS[name]
    fixed: dict[str, int] = {}
    for (shift, width), field, piece in zip(fields, _SHIFTS, pieces, strict=False):
        value = _OPCODES.get(piece)
        value = state.number_of(piece, f"the {field}") if value is None else value
        if not 0 <= value < 1 << width or _SHIFTS[field] != shift:
            raise Problem(f"{field} {value} is not in 0..{(1 << width) - 1}", piece)
        fixed[field] = value
    row = EncodableRow(Insn(f".insn {name}", "I", format, format.syntax, fixed, _unknown), {})
    state.begin_instruction()
    emit_row(state, row, [parse_operand(piece) for piece in pieces[len(fields) :]], pieces[len(fields) :])


def _unknown(m: Machine) -> None:
    """No semantics: a raw instruction is only encoded."""


_OPCODES = {
    "LOAD": 0x03, "MISC_MEM": 0x0F, "OP_IMM": 0x13, "AUIPC": 0x17, "OP_IMM_32": 0x1B, "STORE": 0x23, "AMO": 0x2F,
    "OP": 0x33, "LUI": 0x37, "OP_32": 0x3B, "MADD": 0x43, "MSUB": 0x47, "NMADD": 0x4F, "NMSUB": 0x4B, "OP_FP": 0x53,
    "BRANCH": 0x63, "JALR": 0x67, "JAL": 0x6F, "SYSTEM": 0x73, "CUSTOM_0": 0x0B, "CUSTOM_1": 0x2B, "CUSTOM_2": 0x5B,
    "CUSTOM_3": 0x7B, "LOAD_FP": 0x07, "STORE_FP": 0x27,
}  # fmt: skip
