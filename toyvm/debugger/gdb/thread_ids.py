"""Names of threads in packets: `p1.2` (hexadecimal) or, for a debugger without the multiprocess extension, `2`."""

from __future__ import annotations

from typing import NamedTuple

from .packets import PacketError

ANY, ALL = 0, -1


class ThreadId(NamedTuple):
    """A process and a thread of it; ANY or ALL in the place of either."""

    pid: int
    tid: int


def parse_thread_id(text: str) -> ThreadId:
    """Read a thread's name. Without a process, pid is ANY. Raises PacketError."""
    if not text.startswith("p"):
        return ThreadId(ANY, _number(text))
    pid, dot, tid = text[1:].partition(".")
    return ThreadId(_number(pid), _number(tid) if dot else ALL)


def thread_name(pid: int, tid: int, multiprocess: bool) -> str:
    """A thread as the debugger that is connected names it."""
    return f"p{pid:x}.{tid:x}" if multiprocess else f"{tid:x}"


def _number(text: str) -> int:
    if text == "-1":
        return ALL
    return hex_number(text, 8)


def hex_number(text: str, digits: int = 16) -> int:
    """A number of at most so many hexadecimal digits. Raises PacketError for anything else."""
    if not 0 < len(text) <= digits or not all(c in "0123456789abcdefABCDEF" for c in text):
        raise PacketError(f"'{text[:20]}' is not a hexadecimal number")
    return int(text, 16)


def hex_bytes(text: str) -> bytes:
    """Bytes from pairs of hexadecimal digits. Raises PacketError for anything else."""
    try:
        if any(c.isspace() for c in text):
            raise ValueError
        return bytes.fromhex(text)
    except ValueError:
        raise PacketError("an odd number of hexadecimal digits, or other characters") from None
