"""Encodes instructions of registers and at most one number by their shape.

`ld a5,8(a4)` has the shape `ld R N(R)`. A shape is a few *forms* in the encoder's order: its 16-bit forms, then
the row or the one-line pseudo-instruction that the operands fit. Each form is a word, the places of the registers,
and what the registers and the number must be. So a statement of a known shape needs no operand objects and no search
through candidates. A shape that the forms cannot express has none, and `encode` assembles it; it also says what is
wrong with a statement that no form fits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from toyvm.base.light_types import TYPE_CHECKING

from ...isa.operands import Operand as Slot
from ..encode import STACK_POINTER, encode_number, fits
from ..encoded_operands import KINDS as ENCODED_KINDS
from ..grammar import WrittenOperand, parse_operand
from ..mnemonics import STACK, Candidate, EncodableRow, Expansion, OperandStep, candidates, compressions
from ..problems import Problem
from ..sections import AsmSymbol

if TYPE_CHECKING:
    from ..state import AssemblyState

HOLE = "#"
"""The place of the number in a statement's text."""

_ALL, _EVEN, _NONZERO, _SHORT, _SP = (1 << 32) - 1, 0x55555555, (1 << 32) - 2, 0xFF00, 1 << STACK_POINTER
_PATTERN_MASKS = {
    "reg": _ALL,
    "nz": _NONZERO,
    "other": _NONZERO & ~_SP,
    "zero": 1,
    "sp": _SP,
    "=0": _ALL,
}
_FIXED = {"0": 0, "255": 255, "-1": -1}
_FIRST = 100  # The number of a register that stands for that of operand 0; operand 1 has the next one.
_ANY = 1 << 62
_MAX_OPERANDS = 5000
_NO_LABEL = AsmSymbol("")
# Operands that need more than a field: symbols, CSRs, relocations of the whole instruction
_BEYOND = frozenset(
    {"branch", "jump", "symbol", "csr", "temp", "tprel_add", "tlsdesc_call", "sreg1", "sreg2"}
)


class Number(NamedTuple):
    """A word for the numbers from `low` to `high` that are multiples of `step`, and not 0 if `nonzero` is set."""

    low: int
    high: int
    step: int
    nonzero: bool
    word: int
    insert: Callable[[int], int] | None
    length: int


class Form:
    """One encoding of a shape. `masks` has the registers that each operand may be, as bits."""

    def __init__(self, row: EncodableRow):
        self.word = row.match
        self.length = row.insn.length
        self.masks: dict[int, int] = {}
        self.same: list[int] = []  # operands that must be the same register as operand 0
        self.places: list[tuple[int, int, int]] = []  # operand, bias, shift
        self.low, self.high, self.step, self.nonzero = -_ANY, _ANY, 1, False
        self.insert: Callable[[int], int] | None = None

    def allow(self, operand: int, mask: int) -> None:
        """Restrict the registers of an operand."""
        self.masks[operand] = self.masks.get(operand, _ALL) & mask

    def number(self, low: int, high: int, step: int = 1, nonzero: bool = False) -> None:
        """Restrict the number."""
        self.low, self.high = max(self.low, low), min(self.high, high)
        self.step, self.nonzero = max(self.step, step), self.nonzero or nonzero

    def fill(self, registers: Sequence[int]) -> Number | None:
        """The word with the registers in it, or None if the form does not allow them."""
        for operand, mask in self.masks.items():
            if not mask >> registers[operand] & 1:
                return None
        for operand in self.same:
            if registers[operand] != registers[0]:
                return None
        word = self.word
        for operand, bias, shift in self.places:
            word |= (registers[operand] - bias) << shift
        return Number(self.low, self.high, self.step, self.nonzero, word, self.insert, self.length)


class _NoShape(Exception):
    """The statement needs `encode`."""


Shape = tuple[list[Form], list[Form]]


class InstructionShapes:
    """The shapes of one assembly under its present architecture."""

    def __init__(self, state: AssemblyState):
        self._state = state
        self._known: dict[tuple[str, ...], Shape | None] = {}
        self._operands: dict[str, tuple[WrittenOperand, str]] = {}  # a few hundred registers and addresses

    def clear(self) -> None:
        """Forget all shapes: the architecture has changed."""
        self._known.clear()

    def numbers(self, mnemonic: str, pieces: Sequence[str]) -> tuple[Number, ...]:
        """The words of an instruction, in the encoder's order; the number in `pieces` is `HOLE`.

        () if the shape or its registers need `encode`. A number that fits none needs it, too.
        """
        parsed = [self._operands.get(piece) or self._operand(piece) for piece in pieces]
        key = (mnemonic, *[form for _, form in parsed])
        operands = [operand for operand, _ in parsed]
        if key in self._known:
            shape = self._known[key]
        else:
            shape = self._known[key] = self._shape(mnemonic, operands, pieces)
        if shape is None:
            return ()
        registers = [operand.number for operand in operands]
        short, last = shape
        found = [number for form in short if (number := form.fill(registers)) is not None]
        for form in last:
            number = form.fill(registers)
            if number is None:
                break  # an error, or another candidate
            found.append(number)
        return tuple(found)

    def _operand(self, piece: str) -> tuple[WrittenOperand, str]:
        """An operand and its part of the shape. Raises Problem."""
        operand = parse_operand(piece.replace(HOLE, "0"))
        found = operand, _form(operand, piece)
        if len(self._operands) < _MAX_OPERANDS:
            self._operands[piece] = found
        return found

    def _shape(
        self, mnemonic: str, operands: Sequence[WrittenOperand], pieces: Sequence[str]
    ) -> Shape | None:
        state = self._state
        if state.more_rows or state.xlen != 64 or mnemonic.startswith("fli."):
            return None
        marked: list[WrittenOperand] = []
        for index, (operand, piece) in enumerate(zip(operands, pieces, strict=True)):
            if operand.modifier or operand.form == "string" or not isinstance(operand.expr, int):
                return None
            expr = HOLE if HOLE in piece else operand.expr
            marked.append(operand._replace(expr=expr, number=_FIRST + index))
        try:
            return self._forms(mnemonic, marked)
        except _NoShape:
            return None

    def _forms(self, mnemonic: str, operands: list[WrittenOperand]) -> Shape:
        """The 16-bit forms, and the last one. Raises _NoShape."""
        short: list[Form] = []
        if self._state.modes.rvc:
            for expansion in compressions(mnemonic):
                if len(expansion.kinds) == len(operands):
                    form = self._short(expansion, operands)
                    short += [form] if form is not None else []
        for candidate in candidates(mnemonic):
            if len(candidate.kinds) != len(operands) or not self._fits(candidate, operands):
                continue
            if candidate.ext in self._state.enabled:
                more, last = self._last(candidate, operands)
                return short + more, last
        raise _NoShape

    def _fits(self, candidate: Candidate, operands: list[WrittenOperand]) -> bool:
        for kind, operand in zip(candidate.kinds, operands, strict=True):
            plain = operand._replace(expr=0) if operand.expr == HOLE else operand
            if kind in STACK and operand.form == STACK[kind]:
                raise _NoShape  # it depends on the register
            if not fits(kind, plain, self._state):
                return False
            if kind in _BEYOND or kind in ENCODED_KINDS or kind[0] == "#":
                raise _NoShape
            if kind == "amo_mem" and operand.expr != 0:
                raise _NoShape
        return True

    def _last(self, candidate: Candidate, operands: list[WrittenOperand]) -> Shape:
        """The form of the candidate that fits. Raises _NoShape."""
        if isinstance(candidate, EncodableRow):
            return [], [self._row(candidate, operands)]
        if candidate.pseudo.name == "li":  # of a small number: addi rd, zero, number
            zero = parse_operand("zero")
            forms = self._forms("addi", [operands[0], zero, operands[1]])
            for form in (*forms[0], *forms[1]):
                form.number(-2048, 2047)
            return forms
        if len(candidate.lines) != 1 or candidate.pseudo.when:
            raise _NoShape
        row, fillers = candidate.lines[0]
        return [], [self._row(row, [fill(operands, _NO_LABEL) for fill in fillers])]

    def _short(self, expansion: Expansion, operands: list[WrittenOperand]) -> Form | None:
        """The form of a 16-bit row, or None if the shape does not fit. Raises _NoShape."""
        row, fillers = expansion.lines[0]
        if row.ext not in self._state.enabled:
            return None
        for pattern, operand in zip(expansion.kinds, operands, strict=True):
            if pattern == "label":
                raise _NoShape
            wanted = (
                "memory" if pattern in ("mem", "spmem") else "float_register" if pattern == "freg" else ""
            )
            wanted = wanted or ("register" if pattern in _PATTERN_MASKS else "expression")
            if operand.form != wanted:
                return None
        try:
            form = self._row(row, [fill(operands, _NO_LABEL) for fill in fillers])
        except Problem:
            return None  # a number or a register that is written, and that the row cannot hold
        for index, (pattern, operand) in enumerate(zip(expansion.kinds, operands, strict=True)):
            if operand.number < _FIRST:
                if not _PATTERN_MASKS.get(pattern, _ALL) >> operand.number & 1:
                    return None
                if pattern == "=0":
                    form.allow(operands[0].number - _FIRST, 1 << operand.number)
            elif pattern == "=0":
                form.same.append(operand.number - _FIRST)
            elif pattern in _PATTERN_MASKS or pattern == "spmem":
                form.allow(operand.number - _FIRST, _PATTERN_MASKS.get(pattern, _SP))
            if pattern in _FIXED or pattern == "nzimm":
                low = _FIXED.get(pattern, -_ANY)
                high = _FIXED.get(pattern, _ANY)
                if operand.expr == HOLE:
                    form.number(low, high, nonzero=pattern == "nzimm")
                elif index >= 0 and not (low <= int(str(operand.expr)) <= high):
                    return None
        return form

    def _row(self, row: EncodableRow, operands: Sequence[WrittenOperand]) -> Form:
        """A row as a form (see `encode._emit`). Raises _NoShape, and Problem for what the row cannot hold."""
        if row.privileged or row.raw:
            raise _NoShape
        form = Form(row)
        for step, operand in zip(row.steps, operands, strict=True):
            kind = step.kind
            if kind in _BEYOND or kind in ENCODED_KINDS or kind[0] == "#" or operand.modifier:
                raise _NoShape
            if operand.form in ("register", "float_register", "memory"):
                _register(form, step, operand)
            if operand.form in ("memory", "expression") and kind != "amo_mem":
                self._number(form, step, operand)
        return form

    def _number(self, form: Form, step: OperandStep, operand: WrittenOperand) -> None:
        if step.kind == "imm20" or step.kind == "lui6" or step.kind[:4] == "less":
            raise _NoShape
        if operand.expr != HOLE:
            form.word |= step.insert(encode_number(self._state, step, operand))
            return
        if form.insert is not None:
            raise _NoShape
        slot: Slot = step.slot
        form.number(slot.low, slot.high, slot.step, slot.nonzero)
        form.insert = step.insert


def _register(form: Form, step: OperandStep, operand: WrittenOperand) -> None:
    """Give a register its place in a form (see `OperandStep.register`)."""
    if operand.number < _FIRST:
        form.word |= step.register(operand)
        return
    if step.kind in STACK:
        return
    index = operand.number - _FIRST
    if step.bias:
        form.allow(index, _SHORT)
    elif step.slot.nonzero and operand.form != "memory":
        form.allow(index, _NONZERO)
    if step.step == 2:
        form.allow(index, _EVEN)
    form.places.append((index, step.bias, step.shift))


def _form(operand: WrittenOperand, piece: str) -> str:
    return operand.form + (HOLE if HOLE in piece else "" if operand.expr == 0 else f"={operand.expr}")
