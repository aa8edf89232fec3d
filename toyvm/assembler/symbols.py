"""The symbols of one assembly: by name, by the number of a local label, and in the order of the symbol table.

The order is that of GNU as (docs/design/assembler.md): symbols are listed at their first occurrence,
`.L` names and local labels when a relocation needs them.
"""

from __future__ import annotations

from .sections import AsmSymbol


class AsmSymbols:
    """All symbols of one assembly by name, and their order in the symbol table."""

    def __init__(self) -> None:
        self.by_name: dict[str, AsmSymbol] = {}
        self.order: list[AsmSymbol] = []
        self.files: list[AsmSymbol] = []
        # Local labels `1:` by number: all so far, and the next one.
        self._numeric: dict[int, list[AsmSymbol]] = {}

    def get(self, name: str, where: int = 0) -> AsmSymbol:
        """The symbol called `name`, created if necessary."""
        symbol = self.by_name.get(name)
        if symbol is None:
            symbol = self.by_name[name] = AsmSymbol(name)
            symbol.where = where
            if not name.startswith(".L"):
                self.list(symbol)
        return symbol

    def list(self, symbol: AsmSymbol) -> AsmSymbol:
        """Append `symbol` to the order of the symbol table unless it is listed. Returns it."""
        if not symbol.listed:
            symbol.listed = True
            self.order.append(symbol)
        return symbol

    def renew(self, symbol: AsmSymbol) -> AsmSymbol:
        """A new symbol with the name and the order of `symbol`. Earlier uses keep the old symbol."""
        fresh = AsmSymbol(symbol.name)
        fresh.binding, fresh.type, fresh.visibility = symbol.binding, symbol.type, symbol.visibility
        if not symbol.has_alias_size:
            fresh.size, fresh.size_where = symbol.size, symbol.size_where
        fresh.listed, symbol.listed = symbol.listed, False
        self.order = [fresh if other is symbol else other for other in self.order]
        self.by_name[symbol.name] = fresh
        return fresh

    def numeric_backward(self, number: int) -> AsmSymbol | None:
        """The latest local label `number:`, or None."""
        seen = self._numeric.get(number)
        return seen[-2] if seen and len(seen) > 1 else None

    def numeric_forward(self, number: int) -> AsmSymbol:
        """The next local label `number:`. It is not defined yet."""
        seen = self._numeric.get(number)
        if seen is None:
            seen = self._numeric[number] = [AsmSymbol(f".L{number}\x021")]
        return seen[-1]

    def numeric_define(self, number: int) -> AsmSymbol:
        """The symbol to define as local label `number:`. Later forward references get a new one."""
        symbol = self.numeric_forward(number)
        seen = self._numeric[number]
        seen.append(AsmSymbol(f".L{number}\x02{len(seen) + 1}"))
        return symbol
