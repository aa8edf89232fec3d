"""Loads and stores as LLVM's text: where in the host's memory the guest's data is.

For each pointer the state remembers the range of virtual addresses that it last went into and how far that is from the host's
memory (`llvm_layout.RANGES`): pages that the shadow page table has, and whose frames are neighbours. An access inside is a
subtraction, a comparison and the access itself. Any other calls `refill`, which finds the address, and now and then its
range, or else the region is left with `MISS`.

A pointer is one of the registers that hardly change, or the place in the block where a register was last written, or else
a register in a block.
"""

from __future__ import annotations

from collections.abc import Callable

from ..bits import sext
from ..isa.ops import Node, Op
from ..machine.sv39 import PTE_W
from . import llvm_layout as layout
from .llvm_region import Block
from .llvm_text import GUEST, LIKELY, RANGE, REFILLS, UNLIKELY
from .llvm_values import ValueText

WRITE, ALIGNED, WORD_SHIFT = 32, 16, 6  # what `refill` is told besides the size of an access
_ACCESSES = frozenset({Op.LOAD, Op.STORE})
_FEWEST, _WIDEST = 3, 1024  # accesses of a group; bytes from the first to the last
_KEPT = (0, 2, 3, 4)  # no register, sp, gp, tp
_SPREAD = 0x9E3779B1  # Knuth's multiplicative hash


class _Group:
    """Accesses through the same value of a register: one look at a range is enough for them.

    A range for writes serves reads too: its pages have been written, so a read changes nothing in the tables.
    """

    def __init__(self, distance: int):
        self.first = self.last = distance
        self.count = 0
        self.writes = False
        self.delta = ""  # once it is printed; count is then how many accesses are to come

    def add(self, distance: int, write: bool) -> None:
        """One access more."""
        self.first, self.last = min(self.first, distance), max(self.last, distance)
        self.count += 1
        self.writes = self.writes or write

    def passed(self, join: Callable[[str], str]) -> None:
        """An access is done; where it had to call `refill`, what was known of ranges before is not known any more."""
        if self.delta and self.count:
            self.delta = join(self.delta)

    @property
    def pays(self) -> bool:
        """Whether there are enough of them, and near to each other."""
        return self.count >= _FEWEST and self.last - self.first <= _WIDEST


def _distance(address: Node) -> tuple[int, int] | None:
    """The register and the constant that an address is the sum of."""
    distance = 0
    if address.op is Op.ADD and address.args[1].op is Op.CONST:
        distance = sext(address.args[1].value, 64)
        address = address.args[0]
    return (address.args[0].value, distance) if address.op is Op.READ_X else None


class MemoryText(ValueText):
    """Prints loads and stores of a region's blocks."""

    def __init__(self) -> None:
        super().__init__()
        self._home = 0  # where the block begins
        self._groups: dict[
            tuple[int, int], _Group
        ] = {}  # by register and how often it has been written in the block
        self._versions: dict[int, int] = {}
        self._computed: dict[int, int] = {}  # where in the block registers were written

    def _leave(self, status: int, pc: str) -> None:
        """Print the way back to Python."""
        raise NotImplementedError

    def _left(self) -> str:
        """The budget that is left at the instruction."""
        raise NotImplementedError

    def _store(self, node: Node) -> None:
        address, data = node.args
        value = self._value(data)
        pointer = self._pointer(address, data.width // 8, PTE_W)
        self._line(f"store i{data.width} {value}, ptr {pointer}, align 1{GUEST}")

    def _load(self, node: Node, access: int, aligned: bool = False) -> None:
        pointer = self._pointer(node.args[0], node.width // 8, access, aligned)
        self._values[node] = self._set(f"load i{node.width}, ptr {pointer}, align 1{GUEST}")

    def _pointer(self, address: Node, size: int, access: int, aligned: bool = False) -> str:
        """Where an access goes in the host's memory; leaves where it needs the slow path.

        What the ways join with is a distance, so that nothing between an address and the access has to wait for the check.
        """
        va, write = self._value(address), access == PTE_W
        word = layout.range_word(self._range(address, write))
        near, outside, far, out, join = (self._name() for _ in range(5))
        group = None if aligned else self._group(address)
        if group is None:
            inside = self._inside(va, word, 0)
        else:
            near_delta = self._group_delta(group, address)
            group.count -= 1
            inside = self._set(f"icmp ne i64 {near_delta}, 0")
        if aligned and size > 1:
            odd = self._set(f"and i64 {va}, {size - 1}")
            inside = self._set(f"and i1 {inside}, {self._set(f'icmp eq i64 {odd}, 0')}")
        self._line(f"br i1 {inside}, label %{near}, label %{outside}{LIKELY}")
        self._start(near)
        if group is None:
            near_delta = self._state_word(word + layout.DELTA, scope=RANGE)
        self._line(f"br label %{join}")
        self._start(outside)
        wanted = size | (ALIGNED if aligned else 0) | (WRITE if write else 0) | word << WORD_SHIFT
        self._put_state(layout.AT, str(self._step.pc), scope=RANGE)
        self._put_state(layout.REST, self._left(), scope=RANGE)
        far_delta = self._set(
            f'call i64 asm sideeffect "movq $${wanted}, {8 * layout.WANTED}(%r12)\\0Acallq *{8 * layout.REFILL}(%r12)", '
            f'"={{rax}},{{rax}},{{r12}},~{{memory}},~{{dirflag}},~{{fpsr}},~{{flags}}"(i64 {va}, ptr %s) nounwind{REFILLS}'
        )
        missing = self._set(f"icmp eq i64 {far_delta}, 0")
        self._line(f"br i1 {missing}, label %{out}, label %{far}{UNLIKELY}")
        self._start(out)
        self._leave(layout.MISS, str(self._step.pc))
        self._start(far)
        self._line(f"br label %{join}")
        self._start(join)
        if aligned:
            self._groups = {}  # this may be in a branch of the block
        for other in self._groups.values():
            other.passed(lambda known: self._set(f"phi i64 [ {known}, %{near} ], [ 0, %{far} ]"))
        delta = self._set(f"phi i64 [ {near_delta}, %{near} ], [ {far_delta}, %{far} ]")
        return self._set(f"inttoptr i64 {self._set(f'add i64 {va}, {delta}')} to ptr")

    def _inside(self, va: str, word: int, span: int) -> str:
        """Whether `va` and `span` bytes below are in a range."""
        offset = self._set(f"sub i64 {va}, {self._state_word(word + layout.FIRST, scope=RANGE)}")
        inside = self._set(f"icmp ult i64 {offset}, {self._state_word(word + layout.INSIDE, scope=RANGE)}")
        return (
            self._set(f"and i1 {inside}, {self._set(f'icmp uge i64 {offset}, {span}')}") if span else inside
        )

    def _plan(self, block: Block) -> None:
        """Find what accesses a block makes through the same value of a register, at distances from it."""
        self._versions = {}
        groups: dict[tuple[int, int], _Group] = {}
        versions: dict[int, int] = {}
        for step in block.steps:
            for node in step.effects:
                if node.op in _ACCESSES and (found := _distance(node.args[0])) is not None:
                    number, distance = found
                    group = groups.setdefault((number, versions.get(number, 0)), _Group(distance))
                    group.add(distance, node.op is not Op.LOAD)
            for node in step.effects:
                if node.op is Op.WRITE_X:
                    versions[node.args[0].value] = versions.get(node.args[0].value, 0) + 1
        self._groups = {key: group for key, group in groups.items() if group.pays}

    def _group(self, address: Node) -> _Group | None:
        found = _distance(address)
        return self._groups.get((found[0], self._versions.get(found[0], 0))) if found is not None else None

    def _group_delta(self, group: _Group, address: Node) -> str:
        """The distance for all accesses of a group, or 0 where not all of them are inside the range."""
        if not group.delta:
            base = self._value(address.args[0] if address.op is Op.ADD else address)
            word = layout.range_word(self._range(address, group.writes))
            top = self._set(f"add i64 {base}, {group.last}")
            inside = self._inside(top, word, group.last - group.first)
            delta = self._state_word(word + layout.DELTA, scope=RANGE)
            group.delta = self._set(f"select i1 {inside}, i64 {delta}, i64 0")
        return group.delta

    def _range(self, address: Node, write: bool) -> int:
        """The slot of the range for an access through the pointer that an address is made from."""
        while address.op is not Op.READ_X and address.args:
            address = address.args[0]
        number = address.args[0].value if address.op is Op.READ_X else 0
        if number in _KEPT:
            return 2 * number + write
        place = self._computed.get(number, self._home + number)
        hashed = ((place << 1 | write) * _SPREAD & 0xFFFFFFFF) >> 16
        return layout.KEPT_SLOTS + hashed % (layout.SLOTS - layout.KEPT_SLOTS)
