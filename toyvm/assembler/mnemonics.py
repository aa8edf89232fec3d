"""The candidates of a mnemonic, prepared for encoding from the instruction table.

The candidates are the mnemonic's row in the table, then its pseudo-instructions. The encoder takes
the first one whose operands fit. Each row and each line of an expansion is compiled once, to a step
for each operand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from toyvm.base.record import Record

from ..isa.compressed import COMPRESSED
from ..isa.ieee754 import ROUNDING_MODES
from ..isa.operands import FLOAT_KINDS, REGISTER_KINDS
from ..isa.operands import Operand as Slot
from ..isa.pseudo import PSEUDOS, Pseudo
from ..isa.registers import X_NAMES
from ..isa.spec import Insn
from ..isa.table import INSNS, ORDERINGS, lookup
from ..isa.widths import needs
from .grammar import Expr, WrittenOperand, parse_operand
from .problems import Problem
from .sections import AsmSymbol

STACK = {
    "sp": "register",
    "load_sp": "memory",
    "store_sp": "memory",
}  # kinds of operands that are sp, and their written form


class OperandStep(Record):
    """One operand of a row. `insert` encodes a number; `shift` and `bias` (8 for x8..x15) a register.

    `step` is 2 for a register that names a pair.
    """

    kind: str
    slot: Slot
    insert: Callable[[int], int]
    shift: int
    bias: int
    step: int = 1

    def register(self, operand: WrittenOperand) -> int:
        """The bits of the operand's register. Raises Problem if the row cannot encode it."""
        number = operand.number
        if self.kind in STACK:
            return 0
        if self.kind in ("sreg1", "sreg2"):  # s0, s1, s2 to s7 are x8, x9, x18 to x23
            return self.insert(number - 8 if number < 16 else number - 16)
        if self.bias:
            if not 8 <= number < 16:
                raise Problem(f"{X_NAMES[number]} is not one of x8 to x15 (s0, s1, a0 to a5)", operand.text)
        elif self.slot.nonzero and not number and operand.form != "memory":
            raise Problem("x0 is reserved here", operand.text, expected="another register")
        if number % self.step:
            raise Problem(
                f"{X_NAMES[number]} is not the first of a pair", operand.text, expected="an even register"
            )
        return (number - self.bias) << self.shift


class EncodableRow:
    """A row of the table ready for encoding: `match` with the ordering bits, and a step for each operand.

    If `whole` is false, the last operand (the rounding mode) is omitted, and `fields` has its value. `raw`: a row of
    `.insn`, whose branches keep their size.
    """

    __slots__ = ("ext", "insn", "kinds", "match", "privileged", "raw", "steps")

    def __init__(self, insn: Insn, fields: dict[str, int], whole: bool = True, raw: bool = False):
        self.insn = insn
        self.raw = raw
        self.ext = needs(insn)
        self.match = insn.encode(**fields)
        self.privileged = insn.ext == "Privileged"  # mret, sret, wfi, sfence.vma (gas: riscv_is_priv_insn)
        operands = insn.operands if whole else insn.operands[:-1]
        self.steps = tuple(_step(insn, slot) for slot in operands)
        self.kinds = tuple(step.kind for step in self.steps)


def _step(insn: Insn, slot: Slot) -> OperandStep:
    fields = insn.format.fields
    register = slot.fields[0] if slot.kind in REGISTER_KINDS | FLOAT_KINDS else "rs1"
    field = fields.get(register)
    shift, bias, step = 0, 0, 1
    if field is not None:
        at, _, to = field.parts[0]
        shift, bias, step = at - to, field.bias, field.step if register in ("rd", "rs2") else 1
    insert = fields[slot.fields[0]].insert if slot.fields else _nothing
    return OperandStep(slot.kind, slot, insert, shift, bias, step)


def _nothing(value: int) -> int:
    return 0


# Makes one operand of an expansion line from the operands of the pseudo-instruction and a label.
Filler = Callable[[Sequence[WrittenOperand], AsmSymbol], WrittenOperand]


class Expansion:
    """A pseudo-instruction ready for encoding."""

    __slots__ = ("ext", "kinds", "lines", "pseudo")

    def __init__(self, pseudo: Pseudo, encoded: bool = False):
        self.pseudo = pseudo
        self.kinds = pseudo.operands
        self.lines = [_expansion_line(line, encoded) for line in pseudo.lines]
        self.ext = pseudo.ext
        bound = {row.ext[:5] for row, _ in self.lines if row.ext[:2] == "RV"}
        if pseudo.when == "short" and not encoded:
            bound.add("RV64 ")  # their shifts are by 56, 48 or 32
        if pseudo.ext[:2] != "RV" and bound:
            self.ext = bound.pop() + pseudo.ext


def _expansion_line(line: str, encoded: bool) -> tuple[EncodableRow, list[Filler]]:
    mnemonic, _, rest = line.partition(" ")
    pieces = [piece.strip() for piece in rest.split(",")] if rest else []
    found = lookup(mnemonic)
    if found is None and encoded:
        return _encoded_row(mnemonic, len(pieces)), [_filler(piece) for piece in pieces]
    assert found is not None, line
    return EncodableRow(*found), [_filler(piece) for piece in pieces]


def _encoded_row(mnemonic: str, count: int) -> EncodableRow:
    """The row of `isa.encoded` of that mnemonic with so many operands; the mask may be left out."""
    from ..isa.encoded.table import ENCODED

    insn = ENCODED[mnemonic][0]
    return (
        EncodableRow(insn, {}) if len(insn.operands) == count else EncodableRow(insn, {"vm": 1}, whole=False)
    )


def _filler(piece: str) -> Filler:
    """The function for an operand of an expansion line.

    Forms: `{0}`, `0({1})`, `{2}({1})`, `%hi({1})`, `%pcrel_lo({label})({0})`, `sp`.
    """
    if piece.startswith("%pcrel_lo({label})"):
        base = piece[len("%pcrel_lo({label})") :]
        form = "memory" if base else "expression"
        holder = int(base[2]) if base else -1
        return lambda given, label: WrittenOperand(
            form,
            label,
            "%pcrel_lo",
            given[holder].number if holder >= 0 else 0,
        )
    if piece.startswith("%"):
        modifier, _, rest = piece.partition("(")
        index = int(rest[1])
        return lambda given, label: WrittenOperand("expression", address(given[index]), modifier)
    if piece.startswith("{") and piece.endswith(")"):
        offset, base_index = int(piece[1]), int(piece[5])
        return lambda given, label: given[offset]._replace(form="memory", number=given[base_index].number)
    if piece.endswith("})"):
        text, base_index = piece[: piece.index("(")], int(piece[-3])
        return lambda given, label: WrittenOperand("memory", int(text), number=given[base_index].number)
    if piece.startswith("{"):
        index = int(piece[1])
        return lambda given, label: given[index]
    fixed = parse_operand(piece)
    return lambda given, label: fixed


Candidate = EncodableRow | Expansion

# Extension -> the one with the same instructions on integer registers
_IN_X = {
    "F": "Zfinx",
    "D": "Zdinx",
    "Zfh": "Zhinx",
    "Zfhmin": "Zhinxmin",
    "Zfhmin and D": "Zhinxmin and Zdinx",
    "Q": "Zqinx",
    "RV64 Q": "RV64 Zqinx",
    "Zfhmin and Q": "Zhinxmin and Zqinx",
}
_X_KINDS = {"frd": "rd", "frs1": "rs1", "frs2": "rs2", "frs3": "rs3"}


def in_integer_registers(insn: Insn) -> Insn | None:
    """The row of Zfinx and its kin that corresponds to one of F and its kin; None for loads, stores and moves."""
    if insn.ext not in _IN_X or "_mem" in insn.syntax or insn.name.startswith("fmv."):
        return None
    kinds = [_X_KINDS.get(kind, kind) for kind in insn.syntax.split(", ")]
    return insn.twin(_IN_X[insn.ext], ", ".join(kinds))


def _pseudo_in_integer_registers(pseudo: Pseudo) -> Pseudo:
    kinds = ", ".join(_X_KINDS.get(kind, kind) for kind in pseudo.operands)
    return Pseudo(pseudo.name, kinds, pseudo.lines, pseudo.when, _IN_X[pseudo.ext])


@cache
def candidates(mnemonic: str) -> tuple[Candidate, ...]:
    """The row and the pseudo-instructions of a mnemonic, in order; () if it is unknown."""
    found: list[Candidate] = []
    row = lookup(mnemonic)
    if row is not None:
        found.append(EncodableRow(*row))
        if row[0].syntax.endswith("rm"):
            found.append(EncodableRow(row[0], {"rm": ROUNDING_MODES["dyn"]}, whole=False))
    found += [Expansion(pseudo) for pseudo in PSEUDOS.get(mnemonic, ())]
    if row is not None and (insn := in_integer_registers(row[0])) is not None:
        found.append(EncodableRow(insn, {}))
        if insn.syntax.endswith("rm"):
            found.append(EncodableRow(insn, {"rm": ROUNDING_MODES["dyn"]}, whole=False))
    for pseudo in PSEUDOS.get(mnemonic, ()):
        if pseudo.ext in _IN_X and not any(kind in ("symbol", "temp") for kind in pseudo.operands):
            found.append(Expansion(_pseudo_in_integer_registers(pseudo)))
    return tuple(found)


@cache
def all_candidates(mnemonic: str, xlen: int) -> tuple[Candidate, ...]:
    """The candidates of a mnemonic with those that are only encoded, which are of an extension or of RV32."""
    from ..isa.encoded.table import ENCODED, MORE_PSEUDOS, PSEUDOS_32

    found: list[Candidate] = [*candidates(mnemonic)]
    found += [Expansion(pseudo, encoded=True) for pseudo in MORE_PSEUDOS.get(mnemonic, ())]
    for insn in ENCODED.get(mnemonic, ()):
        found.append(EncodableRow(insn, {}))
        last = insn.syntax.rpartition(" ")[2]
        if last == "rm":
            found.append(EncodableRow(insn, {"rm": ROUNDING_MODES["dyn"]}, whole=False))
        if last == "vm":
            found.append(EncodableRow(insn, {"vm": 1}, whole=False))
        twin = in_integer_registers(insn)
        if twin is not None:  # of Zqinx
            found.append(EncodableRow(twin, {}))
            if last == "rm":
                found.append(EncodableRow(twin, {"rm": ROUNDING_MODES["dyn"]}, whole=False))
    for pseudo in MORE_PSEUDOS.get(mnemonic, ()):
        if pseudo.ext in _IN_X:
            found.append(Expansion(_pseudo_in_integer_registers(pseudo), encoded=True))
    if xlen == 32:
        found += [Expansion(pseudo, encoded=True) for pseudo in PSEUDOS_32.get(mnemonic, ())]
    return tuple(found)


@cache
def compressions(mnemonic: str, xlen: int = 64) -> tuple[Expansion, ...]:
    """The 16-bit forms of a mnemonic."""
    forms = [Expansion(pseudo) for pseudo in COMPRESSED.get(mnemonic, ())]
    if xlen == 32:
        from ..isa.encoded.table import COMPRESSED_32

        forms = [Expansion(pseudo, encoded=True) for pseudo in COMPRESSED_32.get(mnemonic, ())] + forms
    return tuple(forms)


@cache
def mnemonics() -> tuple[str, ...]:
    """Every mnemonic, for suggestions."""
    atomics = [
        name + suffix for name, row in INSNS.items() if "aq" in row.format.fields for suffix in ORDERINGS
    ]
    return (*INSNS, *PSEUDOS, *atomics)


def address(operand: WrittenOperand) -> Expr:
    """The expression of an operand that is an address. A register's name is a symbol there."""
    return operand.text if operand.form in ("register", "float_register") else operand.expr
