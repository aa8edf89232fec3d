"""Classes that are only their fields, at no cost when the program starts.

`dataclasses` imports `inspect` and compiles an `__init__` for each class: some milliseconds before a guest has run its
first instruction. A Record declares its fields in the same way, is understood by type checkers in the same way, and has
slots, equality, a hash and a repr; its one `__init__` serves all classes. Frozen unless declared with `frozen=False`.
A default that is a list, dict or set is copied for each record.
"""

from __future__ import annotations

from .light_types import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

R = TypeVar("R", bound="Record")
_CONTAINERS = (list, dict, set)


@dataclass_transform(frozen_default=True)
class RecordMeta(type):
    """Turns the annotations of a class body into slots."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], frozen: bool = True
    ) -> RecordMeta:
        own = [
            n for n, a in namespace.get("__annotations__", {}).items() if not str(a).startswith("ClassVar")
        ]
        defaults = {n: namespace.pop(n) for n in own if n in namespace}
        for base in reversed(bases):
            inherited = getattr(base, "_defaults", {})
            defaults = {**inherited, **defaults}
        fields = tuple(n for base in bases for n in getattr(base, "record_fields", ()))
        namespace["__slots__"] = tuple(own)
        namespace["record_fields"] = namespace["__match_args__"] = fields + tuple(own)
        namespace["_defaults"] = defaults
        if not frozen:
            namespace["__setattr__"] = object.__setattr__
            namespace["__hash__"] = None
        return super().__new__(mcls, name, bases, namespace)

    if not TYPE_CHECKING:

        def __init__(cls, name, bases, namespace, frozen=True):
            super().__init__(name, bases, namespace)


class Record(metaclass=RecordMeta):
    """Base of records: `class Point(Record): x: int; y: int = 0`. `record_fields` names the fields in order."""

    record_fields: ClassVar[tuple[str, ...]]

    if not TYPE_CHECKING:
        _defaults = {}

        def __init__(self, *args, **kwargs):
            fields = self.record_fields
            put = object.__setattr__
            if len(args) > len(fields):
                raise TypeError(f"{type(self).__name__} takes {len(fields)} fields, got {len(args)}")
            for name, value in zip(fields, args):  # noqa: B905  (the rest follows)
                put(self, name, value)
            for name in fields[len(args) :]:
                if name in kwargs:
                    put(self, name, kwargs.pop(name))
                elif name in self._defaults:
                    value = self._defaults[name]
                    put(self, name, value.copy() if isinstance(value, _CONTAINERS) else value)
                else:
                    raise TypeError(f"{type(self).__name__} needs the field {name!r}")
            if kwargs:
                raise TypeError(f"{type(self).__name__} has no field {next(iter(kwargs))!r}")

        def __setattr__(self, name, value):
            raise AttributeError(f"{type(self).__name__} is frozen: cannot assign {name!r}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.record_fields)
        return f"{type(self).__name__}({shown})"


def _values(record: Any) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in record.record_fields)


def as_dict(record: Record) -> dict[str, Any]:
    """The fields by name, not descending into them."""
    return {name: getattr(record, name) for name in record.record_fields}


def replace(record: R, **changes: Any) -> R:
    """A copy with some fields changed. Raises TypeError for a field that does not exist."""
    return type(record)(**{**as_dict(record), **changes})


_copiers: dict[type, Any] = {}


def duplicate(record: R) -> R:
    """A copy of a record that is not frozen, field by field; some ten times quicker than `replace` without changes."""
    kind = type(record)
    copier = _copiers.get(kind)
    if copier is None:
        copier = _copiers[kind] = _copier(kind)
    twin: R = copier(record)
    return twin


def _copier(kind: type[Record]) -> Any:
    """A function that is one assignment for each field: a fork copies every area of its parent."""
    lines = ["def copy(record):", " twin = new(kind)"]
    lines += [f" twin.{name} = record.{name}" for name in kind.record_fields]
    namespace: dict[str, Any] = {"new": object.__new__, "kind": kind}
    exec("\n".join([*lines, " return twin"]), namespace)
    return namespace["copy"]
