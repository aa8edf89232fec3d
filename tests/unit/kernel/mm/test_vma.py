"""The set of areas of an address space, against a set of pages."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.guest_kernel import PAGE
from toyvm.kernel.mm.vma import Vma, VmaSet


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(1, 12), st.integers(0, 2)), max_size=40)
)
def test_areas_agree_with_a_set_of_pages(steps: list[tuple[bool, int, int, int]]) -> None:
    areas, pages = VmaSet(), dict[int, int]()
    for put, first, count, prot in steps:
        start, end = first * PAGE, (first + count) * PAGE
        areas.split(start)
        areas.split(end)
        for area in areas.overlapping(start, end):
            areas.remove(area)
        if put:
            areas.add(Vma(start, end, prot))
        for page in range(first, first + count):
            pages.pop(page, None)
            if put:
                pages[page] = prot
        found = [(page, area.prot) for area in areas for page in range(area.start // PAGE, area.end // PAGE)]
        assert found == sorted(pages.items())
        for page in range(75):
            area = areas.find(page * PAGE + 5)
            assert (area.prot if area else None) == pages.get(page)
        for length in (1, 3):
            wanted = next(
                (p for p in range(80 - length, 0, -1) if not any(q in pages for q in range(p, p + length))),
                None,
            )
            got = areas.find_gap(length * PAGE, PAGE, 80 * PAGE)
            assert got == (None if wanted is None else wanted * PAGE)
