"""Page replacement policies replayed on a reference string, one number of frames at a time.

Every function takes the pages of a string in which no page stands twice in a row, how often each is referred to there, the number of
frames and a seed, and gives the misses. LRU and the optimum need only one pass for all numbers of frames and are
in `distances`; those here have no such order, and FIFO can even be worse with more frames (Belady's anomaly).

Hits outnumber misses by far, so what a hit costs decides: where it changes nothing, `filterfalse` passes it over.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import filterfalse

Replay = Callable[[Sequence[int], Sequence[int], int, int], int]


def fifo(pages: Sequence[int], counts: Sequence[int], frames: int, seed: int) -> int:
    """First in, first out: the page that has been in memory for longest goes."""
    resident: set[int] = set()
    queue: deque[int] = deque()
    misses = 0
    for page in filterfalse(resident.__contains__, pages):
        misses += 1
        if len(queue) == frames:
            resident.remove(queue.popleft())
        resident.add(page)
        queue.append(page)
    return misses


def randomly(pages: Sequence[int], counts: Sequence[int], frames: int, seed: int) -> int:
    """Any page goes. The same seed gives the same choices."""
    generator = random.Random(seed)
    resident: set[int] = set()
    frame: list[int] = []
    misses = 0
    for page in filterfalse(resident.__contains__, pages):
        misses += 1
        resident.add(page)
        if len(frame) < frames:
            frame.append(page)
        else:
            victim = generator.randrange(frames)
            resident.remove(frame[victim])
            frame[victim] = page
    return misses


def clock(pages: Sequence[int], counts: Sequence[int], frames: int, seed: int) -> int:
    """Second chance: a hand goes round the frames, clears the bits that references have set, and takes the first page without.

    A page comes in with its bit set, and the hand stands behind it.
    """
    used = bytearray(max(pages, default=0) + 1)  # 0: not in memory, 1: not referred to lately, 2: referred to
    frame: list[int] = []
    misses = hand = 0
    for page in pages:
        if used[page]:
            used[page] = 2
            continue
        misses += 1
        used[page] = 2
        if len(frame) < frames:
            frame.append(page)
            continue
        while used[frame[hand]] == 2:
            used[frame[hand]] = 1
            hand = hand + 1 if hand + 1 < frames else 0
        used[frame[hand]] = 0
        frame[hand] = page
        hand = hand + 1 if hand + 1 < frames else 0
    return misses


def lfu(pages: Sequence[int], counts: Sequence[int], frames: int, seed: int) -> int:
    """Least frequently used: the page with the fewest references since it came in goes; of those, the one that came first."""
    uses = [0] * (max(pages, default=0) + 1)  # 0: not in memory
    heap: list[
        tuple[int, int, int]
    ] = []  # (uses when it was put here, number of its miss, page): never too many uses
    misses = 0
    for page, count in zip(pages, counts, strict=True):
        if uses[page]:
            uses[page] += count
            continue
        if misses >= frames:
            known, came, victim = heappop(heap)
            while known != uses[victim]:
                heappush(heap, (uses[victim], came, victim))
                known, came, victim = heappop(heap)
            uses[victim] = 0
        uses[page] = count
        heappush(heap, (count, misses, page))
        misses += 1
    return misses


def arc(pages: Sequence[int], counts: Sequence[int], frames: int, seed: int) -> int:
    """Adaptive replacement cache: pages seen once and pages seen again compete for the frames.

    As in figure 4 of Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache" (FAST 2003); the first page of each
    dictionary is its least recently used one.
    """
    t1: OrderedDict[int, None] = OrderedDict()  # in memory, seen once
    t2: OrderedDict[int, None] = OrderedDict()  # in memory, seen again
    b1: OrderedDict[int, None] = OrderedDict()  # were in t1, and are remembered
    b2: OrderedDict[int, None] = OrderedDict()
    target = 0.0  # of the size of t1: `p` in the paper
    misses = 0

    def replace(from_b2: bool) -> None:
        if t1 and (len(t1) > target or (from_b2 and len(t1) == target)):
            b1[t1.popitem(last=False)[0]] = None
        else:
            b2[t2.popitem(last=False)[0]] = None

    for page, count in zip(pages, counts, strict=True):
        if page in t2:
            t2.move_to_end(page)
            continue
        if page in t1:
            del t1[page]
            t2[page] = None
            continue
        misses += 1
        if page in b1:
            target = min(frames, target + max(len(b2) / len(b1), 1))
            replace(from_b2=False)
            del b1[page]
            t2[page] = None
            continue
        if page in b2:
            target = max(0, target - max(len(b1) / len(b2), 1))
            replace(from_b2=True)
            del b2[page]
            t2[page] = None
            continue
        if len(t1) + len(b1) == frames:
            if len(t1) < frames:
                b1.popitem(last=False)
                replace(from_b2=False)
            else:
                t1.popitem(last=False)
        elif (known := len(t1) + len(t2) + len(b1) + len(b2)) >= frames:
            if known == 2 * frames:
                b2.popitem(last=False)
            replace(from_b2=False)
        (t1 if count == 1 else t2)[page] = None
    return misses


REPLAYS: dict[str, Replay] = {"fifo": fifo, "clock": clock, "lfu": lfu, "random": randomly, "arc": arc}
