"""Records whose fields are declared options: default, unit, range, help and flags in one place.

    class Limits(OptionRecord):
        cpus: int = option(default=1, flags="--cpus", unit="processors", lowest=1, help="...")

The record holds the values; its class holds the declarations in `rows`.
"""

from __future__ import annotations

from collections.abc import Mapping

from .errors import UsageError
from .light_types import Any, ClassVar, dataclass_transform
from .record import Record, RecordMeta


class Option:
    """The declaration of one field of an OptionRecord.

    default       the value if the option is not given
    unit          what a number counts: "bytes", "pages", "percent", ...
    lowest, highest   the range of a number, inclusive; None: unbounded
    choices       the values allowed
    flags         the spellings on the command line
    constants     flag -> (value that the flag sets or adds, help), for options without an argument
    metavar       the argument's name in a usage line
    group         the title of the options listed together
    help          one sentence
    unset         the meaning of the default, if the value itself does not show it
    excluded_by   the name of a switch that this option cannot be combined with; `reason` says why
    name, type    the field and its annotation, set by OptionMeta
    """

    default: object
    help: str
    flags: tuple[str, ...]
    group: str
    metavar: str
    unit: str
    lowest: int | None
    highest: int | None
    choices: tuple[str | int, ...]
    constants: Mapping[str, tuple[object, str]]
    unset: str
    excluded_by: str
    reason: str
    name: str
    type: str

    def __init__(self, declared: dict[str, Any]):
        self.__dict__ = declared  # faster than assignments: each start makes all options
        self.flags = tuple(self.constants) or tuple(declared["flags"].split())

    @property
    def many(self) -> bool:
        """Whether the field holds several values: the option may be repeated."""
        return self.type.startswith(("tuple", "frozenset"))

    @property
    def number(self) -> bool:
        return self.type.startswith(("int", "float"))

    def accepts(self, value: object) -> bool:
        """Whether `value` is valid for the field."""
        if value is None:
            return self.type.endswith("None")
        if self.choices and self.many:
            return isinstance(value, frozenset) and value <= {*self.choices}
        if self.choices:
            return value in self.choices
        if self.type == "bool":
            return isinstance(value, bool)
        if self.number:
            return (
                isinstance(value, (int, float))
                and (self.lowest is None or value >= self.lowest)
                and (self.highest is None or value <= self.highest)
            )
        return True

    def expected(self) -> str:
        """The range and the unit, for an error message: "1 to 512 pages"."""
        if self.choices:
            return f"{'any' if self.many else 'one'} of {', '.join(map(str, self.choices))}"
        if self.type == "bool":
            return "True or False"
        if self.highest is not None:
            return f"{self.lowest} to {self.highest} {self.unit}".rstrip()
        number = f"a number of {self.unit}" if self.unit else "a number"
        return number if self.lowest is None else f"{number}, {self.lowest} or more"


def option(
    *,
    default: object,
    help: str,
    flags: str = "",
    group: str = "",
    metavar: str = "",
    unit: str = "",
    lowest: int | None = None,
    highest: int | None = None,
    choices: tuple[str | int, ...] = (),
    constants: Mapping[str, tuple[object, str]] = {},
    unset: str = "",
    excluded_by: str = "",
    reason: str = "",
) -> Any:
    """Declare a field of an OptionRecord; see Option. Spaces separate the words of `flags`."""
    return Option(locals())


@dataclass_transform(frozen_default=True, field_specifiers=(option,))
class OptionMeta(RecordMeta):
    """Moves the declarations of a class body to `rows` and leaves the defaults in their place."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> RecordMeta:
        rows: dict[str, Option] = {}
        for base in bases:
            rows.update(getattr(base, "rows", {}))
        for field, annotation in namespace.get("__annotations__", {}).items():
            row = namespace.get(field)
            if isinstance(row, Option):
                row.name, row.type = field, str(annotation)
                rows[field] = row
                namespace[field] = row.default
        namespace["rows"] = rows
        return super().__new__(mcls, name, bases, namespace)


class OptionRecord(Record, metaclass=OptionMeta):
    """A record whose fields are declared by `option`."""

    rows: ClassVar[dict[str, Option]]

    def check(self) -> None:
        """Raise UsageError for a field that is out of range or conflicts with another option."""
        for name, row in self.rows.items():
            value = getattr(self, name)
            if value == row.default:
                continue
            if not row.accepts(value):
                raise UsageError(f"{self.spelling(row)}: expected {row.expected()}, not {value!r}")
            if row.excluded_by and getattr(self, row.excluded_by):
                other = self.spelling(self.rows[row.excluded_by])
                raise UsageError(f"{self.spelling(row)} cannot be used with {other}: {row.reason}")

    @staticmethod
    def spelling(row: Option) -> str:
        """The option's name in a message."""
        return row.name
