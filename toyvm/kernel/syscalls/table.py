"""The table of system calls and the decorator that fills it.

A function takes the kernel, the process and as many argument words as it has kinds, and returns the result (an int) or
None when it has set the registers and pc itself (execve, rt_sigreturn). It raises OSError for -errno, and
WouldBlock to be called again later. The kinds say how strace would print each argument.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.base.light_types import TypeVar
from toyvm.base.record import Record

Function = Callable[..., "int | None"]
F = TypeVar("F", bound=Function)


class Syscall(Record):
    """One system call. `kinds`, one word per argument: int, uint, hex, ptr, path, bytes (length in the next argument),
    fd, at (a directory fd), oflags, fdflags (without the access), mode, prot, mmap, signal, strings (an argv); filled (a buffer that
    gets as many bytes as the result says), fdpair."""

    number: int
    name: str
    kinds: tuple[str, ...]
    function: Function
    needs_mmu: bool = False  # ENOSYS without one, as Linux has it


TABLE: dict[int, Syscall] = {}


def syscall(number: int, name: str, kinds: str = "", *, needs_mmu: bool = False) -> Callable[[F], F]:
    """Enter the decorated function into the table."""

    def enter(function: F) -> F:
        assert number not in TABLE, name
        TABLE[number] = Syscall(number, name, tuple(kinds.split()), function, needs_mmu)
        return function

    return enter


KTIME_MAX = (1 << 63) - 1  # nanoseconds: a longer wait is as good as this one (ktime_set)


def nanoseconds(seconds: int, nanos: int) -> int:
    """A duration of the guest's. Raises OSError(EINVAL) when it is negative or `nanos` is no part of a second."""
    if seconds < 0 or not 0 <= nanos < 10**9:
        raise error(errno.EINVAL)
    return min(seconds * 10**9 + nanos, KTIME_MAX)


def signed(value: int, width: int = 64) -> int:
    """An argument register read as a C integer of `width` bits."""
    sign = 1 << (width - 1)
    return ((value & ((1 << width) - 1)) ^ sign) - sign
