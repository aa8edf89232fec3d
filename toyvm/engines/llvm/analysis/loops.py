"""Loops of a region, and the pointers that walk through memory in them.

How far a pointer gets in a number of instructions is known before they are executed: whatever moves it is an instruction of the
loop, which is executed at most once in the shortest way round (`linear_forms`). So one look at a range serves for the next few
hundred instructions (`emit.memory_text`), and the budget, which counts instructions, says when they are over.

Such a loop is printed twice. The checked form is code like any other. The ahead form is for the time in which the pointers are known
to be inside their ranges: their accesses are bare, it calls nothing, and a short one goes round several times from check to check. What
else may miss there goes on in the checked form, at the same instruction.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from toyvm.isa.ops import Node, Op

from .linear_forms import Flow, Motion, Terms, added
from .regions import Key, Region

_NEAR = 4096  # bytes; accesses at constants about the same multiple of it are one pointer's
_MOST = 8  # pointers of a loop
_DEEPER = 8  # how many times more an access counts for each loop that it is in
_SELDOM = 1 << 16  # instructions from one time to the next, of what is never there twice
_ACCESSES = frozenset({Op.LOAD, Op.STORE})
_ATOMIC = frozenset({Op.AMO_LOAD, Op.LOAD_RESERVED, Op.STORE_CONDITIONAL})
_COPIES, _UNROLLED = 4, 48  # times round from check to check, and instructions, of a short loop
_LINE = 64  # bytes


class Pointer:
    """Accesses of a loop at `first` to `last` bytes from a sum of registers, some of which the loop leaves alone (`still`). It moves by at
    most `up` or `down` bytes, or by what register `step` holds, `times` times, for each `shortest` instructions begun."""

    __slots__ = (
        "down", "first", "last", "number", "shortest", "step", "still", "terms", "times", "up", "value", "writes",
    )  # fmt: skip

    def __init__(self, terms: Terms, distance: int):
        self.terms = terms
        self.still: Terms = ()
        self.first = self.last = distance
        self.number = 0  # among the pointers of the loop
        self.value = 0
        self.writes = False
        self.up = self.down = self.times = 0
        self.step: int | None = None
        self.shortest = _SELDOM

    @property
    def moving(self) -> Terms:
        """What the loop changes of it."""
        return tuple(term for term in self.terms if term not in self.still)

    def add(self, distance: int, write: bool, value: int) -> None:
        """One access more."""
        self.first, self.last = min(self.first, distance), max(self.last, distance)
        self.writes = self.writes or write
        self.value += value


class Loop:
    """A loop that is entered at its head alone. `through` has the pointer and the distance from it for each access that goes through
    one, by block and address.

    Its ahead form goes round `copies` times before it is at its head again; `ways` are the instructions that may be executed
    from the beginning of a block of a copy to the next check, at most `longest`.
    """

    __slots__ = (
        "blocks", "copies", "head", "heads", "longest", "number", "pointers", "through", "ways",
    )  # fmt: skip

    def __init__(self, head: Key, blocks: set[Key], region: Region):
        self.number = 0  # among the loops of the region
        self.head = head
        self.blocks = blocks
        self.heads = blocks & region.heads
        self.pointers: list[Pointer] = []
        self.through: dict[tuple[Key, int], tuple[Pointer, int]] = {}
        self.unroll(1, region)

    def unroll(self, copies: int, region: Region) -> None:
        """Say how often the ahead form goes round from check to check."""
        self.copies = copies
        self.ways = self._ways(region)
        self.longest = max(self.ways[key, 0] for key in self.heads)

    def copy_of(self, to: Key, copy: int) -> int:
        """In which copy a block follows on one in `copy`."""
        return (copy + 1) % self.copies if to == self.head else copy

    def checks(self, key: Key, copy: int) -> bool:
        """Whether a block of the ahead form begins with a look at the budget."""
        return key in self.heads and copy == 0

    def _ways(self, region: Region) -> dict[tuple[Key, int], int]:
        ways: dict[tuple[Key, int], int] = {}
        order = [key for key in region.longest if key in self.blocks]  # what follows comes first
        for copy in reversed(range(self.copies)):
            for key in order:
                rest = [0]
                for to in region.blocks[key].successors:
                    if to in self.blocks:
                        at = to, self.copy_of(to, copy)
                        rest.append(0 if self.checks(*at) else ways[at])
                    elif to in region.blocks and to not in region.heads:
                        rest.append(region.longest[to])
                ways[key, copy] = len(region.blocks[key].steps) + max(rest)
        return ways


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
                if node.op in _ATOMIC:  # their rows have the last word
                    return 0
                if node.op is Op.WRITE_X:
                    writes.setdefault(node.args[0].value, []).append((key, node.args[1]))
    motions = {
        number: motion
        for number, found in writes.items()
        if (motion := _motion(number, found, loop, region, set(writes))) is not None
    }
    flow = Flow(loop.head, region.blocks, loop.blocks, set(writes), set(motions))
    pointers: dict[tuple[Terms, int], Pointer] = {}
    through: dict[tuple[Key, int], tuple[tuple[Terms, int], int]] = {}
    for key, values in flow.at.items():
        for step in region.blocks[key].steps:
            for node in step.effects:
                if node.op not in _ACCESSES:
                    continue
                form = flow.form(node.args[0], values)
                if form is not None:
                    distance, terms = form
                    place = terms, distance + (_NEAR >> 1) & -_NEAR
                    pointer = pointers.setdefault(place, Pointer(terms, distance))
                    pointer.add(distance, node.op is Op.STORE, _DEEPER ** depth[key])
                    through[key, step.pc] = place, distance
            flow.execute(step, values)
    found = [pointer for pointer in pointers.values() if _moves(pointer, motions)]
    loop.pointers = sorted(found, key=lambda one: -one.value)[:_MOST]
    loop.unroll(_copies(loop, region), region)
    for number, pointer in enumerate(loop.pointers):
        pointer.number = number
    for at, (place, distance) in through.items():
        if pointers[place] in loop.pointers:
            loop.through[at] = pointers[place], distance
    return sum(pointer.value for pointer in loop.pointers)


def _copies(loop: Loop, region: Region) -> int:
    """How often a loop should go round from check to check: only a short one without others inside. Each load that strides far stays one
    instruction of the host, whose prefetcher goes by the instruction."""
    far = any(
        not pointer.writes and (pointer.step is not None or max(pointer.up, pointer.down) > _LINE)
        for pointer in loop.pointers
    )
    if far or len(loop.heads) > 1:
        return 1
    return max(1, min(_COPIES, _UNROLLED // sum(len(region.blocks[key].steps) for key in loop.blocks)))


def _moves(pointer: Pointer, motions: dict[int, Motion]) -> bool:
    """Fill in how a pointer moves; whether that is to be told."""
    pointer.still = tuple(term for term in pointer.terms if term[0] not in motions)
    for number, factor in pointer.moving:
        motion = motions[number]
        pointer.shortest = min(pointer.shortest, motion.shortest)
        up, down = (abs(factor) * way for way in (motion.up, motion.down))
        pointer.up += up if factor > 0 else down
        pointer.down += down if factor > 0 else up
        if motion.step is not None:
            if pointer.step is not None:
                return False
            pointer.step, pointer.times = motion.step, factor * motion.times
    return pointer.step is None or not (pointer.up or pointer.down)


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
