"""The values of registers in a loop as linear forms of a few base registers.

A base register is one that the loop does not write, or changes only by adding a constant or an
unwritten register (`Motion`). Data-flow analysis computes the forms of the other registers: a
constant plus multiples of the base registers' current values. A form is known where all paths
through the loop agree on it. Of a register that the loop sets and then moves, as an inner loop's
pointer, it computes where the register was when it was set (`Drift`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from toyvm.base.bits import sext
from toyvm.base.record import Record
from toyvm.isa.ops import Node, Op

from .regions import Key, RegionBlock, RegionStep

Terms = tuple[tuple[int, int], ...]  # (register, factor), by register; no factor is 0
LinearForm = tuple[int, Terms]  # a constant and the terms added to it, modulo 2^64

_MOST_TERMS, _LARGEST = 3, 1 << 16


class Motion(Record, frozen=False, eq=False):
    """How the instructions of a loop move a base register, if each of them is executed once.

    They add up to `up`, subtract up to `down`, or add `times` times the register `step`. None of
    them is executed twice within `shortest` instructions.
    """

    up: int = 0
    down: int = 0
    times: int = 0
    step: int | None = None
    shortest: int = 1


class Drift(Record):
    """What is known of a register that was set and may have been moved since.

    When it was set, at some time since the path left the loop's head, the register was the sum of
    `terms` and a constant from `low` to `high`. Since then it has only been moved by constants.
    """

    terms: Terms
    low: int
    high: int


Values = dict[int, LinearForm | Drift]


def itself(number: int) -> LinearForm:
    """The form of a base register."""
    return 0, ((number, 1),)


def form_of(
    node: Node, value_of: Callable[[int], LinearForm | None], pc: int | None = None
) -> LinearForm | None:
    """The form of an expression, or None. `value_of` returns the forms of registers.

    Without `pc`, the instruction's address, an expression that depends on it has no form.
    """
    if node.width != 64:
        return None
    if node.op is Op.PC:
        return None if pc is None else (sext(pc, 64), ())
    if node.op is Op.CONST:
        return sext(node.value, 64), ()
    if node.op is Op.READ_X:
        return value_of(node.args[0].value)
    if node.op in (Op.ADD, Op.SUB):
        one, other = (form_of(argument, value_of, pc) for argument in node.args)
        if one is None or other is None:
            return None
        return _sum(one, other, 1 if node.op is Op.ADD else -1)
    if node.op is Op.SHL and node.args[1].op is Op.CONST:
        form = form_of(node.args[0], value_of, pc)
        return None if form is None else _sum((0, ()), form, 1 << node.args[1].value)
    return None


def _sum(one: LinearForm, other: LinearForm, factor: int) -> LinearForm | None:
    terms = dict(one[1])
    for number, times in other[1]:
        terms[number] = terms.get(number, 0) + factor * times
    found = tuple((number, terms[number]) for number in sorted(terms) if terms[number])
    if len(found) > _MOST_TERMS or any(abs(times) > _LARGEST for _, times in found):
        return None
    return sext(one[0] + factor * other[0], 64), found


def added(number: int, value: Node, written: Iterable[int]) -> LinearForm | None:
    """What the assignment of `value` adds to a register: a constant, or plus or minus a register.

    None if it is something else, or the added register is in `written`.
    """
    form = form_of(value, itself)
    rest = _sum(form, itself(number), -1) if form is not None else None
    if rest is None:
        return None
    if not rest[1]:
        return rest
    ((step, times), *more) = rest[1]
    return rest if not more and not rest[0] and abs(times) == 1 and step not in written else None


class Flow:
    """The forms of a loop's registers at the beginning of each of its blocks (`at`).

    `written` are the registers that the loop writes, `moved` the base registers among them.
    """

    def __init__(
        self, head: Key, blocks: dict[Key, RegionBlock], inside: set[Key], written: set[int], moved: set[int]
    ):
        self._written = written
        self._moved = moved
        self.at: dict[Key, Values] = {head: {}}
        waiting = [head]
        while waiting:
            key = waiting.pop()
            values = dict(self.at[key])
            for step in blocks[key].steps:
                self.execute(step, values)
            for to in blocks[key].successors:
                if to not in inside:
                    continue
                known = self.at.get(to)
                both = values if known is None else self._both(known, values)
                if both != known:
                    self.at[to] = dict(both)
                    waiting.append(to)

    def _both(self, known: Values, values: Values) -> Values:
        """What is true of the registers on both of two paths."""
        both: Values = {}
        for number, one in known.items():
            other = values.get(number)
            if one == other:
                both[number] = one
            elif other is not None:
                first, second = _drift(one), _drift(other)
                low, high = min(first.low, second.low), max(first.high, second.high)
                if first.terms == second.terms and high - low <= _LARGEST:
                    both[number] = Drift(first.terms, low, high)
        return both

    def form(self, node: Node, values: Values, pc: int) -> LinearForm | None:
        """The form of an expression at `pc`, given the forms of registers, or None."""

        def value_of(number: int) -> LinearForm | None:
            if number not in self._written or number in self._moved:
                return itself(number)
            value = values.get(number)
            return None if isinstance(value, Drift) else value

        return form_of(node, value_of, pc)

    def execute(self, step: RegionStep, values: Values) -> list[tuple[int, Node]]:
        """Update the forms of registers for an instruction. Returns what it moves further from
        where it was set: registers and their new values."""
        writes = [(node.args[0].value, node.args[1]) for node in step.effects if node.op is Op.WRITE_X]
        shifts: list[tuple[int, Node]] = []
        if not writes:
            return shifts
        forms = [(number, value, self.form(value, values, step.pc)) for number, value in writes]
        for number, value, form in forms:
            old = values.pop(number, None)
            if form is not None and number not in self._moved:
                values[number] = form
            elif isinstance(old, Drift) and _shift(number, value) is not None:
                values[number] = old
                shifts.append((number, value))
        for number, value in writes:
            if number in self._moved:
                more = added(number, value, self._written)
                assert more is not None
                for other, known in list(values.items()):
                    if isinstance(known, Drift):
                        continue  # it tells where a register was, which no later motion changes
                    times = dict(known[1]).get(number, 0)
                    if times:  # this form refers to the register's old value
                        changed = _sum(known, more, -times)
                        if changed is None:
                            del values[other]
                        else:
                            values[other] = changed
        return shifts


def _drift(value: LinearForm | Drift) -> Drift:
    return value if isinstance(value, Drift) else Drift(value[1], value[0], value[0])


def _shift(number: int, value: Node) -> int | None:
    """The constant that the assignment of `value` adds to a register; None if it is something else."""
    more = added(number, value, ())
    return more[0] if more is not None and not more[1] else None
