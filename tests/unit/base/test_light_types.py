"""What stands for `typing` and `enum` at run time does what these do, where anything is done at all."""

from __future__ import annotations

import copy
import enum
import pickle
import typing

import pytest

from toyvm.base import light_types
from toyvm.base.light_types import NamedTuple, Protocol, TypeVar


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
    assert ours._asdict() == theirs._asdict() == {"x": 1, "y": 2}
    assert Ours(y=3, x=1) == Ours(1, y=3) == Ours._make((1, 3)) == (1, 3)
    assert copy.deepcopy(ours) == pickle.loads(pickle.dumps(ours)) == ours
    assert repr(ours) == "Ours(x=1, y=2)"
    assert (Ours.__name__, Ours.__module__, Ours.__doc__) == ("Ours", __name__, "A point.")
    assert not hasattr(ours, "__dict__")


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 2}), ((1,), {"z": 2})])
def test_a_named_tuple_has_its_fields_and_no_others(values: tuple[int, ...], named: dict[str, int]) -> None:
    for kind in Ours, Theirs:
        with pytest.raises(TypeError):
            kind(*values, **named)


def test_a_class_may_derive_from_a_named_tuple() -> None:
    class Named(Ours):
        def name(self) -> str:
            return f"{self.x}|{self.y}"

    assert Named(1).name() == "1|2"
    assert isinstance(Named(1)._replace(x=4), Named)


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


def enumerations(module: typing.Any) -> tuple[typing.Any, typing.Any, typing.Any]:
    class Level(module.IntEnum):
        LOW = 1
        HIGH = 7

        @property
        def doubled(self) -> int:
            return 2 * self

    class Kind(module.StrEnum):
        NEW = "new"
        OLD = "old"

    class Light(module.Enum):
        RED = "r"
        GREEN = "g"

    return Level, Kind, Light


def test_enumerations_have_named_members_that_are_numbers_texts_or_neither() -> None:
    told = []
    for level, kind, light in map(enumerations, (light_types, enum)):
        assert level(7) is level.HIGH and kind("old") is kind.OLD and light("r") is light.RED
        assert isinstance(level.LOW, level) and isinstance(level.LOW, int) and isinstance(kind.NEW, str)
        assert not isinstance(light.RED, str) and light.RED != light.GREEN
        told.append(
            (
                [(one.name, one.value, repr(one), str(one)) for each in (level, kind) for one in each],
                [(one.name, one.value, repr(one)) for one in light],
                (level.HIGH + 1, level.HIGH.doubled, level.LOW == 1, f"{level.HIGH:#x}", f"{kind.NEW:>4}"),
                {1: "by number"}[level.LOW] + {"new": "by text"}[kind.NEW],
            )
        )
        for member in (level.HIGH, kind.OLD, light.RED):
            assert copy.deepcopy(member) is member is type(member)[member.name]
        with pytest.raises(ValueError, match=r"3 is not a valid .*Level"):
            level(3)
    assert told[0] == told[1]


def rows(module: typing.Any) -> typing.Any:
    class Row(module.IntEnum):
        FIRST = (3, "three")
        SECOND = (5, "five")

        def __new__(cls, *cells: typing.Any) -> typing.Any:
            (cells,) = cells if len(cells) == 1 else (cells,)  # enum unpacks the tuple
            member = int.__new__(cls, cells[0])
            member._value_, member.text = cells
            return member

    return Row


def test_a_member_may_be_made_of_a_row() -> None:
    for row in map(rows, (light_types, enum)):
        assert (row.SECOND.value, row.SECOND.name, row.SECOND.text, row.SECOND + 1) == (
            5,
            "SECOND",
            "five",
            6,
        )
        assert row(3) is row.FIRST and copy.deepcopy(row.FIRST) is row.FIRST


def test_two_members_cannot_have_one_value() -> None:
    with pytest.raises(ValueError, match=r"Kind.OLDER has the value of OLD: 'old'"):

        class Kind(light_types.StrEnum):
            OLD = "old"
            OLDER = "old"
