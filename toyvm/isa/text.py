"""The assembly text of a decoded instruction, for traces and error messages: the inverse of the operand syntax."""

from __future__ import annotations

from collections.abc import Callable

from .decode import Decoded
from .ieee754 import ROUNDING_MODES
from .lookup_tables import FLI_NAMES
from .operands import FLOAT_KINDS, REGISTER_KINDS, Operand, fence_set
from .registers import CSR_NAMES, F_NAMES, X_NAMES

_MODE_NAMES = {number: name for name, number in ROUNDING_MODES.items()}


def instruction_text(decoded: Decoded, pc: int | None = None) -> str:
    """`addi a0, sp, -16`. With `pc`, branch targets are absolute addresses; without it, signed distances."""
    operands = [text for operand in decoded.insn.operands if (text := _operand(operand, decoded, pc))]
    return f"{decoded.name} {', '.join(operands)}" if operands else decoded.name


_GROUPS = ("m1", "m2", "m4", "m8", "", "mf8", "mf4", "mf2")
_NO_MASK = ""


def _vtype(value: int) -> str:
    """`e32,m1,ta,ma`, or a number where bits are reserved."""
    width, group = value >> 3 & 7, _GROUPS[value & 7]
    if value >> 8 or width > 3 or not group:
        return str(value)
    return f"e{8 << width},{group},{'ta' if value & 64 else 'tu'},{'ma' if value & 128 else 'mu'}"


def _register_list(value: int) -> str:
    """The registers of cm.push: 4 is {ra}, and 15 {ra, s0-s11}."""
    count = 12 if value == 15 else value - 4
    if count < 0:
        return str(value)
    return "{ra}" if not count else "{ra,s0}" if count == 1 else f"{{ra,s0-s{count - 1}}}"


def _stack(decoded: Decoded, value: int) -> str:
    """What cm.push adds to sp, on a machine of 64 bits."""
    listed = decoded.fields["rlist"]
    registers = 13 if listed == 15 else max(0, listed - 3)
    size = -(-registers * 8 // 16) * 16 + 16 * value
    return str(-size if decoded.insn.name == "cm.push" else size)


def _vector_register(value: int) -> str:
    return f"v{value}"


_ENCODED: dict[str, Callable[[int], str]] = {
    **dict.fromkeys(("vd", "vs1", "vs2"), _vector_register),
    "vm": lambda value: _NO_MASK if value else "v0.t",
    **dict.fromkeys(("vtype", "vtype10"), _vtype),
    "reglist": _register_list,
    **dict.fromkeys(("sreg1", "sreg2"), lambda value: f"s{value}"),
}


def _operand(operand: Operand, decoded: Decoded, pc: int | None) -> str:
    kind = operand.kind
    if kind == "sp":
        return "sp"
    if kind in ("rtz", "v0"):
        return kind
    if kind[0] == "#":
        return kind[1:]
    value = decoded.fields[operand.fields[0]]
    if kind in _ENCODED:
        return _ENCODED[kind](value)
    if kind == "stack":
        return _stack(decoded, value)
    if kind[:4] == "less":
        return str(value + 1)
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
        return CSR_NAMES.get(value, f"{value:#x}")
    if kind in ("fence_pred", "fence_succ"):
        return fence_set(value)
    if kind in ("imm20", "lui6"):
        return f"{operand.from_field(value):#x}"
    return str(value)
