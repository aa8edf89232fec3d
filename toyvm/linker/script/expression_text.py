"""Expressions, assignments and patterns of a script as text, as GNU ld writes them into a map (ld/ldexp.c: exp_print_tree)."""

from __future__ import annotations

import operator
from collections.abc import Callable

from ...base.bits import M64
from .reading.tree import (
    Assertion,
    Assignment,
    Binary,
    Call,
    Conditional,
    Expr,
    InputPattern,
    Name,
    Number,
    SectionPattern,
    Unary,
)

_SORTS = {
    "name": "SORT_BY_NAME",
    "alignment": "SORT_BY_ALIGNMENT",
    "priority": "SORT_BY_INIT_PRIORITY",
    "none": "SORT_NONE",
}


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "&": operator.and_, "|": operator.or_,
}  # fmt: skip


def folded(expr: Expr) -> int | None:
    """The value of simple arithmetic on numbers, which GNU ld computes when it reads the script; None for all else."""
    match expr:
        case Number(value=value):
            return value
        case Unary(op="-" | "~" as op, operand=operand):
            inner = folded(operand)
            return None if inner is None else (-inner if op == "-" else ~inner) & M64
        case Binary(op=op, left=left, right=right) if op in _OPERATIONS:
            one, two = folded(left), folded(right)
            return None if one is None or two is None else _OPERATIONS[op](one, two) & M64
    return None


def expression_text(expr: Expr) -> str:
    """`(a + 0x10)`."""
    if (value := folded(expr)) is not None:
        return f"{value:#x}"
    match expr:
        case Name(name=name):
            return name
        case Unary(op=op, operand=operand):
            return f"{op} ({expression_text(operand)})"
        case Binary(op=op, left=left, right=right):
            return f"({expression_text(left)} {op} {expression_text(right)})"
        case Conditional(test=test, yes=yes, no=no):
            return f"{expression_text(test)}?{expression_text(yes)}:{expression_text(no)}"
        case Call(function="SEGMENT_START", arguments=arguments, name=name):
            return f'SEGMENT_START ("{name}", {expression_text(arguments[0])})'
        case Call(function="ASSERT", arguments=arguments, name=name):
            return f"ASSERT ({expression_text(arguments[0])}, {name})"
        case Call(function=function, arguments=arguments, name=name):
            inside = ", ".join([*([name] if name else []), *map(expression_text, arguments)])
            return f"{function} ({inside})" if inside else function
    raise TypeError(f"no text for {type(expr).__name__}")


def statement_text(statement: Assignment | Assertion) -> str:
    """`a = b`, `PROVIDE (a = b)` or `ASSERT (a, message)`."""
    if isinstance(statement, Assertion):
        return f"ASSERT ({expression_text(statement.test)}, {statement.message})"
    text = f"{statement.name} = {expression_text(statement.value)}"
    return f"PROVIDE ({text})" if statement.provide else text


def pattern_text(pattern: InputPattern) -> str:
    """`*(EXCLUDE_FILE(*-b.o) .data .data.*)`."""
    inside = " ".join(map(_section_text, pattern.sections))
    file = pattern.file or "*"
    text = f"SORT_BY_NAME ({file}" if pattern.sort_files else file
    exclude = f"EXCLUDE_FILE({' '.join(pattern.exclude)}) " if pattern.exclude else ""
    return f"{exclude}{text}({inside or '*'})"


def _section_text(pattern: SectionPattern) -> str:
    exclude = f"EXCLUDE_FILE({' '.join(pattern.exclude)}) " if pattern.exclude else ""
    text = f"{exclude}{pattern.name or '*'}"
    for order in reversed(tuple(dict.fromkeys(pattern.sort))):  # sorting twice is sorting once
        text = f"{_SORTS[order]}({text})"
    return text
