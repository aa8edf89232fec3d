"""Expressions of a tree as LLVM values."""

from __future__ import annotations

from toyvm.base.bits import sext
from toyvm.isa.ops import Node, Op

from ..analysis.regions import RegionStep, direct
from .function_text import FunctionText

_BINARY = {
    Op.ADD: "add", Op.SUB: "sub", Op.MUL: "mul", Op.AND: "and", Op.OR: "or", Op.XOR: "xor",
    Op.SHL: "shl", Op.LSHR: "lshr", Op.ASHR: "ashr",
    Op.UDIV: "udiv", Op.UREM: "urem", Op.SDIV: "sdiv", Op.SREM: "srem",
    Op.EQ: "icmp eq", Op.NE: "icmp ne", Op.ULT: "icmp ult", Op.UGE: "icmp uge", Op.SLT: "icmp slt", Op.SGE: "icmp sge",
}  # fmt: skip
_CONVERSIONS = {Op.TRUNC: "trunc", Op.ZEXT: "zext", Op.SEXT: "sext"}

# Operations that are an LLVM intrinsic, by name: the function, and its arguments after the value.
_INTRINSICS = {"CLZ": ("ctlz", ", i1 false"), "CTZ": ("cttz", ", i1 false"), "CPOP": ("ctpop", "")}

SUPPORTED = frozenset(
    {
        *(op for op in Op if op.name in _INTRINSICS),
        *_BINARY,
        *_CONVERSIONS,
        Op.SELECT,
        Op.CONST,
        Op.PC,
        Op.READ_X,
        Op.LOAD,
        Op.AMO_LOAD,
        Op.LOAD_RESERVED,
        Op.STORE_CONDITIONAL,
        Op.STORE,
        Op.FENCE,
        Op.JUMP,
        Op.BRANCH,
        Op.WRITE_X,
        Op.READ_F,
        Op.WRITE_F,
        Op.FLOAT,
        Op.CSR_READ,
        Op.CSR_WRITE,
    }
)


class ValueText(FunctionText):
    """Prints expressions of the current instruction (`_begin`). Registers are slots `%r<n>`."""

    def __init__(self) -> None:
        super().__init__()
        self._step: RegionStep
        self._values: dict[Node, str] = {}

    def _begin(self, step: RegionStep) -> None:
        self._step = step
        self._values = {}

    def _value(self, node: Node) -> str:
        found = self._values.get(node)
        if found is None:
            found = self._values[node] = self._compute(node)
        return found

    def _compute(self, node: Node) -> str:
        op, args, width = node.op, node.args, node.width
        if op is Op.CONST:
            return str(node.value)
        if op is Op.PC:
            return str(self._step.pc)
        if op is Op.READ_X:
            return self._set(f"load i64, ptr %r{args[0].value}")
        if (constant := direct(node, self._step.pc)) is not None:
            return str(constant)
        values = [self._value(argument) for argument in args]
        if op in _CONVERSIONS:
            if values[0].isdigit():
                return str(
                    (sext(int(values[0]), args[0].width) if op is Op.SEXT else int(values[0]))
                    & ((1 << width) - 1)
                )
            return self._set(f"{_CONVERSIONS[op]} i{args[0].width} {values[0]} to i{width}")
        if op.name in _INTRINSICS:
            function, rest = _INTRINSICS[op.name]
            more = ", i1" if rest else ""
            self._declared.add(f"declare i{width} @llvm.{function}.i{width}(i{width}{more})")
            return self._set(f"call i{width} @llvm.{function}.i{width}(i{width} {values[0]}{rest})")
        if op is Op.SELECT:
            return self._set(f"select i1 {values[0]}, i{width} {values[1]}, i{width} {values[2]}")
        return self._set(f"{_BINARY[op]} i{args[0].width} {values[0]}, {values[1]}")
