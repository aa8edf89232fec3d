"""Operands of the instructions that are only encoded (`isa/encoded`): vector registers, vtype, register lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..isa.registers import X_NUMBERS
from .grammar import WrittenOperand
from .problems import Problem

if TYPE_CHECKING:
    from .state import AssemblyState

_VECTOR = re.compile(r"v([0-9]|[12][0-9]|3[01])")
_REGISTERS = ("vd", "vs1", "vs2", "not0")
KINDS = frozenset(
    {*_REGISTERS, "vm", "v0", "vtype", "vtype10", "reglist", "stack", "sreg1", "sreg2", "jt", "jalt"}
)
SAID = {
    **dict.fromkeys(_REGISTERS, "a vector register"),
    "not0": "a vector register other than v0",
    "vm": "v0.t",
    "v0": "v0",
    "vtype": "e8 to e64, m1 to m8 or mf2 to mf8, ta or tu, ma or mu; or a number",
    "vtype10": "e8 to e64, m1 to m8 or mf2 to mf8, ta or tu, ma or mu; or a number",
    "reglist": "{ra}, {ra, s0} or {ra, s0-s1} to {ra, s0-s11}",
    "stack": "a number of bytes",
    "sreg1": "s0 to s7",
    "sreg2": "s0 to s7",
}
_WIDTHS = {"e8": 0, "e16": 1, "e32": 2, "e64": 3, "e128": 4, "e256": 5, "e512": 6, "e1024": 7}
_GROUPS = {"m1": 0, "m2": 1, "m4": 2, "m8": 3, "mf8": 5, "mf4": 6, "mf2": 7}
_TAIL, _MASK = {"tu": 0, "ta": 1}, {"mu": 0, "ma": 1}
_LIST = re.compile(r"\{\s*(?:ra|x1)\s*(?:,\s*(?:s0|x8|fp)\s*(?:-\s*(s[0-9]+|x9|x18\s*-\s*x[0-9]+)\s*)?)?\}")


def merge_pieces(mnemonic: str, pieces: Sequence[str]) -> list[str]:
    """The operands of an instruction, with the parts of a vtype or of a register list as one operand."""
    pieces = list(pieces)
    if mnemonic.startswith("vset"):
        return pieces[:2] + ([",".join(piece.strip() for piece in pieces[2:])] if pieces[2:] else [])
    for at, piece in enumerate(pieces):
        if piece.strip()[:1] == "{":
            end = next((index for index in range(at, len(pieces)) if "}" in pieces[index]), at)
            return [*pieces[:at], ",".join(pieces[at : end + 1]), *pieces[end + 1 :]]
    return pieces


def special_operand(piece: str) -> WrittenOperand | None:
    """A vtype or a register list, which are no expressions; None for another operand. Raises Problem for another list."""
    text = piece.strip()
    if text[:1] == "{" or _vtype(text) is not None:
        return WrittenOperand("text", 0, "", 0, text)
    if "," in text:
        known = {*_WIDTHS, *_GROUPS, *_TAIL, *_MASK}
        wrong = next((word for word in text.split(",") if word not in known), text.split(",")[0])
        raise Problem(
            f"the vector type does not fit: '{wrong}'",
            wrong,
            expected=SAID["vtype"],
            gnu="instruction {mnemonic} requires absolute expression",
            also="illegal operands `{statement}'",
        )
    return None


def _vtype(text: str) -> int | None:
    """The bits of a vtype such as `e32,m1,ta,ma`; None if it is none."""
    value, last = 0, -1
    tables = ((_WIDTHS, 3), (_GROUPS, 0), (_TAIL, 6), (_MASK, 7))
    for word in text.split(","):
        found = next((index for index, (table, _) in enumerate(tables) if word.strip() in table), -1)
        if found <= last:
            return None
        table, shift = tables[found]
        value |= table[word.strip()] << shift
        last = found
    return value


def fits_encoded(kind: str, operand: WrittenOperand, state: AssemblyState) -> bool:
    """Whether an operand is of one of `KINDS`, or the number that `#3` stands for."""
    form, expr = operand.form, operand.expr
    if kind[0] == "#":
        return form == "expression" and state.is_number(expr) and state.number(expr) == int(kind[1:])
    if form == "text":
        return kind in ("vtype", "vtype10", "reglist") and (operand.text[0] == "{") == (kind == "reglist")
    if kind in ("sreg1", "sreg2"):
        return form == "register" and (operand.number in (8, 9) or 18 <= operand.number <= 23)
    if form != "expression" or operand.modifier:
        return False
    if kind in _REGISTERS:
        return (
            isinstance(expr, str) and _VECTOR.fullmatch(expr) is not None and (kind != "not0" or expr != "v0")
        )
    if kind in ("vm", "v0"):
        return expr == ("v0.t" if kind == "vm" else "v0")
    if kind == "reglist":
        return False
    return state.is_number(expr)


def encoded_value(
    kind: str, operand: WrittenOperand, state: AssemblyState, others: Sequence[WrittenOperand]
) -> int:
    """The value of the bit field of an operand that fits. Raises Problem if the instruction cannot have it."""
    if kind in _REGISTERS:
        return int(str(operand.expr)[1:])
    if kind in ("vm", "v0") or kind[0] == "#":
        return 0
    if kind == "reglist":
        return _register_list(operand.text)
    if kind == "stack":
        return _stack(state, operand, others)
    if operand.form == "text":
        value = _vtype(operand.text)
        assert value is not None
        return value
    number = state.number(operand.expr)
    low, high = {"vtype": (0, 2047), "vtype10": (0, 1023), "jt": (0, 31)}.get(kind, (32, 255))
    if not low <= number <= high:
        raise Problem(
            f"{number} is not in {low}..{high}",
            str(operand.expr) if isinstance(operand.expr, int | str) else "",
        )
    return number


def check_loaded(mnemonic: str, operands: Sequence[WrittenOperand]) -> None:
    """Raise Problem if a load of T-Head's loads its base register, or one register twice."""
    loaded = [operand for operand in operands if operand.form == "register"]
    base = next((operand.number for operand in operands if operand.form == "memory"), None)
    if base is None or mnemonic[:4] != "th.l":
        return
    numbers = [base, *(operand.number for operand in loaded)]
    if len(set(numbers)) < len(numbers):
        raise Problem(
            f"{mnemonic} loads registers that differ from each other and from the base", loaded[0].text
        )


def _register_list(text: str) -> int:
    """The field of a register list: 4 is {ra}, 5 {ra, s0}, and 15 {ra, s0-s11}."""
    match = _LIST.fullmatch(text)
    if match is None:
        raise Problem(f"'{text}' is not a register list", text, expected=SAID["reglist"])
    if "," not in text:
        return 4
    last = X_NUMBERS.get(re.split(r"[\s-]+", match[1])[-1], -1) if match[1] else 8
    count = {8: 1, 9: 2}.get(last, last - 15 if 18 <= last <= 27 else 0)
    if not 1 <= count <= 12 or count == 11:
        raise Problem(f"'{text}' is not a register list", text, expected=SAID["reglist"])
    return 15 if count == 12 else 4 + count


def _stack(state: AssemblyState, operand: WrittenOperand, others: Sequence[WrittenOperand]) -> int:
    """The field of what cm.push adds to sp: the registers need a multiple of 16 bytes, up to 48 may be added to it."""
    listed = _register_list(others[0].text)
    registers = 13 if listed == 15 else listed - 3
    base = -(-registers * (state.xlen // 8) // 16) * 16
    number = state.number(operand.expr)
    size = abs(number)
    if size - base not in (0, 16, 32, 48):
        raise Problem(f"{number} is not one of {base}, {base + 16}, {base + 32}, {base + 48}", "")
    return (size - base) // 16
