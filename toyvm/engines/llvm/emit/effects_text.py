"""The effects of one instruction as LLVM IR, for regions and for the interpreter's handlers."""

from __future__ import annotations

from toyvm.isa.ops import Op, Tree
from toyvm.machine.sv39 import PTE_R, PTE_W

from ..analysis.regions import RegionStep, nodes
from .atomic_text import AtomicText
from .float_text import F0, FloatText, supported
from .value_text import SUPPORTED


class EffectsText(AtomicText, FloatText):
    """Prints the effects of an instruction other than its register writes and jumps."""

    def _effects(self, step: RegionStep) -> list[tuple[int, str]]:
        """Print an instruction's effects. Returns its register writes, which must follow."""
        writes = []
        for node in step.effects:
            op, args = node.op, node.args
            if op is Op.LOAD:
                self._load(node, PTE_R)
            elif op is Op.AMO_LOAD:
                self._load(node, PTE_W, aligned=True)
            elif op is Op.STORE:
                self._store(node)
            elif op is Op.LOAD_RESERVED:
                self._load_reserved(node)
            elif op is Op.STORE_CONDITIONAL:
                self._store_conditional(node)
            elif op is Op.FLOAT:
                self._float(node)
            elif op is Op.CSR_READ:
                self._csr_read(node)
            elif op is Op.CSR_WRITE:
                self._csr_write(node)
            elif op is Op.WRITE_X:
                writes.append((args[0].value, self._value(args[1])))
            elif op is Op.WRITE_F:
                writes.append((F0 + args[0].value, self._to_write(node)))
        return writes


def native(effects: Tree) -> bool:
    """Whether the printer knows all operations of an instruction on this host.

    For the tree of a row, whose fields are unknown: whether it knows those of some instruction.
    """
    return all(node.op in SUPPORTED and supported(node) for node in nodes(effects) if node.op is not Op.FIELD)
