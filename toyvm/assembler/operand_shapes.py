"""The syntax trees of the shapes that nearly every text has, as Lark makes them from `grammar.GRAMMAR`.

A text that has no others needs no parser: importing Lark and loading its tables takes as long as assembling a thousand
lines. A test compares each tree with Lark's (tests/unit/assembler/test_grammar.py).

    shape | tree

A tree is the name of its rule, then its children in brackets; `-` is a child that is absent.
"""

from __future__ import annotations

import re
from functools import cache

_SHAPES = """
N | operand[number]
S | operand[name]
R | register
F | float_register
T | string
- N | operand[unary_neg[number]]
N ( R ) | operand[memory[number]]
- N ( R ) | operand[memory[unary_neg[number]]]
S ( R ) | operand[memory[name]]
( R ) | operand[memory[-]]
S + N | operand[binary_add[name number]]
S - N | operand[binary_sub[name number]]
S - S | operand[binary_sub[name name]]
S + N ( R ) | operand[memory[binary_add[name number]]]
N * N ( R ) | operand[memory[binary_mul[number number]]]
N << N | operand[binary_shl[number number]]
N * S | operand[binary_mul[number name]]
S * S | operand[binary_mul[name name]]
S | S | operand[binary_or[name name]]
N - N | operand[binary_sub[number number]]
N + N | operand[binary_add[number number]]
N * N | operand[binary_mul[number number]]
S + S | operand[binary_add[name name]]
- S | operand[unary_neg[name]]
~ N | operand[unary_not[number]]
~ S | operand[unary_not[name]]
S * N | operand[binary_mul[name number]]
S - S + N | operand[binary_add[binary_sub[name name] number]]
"""
# The same with each modifier in place of `%m`: those of upper immediates, and those of lower ones, which also give an offset.
_MODIFIED = """
%m ( S ) | operand[modified[%m name]]
%m ( S + N ) | operand[modified[%m binary_add[name number]]]
%m ( S - N ) | operand[modified[%m binary_sub[name number]]]
"""
_OFFSETS = """
%m ( S ) ( R ) | operand[memory[modified[%m name]]]
%m ( S + N ) ( R ) | operand[memory[modified[%m binary_add[name number]]]]
%m ( S - N ) ( R ) | operand[memory[modified[%m binary_sub[name number]]]]
"""
_UPPER = [
    "%hi",
    "%pcrel_hi",
    "%got_pcrel_hi",
    "%tprel_hi",
    "%tls_ie_pcrel_hi",
    "%tls_gd_pcrel_hi",
    "%tprel_add",
]
_LOWER = ["%lo", "%pcrel_lo", "%tprel_lo"]
_WORD = re.compile(r"[\w%.]+|-|\[|\]")


class ShapeTree:
    """A syntax tree with the attributes of Lark's: the rule, and the children (trees, words or None)."""

    __slots__ = ("children", "data")

    def __init__(self, data: str, children: list[ShapeTree | str | None]):
        self.data = data
        self.children = children


@cache
def _texts() -> dict[str, str]:
    texts = [_SHAPES, *(_MODIFIED.replace("%m", modifier) for modifier in (*_UPPER, *_LOWER))]
    texts += [_OFFSETS.replace("%m", modifier) for modifier in _LOWER]
    lines = [line.rpartition(" | ") for text in texts for line in text.strip().split("\n")]
    return {shape: tree for shape, _, tree in lines}


def known_shapes() -> tuple[str, ...]:
    """Every shape of the table."""
    return tuple(_texts())


def known_tree(shape: str) -> ShapeTree | None:
    """The tree of a shape, or None if it is not in the table."""
    text = _texts().get(shape)
    return None if text is None else _tree(_WORD.findall(text)[::-1])


def _tree(words: list[str]) -> ShapeTree:
    """The tree that begins at the end of `words`, which are in reverse; removes what it reads."""
    name, children = words.pop(), []
    if words and words[-1] == "[":
        words.pop()
        while words[-1] != "]":
            children.append(_child(words))
        words.pop()
    return ShapeTree(name, children)


def _child(words: list[str]) -> ShapeTree | str | None:
    if words[-1] == "-":
        words.pop()
        return None
    return words.pop() if words[-1].startswith("%") else _tree(words)
