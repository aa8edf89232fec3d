"""Numbers of bytes as the command line spells them: 64M, 1G, 4096."""

from __future__ import annotations

_SUFFIXES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def parse_size(text: str) -> int:
    """A number of bytes. Raises ValueError."""
    number, suffix = text.rstrip("bB"), ""
    if number[-1:].isalpha():
        number, suffix = number[:-1], number[-1].lower()
    if suffix not in _SUFFIXES:
        raise ValueError(text)
    return parse_digits(number) * _SUFFIXES[suffix]


def parse_digits(text: str) -> int:
    """A decimal number without a sign and underscores. Raises ValueError."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def size_text(count: int) -> str:
    """A number of bytes as text."""
    for suffix, unit in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if count and count % unit == 0:
            return f"{count // unit}{suffix}"
    return str(count)
