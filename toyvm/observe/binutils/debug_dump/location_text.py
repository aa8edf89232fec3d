"""DWARF expressions as text."""

from __future__ import annotations

from toyvm.base.record import Record

from .byte_cursor import Cursor, Malformed, hexadecimal, padded
from .dwarf_names import OPERATIONS, register_name

_MAX_DEPTH = 32  # expressions inside of each other (DW_OP_entry_value)


class Shape(Record):
    """What the operands' sizes depend on: those of the unit. In frame information, `version` is -1."""

    pointer_size: int
    offset_size: int
    version: int
    unit: int = 0  # the offset of the unit, to which some references are relative


_UNSIGNED = {0x08: 1, 0x0A: 2, 0x0C: 4, 0x0E: 8, 0x15: 1, 0x94: 1, 0x95: 1}
_SIGNED = {0x09: 1, 0x0B: 2, 0x0D: 4, 0x0F: 8, 0x28: 2, 0x2F: 2}
_ULEB = {0x10, 0x23, 0x93}
_TYPED = {0xA8, 0xA9, 0xF7, 0xF9}  # convert, reinterpret: a type
_INDEX = {0xA1, 0xFB, 0xFC}
_PLAIN = {
    0x06, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, *range(0x19, 0x23), *range(0x24, 0x28), *range(0x29, 0x2F), *range(0x30, 0x50),
    0x96, 0x97, 0x9B, 0x9C, 0x9F, 0xE0, 0xF0,
}  # fmt: skip


def expression(data: bytes, shape: Shape, depth: int = 0) -> tuple[str, bool]:
    """(the operations with "; " between them, whether the frame base is used). Raises Malformed."""
    if depth > _MAX_DEPTH:
        raise Malformed("expressions are nested too deeply")
    cursor = Cursor(data)
    parts = []
    needs_base = False
    while cursor:
        code = cursor.number(1)
        needs_base |= code == 0x91
        text, more, nested_base = _operation(code, cursor, shape, depth)
        needs_base |= nested_base
        parts.append(text)
        if not more:
            break
    return "; ".join(parts), needs_base


def _operation(code: int, cursor: Cursor, shape: Shape, depth: int) -> tuple[str, bool, bool]:
    """(text, whether the next operation's place is known, whether a nested expression uses the frame base)."""
    name = OPERATIONS.get(code, "")
    if code == 0x91 or code == 0x11:  # fbreg, consts
        return f"{name}: {cursor.sleb()}", True, False
    if 0x70 <= code < 0x90:
        return f"{name} ({register_name(code - 0x70)}): {cursor.sleb()}", True, False
    if 0x50 <= code < 0x70:
        return f"{name} ({register_name(code - 0x50)})", True, False
    if code in _PLAIN:
        return name, True, False
    if code == 0x03:
        return f"{name}: {cursor.number(shape.pointer_size):x}", True, False
    if code in _ULEB:
        return f"{name}: {cursor.uleb()}", True, False
    if code in _UNSIGNED:
        return f"{name}: {cursor.number(_UNSIGNED[code])}", True, False
    if code in _SIGNED:
        return f"{name}: {cursor.signed(_SIGNED[code])}", True, False
    if code in (0xA3, 0xF3):  # entry_value
        inner, base = expression(cursor.block(cursor.uleb()), shape, depth + 1)
        return f"{name}: ({inner})", True, base
    text = _rare(code, name, cursor, shape)
    if text is not None:
        return text, True, False
    if code in (0x9A, 0xA0, 0xF2, 0xFD):
        return _reference(code, name, cursor, shape)
    user = "User defined" if 0xE0 <= code <= 0xFF else "Unknown"
    return f"({user} location op {code:#x})", False, False


def _rare(code: int, name: str, cursor: Cursor, shape: Shape) -> str | None:
    if code == 0x90:  # regx
        number = cursor.uleb()
        return f"{name}: {number} ({register_name(number)})"
    if code == 0x92:  # bregx
        number = cursor.uleb()
        return f"{name}: {number} ({register_name(number)}) {cursor.sleb()}"
    if code == 0x9D:  # bit_piece
        return f"{name}: size: {cursor.uleb()} offset: {cursor.uleb()} "
    if code in (0x98, 0x99):  # call2, call4
        return f"{name}: <{hexadecimal(cursor.signed(2 if code == 0x98 else 4) + shape.unit)}>"
    if code == 0x9E:  # implicit_value
        return name + byte_block(cursor, cursor.uleb(), " ")
    if code in (0xA4, 0xF4):  # const_type
        kind = hexadecimal(shape.unit + cursor.uleb())
        return f"{name}: <{kind}> {byte_block(cursor, cursor.number(1), ' ')}"
    if code in (0xA5, 0xF5):  # regval_type
        number = cursor.uleb()
        return f"{name}: {number} ({register_name(number)}) <{hexadecimal(shape.unit + cursor.uleb())}>"
    if code in (0xA6, 0xF6):  # deref_type
        return f"{name}: {cursor.number(1)} <{hexadecimal(shape.unit + cursor.uleb())}>"
    if code in _TYPED:
        base_type = cursor.uleb()
        return f"{name} <{hexadecimal(shape.unit + base_type if base_type else 0)}>"
    if code in _INDEX:
        return f"{name} <{hexadecimal(cursor.uleb())}>"
    if code == 0xFA:  # GNU_parameter_ref
        return f"{name}: <{hexadecimal(shape.unit + cursor.number(4))}>"
    if code == 0xF1:  # GNU_encoded_addr
        form = cursor.number(1)
        size = {2: 2, 3: 4, 10: 2, 11: 4}.get(form & 0x0F, 8)
        return f"{name}: fmt:{form:02x} addr:{padded(cursor.number(size), shape.pointer_size)}"
    return None


def _reference(code: int, name: str, cursor: Cursor, shape: Shape) -> tuple[str, bool, bool]:
    """Operations with an offset in .debug_info: call_ref, implicit_pointer, GNU_variable_value."""
    if shape.version == -1:
        return f"({name} in frame info)", False, False
    value = cursor.number(shape.pointer_size if shape.version == 2 else shape.offset_size)
    text = f"{name}: <{hexadecimal(value)}>"
    return f"{text} {cursor.sleb()}" if code in (0xA0, 0xF2) else text, True, False


def byte_block(cursor: Cursor, size: int, delimiter: str) -> str:
    """` 2 byte block: 91 60 `: the bytes, as far as there are any."""
    return f"{delimiter}{size} byte block: " + "".join(f"{byte:x} " for byte in cursor.block(size))
