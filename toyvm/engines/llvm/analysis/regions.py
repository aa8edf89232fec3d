"""Regions: the control-flow graph of the instructions that become one native function.

From an entry point, the region follows direct jumps and both sides of each branch, into code that
has run before. It follows calls of short functions and expects them to return to the caller. So a
node of the graph is an address and the stack of expected return addresses. Every other transfer
leaves the region through the table of entry points.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from toyvm.base.bits import M64
from toyvm.base.record import Record
from toyvm.engines.code_map import joined
from toyvm.isa.decode import Decoded, decode
from toyvm.isa.ops import Node, Op, Tree
from toyvm.isa.trees import tree

MAX_INSTRUCTIONS = 200
MAX_DEPTH = 2  # calls that are followed inside each other
MAX_CALLEE = 40  # instructions of a function whose calls are followed
MAX_TREES = 1 << 14
RA = 1

Key = tuple[int, tuple[int, ...]]  # address, stack of expected return addresses


class RegionStep(Record, eq=False):
    """An instruction at an address, with its tree."""

    pc: int
    word: int
    length: int
    effects: Tree


class RegionBlock(Record, frozen=False, eq=False):
    """A basic block and its successors.

    `taken` is the target of the last instruction's branch or direct jump, `after` the fall-through
    successor. Each is a key inside or outside the region, or None. `stops`: a region cannot contain
    the instruction at `after`.
    """

    key: Key
    steps: list[RegionStep] = []
    taken: Key | None = None
    after: Key | None = None
    stops: bool = False

    @property
    def successors(self) -> Iterator[Key]:
        """The possible successors, inside the region or not."""
        if self.after is not None and not self.stops:
            yield self.after
        if self.taken is not None:
            yield self.taken


class Region(Record, eq=False):
    """The code of one native function.

    `blocks` are in order, the entry first. `heads` are the blocks that begin with a check of the
    budget. `longest` has, for each block, the most instructions from its beginning to the next
    check, in an order where a block comes after its successors that are no heads. `runs` are the
    bytes of the code as (address, bytes).
    """

    entry: Key
    blocks: dict[Key, RegionBlock]
    heads: set[Key]
    longest: dict[Key, int]
    runs: list[tuple[int, bytes]]

    @property
    def length(self) -> int:
        """The number of instructions."""
        return sum(len(block.steps) for block in self.blocks.values())

    def check_at(self, key: Key) -> None:
        """Let a block begin with a check of the budget, too."""
        self.heads.add(key)
        self.longest.update(_longest(self.blocks, self.heads, list(self.longest)))


_TREES: dict[int, tuple[int, Tree] | None] = {}


def effects_of(word: int) -> tuple[int, Tree] | None:
    """Length in bytes and tree of an instruction; None if it is illegal."""
    if word not in _TREES:
        if len(_TREES) >= MAX_TREES:
            _TREES.clear()
        decoded: Decoded | None = decode(word)
        _TREES[word] = None if decoded is None else (decoded.length, tree(decoded))
    return _TREES[word]


def nodes(effects: Tree) -> Iterator[Node]:
    """Each node of a tree once."""
    seen: set[Node] = set()
    waiting = list(effects)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            yield node
            waiting += node.args


def operations(effects: Tree) -> set[Op]:
    """The operations in a tree."""
    return {node.op for node in nodes(effects)}


def direct(target: Node, pc: int) -> int | None:
    """The address of a jump target that depends only on pc and constants; None for others."""
    if target.op is Op.CONST:
        return target.value
    if target.op is Op.PC:
        return pc
    if target.op is Op.ADD and target.args[0].op is Op.PC and target.args[1].op is Op.CONST:
        return pc + target.args[1].value & M64
    return None


def control(effects: Tree) -> Node | None:
    """The jump or branch among the effects."""
    return next((node for node in effects if node.op is Op.JUMP or node.op is Op.BRANCH), None)


def links(effects: Tree) -> bool:
    """Whether the instruction writes ra, as calls do."""
    return any(node.op is Op.WRITE_X and node.args[0].value == RA for node in effects)


def is_return(effects: Tree, jump: Node) -> bool:
    """Whether an indirect jump goes to ra and has no other effect."""
    node = jump.args[0]
    while node.op is Op.AND and node.args[1].op is Op.CONST:
        node = node.args[0]
    return node.op is Op.READ_X and node.args[0].value == RA and len(effects) == 1


class _Explorer:
    def __init__(
        self,
        fetch: Callable[[int], int | None],
        includes: Callable[[Key], bool],
        supported: Callable[[Tree], bool],
    ):
        self._fetch = fetch
        self._includes = includes
        self._supported = supported
        self.steps: dict[Key, RegionStep] = {}
        self.after: dict[Key, Key | None] = {}
        self.taken: dict[Key, Key | None] = {}
        self.stops: set[Key] = set()
        self.leaders: deque[Key] = deque()
        self.found: dict[Key, None] = {}

    def lead(self, key: Key) -> None:
        if key not in self.found and self._includes(key):
            self.found[key] = None
            self.leaders.append(key)

    def explore(self, entry: Key) -> None:
        self.found[entry] = None
        self.leaders.append(entry)
        while self.leaders:
            at: Key | None = self.leaders.popleft()
            while at is not None and at not in self.steps and len(self.steps) < MAX_INSTRUCTIONS:
                at = self._step(at)

    def _step(self, key: Key) -> Key | None:
        """Add one instruction. Returns the key of the next one in the same block, if any."""
        pc, stack = key
        step = self._read(pc)
        if step is None:
            self.stops.add(key)
            return None
        self.steps[key] = step
        following = (pc + step.length & M64, stack)
        jump = control(step.effects)
        if jump is None:
            self.after[key] = following
            return following
        target = direct(jump.args[-1], pc)
        if jump.op is Op.BRANCH:
            self.after[key] = following
            self.lead(following)
        elif target is not None and links(step.effects):
            follow = len(stack) < MAX_DEPTH and self._is_small(target)
            stack = (*stack, following[0]) if follow else (-1,)
        elif target is None and stack and is_return(step.effects, jump):
            target, stack = stack[-1], stack[:-1]
        if target is not None:
            self.taken[key] = (target, stack)
            if stack != (-1,):
                self.lead((target, stack))
        return None

    def _is_small(self, head: int) -> bool:
        """Whether a function, without its callees, is short enough to follow calls of it."""
        seen: set[int] = set()
        waiting = [head]
        while waiting and len(seen) <= MAX_CALLEE:
            pc = waiting.pop()
            step = None if pc in seen else self._read(pc)
            if step is None:
                continue
            seen.add(pc)
            jump = control(step.effects)
            target = None if jump is None else direct(jump.args[-1], pc)
            if jump is None or jump.op is Op.BRANCH or links(step.effects):
                waiting.append(pc + step.length)
            if target is not None and not links(step.effects):
                waiting.append(target)
        return len(seen) <= MAX_CALLEE

    def _read(self, pc: int) -> RegionStep | None:
        word = self._fetch(pc)
        found = None if word is None else effects_of(word)
        if word is None or found is None or not self._supported(found[1]):
            return None
        return RegionStep(pc, word, *found)


def explore(
    entry: int,
    fetch: Callable[[int], int | None],
    includes: Callable[[Key], bool],
    supported: Callable[[Tree], bool],
) -> Region | None:
    """The region at `entry`; None if its first instruction cannot be part of a region.

    `fetch` returns the instruction bits at an address, or None if none can be executed there.
    `includes` returns whether a block may be part of the region, `supported` whether the printer
    knows all operations of an instruction.
    """
    explorer = _Explorer(fetch, includes, supported)
    first: Key = (entry, ())
    explorer.explore(first)
    steps = explorer.steps
    blocks: dict[Key, RegionBlock] = {}
    for key in explorer.found:
        if key not in steps:
            continue
        block = blocks[key] = RegionBlock(key)
        at: Key | None = key
        while at is not None and at in steps:
            block.steps.append(steps[at])
            block.taken = explorer.taken.get(at)
            at = block.after = explorer.after.get(at)
            if block.taken is not None or at in explorer.found:
                break
        block.stops = block.after in explorer.stops
    return Region(first, blocks, *_heads(blocks, first), _runs(blocks)) if first in blocks else None


def _heads(blocks: dict[Key, RegionBlock], entry: Key) -> tuple[set[Key], dict[Key, int]]:
    """`Region.heads`, which are the entry and the targets of back edges, and `Region.longest`."""
    heads, order = {entry}, _post_order(blocks, entry)
    rank = {key: number for number, key in enumerate(order)}
    for key in order:
        heads.update(to for to in blocks[key].successors if to in blocks and rank[to] >= rank[key])
    return heads, _longest(blocks, heads, order)


def _longest(blocks: dict[Key, RegionBlock], heads: set[Key], order: list[Key]) -> dict[Key, int]:
    """`Region.longest`, in `order`: successors come first, other than heads."""
    longest: dict[Key, int] = {}
    for key in order:
        rest = [longest[to] for to in blocks[key].successors if to in blocks and to not in heads]
        longest[key] = len(blocks[key].steps) + max(rest, default=0)
    return longest


def forward(region: Region, made: dict[Key, set[int]]) -> dict[Key, set[int]]:
    """For each block, the union of what the blocks on any path from the entry to it have made."""
    before: dict[Key, set[int]] = {key: set() for key in region.blocks}
    waiting = list(region.blocks)
    while waiting:
        key = waiting.pop()
        out = before[key] | made[key]
        for to in region.blocks[key].successors:
            if to in before and not out <= before[to]:
                before[to] |= out
                waiting.append(to)
    return before


def _post_order(blocks: dict[Key, RegionBlock], entry: Key) -> list[Key]:
    order: list[Key] = []
    seen = {entry}
    waiting = [(entry, iter(list(blocks[entry].successors)))]
    while waiting:
        key, rest = waiting[-1]
        for to in rest:
            if to in blocks and to not in seen:
                seen.add(to)
                waiting.append((to, iter(list(blocks[to].successors))))
                break
        else:
            waiting.pop()
            order.append(key)
    return order


def _runs(blocks: dict[Key, RegionBlock]) -> list[tuple[int, bytes]]:
    texts = {
        step.pc: (step.word & ((1 << 8 * step.length) - 1)).to_bytes(step.length, "little")
        for block in blocks.values()
        for step in block.steps
    }
    return joined(sorted(texts.items()))
