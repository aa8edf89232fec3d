"""The part of `Builder` that makes expressions and names."""

from __future__ import annotations

from typing import Any

from lark import Token, Transformer_NonRecursive, v_args

from .tree import Binary, Call, Conditional, Expr, Name, Number, Place, Source, Unary

MAX_DEPTH = 200  # nested operators of an expression
MAX_VALUE = (1 << 64) - 1
_SUFFIX_BASES = {"h": 16, "x": 16, "b": 2, "o": 8, "d": 10}


def unquoted(token: Token) -> str:
    """The text of a name, without its quotes."""
    text = str(token)
    return text[1:-1] if text.startswith('"') else text


def number(text: str) -> tuple[int, str]:
    """(the value of a number, its digits if it is plain hexadecimal). ValueError if no such number exists."""
    low = text.lower()
    if low.endswith(tuple(_SUFFIX_BASES)) and not low.startswith(("0x", "$")):
        return int(low[:-1], _SUFFIX_BASES[low[-1]]), ""
    factor = {"k": 1 << 10, "m": 1 << 20}.get(low[-1], 1)
    digits = low if factor == 1 else low[:-1]
    if digits.startswith("0x"):
        return int(digits, 16) * factor, digits[2:] if factor == 1 else ""
    if digits.startswith("$"):
        return int(digits[1:], 16) * factor, ""
    return int(digits, 8 if digits.startswith("0") else 10) * factor, ""


class ExpressionBuilder(Transformer_NonRecursive[Token, Any]):
    """Makes expressions of one source."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source

    def _place(self, meta: Any) -> Place:
        return Place(self.source, getattr(meta, "start_pos", 0), getattr(meta, "end_pos", 0))

    def _at(self, token: Token) -> Place:
        start = token.start_pos or 0
        return Place(self.source, start, token.end_pos or start + len(token))

    # -- names ------------------------------------------------------------------------------------------------------

    @v_args(inline=True)
    def name(self, token: Token) -> Token:
        return token

    symbol = section_name = file = include_file = body_file = header_name = word = name

    @v_args(inline=True)
    def body_symbol(self, token: Token) -> Token:
        return token

    def names(self, children: list[Any]) -> list[str]:
        return [unquoted(child) for child in children if isinstance(child, Token)]

    # -- expressions ------------------------------------------------------------------------------------------------

    def _checked(self, expr: Expr) -> Expr:
        if expr.depth > MAX_DEPTH:
            raise expr.place.error(f"expression nested deeper than {MAX_DEPTH} operators")
        return expr

    @v_args(inline=True)
    def number(self, token: Token) -> Expr:
        try:
            value, digits = number(str(token))
        except ValueError:
            raise self._at(token).error(f"`{token}' is not a number") from None
        if value > MAX_VALUE and not digits:
            raise self._at(token).error(f"`{token}' does not fit 64 bits")
        return Number(self._at(token), 1, value & MAX_VALUE, digits)

    @v_args(inline=True)
    def symbol_value(self, token: Token) -> Expr:
        return Name(self._at(token), 1, unquoted(token))

    @v_args(inline=True)
    def parentheses(self, inner: Expr) -> Expr:
        return inner

    @v_args(inline=True)
    def unary(self, op: Token, operand: Expr) -> Expr:
        if op == "+":
            return operand
        return self._checked(Unary(self._at(op), operand.depth + 1, str(op), operand))

    @v_args(inline=True)
    def binary(self, left: Expr, op: Token, right: Expr) -> Expr:
        return self._binary(left, str(op), right, self._at(op))

    def _binary(self, left: Expr, op: str, right: Expr, place: Place) -> Expr:
        return self._checked(Binary(place, max(left.depth, right.depth) + 1, op, left, right))

    @v_args(meta=True, inline=True)
    def conditional(self, meta: Any, test: Expr, yes: Expr, no: Expr) -> Expr:
        depth = max(test.depth, yes.depth, no.depth) + 1
        return self._checked(Conditional(self._place(meta), depth, test, yes, no))

    @v_args(meta=True)
    def call(self, meta: Any, children: list[Any]) -> Expr:
        word, *arguments = children
        depth = max((argument.depth for argument in arguments), default=0) + 1
        function = "ALIGN" if word == "BLOCK" else str(word).upper()
        return self._checked(Call(self._place(meta), depth, function, tuple(arguments)))

    @v_args(meta=True, inline=True)
    def name_call(self, meta: Any, word: Token, name: Token) -> Expr:
        return Call(self._place(meta), 1, str(word), (), unquoted(name))

    @v_args(meta=True, inline=True)
    def segment_start(self, meta: Any, word: Token, name: Token, default: Expr) -> Expr:
        return self._checked(
            Call(self._place(meta), default.depth + 1, str(word), (default,), unquoted(name))
        )

    @v_args(meta=True, inline=True)
    def assert_value(self, meta: Any, word: Token, test: Expr, message: Token) -> Expr:
        return self._checked(Call(self._place(meta), test.depth + 1, str(word), (test,), unquoted(message)))
