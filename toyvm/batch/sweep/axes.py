"""The axes of a sweep: which options can vary, and their values from text.

Every option of a run whose values are numbers, choices or switches is an axis; its declaration in
`run_options` says what its values may be.

    64K,128K,1M    these values
    1..5           1, 2, 3, 4, 5
    64K..256K:64K  in steps
    64K..1M*2      each twice the one before
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ...base.errors import UsageError
from ...base.options import Option
from ...base.record import Record
from ...base.sample_directives import LINKAGES
from ...base.sizes import parse_digits, parse_size, size_text
from ...run_options import SHOWING, RunOptions

LINKAGE = "linkage"
MOST_VALUES = 10_000  # of one axis
_SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}

Value = bool | int | float | str


class Axis(Record):
    """An option, and the values that a sweep gives to it. `name` is the field of RunOptions, or "linkage"."""

    name: str
    values: tuple[Value, ...]


def _can_vary(row: Option) -> bool:
    """Whether an option can be an axis: it changes the run, and its values can be told apart in a table."""
    return row.group != SHOWING and not row.many and (row.number or bool(row.choices) or row.type == "bool")


ROWS: Mapping[str, Option] = {name: row for name, row in RunOptions.rows.items() if _can_vary(row)}


def flag_of(row: Option) -> str:
    """The option of `toyvm sweep` for an axis: as `toyvm run` spells it, or the field's name."""
    if row.flags and not row.constants:
        return next(flag for flag in row.flags if flag.startswith("--"))
    return "--" + row.name.replace("_", "-")


def axis(name: str, given: object) -> Axis:
    """An axis from text, from a value, or from a sequence of either.

    Raises UsageError for an option that does not exist or cannot vary, and for a value that it does
    not have.
    """
    if name != LINKAGE and name not in ROWS:
        from ...base.diagnostics import did_you_mean

        hint = did_you_mean(name, [LINKAGE, *ROWS])
        raise UsageError(f"'{name}' is not an option that a sweep can vary. {hint}".rstrip())
    words = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    values: list[Value] = []
    for word in words:
        values += _parsed(name, word) if isinstance(word, str) else [_checked(name, word)]
    if not values:
        raise UsageError(f"{_spelled(name)}: no values")
    return Axis(name, tuple(dict.fromkeys(values)))


def shown(name: str, value: Value) -> str:
    """A value as the command line spells it."""
    row = ROWS.get(name)
    if isinstance(value, bool):
        return "on" if value else "off"
    return (
        size_text(value) if row is not None and row.unit == "bytes" and isinstance(value, int) else str(value)
    )


def _spelled(name: str) -> str:
    return "--linkage" if name == LINKAGE else flag_of(ROWS[name])


def _checked(name: str, value: object) -> Value:
    """A value that the option has. Raises UsageError."""
    if name == LINKAGE:
        if value not in LINKAGES:
            raise UsageError(f"--linkage: expected {' or '.join(LINKAGES)}, not {value!r}")
        return str(value)
    row = ROWS[name]
    if not isinstance(value, (bool, int, float, str)) or not row.accepts(value):
        raise UsageError(f"{flag_of(row)}: expected {row.expected()}, not {value!r}")
    return value


def _parsed(name: str, text: str) -> Iterator[Value]:
    for word in text.split(","):
        first, dots, rest = word.strip().partition("..")
        if not dots:
            yield _checked(name, _value(name, first))
            continue
        for number in _range(name, first, rest, word):
            yield _checked(name, number)


def _value(name: str, word: str) -> Value:
    """A word as the kind of value that the option has; the word itself if it is none."""
    row = ROWS.get(name)
    if row is None or (row.choices and all(isinstance(choice, str) for choice in row.choices)):
        return word
    if row.type == "bool":
        return _SWITCH.get(word.lower(), word)
    try:
        return _reader(row)(word)
    except ValueError:
        return word


def _reader(row: Option) -> Callable[[str], int | float]:
    if row.unit == "bytes":
        return parse_size
    return float if row.type.startswith("float") else parse_digits


def _range(name: str, first: str, rest: str, word: str) -> Iterator[int | float]:
    """The numbers of `A..B`, `A..B:STEP` or `A..B*FACTOR`."""
    row = ROWS.get(name)
    if row is None or not row.number:
        raise UsageError(f"{_spelled(name)}: '{word}' is a range, and the values are no numbers")
    read = _reader(row)
    factor: int | float = 1
    step: int | float = 0
    try:
        if "*" in rest:
            rest, _, times = rest.partition("*")
            factor = float(times) if "." in times else parse_digits(times)
        else:
            rest, _, more = rest.partition(":")
            step = read(more) if more else 1
        low, high = read(first), read(rest)
    except ValueError:
        raise UsageError(
            f"{_spelled(name)}: '{word}' is not a range such as 1..5, 64K..256K:64K or 64K..1M*2"
        ) from None
    if high < low or (factor <= 1 and step <= 0) or (factor > 1 and low <= 0):
        raise UsageError(f"{_spelled(name)}: the range '{word}' has no end")
    count = 0
    while low <= high:
        count += 1
        if count > MOST_VALUES:
            raise UsageError(f"{_spelled(name)}: the range '{word}' has more than {MOST_VALUES:,} values")
        yield low
        following = low * factor + step
        low = max(int(following), low + 1) if isinstance(low, int) else following
