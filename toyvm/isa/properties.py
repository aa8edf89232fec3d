"""The registers that a row reads and writes, and its class: derived from its tree, not annotated."""

from __future__ import annotations

from .ops import Node, Op
from .spec import Insn
from .trees import tree

MULTIPLY, DIVIDE = "multiply", "divide"

# The class of an instruction is the first one that contains one of its operations; a row without any is "alu".
_CLASSES: tuple[tuple[str, frozenset[Op]], ...] = (
    ("system", frozenset({Op.TRAP, Op.CSR_READ, Op.CSR_WRITE})),
    ("fence", frozenset({Op.FENCE, Op.FENCE_I})),
    ("atomic", frozenset({Op.LOAD_RESERVED, Op.STORE_CONDITIONAL, Op.AMO_LOAD})),
    ("load", frozenset({Op.LOAD})),
    ("store", frozenset({Op.STORE})),
    ("float", frozenset({Op.FLOAT, Op.READ_F, Op.WRITE_F})),
    ("branch", frozenset({Op.BRANCH})),
    ("jump", frozenset({Op.JUMP})),
    (DIVIDE, frozenset({Op.UDIV, Op.UREM, Op.SDIV, Op.SREM})),
    (MULTIPLY, frozenset({Op.MUL})),
)
CLASSES = (*(name for name, _ in _CLASSES), "alu")


def nodes(insn: Insn) -> set[Node]:
    """Every node of a row's tree."""
    found: set[Node] = set()
    waiting = list(tree(insn))
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.args
    return found


def class_of(insn: Insn) -> str:
    """One of CLASSES, for statistics."""
    present = {node.op for node in nodes(insn)}
    return next((name for name, ops in _CLASSES if ops & present), "alu")


def reads(insn: Insn) -> frozenset[str]:
    """The fields that name the integer registers that the row reads: a subset of rs1, rs2."""
    return frozenset(node.args[0].name for node in nodes(insn) if node.op is Op.READ_X and node.args[0].name)


def writes(insn: Insn) -> frozenset[str]:
    """The fields that name the integer registers that the row writes: rd, or the empty set."""
    return frozenset(node.args[0].name for node in nodes(insn) if node.op is Op.WRITE_X and node.args[0].name)
