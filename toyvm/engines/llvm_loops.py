"""Loops of a region, and the pointers that walk through memory in them.

How far a pointer gets in a number of instructions is known before they are executed: whatever moves it is an instruction of the
loop, which is executed at most once in the shortest way round (`llvm_linear`). So one look at a range serves for the next few
hundred instructions (`llvm_memory`), and the budget, which counts instructions, says when they are over.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from ..isa.ops import Node, Op
from .llvm_linear import Flow, Motion, Terms, added
from .llvm_region import Key, Region

_NEAR = 4096  # bytes; accesses at constants about the same multiple of it are one pointer's
_MOST = 8  # pointers of a loop
_DEEPER = 8  # how many times more an access counts for each loop that it is in
_PASSES = 16  # the longest ways from check to check that a look at the ranges is good for
_LEAST = 512  # instructions that it is good for
_ACCESSES = frozenset({Op.LOAD, Op.STORE})


class Pointer:
    """Accesses of a loop at `first` to `last` bytes from a sum of registers. `up` and `down` are how far that moves at most before the
    next look; or it moves by what register `step` holds, `times` times."""

    __slots__ = ("down", "first", "last", "number", "step", "terms", "times", "up", "value", "writes")

    def __init__(self, terms: Terms, distance: int):
        self.terms = terms
        self.first = self.last = distance
        self.number = 0  # among the pointers of the loop
        self.value = 0
        self.writes = False
        self.up = self.down = self.times = 0
        self.step: int | None = None

    def add(self, distance: int, write: bool, value: int) -> None:
        """One access more."""
        self.first, self.last = min(self.first, distance), max(self.last, distance)
        self.writes = self.writes or write
        self.value += value


class Loop:
    """A loop that is entered at its head alone. `horizon` is how many instructions a look at the ranges is good for; a
    check of the budget takes at most `longest` of them. `through` has the pointer for each access, by block and address."""

    __slots__ = ("blocks", "head", "horizon", "longest", "number", "pointers", "through")

    def __init__(self, head: Key, blocks: set[Key], region: Region):
        self.number = 0  # among the loops of the region
        self.head = head
        self.blocks = blocks
        self.pointers: list[Pointer] = []
        self.through: dict[tuple[Key, int], Pointer] = {}
        self.longest = max(region.longest[key] for key in blocks if key in region.heads)
        self.horizon = max(_PASSES * self.longest, _LEAST)


def find_loops(region: Region) -> list[Loop]:
    """Loops with pointers, none inside another: of a nest those that save most looks at ranges."""
    every = sorted(_natural(region), key=lambda loop: len(loop.blocks))
    depth = {key: sum(key in loop.blocks for loop in every) for key in region.blocks}
    outermost: list[Loop] = []
    best: dict[Loop, tuple[int, list[Loop]]] = {}  # what is saved in a loop, and by which
    for loop in every:
        inside = [inner for inner in outermost if inner.blocks <= loop.blocks]
        value, others = _find_pointers(loop, region, depth), sum(best[inner][0] for inner in inside)
        if value and value >= others:
            best[loop] = value, [loop]
        else:
            best[loop] = others, [one for inner in inside for one in best[inner][1]]
        outermost = [*(other for other in outermost if other not in inside), loop]
    chosen = [one for loop in outermost for one in best[loop][1]]
    for number, loop in enumerate(chosen):
        loop.number = number
    return chosen


def _natural(region: Region) -> Iterator[Loop]:
    """The loops whose heads are on every way into them. Of several with the same head each has those that are shorter inside."""
    before: dict[Key, list[Key]] = {key: [] for key in region.blocks}
    for key, block in region.blocks.items():
        for to in block.successors:
            if to in before:
                before[to].append(key)
    for head in sorted(region.heads):
        elsewhere = _without(region, head)
        bodies = [_body(head, last, before) for last in before[head] if last not in elsewhere]
        whole: set[Key] = set()
        for body in sorted(bodies, key=len):
            if not body <= whole:
                whole = whole | body
                if all(
                    awaited == head[1] for _, awaited in whole
                ):  # not one that calls: it seldom goes round often
                    yield Loop(head, whole, region)


def _body(head: Key, last: Key, before: dict[Key, list[Key]]) -> set[Key]:
    """The blocks on the ways from a loop's head to a block that leads back there."""
    body, waiting = {head}, [last]
    while waiting:
        key = waiting.pop()
        if key not in body:
            body.add(key)
            waiting += before[key]
    return body


def _without(region: Region, head: Key) -> set[Key]:
    """The blocks that some way from the entry leads to without passing `head`."""
    found: set[Key] = set()
    waiting = [region.entry]
    while waiting:
        key = waiting.pop()
        if key != head and key in region.blocks and key not in found:
            found.add(key)
            waiting += region.blocks[key].successors
    return found


def _find_pointers(loop: Loop, region: Region, depth: dict[Key, int]) -> int:
    """Fill in the pointers of a loop; how many looks at ranges they save, those of inner loops counted as more."""
    writes: dict[int, list[tuple[Key, Node]]] = {}
    for key in sorted(loop.blocks):
        for step in region.blocks[key].steps:
            for node in step.effects:
                if node.op is Op.WRITE_X:
                    writes.setdefault(node.args[0].value, []).append((key, node.args[1]))
    motions = {
        number: motion
        for number, found in writes.items()
        if (motion := _motion(number, found, loop, region, set(writes))) is not None
    }
    flow = Flow(loop.head, region.blocks, loop.blocks, set(writes), set(motions))
    pointers: dict[tuple[Terms, int], Pointer | None] = {}
    through: dict[tuple[Key, int], tuple[Terms, int]] = {}
    for key, values in flow.at.items():
        for step in region.blocks[key].steps:
            for node in step.effects:
                if node.op not in _ACCESSES:
                    continue
                form = flow.form(node.args[0], values)
                if form is not None:
                    distance, terms = form
                    place = terms, distance + (_NEAR >> 1) & -_NEAR
                    if place not in pointers:
                        pointers[place] = _moving(Pointer(terms, distance), motions, loop)
                    pointer = pointers[place]
                    if pointer is not None:
                        pointer.add(distance, node.op is Op.STORE, _DEEPER ** depth[key])
                        through[key, step.pc] = place
            flow.execute(step, values)
    found = sorted(
        (pointer for pointer in pointers.values() if pointer is not None), key=lambda one: -one.value
    )
    loop.pointers = found[:_MOST]
    for number, pointer in enumerate(loop.pointers):
        pointer.number = number
    for at, place in through.items():
        if (one := pointers[place]) is not None and one in loop.pointers:
            loop.through[at] = one
    return sum(pointer.value for pointer in loop.pointers)


def _moving(pointer: Pointer, motions: dict[int, Motion], loop: Loop) -> Pointer | None:
    """Fill in how far a pointer moves before the next look; None where that is not to be told."""
    instructions = loop.horizon + loop.longest
    for number, factor in pointer.terms:
        motion = motions.get(number)
        if motion is None:
            continue
        rounds = motion.rounds(instructions)
        up, down = (rounds * abs(factor) * way for way in (motion.up, motion.down))
        pointer.up += up if factor > 0 else down
        pointer.down += down if factor > 0 else up
        if motion.step is not None:
            if pointer.step is not None:
                return None
            pointer.step, pointer.times = motion.step, rounds * factor * motion.times
    return None if pointer.step is not None and (pointer.up or pointer.down) else pointer


def _motion(
    number: int, found: list[tuple[Key, Node]], loop: Loop, region: Region, written: set[int]
) -> Motion | None:
    """How a loop moves a register, if it does nothing else with it."""
    motion = Motion()
    for _, value in found:
        more = added(number, value, written)
        if more is None:
            return None
        constant, terms = more
        motion.up += max(constant, 0)
        motion.down -= min(constant, 0)
        for step, times in terms:
            if motion.step not in (None, step) or motion.times * times < 0:
                return None
            motion.step = step
            motion.times += times
    if motion.step is not None and (motion.up or motion.down):
        return None
    motion.shortest = min(_shortest(key, loop, region) for key, _ in found)
    return motion


def _shortest(start: Key, loop: Loop, region: Region) -> int:
    """Instructions of the shortest way from a block of a loop back to it, inside the loop."""
    best: dict[Key, int] = {}
    waiting = [(0, start)]
    while waiting:
        done, key = heapq.heappop(waiting)
        if key == start and done:
            return done
        done += len(region.blocks[key].steps)
        for to in region.blocks[key].successors:
            if to in loop.blocks and done < best.get(to, done + 1):
                best[to] = done
                heapq.heappush(waiting, (done, to))
    return 1 << 30  # it is never there twice
