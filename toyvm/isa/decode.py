"""From 32 bits to a row and its fields: derived from the table, and never an exception.

Rows with the same low bits (opcode and, where every row of the opcode fixes it, funct3) are in one bucket; a bucket is
searched in the order of how much a row fixes, so that `pause` is found before `fence`.
"""

from __future__ import annotations

from functools import cached_property

from .spec import Insn
from .table import INSNS, ORDERINGS

_OPCODE = 0x7F
_FUNCT3 = 0x7000


class Decoded:
    """An instruction taken apart: its row, its bits, and the values of its free fields by name."""

    def __init__(self, insn: Insn, word: int):
        self.insn = insn
        self.word = word

    @property
    def length(self) -> int:
        """Bytes."""
        return self.insn.length

    @cached_property
    def fields(self) -> dict[str, int]:
        """The values of the fields that the row leaves free."""
        return {field.name: field.extract(self.word) for field in self.insn.free}

    @property
    def name(self) -> str:
        """The mnemonic, with the ordering suffix of an atomic."""
        ordering = {name: value for name, value in self.fields.items() if name in ("aq", "rl")}
        suffix = next((text for text, fields in ORDERINGS.items() if fields == ordering), "")
        return self.insn.name + suffix

    @property
    def rd(self) -> int:
        """The destination register's number, 0 when there is none."""
        return self.fields.get("rd", 0)

    @property
    def rs1(self) -> int:
        """The first source register's number, 0 when there is none."""
        return self.fields.get("rs1", 0)

    @property
    def rs2(self) -> int:
        """The second source register's number, 0 when there is none."""
        return self.fields.get("rs2", 0)

    @property
    def imm(self) -> int:
        """The immediate, signed, 0 when there is none."""
        return self.fields.get("imm", 0)

    def __repr__(self) -> str:
        return f"Decoded({self.name}, {self.fields})"


def _buckets() -> tuple[dict[int, tuple[Insn, ...]], dict[int, tuple[Insn, ...]]]:
    """Rows by opcode, and by opcode and funct3, each list from the most to the least specific."""
    by_opcode: dict[int, list[Insn]] = {}
    by_funct3: dict[int, list[Insn]] = {}
    for insn in sorted(INSNS.values(), key=lambda row: -row.mask.bit_count()):
        whole = insn.mask & _FUNCT3 == _FUNCT3
        key = insn.match & (_OPCODE | _FUNCT3 if whole else _OPCODE)
        (by_funct3 if whole else by_opcode).setdefault(key, []).append(insn)
    return (
        {key: tuple(rows) for key, rows in by_opcode.items()},
        {key: tuple(rows) for key, rows in by_funct3.items()},
    )


_BY_OPCODE, _BY_FUNCT3 = _buckets()


def find(word: int) -> Insn | None:
    """The row of an instruction, or None when it is illegal."""
    for insn in _BY_FUNCT3.get(word & (_OPCODE | _FUNCT3), ()):
        if word & insn.mask == insn.match:
            return insn
    for insn in _BY_OPCODE.get(word & _OPCODE, ()):
        if word & insn.mask == insn.match:
            return insn
    return None


def decode(word: int) -> Decoded | None:
    """The instruction that `word` (32 bits) is, or None when it is illegal."""
    insn = find(word)
    return Decoded(insn, word) if insn is not None else None
