"""Computes the bytes of a relocation from what an explanation shows, without any of toyvm's code for relocations.

An explanation is used as JSON has it: the formula is a text over letters, the field a list of pieces of bits.
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r"\s*([A-Za-z_]+|\d+|[-+])")
_WORD = 1 << 64


def evaluate(formula: str, letters: dict[str, int]) -> int:
    """The value of a sum of letters and numbers, modulo 2**64, as a signed number."""
    total, sign = 0, 1
    for token in _TOKEN.findall(formula):
        if token in "+-":
            sign = {"+": 1, "-": -1}[token]
        else:
            total += sign * (int(token) if token.isdigit() else letters[token])
    total %= _WORD
    return total - _WORD if total >= _WORD // 2 else total


def placed(applied: dict[str, Any]) -> bytes:
    """The unit at the place after the relocation: the bits of the formula's value, put where the field says."""
    letters = {operand["letter"]: operand["value"] for operand in applied["operands"]}
    assert len(letters) == len(applied["operands"]), "two operands of one letter"
    value, field = evaluate(applied["formula"], letters), applied["field"]
    base = bytes.fromhex(applied["base"])
    assert len(base) == field["width"]
    if field["name"] == "uleb128":
        digits = [value >> 7 * i & 0x7F for i in range(len(base))]
        return bytes(digit | (0x80 if i + 1 < len(base) else 0) for i, digit in enumerate(digits))
    if field["low"] <= field["high"]:
        assert field["low"] <= value <= field["high"], "the value does not fit the field"
    assert value % field["alignment"] == 0
    bits = list(reversed("".join(f"{byte:08b}" for byte in reversed(base))))  # bit 0 first
    for piece in field["pieces"]:
        shifted = value + piece["bias"]
        for k in range(piece["low"], piece["high"] + 1):
            bits[piece["at"] + k - piece["low"]] = str(shifted >> k & 1)
    number = int("".join(reversed(bits)), 2)
    return number.to_bytes(len(base), "little")


def check(link: Any, explained: list[dict[str, Any]]) -> int:
    """Compare all explanations of a link with its image: returns how many relocations were computed.

    Each applied relocation gives the bytes that the explanation shows after it, and the last one of each place gives
    the bytes of the image. Every byte that differs between `before` and the image is explained by one of them.
    """
    changed = bytearray(link.history.before)
    count = 0
    for applied in sorted((e["applied"] for e in explained if e["applied"]), key=_order):
        at = applied["file_offset"]
        after = placed(applied)
        assert after.hex() == applied["after"], applied
        unit = changed[at : at + len(after)].hex()
        assert unit == applied["before"], applied
        if not applied["replaced"]:
            assert applied["base"] == applied["before"], applied
        changed[at : at + len(after)] = after
        count += 1
    wrong = [i for i in range(len(changed)) if changed[i] != link.history.after[i]]
    assert not wrong, f"{len(wrong)} bytes of the image are not explained, the first at {wrong[0]:#x}"
    for applied in (e["applied"] for e in explained if e["applied"]):
        at, width = applied["file_offset"], applied["field"]["width"]
        assert link.image[at : at + width] == bytes(changed[at : at + width]), applied
    return count


def _order(applied: dict[str, Any]) -> tuple[int, bool]:
    return applied["file_offset"], applied["field"]["operation"] != "set"
