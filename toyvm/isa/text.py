"""The assembly text of a decoded instruction, for traces and error messages: the inverse of the operand syntax."""

from __future__ import annotations

from .decode import Decoded
from .ieee754 import ROUNDING_MODES
from .lookup_tables import FLI_NAMES
from .operands import FLOAT_KINDS, REGISTER_KINDS, Operand, fence_set
from .registers import CSRS, F_NAMES, X_NAMES

_MODE_NAMES = {number: name for name, number in ROUNDING_MODES.items()}
_CSR_NAMES = {number: name for name, number in CSRS.items()}


def instruction_text(decoded: Decoded, pc: int | None = None) -> str:
    """`addi a0, sp, -16`. With `pc`, branch targets are absolute addresses; without it, signed distances."""
    operands = [_operand(operand, decoded, pc) for operand in decoded.insn.operands]
    return f"{decoded.name} {', '.join(operands)}" if operands else decoded.name


def _operand(operand: Operand, decoded: Decoded, pc: int | None) -> str:
    kind = operand.kind
    if kind == "sp":
        return "sp"
    if kind == "rtz":
        return "rtz"
    value = decoded.fields[operand.fields[0]]
    if kind in REGISTER_KINDS:
        return X_NAMES[value]
    if kind in FLOAT_KINDS:
        return F_NAMES[value]
    if kind == "fli":
        return FLI_NAMES[value]
    if kind == "rm":
        return _MODE_NAMES.get(value, str(value))
    if kind in ("load_mem", "store_mem"):
        return f"{value}({X_NAMES[decoded.rs1]})"
    if kind in ("load_sp", "store_sp"):
        return f"{value}(sp)"
    if kind == "amo_mem":
        return f"({X_NAMES[value]})"
    if kind in ("branch", "jump"):
        return f"{value:+d}" if pc is None else f"{(pc + value) & ((1 << 64) - 1):#x}"
    if kind == "csr":
        return _CSR_NAMES.get(value, f"{value:#x}")
    if kind in ("fence_pred", "fence_succ"):
        return fence_set(value)
    if kind in ("imm20", "lui6"):
        return f"{operand.from_field(value):#x}"
    return str(value)
