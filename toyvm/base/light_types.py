"""The names of `typing` and `enum` that modules need to be read by a type checker, without these modules when a program runs.

Importing `typing` brings `re` and `enum` with it and costs as much as half of Python's own start; a run of a short program
feels that. So the modules that `toyvm run` always imports take these names from here. To a type checker they are those of
`typing` and `enum`. At run time annotations are text, a Protocol is an ordinary base class, a NamedTuple is a tuple, and the
members of an enumeration are what is in capitals in its class.
"""

from __future__ import annotations

TYPE_CHECKING: bool = False  # type checkers take the name alone for true
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
    from _collections import _tuplegetter  # what namedtuple's fields are: read in C

    Any = ClassVar = NoReturn = Self = None  # for annotations alone, which nobody evaluates

    def TypeVar(name, bound=None):
        """Stands for a type in annotations, which nobody evaluates."""

    def dataclass_transform(**options):
        """A promise to type checkers about a metaclass; returns the decorator, which changes nothing."""
        return lambda decorated: decorated

    class Protocol:
        """A base that says nothing: what a class must have is checked before the program runs."""

    class _NamedTupleMeta(type):
        """Makes a class with annotated fields a named tuple of those fields, as typing.NamedTuple's metaclass does; without compiling
        anything, which takes `collections.namedtuple` a tenth of a millisecond."""

        def __new__(mcls, name, bases, namespace):
            if bases and bases[0]._fields:  # derived from a finished one
                return type.__new__(mcls, name, bases, namespace)
            fields = tuple(namespace.get("__annotations__", ())) if bases else ()
            defaults = {field: namespace.pop(field) for field in fields if field in namespace}
            getters = {field: _tuplegetter(index, field) for index, field in enumerate(fields)}
            made = {"_fields": fields, "_field_defaults": defaults, "__match_args__": fields, "__slots__": ()}
            return type.__new__(mcls, name, bases or (tuple,), {**made, **getters, **namespace})

    class NamedTuple(metaclass=_NamedTupleMeta):
        """A tuple whose items have names: `class Point(NamedTuple): x: int; y: int = 0`."""

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                values = cls._complete(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _complete(cls, values, named):
            """All values, from those given in order, those given by name, and the defaults. Raises TypeError."""
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
        """Makes members of what is in capitals in a class body: instances of the class, each with its name and value."""

        def __new__(mcls, name, bases, namespace):
            values = {key: namespace.pop(key) for key in list(namespace) if key.isupper()}
            cls = super().__new__(mcls, name, bases, namespace)
            cls._by_value = {}
            plain = not issubclass(cls, (int, str))
            for key, value in values.items():
                member = cls.__new__(cls) if plain else cls.__new__(cls, value)
                value = getattr(member, "_value_", value)  # a class's own __new__ may set it, as in enum
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
        """Named values: `class Light(Enum): RED = "r"; GREEN = "g"`."""

        def __repr__(self):
            return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

        def __reduce_ex__(self, protocol):
            """A copy, pickled or not, is the member itself."""
            return type(self), (self.value,)

    class IntEnum(int, metaclass=_EnumMeta):
        """Named integers."""

        __repr__ = Enum.__repr__
        __reduce_ex__ = Enum.__reduce_ex__
        __str__ = int.__repr__
        __hash__ = int.__hash__

    class StrEnum(str, metaclass=_EnumMeta):
        """Named strings."""

        __repr__ = Enum.__repr__
        __reduce_ex__ = Enum.__reduce_ex__
        __str__ = str.__str__
        __hash__ = str.__hash__
