"""Prints the interpreter's handlers: for each row of the table, functions that execute one instruction.

    define preserve_nonecc void @h12(ptr %s, ptr %op, i64 %left0, i64 %bias)

`op` is the operation, `left0` the remaining budget, at least 1; `bias` + op / 8 is the pc. A
handler ends with a tail call of the next operation's handler. The registers of the guest are in the
state. A handler is printed by the same code as a region: the fields that name registers get the
numbers of `PLACES`, which no row binds, and their slots are loaded from and stored to the words
that the operation names.
"""

from __future__ import annotations

from toyvm.isa.ops import Node, Op, Tree
from toyvm.isa.semantics import XLEN, Machine, Value
from toyvm.isa.spec import Insn
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SIZE
from toyvm.machine.sv39 import PTE_W, USER_TOP

from .. import state_layout as layout
from ..analysis.regions import RegionStep, control, nodes
from ..emit.effects_text import EffectsText
from ..emit.float_text import F0, slot_type
from ..emit.function_text import CONVENTION, LIKELY, UNLIKELY

# The numbers of the fields' registers, in the order of an operation's bytes.
PLACES = {"rd": 28, "rs1": 29, "rs2": 30, "rs3": 31}
PARAMETERS = "ptr %s, ptr %op, i64 %left0, i64 %bias"
NEAR, COUNTED, FAR = (
    "near",
    "counted",
    "far",
)  # where a direct jump goes: in the page, and to be counted; outside
_PAGE_BITS = PAGE_MASK.bit_length()


class _SymbolicMachine(Machine):
    """Records a row with numbers for its registers, given values of some fields, and other fields symbolic."""

    def __init__(self, insn: Insn, values: dict[str, int]):
        super().__init__(insn.name, insn.format, insn.bound, {**PLACES, **values})
        self._insn = insn

    def field(self, name: str, width: int = XLEN) -> Value:
        """See `Machine.field`."""
        bound = self._insn.bound.get(name, name)
        assert self._values is not None
        if isinstance(bound, int) or bound in self._values:
            return super().field(name, width)
        held, self._values = self._values, None
        try:
            return super().field(name, width)
        finally:
            self._values = held


def handler_tree(insn: Insn, values: dict[str, int]) -> Tree:
    """The tree of a row with `PLACES` for registers, and `values` for fields that the printer needs to know."""
    machine = _SymbolicMachine(insn, values)
    insn.semantics(machine)
    return machine.tree()


def slots_of(effects: Tree) -> tuple[set[int], set[int]]:
    """The slots that a tree reads, and those that it writes."""
    read, written = set(), set()
    for node in nodes(effects):
        if node.op is Op.READ_X:
            read.add(node.args[0].value)
        elif node.op is Op.READ_F:
            read.add(F0 + node.args[0].value)
        elif node.op is Op.WRITE_X:
            written.add(node.args[0].value)
        elif node.op is Op.WRITE_F:
            written.add(F0 + node.args[0].value)
    return read, written


def discards(effects: Tree) -> bool:
    """Whether decoding may replace x0 as the destination by the word that takes such writes.

    Not if the instruction reads this register for another purpose.
    """
    read, written = slots_of(effects)
    return PLACES["rd"] in written and (
        PLACES["rd"] not in read or all(node.op is Op.WRITE_X for node in effects)
    )


class HandlerText(EffectsText):
    """Prints one handler; `text` is the function."""

    def __init__(self, insn: Insn, effects: Tree, jump: str = NEAR):
        super().__init__()
        self._insn = insn
        self._effects_of_row = effects
        self._jump = jump
        self._missing = False
        self._careful = not discards(effects)
        self._step = RegionStep(0, 0, insn.length, effects)

    @property
    def declarations(self) -> set[str]:
        """The declarations that the function needs."""
        return self._declared

    def text(self, name: str) -> str:
        """The function."""
        effects = self._effects_of_row
        read, written = slots_of(effects)
        for number in sorted(read | written):
            self._line(f"%r{number} = alloca {slot_type(number)}")
        for number in sorted(read):
            value = self._set(f"load {slot_type(number)}, ptr {self._register(number)}")
            self._line(f"store {slot_type(number)} {value}, ptr %r{number}")
        self._begin(self._step)
        writes = self._effects(self._step)
        jump = control(effects)
        operands = [] if jump is None else [self._value(node) for node in jump.args[:-1]]
        target = None if jump is None else self._target(jump.args[-1])
        for number, value in writes:
            self._line(f"store {slot_type(number)} {value}, ptr {self._register(number, self._careful)}")
            if number >= F0:
                self._put_state(layout.FLOATS, "1")
        if jump is None:
            self._next(self._after())
        elif jump.op is Op.BRANCH:
            yes, no = self._name(), self._name()
            self._line(f"br i1 {operands[0]}, label %{yes}, label %{no}")
            self._start(yes)
            self._arrive(target)
            self._start(no)
            self._next(self._after())
        else:
            self._arrive(target)
        if self._missing:
            self._start("miss")
            self._line(f"musttail call {CONVENTION} void @missed({PARAMETERS})")
            self._line("ret void")
        return "\n".join(
            [
                f"define {CONVENTION} void @{name}({PARAMETERS}) nounwind{self._attributes} {{",
                "entry:",
                *self._lines,
                "}",
            ]
        )

    # --- operands ---

    def _byte(self, number: int) -> str:
        """The operation's byte for a slot of `PLACES`."""
        at = layout.OP_REGISTERS + (number & F0 - 1) - PLACES["rd"]
        pointer = self._set(f"getelementptr i8, ptr %op, i64 {at}")
        return self._set(f"zext i8 {self._set(f'load i8, ptr {pointer}')} to i64")

    def _register(self, number: int, careful: bool = False) -> str:
        """The word of a slot; for a `careful` write, the word that takes writes to x0 instead of x0's."""
        if number & F0 - 1 < PLACES["rd"]:
            return self._set(f"getelementptr i64, ptr %s, i64 {number}")
        word = self._byte(number)
        if careful and number == PLACES["rd"]:
            zero = self._set(f"icmp eq i64 {word}, 0")
            word = self._set(f"select i1 {zero}, i64 {layout.DISCARD}, i64 {word}")
        return self._set(f"getelementptr i64, ptr %s, i64 {word}")

    def _compute(self, node: Node) -> str:
        if node.op is Op.FIELD:
            pointer = self._set(f"getelementptr i8, ptr %op, i64 {layout.OP_IMMEDIATE}")
            value = self._set(f"load i32, ptr {pointer}")
            if node.width == 32:
                return value
            return self._set(f"{'sext' if node.width > 32 else 'trunc'} i32 {value} to i{node.width}")
        if node.op is Op.PC:
            return self._pc()
        if node.op is Op.ADD and node.args[0].op is Op.PC:
            a, b = (self._value(argument) for argument in node.args)
            return self._set(f"add i64 {a}, {b}")
        return super()._compute(node)

    def _pc(self) -> str:
        address = self._set("ptrtoint ptr %op to i64")
        return self._set(f"add i64 {self._set(f'lshr i64 {address}, 3')}, %bias")

    # --- memory and exits ---

    def _leave(self, status: int, pc: str) -> None:
        assert status == layout.MISS
        self._line(f"br label %{self._miss()}")

    def _left(self) -> str:
        return "%left0"

    def _miss(self) -> str:
        self._missing = True
        return "miss"

    def _place(self, address: Node, size: int, access: int, aligned: bool = False) -> str:
        return self._pointer(address, size, access, aligned)

    def _pointer(self, address: Node, size: int, access: int, aligned: bool = False, word: int = 0) -> str:
        """The host address of an access: from the shadow page table, else by `refill`."""
        va, write = self._value(address), access == PTE_W
        look, slow, join, found = (self._name() for _ in range(4))
        good = self._set(f"icmp ult i64 {va}, {USER_TOP}")
        if size > 1:
            offset = self._set(f"and i64 {va}, {size - 1 if aligned else PAGE_MASK}")
            limit = 0 if aligned else PAGE_SIZE - size
            good = self._set(f"and i1 {good}, {self._set(f'icmp ule i64 {offset}, {limit}')}")
        self._line(f"br i1 {good}, label %{look}, label %{slow}{LIKELY}")
        self._start(look)
        table = self._set(f"inttoptr i64 {self._state_word(layout.SHADOW)} to ptr")
        page = self._set(f"lshr i64 {va}, {_PAGE_BITS}")
        if write:
            page = self._set(f"add i64 {page}, {layout.PAGES}")
        entry = self._set(f"getelementptr {{i64, i64}}, ptr {table}, i64 {page}")
        near = self._set(f"load i64, ptr {entry}")
        self._line(f"br i1 {self._set(f'icmp ne i64 {near}, 0')}, label %{join}, label %{slow}{LIKELY}")
        self._start(slow)
        self._put_state(layout.AT, self._pc())
        self._put_state(layout.REST, "%left0")
        wanted = size | layout.range_word(int(write)) << layout.WANTED_WORD_SHIFT
        wanted |= (layout.WANTED_ALIGNED if aligned else 0) | (layout.WANTED_WRITE if write else 0)
        refill = self._set(f"inttoptr i64 {self._state_word(layout.SEARCH)} to ptr")
        far = self._set(f"call preserve_mostcc i64 {refill}(ptr %s, i64 {va}, i64 {wanted})")
        missing = self._set(f"icmp eq i64 {far}, 0")
        self._line(f"br i1 {missing}, label %{self._miss()}, label %{found}{UNLIKELY}")
        self._start(found)
        self._line(f"br label %{join}")
        self._start(join)
        delta = self._set(f"phi i64 [ {near}, %{look} ], [ {far}, %{found} ]")
        return self._set(f"inttoptr i64 {self._set(f'add i64 {va}, {delta}')} to ptr")

    # --- the next operation ---

    def _after(self) -> str:
        return self._set(f"getelementptr i8, ptr %op, i64 {self._insn.length * layout.OP_BYTES // 2}")

    def _next(self, op: str) -> None:
        """Print the jump to an operation in the same page."""
        left = self._set("sub i64 %left0, 1")
        out, on = self._name(), self._name()
        self._line(f"br i1 {self._set(f'icmp eq i64 {left}, 0')}, label %{out}, label %{on}{UNLIKELY}")
        self._start(out)
        self._tail("@spent", op, left)
        self._start(on)
        self._tail(self._set(f"load ptr, ptr {op}"), op, left)

    def _tail(self, function: str, op: str, left: str) -> None:
        self._line(f"musttail call {CONVENTION} void {function}(ptr %s, ptr {op}, i64 {left}, i64 %bias)")
        self._line("ret void")

    def _target(self, target: Node) -> str:
        """The next operation of a jump inside the page, or the address of another jump's target."""
        if (
            target.op is Op.ADD
            and target.args[0].op is Op.PC
            and target.args[1].op is Op.FIELD
            and self._jump != FAR
        ):
            return self._set(f"getelementptr i8, ptr %op, i64 {self._value(target.args[1])}")
        return self._set(f"inttoptr i64 {self._value(target)} to ptr")

    def _arrive(self, target: str | None) -> None:
        assert target is not None
        if self._jump == NEAR and self._is_direct():
            self._next(target)
            return
        left = self._set("sub i64 %left0, 1")
        self._tail("@arrive" if self._is_direct() and self._jump == COUNTED else "@go", target, left)

    def _is_direct(self) -> bool:
        jump = control(self._effects_of_row)
        assert jump is not None
        return is_direct(jump.args[-1])


def is_direct(target: Node) -> bool:
    """Whether a jump goes to pc plus a field."""
    return target.op is Op.ADD and target.args[0].op is Op.PC and target.args[1].op is Op.FIELD
