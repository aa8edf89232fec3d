"""Which floating-point registers hold a NaN-boxed single: found in trees, and followed through a region.

A single stands in the low half of a register, the upper half all ones. An instruction that reads one asks for that
(`Machine.frs1(32)`); native code asks once and not again until the register is written with something else.
"""

from __future__ import annotations

from toyvm.isa.ops import Node, Op, Tree

from .regions import Key, Region, RegionBlock, RegionStep, nodes

_BOX = -1 << 32 & (1 << 64) - 1


def unboxed(node: Node) -> int | None:
    """The register that is read as a single: what `Machine.frs1(32)` makes of it."""
    if node.op is Op.SELECT and node.width == 32 and node.args[1].op is Op.TRUNC:
        register = node.args[1].args[0]
        if register.op is Op.READ_F and node.args[0].op is Op.EQ:
            return register.args[0].value
    return None


def boxed(node: Node) -> Node | None:
    """The single in a value that is boxed: what `Machine.frd` makes of 32 bits."""
    if node.op is Op.OR and node.args[1].op is Op.CONST and node.args[1].value == _BOX:
        inside = node.args[0]
        if inside.op is Op.ZEXT and inside.args[0].width == 32:
            return inside.args[0]
    return None


def _singles(effects: Tree) -> set[int]:
    """The registers that an instruction reads as singles."""
    return {register for node in nodes(effects) if (register := unboxed(node)) is not None}


def _after(step: RegionStep, known: set[int]) -> None:
    """Change the registers that are known to hold singles to what is known after an instruction that did not leave."""
    known |= _singles(step.effects)
    for node in step.effects:
        if node.op is Op.WRITE_F:
            (known.add if boxed(node.args[1]) else known.discard)(node.args[0].value)


def boxed_at_entry(region: Region) -> dict[Key, set[int]]:
    """For each block the registers that hold a NaN-boxed single on every way to it."""
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
