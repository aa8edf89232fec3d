"""Parses operands. Lark parses each shape of an operand once, but for the commonest shapes (`operand_shapes`).

A regular expression replaces registers, symbols, numbers and strings by letters: the shape of
`%lo(counter+8)(a5)` is `%lo(S+N)(R)`. A compiler's output of 200,000 lines has a few dozen shapes,
so the parser runs a few dozen times; every other operand costs a dictionary look-up. The grammar
contains no mnemonic and no register.

Precedence is that of GNU as (gas/expr.c, `op_rank`), from loose to tight:
`||`, `&&`, comparisons, `+ -`, `| & ^ !` (`!` is or-not), `* / % << >>`, unary `- + ~ !`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base.resources import cache_path
from ..isa.registers import F_NUMBERS, X_NUMBERS
from .expressions import calculate
from .operand_shapes import known_tree
from .problems import MAX_EXPRESSION_DEPTH, Problem, junk
from .sections import AsmSymbol
from .statements import NAME_PATTERN, symbol_name

if TYPE_CHECKING:
    from lark import Lark

GRAMMAR = r"""
operand: "R" -> register
       | "F" -> float_register
       | memory
       | modified
       | expression
       | "T" -> string

memory: [expression | modified] "(" "R" ")"
modified: MODIFIER "(" expression ")"

?expression: either
?either: both | either "||" both -> binary_lor
?both: compared | both "&&" compared -> binary_land
?compared: sum
    | compared "==" sum -> binary_eq
    | compared "=" sum -> binary_eq
    | compared "<>" sum -> binary_ne
    | compared "!=" sum -> binary_ne
    | compared "<" sum -> binary_lt
    | compared ">" sum -> binary_gt
    | compared "<=" sum -> binary_le
    | compared ">=" sum -> binary_ge
?sum: bits
    | sum "+" bits -> binary_add
    | sum "-" bits -> binary_sub
?bits: product
    | bits "|" product -> binary_or
    | bits "&" product -> binary_and
    | bits "^" product -> binary_xor
    | bits "!" product -> binary_ornot
?product: unary
    | product "*" unary -> binary_mul
    | product "/" unary -> binary_div
    | product "%" unary -> binary_mod
    | product "<<" unary -> binary_shl
    | product ">>" unary -> binary_shr
?unary: atom
    | "-" unary -> unary_neg
    | "+" unary -> unary_plus
    | "~" unary -> unary_not
    | "!" unary -> unary_lnot
?atom: "N" -> number
    | "S" -> name
    | "(" expression ")"

MODIFIER: /%[a-z_0-9]+/
%ignore " "
"""

OPERATORS = {
    "lor": "||", "land": "&&", "eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=", "add": "+",
    "sub": "-", "or": "|", "and": "&", "xor": "^", "ornot": "!", "mul": "*", "div": "/", "mod": "%", "shl": "<<",
    "shr": ">>", "neg": "neg", "plus": "plus", "not": "~", "lnot": "lnot",
}  # fmt: skip


class ExprNode(NamedTuple):
    """An operator of `OPERATORS` with its operands."""

    op: str
    left: Expr
    right: Expr


# A number, a symbol's name, or an operator with its operands. Expansions also use labels without a name.
Expr = int | str | ExprNode | AsmSymbol


class WrittenOperand(NamedTuple):
    """One operand of a statement.

    form      "register", "float_register", "memory" (`expr(register)`), "expression" or "string"
    modifier  a relocation modifier such as "%lo", or ""
    number    the number of the register
    text      the string or register, as written
    """

    form: str
    expr: Expr = 0
    modifier: str = ""
    number: int = 0
    text: str = ""


_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\r\f\v]+)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<char>'(?:\\.|[^\\])'?)
    | (?P<modifier>%[a-z_][a-z_0-9]*(?=\s*\())
    | (?P<local>[0-9]+[fb](?![\w.$]))
    | (?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)(?P<tail>[\w.$]*)
    | (?P<name>"""
    + NAME_PATTERN
    + r""")(?P<plt>@[a-zA-Z_]+)?
    | (?P<operator>\|\||&&|<<|>>|<=|>=|==|!=|<>|[-+*/%|&^!~<>=()])
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """A token of an operand: its `letter` in the shape, its `value`, and its `text` as written."""

    letter: str
    value: Any
    text: str


def tokenize(text: str) -> list[Token]:
    """The tokens of an operand. Raises Problem at a character that begins no token."""
    if "of." in text and "(" in text:
        text = _with_section_symbols(text)
    tokens = []
    at, size, scan = 0, len(text), _TOKEN.match
    while at < size:
        match = scan(text, at)
        if match is None:
            raise Problem(f"unexpected character '{text[at]}'", text[at:], expected="an operand")
        at = match.end()
        kind = match.lastgroup
        if kind == "operator" or kind == "modifier":
            word = match.group()
            tokens.append(Token(word, None, word))
        elif kind != "blank":
            tokens.append(_token(match, kind))
    return tokens


_OF_SECTION = re.compile(r"\.(startof|sizeof)\. *\(([^()]*)\)")


def _with_section_symbols(text: str) -> str:
    """An operand with the symbols `.startof.NAME` and `.sizeof.NAME`, which a linker defines, for `.sizeof.(NAME)`."""

    def symbol(match: re.Match[str]) -> str:
        name = match[2].strip()
        if not name:
            missing = "Warning: missing operand; zero assumed"
            raise Problem(f"{match[0]} names no section", match[0], gnu="expected symbol name", also=missing)
        word = re.match(r"[\w.$]*", name)
        if name[0] != '"' and word is not None and word.end() < len(name):
            rest = junk(name[word.end() :]).gnu
            said = f"syntax error in .{match[1]}."
            raise Problem(f"'{name}' is not a section's name", match[0], gnu=said, also=rest)
        plain = name.strip('"')
        return f".{match[1]}.{plain}" if re.fullmatch(r"[\w.$]+", plain) else f'"{f".{match[1]}.{plain}"}"'

    return _OF_SECTION.sub(symbol, text)


def _token(match: re.Match[str], kind: str | None) -> Token:
    """The token of a match of `_TOKEN`, whose last group is `kind`."""
    text = match.group()
    if kind == "name":
        register = X_NUMBERS.get(text)
        if register is not None:
            return Token("R", register, text)
        register = F_NUMBERS.get(text)
        return Token("S", text, text) if register is None else Token("F", register, text)
    if kind == "tail":
        if match["tail"]:
            raise Problem(f"'{text}' is not a number", text, expected="a number such as 10, 0x1f, 0b101, 017")
        return Token("N", number(text), text)
    if kind == "plt":
        if match["plt"] != "@plt":
            raise Problem(f"unknown suffix '{match['plt']}'", match["plt"], expected="'@plt' or nothing")
        return Token("S", match["name"], match["name"])
    if kind == "local":
        return Token("S", text, text)
    if kind == "string":
        return Token("S", symbol_name(text), text)
    return Token("N", character(text), text)


def number(text: str) -> int:
    """The value of `10`, `0x1f`, `0b101` or `017` (octal). Raises Problem."""
    if len(text) > 400:
        raise Problem(f"a number of {len(text)} digits is too long (at most 400)", text)
    if text[0] == "0" and text.isdigit():
        try:
            return int(text, 8)
        except ValueError:
            raise Problem(f"'{text}' is not an octal number", text, expected="digits 0 to 7") from None
    return int(text, 0)


_ESCAPES = {"b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "\\": 92, "'": 39, '"': 34}


def character(text: str) -> int:
    """The value of `'a`, `'a'` or `'\\n'`: a character constant."""
    body = text[1:]
    if body[0] == "\\" and len(body) > 1:
        return _ESCAPES.get(body[1], ord(body[1]))
    return ord(body[0].encode("utf-8", "surrogateescape").decode("latin-1")[0])


@cache
def parser() -> Lark:
    """The LALR parser of the grammar. The first call imports Lark and builds it."""
    from lark import Lark

    # Lark caches its tables under a hash of the grammar and of its version. It rebuilds unusable ones.
    return Lark(GRAMMAR, parser="lalr", start="operand", maybe_placeholders=True, cache=_cache_file())


def _cache_file() -> str | bool:
    path = cache_path("operands.lark")
    try:
        path.encode()
    except UnicodeEncodeError:
        return False  # Lark hashes the path as UTF-8
    return path


Plan = Callable[[list[Token]], WrittenOperand]
_PLANS: dict[str, Plan] = {}


class _Parsed(dict[str, WrittenOperand]):
    """A cache of operands by their text. It is cleared when it is full."""

    def __missing__(self, text: str) -> WrittenOperand:
        operand = _parse(text)
        if len(text) < 64:
            if len(self) > 200_000:
                self.clear()
            self[text] = operand
        return operand


_PARSED = _Parsed()
parse_operand = _PARSED.__getitem__
"""`_parse` with a cache."""


def _parse(text: str) -> WrittenOperand:
    """Parse one operand. Raises Problem with the wrong token.

    As in GNU as, `s2` in `s2+4` and `zero` in `%lo(zero)(a5)` are symbols, not registers.
    """
    tokens = tokenize(text)
    try:
        return _build(tokens)
    except Problem:
        base = tokens[-3:] if [token.letter for token in tokens[-3:]] == ["(", "R", ")"] else []
        for kept in ([], base):
            plain = _without_registers(tokens[: len(tokens) - len(kept)]) + kept
            try:
                return _build(plain)
            except Problem:
                continue  # the first error is the better one
        raise


def _without_registers(tokens: list[Token]) -> list[Token]:
    return [Token("S", token.text, token.text) if token.letter in "RF" else token for token in tokens]


def _build(tokens: list[Token]) -> WrittenOperand:
    shape = " ".join([token.letter for token in tokens])
    plan = _PLANS.get(shape)
    if plan is None:
        plan = _PLANS[shape] = _compile(shape, tokens)
    return plan(tokens)


def parse_expression(text: str) -> Expr:
    """Parse an expression, in which the name of a register is a symbol. Raises Problem."""
    operand = _build(_without_registers(tokenize(text)))
    if operand.form == "expression" and not operand.modifier:
        return operand.expr
    raise Problem(f"'{text.strip()}' is not an expression", text.strip(), expected="a number or a symbol")


def _compile(shape: str, tokens: list[Token]) -> Plan:
    """Parse `shape`. The plan makes an operand from the tokens of any text of that shape."""
    known = known_tree(shape)
    if known is not None:
        return _Plan(known, shape)
    from lark.exceptions import UnexpectedInput

    if _depth(tokens) > MAX_EXPRESSION_DEPTH:
        raise Problem(f"expression nested deeper than {MAX_EXPRESSION_DEPTH} parentheses", tokens[0].text)
    if len(tokens) > 2000:
        raise Problem(f"expression of {len(tokens)} words is too long (at most 2000)", tokens[0].text)
    try:
        tree = parser().parse(shape)
    except UnexpectedInput as error:
        raise _syntax_problem(shape, tokens, error) from None
    return _Plan(tree, shape)


def _depth(tokens: list[Token]) -> int:
    """The nesting depth of parentheses and prefix operators."""
    depth = deepest = prefix = 0
    for token in tokens:
        if token.letter == "(":
            depth += 1
        elif token.letter == ")":
            depth -= 1
        prefix = prefix + 1 if token.letter in "-+~!" else 0
        deepest = max(deepest, depth + prefix)
    return deepest


_SAID = {
    "$END": "the operand's end",
    "<END-OF-FILE>": "the operand's end",
    "N": "a number",
    "S": "a symbol",
    "R": "a register",
    "F": "a floating-point register",
    "T": "a string",
}


def _syntax_problem(shape: str, tokens: list[Token], error: Any) -> Problem:
    """Translate Lark's error in a shape to an error in the text."""
    at = getattr(error, "pos_in_stream", None)
    index = shape[:at].count(" ") if isinstance(at, int) and at >= 0 else len(tokens)
    terminals = {terminal.name: terminal.pattern.value for terminal in parser().terminals}
    wanted = getattr(error, "expected", None) or getattr(error, "allowed", None) or ()
    words = sorted({terminals.get(name, name) for name in wanted} - {"%[a-z_0-9]+"})
    said = [_SAID.get(word, f"'{word}'") for word in words]
    if index >= len(tokens) or getattr(getattr(error, "token", None), "type", "") == "$END":
        return Problem("operand ends too early", tokens[-1].text if tokens else "", expected=_list(said))
    return Problem(f"unexpected '{tokens[index].text}'", tokens[index].text, expected=_list(said))


def _list(words: list[str]) -> str:
    return ", ".join(words[:-1]) + (" or " if len(words) > 1 else "") + words[-1] if words else ""


class _Plan:
    """The parsed tree of a shape as a function: it makes the operand from the tokens of a text."""

    __slots__ = ("build",)

    def __init__(self, tree: Any, shape: str):
        self.build = _operand_builder(tree, _Holes(shape.split(" ")))

    def __call__(self, tokens: list[Token]) -> WrittenOperand:
        return self.build(tokens)


class _Holes:
    """The token indices of a shape's leaves, from left to right, in the order of the tree walk."""

    def __init__(self, letters: list[str]):
        self._indices = iter([index for index, letter in enumerate(letters) if letter in "RFSNT" and letter])

    def next(self) -> int:
        return next(self._indices)


def _operand_builder(tree: Any, holes: _Holes) -> Plan:
    kind = tree.data
    if kind == "operand":
        return _operand_builder(tree.children[0], holes)
    if kind in ("register", "float_register", "string"):
        index = holes.next()
        if kind == "string":
            return lambda t: WrittenOperand("string", text=t[index].value)
        return lambda t: WrittenOperand(kind, number=t[index].value, text=t[index].text)
    if kind == "memory":
        inner = tree.children[0]
        offset = _operand_builder(inner, holes) if inner is not None else _zero
        base = holes.next()
        return lambda t: offset(t)._replace(form="memory", number=t[base].value)
    if kind == "modified":
        modifier = str(tree.children[0])
        build = _expr_builder(tree.children[1], holes)
        return lambda t: WrittenOperand("expression", build(t), modifier)
    expr = _expr_builder(tree, holes)
    return lambda t: WrittenOperand("expression", expr(t))


def _zero(tokens: list[Token]) -> WrittenOperand:
    return WrittenOperand("expression", 0)


def _expr_builder(tree: Any, holes: _Holes) -> Callable[[list[Token]], Expr]:
    kind = str(tree.data)
    if kind in ("number", "name"):
        index = holes.next()
        return lambda t: t[index].value
    op = OPERATORS[kind.partition("_")[2]]
    if kind.startswith("unary"):
        inner = _expr_builder(tree.children[0], holes)
        return lambda t: fold(op, 0, inner(t))
    left, right = (_expr_builder(child, holes) for child in tree.children)
    return lambda t: fold(op, left(t), right(t))


def fold(op: str, left: Expr, right: Expr) -> Expr:
    """The value of an operation on two numbers; otherwise its node. Raises Problem."""
    if isinstance(left, int) and isinstance(right, int):
        return calculate(op, left, right)
    return ExprNode(op, left, right)
