"""Bit fields in the manual's own notation, so that encoding and decoding come from one description.

A format is written as the manual draws it, the most significant bit first:

    Format("S", "imm[11:5] rs2 rs1 funct3 imm[4:0] opcode", "rs2, store_mem")

`name[bits]` says which bits of the value lie there (`imm[12|10:5]`), `name:width` is a field of that width, and the
names that always have the same width go without. `imm` and `nzimm` are signed, every other field is unsigned.
The widths add up to 32 (or 16), so positions are never written down.
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
}
_SIGNED = ("imm", "nzimm")


class Field:
    """One value scattered over an instruction: `parts` are (low bit in the word, width, low bit in the value)."""

    __slots__ = ("high", "low", "name", "parts", "signed", "step", "width")

    def __init__(self, name: str, parts: tuple[tuple[int, int, int], ...]):
        self.name = name
        self.parts = parts
        self.signed = name in _SIGNED
        self.width = max(to + width for _, width, to in parts)
        self.step = 1 << min(to for _, _, to in parts)
        self.low = -(1 << (self.width - 1)) if self.signed else 0
        self.high = (1 << (self.width - self.signed)) - self.step

    def extract(self, word: int) -> int:
        """The field's value in an instruction, sign-extended when the field is signed."""
        value = 0
        for at, width, to in self.parts:
            value |= ((word >> at) & ((1 << width) - 1)) << to
        if self.signed and value >> (self.width - 1):
            value -= 1 << self.width
        return value

    def insert(self, value: int) -> int:
        """The instruction bits that hold `value`. Raises ValueError naming the limit that is broken."""
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.name} {value} is not in {self.low}..{self.high}")
        if value % self.step:
            raise ValueError(f"{self.name} {value} is not a multiple of {self.step}")
        word = 0
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
        width = int(size) if size else _WIDTHS[name]
        parts.setdefault(name, []).append((position, width, 0))
        position += width
    return {name: Field(name, tuple(pieces)) for name, pieces in parts.items()}, position


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
CSR = Format("I-csr", "csr:12 rs1 funct3 rd opcode", "rd, csr, rs1")
CSRI = Format("I-csr-imm", "csr:12 uimm:5 funct3 rd opcode", "rd, csr, zimm5")
FENCE = Format("I-fence", "fm:4 pred:4 succ:4 rs1 funct3 rd opcode", "fence_pred, fence_succ")
SYSTEM = Format("I-system", "funct12:12 rs1 funct3 rd opcode", "")
