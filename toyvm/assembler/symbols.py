"""Symbols and the values of expressions.

A symbol is undefined, a place in a section, a number (`x = 5`), an expression that is resolved at the end, or common.
GNU as lists symbols in the order in which they were first met, but those that begin with `.L` (and local labels) only
when something makes them real; our symbol tables keep that order, see docs/design/assembler.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..elf.constants import STB_LOCAL, STT_NOTYPE, STV_DEFAULT

if TYPE_CHECKING:
    from .sections import Chunk, Section

FAKE_LABEL = ".L0 "
"""The name of labels that the assembler makes itself (gas: FAKE_LABEL_NAME); no program can write it."""


class Symbol:
    """One symbol. `chunk, frag, offset` say where a label stands; `value` is a number or a deferred expression."""

    __slots__ = (
        "binding",
        "chunk",
        "common",
        "equated",
        "frag",
        "index",
        "listed",
        "local_wanted",
        "name",
        "offset",
        "section",
        "size",
        "size_where",
        "type",
        "used",
        "value",
        "visibility",
        "where",
    )

    def __init__(self, name: str):
        self.name = name
        self.chunk: Chunk | None = None
        self.frag = 0
        self.offset = 0
        self.value: Value | None = None
        self.binding: int = STB_LOCAL
        self.type: int = STT_NOTYPE
        self.visibility: int = STV_DEFAULT
        self.size: Value = 0
        self.size_where = 0
        self.common: tuple[int, int] | None = None  # (size, alignment)
        self.section: Section | None = None  # set for section symbols only
        self.equated = False  # by .set: may be redefined
        self.listed = False  # has its place in the symbol table's order
        self.local_wanted = False  # by .local: stays local, and .comm allocates it
        self.used = False  # a relocation refers to it
        self.index = 0  # its number in the finished symbol table
        self.where = 0  # line number (source map) of the definition or the first use

    @property
    def is_defined(self) -> bool:
        """Whether the symbol has a place, a value or is common."""
        return self.chunk is not None or self.value is not None or self.common is not None

    @property
    def is_temporary(self) -> bool:
        """Whether the name is one that GNU as keeps out of the symbol table unless a relocation needs it."""
        return self.name.startswith(".L") or self.name.startswith("L0\x01")

    def __repr__(self) -> str:
        return f"Symbol({self.name!r})"


class Linear(NamedTuple):
    """`add - sub + addend`; either symbol may be missing."""

    add: Symbol | None
    sub: Symbol | None
    addend: int


class Operation(NamedTuple):
    """An operation that cannot be carried out before all places are known. `left` is 0 for unary operators."""

    op: str
    left: Value
    right: Value


Value = int | Linear | Operation


class Symbols:
    """All symbols of one assembly by name, and the order in which they go to the symbol table."""

    def __init__(self) -> None:
        self.by_name: dict[str, Symbol] = {}
        self.order: list[Symbol] = []
        self.files: list[Symbol] = []
        self._numeric: dict[
            int, list[Symbol]
        ] = {}  # local labels `1:` by number: all so far, and the next one

    def get(self, name: str, where: int = 0) -> Symbol:
        """The symbol called `name`, made when it is new."""
        symbol = self.by_name.get(name)
        if symbol is None:
            symbol = self.by_name[name] = Symbol(name)
            symbol.where = where
            if not name.startswith(".L"):
                self.list(symbol)
        return symbol

    def list(self, symbol: Symbol) -> Symbol:
        """Give `symbol` its place in the symbol table's order, if it has none."""
        if not symbol.listed:
            symbol.listed = True
            self.order.append(symbol)
        return symbol

    def renew(self, symbol: Symbol) -> Symbol:
        """A symbol that takes over the name and the place of `symbol`, which keeps its value for those who used it."""
        fresh = Symbol(symbol.name)
        fresh.binding, fresh.type, fresh.visibility = symbol.binding, symbol.type, symbol.visibility
        fresh.listed, symbol.listed = symbol.listed, False
        self.order = [fresh if other is symbol else other for other in self.order]
        self.by_name[symbol.name] = fresh
        return fresh

    def numeric_backward(self, number: int) -> Symbol | None:
        """The latest local label `number:`, or None."""
        seen = self._numeric.get(number)
        return seen[-2] if seen and len(seen) > 1 else None

    def numeric_forward(self, number: int) -> Symbol:
        """The next local label `number:`, which may not have been defined yet."""
        seen = self._numeric.get(number)
        if seen is None:
            seen = self._numeric[number] = [Symbol(f".L{number}\x021")]
        return seen[-1]

    def numeric_define(self, number: int) -> Symbol:
        """The local label that `number:` defines here; the next forward reference means another one."""
        symbol = self.numeric_forward(number)
        seen = self._numeric[number]
        seen.append(Symbol(f".L{number}\x02{len(seen) + 1}"))
        return symbol
