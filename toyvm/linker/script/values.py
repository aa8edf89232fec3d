"""Evaluates expressions of scripts as GNU ld does (ld, "Expressions"; ld/ldexp.c).

A value is a number, or an offset in an output section, or an absolute address. Inside an output section a number counts
from its start; elsewhere it is absolute. Arithmetic is of 64 bits: `/` and `%` are signed, comparisons unsigned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from toyvm.base.record import Record

from ...base.bits import M64, align_up, sext, u64
from .reading.tree import Binary, Call, Conditional, Expr, Name, Number, Place, Unary


class Section(Protocol):
    """What a value may be relative to."""

    vma: int


class _Absolute:
    vma = 0

    def __repr__(self) -> str:
        return "ABSOLUTE"


ABSOLUTE: Section = _Absolute()


class Value(NamedTuple):
    """A value, relative to `section`; without one it is a plain number."""

    value: int
    section: Section | None = None

    @property
    def address(self) -> int:
        """The value as an absolute address."""
        return u64(self.value + (self.section.vma if self.section is not None else 0))


class Segment(Record, frozen=False, eq=False):
    """The state of DATA_SEGMENT_ALIGN, _RELRO_END and _END over the passes."""

    phase: str = "none"  # none, align seen, relro seen, end seen, relro adjust, adjust, done
    base: int = 0
    end: int = 0
    page: int = 0
    max_page: int = 0
    relro_end: int = 0
    relro_offset: int = 0


class Scope(Protocol):
    """What an expression may ask about."""

    dot: int | None  # None outside of SECTIONS
    section: Section  # in which the expression stands, or ABSOLUTE
    phase: str  # first, mark, size, assign, final
    segment: Segment
    sane: bool
    relro: bool
    pages: Mapping[str, int]  # MAXPAGESIZE, COMMONPAGESIZE

    def lookup(self, name: Name) -> Value | None:
        """The value of a symbol; None if it has none yet."""
        ...

    def is_defined(self, name: str) -> bool:
        """DEFINED(name)."""
        ...

    def about_section(self, call: Call) -> Value | None:
        """ADDR, LOADADDR, SIZEOF, ALIGNOF."""
        ...

    def about_region(self, call: Call) -> Value | None:
        """ORIGIN, LENGTH."""
        ...

    def headers_size(self) -> int:
        """SIZEOF_HEADERS."""
        ...

    def segment_start(self, name: str) -> int | None:
        """The address that the command line gives a segment."""
        ...

    def fail(self, place: Place, message: str) -> None:
        """Report an error in the expression."""
        ...

    def saw_dot(self, stands: bool = True) -> None:
        """Note that the value stands on the location counter, or, because it was made absolute, no longer does."""
        ...


_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "&&": lambda a, b: bool(a and b),
    "||": lambda a, b: bool(a or b),
}
_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "<<": lambda a, b: a << (b & 63),
    ">>": lambda a, b: a >> (b & 63),
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "/": lambda a, b: _divide(a, b)[0],
    "%": lambda a, b: _divide(a, b)[1],
}


def _divide(a: int, b: int) -> tuple[int, int]:
    """Signed division as C's: towards zero."""
    one, two = sext(a, 64), sext(b, 64)
    quotient = abs(one) // abs(two) * (1 if (one < 0) == (two < 0) else -1)
    return quotient, one - quotient * two


def align_to(value: int, alignment: int) -> int:
    """Round up to a multiple of any number."""
    return value if alignment <= 1 else u64(-(-value // alignment) * alignment)


class Evaluator:
    """Evaluates expressions in a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __call__(self, expr: Expr) -> Value | None:
        """The value of an expression, or None if it has none yet."""
        match expr:
            case Number(value=value):
                plain = self.scope.section is not ABSOLUTE or self.scope.sane
                return Value(value, None if plain else ABSOLUTE)
            case Name(name="."):
                return self._from_address(self.scope.dot) if self.scope.dot is not None else None
            case Name():
                return self.scope.lookup(expr)
            case Unary(op=op, operand=operand):
                return self._unary(op, self(operand))
            case Binary(op=op, left=left, right=right):
                return self._binary(op, self(left), self(right), right.place)
            case Conditional(test=test, yes=yes, no=no):
                chosen = self(test)
                return None if chosen is None else self(yes if chosen.value else no)
            case Call():
                return self._call(expr)
        raise AssertionError(expr)

    def _from_address(self, address: int) -> Value:
        self.scope.saw_dot()
        section = self.scope.section
        return Value(u64(address - section.vma), section)

    def _unary(self, op: str, operand: Value | None) -> Value | None:
        if operand is None:
            return None
        value = {"-": -operand.value, "~": ~operand.value, "!": int(not operand.value)}[op]
        return Value(u64(value), operand.section)

    def _joined(self, left: Value, right: Value) -> tuple[Value, Value, bool]:
        """The operands with one section, and whether they had different ones and one was a plain number."""
        if left.section is right.section:
            return left, right, False
        if left.section is not None and right.section is not None:
            self.scope.saw_dot(False)
            return Value(left.address, ABSOLUTE), Value(right.address, ABSOLUTE), False
        section = left.section if left.section is not None else right.section
        return Value(left.value, section), Value(right.value, section), True

    def _binary(self, op: str, left: Value | None, right: Value | None, place: Place) -> Value | None:
        if left is None or right is None:
            return None
        left, right, mixed = self._joined(left, right)
        if op in _COMPARISONS:
            return Value(int(_COMPARISONS[op](left.value, right.value)))
        if op in "/%" and right.value == 0:
            if self.scope.phase != "mark":
                self.scope.fail(place, f"{op} by zero")
            return None
        section = right.section
        if not mixed:
            section = ABSOLUTE if self.scope.section is ABSOLUTE and not self.scope.sane else None
        return Value(u64(_ARITHMETIC[op](left.value, right.value)), section)

    def _call(self, call: Call) -> Value | None:
        function, scope = call.function, self.scope
        if function in ("ADDR", "LOADADDR", "SIZEOF", "ALIGNOF"):
            return scope.about_section(call)
        if function in ("ORIGIN", "LENGTH"):
            found = scope.about_region(call)
            return self._from_address(found.value) if function == "ORIGIN" and found is not None else found
        if function == "DEFINED":
            return Value(int(scope.is_defined(call.name)))
        if function == "CONSTANT":
            if call.name not in scope.pages:
                scope.fail(call.place, f"unknown constant `{call.name}' referenced in expression")
            return Value(scope.pages.get(call.name, 0))
        if function == "SIZEOF_HEADERS":
            return Value(scope.headers_size()) if scope.phase != "first" else None
        values = [self(argument) for argument in call.arguments]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return self._computed(call, known)

    def _computed(self, call: Call, values: list[Value]) -> Value | None:
        function, scope, first = call.function, self.scope, values[0]
        dot = scope.dot
        match function:
            case "ABSOLUTE":
                scope.saw_dot(False)
                return Value(first.address, ABSOLUTE)
            case "LOG2CEIL":
                return Value(max(first.value - 1, 0).bit_length())
            case "ALIGN" if len(values) == 1:
                return None if dot is None else self._from_address(align_to(dot, first.value))
            case "NEXT":
                scope.saw_dot(False)
                return None if dot is None else Value(align_to(dot, first.address), ABSOLUTE)
            case "ALIGN" | "MAX" | "MIN":
                result = first
                for other in values[1:]:
                    one, two, _ = self._joined(result, other)
                    chosen = {
                        "ALIGN": align_to(one.value, two.value),
                        "MAX": max(one.value, two.value),
                        "MIN": min(one.value, two.value),
                    }
                    result = Value(chosen[function], two.section)
                return result
            case "SEGMENT_START":
                given = scope.segment_start(call.name)
                return self._from_address(given if given is not None else first.value)
            case "ASSERT":
                if scope.phase == "final" and not first.value:
                    scope.fail(call.place, call.name)
                return first
        if scope.section is not ABSOLUTE or dot is None:
            return None
        match function:
            case "DATA_SEGMENT_ALIGN":
                return self._segment_align(dot, first.value, values[1].value)
            case "DATA_SEGMENT_RELRO_END":
                return self._segment_relro_end(first.value, values[1])
            case "DATA_SEGMENT_END":
                return self._segment_end(first)
        raise AssertionError(function)

    def _segment_align(self, dot: int, max_page: int, page: int) -> Value | None:
        segment = self.scope.segment
        value = align_to(dot, max_page)
        if segment.phase == "relro adjust":
            value = segment.base
        elif segment.phase == "adjust":
            if page < max_page:
                value += (dot + page - 1) & (max_page - page)
        else:
            if not self.scope.relro:
                value += dot & (max_page - 1)
            if segment.phase == "none":
                segment.phase, segment.base, segment.page = "align seen", u64(value), page
                segment.max_page, segment.relro_end = max_page, 0
            elif segment.phase != "done":
                return None
        return Value(u64(value), ABSOLUTE)

    def _segment_relro_end(self, offset: int, end: Value) -> Value | None:
        segment = self.scope.segment
        segment.relro_offset = offset
        if segment.phase not in ("align seen", "adjust", "relro adjust", "done"):
            return None
        value = end.value
        if segment.phase in ("align seen", "relro adjust"):
            segment.relro_end = u64(end.value + offset)
        if segment.phase == "relro adjust" and segment.max_page:
            segment.relro_end = align_up(segment.relro_end, segment.max_page) & M64
            value = u64(segment.relro_end - offset)
        if segment.phase == "align seen":
            segment.phase = "relro seen"
        return Value(value, end.section)

    def _segment_end(self, end: Value) -> Value | None:
        segment = self.scope.segment
        if segment.phase in ("align seen", "relro seen"):
            segment.phase, segment.end = "end seen", end.value
        elif segment.phase not in ("done", "adjust", "relro adjust"):
            return None
        return end
