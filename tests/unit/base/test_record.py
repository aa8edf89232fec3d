"""Records: the value class, before and after a class gets an `__init__` of its own."""

from __future__ import annotations

import copy
import pickle

import pytest

from toyvm.base import record
from toyvm.base.record import Record, as_dict, as_tree, replace


@pytest.fixture(params=["shared", "compiled"])
def classes(request: pytest.FixtureRequest) -> tuple[type, type]:
    class Point(Record):
        x: int
        y: int = 0
        tags: list[str] = []

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("x is negative")

    class Cell(Record, frozen=False, eq=False):
        value: int
        next: object = None

    if request.param == "compiled":
        for number in range(record._COMPILED_AFTER + 1):
            Point(number)
            Cell(number)
        assert {Point.__init__, Cell.__init__}.isdisjoint({Record.__init__})
    return Point, Cell


def test_a_class_derived_from_a_compiled_one_has_its_own_fields(classes: tuple[type, type]) -> None:
    class Solid(classes[0]):  # type: ignore[misc]  # a base that is computed
        z: int = 7

    assert (Solid(1).z, Solid(1, 2, [], 3).z, Solid(1, z=4).z) == (7, 3, 4)


def test_records(classes: tuple[type, type]) -> None:
    Point, Cell = classes
    first, second = Point(1), Point(y=0, x=1)
    assert first == second and first is not second and (first.x, first.y, first.tags) == (1, 0, [])
    assert first.tags is not second.tags
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"  # without defaults
    assert replace(first, y=5) == Point(1, 5) and as_dict(Point(3)) == {"x": 3, "y": 0, "tags": []}
    with pytest.raises(AttributeError, match="frozen"):
        first.x = 2
    with pytest.raises(ValueError, match="negative"):
        Point(-1)
    for args, kwargs in [((), {}), ((1, 2, [], 4), {}), ((1,), {"z": 1}), ((), {"y": 1})]:
        with pytest.raises(TypeError):
            Point(*args, **kwargs)
    cell = Cell(1)
    cell.value = 2
    assert cell.value == 2 and cell != Cell(2) and cell == cell and hash(cell) == hash(cell)
    assert as_tree(Cell(1, (Point(2), {"a": Cell(3)}))) == {
        "value": 1,
        "next": [{"x": 2, "y": 0, "tags": []}, {"a": {"value": 3, "next": None}}],
    }


class Held(Record):
    number: int
    inner: object = None


def test_records_can_be_pickled_and_copied() -> None:
    held = Held(3, Held(4))
    assert pickle.loads(pickle.dumps(held)) == held
    assert copy.deepcopy(held) == held
