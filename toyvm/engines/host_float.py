"""Double-precision arithmetic by the host, where result and flags equal those of `isa.ieee754`.

Python rounds to nearest and cannot read the host's flags. But if the inexact flag is already set
and the result is a normal number whose exponent is not the smallest, no other flag can arise: an
invalid operation gives NaN, division by zero and overflow give infinity, and underflow gives at
most the least normal number. Comparisons raise no flag unless an operand is NaN.
"""

from __future__ import annotations

import operator
from array import array
from math import sqrt

from toyvm.base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_EXPONENT = 0x7FF
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "f64_add": operator.add,
    "f64_sub": operator.sub,
    "f64_mul": operator.mul,
    "f64_div": operator.truediv,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "f64_eq": operator.eq,
    "f64_lt": operator.lt,
    "f64_le": operator.le,
}
_bits = array("Q", [0, 0])
_bytes = memoryview(_bits).cast("B")
_numbers = _bytes.cast("d")


def arithmetic(name: str, operands: tuple[int, ...]) -> int | None:
    """The result of an operation that rounds to nearest, given that the inexact flag is set.

    None if the operation could raise another flag, or for another operation.
    """
    function = _ARITHMETIC.get(name)
    try:
        _bits[0] = operands[0]
        if function is not None:
            _bits[1] = operands[1]
            _numbers[0] = function(_numbers[0], _numbers[1])
        elif name == "f64_sqrt":
            _numbers[0] = sqrt(_numbers[0])
        else:
            return None
    except (ZeroDivisionError, ValueError):
        return None
    result = _bits[0]
    return result if 1 < result >> 52 & _EXPONENT < _EXPONENT else None


def comparison(name: str, operands: tuple[int, ...]) -> int | None:
    """The result of a comparison; None if an operand is NaN, or for another operation."""
    function = _COMPARISONS.get(name)
    if function is None:
        return None
    _bits[0], _bits[1] = operands
    a, b = _numbers
    if function(a, b):
        return 1
    return 0 if a == a and b == b else None


HOST = {
    **dict.fromkeys((*_ARITHMETIC, "f64_sqrt"), arithmetic),
    **dict.fromkeys(_COMPARISONS, comparison),
}
