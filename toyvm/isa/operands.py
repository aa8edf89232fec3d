"""Operand kinds: what may stand where in an instruction, and which bit fields it becomes.

A row's syntax is a list of kinds ("rd, rs1, imm12"); the assembler parses by kind and knows no mnemonic.
The closed set, with what a program writes:

| kind         | written                       | field           | the field holds                            |
|--------------|-------------------------------|-----------------|--------------------------------------------|
| rd rs1 rs2   | an x register                 | of that name    | its number                                 |
| imm12        | -2048..2047 or `%lo(...)`     | imm             | the number                                 |
| imm20        | 0..1048575 or `%hi(...)`      | imm             | number << 12, sign-extended from 32 bits   |
| uimm5 uimm6  | a shift amount                | shamt           | the number                                 |
| load_mem     | `imm12(rs1)` or `(rs1)`       | imm, rs1        | offset, base register                      |
| store_mem    | `imm12(rs1)` or `(rs1)`       | imm, rs1        | offset, base register                      |
| amo_mem      | `(rs1)` or `0(rs1)`           | rs1             | base register                              |
| branch       | a label                       | imm             | target - pc, -4096..4094, even             |
| jump         | a label                       | imm             | target - pc, -1048576..1048574, even       |
| csr          | a CSR's name or 0..4095       | csr             | its number                                 |
| zimm5        | 0..31                         | uimm            | the number                                 |
| fence_pred   | letters of `iorw` in order    | pred            | i = 8, o = 4, r = 2, w = 1                 |
| fence_succ   | the same                      | succ            | the same                                   |

Pseudo-instructions have these besides (they are filled into text, not into fields): `symbol` (any address
expression), `constant` (any 64-bit number known at once), `temp` (an x register that is overwritten), `tprel_add`
(the literal operand `%tprel_add(symbol)`).
"""

from __future__ import annotations

from ..bits import sext
from .fields import Format

FENCE_LETTERS = "iorw"

# kind -> the bit fields it fills, in the order in which the values are written
_FIELDS: dict[str, tuple[str, ...]] = {
    "rd": ("rd",),
    "rs1": ("rs1",),
    "rs2": ("rs2",),
    "imm12": ("imm",),
    "imm20": ("imm",),
    "uimm5": ("shamt",),
    "uimm6": ("shamt",),
    "load_mem": ("imm", "rs1"),
    "store_mem": ("imm", "rs1"),
    "amo_mem": ("rs1",),
    "branch": ("imm",),
    "jump": ("imm",),
    "csr": ("csr",),
    "zimm5": ("uimm",),
    "fence_pred": ("pred",),
    "fence_succ": ("succ",),
}
KINDS = tuple(_FIELDS)
REGISTER_KINDS = frozenset({"rd", "rs1", "rs2"})


class Operand:
    """One operand of one row. `low..high` (a multiple of `step`) is what a program may write for its number."""

    __slots__ = ("fields", "high", "kind", "low", "step")

    def __init__(self, kind: str, format: Format):
        self.kind = kind
        self.fields = _FIELDS[kind]
        field = format.fields[self.fields[0]]
        self.low, self.high, self.step = field.low, field.high, field.step
        if kind == "imm20":
            self.low, self.high, self.step = 0, (1 << 20) - 1, 1

    def to_field(self, value: int) -> int:
        """What the first bit field holds when a program writes `value`.

        Raises ValueError naming the limit that is broken.
        """
        if not self.low <= value <= self.high:
            raise ValueError(f"{value} is not in {self.low}..{self.high}")
        if value % self.step:
            raise ValueError(f"{value} is not a multiple of {self.step}")
        return sext(value << 12, 32) if self.kind == "imm20" else value

    def from_field(self, value: int) -> int:
        """What a program writes for the first bit field's `value`: the inverse of `to_field`."""
        return (value >> 12) & 0xFFFFF if self.kind == "imm20" else value

    def __repr__(self) -> str:
        return f"Operand({self.kind})"


def parse_fence_set(text: str) -> int | None:
    """The bits of a fence set such as `rw` or `iorw` (letters in that order), or None when it is not one."""
    bits = 0
    for letter in text:
        bit = 8 >> FENCE_LETTERS.find(letter) if letter in FENCE_LETTERS else 0
        if not bit or bits & (2 * bit - 1):
            return None
        bits |= bit
    return bits or None


def fence_set(bits: int) -> str:
    """The letters of a fence set: 3 is `rw`. The empty set, which cannot be written, is shown as `0`."""
    return "".join(letter for index, letter in enumerate(FENCE_LETTERS) if bits & 8 >> index) or "0"
