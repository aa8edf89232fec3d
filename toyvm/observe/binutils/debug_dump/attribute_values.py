"""The values of attributes: reading them by form, and as text."""

from __future__ import annotations

from typing import NamedTuple

from .byte_cursor import Cursor, Malformed, hexadecimal
from .debug_sections import DebugSections
from .dwarf_names import form_name, meaning
from .location_text import byte_block, expression
from .unit_headers import Unit

FORM_ADDR, FORM_BLOCK2, FORM_BLOCK4, FORM_DATA2, FORM_DATA4, FORM_DATA8 = 1, 3, 4, 5, 6, 7
FORM_STRING, FORM_BLOCK, FORM_BLOCK1, FORM_DATA1, FORM_FLAG, FORM_SDATA = 8, 9, 10, 11, 12, 13
FORM_STRP, FORM_UDATA, FORM_REF_ADDR, FORM_REF_UDATA, FORM_INDIRECT = 14, 15, 16, 21, 22
FORM_SEC_OFFSET, FORM_EXPRLOC, FORM_FLAG_PRESENT, FORM_STRP_SUP, FORM_DATA16 = 23, 24, 25, 29, 30
FORM_LINE_STRP, FORM_REF_SIG8, FORM_IMPLICIT_CONST, FORM_LOCLISTX, FORM_RNGLISTX = 31, 32, 33, 34, 35
FORM_GNU_REF_ALT, FORM_GNU_STRP_ALT = 0x1F20, 0x1F21

_FIXED = {
    FORM_FLAG: 1, FORM_DATA1: 1, 0x11: 1, 0x25: 1, 0x29: 1, FORM_DATA2: 2, 0x12: 2, 0x26: 2, 0x2A: 2, 0x27: 3, 0x2B: 3,
    FORM_DATA4: 4, 0x13: 4, 0x1C: 4, 0x28: 4, 0x2C: 4, FORM_DATA8: 8, 0x14: 8, FORM_REF_SIG8: 8, 0x24: 8,
    FORM_DATA16: 16,
}  # fmt: skip
_OFFSETS = {FORM_STRP, FORM_SEC_OFFSET, FORM_STRP_SUP, FORM_LINE_STRP, FORM_GNU_REF_ALT, FORM_GNU_STRP_ALT}
_ULEB = {FORM_UDATA, FORM_REF_UDATA, 0x1A, 0x1B, FORM_LOCLISTX, FORM_RNGLISTX, 0x1F01, 0x1F02}
_BLOCKS = {FORM_BLOCK1: 1, FORM_BLOCK2: 2, FORM_BLOCK4: 4}
_STRING_INDEX = {0x1A, 0x25, 0x26, 0x27, 0x28, 0x1F02}
_ADDRESS_INDEX = {0x1B, 0x29, 0x2A, 0x2B, 0x2C, 0x1F01}
REFERENCES = {0x11, 0x12, 0x13, FORM_REF_UDATA, 0x1C}  # relative to the unit
_OP_ADDRX = 0xA1


class Value(NamedTuple):
    """A value that was read: its final form, a number (a block's size), and the bytes of a block or string."""

    form: int
    number: int
    data: bytes = b""


def read_value(
    cursor: Cursor, form: int, constant: int, pointer_size: int, offset_size: int, version: int
) -> Value:
    """Read a value of `form`. `constant` is that of the abbreviation. Raises Malformed."""
    if form in _FIXED:
        return Value(form, cursor.number(_FIXED[form]))
    if form in _OFFSETS:
        return Value(form, cursor.number(offset_size))
    if form in _ULEB:
        return Value(form, cursor.uleb())
    if form == FORM_FLAG_PRESENT:
        return Value(form, 1)
    if form == FORM_ADDR:
        return Value(form, cursor.number(pointer_size))
    if form in (FORM_EXPRLOC, FORM_BLOCK) or form in _BLOCKS:
        size = cursor.number(_BLOCKS[form]) if form in _BLOCKS else cursor.uleb()
        if size > cursor.end - cursor.at:
            raise Malformed(f"a block of {size} bytes at {cursor.at:#x} ends beyond its unit")
        return Value(form, size, cursor.block(size))
    if form == FORM_STRING:
        start = cursor.at
        cursor.text()
        return Value(form, 0, cursor.data[start : cursor.at].rstrip(b"\0"))
    if form == FORM_IMPLICIT_CONST:
        return Value(form, constant)
    if form == FORM_SDATA:
        return Value(form, cursor.sleb())
    if form == FORM_REF_ADDR:
        return Value(form, cursor.number(pointer_size if version == 2 else offset_size))
    if form == FORM_INDIRECT:
        form = cursor.uleb()
        if form == FORM_INDIRECT:
            raise Malformed("DW_FORM_indirect twice")
        constant = cursor.sleb() if form == FORM_IMPLICIT_CONST else 0
        return read_value(cursor, form, constant, pointer_size, offset_size, version)
    raise Malformed(f"Unrecognized form: {form:#x}")


def value_text(
    value: Value,
    sections: DebugSections,
    unit: Unit | None,
    offset_size: int,
    wide: bool,
    delimiter: str = " ",
) -> str:
    """The value as text, with `delimiter` before it. `wide`: the form's name stands before it, and not in it."""
    text = _plain_text(value, sections, unit, offset_size, wide, delimiter)
    if wide:
        return f"{delimiter}({form_name(value.form).removeprefix('DW_FORM_')}){text}"
    return text


def _plain_text(
    value: Value, sections: DebugSections, unit: Unit | None, offset_size: int, wide: bool, delimiter: str
) -> str:
    form, number = value.form, value.number
    if form in (FORM_REF_ADDR, *REFERENCES):
        return f"{delimiter}<{hexadecimal(number + (unit.offset if unit and form != FORM_REF_ADDR else 0))}>"
    if form in (FORM_DATA4, FORM_ADDR, FORM_SEC_OFFSET, FORM_DATA8, 0x24):
        return delimiter + hexadecimal(number)
    if form == 0x14:
        return delimiter + hexadecimal(number + (unit.offset if unit else 0))
    if form == FORM_DATA16:
        high, low = divmod(number, 1 << 64)
        return f" {high:#x}{low:016x}" if high else f" {hexadecimal(low)}"
    if form == FORM_STRING:
        return delimiter + value.data.decode("utf-8", "surrogateescape")
    if form in (FORM_STRP, FORM_LINE_STRP):
        kind, table = ("string", ".debug_str") if form == FORM_STRP else ("line string", ".debug_line_str")
        what = "offset" if wide else f"indirect {kind}, offset"
        return f"{delimiter}({what}: {hexadecimal(number)}): {sections.string(table, number)}"
    if form in _STRING_INDEX:
        base = unit.str_offsets_base if unit else 0
        found = sections.indexed_string(number, offset_size, base)
        return f"{delimiter}({'offset' if wide else 'indexed string'}: {hexadecimal(number)}): {found}"
    if form in _ADDRESS_INDEX or form in (FORM_LOCLISTX, FORM_RNGLISTX):
        place = _indexed(value, sections, unit)
        return "" if place is None else f"{delimiter}(index: {hexadecimal(number)}): {hexadecimal(place)}"
    if form == FORM_REF_SIG8:
        return f"{delimiter}{'' if wide else 'signature'}: {hexadecimal(number)}"
    if form in (FORM_EXPRLOC, FORM_BLOCK) or form in _BLOCKS:
        if value.data[:1] == bytes([_OP_ADDRX]):
            return ""
        return byte_block(Cursor(value.data), number, delimiter)
    if form == FORM_GNU_REF_ALT:
        return f"{delimiter}<{'' if wide else 'alt '}{hexadecimal(number)}>"
    if form == FORM_GNU_STRP_ALT:
        what = "offset" if wide else "alt indirect string, offset"
        return f"{delimiter}({what}: {hexadecimal(number)}) <alt string table not available>"
    if form == FORM_STRP_SUP:
        return f"{delimiter}<{hexadecimal(number + (unit.offset if unit else 0))}>"
    return f"{delimiter}{number}"


def _indexed(value: Value, sections: DebugSections, unit: Unit | None) -> int | None:
    """What an index of an address, of a location list or of a list of ranges leads to."""
    if value.form in _ADDRESS_INDEX:
        size = unit.pointer_size if unit else sections.pointer_size
        base = unit.addr_base if unit and unit.addr_base is not None else 0
        return sections.indexed_address(base + value.number * size, size)
    if value.form == FORM_LOCLISTX:
        name, base = ".debug_loclists", unit.loclists_base if unit else 0
    else:
        name, base = ".debug_rnglists", unit.rnglists_base if unit else 0
    found = sections.indexed_value(name, value.number, base)
    return None if found is None else found + base


# Attributes whose value may be a location list or an expression.
LISTS = {
    0x40, 0x02, 0x8C, 0x74, 0x72, 0x19, 0x2A, 0x38, 0x4D, 0x46, 0x48, 0x4A, 0x7E, 0x2111, 0x86, 0x2112, 0x83, 0x2113, 0x84,
    0x2114,
}  # fmt: skip
AT_RNGLISTS_BASE, AT_STR_OFFSETS_BASE, AT_LOCLISTS_BASE = 0x74, 0x72, 0x8C
_SHOWN_LISTS = LISTS - {AT_RNGLISTS_BASE, AT_STR_OFFSETS_BASE}
_EXPRESSIONS = LISTS | {0x4E, 0x4F, 0x50, 0x51, 0x2F, 0x22, 0x71}
_SIZES = {0x6B, 0x0B, 0x0D, 0x70, 0x6F, 0x2E}  # that may be computed


def is_list(value: Value, version: int) -> bool:
    """Whether a value is an offset of a list in another section."""
    old = version < 4 and value.form in (FORM_DATA4, FORM_DATA8)
    return old or value.form in (FORM_SEC_OFFSET, FORM_LOCLISTX)


def further_text(attribute: int, value: Value, unit: Unit, has_frame_base: bool) -> str:
    """What an attribute's value means, behind the value. Raises Malformed."""
    named = meaning(attribute, value.number)
    if named is not None:
        return f"\t{named}"
    text = ""
    if attribute in _SHOWN_LISTS and is_list(value, unit.version):
        text = " (location list)"
    block = value.form in (FORM_EXPRLOC, FORM_BLOCK) or value.form in _BLOCKS
    if (attribute in _EXPRESSIONS and block) or (attribute in _SIZES and value.form == FORM_EXPRLOC):
        operations, needs_base = expression(value.data, unit.shape)
        text += f"\t({operations})"
        if needs_base and not has_frame_base and attribute in _EXPRESSIONS:
            text += " [without DW_AT_frame_base]"
    return text
