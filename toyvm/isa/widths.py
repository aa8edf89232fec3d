"""Which rows are of one register width: a 32-bit machine has no ld, addiw or c.subw.

The need of a row or a pseudo-instruction is the text that the assembler looks for among the extensions: "Zba", or
"RV64 Zba" where only 64-bit machines have it.
"""

from __future__ import annotations

from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from .spec import Insn

_OPCODES = (0x1B, 0x3B)  # operations on words
_DOUBLES = {
    (0x03, 3),
    (0x03, 6),
    (0x23, 3),
    (0x2F, 3),
    (0x2F, 4),
}  # (opcode, funct3): ld, lwu, sd, amoadd.d, amocas.q
_NAMES = """
c.ld c.sd c.ldsp c.sdsp c.addiw c.subw c.addw c.zext.w rev8
fmv.x.d fmv.d.x hlv.wu hlv.d hsv.d aes64ds aes64dsm aes64es aes64esm
aes64im aes64ks1i aes64ks2 sha512sig0 sha512sig1 sha512sum0 sha512sum1
"""
_OTHERS = frozenset(_NAMES.split())


def is_64_only(insn: Insn) -> bool:
    """Whether a row of the table is of 64-bit machines alone."""
    if insn.length == 4:
        opcode, funct3 = insn.match & 0x7F, insn.match >> 12 & 7
        if opcode in _OPCODES or (opcode, funct3) in _DOUBLES:
            return True
        if insn.name.startswith("fcvt."):
            return ".l" in insn.name
    return insn.name in _OTHERS


def needs(insn: Insn) -> str:
    """What the assembler asks of an architecture for a row."""
    return f"RV64 {insn.ext}" if insn.ext[:2] != "RV" and is_64_only(insn) else insn.ext


def both(names: frozenset[str], xlen: int) -> frozenset[str]:
    """The extensions of an architecture, with what needs its width."""
    return names | {f"RV{xlen} {name}" for name in names}
