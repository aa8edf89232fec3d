"""Questions on page replacement: a recorded reference string, a policy, and a number of frames."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np

from ..base.record import Record
from ..observe.pages.page_recorder import PageRecorder
from ..observe.pages.page_trace import read_trace
from ..observe.pages.policy_replay import REPLAYS
from ..observe.pages.reference_string import reference_string
from ..observe.pages.stack_distances import lru_distances, optimal_distances
from .question import Block, Listing, Part, Question, answer, paragraph, table
from .small_runs import EXIT, PAGE, build, run

TITLE = "Page replacement"

POLICIES: dict[str, str] = {
    "fifo": "evict the page that has been in memory longest",
    "lru": "evict the page whose last reference is longest ago",
    "clock": "each frame has a reference bit, which every reference to its page sets, also the one that loads "
    "it. On a miss with all frames full, a hand goes round the frames: it clears a bit that is set and goes on; "
    "at the first bit that is clear, it evicts the page. The new page takes the frame, and the hand points to the "
    "frame after it. The hand begins at the frame that was filled first",
    "opt": "evict the page whose next reference is farthest ahead (Belady's optimum); of several that are not "
    "needed again, the one with the lowest number",
}
_LIMIT = 10_000  # references


class Reference(Record):
    """What a policy does at one reference. `memory` shows the frames after it."""

    hit: bool
    victim: int | None
    memory: str


def make(rng: Random, seed: int, number: int, level: int) -> Question:
    """The pages that a program refers to, and what policies make of them."""
    wanted = _pattern(rng, 4 + level, 8 + 5 * level)
    pages = _recorded(wanted)
    frames = rng.randrange(3, 4 + (level > 1))
    chosen = rng.sample(list(POLICIES), level)
    policies = [name for name in POLICIES if name in chosen]
    shown = " ".join(map(str, pages))
    given: tuple[Block, ...] = (
        paragraph(
            f"A program ran, and the machine recorded its loads and stores. They go to {len(set(pages))} pages, which "
            "are numbered from 0, in this order (references to the same page in a row count as one):"
        ),
        Listing(shown),
        paragraph(f"Memory has {frames} frames, all of them free at the start. The policies:"),
        table("policy, rule", [(name, POLICIES[name]) for name in policies]),
    )
    parts: list[Part] = []
    data_hits: dict[str, list[bool]] = {}
    contents: dict[str, list[int]] = {}
    for name in policies:
        worked, last = _WORK[name](pages, frames)
        hits = hits_of(name, pages, frames)
        if [w.hit for w in worked] != hits:
            raise RuntimeError(f"{name}: the working says {[w.hit for w in worked]}, the machine {hits}")
        parts.append(_part(name, pages, worked, last, frames))
        data_hits[name], contents[name] = hits, sorted(last)
    more = hits_of("fifo", pages, frames + 1).count(False)
    fewer = hits_of("fifo", pages, frames).count(False)
    parts.append(_more_frames_part(pages, frames, fewer, more))
    data = {
        "references": pages,
        "frames": frames,
        "hits": data_hits,
        "contents": contents,
        "fifo_misses": [fewer, more],
    }
    return Question("replacement", seed, number, level, TITLE, given, tuple(parts), data)


def _pattern(rng: Random, pages: int, length: int) -> list[int]:
    """References with some locality: short loops, scans and returns."""
    found: list[int] = []
    while len(found) < length:
        kind = rng.randrange(4)
        first = rng.randrange(pages)
        size = rng.randrange(2, min(5, pages) + 1)
        some = [(first + step) % pages for step in range(size)]
        if kind == 0:
            found += some * 2
        elif kind == 1:
            found += some + some[::-1]
        elif kind == 2:
            found += [page for page in some for page in (page, first)]
        else:
            found += [rng.randrange(pages) for _ in range(size)]
    return [rng.randrange(pages) if rng.random() < 0.2 else page for page in found[:length]]


def _recorded(wanted: Sequence[int]) -> list[int]:
    """Run a program that refers to pages in this order. Return the pages that the machine recorded."""
    lines = ["        .globl  _start", "_start: la      s0, region"]
    for place, page in enumerate(wanted):
        lines += [
            f"        li      t0, {page * PAGE + 8 * (place % 512)}",
            "        add     t0, t0, s0",
            f"        {'sd' if place % 3 else 'ld'}      t1, 0(t0)",
        ]
    ending = f"        .bss\n        .balign 4096\nregion: .space  {(max(wanted) + 1) * PAGE}\n"
    with tempfile.TemporaryDirectory(prefix="toyvm-quiz-") as folder:
        path = Path(folder) / "trace"
        with path.open("wb") as stream:
            recorder = PageRecorder(stream, _LIMIT)
            run(build("\n".join(lines) + "\n" + EXIT + ending), {"memory": 1 << 20}, watcher=recorder)
            recorder.finish("quiz")
        string = reference_string(read_trace(str(path)), "data")
    pages: list[int] = string.pages.tolist()
    return pages


def hits_of(policy: str, pages: Sequence[int], frames: int) -> list[bool]:
    """Whether each reference is a hit, by the replays of `toyvm policies`.

    LRU and the optimum give distances. The others count the misses of a string; the misses of its
    beginnings tell which references miss.
    """
    if policy in ("lru", "opt"):
        measure = lru_distances if policy == "lru" else optimal_distances
        distances = measure(np.array(pages, np.int32))
        return [0 < distance <= frames for distance in distances.tolist()]
    ones = [1] * len(pages)
    misses = [REPLAYS[policy](pages[:end], ones[:end], frames, 0) for end in range(len(pages) + 1)]
    return [before == after for before, after in pairwise(misses)]


def _queue(pages: Sequence[int], frames: int, *, moves: bool) -> tuple[list[Reference], list[int]]:
    """FIFO, or LRU if a hit moves the page to the end."""
    memory: list[int] = []
    found = []
    for page in pages:
        hit, victim = page in memory, None
        if hit and moves:
            memory.remove(page)
            memory.append(page)
        elif not hit:
            if len(memory) == frames:
                victim = memory.pop(0)
            memory.append(page)
        found.append(Reference(hit, victim, " ".join(map(str, memory))))
    return found, memory


def _clock(pages: Sequence[int], frames: int) -> tuple[list[Reference], list[int]]:
    memory: list[int] = []
    bits: list[bool] = []
    hand = 0
    found = []
    for page in pages:
        hit, victim = page in memory, None
        if hit:
            bits[memory.index(page)] = True
        elif len(memory) < frames:
            memory.append(page)
            bits.append(True)
        else:
            while bits[hand]:
                bits[hand] = False
                hand = (hand + 1) % frames
            victim, memory[hand], bits[hand] = memory[hand], page, True
            hand = (hand + 1) % frames
        cells = [
            f"{'>' if n == hand else ''}{p}{'*' * bit}"
            for n, (p, bit) in enumerate(zip(memory, bits, strict=True))
        ]
        found.append(Reference(hit, victim, " ".join(cells)))
    return found, memory


def _optimum(pages: Sequence[int], frames: int) -> tuple[list[Reference], list[int]]:
    memory: list[int] = []
    found = []
    for at, page in enumerate(pages):
        hit, victim = page in memory, None
        if not hit:
            if len(memory) == frames:
                rest = pages[at + 1 :]
                victim = max(sorted(memory), key=lambda p: rest.index(p) if p in rest else len(pages))
                memory.remove(victim)
            memory.append(page)
        found.append(Reference(hit, victim, " ".join(map(str, sorted(memory)))))
    return found, memory


_WORK: dict[str, Callable[[Sequence[int], int], tuple[list[Reference], list[int]]]] = {
    "fifo": lambda pages, frames: _queue(pages, frames, moves=False),
    "lru": lambda pages, frames: _queue(pages, frames, moves=True),
    "clock": _clock,
    "opt": _optimum,
}
_SHOWN = {
    "fifo": "memory (the oldest first)",
    "lru": "memory (the least recently used first)",
    "clock": "memory (> hand; * bit set)",
    "opt": "memory",
}


def _part(
    name: str, pages: Sequence[int], worked: Sequence[Reference], last: Sequence[int], frames: int
) -> Part:
    misses = [w.hit for w in worked].count(False)
    rows = [
        (number, page, "hit" if w.hit else "miss", "-" if w.victim is None else w.victim, w.memory)
        for number, (page, w) in enumerate(zip(pages, worked, strict=True), 1)
    ]
    content = ", ".join(map(str, sorted(last)))
    return Part(
        f"Policy {name} with {frames} frames: which references miss, which page does each miss evict, and which pages "
        "are in memory at the end?",
        answer(f"Misses: {misses}, hits: {len(pages) - misses}. At the end, pages {content} are in memory."),
        (table(f"reference, page, result, evicted, {_SHOWN[name]}", rows),),
    )


def _more_frames_part(pages: Sequence[int], frames: int, fewer: int, more: int) -> Part:
    worked, _ = _queue(pages, frames + 1, moves=False)
    missing = [number for number, w in enumerate(worked, 1) if not w.hit]
    if len(missing) != more:
        raise RuntimeError(f"the working says {missing}, the machine {more}")
    anomaly = " More frames, more misses: this is Belady's anomaly." if more > fewer else ""
    return Part(
        f"How many references does fifo miss with {frames} frames, and how many with {frames + 1}?",
        answer(f"{fewer} with {frames} frames, {more} with {frames + 1}.{anomaly}"),
        (paragraph(f"With {frames + 1} frames these references miss: {', '.join(map(str, missing))}."),),
    )
