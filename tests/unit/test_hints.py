"""What stands for `typing` at run time does what `typing` does, where anything is done at all."""

from __future__ import annotations

import typing

from toyvm.hints import NamedTuple, Protocol, TypeVar


class Ours(NamedTuple):
    """A point."""

    x: int
    y: int = 2

    def total(self) -> int:
        return self.x + self.y


class Theirs(typing.NamedTuple):
    x: int
    y: int = 2


def test_named_tuples_are_tuples_with_names_and_defaults() -> None:
    ours, theirs = Ours(1), Theirs(1)
    assert ours == theirs == (1, 2)
    assert (ours.x, ours.y, ours.total()) == (1, 2, 3)
    assert ours._replace(y=5) == theirs._replace(y=5)
    assert Ours._fields == Theirs._fields
    assert repr(ours) == "Ours(x=1, y=2)"
    assert (Ours.__name__, Ours.__module__, Ours.__doc__) == ("Ours", __name__, "A point.")
    assert not hasattr(ours, "__dict__")


def test_a_protocol_is_a_base_that_adds_nothing() -> None:
    class Speaks(Protocol):
        def speak(self) -> str: ...

    class Dog(Speaks):
        def speak(self) -> str:
            return "woof"

    assert Dog().speak() == "woof"


def test_a_type_variable_is_made_with_its_bound() -> None:
    TypeVar("T")
    TypeVar("T", bound=int)
