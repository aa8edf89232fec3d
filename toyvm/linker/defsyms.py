"""`--defsym NAME=EXPRESSION`: what its expression says, and which symbols it stands on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_SIGN = re.compile(r"\s*([+-])\s*")


def defsym_terms(expression: str) -> Iterator[tuple[int, int | str]]:
    """The terms of NUMBER, SYMBOL, SYMBOL+NUMBER or SYMBOL-NUMBER (ld(1), --defsym): (1 or -1, number or symbol)."""
    sign = 1
    for part in _SIGN.split(expression.strip()):
        if part in ("+", "-"):
            sign = 1 if part == "+" else -1
        elif part:
            try:
                yield sign, int(part, 0)
            except ValueError:
                yield sign, part
            sign = 1


def defsym_symbols(expression: str) -> list[str]:
    """The symbols that an expression names."""
    return [term for _, term in defsym_terms(expression) if isinstance(term, str)]


def defsym_value(expression: str, lookup: Callable[[str], int | None]) -> int | None:
    """The value of an expression; None when `lookup` knows no value for one of its symbols."""
    total = 0
    for sign, term in defsym_terms(expression):
        value = lookup(term) if isinstance(term, str) else term
        if value is None:
            return None
        total += sign * value
    return total
