"""What address spaces with the same code know of each other: a child's copy, what it teaches its parent, and when that ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from toyvm.engines.code_map import Block
from toyvm.engines.llvm.tiers import NativeCode

PAGES = frozenset({1, 2})


def block(pc: int) -> Block:
    found = Block()
    found.end = pc + 4
    return found


def function(*_: object) -> tuple[int, int]:
    return 0, 0


def learn(code: NativeCode, pc: int) -> None:
    code.add_block(pc, block(pc))
    code.add_native(pc, 99, function, 1, {pc >> 12})


def knows(code: NativeCode, pc: int) -> bool:
    answers = {pc in code.blocks, pc in code.hot, pc in code.native}
    assert len(answers) == 1
    return answers.pop()


@pytest.fixture
def parent() -> NativeCode:
    code = NativeCode(None)
    learn(code, 0x1000)
    return code


def test_a_child_begins_with_a_copy_and_teaches_all_its_forebears(parent: NativeCode) -> None:
    child = parent.copy(PAGES)
    grandchild = child.copy(PAGES)
    learn(grandchild, 0x1100)
    learn(parent, 0x1200)
    assert all(knows(code, 0x1000) and knows(code, 0x1100) for code in (parent, child, grandchild))
    assert knows(parent, 0x1200) and not knows(child, 0x1200)
    learn(child, 0x3000)  # a page that was not there at the fork
    assert not knows(parent, 0x3000)
    child.add_block(0x2FFE, block(0x2FFE))  # reaches into such a page
    assert 0x2FFE not in parent.blocks


def drop(code: NativeCode) -> None:
    code.drop_page(1)


@pytest.mark.parametrize("change", [drop, NativeCode.clear])
@pytest.mark.parametrize("side", ["parent", "child"])
def test_a_change_on_either_side_ends_it(
    parent: NativeCode, side: str, change: Callable[[NativeCode], None]
) -> None:
    child = parent.copy(PAGES)
    change(parent if side == "parent" else child)
    learn(child, 0x1300)
    learn(child, 0x2000)
    assert not knows(parent, 0x1300) and not knows(parent, 0x2000)
    assert knows(parent, 0x1000) == (side == "child") and knows(child, 0x1000) == (side == "parent")
    sibling = parent.copy(PAGES)
    learn(sibling, 0x1400)
    assert knows(parent, 0x1400)


def test_pages_without_code_change_freely(parent: NativeCode) -> None:
    child = parent.copy(PAGES)
    parent.drop_page(7)
    child.drop_page(8)
    learn(child, 0x1500)
    assert knows(parent, 0x1500)
