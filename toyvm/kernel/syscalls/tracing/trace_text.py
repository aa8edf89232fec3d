"""Words and strings of system calls as strace prints them."""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from toyvm.kernel.proc.process import Process


def flags_text(value: int, names: dict[int, str], first: str = "") -> str:
    """The names of the bits of `value`, after `first`; what has no name as a number."""
    words = [first] if first else []
    for bit, name in names.items():
        if value & bit:
            words.append(name)
            value &= ~bit
    if value or not words:
        words.append(hex(value))
    return "|".join(words)


def peek(process: Process, va: int, count: int) -> bytes | None:
    """Bytes that are present in memory, without a fault; None where the first is not."""
    found = b""
    while len(found) < count:
        at = va + len(found)
        entry = process.mm.table.entry(at) if at >> 38 == 0 else 0
        if not entry & 1:
            return found or None
        size = min(4096 - (at & 0xFFF), count - len(found))
        pa = (entry >> 10 << 12) + (at & 0xFFF)
        found += bytes(process.mm.memory.u8[pa : pa + size])
    return found


def quote(data: bytes, more: bool) -> str:
    """Bytes between quotes, with C's escapes; `more`: there are more of them."""
    letters = {10: "\\n", 9: "\\t", 13: "\\r", 34: '\\"', 92: "\\\\", 0: "\\0"}
    text = "".join(letters.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:o}") for b in data)
    return f'"{text}"' + ("..." if more else "")
