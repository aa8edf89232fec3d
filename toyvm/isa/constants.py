"""How `li` builds a 64-bit constant. The sequence is that of GNU as (`load_const`), so that objects compare equal."""

from __future__ import annotations

from ..base.bits import fits_signed, sext, u64


def load_constant(value: int, xlen: int = 64) -> list[tuple[str, str, int]]:
    """The instructions that put `value` (taken modulo 2**xlen) into a register.

    Each is (mnemonic, source, number): source is "" (lui has none), "zero", or "rd" for the register being built.

    >>> load_constant(0x12345678)
    [('lui', '', 74565), ('addiw', 'rd', 1656)]
    """
    value = sext(value, xlen)
    if xlen == 32 and not fits_signed(value, 12):
        return [("addi" if mnemonic == "addiw" else mnemonic, *rest) for mnemonic, *rest in _build(value)]  # type: ignore[misc]  # three each
    if fits_signed(value, 12):
        return [("addi", "zero", value)]
    return _build(value)


def _build(value: int) -> list[tuple[str, str, int]]:
    lower = sext(value, 12)
    upper = sext(u64(value - lower), 64)
    if fits_signed(value, 32):
        steps: list[tuple[str, str, int]] = []
        if upper:
            steps.append(("lui", "", (upper >> 12) & 0xFFFFF))
        if lower or not upper:
            steps.append(("addiw", "rd" if upper else "zero", lower))
        return steps
    shift = 12
    while not (upper >> shift) & 1:
        shift += 1
    steps = [*_build(upper >> shift), ("slli", "rd", shift)]
    if lower:
        steps.append(("addi", "rd", lower))
    return steps
