"""Arithmetic of expressions, as in GNU as: 64-bit numbers, symbols, and deferred operations.

Comparisons yield -1 for true and 0 for false; `&&` and `||` yield 1 or 0. Division rounds towards
zero. A shift by 64 or more yields 0. The difference of two labels stays an expression while the text
is read, because the linker may move them. At the end it becomes a pair of relocations, or a number
if the distance cannot change (docs/design/assembler.md, "Rules taken from GNU as").
"""

from __future__ import annotations

from collections.abc import Callable

from ..base.bits import M64, sext
from .problems import Problem
from .sections import AsmSymbol, DeferredOperation, Linear, Value, distance


def calculate(op: str, left: int, right: int) -> int:
    """`left op right` for numbers. Unary operators ignore `left`. Raises Problem for a division by zero."""
    if op in ("/", "%"):
        if right == 0:
            raise Problem("division by zero")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return _wrap(quotient if op == "/" else left - quotient * right)
    if op in ("<<", ">>"):
        if not 0 <= right < 64:
            return 0
        return _wrap(left << right if op == "<<" else (left & M64) >> right)
    return _wrap(_SIMPLE[op](left, right))


def _wrap(value: int) -> int:
    """`value` wrapped to -2**63 <= value < 2**64, the union of the signed and unsigned ranges."""
    return value if -(1 << 63) <= value <= M64 else sext(value, 64)


_SIMPLE: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "|": lambda a, b: a | b,
    "&": lambda a, b: a & b,
    "^": lambda a, b: a ^ b,
    "!": lambda a, b: a | ~b,
    "==": lambda a, b: -(a == b),
    "!=": lambda a, b: -(a != b),
    "<": lambda a, b: -(a < b),
    ">": lambda a, b: -(a > b),
    "<=": lambda a, b: -(a <= b),
    ">=": lambda a, b: -(a >= b),
    "&&": lambda a, b: int(a != 0 and b != 0),
    "||": lambda a, b: int(a != 0 or b != 0),
    "neg": lambda a, b: -b,
    "plus": lambda a, b: b,
    "~": lambda a, b: ~b,
    "lnot": lambda a, b: int(b == 0),
}


def combine(op: str, left: Value, right: Value) -> Value:
    """`left op right`, evaluated as far as possible before all addresses are known. Raises Problem."""
    if isinstance(left, int) and isinstance(right, int):
        return calculate(op, left, right)
    if op == "plus":
        return right
    if (
        op in ("+", "-")
        and not isinstance(left, DeferredOperation)
        and not isinstance(right, DeferredOperation)
    ):
        joined = _linear(op, left, right)
        if joined is not None:
            return joined
    return DeferredOperation(op, left, right)


_MAX_EQUATES = 100
_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")


def present(value: Value, depth: int = 0) -> Value:
    """`value` with the present values of the symbols that are set to expressions, as far as they are known.

    Two places are compared if they are the same symbol plus numbers, or if their distance cannot change.
    """
    if isinstance(value, int) or depth > _MAX_EQUATES:
        return value
    if isinstance(value, DeferredOperation):
        left, right = present(value.left, depth + 1), present(value.right, depth + 1)
        if value.op in _COMPARISONS and not (isinstance(left, int) and isinstance(right, int)):
            apart = _apart(combine("-", left, right))
            if apart is not None:
                return calculate(value.op, apart, 0)
        return combine(value.op, left, right)
    if value.add is None and value.sub is None:
        return value.addend
    add = _symbol_now(value.add, depth) if value.add is not None else 0
    sub = _symbol_now(value.sub, depth) if value.sub is not None else 0
    joined = combine("+", combine("-", add, sub) if value.sub is not None else add, value.addend)
    apart = _apart(joined)
    return joined if apart is None else apart


def _symbol_now(symbol: AsmSymbol, depth: int) -> Value:
    return Linear(symbol, None, 0) if symbol.value is None else present(symbol.value, depth + 1)


def _apart(value: Value) -> int | None:
    """The number that a difference is, or None."""
    if isinstance(value, int):
        return value
    if not isinstance(value, Linear) or value.add is None or value.sub is None:
        return None
    between = 0 if value.add is value.sub else distance(value.add, value.sub)
    return None if between is None else between + value.addend


def _linear(op: str, left: int | Linear, right: int | Linear) -> Value | None:
    """A sum or difference as `add - sub + addend`, or None if it has two symbols of one sign."""
    a = left if isinstance(left, Linear) else Linear(None, None, left)
    b = right if isinstance(right, Linear) else Linear(None, None, right)
    if op == "-":
        b = Linear(b.sub, b.add, -b.addend)
    if (a.add and b.add) or (a.sub and b.sub):
        return None
    add, sub = a.add or b.add, a.sub or b.sub
    if add is None and sub is None:
        return _wrap(a.addend + b.addend)
    return Linear(add, sub, _wrap(a.addend + b.addend))
