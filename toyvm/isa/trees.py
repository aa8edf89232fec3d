"""The tree of effects of a row or of a decoded instruction: what every engine and the reference page print or execute."""

from __future__ import annotations

from .decode import Decoded
from .ops import Tree
from .semantics import Machine
from .spec import Insn

_TREES: dict[str, Tree] = {}


def tree(what: Insn | Decoded) -> Tree:
    """The tree of a row, with its fields symbolic; or of a decoded instruction, with its fields constant.

    The semantics run on the first call for a row, and on each call for a decoded instruction.
    """
    if isinstance(what, Decoded):
        insn = what.insn
        machine = Machine(insn.name, insn.format, insn.bound, what.fields)
        insn.semantics(machine)
        return machine.tree()
    found = _TREES.get(what.name)
    if found is None:
        machine = Machine(what.name, what.format, what.bound)
        what.semantics(machine)
        found = _TREES[what.name] = machine.tree()
    return found
