"""Replayed policies against models that are as plain as their descriptions, and against the theorems about them."""

from __future__ import annotations

import json
import random
import re
import xml.etree.ElementTree
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.harness import ASM, toyvm
from toyvm.base.errors import UsageError
from toyvm.observe.pages import stack_distances
from toyvm.observe.pages.miss_ratio import BELADY, NAMES, Curves, curves, parse_frames, text_table
from toyvm.observe.pages.reference_string import from_pages
from toyvm.observe.pictures.locality_charts import miss_ratios

# --- models: a list of single references, the memory as a list ---


def naive_fifo(pages: list[int], frames: int) -> int:
    memory: list[int] = []
    misses = 0
    for page in pages:
        if page not in memory:
            misses += 1
            memory = [*memory, page][-frames:]
    return misses


def naive_lru(pages: list[int], frames: int) -> int:
    memory: list[int] = []
    misses = 0
    for page in pages:
        misses += page not in memory
        memory = [*(old for old in memory if old != page), page][-frames:]
    return misses


def naive_opt(pages: list[int], frames: int) -> int:
    memory: list[int] = []
    misses = 0
    for at, page in enumerate(pages):
        if page in memory:
            continue
        misses += 1
        if len(memory) == frames:
            rest = pages[at + 1 :]
            memory.remove(max(memory, key=lambda old: rest.index(old) if old in rest else len(pages)))
        memory.append(page)
    return misses


def naive_clock(pages: list[int], frames: int) -> int:
    memory: list[list[int]] = []  # [page, bit]; the hand is at the front
    misses = 0
    for page in pages:
        found = next((frame for frame in memory if frame[0] == page), None)
        if found:
            found[1] = 1
            continue
        misses += 1
        if len(memory) == frames:
            while memory[0][1]:
                memory[0][1] = 0
                memory.append(memory.pop(0))
            memory.pop(0)
        memory.append([page, 1])
    return misses


def naive_lfu(pages: list[int], frames: int) -> int:
    memory: dict[int, int] = {}  # in the order in which they came
    misses = 0
    for page in pages:
        if page in memory:
            memory[page] += 1
            continue
        misses += 1
        if len(memory) == frames:
            del memory[min(memory, key=lambda old: memory[old])]
        memory[page] = 1
    return misses


def naive_arc(pages: list[int], c: int) -> int:
    """Figure 4 of the paper, line by line; lists with the most recently used page last."""
    t1: list[int] = []
    t2: list[int] = []
    b1: list[int] = []
    b2: list[int] = []
    p, misses = 0.0, 0

    def replace(x: int) -> None:
        if len(t1) >= 1 and ((x in b2 and len(t1) == p) or len(t1) > p):
            b1.append(t1.pop(0))
        else:
            b2.append(t2.pop(0))

    for x in pages:
        if x in t1 or x in t2:  # case I
            (t1 if x in t1 else t2).remove(x)
            t2.append(x)
            continue
        misses += 1
        if x in b1:  # case II
            p = min(c, p + (1 if len(b1) >= len(b2) else len(b2) / len(b1)))
            replace(x)
            b1.remove(x)
            t2.append(x)
        elif x in b2:  # case III
            p = max(0, p - (1 if len(b2) >= len(b1) else len(b1) / len(b2)))
            replace(x)
            b2.remove(x)
            t2.append(x)
        else:  # case IV
            if len(t1) + len(b1) == c:
                if len(t1) < c:
                    b1.pop(0)
                    replace(x)
                else:
                    t1.pop(0)
            elif len(t1) + len(b1) < c <= len(t1) + len(t2) + len(b1) + len(b2):
                if len(t1) + len(t2) + len(b1) + len(b2) == 2 * c:
                    b2.pop(0)
                replace(x)
            t1.append(x)
        assert len(t1) + len(t2) <= c
        assert len(t1) + len(b1) <= c
    return misses


def naive_random(pages: list[int], frames: int) -> int:
    generator = random.Random(1)
    memory: list[int] = []
    misses = 0
    for page in pages:
        if page in memory:
            continue
        misses += 1
        if len(memory) < frames:
            memory.append(page)
        else:
            memory[generator.randrange(frames)] = page
    return misses


MODELS: dict[str, Callable[[list[int], int], int]] = {
    "fifo": naive_fifo,
    "lru": naive_lru,
    "opt": naive_opt,
    "clock": naive_clock,
    "lfu": naive_lfu,
    "arc": naive_arc,
    "random": naive_random,
}


@st.composite
def strings(draw: st.DrawFn, largest: int = 12, length: int = 150) -> list[int]:
    """References with and without locality: loops, scans, favourites and repetitions, one after the other."""
    pages = st.integers(0, draw(st.integers(0, largest)))
    parts = draw(
        st.lists(
            st.one_of(
                st.lists(pages, max_size=20),
                st.tuples(pages, st.integers(1, 6)).map(lambda t: [t[0]] * t[1]),
                st.tuples(st.lists(pages, min_size=1, max_size=8), st.integers(1, 5)).map(
                    lambda t: t[0] * t[1]
                ),
            ),
            max_size=12,
        )
    )
    return [page for part in parts for page in part][:length]


def replayed(pages: list[int], frames: list[int], policies: list[str]) -> Curves:
    return curves(from_pages(pages), frames, policies)


@pytest.mark.parametrize("policy", NAMES)
@given(pages=strings(), frames=st.lists(st.integers(1, 14), min_size=1, max_size=4, unique=True).map(sorted))
def test_each_policy_is_its_model(policy: str, pages: list[int], frames: list[int]) -> None:
    expected = tuple(MODELS[policy](pages, number) for number in frames)
    assert replayed(pages, frames, [policy]).misses[policy] == expected


@given(pages=strings())
def test_the_optimum_is_one_and_stacks_include(pages: list[int]) -> None:
    result = replayed(pages, list(range(1, 15)), list(NAMES))
    for row in result.misses.values():
        assert all(best <= misses for best, misses in zip(result.misses["opt"], row, strict=True))
        assert all(misses >= result.footprint for misses in row)
        assert row[-1] == result.footprint  # everything fits
    for policy in ("lru", "opt"):
        row = result.misses[policy]
        assert list(row) == sorted(row, reverse=True)
        assert not any(anomaly.policy == policy for anomaly in result.anomalies)


@given(pages=strings(largest=300, length=1000), stretch=st.sampled_from([2, 3, 8]))
def test_distances_over_long_intervals(pages: list[int], stretch: int) -> None:
    """Every way to count a distance: all at once, one by one, and with references left out (small limits reach them all)."""
    string = from_pages([*pages, *range(40), *pages]).pages
    expected = []
    seen: list[int] = []
    for page in string.tolist():
        expected.append(len(seen) - seen.index(page) if page in seen else 0)
        seen = [*(old for old in seen if old != page), page]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_distances, "NEAR", stretch)
        patch.setattr(stack_distances, "GROWTH", 2)
        assert stack_distances.lru_distances(string).tolist() == expected
    assert stack_distances.lru_distances(string).tolist() == expected


@given(pages=strings(largest=100, length=400))
def test_deep_stacks(pages: list[int]) -> None:
    """The optimum's stack is the same whether Python or numpy lets pages sink."""
    string = from_pages([*range(60), *pages, *range(60)]).pages
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_distances, "SHALLOW", 0)
        deep = stack_distances.optimal_distances(string).tolist()
        patch.setattr(stack_distances, "SHALLOW", 1000)
        assert stack_distances.optimal_distances(string).tolist() == deep
    assert (
        naive_opt(string.tolist(), 40)
        == stack_distances.misses(stack_distances.optimal_distances(string), [40])[0]
    )


def test_beladys_anomaly() -> None:
    result = replayed(list(BELADY), [3, 4], ["fifo", "lru"])
    assert result.misses == {"fifo": (9, 10), "lru": (10, 8)}
    (anomaly,) = result.anomalies
    assert (anomaly.policy, anomaly.frames, anomaly.more_frames) == ("fifo", 3, 4)
    assert "Belady's anomaly: FIFO misses 10 times with 4 frames, 9 times with 3" in text_table(result)


def test_random_depends_on_its_seed_alone() -> None:
    string = from_pages([n * n % 17 for n in range(200)])
    rows = [curves(string, [4], ["random"], seed).misses["random"] for seed in (1, 1, 2, 3, 4)]
    assert rows[0] == rows[1]
    assert len(set(rows)) > 1


def test_counts_of_the_string() -> None:
    pages = [3, 3, 1, 1, 1, 7]
    string = from_pages(pages)
    assert string.pages.tolist() == [1, 0, 2]
    assert string.counts.tolist() == [2, 3, 1]
    assert string.times.tolist() == [0, 2, 5]
    assert Counter(pages) == {
        string.space_and_page(n)[1]: c for n, c in zip(string.pages, string.counts, strict=True)
    }


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("4..4096", [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]),
        ("3..10", [3, 6, 10]),
        ("1..4:1", [1, 2, 3, 4]),
        ("10..20:5,1,12", [1, 10, 12, 15, 20]),
        ("7", [7]),
        ("1..6:2", [1, 3, 5, 6]),
    ],
)
def test_frames(text: str, frames: list[int]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize(
    "text", ["", "0", "4..", "..4", "8..4", "-1", "1..9:0", "x", "1..1000000:1", "99999999999", "²"]
)
def test_bad_frames(text: str) -> None:
    with pytest.raises(UsageError, match=r"--frames"):
        parse_frames(text)


@given(pages=strings())
def test_pictures_are_xml(pages: list[int]) -> None:
    if pages:
        result = replayed(pages, [1, 2, 40], list(NAMES))
        xml.etree.ElementTree.fromstring(miss_ratios(result, "a & b < c"))


# --- the command ---


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trace") / "cow.pages"
    done = toyvm("trace", "pages", "-o", path, ASM / "cow.s")
    assert done.returncode == 0, done.stderr
    return path


def test_command(trace: Path, tmp_path: Path) -> None:
    picture = tmp_path / "p.svg"
    done = toyvm("policies", trace, "--json", "--svg", picture)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["schema"] == "toyvm.policies/1"
    assert told["frames"] == [4 << n for n in range(11)]
    assert set(told["misses"]) == set(NAMES)
    assert all(row[-1] == told["pages"] for row in told["misses"].values())
    drawn = picture.read_text()
    xml.etree.ElementTree.fromstring(drawn)
    assert all(f">{name}</text>" in drawn for name in NAMES.values())

    table = toyvm("policies", trace, "--policy", "opt,lru", "--frames", "4,8").stdout.decode()
    lru, opt = (told["misses"][policy][:2] for policy in ("lru", "opt"))
    rows = [line.replace(",", "").split() for line in table.splitlines()[2:4]]
    assert rows == [["4", str(lru[0]), str(opt[0])], ["8", str(lru[1]), str(opt[1])]]
    assert "%" in toyvm("policies", trace, "--ratio").stdout.decode()


def test_parts_of_a_trace(trace: Path) -> None:
    def asked(*args: str) -> dict[str, int]:
        return json.loads(toyvm("policies", trace, "--policy=lru", "--json", *args).stdout)  # type: ignore[no-any-return]  # what the command printed

    whole = asked()
    assert (
        asked("--references", "data")["references"] + asked("--references", "code")["references"]
        == whole["references"]
    )
    spaces = [asked("--space", str(number)) for number in (0, 1)]
    assert sum(space["references"] for space in spaces) == whole["references"]
    assert sum(space["pages"] for space in spaces) == whole["pages"]


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        ([], 2, "expected one of TRACE"),
        (["x", "--sample", "belady"], 2, "expected one of TRACE"),
        (["nothing.pages"], 1, "nothing.pages: No such file"),
        ([str(ASM / "hello.s")], 1, "not a trace of page references"),
        (["--string", "1,2,x"], 2, "expected page numbers"),
        (["--string", ""], 2, "expected page numbers"),
        (["--sample", "belady", "--policy", "lifo"], 2, "--policy lifo"),
        (["--sample", "belady", "--frames", "9..1"], 2, "--frames 9..1"),
    ],
)
def test_command_errors(args: list[str], status: int, words: str) -> None:
    done = toyvm("policies", *args)
    assert done.returncode == status
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_no_such_space(trace: Path) -> None:
    done = toyvm("policies", trace, "--space", "99")
    assert done.returncode == 2
    assert re.search(r"--space 99: .* has \d+", done.stderr.decode())
