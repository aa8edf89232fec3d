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
from .llvm_loops import Loop, Pointer
from .llvm_region import Block, Key
from .llvm_text import GUEST, LIKELY, RANGE, REFILLS, UNLIKELY
from .llvm_values import ValueText

WRITE, ALIGNED, WORD_SHIFT = 32, 16, 6  # what `refill` is told besides the size of an access
_ACCESSES = frozenset({Op.LOAD, Op.STORE})
_FEWEST, _WIDEST = 3, 1024  # accesses of a group; bytes from the first to the last
_KEPT = (0, 2, 3, 4)  # no register, sp, gp, tp
_AT_FIRST = 4  # ways through a loop before its pointers are looked at
_STRIDE = 1 << 31  # bytes; a pointer that a register moves by more is looked at each time
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
        self._key: Key = (0, ())  # of the block
        self._groups: dict[
            tuple[int, int], _Group
        ] = {}  # by register and how often it has been written in the block
        self._versions: dict[int, int] = {}
        self._computed: dict[int, int] = {}  # where in the block registers were written
        self._loop: Loop | None = None  # that the block is in

    def _leave(self, status: int, pc: str) -> None:
        """Print the way back to Python."""
        raise NotImplementedError

    def _left(self) -> str:
        """The budget that is left at the instruction."""
        raise NotImplementedError

    def _store(self, node: Node) -> None:
        address, data = node.args
        value = self._value(data)

        def store(pointer: str, volatile: str) -> str:
            self._line(f"store{volatile} i{data.width} {value}, ptr {pointer}, align 1{GUEST}")
            return ""

        self._access(address, data.width, PTE_W, store)

    def _load(self, node: Node, access: int, aligned: bool = False) -> None:
        def load(pointer: str, volatile: str) -> str:
            return self._set(f"load{volatile} i{node.width}, ptr {pointer}, align 1{GUEST}")

        if aligned:
            self._values[node] = load(self._pointer(node.args[0], node.width // 8, access, True), "")
        else:
            self._values[node] = self._access(node.args[0], node.width, access, load)

    def _access(self, address: Node, width: int, access: int, carry_out: Callable[[str, str], str]) -> str:
        """Have an access carried out by what prints it for a place in the host's memory; its value.

        Through a pointer of a loop there are two ways. The one that is rarely gone is told to be volatile, so that LLVM does
        not make one access of both.
        """
        mover = None if self._loop is None else self._loop.through.get((self._key, self._step.pc))
        if mover is None:
            return carry_out(self._pointer(address, width // 8, access), "")
        assert self._loop is not None
        word = layout.range_word(self._mover_slot(self._loop, mover, access == PTE_W))
        va, known = self._value(address), self._set(f"load i64, ptr {_delta(self._loop, mover)}")
        there, look, looked, join = (self._name() for _ in range(4))
        self._line(f"br i1 {self._set(f'icmp ne i64 {known}, 0')}, label %{there}, label %{look}{LIKELY}")
        self._start(there)
        value = carry_out(self._set(f"inttoptr i64 {self._set(f'add i64 {va}, {known}')} to ptr"), "")
        self._line(f"br label %{join}")
        self._start(look)
        before = [(group, group.delta) for group in self._groups.values()]
        other = carry_out(self._pointer(address, width // 8, access, word=word), " volatile")
        self._line(f"br label %{looked}")
        self._start(looked)
        self._line(f"br label %{join}")
        self._start(join)
        for group, delta in before:
            if group.delta != delta:
                group.delta = self._set(f"phi i64 [ {delta}, %{there} ], [ {group.delta}, %{looked} ]")
        return self._set(f"phi i{width} [ {value}, %{there} ], [ {other}, %{looked} ]") if value else ""

    def _pointer(self, address: Node, size: int, access: int, aligned: bool = False, word: int = 0) -> str:
        """Where an access goes in the host's memory; leaves where it needs the slow path.

        What the ways join with is a distance, so that nothing between an address and the access has to wait for the check.
        """
        va, write = self._value(address), access == PTE_W
        word = word or layout.range_word(self._range(address, write))
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
        if self._loop is not None:
            self._forget_pointers(self._loop)
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

    def _forget_pointers(self, loop: Loop) -> None:
        """What was known of a loop's pointers is known no more: the next check of the budget looks again."""
        for pointer in loop.pointers:
            self._line(f"store i64 0, ptr {_delta(loop, pointer)}")
        self._line(f"store i64 -1, ptr {limit_of(loop)}")

    def _enter_loop(self, loop: Loop) -> None:
        """To look ahead is not worth while before it is known that the loop goes round a few times."""
        self._forget_pointers(loop)
        self._put_limit(loop, self._set("load i64, ptr %left"), _AT_FIRST * loop.longest)

    def _put_limit(self, loop: Loop, left: str, instructions: int) -> None:
        """Have a loop look ahead after so many instructions, or where less is left than it takes from the budget."""
        self._declared.add("declare i64 @llvm.smax.i64(i64, i64)")
        after = self._set(f"sub i64 {left}, {instructions}")
        limit = self._set(f"call i64 @llvm.smax.i64(i64 {after}, i64 {loop.longest})")
        self._line(f"store i64 {limit}, ptr {limit_of(loop)}")

    def _look_ahead(self, loop: Loop, left: str) -> None:
        """How far a loop's pointers can go with `left` instructions to come: their distances, or 0, and the budget down to
        which that is so."""
        for pointer in loop.pointers:
            word = layout.range_word(self._mover_slot(loop, pointer, pointer.writes))
            width, base = pointer.last - pointer.first, str(pointer.last)
            for number, factor in pointer.terms:
                times = self._set(f"mul i64 {self._set(f'load i64, ptr %r{number}')}, {factor}")
                base = self._set(f"add i64 {times}, {base}")
            top = self._set(f"add i64 {base}, {pointer.up}")
            inside = self._inside(top, word, width + pointer.up + pointer.down)
            if pointer.step is not None:
                step = self._set(f"load i64, ptr %r{pointer.step}")
                small = self._set(f"icmp ult i64 {self._set(f'add i64 {step}, {_STRIDE}')}, {2 * _STRIDE}")
                end = self._set(f"add i64 {base}, {self._set(f'mul i64 {step}, {pointer.times}')}")
                inside = self._set(f"and i1 {inside}, {self._inside(end, word, width)}")
                inside = self._set(f"and i1 {inside}, {small}")
            delta = self._state_word(word + layout.DELTA, scope=RANGE)
            self._line(
                f"store i64 {self._set(f'select i1 {inside}, i64 {delta}, i64 0')}, ptr {_delta(loop, pointer)}"
            )
        self._put_limit(loop, left, loop.horizon)

    def _plan(self, block: Block) -> None:
        """Find what accesses a block makes through the same value of a register, at distances from it."""
        self._versions = {}
        groups: dict[tuple[int, int], _Group] = {}
        versions: dict[int, int] = {}
        for step in block.steps:
            for node in step.effects:
                if node.op in _ACCESSES and (found := _distance(node.args[0])) is not None:
                    number, distance = found
                    if self._loop is not None and (block.key, step.pc) in self._loop.through:
                        continue
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
        return self._slot(number, self._computed.get(number, self._key[0] + number), write)

    def _mover_slot(self, loop: Loop, pointer: Pointer, write: bool) -> int:
        """The slot of the range for what goes through a pointer of a loop."""
        number = pointer.terms[0][0] if len(pointer.terms) == 1 else 1
        return self._slot(number, loop.head[0] + (pointer.number << 1 | 1), write)

    def _slot(self, number: int, place: int, write: bool) -> int:
        if number in _KEPT:
            return 2 * number + write
        hashed = ((place << 1 | write) * _SPREAD & 0xFFFFFFFF) >> 16
        return layout.KEPT_SLOTS + hashed % (layout.SLOTS - layout.KEPT_SLOTS)


def limit_of(loop: Loop) -> str:
    """The variable for the budget at which a loop looks at its pointers' ranges again."""
    return f"%limit{loop.number}"


def _delta(loop: Loop, pointer: Pointer) -> str:
    """The variable for the distance from what a loop's pointer points to, to the host's memory, or 0."""
    return f"%delta{loop.number}_{pointer.number}"


def loop_variables(loop: Loop) -> list[str]:
    """The variables that a loop with pointers has."""
    return [limit_of(loop), *(_delta(loop, pointer) for pointer in loop.pointers)]
