"""Lightweight stand-ins for names of `typing` and `enum`, for the modules that every run imports.

Importing `typing` also imports `re` and takes about half as long as starting Python, which is
noticeable in the run of a short program. A type checker sees the real names. At run time
annotations are not evaluated, a Protocol is an ordinary base class, a NamedTuple is a tuple, and
the members of an enumeration are the upper-case names of its class body.
"""

from __future__ import annotations

TYPE_CHECKING: bool = False  # type checkers treat this name as true
if TYPE_CHECKING:
    from enum import Enum as Enum
    from enum import IntEnum as IntEnum
    from enum import StrEnum as StrEnum
    from typing import Any as Any
    from typing import ClassVar as ClassVar
    from typing import NamedTuple as NamedTuple
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import TypeVar as TypeVar
    from typing import dataclass_transform as dataclass_transform
else:
    from _collections import _tuplegetter  # the field descriptors of namedtuple, in C

    Any = ClassVar = NoReturn = Self = None  # used in annotations only

    def TypeVar(name, bound=None):
        """A type variable, used in annotations only."""

    def dataclass_transform(**options):
        """A hint for type checkers; the decorator returns its argument."""
        return lambda decorated: decorated

    class Protocol:
        """An empty base class; only type checkers check the protocol."""

    class _NamedTupleMeta(type):
        """Turns the annotations of a class body into fields of a tuple, as typing.NamedTuple does.

        It does not compile code, which takes `collections.namedtuple` about 0.1 ms for each class.
        """

        def __new__(mcls, name, bases, namespace):
            if bases and bases[0]._fields:  # a subclass of a named tuple adds no fields
                return type.__new__(mcls, name, bases, namespace)
            fields = tuple(namespace.get("__annotations__", ())) if bases else ()
            defaults = {field: namespace.pop(field) for field in fields if field in namespace}
            getters = {field: _tuplegetter(index, field) for index, field in enumerate(fields)}
            made = {"_fields": fields, "_field_defaults": defaults, "__match_args__": fields, "__slots__": ()}
            return type.__new__(mcls, name, bases or (tuple,), {**made, **getters, **namespace})

    class NamedTuple(metaclass=_NamedTupleMeta):
        """A tuple with named items: `class Point(NamedTuple): x: int; y: int = 0`."""

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                values = cls._complete(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _complete(cls, values, named):
            """Combine positional values, named values and defaults. Raises TypeError."""
            rest = cls._fields[len(values) :]
            given = {**cls._field_defaults, **named}
            missing = [field for field in rest if field not in given]
            if missing or len(values) > len(cls._fields) or not named.keys() <= set(rest):
                raise TypeError(
                    f"{cls.__name__} has the fields {', '.join(cls._fields)}: not {values} and {named}"
                )
            return (*values, *(given[field] for field in rest))

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **changes):
            return type(self)(**{**self._asdict(), **changes})

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            shown = ", ".join(f"{field}={value!r}" for field, value in self._asdict().items())
            return f"{type(self).__name__}({shown})"

    class _EnumMeta(type):
        """Turns the upper-case names of a class body into members with a name and a value."""

        def __new__(mcls, name, bases, namespace):
            values = {key: namespace.pop(key) for key in list(namespace) if key.isupper()}
            cls = super().__new__(mcls, name, bases, namespace)
            cls._by_value = {}
            plain = not issubclass(cls, (int, str))
            for key, value in values.items():
                member = cls.__new__(cls) if plain else cls.__new__(cls, value)
                value = getattr(member, "_value_", value)  # the class's __new__ may set it, as in enum
                if value in cls._by_value:
                    raise ValueError(f"{name}.{key} has the value of {cls._by_value[value].name}: {value!r}")
                member.name, member.value = key, value
                type.__setattr__(cls, key, member)
                cls._by_value[value] = member
            return cls

        def __call__(cls, value):
            member = cls._by_value.get(value)
            if member is None:
                raise ValueError(f"{value!r} is not a valid {cls.__name__}")
            return member

        def __getitem__(cls, name):
            return {member.name: member for member in cls}[name]

        def __iter__(cls):
            return iter(cls._by_value.values())

        def __contains__(cls, value):
            return value in cls._by_value

    class Enum(metaclass=_EnumMeta):
        """An enumeration: `class Light(Enum): RED = "r"; GREEN = "g"`."""

        def __repr__(self):
            return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

        def __reduce_ex__(self, protocol):
            """Copying and unpickling return the member itself."""
            return type(self), (self.value,)

    class IntEnum(int, metaclass=_EnumMeta):
        """An enumeration of integers."""

        __repr__ = Enum.__repr__
        __reduce_ex__ = Enum.__reduce_ex__
        __str__ = int.__repr__
        __hash__ = int.__hash__

    class StrEnum(str, metaclass=_EnumMeta):
        """An enumeration of strings."""

        __repr__ = Enum.__repr__
        __reduce_ex__ = Enum.__reduce_ex__
        __str__ = str.__str__
        __hash__ = str.__hash__
