"""Decodes 32 or 16 bits to a row and its fields. A word that is no instruction gives None, not an exception."""

from __future__ import annotations

from functools import cached_property

from .buckets import file_rows, find_row
from .spec import Insn
from .table import INSNS, ORDERINGS


class Decoded:
    """An instruction taken apart: its row, its bits, and the values of its free fields by name."""

    def __init__(self, insn: Insn, word: int):
        self.insn = insn
        self.word = word & ((1 << 8 * insn.length) - 1)

    @property
    def length(self) -> int:
        """Bytes."""
        return self.insn.length

    @cached_property
    def fields(self) -> dict[str, int]:
        """The values of the fields that the row leaves free."""
        return {field.name: field.extract(self.word) for field in self.insn.free}

    def register(self, name: str) -> int:
        """The value of field `name`, or the number that the row binds to the name; 0 when the row has neither."""
        bound = self.insn.bound.get(name, name)
        return bound if isinstance(bound, int) else self.fields.get(bound, 0)

    @property
    def name(self) -> str:
        """The mnemonic, with the ordering suffix of an atomic."""
        ordering = {name: value for name, value in self.fields.items() if name in ("aq", "rl")}
        suffix = next((text for text, fields in ORDERINGS.items() if fields == ordering), "")
        return self.insn.name + suffix

    @property
    def rd(self) -> int:
        """The destination register's number, 0 when there is none."""
        return self.register("rd")

    @property
    def rs1(self) -> int:
        """The first source register's number, 0 when there is none."""
        return self.register("rs1")

    @property
    def rs2(self) -> int:
        """The second source register's number, 0 when there is none."""
        return self.register("rs2")

    @property
    def imm(self) -> int:
        """The immediate, signed, 0 when there is none."""
        return self.register("imm")

    def __repr__(self) -> str:
        return f"Decoded({self.name}, {self.fields})"


_ROWS = file_rows((insn.match, insn.mask, insn.nonzero, insn) for insn in INSNS.values())


def find(word: int) -> Insn | None:
    """The row of an instruction, or None when it is illegal."""
    return find_row(_ROWS, word)


def decode(word: int) -> Decoded | None:
    """The instruction in `word` (32 bits; a compressed one is in the low 16), or None when it is illegal."""
    insn = find(word)
    return Decoded(insn, word) if insn is not None else None
