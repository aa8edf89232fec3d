"""Replays page replacement policies on a reference string, one number of frames at a time.

Each function takes the pages of a string without adjacent repetitions, the count of references of
each entry, the number of frames and a seed, and returns the misses. LRU and the optimum are in
`stack_distances`, where one pass serves all numbers of frames. The policies here do not have the
inclusion property; FIFO may even miss more with more frames (Belady's anomaly).

Hits are far more frequent than misses. If a policy ignores hits, `filterfalse` skips them quickly.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import filterfalse

Replay = Callable[[Sequence[int], Sequence[int], int, int], int]


def fifo(pages: Sequence[int], counts: Sequence[int], frames: int, seed: int) -> int:
    """First in, first out: evict the page that has been in memory longest."""
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
    """Evict a random page. The same seed gives the same choices."""
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
    """Clock (second chance): a hand clears reference bits, and evicts the first page without one.

    A new page has its bit set, and the hand points to the frame after it.
    """
    used = bytearray(max(pages, default=0) + 1)  # 0: not in memory, 1: bit clear, 2: bit set
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
    """Least frequently used: evict the page with the fewest references since it was loaded.

    Of several, evict the one that was loaded first.
    """
    uses = [0] * (max(pages, default=0) + 1)  # 0: not in memory
    # (uses when pushed, number of the miss, page). The uses may be out of date: too low.
    heap: list[tuple[int, int, int]] = []
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
    """Adaptive replacement cache: pages seen once compete with pages seen again for the frames.

    The algorithm is figure 4 of Megiddo and Modha, "ARC: a self-tuning, low overhead replacement
    cache" (FAST 2003). The first page of each dictionary is the least recently used one.
    """
    t1: OrderedDict[int, None] = OrderedDict()  # in memory, seen once
    t2: OrderedDict[int, None] = OrderedDict()  # in memory, seen again
    b1: OrderedDict[int, None] = OrderedDict()  # evicted from t1
    b2: OrderedDict[int, None] = OrderedDict()  # evicted from t2
    target = 0.0  # the target size of t1: `p` in the paper
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
