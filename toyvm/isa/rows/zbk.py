"""Zbc, Zbkb, Zbkc and Zbkx: carry-less multiplication, packing, bit reversal, permutation.

Source: manual, chapters "B" and "Scalar cryptography".

What Zbkb has of Zbb is in `zb`.
"""

from __future__ import annotations

from ..fields import UNARY, R
from ..semantics import Machine, Value, high, low, number, select, sext, zext
from ..spec import Rows, Semantics

zbc, zbkb, zbkx = Rows("Zbc"), Rows("Zbkb"), Rows("Zbkx")

_OP, _OP_IMM, _OP_32 = 0x33, 0x13, 0x3B
_CLMUL = "Zbc or Zbkc"


def _product(a: Value, b: Value) -> Value:
    """The carry-less product of two numbers of 64 bits, in 128 bits."""
    wide = zext(a, 128)
    terms = []
    for bit in range(64):
        chosen = zext(b >> bit & 1, 128)
        terms.append((wide << bit) & (number(0, 128) - chosen))
    while len(terms) > 1:  # balanced, so that expressions are not nested deeply
        terms = [terms[i] ^ terms[i + 1] for i in range(0, len(terms), 2)]
    return terms[0]


@zbc("clmul", R, ext=_CLMUL, opcode=_OP, funct3=1, funct7=0x05)
def clmul(m: Machine) -> None:
    """Multiply without carries, low 64 bits."""
    m.rd = low(_product(m.rs1, m.rs2), 64)


@zbc("clmulr", R, opcode=_OP, funct3=2, funct7=0x05)
def clmulr(m: Machine) -> None:
    """Multiply without carries, bits 126 to 63."""
    m.rd = low(_product(m.rs1, m.rs2) >> 63, 64)


@zbc("clmulh", R, ext=_CLMUL, opcode=_OP, funct3=3, funct7=0x05)
def clmulh(m: Machine) -> None:
    """Multiply without carries, high 64 bits."""
    m.rd = high(_product(m.rs1, m.rs2), 64)


@zbkb("pack", R, opcode=_OP, funct3=4, funct7=0x04)
def pack(m: Machine) -> None:
    """The low halves of rs1 (below) and rs2 (above)."""
    m.rd = zext(low(m.rs1)) | m.rs2 << 32


@zbkb("packh", R, opcode=_OP, funct3=7, funct7=0x04)
def packh(m: Machine) -> None:
    """The low bytes of rs1 (below) and rs2 (above)."""
    m.rd = m.rs1 & 0xFF | (m.rs2 & 0xFF) << 8


@zbkb("packw", R, opcode=_OP_32, funct3=4, funct7=0x04)
def packw(m: Machine) -> None:
    """The low 16 bits of rs1 (below) and rs2 (above), sign-extended from 32 bits."""
    m.rd = sext(low(m.rs1 & 0xFFFF) | low(m.rs2) << 16)


@zbkb("brev8", UNARY, opcode=_OP_IMM, funct3=5, funct12=0x687)
def brev8(m: Machine) -> None:
    """Reverse the bits of each byte."""
    value = m.rs1
    for amount, mask in ((1, 0x5555555555555555), (2, 0x3333333333333333), (4, 0x0F0F0F0F0F0F0F0F)):
        value = value >> amount & mask | (value & mask) << amount
    m.rd = value


def _permutation(width: int) -> Semantics:
    def permute(m: Machine) -> None:
        mask, result = (1 << width) - 1, number(0)
        for at in range(0, 64, width):
            index = m.rs2 >> at & mask
            element = m.rs1 >> (index << width.bit_length() - 1 & 63) & mask
            result = result | (select(index < 64 // width, element, 0) if width == 8 else element) << at
        m.rd = result

    what = "byte" if width == 8 else "group of four bits"
    permute.__doc__ = f"For each {what} of rs2, that {what} of rs1; 0 if there is none."
    return permute


zbkx("xperm4", R, opcode=_OP, funct3=2, funct7=0x14)(_permutation(4))
zbkx("xperm8", R, opcode=_OP, funct3=4, funct7=0x14)(_permutation(8))
