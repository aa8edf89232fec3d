"""Bit fields in the manual's own notation, so that encoding and decoding come from one description.

A format is written as the manual draws it, the most significant bit first:

    Format("S", "imm[11:5] rs2 rs1 funct3 imm[4:0] opcode", "rs2, store_mem")

`name[bits]` gives the bits of the value at that place (`imm[12|10:5]`), `name:width` is a field of that width, and
names with a fixed width need neither. `imm` is signed, every other field is unsigned. `rd'` is the manual's
notation for three bits that name one of x8..x15: the field's value is the register's number.
`s5@20` is a signed field, too (isa/encoded/notation.py). The widths add up to 32 (or 16), so positions are never written down.
"""

from __future__ import annotations

_WIDTHS = {
    "opcode": 7,
    "rd": 5,
    "rs1": 5,
    "rs2": 5,
    "rs3": 5,
    "funct3": 3,
    "funct7": 7,
    "rm": 3,
    "op": 2,
}
_SIGNED = ("imm",)


class Field:
    """One value scattered over an instruction: `parts` are (low bit in the word, width, low bit in the value).

    `bias` is added to the value of the bits: 8 for a register of three bits.
    """

    __slots__ = ("bias", "high", "low", "name", "parts", "signed", "step", "width")

    def __init__(self, name: str, parts: tuple[tuple[int, int, int], ...], bias: int = 0):
        self.name = name
        self.parts = parts
        self.bias = bias
        self.signed = name in _SIGNED or (name[0] == "s" and "@" in name)
        self.width = max(to + width for _, width, to in parts)
        self.step = 1 << min(to for _, _, to in parts)
        self.low = bias - (1 << (self.width - 1)) if self.signed else bias
        self.high = bias + (1 << (self.width - self.signed)) - self.step

    def extract(self, word: int) -> int:
        """The field's value in an instruction, sign-extended when the field is signed."""
        value = 0
        for at, width, to in self.parts:
            value |= ((word >> at) & ((1 << width) - 1)) << to
        if self.signed and value >> (self.width - 1):
            value -= 1 << self.width
        return value + self.bias

    def insert(self, value: int) -> int:
        """The instruction bits that hold `value`. Raises ValueError with the limit that `value` breaks."""
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.name} {value} is not in {self.low}..{self.high}")
        if value % self.step:
            raise ValueError(f"{self.name} {value} is not a multiple of {self.step}")
        word = 0
        value -= self.bias
        for at, width, to in self.parts:
            word |= ((value >> to) & ((1 << width) - 1)) << at
        return word

    @property
    def mask(self) -> int:
        """The bits of the word that the field occupies."""
        return sum(((1 << width) - 1) << at for at, width, _ in self.parts)


class Format:
    """A layout of fields, and the operands that instructions of this format usually have."""

    __slots__ = ("fields", "layout", "length", "name", "syntax")

    def __init__(self, name: str, layout: str, syntax: str):
        self.name = name
        self.layout = layout
        self.syntax = syntax
        self.fields, bits = _parse(layout)
        if bits not in (16, 32):
            raise ValueError(f"format {name}: the fields of '{layout}' take {bits} bits")
        self.length = bits // 8


def _parse(layout: str) -> tuple[dict[str, Field], int]:
    """The fields of a layout by name, and its width in bits."""
    parts: dict[str, list[tuple[int, int, int]]] = {}
    position = 0
    for token in reversed(layout.split()):
        name, bracket, rest = token.partition("[")
        if bracket:
            for span in reversed(rest.rstrip("]").split("|")):
                high, _, low = span.partition(":")
                to = int(low or high)
                width = int(high) - to + 1
                parts.setdefault(name, []).append((position, width, to))
                position += width
            continue
        name, _, size = token.partition(":")
        width = int(size) if size else 3 if name.endswith("'") else _WIDTHS[name]
        parts.setdefault(name, []).append((position, width, 0))
        position += width
    fields = [
        Field(name.rstrip("'"), tuple(pieces), 8 if name.endswith("'") else 0)
        for name, pieces in parts.items()
    ]
    return {field.name: field for field in fields}, position


# The formats of RV64I, M, A, Zicsr and Zifencei (unprivileged manual, "Base Instruction Formats").
R = Format("R", "funct7 rs2 rs1 funct3 rd opcode", "rd, rs1, rs2")
I = Format("I", "imm[11:0] rs1 funct3 rd opcode", "rd, rs1, imm12")  # noqa: E741 (the manual's name)
LOAD = Format("I", I.layout, "rd, load_mem")
S = Format("S", "imm[11:5] rs2 rs1 funct3 imm[4:0] opcode", "rs2, store_mem")
B = Format("B", "imm[12|10:5] rs2 rs1 funct3 imm[4:1|11] opcode", "rs1, rs2, branch")
U = Format("U", "imm[31:12] rd opcode", "rd, imm20")
J = Format("J", "imm[20|10:1|11|19:12] rd opcode", "rd, jump")
SHIFT = Format("I-shift", "funct6:6 shamt:6 rs1 funct3 rd opcode", "rd, rs1, uimm6")
SHIFTW = Format("I-shift-w", "funct7 shamt:5 rs1 funct3 rd opcode", "rd, rs1, uimm5")
AMO = Format("R-atomic", "funct5:5 aq:1 rl:1 rs2 rs1 funct3 rd opcode", "rd, rs2, amo_mem")
AMO_PAIR = Format(
    "R-atomic-pair",
    "funct5:5 aq:1 rl:1 rs2[4:1] even2:1 rs1 funct3 rd[4:1] even:1 opcode",
    "rd, rs2, amo_mem",
)
CSR = Format("I-csr", "csr:12 rs1 funct3 rd opcode", "rd, csr, rs1")
CSRI = Format("I-csr-imm", "csr:12 uimm:5 funct3 rd opcode", "rd, csr, zimm5")
FENCE = Format("I-fence", "fm:4 pred:4 succ:4 rs1 funct3 rd opcode", "fence_pred, fence_succ")
SYSTEM = Format("I-system", "funct12:12 rs1 funct3 rd opcode", "")

# Zbb: the bits of the immediate select the operation.
UNARY = Format("I-unary", "funct12:12 rs1 funct3 rd opcode", "rd, rs1")

# The formats of F and D.
FR = Format("R-float", "funct7 rs2 rs1 rm rd opcode", "frd, frs1, frs2, rm")
R4 = Format("R4", "rs3 fmt:2 rs2 rs1 rm rd opcode", "frd, frs1, frs2, frs3, rm")

# The formats of C (chapter "C", "Compressed Instruction Formats"), one for each way of scattering an immediate.
CR = Format("CR", "funct4:4 rd rs2 op", "rd, rs2")
CR_JUMP = Format("CR-jump", "funct4:4 rs1 rs2 op", "rs1")
CI = Format("CI", "funct3 imm[5] rd imm[4:0] op", "rd, imm6")
CI_LUI = Format("CI-lui", "funct3 imm[17] rd imm[16:12] op", "rd, lui6")
CI_SP = Format("CI-addi16sp", "funct3 imm[9] rd imm[4|6|8:7|5] op", "sp, imm10")
CI_SHIFT = Format("CI-shift", "funct3 shamt[5] rd shamt[4:0] op", "rd, uimm6")
CI_LW = Format("CI-lwsp", "funct3 uimm[5] rd uimm[4:2|7:6] op", "rd, load_sp")
CI_LD = Format("CI-ldsp", "funct3 uimm[5] rd uimm[4:3|8:6] op", "rd, load_sp")
CSS_SW = Format("CSS-swsp", "funct3 uimm[5:2|7:6] rs2 op", "rs2, store_sp")
CSS_SD = Format("CSS-sdsp", "funct3 uimm[5:3|8:6] rs2 op", "rs2, store_sp")
CIW = Format("CIW", "funct3 uimm[5:4|9:6|2|3] rd' op", "rd, sp, uimm10")
CL_LW = Format("CL-lw", "funct3 uimm[5:3] rs1' uimm[2|6] rd' op", "rd, load_mem")
CL_LD = Format("CL-ld", "funct3 uimm[5:3] rs1' uimm[7:6] rd' op", "rd, load_mem")
CS_SW = Format("CS-sw", "funct3 uimm[5:3] rs1' uimm[2|6] rs2' op", "rs2, store_mem")
CS_SD = Format("CS-sd", "funct3 uimm[5:3] rs1' uimm[7:6] rs2' op", "rs2, store_mem")
CA = Format("CA", "funct6:6 rd' funct2:2 rs2' op", "rd, rs2")
CB = Format("CB", "funct3 imm[8|4:3] rs1' imm[7:6|2:1|5] op", "rs1, branch")
CB_SHIFT = Format("CB-shift", "funct3 shamt[5] funct2:2 rd' shamt[4:0] op", "rd, uimm6")
CB_ANDI = Format("CB-andi", "funct3 imm[5] funct2:2 rd' imm[4:0] op", "rd, imm6")
CJ = Format("CJ", "funct3 imm[11|4|9:8|10|6|7|3:1|5] op", "jump")
C_NONE = Format("C", "bits:16", "")
