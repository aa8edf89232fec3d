"""The views of locality against the definitions they are named after."""

from __future__ import annotations

import json
import xml.etree.ElementTree
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.harness import ASM, toyvm
from tests.unit.observe.pages.test_policy_replay import naive_lru, strings
from toyvm.observe.pages import locality_report, stack_distances
from toyvm.observe.pages.page_trace import RecordedArea, Space
from toyvm.observe.pages.reference_string import ReferenceString, from_pages
from toyvm.observe.pictures import heat_map

SPACES = [
    Space(100, "p", (RecordedArea(0, 5 << 12, "r-xp", "/bin/p"), RecordedArea(5 << 12, 1 << 40, "rw-p", "")))
]


@st.composite
def runs(draw: st.DrawFn) -> ReferenceString:
    """Strings whose runs last for some time."""
    pages = draw(strings())
    string = from_pages(pages)
    gaps = draw(st.lists(st.integers(1, 30), min_size=len(string.pages), max_size=len(string.pages)))
    times = np.cumsum([0, *gaps])
    return ReferenceString(string.pages, np.array(gaps, np.int64), times[:-1], string.keys, int(times[-1]))


@given(string=runs(), window=st.integers(1, 60))
def test_working_set_is_dennings(string: ReferenceString, window: int) -> None:
    found = locality_report.working_set(string, window, samples=50)
    stops = [*string.times[1:].tolist(), string.end]

    def size(t: int) -> int:
        spans = zip(string.pages.tolist(), string.times.tolist(), stops, strict=True)
        return len({page for page, start, stop in spans if start <= t and t < stop + window})

    assert list(found.sizes) == [size(t) for t in found.times]
    assert found.largest == max(found.sizes, default=0)
    if string.end:
        assert found.mean == pytest.approx(sum(size(t) for t in range(string.end)) / string.end)


@given(string=runs())
def test_reuse_histogram_has_every_reference(string: ReferenceString) -> None:
    found, first = locality_report.reuse_histogram(string, stack_distances.lru_distances(string.pages))
    assert first == string.footprint
    assert sum(count for _, _, count in found) + first == string.references
    for (_, high, _), (low, _, _) in pairwise(found):
        assert low == high + 1


def test_reuse_histogram_by_hand() -> None:
    #                      first x4    d=4 d=4 d=1  d=1 d=2
    string = from_pages([1, 2, 3, 4, 1, 2, 2, 2, 1])
    found, first = locality_report.reuse_histogram(string, stack_distances.lru_distances(string.pages))
    assert first == 4
    assert found == ((1, 1, 2), (2, 2, 1), (3, 4, 2))


@given(pages=strings(largest=2000))
def test_large_pages(pages: list[int]) -> None:
    string = from_pages(pages).coarser(3)
    large = [page >> 3 for page in pages]
    assert string.footprint == len(set(large))
    assert (
        np.repeat(string.pages, string.counts).tolist() == np.unique(large, return_inverse=True)[1].tolist()
    )
    found = stack_distances.misses(stack_distances.lru_distances(string.pages), [4])
    assert found == [naive_lru(large, 4)]


def test_a_page_has_the_name_of_its_latest_area() -> None:
    areas = (
        RecordedArea(0, 3 << 12, "r--p", "/lib/a.so"),
        RecordedArea(2 << 12, 4 << 12, "rw-p", ""),
        RecordedArea(1 << 12, 2 << 12, "r-xp", "b"),
    )
    string = from_pages([0, 1, 2, 3, 4])
    names = locality_report.page_names([Space(100, "p", areas)], string)
    assert [name for _, name, _ in names] == ["a.so r--", "b r-x", "anonymous rw-", "anonymous rw-", "?"]


@given(string=runs(), columns=st.integers(1, 40), limit=st.sampled_from([3, 8, 240]))
def test_heat_has_every_reference(string: ReferenceString, columns: int, limit: int) -> None:
    rows, _ = heat_map.rows_of(SPACES, string, limit)
    assert sorted(page for row in rows for page in row.pages) == list(range(string.footprint))
    assert len(rows) <= max(limit, 2)  # two areas are not joined
    cells = heat_map.heat(string, rows, columns)
    assert cells.shape == (len(rows), columns)
    assert cells.min(initial=0) >= 0
    weights = Counter(
        {at: int(string.counts[np.isin(string.pages, row.pages)].sum()) for at, row in enumerate(rows)}
    )
    for at in range(len(rows)):
        assert cells[at].sum() == pytest.approx(weights[at])


def test_heat_by_hand() -> None:
    """Page 0 for 10 instructions, page 1 for 2, page 0 for 8: four columns of 5 instructions."""
    string = ReferenceString(
        np.array([0, 1, 0], np.int32), np.array([10, 6, 8]), np.array([0, 10, 12]), np.array([0, 1]), 20
    )
    rows, _ = heat_map.rows_of(SPACES, string)
    assert [row.pages for row in rows] == [(0,), (1,)]
    assert heat_map.heat(string, rows, 4).tolist() == [[5, 5, 3, 5], [0, 0, 6, 0]]


@given(string=runs())
def test_pictures_are_xml(string: ReferenceString) -> None:
    if string.footprint:
        xml.etree.ElementTree.fromstring(heat_map.heatmap(SPACES, string, "a < b & c"))


# --- the command ---


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trace") / "locality.pages"
    done = toyvm("trace", "pages", "-o", path, ASM / "locality.s")
    assert done.returncode == 0, done.stderr
    return path


def test_command(trace: Path, tmp_path: Path) -> None:
    """The sample walks 64 pages by rows, and then by columns, where a TLB of 32 entries misses every time."""
    pictures = [tmp_path / f"{name}.svg" for name in ("heatmap", "working-set", "reuse", "tlb")]
    options = [f"--{path.stem}={path}" for path in pictures]
    done = toyvm("locality", trace, "--json", "--references=data", "--window", "5000,100", *options)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["schema"] == "toyvm.locality/1"
    tlb = {row["entries"]: row for row in told["tlb"]}
    assert tlb[32]["misses_4k"] > 32_000 > 200 > tlb[64]["misses_4k"] > tlb[128]["misses_4k"] == told["pages"]
    assert tlb[8]["misses_2m"] == told["megapages"] == 2
    assert [w["window"] for w in told["working_sets"]] == [100, 5000]
    assert 64 <= told["working_sets"][1]["largest"] <= told["pages"]
    assert sum(area["references"] for area in told["areas"]) == told["references"]
    for path in pictures:
        xml.etree.ElementTree.fromstring(path.read_text())
    assert ">[stack] rw-  3ffffff000</text>" in pictures[0].read_text()
    text = toyvm("locality", trace).stdout.decode()
    assert all(f"\n{head}" in text for head in ("Where", "Working set", "Reuse distance", "TLB reach"))


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        ([], 2, "usage: toyvm locality"),
        (["nothing.pages"], 1, "nothing.pages: No such file"),
        ([str(ASM / "hello.s")], 1, "not a trace of page references"),
        (["x", "--window", "0"], 2, "--window 0"),
        (["x", "--window", "a,b"], 2, "--window a,b"),
    ],
)
def test_command_errors(args: list[str], status: int, words: str) -> None:
    done = toyvm("locality", *args)
    assert done.returncode == status
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_picture_that_cannot_be_written(trace: Path, tmp_path: Path) -> None:
    done = toyvm("locality", trace, "--heatmap", tmp_path / "no" / "x.svg")
    assert done.returncode == 1
    assert b"x.svg: No such file" in done.stderr
