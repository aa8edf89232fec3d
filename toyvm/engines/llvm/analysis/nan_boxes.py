"""The floating-point registers that hold NaN-boxed singles, by data-flow analysis of a region.

A single is in the low half of a register whose upper half is all ones. An instruction that reads a
single checks this (`Machine.frs1(32)`). Native code checks a register once, until it is written
with something else.
"""

from __future__ import annotations

from toyvm.isa.ops import Node, Op, Tree

from .regions import Key, Region, RegionBlock, RegionStep, nodes

_BOX = -1 << 32 & (1 << 64) - 1


def unboxed(node: Node) -> int | None:
    """The register that a node reads as a single (the tree of `Machine.frs1(32)`), or None."""
    if node.op is Op.SELECT and node.width == 32 and node.args[1].op is Op.TRUNC:
        register = node.args[1].args[0]
        if register.op is Op.READ_F and node.args[0].op is Op.EQ:
            return register.args[0].value
    return None


def boxed(node: Node) -> Node | None:
    """The single in a boxed value (the tree of `Machine.frd` for 32 bits), or None."""
    if node.op is Op.OR and node.args[1].op is Op.CONST and node.args[1].value == _BOX:
        inside = node.args[0]
        if inside.op is Op.ZEXT and inside.args[0].width == 32:
            return inside.args[0]
    return None


def _singles(effects: Tree) -> set[int]:
    """The registers that an instruction reads as singles."""
    return {register for node in nodes(effects) if (register := unboxed(node)) is not None}


def _after(step: RegionStep, known: set[int]) -> None:
    """Update the registers known to hold singles for an instruction that has not left."""
    known |= _singles(step.effects)
    for node in step.effects:
        if node.op is Op.WRITE_F:
            (known.add if boxed(node.args[1]) else known.discard)(node.args[0].value)


def boxed_at_entry(region: Region) -> dict[Key, set[int]]:
    """For each block, the registers that hold a NaN-boxed single on every path to it."""
    before: dict[Key, set[int]] = {key: set(range(32)) for key in region.blocks}
    before[region.entry] = set()
    waiting = list(region.blocks)
    while waiting:
        block: RegionBlock = region.blocks[waiting.pop()]
        known = set(before[block.key])
        for step in block.steps:
            _after(step, known)
        for to in block.successors:
            if to in before and not before[to] <= known:
                before[to] &= known
                waiting.append(to)
    return before
