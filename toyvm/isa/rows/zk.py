"""Zkn and Zks: AES, SHA-2, SM3 and SM4 (manual, chapter "Scalar cryptography")."""

from __future__ import annotations

from ..fields import UNARY, Format, R
from ..semantics import Machine, Value, high, look_up, low, number, sext, zext
from ..spec import Rows, Semantics

zkn, zks = Rows("Zkne"), Rows("Zksed")

_OP, _OP_IMM = 0x33, 0x13
_ROUND = Format("I-round", "funct8:8 rnum:4 rs1 funct3 rd opcode", "rd, rs1, rnum")
_BYTE = Format("R-byte", "bs:2 funct5:5 rs2 rs1 funct3 rd opcode", "rd, rs1, rs2, bs")


def _byte(value: Value, index: int) -> Value:
    return low(value >> 8 * index, 8)


def _state_byte(m: Machine, column: int, row: int) -> Value:
    """A byte of AES's state, whose columns 0 and 1 are in rs1, 2 and 3 in rs2."""
    column %= 4
    return _byte(m.rs1 if column < 2 else m.rs2, 4 * (column & 1) + row)


def _rotated(value: Value, amount: int) -> Value:
    """`value` rotated right."""
    return value >> amount | value << (value.node.width - amount)


def _turned(column: Value, row: int) -> Value:
    """A column of four bytes, each moved down by `row` places."""
    return _rotated(column, 32 - 8 * row) if row else column


def _aes(table: str, direction: int, mixes: bool, doc: str) -> Semantics:
    """Half a round for columns 0 and 1: ShiftRows, SubBytes, and MixColumns if the table has it."""

    def aes(m: Machine) -> None:
        result = number(0)
        for column in (0, 1):
            word = number(0, 32)
            for row in range(4):
                found = look_up(table, _state_byte(m, column + direction * row, row))
                word = word ^ (_turned(found, row) if mixes else zext(found, 32) << 8 * row)
            result = result | zext(word) << 32 * column
        m.rd = result

    aes.__doc__ = doc
    return aes


zkn("aes64es", R, opcode=_OP, funct3=0, funct7=0x19)(
    _aes("aes", 1, False, "AES: last round of encryption, half a state.")
)
zkn("aes64esm", R, opcode=_OP, funct3=0, funct7=0x1B)(
    _aes("aes_mixed", 1, True, "AES: middle round of encryption, half a state.")
)
zkn("aes64ds", R, ext="Zknd", opcode=_OP, funct3=0, funct7=0x1D)(
    _aes("aes_inverse", -1, False, "AES: last round of decryption, half a state.")
)
zkn("aes64dsm", R, ext="Zknd", opcode=_OP, funct3=0, funct7=0x1F)(
    _aes("aes_inverse_mixed", -1, True, "AES: middle round of decryption, half a state.")
)


@zkn("aes64im", UNARY, ext="Zknd", opcode=_OP_IMM, funct3=1, funct12=0x300)
def aes64im(m: Machine) -> None:
    """AES: inverse MixColumns of two columns."""
    result = number(0)
    for column in (0, 1):
        word = number(0, 32)
        for row in range(4):
            found = look_up("aes_unmixed", _byte(m.rs1, 4 * column + row))
            word = word ^ _turned(found, row)
        result = result | zext(word) << 32 * column
    m.rd = result


@zkn("aes64ks1i", _ROUND, ext="Zknd or Zkne", opcode=_OP_IMM, funct3=1, funct8=0x31)
def aes64ks1i(m: Machine) -> None:
    """AES: the key schedule's substitution, rotation and round constant; no rotation in round 10."""
    round = m.field("rnum", 4)
    word = high(m.rs1, 32)
    amount = zext(round != 10, 32) << 3
    rotated = word >> (amount & 8) | word << (number(32, 32) - amount & 31)
    result = number(0, 32)
    for index in range(4):
        result = result | zext(look_up("aes", low(rotated >> 8 * index, 8)), 32) << 8 * index
    result = result ^ look_up("rcon", round)
    m.rd = zext(result) | zext(result) << 32


@zkn("aes64ks2", R, ext="Zknd or Zkne", opcode=_OP, funct3=0, funct7=0x3F)
def aes64ks2(m: Machine) -> None:
    """AES: the key schedule's combination of words."""
    first = high(m.rs1, 32) ^ low(m.rs2)
    m.rd = zext(first) | zext(first ^ high(m.rs2, 32)) << 32


def _mixing(bits: int, amounts: tuple[int, int, int], shifts: bool, doc: str) -> Semantics:
    """Three rotations to the right of the low bits, combined; the last one is a shift if `shifts`."""

    def mix(m: Machine) -> None:
        value = low(m.rs1) if bits == 32 else m.rs1
        *others, last = amounts
        result = value >> last if shifts else _rotated(value, last)
        for amount in others:
            result = result ^ (_rotated(value, amount) if amount else value)
        m.rd = sext(result)

    mix.__doc__ = doc
    return mix


for _number, (_name, _bits, _amounts, _shifts) in enumerate((
    ("sha256sum0", 32, (2, 13, 22), False),
    ("sha256sum1", 32, (6, 11, 25), False),
    ("sha256sig0", 32, (7, 18, 3), True),
    ("sha256sig1", 32, (17, 19, 10), True),
    ("sha512sum0", 64, (28, 34, 39), False),
    ("sha512sum1", 64, (14, 18, 41), False),
    ("sha512sig0", 64, (1, 8, 7), True),
    ("sha512sig1", 64, (19, 61, 6), True),
)):  # fmt: skip
    zkn(_name, UNARY, ext="Zknh", opcode=_OP_IMM, funct3=1, funct12=0x100 + _number)(
        _mixing(_bits, _amounts, _shifts, f"SHA-{_name[3:6]}: the function {_name[6:]}.")
    )

zks("sm3p0", UNARY, ext="Zksh", opcode=_OP_IMM, funct3=1, funct12=0x108)(
    _mixing(32, (0, 23, 15), False, "SM3: the permutation P0.")
)
zks("sm3p1", UNARY, ext="Zksh", opcode=_OP_IMM, funct3=1, funct12=0x109)(
    _mixing(32, (0, 17, 9), False, "SM3: the permutation P1.")
)


def _sm4(terms: tuple[tuple[int, int], ...], doc: str) -> Semantics:
    """A byte of rs2 through the S-box, spread by (mask, shift to the left), rotated to its place, into rs1."""

    def sm4(m: Machine) -> None:
        place = (m.field("bs") << 3) & 24
        box = zext(look_up("sm4", low(m.rs2 >> place, 8)), 32)
        spread = number(0, 32)
        for mask, amount in terms:
            spread = spread ^ (box & mask) << amount
        rotated = spread << place | spread >> (number(32, 32) - low(place) & 31)
        m.rd = sext(rotated ^ low(m.rs1))

    sm4.__doc__ = doc
    return sm4


zks("sm4ed", _BYTE, opcode=_OP, funct3=0, funct5=0x18)(
    _sm4(((0xFF, 0), (0xFF, 8), (0xFF, 2), (0xFF, 18), (0x3F, 26), (0xC0, 10)), "SM4: a quarter of a round.")
)
zks("sm4ks", _BYTE, opcode=_OP, funct3=0, funct5=0x1A)(
    _sm4(
        ((0xFF, 0), (0x07, 29), (0xFE, 7), (0x01, 23), (0xF8, 13)),
        "SM4: a quarter of a round of the key schedule.",
    )
)
