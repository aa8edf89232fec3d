"""Operand kinds: what a program may write for an operand, and the bit fields that it becomes.

A row's syntax is a list of kinds ("rd, rs1, imm12"); the assembler parses by kind and knows no mnemonic.
This is the closed set:

| kind         | written                       | field           | the field holds                            |
|--------------|-------------------------------|-----------------|--------------------------------------------|
| rd rs1 rs2 rs3 | an x register               | of that name    | its number                                 |
| frd frs1 frs2 frs3 | an f register           | rd rs1 rs2 rs3  | its number                                 |
| rm           | rne rtz rdn rup rmm dyn       | rm              | 0 1 2 3 4 7; the operand may be left out   |
| imm12        | -2048..2047 or `%lo(...)`     | imm             | the number                                 |
| imm20        | 0..1048575 or `%hi(...)`      | imm             | number << 12, sign-extended from 32 bits   |
| uimm5 uimm6  | a shift amount                | shamt           | the number                                 |
| imm6 imm10   | a signed number               | imm             | the number                                 |
| uimm10       | an offset                     | uimm            | the number                                 |
| lui6         | 1..31, 0xfffe0..0xfffff       | imm             | number << 12, sign-extended from 32 bits   |
| sp           | `sp`                          |                 |                                            |
| load_sp store_sp | `uimm(sp)`                | uimm            | the offset                                 |
| load_mem     | `imm12(rs1)` or `(rs1)`       | imm, rs1        | offset, base register                      |
| store_mem    | `imm12(rs1)` or `(rs1)`       | imm, rs1        | offset, base register                      |
| amo_mem      | `(rs1)` or `0(rs1)`           | rs1             | base register                              |
| branch       | a label                       | imm             | target - pc, -4096..4094, even             |
| jump         | a label                       | imm             | target - pc, -1048576..1048574, even       |
| csr          | a CSR's name or 0..4095       | csr             | its number                                 |
| zimm5        | 0..31                         | uimm            | the number                                 |
| rnum         | 0..10                         | rnum            | the number                                 |
| bs           | 0..3                          | bs              | the number                                 |
| fli          | a constant of `FLI_NAMES`     | rs1             | its number                                 |
| rtz          | `rtz`                         |                 |                                            |
| fence_pred   | letters of `iorw` in order    | pred            | i = 8, o = 4, r = 2, w = 1                 |
| fence_succ   | the same                      | succ            | the same                                   |

In 16-bit formats the offset of load_mem and store_mem is `uimm`, and a register is one of x8..x15 where the field has
three bits.

Instructions that are only encoded (isa/encoded) also have these:

| kind         | written                       | field           | the field holds                            |
|--------------|-------------------------------|-----------------|--------------------------------------------|
| vd vs1 vs2   | a v register                  | of that name    | its number                                 |
| vm           | `v0.t`, or left out           | vm              | 0, or 1 where it is left out               |
| v0           | `v0`                          |                 |                                            |
| vtype vtype10 | `e32,m1,ta,ma` or a number   | of that name    | sew, lmul, and the agnostic bits           |
| u2@25 s5@20  | a number of so many bits      | of that name, at that bit | the number                       |
| less5@15     | a number                      | s5@15           | the number - 1                             |
| #3           | 3                             |                 |                                            |
| reglist      | `{ra, s0-s3}`                 | rlist           | 4 to 15                                    |
| stack        | what push adds to sp          | spimm           | the bytes beyond the registers, by 16      |
| sreg1 sreg2  | s0 to s7                      | of that name    | 0 to 7                                     |
| jt jalt      | 0..31, 32..255                | index           | the number                                 |

Pseudo-instructions also have these, which are substituted into text, not into fields: `symbol` (any address
expression), `constant` (any 64-bit number that is known immediately), `temp` (an x register that is overwritten), `tprel_add`
(the literal operand `%tprel_add(symbol)`), `tlsdesc_call` (`%tlsdesc_call(label)`).
"""

from __future__ import annotations

from ..base.bits import sext
from .fields import Format

FENCE_LETTERS = "iorw"

# kind -> the bit fields it fills, in the order in which the values are written
_FIELDS: dict[str, tuple[str, ...]] = {
    "rd": ("rd",),
    "rs1": ("rs1",),
    "rs2": ("rs2",),
    "rs3": ("rs3",),
    "frd": ("rd",),
    "frs1": ("rs1",),
    "frs2": ("rs2",),
    "frs3": ("rs3",),
    "rm": ("rm",),
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
    "imm6": ("imm",),
    "imm10": ("imm",),
    "uimm10": ("uimm",),
    "lui6": ("imm",),
    "rnum": ("rnum",),
    "bs": ("bs",),
    "fli": ("rs1",),
    "sp": (),
    "rtz": (),
    "load_sp": ("uimm",),
    "store_sp": ("uimm",),
    "vd": ("vd",),
    "vs1": ("vs1",),
    "vs2": ("vs2",),
    "vm": ("vm",),
    "v0": (),
    "vtype": ("u11@20",),
    "vtype10": ("u10@20",),
    "reglist": ("rlist",),
    "stack": ("spimm",),
    "sreg1": ("sreg1",),
    "sreg2": ("sreg2",),
    "jt": ("index",),
    "jalt": ("index",),
}


def field_names(kind: str) -> tuple[str, ...]:
    """The bit fields that an operand of a kind fills."""
    known = _FIELDS.get(kind)
    if known is not None:
        return known
    if kind.startswith("less"):
        return (f"s{kind[4:]}",)
    return (kind,) if "@" in kind else ()


KINDS = tuple(_FIELDS)
_UPPER = ("imm20", "lui6")
REGISTER_KINDS = frozenset({"rd", "rs1", "rs2", "rs3"})
FLOAT_KINDS = frozenset({"frd", "frs1", "frs2", "frs3"})


class Operand:
    """One operand of one row. A program may write a multiple of `step` in `low..high` for its number.

    `nonzero` is the row's mask of bits of which one must be set. If it is the mask of this operand, 0 is reserved.
    """

    __slots__ = ("fields", "high", "kind", "low", "nonzero", "step")

    def __init__(self, kind: str, format: Format, nonzero: int = 0):
        self.kind = kind
        self.fields = field_names(kind)
        self.low, self.high, self.step, self.nonzero = 0, 0, 1, False
        if not self.fields:
            return
        if self.fields[0] not in format.fields:
            self.fields = ("uimm", *self.fields[1:])
        field = format.fields[self.fields[0]]
        self.low, self.high, self.step = field.low, field.high, field.step
        self.nonzero = field.mask == nonzero or (kind == "uimm6" and format.length == 2)
        if kind == "rnum":
            self.high = 10
        if kind[:4] == "less":
            self.low, self.high = self.low + 1, self.high + 1
        if kind in _UPPER:
            self.low, self.high, self.step = 0, (1 << 20) - 1, 1

    def to_field(self, value: int) -> int:
        """The value of the first bit field when a program writes `value`.

        Raises ValueError with the limit that `value` breaks.
        """
        if not self.low <= value <= self.high:
            raise ValueError(f"{value} is not in {self.low}..{self.high}")
        if value % self.step:
            raise ValueError(f"{value} is not a multiple of {self.step}")
        if self.nonzero and not value:
            raise ValueError("0 is reserved here")
        if self.kind not in _UPPER:
            return value - 1 if self.kind[:4] == "less" else value
        if self.kind == "lui6" and 32 <= value < 0xFFFE0:
            raise ValueError(f"{value} is not in 1..31 or 0xfffe0..0xfffff")
        return sext(value << 12, 32)

    def from_field(self, value: int) -> int:
        """What a program writes for the first bit field's `value`: the inverse of `to_field`."""
        return (value >> 12) & 0xFFFFF if self.kind in _UPPER else value

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
