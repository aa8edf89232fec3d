"""A row of the instruction table, and the decorator that makes one from its semantics.

    @insn("sltu", R, opcode=0x33, funct3=3, funct7=0)
    def sltu(m: Machine) -> None:
        \"\"\"Set if less than, unsigned.\"\"\"
        m.rd = m.rs1 < m.rs2

The function is not run here: `trees.tree` runs it on first use, so that importing the table costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from types import MappingProxyType

from .fields import Format
from .operands import Operand
from .semantics import Machine

NOTHING: Mapping[str, int | str] = MappingProxyType({})
Semantics = Callable[[Machine], None]


class Insn:
    """One instruction: its syntax, its encoding and its semantics.

    A word is this instruction if `word & mask == match`, and if `nonzero` is 0 or `word & nonzero` is not. `length` is in
    bytes. `operands` are in the order of the syntax. `bound` has the fields that the semantics name and the format lacks:
    each is a number, or the name of another field (`rs1` is `rd` in c.addi).
    """

    __slots__ = (
        "_operands",
        "bound",
        "doc",
        "ext",
        "format",
        "free",
        "length",
        "mask",
        "match",
        "name",
        "nonzero",
        "semantics",
        "syntax",
    )

    def __init__(
        self,
        name: str,
        ext: str,
        format: Format,
        syntax: str,
        fixed: dict[str, int],
        semantics: Semantics,
        bound: Mapping[str, int | str] = NOTHING,
        nonzero: str = "",
    ):
        self.name = name
        self.ext = ext
        self.format = format
        self.syntax = syntax
        self.length = format.length
        self.semantics = semantics
        self.doc = semantics.__doc__ or ""
        self.bound = bound
        self.nonzero = format.fields[nonzero].mask if nonzero else 0
        self.match = self.mask = 0
        for field, value in fixed.items():
            self.match |= format.fields[field].insert(value)
            self.mask |= format.fields[field].mask
        self.free = tuple(field for name, field in format.fields.items() if name not in fixed)
        self._operands: tuple[Operand, ...] | None = None

    def twin(self, ext: str, syntax: str) -> Insn:
        """The same instruction of another extension, with other operands in the same fields."""
        twin = copy(self)
        twin.ext, twin.syntax, twin._operands = ext, syntax, None
        return twin

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The operands in the order of the syntax."""
        if self._operands is None:
            self._operands = tuple(
                Operand(kind, self.format, self.nonzero) for kind in self.syntax.replace(",", " ").split()
            )
        return self._operands

    def encode(self, **fields: int) -> int:
        """The instruction word with bit fields by name; a field that is not given is 0.

        Raises ValueError when a value does not fit (with the limit) or when the row has no such field.
        """
        word = self.match
        for field in self.free:
            value = fields.pop(field.name, field.bias)
            if value != field.bias:
                word |= field.insert(value)
        if fields:
            raise ValueError(f"{self.name} has no field {', '.join(sorted(fields))}")
        return word

    def extract(self, word: int) -> tuple[int, ...]:
        """The values of the free fields (`self.free`) in an instruction."""
        return tuple([field.extract(word) for field in self.free])

    def __repr__(self) -> str:
        return f"Insn({self.name})"


class Rows:
    """The decorator `@insn(...)` for the rows of one extension; `rows` are those made so far, in order."""

    def __init__(self, ext: str):
        self.ext = ext
        self.rows: list[Insn] = []

    def __call__(
        self,
        name: str,
        format: Format,
        syntax: str | None = None,
        *,
        ext: str | None = None,
        bound: Mapping[str, int | str] = NOTHING,
        nonzero: str = "",
        **fixed: int,
    ) -> Callable[[Semantics], Semantics]:
        """Register the decorated semantics as a row: its format, its syntax if it is not the format's, its fixed fields.

        `nonzero` is a field in which 0 is reserved: with 0 the word is another instruction or illegal.
        """

        def register(semantics: Semantics) -> Semantics:
            operands = format.syntax if syntax is None else syntax
            self.rows.append(Insn(name, ext or self.ext, format, operands, fixed, semantics, bound, nonzero))
            return semantics

        return register
