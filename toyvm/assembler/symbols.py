"""The symbols of one assembly: by name, by the number of a local label, and in the order of the symbol table.

GNU as lists symbols in the order in which they first occur, but names that begin with `.L` (and local labels) only when
a relocation needs them. Our symbol tables keep that order, see docs/design/assembler.md.
"""

from __future__ import annotations

from .sections import AsmSymbol


class AsmSymbols:
    """All symbols of one assembly by name, and the order in which they go to the symbol table."""

    def __init__(self) -> None:
        self.by_name: dict[str, AsmSymbol] = {}
        self.order: list[AsmSymbol] = []
        self.files: list[AsmSymbol] = []
        self._numeric: dict[
            int, list[AsmSymbol]
        ] = {}  # local labels `1:` by number: all so far, and the next one

    def get(self, name: str, where: int = 0) -> AsmSymbol:
        """The symbol called `name`, created if it is new."""
        symbol = self.by_name.get(name)
        if symbol is None:
            symbol = self.by_name[name] = AsmSymbol(name)
            symbol.where = where
            if not name.startswith(".L"):
                self.list(symbol)
        return symbol

    def list(self, symbol: AsmSymbol) -> AsmSymbol:
        """Append `symbol` to the symbol table's order if it is not in it, and return it."""
        if not symbol.listed:
            symbol.listed = True
            self.order.append(symbol)
        return symbol

    def renew(self, symbol: AsmSymbol) -> AsmSymbol:
        """A new symbol with the name and the order of `symbol`. Earlier uses keep the old one and its value."""
        fresh = AsmSymbol(symbol.name)
        fresh.binding, fresh.type, fresh.visibility = symbol.binding, symbol.type, symbol.visibility
        fresh.listed, symbol.listed = symbol.listed, False
        self.order = [fresh if other is symbol else other for other in self.order]
        self.by_name[symbol.name] = fresh
        return fresh

    def numeric_backward(self, number: int) -> AsmSymbol | None:
        """The latest local label `number:`, or None."""
        seen = self._numeric.get(number)
        return seen[-2] if seen and len(seen) > 1 else None

    def numeric_forward(self, number: int) -> AsmSymbol:
        """The next local label `number:`, which need not be defined yet."""
        seen = self._numeric.get(number)
        if seen is None:
            seen = self._numeric[number] = [AsmSymbol(f".L{number}\x021")]
        return seen[-1]

    def numeric_define(self, number: int) -> AsmSymbol:
        """Define local label `number:` here; the next forward reference is to a new one."""
        symbol = self.numeric_forward(number)
        seen = self._numeric[number]
        seen.append(AsmSymbol(f".L{number}\x02{len(seen) + 1}"))
        return symbol
