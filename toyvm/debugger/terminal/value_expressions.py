"""Expressions of `print`, `x` and conditions: registers, symbols, numbers, and C's operators, on 64 bits.

`$a0` is a register, `name` the value of a symbol's memory (of the symbol's size, 8 bytes if it has
none), `&name` its address, `*E` the eight bytes at E, `{4}E` four of them. A function's name is its
address. Arithmetic is signed and wraps at 64 bits, as in a debugger of C.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from toyvm.base.bits import M64, sext
from toyvm.base.errors import ToyvmError

_GRAMMAR = r"""
?start: either
?either: both | either "||" both          -> either
?both: bits | both "&&" bits              -> both
?bits: caret | bits "|" caret             -> bit_or
?caret: mask | caret "^" mask             -> bit_xor
?mask: same | mask "&" same               -> bit_and
?same: order | same "==" order            -> equal
             | same "!=" order            -> unequal
?order: shift | order "<" shift           -> less
              | order ">" shift           -> greater
              | order "<=" shift          -> at_most
              | order ">=" shift          -> at_least
?shift: sum | shift "<<" sum              -> shift_left
            | shift ">>" sum              -> shift_right
?sum: product | sum "+" product           -> add
              | sum "-" product           -> subtract
?product: unary | product "*" unary       -> multiply
                | product "/" unary       -> divide
                | product "%" unary       -> remainder
?unary: atom
      | "-" unary                         -> negative
      | "+" unary
      | "~" unary                         -> complement
      | "!" unary                         -> negation
      | "*" unary                         -> memory
      | "{" NUMBER "}" unary              -> sized
      | "&" NAME                          -> address
?atom: NUMBER                             -> number
     | CHARACTER                          -> character
     | "$" NAME                           -> register
     | NAME                               -> symbol
     | "(" either ")"
NUMBER: /0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+/
CHARACTER: /'(\\.|[^'\\])'/
NAME: /[A-Za-z_.][\w.@$]*/
%ignore /[ \t]+/
"""
_ESCAPES = {"n": 10, "t": 9, "0": 0, "r": 13}

_MOST = 250  # characters: an expression may nest as deeply as it is long


class ExpressionFault(ToyvmError):
    """An expression that cannot be read, or that has no value here."""


class Surroundings(Protocol):
    """Where an expression finds its values. Each raises ExpressionFault."""

    def register(self, name: str) -> int:
        """The value of a register."""
        ...

    def address(self, name: str) -> int:
        """The address of a symbol."""
        ...

    def value(self, name: str) -> int:
        """The value of a symbol's memory; of a function, its address."""
        ...

    def memory(self, address: int, size: int) -> int:
        """`size` bytes of memory as a signed number."""
        ...


@cache
def _parser() -> Any:
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr")


def evaluate(text: str, around: Surroundings) -> int:
    """The value of an expression, signed, 64 bits. Raises ExpressionFault."""
    return _value(parsed(text), around)


def parsed(text: str) -> Any:
    """The tree of an expression. Raises ExpressionFault if it is none."""
    from lark.exceptions import LarkError

    if len(text) > _MOST:
        raise ExpressionFault("the expression is too long")
    try:
        return _parser().parse(text)
    except LarkError as error:
        ended = getattr(getattr(error, "token", None), "type", "") == "$END"
        at = " at its end" if ended else f" at column {getattr(error, 'column', 1)}"
        raise ExpressionFault(f'A syntax error in expression "{text}"{at}.') from None


def _value(tree: Any, around: Surroundings) -> int:
    words = tree.children
    match tree.data:
        case "number":
            text = words[0].lower()
            return _signed(int(text, 16 if text[:2] == "0x" else 2 if text[:2] == "0b" else 10))
        case "character":
            inside = words[0][1:-1]
            return _ESCAPES.get(inside[1], ord(inside[1])) if inside[0] == "\\" else ord(inside)
        case "register":
            return _signed(around.register(str(words[0])))
        case "symbol":
            return _signed(around.value(str(words[0])))
        case "address":
            return _signed(around.address(str(words[0])))
        case "memory":
            return around.memory(_value(words[0], around) & M64, 8)
        case "sized":
            size = int(words[0], 0)
            if size not in (1, 2, 4, 8):
                raise ExpressionFault("a size is 1, 2, 4 or 8 bytes")
            return around.memory(_value(words[1], around) & M64, size)
        case "either":
            return int(bool(_value(words[0], around) or _value(words[1], around)))
        case "both":
            return int(bool(_value(words[0], around) and _value(words[1], around)))
    return _signed(_OPERATIONS[tree.data](*(_value(word, around) for word in words)))


def _quotient(a: int, b: int) -> int:
    if not b:
        raise ExpressionFault("Division by zero")
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


_OPERATIONS: dict[str, Callable[..., int]] = {
    "bit_or": lambda a, b: a | b,
    "bit_xor": lambda a, b: a ^ b,
    "bit_and": lambda a, b: a & b,
    "equal": lambda a, b: int(a == b),
    "unequal": lambda a, b: int(a != b),
    "less": lambda a, b: int(a < b),
    "greater": lambda a, b: int(a > b),
    "at_most": lambda a, b: int(a <= b),
    "at_least": lambda a, b: int(a >= b),
    "shift_left": lambda a, b: a << (b & 63),
    "shift_right": lambda a, b: a >> (b & 63),
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": _quotient,
    "remainder": lambda a, b: a - b * _quotient(a, b),
    "negative": lambda a: -a,
    "complement": lambda a: ~a,
    "negation": lambda a: int(not a),
}


def _signed(value: int) -> int:
    return sext(value, 64)
