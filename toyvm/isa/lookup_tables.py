"""Tables that semantics look values up in (`ops.Op.TABLE`): substitution boxes, and constants of fli.

A table is computed when it is first used: most programs use none.
"""

from __future__ import annotations

from functools import cache

from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SM4 = bytes.fromhex(
    "d690e9fecce13db716b614c228fb2c052b679a762abe04c3aa441326498606999c4250f491ef987a33540b43edcfac62"
    "e4b31ca9c908e89580df94fa758f3fa64707a7fcf37317ba83593c19e6854fa8686b81b27164da8bf8eb0f4b70569d35"
    "1e240e5e6358d1a225227c3b01217887d40046579fd327524c3602e7a0c4c89eeabf8ad240c738b5a3f7f2cef96115a1"
    "e0ae5da49b341a55ad933230f58cb1e31df6e22e8266ca60c02923ab0d534e6fd5db3745defd8e2f03ff6a726d6c5b51"
    "8d1baf92bbddbc7f11d95c411f105ad80ac13188a5cd7bbd2d74d012b8e5b4b08969974a0c96777e65b9f109c56ec684"
    "18f07dec3adc4d2079ee5f3ed7cb3948"
)  # GB/T 32907-2016, "S-box"


def _times(a: int, b: int) -> int:
    """The product of two bytes in AES's field, modulo x**8 + x**4 + x**3 + x + 1 (FIPS 197, 4.2)."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


@cache
def _aes_box() -> tuple[int, ...]:
    """SubBytes (FIPS 197, 5.1.1): the inverse in the field, then an affine map of its bits."""
    inverse = [0] * 256
    for a in range(1, 256):
        power = a
        for _ in range(6):
            power = _times(_times(power, power), a)
        inverse[a] = _times(power, power)  # a**254
    box = []
    for value in inverse:
        spread = value ^ value << 1 ^ value << 2 ^ value << 3 ^ value << 4
        box.append((spread ^ spread >> 8) & 0xFF ^ 0x63)
    return tuple(box)


@cache
def _aes_inverse_box() -> tuple[int, ...]:
    box = _aes_box()
    return tuple(box.index(value) for value in range(256))


def _mixed(box: tuple[int, ...], factors: tuple[int, int, int, int]) -> tuple[int, ...]:
    """The column of four bytes that a byte contributes after its substitution (MixColumns)."""
    return tuple(sum(_times(value, factor) << 8 * row for row, factor in enumerate(factors)) for value in box)


_MIX, _UNMIX = (2, 1, 1, 3), (14, 9, 13, 11)


def _float_constants(width: int, fraction: int) -> tuple[int, ...]:
    """The 32 numbers of fli in a format (manual, "Zfa"). One that is too large is infinity."""
    bias = (1 << (width - fraction - 2)) - 1
    infinity = ((1 << (width - fraction - 1)) - 1) << fraction
    found = []
    for index in range(32):
        if index in _SPECIAL:
            found.append(infinity if index == 30 else infinity | 1 << (fraction - 1))
            continue
        if index == 1:
            found.append(1 << fraction)
            continue
        quarters, exponent = _FLI[index]  # (4 + quarters) / 4 * 2**exponent
        biased = exponent + bias
        if biased <= 0:
            bits = (4 + quarters) << fraction - 2 >> 1 - biased
        elif biased << fraction >= infinity:
            bits = infinity
        else:
            bits = biased << fraction | quarters << fraction - 2
        found.append(bits | (1 << (width - 1) if index == 0 else 0))
    return tuple(found)


_SPECIAL = (30, 31)
# index -> (quarters above 1, exponent of 2); 0 is -1.0, 1 the least normal number, 30 infinity, 31 the canonical NaN
_FLI: dict[int, tuple[int, int]] = {
    0: (0, 0), 2: (0, -16), 3: (0, -15), 4: (0, -8), 5: (0, -7), 6: (0, -4), 7: (0, -3),
    8: (0, -2), 9: (1, -2), 10: (2, -2), 11: (3, -2), 12: (0, -1), 13: (1, -1), 14: (2, -1), 15: (3, -1),
    16: (0, 0), 17: (1, 0), 18: (2, 0), 19: (3, 0), 20: (0, 1), 21: (1, 1), 22: (2, 1), 23: (0, 2),
    24: (0, 3), 25: (0, 4), 26: (0, 7), 27: (0, 8), 28: (0, 15), 29: (0, 16),
}  # fmt: skip

FLI_NAMES = (
    "-1.0", "min", "1.52587890625e-05", "3.0517578125e-05", "0.00390625", "0.0078125", "0.0625", "0.125",
    "0.25", "0.3125", "0.375", "0.4375", "0.5", "0.625", "0.75", "0.875",
    "1.0", "1.25", "1.5", "1.75", "2.0", "2.5", "3.0", "4.0",
    "8.0", "16.0", "128.0", "256.0", "32768.0", "65536.0", "inf", "nan",
)  # fmt: skip
"""What a program writes for the constant of fli; a number may have any spelling."""

_MAKERS: dict[str, tuple[int, Callable[[], tuple[int, ...]]]] = {
    "aes": (8, _aes_box),
    "aes_inverse": (8, _aes_inverse_box),
    "aes_mixed": (32, lambda: _mixed(_aes_box(), _MIX)),
    "aes_inverse_mixed": (32, lambda: _mixed(_aes_inverse_box(), _UNMIX)),
    "aes_unmixed": (32, lambda: _mixed(tuple(range(256)), _UNMIX)),
    "sm4": (8, lambda: tuple(_SM4)),
    "rcon": (32, lambda: (1, 2, 4, 8, 16, 32, 64, 128, 0x1B, 0x36, 0, 0, 0, 0, 0, 0)),
    "fli16": (16, lambda: _float_constants(16, 10)),
    "fli32": (32, lambda: _float_constants(32, 23)),
    "fli64": (64, lambda: _float_constants(64, 52)),
}


@cache
def table(name: str) -> tuple[int, ...]:
    """The entries of a table. KeyError if there is none of that name."""
    return _MAKERS[name][1]()


def entry_width(name: str) -> int:
    """The width of a table's entries in bits."""
    return _MAKERS[name][0]


def look_up(name: str, index: int) -> int:
    """One entry."""
    return table(name)[index]
