"""The answers of replacement questions, by policies written once more, as simply as possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.quiz_seeds import questions, sentence
from toyvm.quizzes.question import Table

Outcome = tuple[list[bool], set[int]]  # hits, and the pages in memory at the end


Rank = Callable[[Sequence[int], int, dict[int, int], int], int]


def evicting_the_lowest(rank: Rank, pages: Sequence[int], frames: int) -> Outcome:
    """A policy that evicts the page of the lowest rank, by the time and the times at which pages were loaded."""
    loads: dict[int, int] = {}
    hits = []
    for now, page in enumerate(pages):
        hits.append(page in loads)
        if page not in loads:
            if len(loads) == frames:
                ranks = {old: rank(pages, now, loads, old) for old in sorted(loads)}
                del loads[min(ranks, key=ranks.__getitem__)]
            loads[page] = now
    return hits, set(loads)


def loaded(pages: Sequence[int], now: int, loads: dict[int, int], page: int) -> int:
    return loads[page]


def last_use(pages: Sequence[int], now: int, loads: dict[int, int], page: int) -> int:
    return max(at for at in range(now) if pages[at] == page)


def next_use(pages: Sequence[int], now: int, loads: dict[int, int], page: int) -> int:
    return -next((at for at in range(now, len(pages)) if pages[at] == page), len(pages))


def clock(pages: Sequence[int], frames: int) -> Outcome:
    """A ring of [page, bit] that is rotated, so that the hand is always at its first item."""
    ring: list[list[int]] = []
    hits = []
    for page in pages:
        slot = next((slot for slot in ring if slot[0] == page), None)
        hits.append(slot is not None)
        if slot:
            slot[1] = 1
        elif len(ring) < frames:
            ring.append([page, 1])
        else:
            while ring[0][1]:
                ring[0][1] = 0
                ring.append(ring.pop(0))
            ring.pop(0)
            ring.append([page, 1])
    return hits, {page for page, _ in ring}


MODELS: dict[str, Callable[[Sequence[int], int], Outcome]] = {
    "fifo": lambda pages, frames: evicting_the_lowest(loaded, pages, frames),
    "lru": lambda pages, frames: evicting_the_lowest(last_use, pages, frames),
    "opt": lambda pages, frames: evicting_the_lowest(next_use, pages, frames),
    "clock": clock,
}


def test_the_answers_are_those_of_the_models() -> None:
    seen = set()
    for question in questions("replacement"):
        data = question.data
        pages, frames = data["references"], data["frames"]
        for part, name in zip(question.parts, data["hits"], strict=False):
            hits, memory = MODELS[name](pages, frames)
            content = ", ".join(map(str, sorted(memory)))
            expected = f"Misses: {hits.count(False)}, hits: {hits.count(True)}. At the end, pages {content} are in memory."
            assert sentence(part) == expected, question.solution
            (steps,) = part.working
            assert isinstance(steps, Table)
            assert [row[2] == "hit" for row in steps.rows] == hits
            seen.add(name)
        fewer, more = (MODELS["fifo"](pages, n)[0].count(False) for n in (frames, frames + 1))
        assert sentence(question.parts[-1]).startswith(
            f"{fewer} with {frames} frames, {more} with {frames + 1}."
        )
    assert seen == {*MODELS}
