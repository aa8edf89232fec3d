"""Zba, Zbb, Zbs: bit manipulation; Zicond: conditional zero (unprivileged manual, chapters "B" and "Zicond")."""

from __future__ import annotations

from collections.abc import Callable

from ..fields import SHIFT, SHIFTW, UNARY, R
from ..semantics import (
    Machine,
    Value,
    bit_count,
    leading_zeros,
    low,
    number,
    s,
    select,
    sext,
    trailing_zeros,
    zext,
)
from ..spec import Rows, Semantics

zba, zbb, zbs, zicond = Rows("Zba"), Rows("Zbb"), Rows("Zbs"), Rows("Zicond")

_SHARED = "Zbb or Zbkb"
_OP, _OP_IMM, _OP_32, _OP_IMM_32 = 0x33, 0x13, 0x3B, 0x1B


def _word(value: Value) -> Value:
    return zext(low(value))


@zba("add.uw", R, opcode=_OP_32, funct3=0, funct7=0x04)
def add_uw(m: Machine) -> None:
    """Add the zero-extended low 32 bits of rs1 to rs2."""
    m.rd = _word(m.rs1) + m.rs2


def _shift_add(amount: int, word: bool) -> Semantics:
    def shift_add(m: Machine) -> None:
        m.rd = ((_word(m.rs1) if word else m.rs1) << amount) + m.rs2

    what = "the zero-extended low 32 bits of rs1" if word else "rs1"
    shift_add.__doc__ = f"Add {what} times {1 << amount} to rs2."
    return shift_add


for _amount in (1, 2, 3):
    zba(f"sh{_amount}add", R, opcode=_OP, funct3=2 * _amount, funct7=0x10)(_shift_add(_amount, word=False))
    zba(f"sh{_amount}add.uw", R, opcode=_OP_32, funct3=2 * _amount, funct7=0x10)(
        _shift_add(_amount, word=True)
    )


@zba("slli.uw", SHIFT, opcode=_OP_IMM_32, funct3=1, funct6=0x02)
def slli_uw(m: Machine) -> None:
    """Shift the zero-extended low 32 bits of rs1 left."""
    m.rd = _word(m.rs1) << m.shamt


@zbb("andn", R, ext=_SHARED, opcode=_OP, funct3=7, funct7=0x20)
def andn(m: Machine) -> None:
    """And with rs2 inverted."""
    m.rd = m.rs1 & ~m.rs2


@zbb("orn", R, ext=_SHARED, opcode=_OP, funct3=6, funct7=0x20)
def orn(m: Machine) -> None:
    """Or with rs2 inverted."""
    m.rd = m.rs1 | ~m.rs2


@zbb("xnor", R, ext=_SHARED, opcode=_OP, funct3=4, funct7=0x20)
def xnor(m: Machine) -> None:
    """Exclusive or, inverted."""
    m.rd = ~(m.rs1 ^ m.rs2)


def _counting(count: Callable[[Value], Value], doc: str, bits: int) -> Semantics:
    def counting(m: Machine) -> None:
        m.rd = count(m.rs1 if bits == 64 else low(m.rs1))

    counting.__doc__ = doc if bits == 64 else doc.replace(".", " of the low 32 bits.")
    return counting


for _name, _number, _count, _doc in (
    ("clz", 0x600, leading_zeros, "Count leading zero bits."),
    ("ctz", 0x601, trailing_zeros, "Count trailing zero bits."),
    ("cpop", 0x602, bit_count, "Count bits that are set."),
):
    zbb(_name, UNARY, opcode=_OP_IMM, funct3=1, funct12=_number)(_counting(_count, _doc, 64))
    zbb(_name + "w", UNARY, opcode=_OP_IMM_32, funct3=1, funct12=_number)(_counting(_count, _doc, 32))


@zbb("max", R, opcode=_OP, funct3=6, funct7=0x05)
def max_(m: Machine) -> None:
    """Maximum, signed."""
    m.rd = select(s(m.rs1) < s(m.rs2), m.rs2, m.rs1)


@zbb("maxu", R, opcode=_OP, funct3=7, funct7=0x05)
def maxu(m: Machine) -> None:
    """Maximum, unsigned."""
    m.rd = select(m.rs1 < m.rs2, m.rs2, m.rs1)


@zbb("min", R, opcode=_OP, funct3=4, funct7=0x05)
def min_(m: Machine) -> None:
    """Minimum, signed."""
    m.rd = select(s(m.rs1) < s(m.rs2), m.rs1, m.rs2)


@zbb("minu", R, opcode=_OP, funct3=5, funct7=0x05)
def minu(m: Machine) -> None:
    """Minimum, unsigned."""
    m.rd = select(m.rs1 < m.rs2, m.rs1, m.rs2)


@zbb("sext.b", UNARY, opcode=_OP_IMM, funct3=1, funct12=0x604)
def sext_b(m: Machine) -> None:
    """Sign-extend a byte."""
    m.rd = sext(low(m.rs1, 8))


@zbb("sext.h", UNARY, opcode=_OP_IMM, funct3=1, funct12=0x605)
def sext_h(m: Machine) -> None:
    """Sign-extend a halfword."""
    m.rd = sext(low(m.rs1, 16))


@zbb("zext.h", R, "rd, rs1", opcode=_OP_32, funct3=4, funct7=0x04, rs2=0)
def zext_h(m: Machine) -> None:
    """Zero-extend a halfword."""
    m.rd = zext(low(m.rs1, 16))


def _rotated_right(value: Value, amount: Value) -> Value:
    """`value` rotated; only the low bits of the amount, as many as the width needs, count."""
    mask = value.node.width - 1
    return value >> (amount & mask) | value << ((~amount + 1) & mask)


@zbb("rol", R, ext=_SHARED, opcode=_OP, funct3=1, funct7=0x30)
def rol(m: Machine) -> None:
    """Rotate left by the low 6 bits of rs2."""
    m.rd = _rotated_right(m.rs1, ~m.rs2 + 1)


@zbb("rolw", R, ext=_SHARED, opcode=_OP_32, funct3=1, funct7=0x30)
def rolw(m: Machine) -> None:
    """Rotate the low 32 bits left by the low 5 bits of rs2; the result is sign-extended."""
    m.rd = sext(_rotated_right(low(m.rs1), ~low(m.rs2) + 1))


@zbb("ror", R, ext=_SHARED, opcode=_OP, funct3=5, funct7=0x30)
def ror(m: Machine) -> None:
    """Rotate right by the low 6 bits of rs2."""
    m.rd = _rotated_right(m.rs1, m.rs2)


@zbb("rori", SHIFT, ext=_SHARED, opcode=_OP_IMM, funct3=5, funct6=0x18)
def rori(m: Machine) -> None:
    """Rotate right by an immediate amount."""
    m.rd = _rotated_right(m.rs1, m.shamt)


@zbb("roriw", SHIFTW, ext=_SHARED, opcode=_OP_IMM_32, funct3=5, funct7=0x30)
def roriw(m: Machine) -> None:
    """Rotate the low 32 bits right by an immediate amount; the result is sign-extended."""
    m.rd = sext(_rotated_right(low(m.rs1), low(m.shamt)))


@zbb("rorw", R, ext=_SHARED, opcode=_OP_32, funct3=5, funct7=0x30)
def rorw(m: Machine) -> None:
    """Rotate the low 32 bits right by the low 5 bits of rs2; the result is sign-extended."""
    m.rd = sext(_rotated_right(low(m.rs1), low(m.rs2)))


@zbb("orc.b", UNARY, opcode=_OP_IMM, funct3=5, funct12=0x287)
def orc_b(m: Machine) -> None:
    """Each byte becomes 0 if it is 0, else all ones."""
    value = m.rs1
    for amount, mask in ((4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333), (1, 0x5555555555555555)):
        value = value | value >> amount & mask
    m.rd = (value & 0x0101010101010101) * 0xFF


@zbb("rev8", UNARY, ext=_SHARED, opcode=_OP_IMM, funct3=5, funct12=0x6B8)
def rev8(m: Machine) -> None:
    """Reverse the order of bytes."""
    value = m.rs1
    for amount, mask in ((8, 0x00FF00FF00FF00FF), (16, 0x0000FFFF0000FFFF)):
        value = value >> amount & mask | (value & mask) << amount
    m.rd = value >> 32 | value << 32


_BITS: tuple[tuple[str, int, int, int, Callable[[Value, Value], Value], str], ...] = (
    ("bclr", 1, 0x24, 0x12, lambda value, bit: value & ~(number(1) << bit), "Clear"),
    ("bext", 5, 0x24, 0x12, lambda value, bit: value >> bit & 1, "Extract"),
    ("binv", 1, 0x34, 0x1A, lambda value, bit: value ^ number(1) << bit, "Invert"),
    ("bset", 1, 0x14, 0x0A, lambda value, bit: value | number(1) << bit, "Set"),
)


def _single_bit(change: Callable[[Value, Value], Value], verb: str, immediate: bool) -> Semantics:
    def single_bit(m: Machine) -> None:
        m.rd = change(m.rs1, m.shamt if immediate else m.rs2 & 63)

    single_bit.__doc__ = f"{verb} the bit of rs1 whose number is {'immediate' if immediate else 'in rs2'}."
    return single_bit


for _name, _funct3, _funct7, _funct6, _change, _verb in _BITS:
    zbs(_name, R, opcode=_OP, funct3=_funct3, funct7=_funct7)(_single_bit(_change, _verb, immediate=False))
    zbs(_name + "i", SHIFT, opcode=_OP_IMM, funct3=_funct3, funct6=_funct6)(
        _single_bit(_change, _verb, immediate=True)
    )


@zicond("czero.eqz", R, opcode=_OP, funct3=5, funct7=0x07)
def czero_eqz(m: Machine) -> None:
    """0 if rs2 is 0, else rs1."""
    m.rd = select(m.rs2 == 0, 0, m.rs1)


@zicond("czero.nez", R, opcode=_OP, funct3=7, funct7=0x07)
def czero_nez(m: Machine) -> None:
    """0 if rs2 is not 0, else rs1."""
    m.rd = select(m.rs2 != 0, 0, m.rs1)
