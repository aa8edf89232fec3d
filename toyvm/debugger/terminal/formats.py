"""Values in the formats of `print/F` and `x/NFU`."""

from __future__ import annotations

import struct

from toyvm.base.bits import M64

FORMATS = "xduotacfsiz"
_UNITS = {"b": 1, "h": 2, "w": 4, "g": 8}


def formatted(value: int, form: str = "", size: int = 8) -> str:
    """A value, signed, in a format: decimal without one."""
    bits = value & ((1 << 8 * size) - 1)
    match form:
        case "x" | "a":
            return f"{bits:#x}"
        case "z":
            return f"{bits:#0{2 * size + 2}x}"
        case "u":
            return str(bits)
        case "o":
            return f"0{bits:o}" if bits else "0"
        case "t":
            return f"{bits:b}"
        case "c":
            code = bits & 0xFF
            shown = chr(code) if 32 <= code < 127 else f"\\{code:03o}"
            return f"{code} '{shown}'"
        case "f":
            if size == 8:
                return f"{struct.unpack('<d', struct.pack('<Q', bits & M64))[0]:.17g}"
            if size == 4:
                return f"{struct.unpack('<f', struct.pack('<I', bits))[0]:.9g}"
    return str(value)


def read_format(text: str) -> tuple[int, str, int]:
    """(count, format, size) of `/3xg`; without a part 1, "", 0. Raises ValueError."""
    count, form, size, digits = 1, "", 0, ""
    for letter in text:
        if letter.isdigit() and not form and not size:
            digits += letter
        elif letter in _UNITS:
            size = _UNITS[letter]
        elif letter in FORMATS:
            form = letter
        else:
            raise ValueError(letter)
    if digits:
        count = int(digits)
    return count, form, size
