"""Floating-point constants of `.float`, `.double` and their kind: GNU's spellings, to bits in any binary format.

A constant is a decimal number (`-1.5e3`), a name (`inf`, `nan`, `snan`), or `:` and the digits of the bits
(`0f:3f8`), each after an optional `0` and a letter, which has no meaning (`0f1.5`, `0d1.5`, `0x1.5`; gas, "Flonums").
A hexadecimal number with an exponent (`0x1.8p3`) is one too, as in LLVM's assembler. Results are rounded to nearest,
ties to even, from the exact value.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from toyvm.base.record import Record

from .problems import Problem

if TYPE_CHECKING:
    from fractions import Fraction

_MAX_EXPONENT = 20_000  # decimal or binary: beyond every format, and still quick to compute
_MAX_DIGITS = 2_000
_CONSTANT = re.compile(r"(?P<sign>[+-]?)(?:0[a-zA-Z](?=[-+.:\d]))?(?P<sign2>[+-]?)(?P<body>.*)", re.DOTALL)
_DECIMAL = re.compile(r"(\d*)(?:\.(\d*))?(?:[eE]([+-]?)(\d*))?")
_HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?[pP]([+-]?\d+)")
_BITS = re.compile(r":([0-9a-fA-F_]+)")
_NAMES = ("inf", "infinity", "nan", "qnan", "snan")


class FloatFormat(Record):
    """A binary format: bits of the fraction and of the exponent, and whether the leading 1 is stored (x87)."""

    fraction: int
    exponent: int
    leading: bool = False

    @property
    def size(self) -> int:
        """The size in bytes."""
        return (1 + self.exponent + self.fraction + self.leading) // 8


HALF = FloatFormat(10, 5)
BFLOAT = FloatFormat(7, 8)
SINGLE = FloatFormat(23, 8)
DOUBLE = FloatFormat(52, 11)
EXTENDED = FloatFormat(63, 15, leading=True)


def float_bytes(text: str, format: FloatFormat) -> bytes:
    """The little-endian bytes of the constant `text`. Raises Problem if it is none, or is too large."""
    word = text.replace(" ", "").replace("\t", "")
    hexadecimal = _HEXADECIMAL.fullmatch(word)
    if hexadecimal is not None:
        return _packed(hexadecimal[1] == "-", _hexadecimal(hexadecimal, text), format, text)
    match = _CONSTANT.fullmatch(word)
    assert match is not None
    if match["sign"] and match["sign2"]:
        raise _invalid(text)
    negative = "-" in (match["sign"], match["sign2"])
    body = match["body"]
    bits = _BITS.fullmatch(body)
    if bits is not None and not match["sign"] and body != word:
        return _from_digits(bits[1].replace("_", ""), format, text)
    if body.lower() in _NAMES:
        return _special(body.lower(), negative, format)
    decimal = _DECIMAL.fullmatch(body)
    if decimal is None or not (decimal[1] or decimal[2]):
        raise _invalid(text)
    if format is DOUBLE and len(body) < 300:
        value = float(decimal[0].rstrip("eE+-") or 0)
        if value not in (float("inf"), 0.0):
            return struct.pack("<d", -value if negative else value)
    return _packed(negative, _decimal(decimal, text), format, text)


def _invalid(text: str) -> Problem:
    return Problem(f"'{text}' is not a floating-point number", text, expected="a number such as 1.5e-3")


def _decimal(match: re.Match[str], text: str) -> Fraction:
    from fractions import Fraction  # takes milliseconds to import

    whole, fraction, sign, exponent = match[1], match[2] or "", match[3], match[4] or "0"
    if len(whole) + len(fraction) > _MAX_DIGITS or len(exponent) > 20:
        raise Problem(f"a floating-point number of {len(text)} characters is too long", text)
    digits = int(whole + fraction or "0")
    power = (-int(exponent) if sign == "-" else int(exponent)) - len(fraction)
    if not digits or power < -_MAX_EXPONENT:
        return Fraction(0)
    if power > _MAX_EXPONENT:
        raise _too_large(text)
    return Fraction(digits) * Fraction(10) ** power


def _hexadecimal(match: re.Match[str], text: str) -> Fraction:
    from fractions import Fraction  # takes milliseconds to import

    whole, fraction = match[2], match[3] or ""
    if not whole + fraction:
        raise _invalid(text)
    if len(whole) + len(fraction) > _MAX_DIGITS or len(match[4]) > 20:
        raise Problem(f"a floating-point number of {len(text)} characters is too long", text)
    digits, power = int(whole + fraction, 16), int(match[4]) - 4 * len(fraction)
    if not digits or power < -_MAX_EXPONENT:
        return Fraction(0)
    if power > _MAX_EXPONENT:
        raise _too_large(text)
    return Fraction(digits) * Fraction(2) ** power


def _too_large(text: str) -> Problem:
    return Problem(f"'{text}' is too large for this format", text)


def _packed(negative: bool, value: Fraction, format: FloatFormat, text: str) -> bytes:
    """`value`, rounded to nearest, ties to even. Raises Problem if it is beyond the largest finite number."""
    from fractions import Fraction  # takes milliseconds to import

    bias = (1 << (format.exponent - 1)) - 1
    exponent = 1 - bias  # that of subnormal numbers
    if value:
        exponent = max(value.numerator.bit_length() - value.denominator.bit_length() - 1, exponent)
        while value >= Fraction(2) ** (exponent + 1):
            exponent += 1
    scaled = round(value / Fraction(2) ** (exponent - format.fraction))  # Python rounds ties to even
    if scaled >> (format.fraction + 1):
        scaled, exponent = scaled >> 1, exponent + 1
    if exponent > bias:
        raise _too_large(text)
    normal = scaled >> format.fraction
    stored = exponent + bias if normal else 0
    return _assembled(negative, stored, scaled, format)


def _assembled(negative: bool, exponent: int, significand: int, format: FloatFormat) -> bytes:
    """The bytes of a sign, a biased exponent, and a significand with its leading 1."""
    width = format.fraction + format.leading
    bits = significand & ((1 << width) - 1)
    bits |= (exponent | negative << format.exponent) << width
    return bits.to_bytes(format.size, "little")


def _special(name: str, negative: bool, format: FloatFormat) -> bytes:
    """Infinity; or a NaN with GNU's payload: all ones, without the quiet bit if it signals."""
    exponent = (1 << format.exponent) - 1
    leading = 1 << format.fraction
    payload = 0 if name.startswith("inf") else leading - 1
    if name == "snan":
        payload &= ~(leading >> 1)
    return _assembled(negative, exponent, leading | payload, format)


def _from_digits(digits: str, format: FloatFormat, text: str) -> bytes:
    """The bytes of hexadecimal digits, the most significant first; digits that are missing at the end are 0."""
    if len(digits) > 2 * format.size:
        raise Problem(f"{len(digits)} digits do not fit {format.size} bytes", text)
    return bytes.fromhex(digits.ljust(2 * format.size, "0"))[::-1]
