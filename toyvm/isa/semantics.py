"""How a row's semantics become a tree (`trees.tree`): guest values with overloaded operators that record instead of computing.

A row is run once, with a `Machine` whose registers and fields are `Value`s; each operator makes an `ops.Node`. Python's
control flow cannot be recorded: a guest value in an `if` raises TypeError, and `select` chooses instead. A register is read when it is
named and written when the row is done, so reads always come before writes (`jalr x1, x1`).

Values are unsigned unless `s(...)` says otherwise: signedness decides how `< >= >>` read them and how a value that is
narrower than its register is extended. Widths never mix silently: `low`, `sext` and `zext` change them.
"""

from __future__ import annotations

from collections.abc import Callable

from ..base.bits import sext as signed_int
from ..base.light_types import TYPE_CHECKING, NoReturn
from .lookup_tables import entry_width
from .lookup_tables import look_up as entry
from .ops import COMPARISONS, Node, Op, Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .fields import Format

XLEN = 64

CANONICAL_NANS = {
    16: 0x7E00,
    32: 0x7FC00000,
}  # width -> the NaN that stands for a number that is not NaN-boxed
# Causes that semantics raise themselves (privileged manual, scause).
CAUSE_ILLEGAL, CAUSE_BREAKPOINT, CAUSE_ECALL_U = 2, 3, 8


class Value:
    """A guest value: a node, and whether it is read as signed."""

    __slots__ = ("node", "signed")

    def __init__(self, node: Node, signed: bool = False):
        self.node = node
        self.signed = signed

    def _with(self, op: Op, other: Value | int, reverse: bool = False) -> Value:
        right = lift(other, self.node.width)
        a, b = (right, self.node) if reverse else (self.node, right)
        if a.width != b.width:
            raise TypeError(f"{op.name} of {a.width} and {b.width} bits: use low, sext or zext")
        return Value(
            make(op, 1 if op in COMPARISONS else a.width, a, b), self.signed and op not in COMPARISONS
        )

    def _shift(self, op: Op, amount: Value | int) -> Value:
        node = amount.node if isinstance(amount, Value) else constant(amount, self.node.width)
        if maximum(node) >= self.node.width:
            raise TypeError(f"shift of {self.node.width} bits by an amount that may be too large: mask it")
        return Value(make(op, self.node.width, self.node, resize(node, self.node.width)), self.signed)

    def __add__(self, other: Value | int) -> Value:
        return self._with(Op.ADD, other)

    def __sub__(self, other: Value | int) -> Value:
        return self._with(Op.SUB, other)

    def __mul__(self, other: Value | int) -> Value:
        return self._with(Op.MUL, other)

    def __and__(self, other: Value | int) -> Value:
        return self._with(Op.AND, other)

    def __or__(self, other: Value | int) -> Value:
        return self._with(Op.OR, other)

    def __xor__(self, other: Value | int) -> Value:
        return self._with(Op.XOR, other)

    def __invert__(self) -> Value:
        return self._with(Op.XOR, -1)

    def __lshift__(self, amount: Value | int) -> Value:
        return self._shift(Op.SHL, amount)

    def __rshift__(self, amount: Value | int) -> Value:
        return self._shift(Op.ASHR if self.signed else Op.LSHR, amount)

    def __lt__(self, other: Value | int) -> Value:
        return self._with(Op.SLT if self.signed else Op.ULT, other)

    def __ge__(self, other: Value | int) -> Value:
        return self._with(Op.SGE if self.signed else Op.UGE, other)

    def __gt__(self, other: Value | int) -> Value:
        return self._with(Op.SLT if self.signed else Op.ULT, other, reverse=True)

    def __le__(self, other: Value | int) -> Value:
        return self._with(Op.SGE if self.signed else Op.UGE, other, reverse=True)

    def __eq__(self, other: object) -> Value:  # type: ignore[override]  # comparison builds a value
        if not isinstance(other, Value | int):
            return NotImplemented
        return self._with(Op.EQ, other)

    def __ne__(self, other: object) -> Value:  # type: ignore[override]  # comparison builds a value
        if not isinstance(other, Value | int):
            return NotImplemented
        return self._with(Op.NE, other)

    __hash__ = None  # type: ignore[assignment]  # equality builds a value

    def __bool__(self) -> NoReturn:
        raise TypeError("a guest value has no truth when semantics are recorded: use select()")

    def __index__(self) -> NoReturn:
        raise TypeError("a guest value is not a number when semantics are recorded")


def constant(value: int, width: int) -> Node:
    """A constant of `width` bits; `value` may be negative."""
    return Node(Op.CONST, width, value=value & ((1 << width) - 1))


def lift(value: Value | int, width: int) -> Node:
    """The node of a value, or a constant of `width` bits for an int."""
    return value.node if isinstance(value, Value) else constant(value, width)


def maximum(node: Node) -> int:
    """An upper bound of a node's value that is cheap to find."""
    if node.op is Op.CONST:
        return node.value
    if node.op is Op.AND:
        return min(maximum(node.args[0]), maximum(node.args[1]))
    if node.op is Op.ZEXT:
        return maximum(node.args[0])
    return (1 << node.width) - 1


def resize(node: Node, width: int) -> Node:
    """The same unsigned value at another width."""
    if node.width == width:
        return node
    return make(Op.ZEXT if node.width < width else Op.TRUNC, width, node)


_FOLD: dict[Op, Callable[[int, int, int], int]] = {
    Op.ADD: lambda a, b, w: a + b,
    Op.SUB: lambda a, b, w: a - b,
    Op.AND: lambda a, b, w: a & b,
    Op.OR: lambda a, b, w: a | b,
    Op.XOR: lambda a, b, w: a ^ b,
    Op.SHL: lambda a, b, w: a << b,
    Op.LSHR: lambda a, b, w: a >> b,
    Op.ASHR: lambda a, b, w: signed_int(a, w) >> b,
    Op.EQ: lambda a, b, w: a == b,
    Op.NE: lambda a, b, w: a != b,
    Op.ULT: lambda a, b, w: a < b,
    Op.UGE: lambda a, b, w: a >= b,
    Op.SLT: lambda a, b, w: signed_int(a, w) < signed_int(b, w),
    Op.SGE: lambda a, b, w: signed_int(a, w) >= signed_int(b, w),
}
_RIGHT_ZERO_IS_IDENTITY = frozenset({Op.ADD, Op.SUB, Op.OR, Op.XOR, Op.SHL, Op.LSHR, Op.ASHR})
_LEFT_ZERO_IS_IDENTITY = frozenset({Op.ADD, Op.OR, Op.XOR})


def make(op: Op, width: int, *args: Node) -> Node:
    """A node without effects, folded where that is plain from constants (a decoded tree is full of them)."""
    a = args[0]
    if len(args) == 1:
        return _convert(op, width, a)
    b = args[1]
    if op is Op.SELECT:
        return Node(op, width, args) if a.op is not Op.CONST else args[1] if a.value else args[2]
    if b.op is Op.CONST:
        if a.op is Op.CONST and op in _FOLD:
            return constant(int(_FOLD[op](a.value, b.value, a.width)), width)
        if b.value == 0 and op in _RIGHT_ZERO_IS_IDENTITY:
            return a
        if op is Op.AND and b.value == (1 << width) - 1:
            return a
    elif a.op is Op.CONST and a.value == 0 and op in _LEFT_ZERO_IS_IDENTITY:
        return b
    return Node(op, width, args)


def _convert(op: Op, width: int, a: Node) -> Node:
    if a.op is Op.CONST:
        return constant(signed_int(a.value, a.width) if op is Op.SEXT else a.value, width)
    return Node(op, width, (a,))


def s(value: Value) -> Value:
    """The same bits read as a signed number."""
    return Value(value.node, signed=True)


def low(value: Value, width: int = 32) -> Value:
    """The low `width` bits."""
    return Value(make(Op.TRUNC, width, value.node), value.signed)


def high(value: Value, width: int = XLEN) -> Value:
    """The high `width` bits."""
    total = value.node.width
    return Value(make(Op.TRUNC, width, make(Op.LSHR, total, value.node, constant(total - width, total))))


def sext(value: Value, width: int = XLEN) -> Value:
    """Extended to `width` bits with the sign."""
    return Value(make(Op.SEXT, width, value.node) if value.node.width < width else value.node)


def zext(value: Value, width: int = XLEN) -> Value:
    """Extended to `width` bits with zeros."""
    return Value(make(Op.ZEXT, width, value.node) if value.node.width < width else value.node)


def number(value: int, width: int = XLEN) -> Value:
    """A constant."""
    return Value(constant(value, width))


def _counted(op: Op, value: Value) -> Value:
    return zext(Value(Node(op, value.node.width, (value.node,))))


def leading_zeros(value: Value) -> Value:
    """The number of zero bits above the highest that is set, all of them for 0, in 64 bits."""
    return _counted(Op.CLZ, value)


def trailing_zeros(value: Value) -> Value:
    """The number of zero bits below the lowest that is set, all of them for 0, in 64 bits."""
    return _counted(Op.CTZ, value)


def bit_count(value: Value) -> Value:
    """The number of bits that are set, in 64 bits."""
    return _counted(Op.CPOP, value)


def look_up(name: str, index: Value) -> Value:
    """The entry of a table of `lookup_tables`. The index is as wide as the table needs."""
    width = entry_width(name)
    if index.node.op is Op.CONST:
        return Value(constant(entry(name, index.node.value), width))
    return Value(Node(Op.TABLE, width, (index.node,), name=name))


def select(condition: Value, if_true: Value | int, if_false: Value | int) -> Value:
    """`if_true` where the condition (1 bit) holds, else `if_false`; at least one of them is a Value."""
    width = if_true.node.width if isinstance(if_true, Value) else lift(if_false, XLEN).width
    a, b = lift(if_true, width), lift(if_false, width)
    if condition.node.width != 1 or a.width != b.width:
        raise TypeError("select needs a condition of 1 bit and two values of one width")
    return Value(make(Op.SELECT, width, condition.node, a, b))


def divide(a: Value, b: Value) -> Value:
    """The manual's quotient: division by zero gives all ones; the lowest number divided by -1 gives itself."""
    op = Op.SDIV if a.signed else Op.UDIV
    quotient = make(op, a.node.width, a.node, _safe_divisor(a, b).node)
    return select(b == 0, -1, Value(quotient, a.signed))


def remainder(a: Value, b: Value) -> Value:
    """The manual's remainder: division by zero gives the dividend; the lowest number divided by -1 gives 0."""
    op = Op.SREM if a.signed else Op.UREM
    rest = make(op, a.node.width, a.node, _safe_divisor(a, b).node)
    return select(b == 0, a, Value(rest, a.signed))


def _safe_divisor(a: Value, b: Value) -> Value:
    """The divisor, or 1 instead of one that traps on the host: division by 1 gives the manual's result for overflow."""
    if not a.signed:
        return select(b == 0, 1, b)
    lowest = 1 << (a.node.width - 1)
    return select((b == 0) | ((a == lowest) & (b == -1)), 1, b)


class Machine:
    """The interface of a row's semantics: registers, fields and effects of one instruction.

    `name`, `format` and `bound` are the row's (`spec.Insn`). With `values` the fields are those constants; without, they
    stay symbolic.
    """

    def __init__(
        self, name: str, format: Format, bound: Mapping[str, int | str], values: dict[str, int] | None = None
    ):
        self._name = name
        self._format = format
        self._bound = bound
        self._values = values
        self._effects: list[Node] = []
        self._writes: list[Node] = []

    # --- fields and registers ---

    def field(self, name: str, width: int = XLEN) -> Value:
        """A bit field of the instruction as a value, or the number or field that the row binds to the name."""
        bound = self._bound.get(name, name)
        if isinstance(bound, int):
            return Value(constant(bound, width))
        name = bound
        if self._values is not None:
            return Value(constant(self._values[name], width))
        if name not in self._format.fields:
            raise KeyError(f"{self._name} has no field {name}")
        return Value(Node(Op.FIELD, width, name=name))

    def _register(self, name: str) -> Value:
        number = self.field(name, 5).node
        if number.op is Op.CONST and number.value == 0:
            return Value(constant(0, XLEN))
        return Value(Node(Op.READ_X, XLEN, (number,)))

    @property
    def rs1(self) -> Value:
        """The integer register that field rs1 names."""
        return self._register("rs1")

    @property
    def rs2(self) -> Value:
        """The integer register that field rs2 names."""
        return self._register("rs2")

    def _write_rd(self, value: Value) -> None:
        node = value.node
        if node.width < XLEN:
            node = make(Op.SEXT if value.signed else Op.ZEXT, XLEN, node)
        number = self.field("rd", 5).node
        if number.op is Op.CONST and number.value == 0:
            return
        self._writes.append(Node(Op.WRITE_X, 0, (number, node)))

    rd = property(
        None, _write_rd, doc="Writes the integer register that field rd names, extending a narrower value."
    )

    def _float_register(self, name: str, width: int) -> Value:
        value = Value(Node(Op.READ_F, 64, (self.field(name, 5).node,)))
        if width == 64:
            return value
        return select(high(value, 64 - width) == -1, low(value, width), CANONICAL_NANS[width])

    def frs1(self, width: int) -> Value:
        """The floating-point register that field rs1 names; fewer than 64 bits that are not NaN-boxed are the canonical NaN."""
        return self._float_register("rs1", width)

    def frs2(self, width: int) -> Value:
        """The floating-point register that field rs2 names."""
        return self._float_register("rs2", width)

    def frs3(self, width: int) -> Value:
        """The floating-point register that field rs3 names."""
        return self._float_register("rs3", width)

    def _write_frd(self, value: Value) -> None:
        node = value.node
        if node.width < 64:
            node = make(Op.OR, 64, make(Op.ZEXT, 64, node), constant(-1 << node.width, 64))
        self._writes.append(Node(Op.WRITE_F, 0, (self.field("rd", 5).node, node)))

    frd = property(
        None, _write_frd, doc="Writes the floating-point register that field rd names, NaN-boxing fewer bits."
    )

    @property
    def imm(self) -> Value:
        """The immediate, sign-extended."""
        return self.field("imm")

    @property
    def shamt(self) -> Value:
        """The amount of a shift: below 64, or below 32 where the field has 5 bits."""
        value = self.field("shamt")
        return value & ((1 << self._format.fields["shamt"].width) - 1)

    @property
    def uimm(self) -> Value:
        """The unsigned immediate of csrrwi, csrrsi, and csrrci."""
        return self.field("uimm")

    @property
    def pc(self) -> Value:
        """The address of this instruction."""
        return Value(Node(Op.PC, XLEN))

    @property
    def next_pc(self) -> Value:
        """The address of the instruction after this one in memory."""
        return self.pc + self._format.length

    # --- effects ---

    def _effect(self, op: Op, width: int, *args: Node, value: int = 0) -> Value:
        node = Node(op, width, args, value)
        self._effects.append(node)
        return Value(node)

    def load(self, width: int, address: Value) -> Value:
        """`width` bits of memory, little-endian, at any alignment."""
        return self._effect(Op.LOAD, width, address.node)

    def store(self, address: Value, value: Value) -> None:
        """Store a value of 8, 16, 32 or 64 bits, at any alignment."""
        self._effect(Op.STORE, 0, address.node, value.node)

    def load_reserved(self, width: int, address: Value) -> Value:
        """Load, and reserve the address for `store_conditional`."""
        return self._effect(Op.LOAD_RESERVED, width, address.node)

    def store_conditional(self, address: Value, value: Value) -> Value:
        """Store if the address is still reserved; 0 if it was, 1 if not. The reservation is gone afterwards."""
        return self._effect(Op.STORE_CONDITIONAL, 1, address.node, value.node)

    def amo(self, width: int, change: Callable[[Value], Value]) -> None:
        """Read memory at rs1, store `change` of the old value, and put the old value into rd, as one access."""
        address = self.rs1
        old = self._effect(Op.AMO_LOAD, width, address.node)
        self.store(address, change(old))
        self.rd = sext(old)

    def amo_load(self, width: int, address: Value) -> Value:
        """The load of an atomic operation; a `store` to the same address follows. Traps when misaligned."""
        return self._effect(Op.AMO_LOAD, width, address.node)

    @property
    def rd_value(self) -> Value:
        """The integer register that field rd names, before the instruction writes it."""
        return self._register("rd")

    def pair(self, name: str, index: int) -> Value:
        """One register of the pair that an even field names: (register 0, 1) is (0, 0)."""
        number = self.field(name, 5)
        if number.node.op is Op.CONST and number.node.value == 0:
            return Value(constant(0, XLEN))
        found = Value(Node(Op.READ_X, XLEN, ((number | index).node,)))
        return found if number.node.op is Op.CONST else select(number == 0, 0, found)

    def write_pair(self, low: Value, high: Value) -> None:
        """Write the pair of registers that field rd names; the pair of x0 stays."""
        number = self.field("rd", 5)
        if number.node.op is Op.CONST and number.node.value == 0:
            return
        for index, value in enumerate((low, high)):
            self._writes.append(Node(Op.WRITE_X, 0, ((number | index).node, value.node)))

    def csr_read(self) -> Value:
        """The CSR that field csr names."""
        return self._effect(Op.CSR_READ, XLEN, self.field("csr", 12).node)

    def csr_write(self, value: Value, unless_zero: str | None = None) -> None:
        """Write the CSR; not when the field named by `unless_zero` is 0 (then the instruction only reads)."""
        condition = self.field(unless_zero, 5) != 0 if unless_zero else Value(constant(1, 1))
        if condition.node.op is Op.CONST and not condition.node.value:
            return
        self._effect(Op.CSR_WRITE, 0, self.field("csr", 12).node, value.node, condition.node)

    def float(self, name: str, width: int, *operands: Value, rounds: bool = False) -> Value:
        """An operation of `ieee754.OPERATIONS`, with its flags; with `rounds`, in the rounding mode of field rm."""
        arguments = [operand.node for operand in operands]
        if rounds:
            arguments.append(self.field("rm", 3).node)
        node = Node(Op.FLOAT, width, tuple(arguments), name=name)
        self._effects.append(node)
        return Value(node)

    def fence(self) -> None:
        """Order memory accesses."""
        self._effect(Op.FENCE, 0)

    def fence_i(self) -> None:
        """Order instruction fetches after earlier stores."""
        self._effect(Op.FENCE_I, 0)

    def trap_ecall(self) -> None:
        """Call the operating system."""
        self._effect(Op.TRAP, 0, value=CAUSE_ECALL_U)

    def trap_breakpoint(self) -> None:
        """Stop for the debugger."""
        self._effect(Op.TRAP, 0, value=CAUSE_BREAKPOINT)

    def trap_illegal(self) -> None:
        """Illegal instruction."""
        self._effect(Op.TRAP, 0, value=CAUSE_ILLEGAL)

    def jump(self, target: Value) -> None:
        """Continue at `target` when this instruction is done."""
        self._effect(Op.JUMP, 0, target.node)

    def branch(self, condition: Value, target: Value) -> None:
        """Continue at `target` if the condition holds."""
        self._effect(Op.BRANCH, 0, condition.node, target.node)

    def tree(self) -> Tree:
        """The effects in order, register writes last."""
        return (*self._effects, *self._writes)
