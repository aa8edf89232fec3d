"""System calls as text, in a short form of strace's format."""

from __future__ import annotations

import errno
import os

from toyvm.base.bits import sext
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.proc.signals import Signal

from ..table import Syscall
from .argument_names import FLAGS, NUMBERS, SHAPES, TIMED_FUTEXES, futex_operation
from .strace_events import EVENT_SHAPES, event_argument
from .trace_text import flags_text, peek, quote

if TYPE_CHECKING:
    from toyvm.kernel.proc.process import Process

_SHOWN = 32  # bytes of a string, as strace -s 32
_MAX_STRINGS = 8
_F_SETFD, _F_SETFL = 2, 4
_OPEN_FLAGS = {
    0o100: "O_CREAT",
    0o200: "O_EXCL",
    0o1000: "O_TRUNC",
    0o2000: "O_APPEND",
    0o4000: "O_NONBLOCK",
    0o200000: "O_DIRECTORY",
    0o400000: "O_NOFOLLOW",
    0o2000000: "O_CLOEXEC",
    0o10000000: "O_PATH",
}
_PROT = {1: "PROT_READ", 2: "PROT_WRITE", 4: "PROT_EXEC"}
_MMAP = {
    0x10: "MAP_FIXED",
    0x20: "MAP_ANONYMOUS",
    0x100: "MAP_GROWSDOWN",
    0x4000: "MAP_NORESERVE",
    0x8000: "MAP_POPULATE",
    0x20000: "MAP_STACK",
    0x100000: "MAP_FIXED_NOREPLACE",
}


_ERRORS = {errno.EDEADLK: "EDEADLK", errno.EOPNOTSUPP: "EOPNOTSUPP"}  # Linux's names, where Python knows two

OUTPUTS = frozenset({"filled", "fdpair"})
"""The kinds of output arguments, whose contents are shown after the call has succeeded."""


def call_text(
    process: Process, entry: Syscall | None, number: int, args: tuple[int, ...], result: int = -1
) -> str:
    """`name(arguments)`. Memory that is not present is shown as an address and not faulted in.

    If the call is over, `result` is its result, and its output arguments are shown too.
    """
    if entry is not None:
        name, shapes = entry.name, entry.shapes
    else:
        from .linux_names import name_of, shapes_of  # most programs make no call that toyvm does not have

        name, shapes = name_of(number), shapes_of(number)
    shown = [
        _output(process, kind, args[at], result) if kind in OUTPUTS else _argument(process, kind, args, at)
        for at, kind in enumerate(shapes)
    ]
    return f"{name}({', '.join(shown)})"


def result_text(entry: Syscall | None, value: int) -> str:
    """The result in strace's format."""
    if -4095 <= value < 0:
        name = _ERRORS.get(-value) or errno.errorcode.get(-value, str(-value))
        return f"-1 {name} ({os.strerror(-value)})"
    if entry is not None and entry.name in ("mmap", "brk", "mremap", "shmat"):
        return hex(value)
    return str(value)


def _output(process: Process, kind: str, value: int, result: int) -> str:
    """The output of a call at `value`: `result` bytes, or the two descriptors of a pipe."""
    if result >= 0 and kind == "filled":
        return _bytes(process, value, result)
    pair = peek(process, value, 8) if result == 0 else None
    if kind == "fdpair" and pair is not None and len(pair) == 8:
        return f"[{int.from_bytes(pair[:4], 'little')}, {int.from_bytes(pair[4:], 'little')}]"
    return hex(value) if value else "NULL"


def _argument(process: Process, kind: str, args: tuple[int, ...], number: int) -> str:
    value = args[number]
    if kind == "path":
        return _path(process, value)
    if kind == "bytes":
        return _bytes(process, value, args[number + 1])
    if kind == "strings":
        return _strings(process, value)
    if kind == "ptr":
        return hex(value) if value else "NULL"
    if kind == "hex":
        return hex(value)
    if kind == "mode":
        return f"0{value & 0o7777:o}"
    if kind == "uint":
        return str(value)
    if kind == "at":
        return "AT_FDCWD" if sext(value, 32) == -100 else str(sext(value, 32))
    if kind == "oflags":
        access = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE")[value & 3]
        return flags_text(value & ~3, _OPEN_FLAGS, access)
    if kind == "fdflags":
        return flags_text(value, _OPEN_FLAGS) if value else "0"
    if kind == "prot":
        return flags_text(value, _PROT) if value else "PROT_NONE"
    if kind == "mmap":
        sharing = {1: "MAP_SHARED", 2: "MAP_PRIVATE", 3: "MAP_SHARED_VALIDATE"}.get(value & 0xF, "0")
        return flags_text(value & ~0xF, _MMAP, sharing)
    if kind == "signal":
        return _signal(value)
    if kind in EVENT_SHAPES:
        return event_argument(process, kind, args, number)
    if kind in SHAPES:
        return _named(process, kind, args, number)
    return str(sext(value, 32))


def _named(process: Process, kind: str, args: tuple[int, ...], number: int) -> str:
    """An argument of one of the kinds of `argument_names`."""
    value = args[number]
    if kind in FLAGS:
        if not value:
            return "F_OK" if kind == "accessmode" else "0"
        return flags_text(value & 0xFFFFFFFF, FLAGS[kind])
    if kind in NUMBERS:
        wide = value & 0xFFFFFFFF
        return NUMBERS[kind].get(wide) or NUMBERS[kind].get(sext(value, 32)) or _plain(kind, wide)
    if kind == "long":
        return str(sext(value, 64))
    if kind == "futexop":
        return futex_operation(value & 0xFFFFFFFF)
    if kind == "timeout":
        timed = args[number - 2] & 0x7F in TIMED_FUTEXES
        return _timespec(process, value) if timed else hex(value)
    if kind == "timespec":
        return _timespec(process, value)
    if kind == "sigset":
        return _signals(process, value)
    if kind == "clone":
        flags = value & 0xFFFFFF00
        ending = _signal(value & 0xFF) if value & 0xFF else ""
        return (
            "|".join(
                word for word in (flags_text(flags, FLAGS["cloneflags"]) if flags else "", ending) if word
            )
            or "0"
        )
    command = args[number - 1] & 0xFFFFFFFF  # fcntlarg
    if command == _F_SETFL:
        return flags_text(value & 0xFFFFFFFF, _OPEN_FLAGS) if value else "0"
    if command == _F_SETFD:
        return "FD_CLOEXEC" if value & 1 else "0"
    return hex(value)


def _plain(kind: str, value: int) -> str:
    return hex(value) if kind in ("ioctl", "prctl") else str(sext(value, 32))


def _timespec(process: Process, va: int) -> str:
    data = peek(process, va, 16) if va else None
    if data is None or len(data) < 16:
        return hex(va) if va else "NULL"
    seconds, nanoseconds = (int.from_bytes(data[at : at + 8], "little", signed=True) for at in (0, 8))
    return f"{{tv_sec={seconds}, tv_nsec={nanoseconds}}}"


def _signals(process: Process, va: int) -> str:
    """A set of signals: `[INT CHLD]`, or `~[...]` of those that are not in it if most are."""
    data = peek(process, va, 8) if va else None
    if data is None or len(data) < 8:
        return hex(va) if va else "NULL"
    mask = int.from_bytes(data, "little")
    inverted = mask.bit_count() > 32
    if inverted:
        mask ^= (1 << 64) - 1
    names = [_signal(number + 1).removeprefix("SIG") for number in range(64) if mask >> number & 1]
    return f"{'~' * inverted}[{' '.join(names)}]"


def _signal(value: int) -> str:
    return Signal(value).name if any(value == known for known in Signal) else str(value)


def _bytes(process: Process, va: int, length: int) -> str:
    data = peek(process, va, min(length, _SHOWN)) if length else b""
    return hex(va) if data is None else quote(data, length > _SHOWN)


def _path(process: Process, va: int) -> str:
    data = peek(process, va, 256)
    if data is None:
        return hex(va) if va else "NULL"
    return quote(data.split(b"\0")[0], b"\0" not in data)


def _strings(process: Process, va: int) -> str:
    shown: list[str] = []
    for number in range(_MAX_STRINGS + 1):
        word = peek(process, va + 8 * number, 8)
        if word is None or len(word) < 8:
            return hex(va)
        pointer = int.from_bytes(word, "little")
        if not pointer:
            return f"[{', '.join(shown)}]"
        shown.append(_path(process, pointer))
    return f"[{', '.join(shown[:_MAX_STRINGS])}, ...]"
