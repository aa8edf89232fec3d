"""Prints the values of a tree as Python expressions.

Guest values are Python ints. Three forms of a value avoid most masking:

- `exact`: 0 <= v < 2**width, as in registers;
- `raw`: correct modulo 2**width, enough for an operand of an addition that is masked afterwards;
- `signed`: exact, as a two's complement number.

Subclasses of `Printer` define the text of registers, fields and pc.
"""

from __future__ import annotations

from collections.abc import Callable

from toyvm.isa.lookup_tables import look_up
from toyvm.isa.ops import Node, Op
from toyvm.isa.semantics import maximum

from ..effects import quotient, remainder, trailing_zeros

_INFIX = {
    Op.ADD: "+",
    Op.SUB: "-",
    Op.MUL: "*",
    Op.AND: "&",
    Op.OR: "|",
    Op.XOR: "^",
    Op.UDIV: "//",
    Op.UREM: "%",
}
_COMPARE = {Op.EQ: "==", Op.NE: "!=", Op.ULT: "<", Op.UGE: ">=", Op.SLT: "<", Op.SGE: ">="}


def _mask(width: int) -> str:
    return hex((1 << width) - 1)


class Printer:
    """Python text of a node's value. `effect_names` maps an effect to its result's variable."""

    def __init__(self) -> None:
        self.effect_names: dict[Node, str] = {}

    def register(self, number: Node) -> str:
        """The integer register with this number."""
        raise NotImplementedError

    def float_register(self, number: Node) -> str:
        """The floating-point register with this number."""
        raise NotImplementedError

    def field(self, name: str) -> str:
        """A bit field as a signed Python int."""
        raise NotImplementedError

    def pc(self) -> str:
        """The address of the instruction."""
        raise NotImplementedError

    def exact(self, node: Node) -> str:
        """0 <= v < 2**width."""
        return _EXACT[node.op](self, node)

    def raw(self, node: Node) -> str:
        """Correct modulo 2**width."""
        op = node.op
        if op is Op.CONST:
            sign = 1 << (node.width - 1)
            return str((node.value ^ sign) - sign)
        if op is Op.FIELD:
            return self.field(node.name)
        if op in (Op.ADD, Op.SUB, Op.MUL, Op.AND, Op.OR, Op.XOR):
            return f"({self.raw(node.args[0])} {_INFIX[op]} {self.raw(node.args[1])})"
        if op is Op.SHL:
            return f"({self.raw(node.args[0])} << {self.exact(node.args[1])})"
        if op is Op.TRUNC:
            return self.raw(node.args[0])
        if op in (Op.SEXT, Op.ASHR, Op.SDIV, Op.SREM):
            return self.signed(node)
        return self.exact(node)

    def signed(self, node: Node) -> str:
        """-(2**(width-1)) <= v < 2**(width-1)."""
        op = node.op
        if op is Op.CONST:
            return self.raw(node)
        if op is Op.SEXT:
            return self.signed(node.args[0])
        if op is Op.ASHR:
            return f"({self.signed(node.args[0])} >> {self.exact(node.args[1])})"
        if op in (Op.SDIV, Op.SREM):
            name = quotient.__name__ if op is Op.SDIV else remainder.__name__
            return f"{name}({self.signed(node.args[0])}, {self.signed(node.args[1])})"
        if op is Op.ZEXT:
            return self.exact(node)
        sign = hex(1 << (node.width - 1))
        return f"(({self.exact(node)} ^ {sign}) - {sign})"

    def truth(self, node: Node) -> str:
        """A value of width 1 as a Python condition."""
        op = node.op
        if op in (Op.SLT, Op.SGE):
            a, b = node.args
            if b.op is Op.CONST and b.value == 0:  # the sign bit alone
                return f"{self.exact(a)} {'>=' if op is Op.SLT else '<'} {hex(1 << (a.width - 1))}"
            return f"{self._biased(a)} {_COMPARE[op]} {self._biased(b)}"
        if op in _COMPARE:
            return f"{self.exact(node.args[0])} {_COMPARE[op]} {self.exact(node.args[1])}"
        if op in (Op.AND, Op.OR) and node.width == 1:
            return (
                f"({self.truth(node.args[0])} {'and' if op is Op.AND else 'or'} {self.truth(node.args[1])})"
            )
        return self.exact(node)

    def _biased(self, node: Node) -> str:
        """The value with its sign bit inverted: an unsigned comparison orders these as signed."""
        sign = 1 << (node.width - 1)
        return str(node.value ^ sign) if node.op is Op.CONST else f"({self.exact(node)} ^ {hex(sign)})"

    # --- exact, by operation ---

    def _const(self, node: Node) -> str:
        return str(node.value)

    def _field(self, node: Node) -> str:
        return f"({self.field(node.name)} & {_mask(node.width)})"

    def _pc(self, node: Node) -> str:
        return self.pc()

    def _read_x(self, node: Node) -> str:
        return self.register(node.args[0])

    def _read_f(self, node: Node) -> str:
        return self.float_register(node.args[0])

    def _clz(self, node: Node) -> str:
        return f"({node.width} - ({self.exact(node.args[0])}).bit_length())"

    def _ctz(self, node: Node) -> str:
        return f"{trailing_zeros.__name__}({self.exact(node.args[0])}, {node.width})"

    def _cpop(self, node: Node) -> str:
        return f"({self.exact(node.args[0])}).bit_count()"

    def _table(self, node: Node) -> str:
        return f"{look_up.__name__}({node.name!r}, {self.exact(node.args[0])})"

    def _masked(self, node: Node) -> str:
        return f"({self.raw(node)} & {_mask(node.width)})"

    def _and(self, node: Node) -> str:
        if node.width == 1:
            return self._truth_value(node)
        a, b = node.args
        if b.op is Op.CONST:
            return f"({self.raw(a)} & {b.value})"
        return f"({self.exact(a)} & {self.raw(b)})"

    def _bitwise(self, node: Node) -> str:
        if node.width == 1 and node.op is Op.OR:
            return self._truth_value(node)
        return f"({self.exact(node.args[0])} {_INFIX[node.op]} {self.exact(node.args[1])})"

    def _lshr(self, node: Node) -> str:
        return f"({self.exact(node.args[0])} >> {self.exact(node.args[1])})"

    def _trunc(self, node: Node) -> str:
        a = node.args[0]
        if a.op is Op.LSHR and a.args[1].op is Op.CONST and a.args[1].value + node.width <= a.width:
            return f"(({self.raw(a.args[0])} >> {a.args[1].value}) & {_mask(node.width)})"
        if maximum(a) < 1 << node.width:
            return self.exact(a)
        return self._masked(node)

    def _zext(self, node: Node) -> str:
        return self.exact(node.args[0])

    def _sext(self, node: Node) -> str:
        a = node.args[0]
        if a.op in (Op.ASHR, Op.SDIV, Op.SREM):
            return f"({self.signed(a)} & {_mask(node.width)})"
        sign = hex(1 << (a.width - 1))
        ones = hex(((1 << node.width) - 1) ^ ((1 << a.width) - 1))
        text = self.exact(a)
        if text.isidentifier():
            return f"({text} if {text} < {sign} else {text} | {ones})"
        return f"(t if (t := {text}) < {sign} else t | {ones})"

    def _select(self, node: Node) -> str:
        condition, a, b = node.args
        return f"({self.exact(a)} if {self.truth(condition)} else {self.exact(b)})"

    def _truth_value(self, node: Node) -> str:
        return f"(1 if {self.truth(node)} else 0)"

    def _divide(self, node: Node) -> str:
        return f"({self.exact(node.args[0])} {_INFIX[node.op]} {self.exact(node.args[1])})"

    def _effect(self, node: Node) -> str:
        return self.effect_names[node]


_EXACT: dict[Op, Callable[[Printer, Node], str]] = {
    Op.CONST: Printer._const,
    Op.FIELD: Printer._field,
    Op.PC: Printer._pc,
    Op.READ_X: Printer._read_x,
    Op.READ_F: Printer._read_f,
    Op.CLZ: Printer._clz,
    Op.CTZ: Printer._ctz,
    Op.CPOP: Printer._cpop,
    Op.TABLE: Printer._table,
    Op.ADD: Printer._masked,
    Op.SUB: Printer._masked,
    Op.MUL: Printer._masked,
    Op.SHL: Printer._masked,
    Op.ASHR: Printer._masked,
    Op.SDIV: Printer._masked,
    Op.SREM: Printer._masked,
    Op.AND: Printer._and,
    Op.OR: Printer._bitwise,
    Op.XOR: Printer._bitwise,
    Op.LSHR: Printer._lshr,
    Op.UDIV: Printer._divide,
    Op.UREM: Printer._divide,
    Op.EQ: Printer._truth_value,
    Op.NE: Printer._truth_value,
    Op.ULT: Printer._truth_value,
    Op.UGE: Printer._truth_value,
    Op.SLT: Printer._truth_value,
    Op.SGE: Printer._truth_value,
    Op.TRUNC: Printer._trunc,
    Op.ZEXT: Printer._zext,
    Op.SEXT: Printer._sext,
    Op.SELECT: Printer._select,
    Op.LOAD: Printer._effect,
    Op.LOAD_RESERVED: Printer._effect,
    Op.AMO_LOAD: Printer._effect,
    Op.STORE_CONDITIONAL: Printer._effect,
    Op.CSR_READ: Printer._effect,
    Op.FLOAT: Printer._effect,
}
