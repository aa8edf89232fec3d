"""M: integer multiplication and division (unprivileged manual, chapter "M")."""

from __future__ import annotations

from ..fields import R
from ..semantics import Machine, divide, high, low, remainder, s, sext, zext
from ..spec import Rows

insn = Rows("M")

_OP, _OP_32 = 0x33, 0x3B


@insn("mul", R, ext="Zmmul", opcode=_OP, funct3=0, funct7=1)
def mul(m: Machine) -> None:
    """Multiply, low 64 bits."""
    m.rd = m.rs1 * m.rs2


@insn("mulh", R, ext="Zmmul", opcode=_OP, funct3=1, funct7=1)
def mulh(m: Machine) -> None:
    """Multiply signed by signed, high 64 bits."""
    m.rd = high(sext(m.rs1, 128) * sext(m.rs2, 128))


@insn("mulhsu", R, ext="Zmmul", opcode=_OP, funct3=2, funct7=1)
def mulhsu(m: Machine) -> None:
    """Multiply signed rs1 by unsigned rs2, high 64 bits."""
    m.rd = high(sext(m.rs1, 128) * zext(m.rs2, 128))


@insn("mulhu", R, ext="Zmmul", opcode=_OP, funct3=3, funct7=1)
def mulhu(m: Machine) -> None:
    """Multiply unsigned, high 64 bits."""
    m.rd = high(zext(m.rs1, 128) * zext(m.rs2, 128))


@insn("div", R, opcode=_OP, funct3=4, funct7=1)
def div(m: Machine) -> None:
    """Divide, signed, rounding towards zero."""
    m.rd = divide(s(m.rs1), m.rs2)


@insn("divu", R, opcode=_OP, funct3=5, funct7=1)
def divu(m: Machine) -> None:
    """Divide, unsigned."""
    m.rd = divide(m.rs1, m.rs2)


@insn("rem", R, opcode=_OP, funct3=6, funct7=1)
def rem(m: Machine) -> None:
    """Remainder, signed, with the sign of the dividend."""
    m.rd = remainder(s(m.rs1), m.rs2)


@insn("remu", R, opcode=_OP, funct3=7, funct7=1)
def remu(m: Machine) -> None:
    """Remainder, unsigned."""
    m.rd = remainder(m.rs1, m.rs2)


@insn("mulw", R, ext="Zmmul", opcode=_OP_32, funct3=0, funct7=1)
def mulw(m: Machine) -> None:
    """Multiply, low 32 bits, sign-extended."""
    m.rd = sext(low(m.rs1) * low(m.rs2))


@insn("divw", R, opcode=_OP_32, funct3=4, funct7=1)
def divw(m: Machine) -> None:
    """Divide 32 bits, signed; the result is sign-extended."""
    m.rd = sext(divide(s(low(m.rs1)), low(m.rs2)))


@insn("divuw", R, opcode=_OP_32, funct3=5, funct7=1)
def divuw(m: Machine) -> None:
    """Divide 32 bits, unsigned; the result is sign-extended."""
    m.rd = sext(divide(low(m.rs1), low(m.rs2)))


@insn("remw", R, opcode=_OP_32, funct3=6, funct7=1)
def remw(m: Machine) -> None:
    """Remainder of 32 bits, signed; the result is sign-extended."""
    m.rd = sext(remainder(s(low(m.rs1)), low(m.rs2)))


@insn("remuw", R, opcode=_OP_32, funct3=7, funct7=1)
def remuw(m: Machine) -> None:
    """Remainder of 32 bits, unsigned; the result is sign-extended."""
    m.rd = sext(remainder(low(m.rs1), low(m.rs2)))
