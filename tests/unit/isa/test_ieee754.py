"""The integer implementation against the host's floating point (numpy): results in the usual rounding mode, and flags."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toyvm.isa.ieee754 import NV, NX, OPERATIONS, RDN, RMM, RNE, RTZ, RUP, BinaryFormat, D, S

CORNERS = {
    S: [0, 1, 2, 0x7FFFFF, 0x800000, 0x800001, 0x3F800000, 0x3F800001, 0x3F7FFFFF, 0x4B800000, 0x7F7FFFFF, 0x7F800000],
    D: [0, 1, 2, (1 << 52) - 1, 1 << 52, (1 << 52) + 1, 0x3FF << 52, (0x3FF << 52) + 1, (0x3FF << 52) - 1,
        0x434 << 52, (0x7FF << 52) - 1, 0x7FF << 52],
}  # fmt: skip
TYPES: dict[BinaryFormat, Any] = {S: (np.float32, np.uint32), D: (np.float64, np.uint64)}


def patterns(f: BinaryFormat) -> st.SearchStrategy[int]:
    corners = [bits | sign for bits in CORNERS[f] for sign in (0, f.sign)] + [f.nan, f.infinity + 1]
    return st.one_of(st.sampled_from(corners), st.integers(0, (1 << f.width) - 1))


def host(f: BinaryFormat, bits: int) -> Any:
    number, integer = TYPES[f]
    return integer(bits).view(number)


def same(f: BinaryFormat, ours: int, theirs: Any) -> bool:
    if math.isnan(theirs):
        return ours == f.nan
    return bool(ours == int(theirs.view(TYPES[f][1])))


BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
FORMATS = pytest.mark.parametrize(("name", "f"), [("f32", S), ("f64", D)])


@FORMATS
@pytest.mark.parametrize("operation", BINARY)
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_arithmetic_is_the_hosts(name: str, f: BinaryFormat, operation: str, data: st.DataObject) -> None:
    a, b = data.draw(patterns(f)), data.draw(patterns(f))
    with np.errstate(all="ignore"):
        expected = BINARY[operation](host(f, a), host(f, b))
    result, _ = OPERATIONS[f"{name}_{operation}"].function(a, b, RNE)
    assert same(f, result, expected)


@FORMATS
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_square_root_is_the_hosts(name: str, f: BinaryFormat, data: st.DataObject) -> None:
    a = data.draw(patterns(f))
    with np.errstate(all="ignore"):
        expected = np.sqrt(host(f, a))
    assert same(f, OPERATIONS[f"{name}_sqrt"].function(a, RNE)[0], expected)


@settings(max_examples=400, deadline=None)
@given(a=patterns(D), b=patterns(S))
def test_conversions_are_the_hosts(a: int, b: int) -> None:
    with np.errstate(all="ignore"):
        assert same(S, OPERATIONS["f64_to_f32"].function(a, RNE)[0], np.float32(host(D, a)))
        assert same(D, OPERATIONS["f32_to_f64"].function(b, RNE)[0], np.float64(host(S, b)))


@settings(max_examples=400, deadline=None)
@given(st.integers(-(1 << 63), (1 << 64) - 1))
def test_conversions_of_integers_are_pythons(number: int) -> None:
    name = "f64_from_i64" if number < 0 else "f64_from_u64"
    result, flags = OPERATIONS[name].function(number & (1 << 64) - 1, RNE)
    expected = float(number)
    assert result == struct.unpack("<Q", struct.pack("<d", expected))[0]
    assert flags == (NX if int(expected) != number else 0)


def value(f: BinaryFormat, bits: int) -> Fraction:
    significand, exponent = f.magnitude(bits & ~f.sign)
    return (-1 if bits & f.sign else 1) * significand * Fraction(2) ** exponent


@FORMATS
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_fused_results_bracket_the_exact_value(name: str, f: BinaryFormat, data: st.DataObject) -> None:
    """Rounding down and up enclose a * b + c, are neighbours, and are equal exactly when nothing was lost."""
    a, b, c = (data.draw(patterns(f)) for _ in range(3))
    if any(bits & f.infinity == f.infinity for bits in (a, b, c)):
        return
    function = OPERATIONS[f"{name}_fma"].function
    found = {mode: function(a, b, c, mode) for mode in (RNE, RTZ, RDN, RUP, RMM)}
    low, high = found[RDN][0], found[RUP][0]
    if low & ~f.sign == f.infinity or high & ~f.sign == f.infinity:
        return
    exact = value(f, a) * value(f, b) + value(f, c)
    assert value(f, low) <= exact <= value(f, high)
    assert (value(f, low) == exact) == (not found[RNE][1] & NX)
    assert {found[mode][0] for mode in found} <= {low, high}
    if exact != value(f, low):
        assert abs((low & ~f.sign) - (high & ~f.sign)) == 1
        nearest = min((low, high), key=lambda bits: (abs(value(f, bits) - exact), bits & 1))
        assert found[RNE][0] == nearest


@pytest.mark.parametrize(
    ("operation", "operands", "result", "flags"),
    [
        ("f64_to_i32", (D.nan, RTZ), (1 << 31) - 1, NV),
        ("f64_to_u32", (D.sign | 0x3FF << 52, RTZ), 0, NV),  # -1.0
        ("f64_to_u32", (D.sign | 0x3FE << 52, RTZ), 0, NX),  # -0.5
        ("f64_to_u32", (0x41EFFFFFFFE00000, RTZ), (1 << 64) - 1, 0),  # 2**32 - 1, sign-extended
        ("f32_to_i64", (S.sign | S.infinity, RNE), 1 << 63, NV),
        ("f32_to_u64", (S.infinity, RNE), (1 << 64) - 1, NV),
        ("f32_min", (0, S.sign), S.sign, 0),
        ("f32_max", (0, S.sign), 0, 0),
        ("f32_min", (S.infinity + 1, 0x3F800000), 0x3F800000, NV),
        ("f32_max", (S.nan, S.nan), S.nan, 0),
        ("f32_fma", (S.infinity, 0, S.nan, RNE), S.nan, NV),
        ("f32_add", (0x3F800000, 0xBF800000, RDN), S.sign, 0),
        ("f32_eq", (0, S.sign), 1, 0),
        ("f32_eq", (S.nan, 0), 0, 0),
        ("f32_lt", (S.nan, 0), 0, NV),
        ("f32_class", (1,), 1 << 5, 0),
        ("f32_class", (S.sign | S.infinity,), 1, 0),
        ("f64_class", (D.infinity + 1,), 1 << 8, 0),
    ],
)
def test_corners(operation: str, operands: tuple[int, ...], result: int, flags: int) -> None:
    assert OPERATIONS[operation].function(*operands) == (result, flags)
