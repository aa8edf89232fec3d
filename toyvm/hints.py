"""The names of `typing` that modules need to be read by a type checker, without `typing` when a program runs.

Importing `typing` brings `re` and `enum` with it and costs as much as half of Python's own start; a run of a short program
feels that. So the modules that `toyvm run` always imports take these names from here. To a type checker they are those of
`typing`. At run time annotations are text, a Protocol is an ordinary base class, and a NamedTuple is made by `collections`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any as Any
    from typing import ClassVar as ClassVar
    from typing import NamedTuple as NamedTuple
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import TypeVar as TypeVar
    from typing import dataclass_transform as dataclass_transform
else:
    from collections import namedtuple

    Any = ClassVar = NoReturn = Self = None  # for annotations alone, which nobody evaluates

    def TypeVar(name, bound=None):
        """Stands for a type in annotations, which nobody evaluates."""

    def dataclass_transform(**options):
        """A promise to type checkers about a metaclass; returns the decorator, which changes nothing."""
        return lambda decorated: decorated

    class Protocol:
        """A base that says nothing: what a class must have is checked before the program runs."""

    class _NamedTupleMeta(type):
        """Makes a class with annotated fields a named tuple of those fields, as typing.NamedTuple's metaclass does."""

        def __new__(mcls, name, bases, namespace):
            if not bases:
                return super().__new__(mcls, name, bases, namespace)
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = [namespace.pop(field) for field in fields if field in namespace]
            base = namedtuple(name, fields, defaults=defaults)
            return type(name, (base,), {"__slots__": (), **namespace})

    class NamedTuple(metaclass=_NamedTupleMeta):
        """A tuple whose items have names: `class Point(NamedTuple): x: int; y: int = 0`."""
