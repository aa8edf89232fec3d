"""IEEE 754 arithmetic on bit patterns, with integers only: exact results and flags, in every rounding mode.

One implementation serves binary16, binary32, binary64 and bfloat16. A finite number is sign, significand and exponent (significand times
2**exponent); sums and products are exact integers, quotients and roots carry one sticky bit, and everything is rounded
once, in `_round`. Where IEEE 754 leaves a choice, the unprivileged manual decides (chapter "F"): a NaN result is the
canonical NaN, tininess is detected after rounding, fmin and fmax are minimumNumber and maximumNumber of
IEEE 754-2019, and conversions to integers saturate.

`OPERATIONS` is the closed set that instruction semantics name (`ops.Op.FLOAT`). Each function takes bit patterns, then
the rounding mode where it rounds, and gives (result bits, flags).
"""

from __future__ import annotations

from math import isqrt

from toyvm.base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16  # fflags
RNE, RTZ, RDN, RUP, RMM, DYN = 0, 1, 2, 3, 4, 7  # rounding modes: values of field rm, and of frm except DYN
ROUNDING_MODES = {"rne": RNE, "rtz": RTZ, "rdn": RDN, "rup": RUP, "rmm": RMM, "dyn": DYN}

Result = tuple[int, int]


class BinaryFormat:
    """An interchange format of `width` bits with `fraction` bits of fraction."""

    def __init__(self, width: int, fraction: int):
        self.width = width
        self.fraction = fraction
        self.sign = 1 << (width - 1)
        self.infinity = self.sign - (1 << fraction)
        self.quiet = 1 << (fraction - 1)
        self.nan = self.infinity | self.quiet
        self.bias = (1 << (width - fraction - 2)) - 1
        self.lowest = 1 - self.bias - fraction  # exponent of the last bit of a subnormal number

    def is_nan(self, bits: int) -> bool:
        """Whether the pattern is a NaN."""
        return bits & (self.sign - 1) > self.infinity

    def is_signalling(self, bits: int) -> bool:
        """Whether the pattern is a signalling NaN."""
        return self.is_nan(bits) and not bits & self.quiet

    def magnitude(self, bits: int) -> tuple[int, int]:
        """Significand and exponent of a finite number."""
        exponent = (bits & self.infinity) >> self.fraction
        significand = bits & ((1 << self.fraction) - 1)
        if exponent:
            return significand | 1 << self.fraction, exponent - 1 + self.lowest
        return significand, self.lowest

    def invalid(self, *operands: int) -> Result:
        """The canonical NaN for operands with a NaN among them; the flag only if one is signalling."""
        return self.nan, NV if any(self.is_signalling(bits) for bits in operands) else 0


H, BF, S, D = BinaryFormat(16, 10), BinaryFormat(16, 7), BinaryFormat(32, 23), BinaryFormat(64, 52)


def _rounds_up(kept: int, rest: int, half: int, negative: bool, mode: int) -> bool:
    """Whether `kept` is incremented when `rest` (not 0, less than one unit of `kept`) is rounded away."""
    if mode == RNE:
        return rest > half or (rest == half and bool(kept & 1))
    if mode == RMM:
        return rest >= half
    return mode == (RDN if negative else RUP)


def _shifted(significand: int, shift: int, negative: bool, mode: int) -> tuple[int, bool]:
    """(A significand without its last `shift` bits, rounded; whether that was inexact)."""
    if shift <= 0:
        return significand << -shift, False
    kept, rest = significand >> shift, significand & ((1 << shift) - 1)
    if rest and _rounds_up(kept, rest, 1 << (shift - 1), negative, mode):
        kept += 1
    return kept, rest != 0


def _round(to: BinaryFormat, negative: bool, significand: int, exponent: int, mode: int) -> Result:
    """The number nearest to significand * 2**exponent in the rounding mode."""
    sign = to.sign if negative else 0
    if not significand:
        return sign, 0
    unit = (
        exponent + significand.bit_length() - 1 - to.fraction
    )  # exponent of the last bit if there were no lowest exponent
    place = max(unit, to.lowest)
    kept, inexact = _shifted(significand, place - exponent, negative, mode)
    flags = NX if inexact else 0
    if inexact and unit < to.lowest:
        unbounded, _ = _shifted(significand, unit - exponent, negative, mode)
        if unit + unbounded.bit_length() - 1 < to.lowest + to.fraction:  # still below the least normal number
            flags |= UF
    bits = kept + ((place - to.lowest) << to.fraction)
    if bits >= to.infinity:
        away = mode in (RNE, RMM) or mode == (RDN if negative else RUP)
        return sign | (to.infinity if away else to.infinity - 1), OF | NX
    return sign | bits, flags


def _sum(to: BinaryFormat, terms: tuple[tuple[bool, int, int], tuple[bool, int, int]], mode: int) -> Result:
    """The sum of two finite numbers (negative, significand, exponent)."""
    (negative, a, a_exponent), (other, b, b_exponent) = terms
    exponent = min(a_exponent, b_exponent)
    a <<= a_exponent - exponent
    b <<= b_exponent - exponent
    total = (-a if negative else a) + (-b if other else b)
    if not total:
        sign = negative if negative == other else mode == RDN
        return to.sign if sign else 0, 0
    return _round(to, total < 0, abs(total), exponent, mode)


def add(f: BinaryFormat, a: int, b: int, mode: int) -> Result:
    """a + b."""
    if f.is_nan(a) or f.is_nan(b):
        return f.invalid(a, b)
    a_infinite, b_infinite = a & f.infinity == f.infinity, b & f.infinity == f.infinity
    if a_infinite or b_infinite:
        if a_infinite and b_infinite and a != b:
            return f.nan, NV
        return (a if a_infinite else b), 0
    return _sum(f, ((a >= f.sign, *f.magnitude(a)), (b >= f.sign, *f.magnitude(b))), mode)


def sub(f: BinaryFormat, a: int, b: int, mode: int) -> Result:
    """a - b."""
    if f.is_nan(b):
        return f.invalid(a, b)
    return add(f, a, b ^ f.sign, mode)


def mul(f: BinaryFormat, a: int, b: int, mode: int) -> Result:
    """a * b."""
    if f.is_nan(a) or f.is_nan(b):
        return f.invalid(a, b)
    sign = (a ^ b) & f.sign
    a, b = a & ~f.sign, b & ~f.sign
    if a == f.infinity or b == f.infinity:
        return (sign | f.infinity, 0) if a and b else (f.nan, NV)
    (x, x_exponent), (y, y_exponent) = f.magnitude(a), f.magnitude(b)
    return _round(f, sign != 0, x * y, x_exponent + y_exponent, mode)


def fma(f: BinaryFormat, a: int, b: int, c: int, mode: int) -> Result:
    """a * b + c, rounded once. Infinity times zero is invalid even when c is a quiet NaN."""
    sign = (a ^ b) & f.sign
    x, y = a & ~f.sign, b & ~f.sign
    if (x == f.infinity and y == 0) or (x == 0 and y == f.infinity):
        return f.nan, NV
    if f.is_nan(a) or f.is_nan(b) or f.is_nan(c):
        return f.invalid(a, b, c)
    c_infinite = c & f.infinity == f.infinity
    if x == f.infinity or y == f.infinity:
        if c_infinite and c & f.sign != sign:
            return f.nan, NV
        return sign | f.infinity, 0
    if c_infinite:
        return c, 0
    (p, p_exponent), (q, q_exponent) = f.magnitude(x), f.magnitude(y)
    product = (sign != 0, p * q, p_exponent + q_exponent)
    return _sum(f, (product, (c >= f.sign, *f.magnitude(c))), mode)


def div(f: BinaryFormat, a: int, b: int, mode: int) -> Result:
    """a / b."""
    if f.is_nan(a) or f.is_nan(b):
        return f.invalid(a, b)
    sign = (a ^ b) & f.sign
    a, b = a & ~f.sign, b & ~f.sign
    if a == f.infinity:
        return (f.nan, NV) if b == f.infinity else (sign | f.infinity, 0)
    if b == f.infinity:
        return sign, 0
    if not b:
        return (sign | f.infinity, DZ) if a else (f.nan, NV)
    (x, x_exponent), (y, y_exponent) = f.magnitude(a), f.magnitude(b)
    extra = f.fraction + 3 + y.bit_length() - min(x.bit_length(), y.bit_length())
    quotient, rest = divmod(x << extra, y)
    # one more bit that says whether there is a remainder: enough for every rounding mode
    return _round(f, sign != 0, quotient << 1 | (rest != 0), x_exponent - y_exponent - extra - 1, mode)


def sqrt(f: BinaryFormat, a: int, mode: int) -> Result:
    """The square root."""
    if f.is_nan(a):
        return f.invalid(a)
    if a in (0, f.sign, f.infinity):
        return a, 0
    if a & f.sign:
        return f.nan, NV
    significand, exponent = f.magnitude(a)
    extra = 2 * f.fraction + 4
    extra += (exponent - extra) & 1
    significand <<= extra
    root = isqrt(significand)
    return _round(f, False, root << 1 | (root * root != significand), (exponent - extra) // 2 - 1, mode)


def _order(f: BinaryFormat, bits: int) -> int:
    """A key that orders patterns by their values, -0 before +0."""
    return -1 - (bits & ~f.sign) if bits & f.sign else bits


def minimum(f: BinaryFormat, a: int, b: int) -> Result:
    """minimumNumber: the smaller one; a NaN only if both operands are."""
    return _extreme(f, a, b, _order(f, a) <= _order(f, b))


def maximum(f: BinaryFormat, a: int, b: int) -> Result:
    """maximumNumber."""
    return _extreme(f, a, b, _order(f, a) >= _order(f, b))


def _extreme(f: BinaryFormat, a: int, b: int, first: bool) -> Result:
    flags = f.invalid(a, b)[1]
    if f.is_nan(a):
        return (f.nan if f.is_nan(b) else b), flags
    return (a if first or f.is_nan(b) else b), flags


def minimum_or_nan(f: BinaryFormat, a: int, b: int) -> Result:
    """minimum of IEEE 754-2019: the smaller one, or a NaN if one of them is."""
    return f.invalid(a, b) if f.is_nan(a) or f.is_nan(b) else minimum(f, a, b)


def maximum_or_nan(f: BinaryFormat, a: int, b: int) -> Result:
    """maximum of IEEE 754-2019."""
    return f.invalid(a, b) if f.is_nan(a) or f.is_nan(b) else maximum(f, a, b)


def equal(f: BinaryFormat, a: int, b: int) -> Result:
    """1 if equal; quiet: only a signalling NaN is invalid."""
    if f.is_nan(a) or f.is_nan(b):
        return 0, f.invalid(a, b)[1]
    return int(a == b or not (a | b) & ~f.sign), 0


def less(f: BinaryFormat, a: int, b: int) -> Result:
    """1 if a < b; any NaN is invalid."""
    if f.is_nan(a) or f.is_nan(b):
        return 0, NV
    return int(_order(f, a) < _order(f, b) and (a | b) & ~f.sign != 0), 0


def less_equal(f: BinaryFormat, a: int, b: int) -> Result:
    """1 if a <= b; any NaN is invalid."""
    if f.is_nan(a) or f.is_nan(b):
        return 0, NV
    return int(_order(f, a) <= _order(f, b) or not (a | b) & ~f.sign), 0


def less_quiet(f: BinaryFormat, a: int, b: int) -> Result:
    """1 if a < b; only a signalling NaN is invalid."""
    return (0, f.invalid(a, b)[1]) if f.is_nan(a) or f.is_nan(b) else less(f, a, b)


def less_equal_quiet(f: BinaryFormat, a: int, b: int) -> Result:
    """1 if a <= b; only a signalling NaN is invalid."""
    return (0, f.invalid(a, b)[1]) if f.is_nan(a) or f.is_nan(b) else less_equal(f, a, b)


def round_exactly(f: BinaryFormat, a: int, mode: int) -> Result:
    """The nearest integral number in the format, with the inexact flag if it differs. Keeps the sign of zero."""
    if f.is_nan(a):
        return f.invalid(a)
    if a & f.infinity == f.infinity:
        return a, 0
    sign = a & f.sign
    significand, exponent = f.magnitude(a)
    whole, inexact = _shifted(significand, -exponent, sign != 0, mode)
    if exponent >= 0:
        return a, 0
    bits, _ = _round(f, sign != 0, whole, 0, mode)
    return bits, NX if inexact else 0


def round_quietly(f: BinaryFormat, a: int, mode: int) -> Result:
    """`round_exactly` without the inexact flag."""
    bits, flags = round_exactly(f, a, mode)
    return bits, flags & ~NX


def to_modular_word(f: BinaryFormat, a: int) -> Result:
    """The integer modulo 2**32, rounded towards zero, sign-extended to 64 bits; the flags are those of fcvt.w."""
    _, flags = to_integer(f, a, RTZ, -(1 << 31), (1 << 31) - 1)
    if f.is_nan(a) or a & f.infinity == f.infinity:
        return 0, flags
    significand, exponent = f.magnitude(a)
    magnitude = significand << min(exponent, 32) if exponent >= 0 else significand >> -exponent
    value = (-magnitude if a & f.sign else magnitude) & 0xFFFFFFFF
    return (value ^ 1 << 31) - (1 << 31) & _M64, flags


def classify(f: BinaryFormat, a: int) -> Result:
    """The mask of fclass: -inf, negative normal, subnormal, -0, +0, subnormal, normal, +inf, signalling, quiet NaN."""
    if f.is_nan(a):
        return (1 << 8 if f.is_signalling(a) else 1 << 9), 0
    magnitude = a & ~f.sign
    kind = 0 if not magnitude else 1 if magnitude < 1 << f.fraction else 2 if magnitude < f.infinity else 3
    return 1 << (3 - kind if a & f.sign else 4 + kind), 0


def to_integer(f: BinaryFormat, a: int, mode: int, low: int, high: int) -> Result:
    """The integer as 64 bits (two's complement); a value outside low..high saturates and is invalid, a NaN gives `high`."""
    negative = bool(a & f.sign)
    if f.is_nan(a):
        return high & _M64, NV
    if a & f.infinity == f.infinity:
        return (low if negative else high) & _M64, NV
    significand, exponent = f.magnitude(a)
    magnitude, inexact = _shifted(significand, -exponent, negative, mode)
    value = -magnitude if negative else magnitude
    if not low <= value <= high:
        return (low if negative else high) & _M64, NV
    return value & _M64, NX if inexact else 0


_M64 = (1 << 64) - 1


def from_integer(f: BinaryFormat, value: int, mode: int) -> Result:
    """An integer as a number."""
    return _round(f, value < 0, abs(value), 0, mode)


def convert(f: BinaryFormat, to: BinaryFormat, a: int, mode: int) -> Result:
    """A number of format `f` in format `to`."""
    if f.is_nan(a):
        return to.nan, f.invalid(a)[1]
    sign = bool(a & f.sign)
    if a & f.infinity == f.infinity:
        return (to.sign if sign else 0) | to.infinity, 0
    return _round(to, sign, *f.magnitude(a), mode)


class FloatOperation:
    """A function on bit patterns; `rounds`: its last argument is the rounding mode."""

    __slots__ = ("function", "rounds")

    def __init__(self, function: Callable[..., Result], rounds: bool):
        self.function = function
        self.rounds = rounds


# Integers: what an operand's or result's bits mean, and their limits.
INTEGERS = {
    "i32": (-(1 << 31), (1 << 31) - 1),
    "u32": (0, (1 << 32) - 1),
    "i64": (-(1 << 63), (1 << 63) - 1),
    "u64": (0, (1 << 64) - 1),
}


def _operations() -> dict[str, FloatOperation]:
    found: dict[str, FloatOperation] = {}
    for name, f in (("f16", H), ("f32", S), ("f64", D)):
        for suffix, rounded in (
            ("add", add),
            ("sub", sub),
            ("mul", mul),
            ("div", div),
            ("sqrt", sqrt),
            ("round", round_quietly),
            ("roundnx", round_exactly),
            ("fma", fma),
        ):
            found[f"{name}_{suffix}"] = FloatOperation(_bind(rounded, f), rounds=True)
        for suffix, plain in (
            ("min", minimum), ("max", maximum), ("eq", equal), ("lt", less), ("le", less_equal), ("class", classify),
            ("minm", minimum_or_nan), ("maxm", maximum_or_nan), ("ltq", less_quiet), ("leq", less_equal_quiet),
        ):  # fmt: skip
            found[f"{name}_{suffix}"] = FloatOperation(_bind(plain, f), rounds=False)
        for integer, (low, high) in INTEGERS.items():
            found[f"{name}_to_{integer}"] = FloatOperation(_to(f, low, high), rounds=True)
            found[f"{name}_from_{integer}"] = FloatOperation(_from(f, low, high), rounds=True)
    formats = {"bf16": BF, "f16": H, "f32": S, "f64": D}
    for source, to in (
        ("f64", "f32"), ("f32", "f64"), ("f16", "f32"), ("f32", "f16"), ("f16", "f64"), ("f64", "f16"),
        ("bf16", "f32"), ("f32", "bf16"),
    ):  # fmt: skip
        found[f"{source}_to_{to}"] = FloatOperation(_conversion(formats[source], formats[to]), rounds=True)
    found["f64_to_mod32"] = FloatOperation(_bind(to_modular_word, D), rounds=False)
    return found


def _conversion(f: BinaryFormat, to: BinaryFormat) -> Callable[..., Result]:
    return lambda a, mode: convert(f, to, a, mode)


def _bind(function: Callable[..., Result], f: BinaryFormat) -> Callable[..., Result]:
    return lambda *arguments: function(f, *arguments)


def _to(f: BinaryFormat, low: int, high: int) -> Callable[..., Result]:
    """A conversion to an integer: 32-bit results are sign-extended, also those of fcvt.wu."""
    if high >> 32:
        return lambda a, mode: to_integer(f, a, mode, low, high)

    def convert_to_word(a: int, mode: int) -> Result:
        value, flags = to_integer(f, a, mode, low, high)
        return ((value & 0xFFFFFFFF) ^ 1 << 31) - (1 << 31) & _M64, flags

    return convert_to_word


def _from(f: BinaryFormat, low: int, high: int) -> Callable[..., Result]:
    """A conversion of the low bits of a register."""
    mask = high - low
    return lambda bits, mode: from_integer(
        f, bits & mask if bits & mask <= high else (bits & mask) - mask - 1, mode
    )


OPERATIONS: dict[str, FloatOperation] = _operations()
