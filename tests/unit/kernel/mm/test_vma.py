"""The set of areas of an address space, against a set of pages."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.guest_kernel import PAGE
from toyvm.kernel.mm.vma import PROT_READ, PROT_WRITE, Vma, VmaSet

PLAIN = PROT_READ | PROT_WRITE


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 60), st.integers(1, 12), st.integers(1, PLAIN)), max_size=40
    ),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_areas_agree_with_a_set_of_pages(steps: list[tuple[bool, int, int, int]], lengths: list[int]) -> None:
    areas, pages = VmaSet(), dict[int, int]()
    for put, first, count, prot in steps:
        start, end = first * PAGE, (first + count) * PAGE
        inside = areas.find(start)
        if inside is not None and inside.end >= end:
            areas.cut(inside, start, end)
        else:
            areas.split(start)
            areas.split(end)
            for area in areas.overlapping(start, end):
                areas.remove(area)
        if put and prot == PLAIN:
            areas.add_plain(start, end)
        elif put:
            areas.add(Vma(start, end, prot))
        for page in range(first, first + count):
            pages.pop(page, None)
            if put:
                pages[page] = prot
        found = [(page, area.prot) for area in areas for page in range(area.start // PAGE, area.end // PAGE)]
        assert found == sorted(pages.items())
        for page in range(75):
            there = areas.find(page * PAGE + 5)
            assert (there.prot if there else None) == pages.get(page)
        assert all(not area.continues(after) for area, after in pairwise(areas))
        kinds = list(pages.values())
        assert (areas.pages, areas.accounted, areas.peak >= areas.pages) == (
            len(kinds),
            kinds.count(PLAIN),
            True,
        )
        assert areas.data_pages == len(kinds) - kinds.count(PROT_READ)
        for length in lengths:
            wanted = next(
                (p for p in range(80 - length, 0, -1) if not any(q in pages for q in range(p, p + length))),
                None,
            )
            got = areas.find_gap(length * PAGE, PAGE, 80 * PAGE)
            assert got == (None if wanted is None else wanted * PAGE)


@pytest.mark.parametrize(
    "field",
    [
        {"prot": PROT_READ},
        {"shared": True},
        {"name": "[heap]"},
        {"grows_down": True},
        {"moved": PAGE},
        {"no_reserve": True},
        {"accounted": False},
        {"mergeable": True},
        {"advice": 1},
        {"dont_fork": True},
        {"wipe_on_fork": True},
        {"megapages": True},
        {"megapages": False},
        {"may_write": False},
        {"locked": True},
    ],
)
def test_plain_memory_merges_with_equal_neighbours_only(field: dict[str, Any]) -> None:
    plain: dict[str, Any] = {"prot": PLAIN, "accounted": True}
    for ours, expected in ((plain, 1), (plain | field, 3)):
        areas = VmaSet()
        areas.add(Vma(PAGE, 2 * PAGE, **ours))
        areas.add(Vma(3 * PAGE, 4 * PAGE, **ours))
        areas.add_plain(2 * PAGE, 3 * PAGE)
        assert len(areas) == expected
