"""DWARF expressions, as far as call frame information uses them (DWARF 5, 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..base.bits import M64, sext
from ..elf.leb128 import read_uleb128

_MAX_STEPS = 100
_MAX_STACK = 64

_BINARY: dict[int, Callable[[int, int], int]] = {
    0x1A: lambda a, b: a & b,
    0x1C: lambda a, b: a - b,
    0x1E: lambda a, b: a * b,
    0x21: lambda a, b: a | b,
    0x22: lambda a, b: a + b,
    0x24: lambda a, b: a << b if b < 64 else 0,
    0x25: lambda a, b: a >> b if b < 64 else 0,
    0x26: lambda a, b: sext(a, 64) >> min(b, 63),
    0x27: lambda a, b: a ^ b,
    0x29: lambda a, b: a == b,
    0x2A: lambda a, b: sext(a, 64) >= sext(b, 64),
    0x2B: lambda a, b: sext(a, 64) > sext(b, 64),
    0x2C: lambda a, b: sext(a, 64) <= sext(b, 64),
    0x2D: lambda a, b: sext(a, 64) < sext(b, 64),
    0x2E: lambda a, b: a != b,
}
# DW_OP_const1u ... const8s: (bytes, signed)
_CONSTANTS = {
    0x03: (8, False),
    0x08: (1, False),
    0x09: (1, True),
    0x0A: (2, False),
    0x0B: (2, True),
    0x0C: (4, False),
    0x0D: (4, True),
    0x0E: (8, False),
    0x0F: (8, True),
}


class ExpressionError(Exception):
    """An expression that cannot be evaluated: malformed, or about memory that cannot be read."""


def evaluate(
    code: bytes,
    registers: Sequence[int | None],
    read: Callable[[int], int | None],
    first: int | None = None,
) -> int:
    """The value of an expression. `first` is on the stack at its start; `read` reads a doubleword.

    Raises ExpressionError.
    """
    stack = [] if first is None else [first]
    try:
        at = steps = 0
        while at < len(code):
            steps += 1
            if steps > _MAX_STEPS or len(stack) > _MAX_STACK:
                raise ExpressionError("an expression that does not end")
            at = _step(code, at, stack, registers, read)
        return stack.pop() & M64
    except (ValueError, IndexError) as error:
        raise ExpressionError(str(error)) from None


def _step(
    code: bytes,
    at: int,
    stack: list[int],
    registers: Sequence[int | None],
    read: Callable[[int], int | None],
) -> int:
    """Execute the operation at `at`. Returns the offset behind it."""
    op, at = code[at], at + 1
    if 0x30 <= op <= 0x4F:  # lit0 ... lit31
        stack.append(op - 0x30)
    elif 0x70 <= op <= 0x8F:  # breg0 ... breg31
        offset, at = _sleb128(code, at)
        stack.append(_known(registers[op - 0x70]) + offset & M64)
    elif op in _CONSTANTS:
        size, signed = _CONSTANTS[op]
        if at + size > len(code):
            raise ValueError("a truncated constant")
        stack.append(int.from_bytes(code[at : at + size], "little", signed=signed) & M64)
        at += size
    elif op in (0x10, 0x11):  # constu, consts
        value, at = read_uleb128(code, at) if op == 0x10 else _sleb128(code, at)
        stack.append(value & M64)
    elif op == 0x23:  # plus_uconst
        value, at = read_uleb128(code, at)
        stack.append(stack.pop() + value & M64)
    elif op in (0x28, 0x2F):  # bra, skip
        jump = int.from_bytes(code[at : at + 2], "little", signed=True)
        at += 2
        if op == 0x2F or stack.pop():
            at += jump
        if at < 0:
            raise ValueError("a jump out of the expression")
    elif op in _BINARY:
        second = stack.pop()
        stack.append(_BINARY[op](stack.pop(), second) & M64)
    else:
        _stack_operation(op, stack, read)
    return at


def _stack_operation(op: int, stack: list[int], read: Callable[[int], int | None]) -> None:
    if op == 0x06:  # deref
        stack.append(_known(read(stack.pop())))
    elif op == 0x12:  # dup
        stack.append(stack[-1])
    elif op == 0x13:  # drop
        stack.pop()
    elif op == 0x14:  # over
        stack.append(stack[-2])
    elif op == 0x16:  # swap
        stack[-1], stack[-2] = stack[-2], stack[-1]
    elif op == 0x1F:  # neg
        stack.append(-stack.pop() & M64)
    elif op == 0x20:  # not
        stack.append(~stack.pop() & M64)
    elif op != 0x96:  # nop
        raise ValueError(f"operation {op:#x}")


def _known(value: int | None) -> int:
    if value is None:
        raise ValueError("a register or memory that is not known")
    return value


def _sleb128(code: bytes, at: int) -> tuple[int, int]:
    start = at
    value, at = read_uleb128(code, at)
    return sext(value, 7 * (at - start)), at
