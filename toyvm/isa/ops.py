"""The operations that semantics are made of: one closed set, which every engine prints.

A `Node` is a value of a fixed width in bits (its result is 0 <= v < 2**width), or an effect. A tree is a tuple of
effects in the order in which they happen. An effect with a width also has a value. Later nodes that have the effect
as an operand use this value, so a printer keeps it in a temporary.

Every operation is total: the semantics mask and select beforehand (see `semantics.py`), so shift amounts are below
the width, divisors are not 0, and no quotient overflows. A printer needs no special cases.
"""

from __future__ import annotations

from enum import IntEnum, auto


class Op(IntEnum):
    """What a node does. The comment gives its arguments; w is the node's width."""

    # leaves
    CONST = auto()  # value: the number
    FIELD = auto()  # name: a bit field of the instruction, sign-extended to w
    PC = auto()  # the address of this instruction
    READ_X = auto()  # (register number) an integer register
    READ_F = auto()  # (register number) a floating-point register's 64 bits

    # arithmetic modulo 2**w; both arguments have width w
    ADD = auto()
    SUB = auto()
    MUL = auto()
    AND = auto()
    OR = auto()
    XOR = auto()
    SHL = auto()  # amount < w
    LSHR = auto()
    ASHR = auto()
    UDIV = auto()  # divisor not 0
    UREM = auto()
    SDIV = auto()  # rounds towards zero; not the lowest number by -1
    SREM = auto()

    # of one argument of width w
    CLZ = auto()  # number of zero bits above the highest that is set; w for 0
    CTZ = auto()  # number of zero bits below the lowest that is set; w for 0
    CPOP = auto()  # number of bits that are set

    TABLE = auto()  # (index) name: a table of `lookup_tables` with entries of width w; the index is inside it

    # comparisons; width 1
    EQ = auto()
    NE = auto()
    ULT = auto()
    UGE = auto()
    SLT = auto()
    SGE = auto()

    # changes of width
    TRUNC = auto()  # (value wider than w)
    ZEXT = auto()  # (value narrower than w)
    SEXT = auto()
    SELECT = auto()  # (condition of width 1, value if 1, value if 0)

    # effects with a value
    LOAD = auto()  # (address) w bits of memory, at any alignment
    LOAD_RESERVED = auto()  # (address) traps when misaligned
    AMO_LOAD = (
        auto()
    )  # (address) as LOAD, but traps as a store and when misaligned; a STORE to the same address follows
    STORE_CONDITIONAL = (
        auto()
    )  # (address, value) width 1: 0 if it stored, 1 if not; traps as a store and when misaligned
    CSR_READ = auto()  # (number) traps when there is no such CSR
    # (operands, then the rounding mode if the operation rounds) name: a key of `ieee754.OPERATIONS`. Raises flags in fcsr.
    # Illegal when the rounding mode is reserved, or when it is DYN and frm is reserved
    FLOAT = auto()

    # effects without a value (width 0)
    STORE = auto()  # (address, value) the value's width
    CSR_WRITE = (
        auto()
    )  # (number, value, condition of width 1) traps when the CSR is read-only; nothing if condition is 0
    FENCE = auto()  # memory ordering; one hart sees its own accesses in order
    FENCE_I = auto()  # instruction fetches see earlier stores
    TRAP = auto()  # value: cause number; the instruction does not retire. Always the last effect
    JUMP = auto()  # (target) the next instruction's address; takes place when the instruction is done
    BRANCH = auto()  # (condition of width 1, target) as JUMP if the condition is 1
    WRITE_X = (
        auto()
    )  # (register number, value) never register 0 when the number is known; after JUMP and BRANCH
    WRITE_F = auto()  # (register number, value)


EFFECTS_WITH_VALUE = frozenset(
    {Op.LOAD, Op.LOAD_RESERVED, Op.AMO_LOAD, Op.STORE_CONDITIONAL, Op.CSR_READ, Op.FLOAT}
)
COMPARISONS = frozenset({Op.EQ, Op.NE, Op.ULT, Op.UGE, Op.SLT, Op.SGE})


class Node:
    """An operation on nodes: immutable, compared by identity (an effect happens once, however often its value is read)."""

    __slots__ = ("args", "name", "op", "value", "width")

    def __init__(self, op: Op, width: int, args: tuple[Node, ...] = (), value: int = 0, name: str = ""):
        self.op = op
        self.width = width
        self.args = args
        self.value = value
        self.name = name

    def __repr__(self) -> str:
        if self.op is Op.CONST:
            return f"{self.value:#x}:{self.width}"
        if self.op is Op.FIELD:
            return self.name
        if self.op is Op.FLOAT:
            return f"{self.name}({', '.join(map(repr, self.args))})"
        inside = ", ".join([*map(repr, self.args), *([str(self.value)] if self.op is Op.TRAP else [])])
        return f"{self.op.name.lower()}:{self.width}({inside})"


Tree = tuple[Node, ...]
