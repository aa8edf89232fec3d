"""Loops of a region, and the pointers that move through memory in them.

The distance that a pointer moves in a number of instructions is bounded: each instruction that
moves it is executed at most once in the shortest path around the loop (`linear_forms`). So one
check of a range is valid for the next few hundred instructions (`emit.memory_text`). The budget
counts instructions, so it also shows when the check expires.

Such a loop is printed twice. The checked form is ordinary code. The ahead form runs while all
pointers are inside their ranges: their accesses have no checks, nothing is called, and short
innermost loops are unrolled. Another access that misses its range continues in the checked form, at
the same instruction.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from toyvm.base.bits import sext
from toyvm.isa.ops import Node, Op

from .linear_forms import Drift, Flow, Motion, Terms, Values, added
from .regions import Key, Region

_NEAR = 4096  # bytes; one pointer serves all accesses whose constants round to the same multiple of it
_MOST = 8  # pointers per loop
_DEEPER = 8  # the factor of an access's weight for each loop around it
_SELDOM = 1 << 16  # instructions between two executions of an instruction that no path repeats
_ACCESSES = frozenset({Op.LOAD, Op.STORE})
_ATOMIC = frozenset({Op.AMO_LOAD, Op.LOAD_RESERVED, Op.STORE_CONDITIONAL})
_COPIES, _UNROLLED = 4, 48  # most iterations, and instructions, of an unrolled loop
_LINE = 64  # bytes of a cache line
_Place = tuple[Terms, int, int | None]  # what the accesses of a pointer have in common


class Pointer:
    """Accesses of a loop at `first` to `last` bytes from the same sum of registers (`terms`).

    `still` are the terms that the loop does not change. In each `shortest` instructions begun, the
    sum moves by at most `up` or `down` bytes, or by `times` times the register `step`. `value` is
    the weight of the accesses. If the accesses use a register that was set to the sum and has been
    moved since, `drifting` is that register, and `up` and `down` include its own motion.
    """

    __slots__ = (
        "down", "drifting", "first", "last", "number", "shortest", "step", "still", "terms", "times", "up", "value",
        "writes",
    )  # fmt: skip

    def __init__(self, terms: Terms, distance: int, drifting: int | None = None):
        self.terms = terms
        self.drifting = drifting
        self.still: Terms = ()
        self.first = self.last = distance
        self.number = 0  # index in `Loop.pointers`
        self.value = 0
        self.writes = False
        self.up = self.down = self.times = 0
        self.step: int | None = None
        self.shortest = _SELDOM

    @property
    def moving(self) -> Terms:
        """The terms that the loop changes."""
        return tuple(term for term in self.terms if term not in self.still)

    @property
    def drift(self) -> Terms:
        """The register that drifts, as a term."""
        return () if self.drifting is None else ((self.drifting, 1),)

    @property
    def fixed(self) -> Terms:
        """The terms that are the same for all accesses until the next look."""
        return () if self.drift else self.still

    @property
    def varying(self) -> Terms:
        """The terms that each access adds."""
        return self.drift or self.moving

    def add(self, first: int, last: int, write: bool, value: int) -> None:
        """Add an access, `first` to `last` bytes from the sum."""
        self.first, self.last = min(self.first, first), max(self.last, last)
        self.writes = self.writes or write
        self.value += value


class Loop:
    """A loop, seen from one of its blocks, its head. All paths that are considered begin there.

    `looks` are the blocks where the loop may look ahead: all with a check of the budget if every
    path to them passes the head, else the head alone.

    `pointer_of` maps an access (block, address) to its pointer and the distance from the sum, or
    from its drifting register. In the ahead form, `unrolled` maps the blocks of short innermost
    loops to the loop, which has `copies` copies with one check of the budget. `longest_from` has,
    for each block and copy, the most instructions from its beginning to the next check; `longest`
    is their maximum. `outer` is the next loop around it that is also chosen.
    """

    __slots__ = (
        "blocks", "copies", "head", "heads", "longest", "longest_from", "looks", "number", "outer",
        "pointer_of", "pointers", "unrolled",
    )  # fmt: skip

    def __init__(self, head: Key, blocks: set[Key], region: Region, *, single_entry: bool = True):
        self.number = 0  # index among the chosen loops of the region
        self.head = head
        self.blocks = blocks
        self.heads = blocks & region.heads
        self.looks = self.heads if single_entry else {head}
        self.pointers: list[Pointer] = []
        self.pointer_of: dict[tuple[Key, int], tuple[Pointer, int]] = {}
        self.copies = 1
        self.outer: Loop | None = None
        self.unroll([], region)

    @property
    def chain(self) -> Iterator[Loop]:
        """The loop and those around it that are also chosen."""
        loop: Loop | None = self
        while loop is not None:
            yield loop
            loop = loop.outer

    @property
    def outermost(self) -> Loop:
        """The last of `chain`."""
        return [*self.chain][-1]

    def unroll(self, inner: list[Loop], region: Region) -> None:
        """Set the loops that have copies in the ahead form, the smaller ones first."""
        self.unrolled = {key: loop for loop in inner for key in loop.blocks}
        self.longest_from = self._longest_from(region)
        self.longest = max(self.longest_from[key, 0] for key in self.heads)

    def copies_of(self, key: Key) -> int:
        """The number of copies of a block in the ahead form."""
        return self.unrolled[key].copies if key in self.unrolled else 1

    def copy_of(self, to: Key, key: Key, copy: int) -> int:
        """The copy of the block `to` that follows the block `key` in `copy`."""
        inner = self.unrolled.get(key)
        if inner is None or self.unrolled.get(to) is not inner:
            return 0
        return (copy + 1) % inner.copies if to == inner.head else copy

    def checks(self, key: Key, copy: int) -> bool:
        """Whether a block of the ahead form begins with a check of the budget."""
        return key in self.heads and copy == 0

    def _longest_from(self, region: Region) -> dict[tuple[Key, int], int]:
        longest: dict[tuple[Key, int], int] = {}
        order = [key for key in region.longest if key in self.blocks]  # successors come first
        # An unrolled loop is entered through a check, so nothing outside it waits for its figures.
        places = [(key, 0) for key in order if key not in self.unrolled]
        for inner in dict.fromkeys(self.unrolled.values()):
            body = [key for key in order if self.unrolled.get(key) is inner]
            places += [(key, copy) for copy in reversed(range(inner.copies)) for key in body]
        for key, copy in places:
            rest = [0]
            for to in region.blocks[key].successors:
                if to in self.blocks:
                    at = to, self.copy_of(to, key, copy)
                    rest.append(0 if self.checks(*at) else longest[at])
                elif to in region.blocks and to not in region.heads:
                    rest.append(region.longest[to])
            longest[key, copy] = len(region.blocks[key].steps) + max(rest)
        return longest


def find_loops(region: Region) -> list[Loop]:
    """The loops with pointers; of nested loops, those that save the most range checks.

    Loops inside one that cannot look ahead in them come before it (`_kept`). More blocks begin with
    a check of the budget, if a loop needs one to look ahead.
    """
    every = _nested(region)
    depth = {key: sum(key in loop.blocks for loop in every) for key in region.blocks}
    further = [key for loop in every for key in _further_head(loop, every, region, depth)]
    if further:
        for key in further:
            region.check_at(key)
        every = _nested(region)
    outermost: list[Loop] = []
    short: list[Loop] = []  # those that are worth copies
    best: dict[Loop, tuple[int, list[Loop]]] = {}  # most checks saved in a loop, and the loops that save them
    for loop in every:
        inside = [inner for inner in outermost if inner.blocks <= loop.blocks]
        value, others = _find_pointers(loop, region, depth), sum(best[inner][0] for inner in inside)
        shape = loop
        for turned in _turned(loop, region, depth):
            more = _find_pointers(turned, region, depth)
            if more > value:
                value, shape = more, turned
        loop.copies = _copies(loop, region)
        if loop.copies > 1:
            short.append(loop)
        shape.unroll([one for one in short if one.blocks <= loop.blocks], region)
        if value and value >= others:
            best[loop] = value, [*(one for inner in inside for one in _kept(best[inner][1], shape)), shape]
        else:
            best[loop] = others, [one for inner in inside for one in best[inner][1]]
        outermost = [*(other for other in outermost if other not in inside), loop]
    chosen = [one for loop in outermost for one in best[loop][1]]
    for number, loop in enumerate(chosen):
        loop.number = number
    return chosen


def _kept(chosen: list[Loop], outer: Loop) -> list[Loop]:
    """The chosen loops inside another one that look ahead where that one cannot.

    An inner loop that leaves its ranges would otherwise stay in the checked form until it ends.
    The same accesses of its blocks must have pointers in both, so that there is one checked form.
    """
    kept: list[Loop] = []
    for loop in reversed(chosen):
        same = loop.pointer_of.keys() == {at for at in outer.pointer_of if at[0] in loop.blocks}
        if same and not outer.looks & loop.blocks:
            loop.outer = next((one for one in kept if loop.blocks < one.blocks), outer)
            kept.insert(0, loop)
    return kept


def _nested(region: Region) -> list[Loop]:
    """The natural loops, the smaller ones first."""
    return sorted(_natural(region), key=lambda loop: len(loop.blocks))


def _further_head(loop: Loop, every: list[Loop], region: Region, depth: dict[Key, int]) -> list[Key]:
    """The block after an inner loop, if all heads of a loop are in loops inside it."""
    outside = min(depth[key] for key in loop.blocks)
    if all(depth[key] > outside for key in loop.heads):
        for inner in every:
            if inner.head == loop.head and inner.blocks < loop.blocks:
                for key in sorted(inner.blocks):
                    for to in region.blocks[key].successors:
                        if to in loop.blocks and depth[to] == outside:
                            return [to]
    return []


def _natural(region: Region) -> Iterator[Loop]:
    """The natural loops (their heads dominate them). Those with one head are nested by size."""
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
                # A loop with calls seldom has many iterations.
                if all(awaited == head[1] for _, awaited in whole):
                    yield Loop(head, whole, region)


def _turned(loop: Loop, region: Region, depth: dict[Key, int]) -> Iterator[Loop]:
    """The same loop with other heads, outside the loops in it.

    A region begins where code is hottest, so the outer loop's natural head is often that of an
    inner loop, where few forms of registers are known.
    """
    outside = min(depth[key] for key in loop.heads)
    for head in sorted(loop.heads - {loop.head}):
        if depth[head] == outside:
            yield Loop(head, loop.blocks, region, single_entry=False)


def _body(head: Key, last: Key, before: dict[Key, list[Key]]) -> set[Key]:
    """The blocks on the paths from a loop's head to `last`, which leads back to it."""
    body, waiting = {head}, [last]
    while waiting:
        key = waiting.pop()
        if key not in body:
            body.add(key)
            waiting += before[key]
    return body


def _without(region: Region, head: Key) -> set[Key]:
    """The blocks that are reachable from the entry without passing `head`."""
    found: set[Key] = set()
    waiting = [region.entry]
    while waiting:
        key = waiting.pop()
        if key != head and key in region.blocks and key not in found:
            found.add(key)
            waiting += region.blocks[key].successors
    return found


def _find_pointers(loop: Loop, region: Region, depth: dict[Key, int]) -> int:
    """Set the pointers of a loop. Returns the weight of the range checks that they save."""
    writes: dict[int, list[tuple[Key, Node]]] = {}
    for key in sorted(loop.blocks):
        for step in region.blocks[key].steps:
            for node in step.effects:
                if node.op in _ATOMIC:  # an atomic access may call `refill`; the ahead form must not
                    return 0
                if node.op is Op.WRITE_X:
                    writes.setdefault(node.args[0].value, []).append((key, node.args[1]))
    motions = {
        number: motion
        for number, found in writes.items()
        if (motion := _motion(number, found, loop, region, set(writes))) is not None
    }
    flow = Flow(loop.head, region.blocks, loop.blocks, set(writes), set(motions))
    shifts: dict[int, list[tuple[Key, Node]]] = {}  # how registers move after they have been set
    pointers: dict[_Place, Pointer] = {}
    through: dict[tuple[Key, int], tuple[_Place, int]] = {}
    for key, values in flow.at.items():
        for step in region.blocks[key].steps:
            for node in step.effects:
                if node.op not in _ACCESSES:
                    continue
                sum_ = _sum_of(node.args[0], flow, values, step.pc)
                if sum_ is not None:
                    terms, low, high, drifting, distance = sum_
                    place = terms, low + (_NEAR >> 1) & -_NEAR, drifting
                    pointer = pointers.setdefault(place, Pointer(terms, low, drifting))
                    pointer.add(low, high, node.op is Op.STORE, _DEEPER ** depth[key])
                    through[key, step.pc] = place, distance
            for number, value in flow.execute(step, values):
                shifts.setdefault(number, []).append((key, value))
    for number, found in shifts.items():
        drift = _motion(number, found, loop, region, set(writes))
        assert drift is not None
        motions[number] = drift
    moving = [pointer for pointer in pointers.values() if _moves(pointer, motions)]
    loop.pointers = sorted(moving, key=lambda one: -one.value)[:_MOST]
    for number, pointer in enumerate(loop.pointers):
        pointer.number = number
        if pointer.drifting is not None:
            loop.looks = {loop.head}  # elsewhere, the register may be anywhere already
    for at, (place, distance) in through.items():
        if pointers[place] in loop.pointers:
            loop.pointer_of[at] = pointers[place], distance
    return sum(pointer.value for pointer in loop.pointers)


def _sum_of(
    address: Node, flow: Flow, values: Values, pc: int
) -> tuple[Terms, int, int, int | None, int] | None:
    """What is known of an access's address, or None.

    It is a sum of registers and a constant between two; and a register that drifts or None, and the
    distance from it or from the sum of registers.
    """
    form = flow.form(address, values, pc)
    if form is not None:
        return form[1], form[0], form[0], None, form[0]
    distance = 0
    if address.op is Op.ADD and address.args[1].op is Op.CONST:
        address, distance = address.args[0], sext(address.args[1].value, 64)
    value = values.get(address.args[0].value) if address.op is Op.READ_X else None
    if not isinstance(value, Drift):
        return None
    return value.terms, value.low + distance, value.high + distance, address.args[0].value, distance


def _copies(loop: Loop, region: Region) -> int:
    """The number of copies for the ahead form: more than one only for a short innermost loop.

    A load with a long stride must remain one instruction of the host, because the host's prefetcher
    works by instruction address.
    """
    far = any(
        not pointer.writes and (pointer.step is not None or max(pointer.up, pointer.down) > _LINE)
        for pointer in loop.pointers
    )
    if far or len(loop.heads) > 1:
        return 1
    return max(1, min(_COPIES, _UNROLLED // sum(len(region.blocks[key].steps) for key in loop.blocks)))


def _moves(pointer: Pointer, motions: dict[int, Motion]) -> bool:
    """Set how a pointer moves. Returns whether its motion has a bound."""
    pointer.still = tuple(term for term in pointer.terms if term[0] not in motions)
    for number, factor in (*pointer.moving, *pointer.drift):
        motion = motions.get(number, Motion(shortest=_SELDOM))
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
    """The motion of a register that a loop only moves; None for other registers."""
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
    """The number of instructions on the shortest path from a block back to it inside the loop."""
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
    return 1 << 30  # no path leads back to the block
