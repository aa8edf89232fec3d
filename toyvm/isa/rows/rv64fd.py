"""F, D, Zfh and Zfbfmin: floating point of 32, 64 and 16 bits (unprivileged manual, chapters of those names).

F, D and Zfh have the same instructions, so each row is made for all three. A single-precision operand that is not
NaN-boxed (its upper 32 bits all ones) is the canonical NaN; a single-precision result is boxed. Arithmetic is
`ieee754.OPERATIONS`; sign injection and moves are plain bit operations and raise no flags.
"""

from __future__ import annotations

from collections.abc import Callable

from ..fields import FR, LOAD, R4, R, S
from ..semantics import Machine, Value, low, sext
from ..spec import Rows

single, double, half, bfloat = Rows("F"), Rows("D"), Rows("Zfh"), Rows("Zfbfmin")
_HALF_MOVES = "Zfhmin or Zfbfmin"

_LOAD_FP, _STORE_FP, _OP_FP = 0x07, 0x27, 0x53
_UNARY, _FROM_X, _TO_X = "frd, frs1, rm", "frd, rs1, rm", "rd, frs1, rm"
_INTEGERS = (("w", "i32"), ("wu", "u32"), ("l", "i64"), ("lu", "u64"))


class _Precision:
    """The differences between the two formats: `bits`, the suffix of mnemonics, the field fmt, and funct3 of loads and moves."""

    def __init__(self, rows: Rows, suffix: str, bits: int, fmt: int, width: int):
        self.rows = rows
        self.suffix = suffix
        self.bits = bits
        self.fmt = fmt
        self.width = width
        self.name = f"f{bits}"
        self.sign = 1 << (bits - 1)
        self.letter = {16: "h", 32: "w", 64: "d"}[bits]  # of loads, stores and moves


_S, _D = _Precision(single, "s", 32, 0, 2), _Precision(double, "d", 64, 1, 3)
_H = _Precision(half, "h", 16, 2, 1)


def _load(p: _Precision) -> Callable[[Machine], None]:
    def load(m: Machine) -> None:
        m.frd = m.load(p.bits, m.rs1 + m.imm)

    load.__doc__ = f"Load a {p.bits}-bit floating-point number."
    return load


def _store(p: _Precision) -> Callable[[Machine], None]:
    def store(m: Machine) -> None:
        m.store(m.rs1 + m.imm, _raw(m.frs2(64), p))

    store.__doc__ = f"Store the low {p.bits} bits of a floating-point register."
    return store


def _raw(register: Value, p: _Precision) -> Value:
    """The low bits of a register, NaN-boxed or not."""
    return low(register, p.bits) if p.bits < 64 else register


def _fused(p: _Precision, negate_product: bool, negate_addend: bool) -> Callable[[Machine], None]:
    def fused(m: Machine) -> None:
        a, b, c = m.frs1(p.bits), m.frs2(p.bits), m.frs3(p.bits)
        a = a ^ p.sign if negate_product else a
        c = c ^ p.sign if negate_addend else c
        m.frd = m.float(f"{p.name}_fma", p.bits, a, b, c, rounds=True)

    product, addend = "-(rs1 * rs2)" if negate_product else "rs1 * rs2", "- rs3" if negate_addend else "+ rs3"
    fused.__doc__ = f"{product} {addend}, rounded once."
    return fused


def _binary(p: _Precision, operation: str, doc: str, rounds: bool) -> Callable[[Machine], None]:
    def binary(m: Machine) -> None:
        m.frd = m.float(f"{p.name}_{operation}", p.bits, m.frs1(p.bits), m.frs2(p.bits), rounds=rounds)

    binary.__doc__ = doc
    return binary


def _sqrt(p: _Precision) -> Callable[[Machine], None]:
    def sqrt(m: Machine) -> None:
        """Square root."""
        m.frd = m.float(f"{p.name}_sqrt", p.bits, m.frs1(p.bits), rounds=True)

    return sqrt


def _sign(p: _Precision, change: Callable[[Value, Value], Value], doc: str) -> Callable[[Machine], None]:
    def sign(m: Machine) -> None:
        a, b = m.frs1(p.bits), m.frs2(p.bits)
        m.frd = a & (p.sign - 1) | change(a, b) & p.sign

    sign.__doc__ = doc
    return sign


def _compare(p: _Precision, operation: str, doc: str) -> Callable[[Machine], None]:
    def compare(m: Machine) -> None:
        m.rd = m.float(f"{p.name}_{operation}", 64, m.frs1(p.bits), m.frs2(p.bits))

    compare.__doc__ = doc
    return compare


def _class(p: _Precision) -> Callable[[Machine], None]:
    def classify(m: Machine) -> None:
        """Classify: one of ten bits, from negative infinity to quiet NaN."""
        m.rd = m.float(f"{p.name}_class", 64, m.frs1(p.bits))

    return classify


def _to_integer(p: _Precision, integer: str) -> Callable[[Machine], None]:
    def to_integer(m: Machine) -> None:
        m.rd = m.float(f"{p.name}_to_{integer}", 64, m.frs1(p.bits), rounds=True)

    to_integer.__doc__ = f"Convert to a {_said(integer)} integer, saturating."
    return to_integer


def _from_integer(p: _Precision, integer: str) -> Callable[[Machine], None]:
    def from_integer(m: Machine) -> None:
        m.frd = m.float(f"{p.name}_from_{integer}", p.bits, m.rs1, rounds=True)

    from_integer.__doc__ = f"Convert from a {_said(integer)} integer."
    return from_integer


def _said(integer: str) -> str:
    return f"{'signed' if integer[0] == 'i' else 'unsigned'} {integer[1:]}-bit"


def _to_x(p: _Precision) -> Callable[[Machine], None]:
    def to_x(m: Machine) -> None:
        """Move the bits to an integer register, sign-extended."""
        m.rd = sext(_raw(m.frs1(64), p))

    return to_x


def _from_x(p: _Precision) -> Callable[[Machine], None]:
    def from_x(m: Machine) -> None:
        """Move the bits of an integer register."""
        m.frd = _raw(m.rs1, p)

    return from_x


def _convert(to: _Precision, source: _Precision, name: str = "") -> Callable[[Machine], None]:
    operation = name or f"{source.name}_to_{to.name}"

    def convert(m: Machine) -> None:
        m.frd = m.float(operation, to.bits, m.frs1(source.bits), rounds=True)

    convert.__doc__ = f"Convert from {source.bits} to {to.bits} bits."
    return convert


# name, opcode, whether the product and the addend are negated
_FUSED = (
    ("fmadd", 0x43, False, False),
    ("fmsub", 0x47, False, True),
    ("fnmsub", 0x4B, True, False),
    ("fnmadd", 0x4F, True, True),
)
_ARITHMETIC = (
    ("add", 0x00, "Add."),
    ("sub", 0x04, "Subtract."),
    ("mul", 0x08, "Multiply."),
    ("div", 0x0C, "Divide."),
)
_SIGNS: tuple[tuple[str, int, Callable[[Value, Value], Value], str], ...] = (
    ("fsgnj", 0, lambda a, b: b, "rs1 with the sign of rs2."),
    ("fsgnjn", 1, lambda a, b: ~b, "rs1 with the opposite of rs2's sign."),
    ("fsgnjx", 2, lambda a, b: a ^ b, "rs1 with its sign inverted if rs2 is negative."),
)
_COMPARISONS = (
    ("feq", "eq", 2, "Set if equal; quiet."),
    ("flt", "lt", 1, "Set if less than; signalling."),
    ("fle", "le", 0, "Set if less than or equal; signalling."),
)


def _rows(p: _Precision) -> None:
    insn, suffix, fmt = p.rows, p.suffix, p.fmt
    moves = _HALF_MOVES if p.bits == 16 else None
    insn(f"fl{p.letter}", LOAD, "frd, load_mem", ext=moves, opcode=_LOAD_FP, funct3=p.width)(_load(p))
    insn(f"fs{p.letter}", S, "frs2, store_mem", ext=moves, opcode=_STORE_FP, funct3=p.width)(_store(p))
    for name, opcode, negate_product, negate_addend in _FUSED:
        insn(f"{name}.{suffix}", R4, opcode=opcode, fmt=fmt)(_fused(p, negate_product, negate_addend))
    for operation, funct7, doc in _ARITHMETIC:
        insn(f"f{operation}.{suffix}", FR, opcode=_OP_FP, funct7=funct7 | fmt)(
            _binary(p, operation, doc, rounds=True)
        )
    insn(f"fsqrt.{suffix}", FR, _UNARY, opcode=_OP_FP, funct7=0x2C | fmt, rs2=0)(_sqrt(p))
    for name, funct3, change, doc in _SIGNS:
        row = insn(f"{name}.{suffix}", R, "frd, frs1, frs2", opcode=_OP_FP, funct7=0x10 | fmt, funct3=funct3)
        row(_sign(p, change, doc))
    for operation, funct3, doc in (("min", 0, "Minimum."), ("max", 1, "Maximum.")):
        row = insn(
            f"f{operation}.{suffix}", R, "frd, frs1, frs2", opcode=_OP_FP, funct7=0x14 | fmt, funct3=funct3
        )
        row(_binary(p, operation, doc + " A NaN only if both are.", rounds=False))
    for number, (name, integer) in enumerate(_INTEGERS):
        row = insn(f"fcvt.{name}.{suffix}", FR, _TO_X, opcode=_OP_FP, funct7=0x60 | fmt, rs2=number)
        row(_to_integer(p, integer))
    for name, operation, funct3, doc in _COMPARISONS:
        row = insn(f"{name}.{suffix}", R, "rd, frs1, frs2", opcode=_OP_FP, funct7=0x50 | fmt, funct3=funct3)
        row(_compare(p, operation, doc))
    insn(f"fclass.{suffix}", R, "rd, frs1", opcode=_OP_FP, funct7=0x70 | fmt, funct3=1, rs2=0)(_class(p))
    for number, (name, integer) in enumerate(_INTEGERS):
        # GNU as takes no rounding mode where the result is always exact
        syntax = "frd, rs1" if p.bits == 64 and name[0] == "w" else _FROM_X
        row = insn(f"fcvt.{suffix}.{name}", FR, syntax, opcode=_OP_FP, funct7=0x68 | fmt, rs2=number)
        row(_from_integer(p, integer))
    move = insn(
        f"fmv.x.{p.letter}", R, "rd, frs1", ext=moves, opcode=_OP_FP, funct7=0x70 | fmt, funct3=0, rs2=0
    )
    move(_to_x(p))
    move = insn(
        f"fmv.{p.letter}.x", R, "frd, rs1", ext=moves, opcode=_OP_FP, funct7=0x78 | fmt, funct3=0, rs2=0
    )
    move(_from_x(p))


_rows(_S)
_rows(_D)
_rows(_H)
double("fcvt.s.d", FR, _UNARY, opcode=_OP_FP, funct7=0x20, rs2=1)(_convert(_S, _D))
double("fcvt.d.s", FR, "frd, frs1", opcode=_OP_FP, funct7=0x21, rs2=0)(_convert(_D, _S))

for _to, _from, _ext in (
    (_H, _S, "Zfhmin"), (_S, _H, "Zfhmin"), (_H, _D, "Zfhmin and D"), (_D, _H, "Zfhmin and D"),
):  # fmt: skip
    half(
        f"fcvt.{_to.suffix}.{_from.suffix}", FR, _UNARY if _to is _H else "frd, frs1", ext=_ext, opcode=_OP_FP,
        funct7=0x20 | _to.fmt, rs2=_from.fmt,
    )(_convert(_to, _from))  # fmt: skip
bfloat("fcvt.bf16.s", FR, _UNARY, opcode=_OP_FP, funct7=0x22, rs2=8)(_convert(_H, _S, "f32_to_bf16"))
bfloat("fcvt.s.bf16", FR, "frd, frs1", opcode=_OP_FP, funct7=0x20, rs2=6)(_convert(_S, _H, "bf16_to_f32"))

fld, fsd = double.rows[0].semantics, double.rows[1].semantics
