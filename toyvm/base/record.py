"""Value classes like dataclasses that are cheap to define, for a fast start.

`dataclasses` imports `inspect` and compiles an `__init__` for each class, which takes some
milliseconds. A Record declares its fields in the same way, and type checkers understand it in the
same way. It has slots, equality, a hash and a repr. All classes share one `__init__`; a class gets
its own compiled `__init__` once it has made _COMPILED_AFTER records. Records are frozen unless the
class has `frozen=False`, and compare by value unless it has `eq=False`. A default that is a list,
dict or set is copied for each record. `__post_init__` may check or complete the fields.

Use a NamedTuple instead for a value that is a tuple: the fields of a C structure as `struct`
unpacks them, or a row that is unpacked, sorted or used as a key. Use it also for values that are
made by the hundred thousand (fix-ups, operands, line rows): a tuple takes half the time to make,
and C code compares and hashes it about twenty times as fast.
"""

from __future__ import annotations

from .light_types import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

R = TypeVar("R", bound="Record")
_CONTAINERS = (list, dict, set)
_COMPILED_AFTER = (
    300  # records made by the shared `__init__` before the class gets one of its own: compiling takes 0.2 ms
)
_made: dict[type, int] = {}


@dataclass_transform(frozen_default=True)
class RecordMeta(type):
    """Turns the annotations of a class body into slots."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        frozen: bool = True,
        eq: bool = True,
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
        if bases:  # a base's compiled `__init__` does not know the new fields
            namespace.setdefault("__init__", Record.__init__)
        if not eq:
            namespace["__eq__"], namespace["__hash__"] = object.__eq__, object.__hash__
        return super().__new__(mcls, name, bases, namespace)


class Record(metaclass=RecordMeta):
    """Base of records: `class Point(Record): x: int; y: int = 0`.

    `record_fields` names the fields in order.
    """

    record_fields: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]

    if not TYPE_CHECKING:
        _defaults = {}

        def __init__(self, *args, **kwargs):
            cls = type(self)
            made = _made[cls] = _made.get(cls, 0) + 1
            if made > _COMPILED_AFTER and cls.__dict__["__init__"] is Record.__init__:
                cls.__init__ = _compiled_init(cls)
                return cls.__init__(self, *args, **kwargs)
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
            if cls.__post_init__ is not Record.__post_init__:
                self.__post_init__()
            return None

        def __post_init__(self):
            """Called when the fields are set; a class overrides it to check or complete them."""

        def __setattr__(self, name, value):
            raise AttributeError(f"{type(self).__name__} is frozen: cannot assign {name!r}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))

    def __reduce__(self) -> tuple[type[Record], tuple[Any, ...]]:
        """Pickled and copied as a call of the class: a frozen record cannot be filled in afterwards."""
        return type(self), _values(self)

    def __repr__(self) -> str:
        """One line: the fields that differ from their defaults, long values by their size."""
        shown: list[str] = []
        room = _ROOM
        for name in self.record_fields:
            value = getattr(self, name)
            if name in self._defaults and _equal(value, self._defaults[name]):
                continue
            text = f"{name}={brief(value)}"
            room -= len(text) + 2
            if room < 0:
                shown.append("...")
                break
            shown.append(text)
        return f"{type(self).__name__}({', '.join(shown)})"


_ROOM = 400  # characters of a record's repr, and of a field's
_FIELD = 80


def brief(value: object) -> str:
    """The repr of a value in at most about 80 characters and one line; or its kind and its size."""
    if isinstance(value, str):
        return repr(value) if len(value) <= _FIELD else f"{value[: _FIELD - 3]!r}..."
    if isinstance(value, bytes):
        return repr(value) if len(value) <= _FIELD // 2 else f"<{len(value):,} bytes>"
    if isinstance(value, (tuple, list, dict, set, frozenset)):
        if len(value) > _FIELD // 3:
            return f"<{len(value):,} items>"
        text = repr(value)
        return text if len(text) <= _FIELD and "\n" not in text else f"<{len(value):,} items>"
    text = repr(value)
    if len(text) <= _FIELD and "\n" not in text:
        return text
    size = f" of {len(value):,}" if hasattr(value, "__len__") else ""
    return f"<{type(value).__name__}{size}>"


def _equal(value: object, default: object) -> bool:
    """Whether a field has its default; arrays compare by element, so identity comes first."""
    return value is default or (
        type(value) is type(default) and isinstance(value, _PLAIN) and value == default
    )


_PLAIN = (int, float, str, bytes, tuple, list, dict, set, frozenset)


def _values(record: Any) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in record.record_fields)


def _compiled_init(kind: type[Record]) -> Any:
    """Compile an `__init__` whose parameters are the fields of `kind`.

    The `__init__` of a frozen record sets slots by their descriptors, because `__setattr__` raises.
    """
    defaults: dict[str, Any] = getattr(kind, "_defaults")  # noqa: B009  (type checkers do not see it)
    namespace: dict[str, Any] = {"missing": object()}
    parameters: list[str] = []
    lines: list[str] = []
    mutable = kind.__setattr__ is object.__setattr__  # an assignment is twice as fast as a descriptor's call
    for name in kind.record_fields:
        namespace[f"put_{name}"] = getattr(kind, name).__set__
        if name not in defaults:
            after_default = bool(parameters) and "=" in parameters[-1]
            parameters.append(f"{name}=missing" if after_default else name)
            if after_default:
                lines.append(
                    f" if {name} is missing: raise TypeError('{kind.__name__} needs the field {name}')"
                )
        else:
            namespace[f"default_{name}"] = defaults[name]
            parameters.append(f"{name}=missing")
            copy = ".copy()" if isinstance(defaults[name], _CONTAINERS) else ""
            lines.append(f" if {name} is missing: {name} = default_{name}{copy}")
        lines.append(f" self.{name} = {name}" if mutable else f" put_{name}(self, {name})")
    if kind.__post_init__ is not Record.__post_init__:  # type: ignore[attr-defined]  # added by the metaclass
        lines.append(" self.__post_init__()")
    exec("\n".join([f"def __init__(self, {', '.join(parameters)}):", *lines, " return None"]), namespace)
    return namespace["__init__"]


def as_dict(record: Record) -> dict[str, Any]:
    """The fields of a record by name; records inside it are not converted."""
    return {name: getattr(record, name) for name in record.record_fields}


def as_tree(value: Any) -> Any:
    """Convert a record and, recursively, the records inside it to dicts."""
    if isinstance(value, Record):
        return {name: as_tree(field) for name, field in as_dict(value).items()}
    if isinstance(value, (tuple, list)):
        return [as_tree(item) for item in value]
    if isinstance(value, dict):
        return {key: as_tree(item) for key, item in value.items()}
    return value


def replace(record: R, **changes: Any) -> R:
    """A copy of `record` with some fields changed.

    Raises TypeError for a field that does not exist.
    """
    return type(record)(**{**as_dict(record), **changes})


_copiers: dict[type, Any] = {}


def duplicate(record: R) -> R:
    """A shallow copy of a record that is not frozen, about ten times as fast as `replace`."""
    kind = type(record)
    copier = _copiers.get(kind)
    if copier is None:
        copier = _copiers[kind] = _copier(kind)
    twin: R = copier(record)
    return twin


def _copier(kind: type[Record]) -> Any:
    """Compile a function that copies each field: fork(2) copies every VMA of the parent."""
    lines = ["def copy(record):", " twin = new(kind)"]
    lines += [f" twin.{name} = record.{name}" for name in kind.record_fields]
    namespace: dict[str, Any] = {"new": object.__new__, "kind": kind}
    exec("\n".join([*lines, " return twin"]), namespace)
    return namespace["copy"]
