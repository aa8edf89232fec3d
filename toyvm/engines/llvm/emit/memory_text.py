"""Loads and stores as LLVM IR: the translation of guest addresses to host addresses.

For each pointer, the state holds the range of virtual addresses that it last reached, and the
distance to the host's memory (`state_layout.RANGES`). A range consists of pages in the shadow page
table whose frames are adjacent. An access inside its range is a subtraction, a comparison and the
access itself. Any other access calls `refill`, which translates the address and sometimes updates
the range. If `refill` fails, the region leaves with `MISS`.

A pointer is identified by a register that hardly changes (sp, gp, tp), or by the instruction that
last wrote the register in the block, or by block and register.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from toyvm.base.bits import sext
from toyvm.isa.ops import Node, Op
from toyvm.machine.sv39 import PTE_W

from .. import state_layout as layout
from ..analysis.loops import Loop, Pointer
from ..analysis.regions import Key, RegionBlock
from .function_text import GUEST, LIKELY, RANGE, REFILLS, UNLIKELY
from .value_text import ValueText

ACCESSES = frozenset({Op.LOAD, Op.STORE})
_FEWEST, _WIDEST = 3, 1024  # fewest accesses of a group; most bytes from its first to its last
_KEPT = (0, 2, 3, 4)  # no register, sp, gp, tp
_AT_FIRST = 2  # iterations before a loop first looks ahead, and that a successful look must cover
_AHEAD = 1 << 40  # instructions until the next look if no pointer moves
_AGAIN = 512  # instructions until the next look after a failed one
_STRIDE = 1 << 31  # bytes; if a register moves a pointer by more, looks fail
_SAVED_RANGES = "; saved ranges of loop "  # a placeholder for lines that are known only at the end
_PAGE = 4096  # bytes; addresses this far apart share a set of the host's L1 data cache
_WAIT = 8  # instructions that separate loads
_IMMEDIATE = range(-1 << 31, 1 << 31)  # immediate operands of the host's instructions
_SPREAD = 0x9E3779B1  # Knuth's multiplicative hash


class _AccessGroup:
    """Accesses through the same value of a register, which share one range check.

    A range for writes also serves reads: its pages have A and D set. `variable` holds the distance
    to the host's memory, or 0 if the check failed or is no longer valid. `count` is the number of
    remaining accesses.
    """

    __slots__ = ("begun", "count", "first", "last", "variable", "writes")

    def __init__(self, distance: int):
        self.first = self.last = distance
        self.count = 0
        self.writes = self.begun = False
        self.variable = ""

    def add(self, distance: int, write: bool) -> None:
        """Add an access."""
        self.first, self.last = min(self.first, distance), max(self.last, distance)
        self.count += 1
        self.writes = self.writes or write

    @property
    def pays(self) -> bool:
        """Whether the accesses are many and near enough to share a check."""
        return self.count >= _FEWEST and self.last - self.first <= _WIDEST


def _distance(address: Node) -> tuple[int, int] | None:
    """The register and the constant whose sum is an address; None for other addresses."""
    distance = 0
    if address.op is Op.ADD and address.args[1].op is Op.CONST:
        distance = sext(address.args[1].value, 64)
        address = address.args[0]
    return (address.args[0].value, distance) if address.op is Op.READ_X else None


class MemoryText(ValueText):
    """Prints loads and stores of a region's blocks."""

    def __init__(self) -> None:
        super().__init__()
        self._key: Key = (0, ())  # of the current block
        # By register and the number of its writes in the block so far.
        self._groups: dict[tuple[int, int], _AccessGroup] = {}
        self._variables: list[str] = []
        self._near: dict[tuple[Key, int, int], str] = {}  # variables of groups
        self._versions: dict[int, int] = {}  # how often each register has been written in the block
        self._computed: dict[int, int] = {}  # the pc of each register's last write in the block
        self._kept: dict[Loop, dict[int, str]] = {}  # variables of saved words of ranges
        self._loop: Loop | None = None  # the loop with pointers that contains the current block
        self._ahead = False  # whether the ahead form of the loop is being printed

    def _leave(self, status: int, pc: str) -> None:
        """Print the exit to Python."""
        raise NotImplementedError

    def _left(self) -> str:
        """The remaining budget at the current instruction."""
        raise NotImplementedError

    def _miss(self) -> str:
        """The label of the exit after a failed `refill`. The state has the pc and the budget."""
        raise NotImplementedError

    def _to_checked(self) -> None:
        """Print a jump from the ahead form of a loop to the instruction in the checked form."""
        raise NotImplementedError

    def _variable(self, name: str, type_: str = "i64") -> str:
        """Declare a variable of the region."""
        self._variables.append(f"{name} = alloca {type_}")
        return name

    def _store(self, node: Node) -> None:
        address, data = node.args
        value = self._value(data)
        pointer = self._place(address, data.width // 8, PTE_W)
        self._line(f"store i{data.width} {value}, ptr {pointer}, align 1{GUEST}")

    def _load(self, node: Node, access: int, aligned: bool = False) -> None:
        pointer = self._place(node.args[0], node.width // 8, access, aligned)
        self._values[node] = self._set(f"load i{node.width}, ptr {pointer}, align 1{GUEST}")

    def _place(self, address: Node, size: int, access: int, aligned: bool = False) -> str:
        """The host address of an access; leaves if it needs the slow path."""
        found = None if self._loop is None else self._loop.pointer_of.get((self._key, self._step.pc))
        if found is None:
            return (
                self._ahead_pointer(address, access)
                if self._ahead
                else self._pointer(address, size, access, aligned)
            )
        assert self._loop is not None and not aligned
        pointer, distance = found
        if not self._ahead:
            at = self._key, self._step.pc
            outermost = self._loop.outermost  # each of its looks needs ranges for all its pointers
            pointer = outermost.pointer_of[at][0]
            word = layout.range_word(self._pointer_slot(outermost, pointer, access == PTE_W))
            return self._pointer(address, size, access, word=word)
        self._keep_apart(self._loop, pointer)
        base = self._set(f"load i64, ptr {_base(self._loop, pointer)}")
        return self._host(self._sum(pointer.varying, base), str(distance))

    def _keep_apart(self, loop: Loop, pointer: Pointer) -> None:
        """Print a delay before a load that strides by pages.

        Such loads all use one set of the host's L1 cache, and they take longer the more of them are
        in flight, so a few idle instructions separate them. For a stride in a register, the look
        ahead finds whether it is a multiple of the page size.
        """
        stride = pointer.up or pointer.down
        if pointer.writes or (pointer.step is None and (not stride or stride % _PAGE)):
            return
        wait, on = self._name(), self._name()
        if pointer.step is None:
            self._line(f"br label %{wait}")
        else:
            paged = self._set(f"load i1, ptr {_paged(loop, pointer)}")
            self._line(f"br i1 {paged}, label %{wait}, label %{on}{UNLIKELY}")
        self._start(wait)
        self._set(f'call i64 asm sideeffect "{"; ".join(["leaq 1(%r12), $0"] * _WAIT)}", "=r"()')
        self._line(f"br label %{on}")
        self._start(on)

    def _ahead_pointer(self, address: Node, access: int) -> str:
        """`_place` in the ahead form of a loop, where ranges do not change."""
        va, group = self._value(address), self._group(address)
        if group is not None and group.begun:
            return self._host(va, self._set(f"load i64, ptr {group.variable}"))
        near, outside = self._name(), self._name()
        if group is None:
            word = layout.range_word(self._range(address, access == PTE_W))
            inside = self._inside(va, word, 0)
        else:
            word, inside = self._group_inside(group, address)
        self._line(f"br i1 {inside}, label %{near}, label %{outside}{LIKELY}")
        self._start(outside)
        self._to_checked()
        self._start(near)
        delta = self._range_word(word + layout.DELTA)
        if group is not None:
            group.begun = True
            self._line(f"store i64 {delta}, ptr {group.variable}")
        return self._host(va, delta)

    def _pointer(self, address: Node, size: int, access: int, aligned: bool = False, word: int = 0) -> str:
        """The host address of an access; leaves if it needs the slow path.

        The phi selects a distance, not an address, so that the access does not wait for the check.
        """
        va, write = self._value(address), access == PTE_W
        word = word or layout.range_word(self._range(address, write))
        outside, far, join = (self._name() for _ in range(3))
        group = None if aligned else self._group(address)
        if group is None:
            inside = self._inside(va, word, 0)
            near_delta = self._range_word(word + layout.DELTA)
        else:
            near_delta = self._group_delta(group, address)
            group.count -= 1
            inside = self._set(f"icmp ne i64 {near_delta}, 0")
        if aligned and size > 1:
            odd = self._set(f"and i64 {va}, {size - 1}")
            inside = self._set(f"and i1 {inside}, {self._set(f'icmp eq i64 {odd}, 0')}")
        near = self._here
        self._line(f"br i1 {inside}, label %{join}, label %{outside}{LIKELY}")
        self._start(outside)
        wanted = size | word << layout.WANTED_WORD_SHIFT
        wanted |= layout.WANTED_ALIGNED if aligned else 0
        wanted |= layout.WANTED_WRITE if write else 0
        far_delta = self._refill(address, wanted)
        missing = self._set(f"icmp eq i64 {far_delta}, 0")
        self._line(f"br i1 {missing}, label %{self._miss()}, label %{far}{UNLIKELY}")
        self._start(far)
        for other in self._groups.values():
            if other.begun and other.count:
                self._line(f"store i64 0, ptr {other.variable}")
        for loop in self._loop.chain if self._loop is not None else ():
            self._line(f"store i64 -1, ptr {limit_of(loop)}")
        self._line(f"br label %{join}")
        self._start(join)
        if aligned:
            self._groups = {}  # this code may be conditional, so later accesses must check again
        return self._host(va, self._set(f"phi i64 [ {near_delta}, %{near} ], [ {far_delta}, %{far} ]"))

    def _refill(self, address: Node, wanted: int) -> str:
        """Print a call of `refill`; its result.

        The call adds the constant of the address, so that the sum occupies no register before.
        """
        base, constant = address, 0
        if address.op is Op.ADD and address.args[1].op is Op.CONST:
            base, constant = address.args[0], sext(address.args[1].value, 64)
        value, pc = self._value(base), self._step.pc
        code = [f"movq $${wanted}, {8 * layout.WANTED}(%r12)", f"movq $3, {8 * layout.REST}(%r12)"]
        if constant in _IMMEDIATE:
            code += [f"addq $${constant}, %rax"] if constant else []
        else:
            value = self._value(address)
        if pc in _IMMEDIATE:
            code.append(f"movq $${pc}, {8 * layout.AT}(%r12)")
        else:
            self._put_state(layout.AT, str(pc), scope=RANGE)
        code.append(f"callq *{8 * layout.REFILL}(%r12)")
        return self._set(
            f'call i64 asm sideeffect "{"; ".join(code)}", '
            '"={rax},{rax},{r12},r,~{memory},~{dirflag},~{fpsr},~{flags}"'
            f"(i64 {value}, ptr %s, i64 {self._left()}) nounwind{REFILLS}"
        )

    def _host(self, va: str, delta: str) -> str:
        return self._set(f"inttoptr i64 {self._set(f'add i64 {va}, {delta}')} to ptr")

    def _sum(self, terms: Iterable[tuple[int, int]], more: str) -> str:
        """The sum of `terms` and the value `more`."""
        for number, factor in terms:
            value = self._set(f"load i64, ptr %r{number}")
            if factor != 1:
                value = self._set(f"mul i64 {value}, {factor}")
            more = self._set(f"add i64 {value}, {more}")
        return more

    def _range_word(self, word: int) -> str:
        """A word of a range. The ahead form of a loop uses the value saved at the last look."""
        if not self._ahead:
            return self._state_word(word, scope=RANGE)
        assert self._loop is not None
        kept = self._kept.setdefault(self._loop, {})
        if word not in kept:
            kept[word] = self._variable(f"%kept{self._loop.number}_{word}")
        return self._set(f"load i64, ptr {kept[word]}")

    def _with_kept_ranges(self) -> Iterator[str]:
        """All lines, with those at each look that save the words of ranges for the ahead form."""
        loops = {f"  {_SAVED_RANGES}{loop.number}": kept for loop, kept in self._kept.items()}
        lines, self._lines = self._lines, []
        for line in lines:
            for word, variable in loops.get(line, {}).items():
                self._line(f"store i64 {self._state_word(word, scope=RANGE)}, ptr {variable}")
            yield from self._lines
            self._lines.clear()
            yield line

    def _inside(self, va: str, word: int, span: int) -> str:
        """Whether `va` and the `span` bytes below it are in a range."""
        offset = self._set(f"sub i64 {va}, {self._range_word(word + layout.FIRST)}")
        inside = self._set(f"icmp ult i64 {offset}, {self._range_word(word + layout.INSIDE)}")
        return (
            self._set(f"and i1 {inside}, {self._set(f'icmp uge i64 {offset}, {span}')}") if span else inside
        )

    def _enter_loop(self, loop: Loop) -> None:
        """Set the limit at the entry of a loop: it looks ahead only after a few iterations."""
        self._put_limit(loop, self._set("load i64, ptr %left"), _AT_FIRST * loop.longest // loop.copies)

    def _put_limit(self, loop: Loop, left: str, instructions: int | str) -> None:
        """Set the limit: the loop looks ahead after `instructions`, or near the budget's end."""
        after = self._set(f"sub i64 {left}, {instructions}")
        limit = self._larger(after, str(loop.longest))
        self._line(f"store i64 {limit}, ptr {limit_of(loop)}")

    def _larger(self, one: str, other: str) -> str:
        self._declared.add("declare i64 @llvm.smax.i64(i64, i64)")
        return self._set(f"call i64 @llvm.smax.i64(i64 {one}, i64 {other})")

    def _smaller(self, one: str, other: str) -> str:
        self._declared.add("declare i64 @llvm.smin.i64(i64, i64)")
        return self._set(f"call i64 @llvm.smin.i64(i64 {one}, i64 {other})")

    def _look_ahead(self, loop: Loop, left: str) -> str:
        """Print a look ahead: whether all pointers stay inside their ranges, and the budget
        suffices.

        It sets the limit until which this is true. It also computes, for each pointer, the sum of
        the unchanged terms and the distance to the host's memory.
        """
        good = self._set(f"icmp uge i64 {left}, {loop.longest}")
        ahead = str(_AHEAD)  # instructions until the next look
        for pointer in loop.pointers:
            word = layout.range_word(self._pointer_slot(loop, pointer, pointer.writes))
            width = pointer.last - pointer.first
            still = self._sum(pointer.still, "0")
            last = self._sum(pointer.moving, self._set(f"add i64 {still}, {pointer.last}"))
            offset = self._set(f"sub i64 {last}, {self._range_word(word + layout.FIRST)}")
            size = self._range_word(word + layout.INSIDE)
            good = self._set(f"and i1 {good}, {self._set(f'icmp ult i64 {offset}, {size}')}")
            good = self._set(f"and i1 {good}, {self._set(f'icmp uge i64 {offset}, {width}')}")
            above = self._set(f"sub i64 {self._set(f'sub i64 {size}, 1')}, {offset}")
            below = self._set(f"sub i64 {offset}, {width}")
            for rounds in self._rounds(loop, pointer, above, below):
                instructions = self._set(f"mul i64 {rounds}, {pointer.shortest}")
                ahead = self._smaller(
                    ahead, self._set(f"sub i64 {instructions}, {pointer.shortest + loop.longest}")
                )
            if pointer.step is not None:
                step = self._set(f"load i64, ptr %r{pointer.step}")
                small = self._set(f"icmp ult i64 {self._set(f'add i64 {step}, {_STRIDE}')}, {2 * _STRIDE}")
                good = self._set(f"and i1 {good}, {small}")
            delta = self._range_word(word + layout.DELTA)
            self._line(f"store i64 {self._sum(pointer.fixed, delta)}, ptr {_base(loop, pointer)}")
        long = self._set(f"icmp sge i64 {ahead}, {_AT_FIRST * loop.longest}")
        good = self._set(f"and i1 {good}, {long}")
        self._put_limit(loop, left, self._set(f"select i1 {good}, i64 {ahead}, i64 {_AGAIN}"))
        self._line(f"{_SAVED_RANGES}{loop.number}")
        return good

    def _rounds(self, loop: Loop, pointer: Pointer, above: str, below: str) -> Iterator[str]:
        """How often a pointer can move within `above` bytes upwards and `below` downwards."""
        if pointer.step is None:
            if pointer.up:
                yield self._set(f"udiv i64 {above}, {pointer.up}")
            if pointer.down:
                yield self._set(f"udiv i64 {below}, {pointer.down}")
            return
        stride = self._set(f"mul i64 {self._set(f'load i64, ptr %r{pointer.step}')}, {pointer.times}")
        back = self._set(f"icmp slt i64 {stride}, 0")
        bytes_ = self._set(f"select i1 {back}, i64 {self._set(f'sub i64 0, {stride}')}, i64 {stride}")
        room = self._set(f"select i1 {back}, i64 {below}, i64 {above}")
        if not pointer.writes:
            odd = self._set(f"and i64 {bytes_}, {_PAGE - 1}")
            self._line(f"store i1 {self._set(f'icmp eq i64 {odd}, 0')}, ptr {_paged(loop, pointer)}")
        yield self._set(f"udiv i64 {room}, {self._larger(bytes_, '1')}")

    def _plan(self, block: RegionBlock) -> None:
        """Find the groups of accesses in a block."""
        self._versions = {}
        groups: dict[tuple[int, int], _AccessGroup] = {}
        versions: dict[int, int] = {}
        for step in block.steps:
            for node in step.effects:
                if node.op in ACCESSES and (found := _distance(node.args[0])) is not None:
                    number, distance = found
                    if self._loop is not None and (block.key, step.pc) in self._loop.pointer_of:
                        continue
                    group = groups.setdefault((number, versions.get(number, 0)), _AccessGroup(distance))
                    group.add(distance, node.op is not Op.LOAD)
            for node in step.effects:
                if node.op is Op.WRITE_X:
                    versions[node.args[0].value] = versions.get(node.args[0].value, 0) + 1
        self._groups = {key: group for key, group in groups.items() if group.pays}
        for place, group in self._groups.items():
            at = block.key, *place
            if at not in self._near:
                self._near[at] = self._variable(f"%near{len(self._near)}")
            group.variable = self._near[at]

    def _group(self, address: Node) -> _AccessGroup | None:
        found = _distance(address)
        return self._groups.get((found[0], self._versions.get(found[0], 0))) if found is not None else None

    def _group_inside(self, group: _AccessGroup, address: Node) -> tuple[int, str]:
        """The first word of the range for all accesses of a group, and whether all are inside."""
        base = self._value(address.args[0] if address.op is Op.ADD else address)
        word = layout.range_word(self._range(address, group.writes))
        top = self._set(f"add i64 {base}, {group.last}")
        return word, self._inside(top, word, group.last - group.first)

    def _group_delta(self, group: _AccessGroup, address: Node) -> str:
        """The distance for all accesses of a group, or 0 if one of them is outside the range."""
        if not group.begun:
            group.begun = True
            word, inside = self._group_inside(group, address)
            delta = self._state_word(word + layout.DELTA, scope=RANGE)
            known = self._set(f"select i1 {inside}, i64 {delta}, i64 0")
            self._line(f"store i64 {known}, ptr {group.variable}")
        return self._set(f"load i64, ptr {group.variable}")

    def _range(self, address: Node, write: bool) -> int:
        """The slot of the range for an access."""
        while address.op is not Op.READ_X and address.args:
            address = address.args[0]
        number = address.args[0].value if address.op is Op.READ_X else 0
        return self._slot(number, self._computed.get(number, self._key[0] + number), write)

    def _pointer_slot(self, loop: Loop, pointer: Pointer, write: bool) -> int:
        """The slot of the range for accesses through a pointer of a loop."""
        outermost = loop.outermost
        if outermost is not loop:  # the checked form uses the slots of the outermost loop
            at = next(at for at, (one, _) in loop.pointer_of.items() if one is pointer)
            loop, pointer = outermost, outermost.pointer_of[at][0]
        number = pointer.terms[0][0] if len(pointer.terms) == 1 else 1
        return self._slot(number, loop.head[0] + (pointer.number << 1 | 1), write)

    def _slot(self, number: int, place: int, write: bool) -> int:
        """Odd slots are for writes. Pointers may share a slot, but a write never uses a range for reads."""
        if number in _KEPT:
            return 2 * number + write
        hashed = ((place << 1 | write) * _SPREAD & 0xFFFFFFFF) >> 16
        return layout.KEPT_SLOTS + hashed % (layout.SLOTS - layout.KEPT_SLOTS) // 2 * 2 + write


def limit_of(loop: Loop) -> str:
    """The variable with the budget at which a loop looks ahead again."""
    return f"%limit{loop.number}"


def _base(loop: Loop, pointer: Pointer) -> str:
    """The variable with the sum of a pointer's unchanged terms and the distance to host memory."""
    return f"%base{loop.number}_{pointer.number}"


def _paged(loop: Loop, pointer: Pointer) -> str:
    """The variable that is true if a loop's pointer strides by pages."""
    return f"%paged{loop.number}_{pointer.number}"


def loop_variables(loop: Loop) -> Iterator[tuple[str, str]]:
    """The variables of a loop with pointers, and their types."""
    yield limit_of(loop), "i64"
    for pointer in loop.pointers:
        yield _base(loop, pointer), "i64"
        if pointer.step is not None and not pointer.writes:
            yield _paged(loop, pointer), "i1"
