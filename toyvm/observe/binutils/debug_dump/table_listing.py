"""Smaller sections of debugging information as text: strings, address tables, names, links."""

from __future__ import annotations

from collections.abc import Iterator

from .byte_cursor import Cursor, Malformed, hexadecimal, padded
from .debug_sections import DebugSection, DebugSections
from .unit_listing import scanned_units

_KINDS = ("no info", "type", "variable", "function", "other", "unused5", "unused6", "unused7")


def title(section: DebugSection) -> Iterator[str]:
    """The heading of a section."""
    yield f"Contents of the {section.name} section:"
    yield ""


def strings(section: DebugSection, sections: DebugSections) -> Iterator[str]:
    """`-ws`: the bytes of a table of strings."""
    if not section.data:
        yield ""
        yield f"The {section.name} section is empty."
        return
    yield from title(section)
    for at in range(0, len(section.data), 16):
        chunk = section.data[at : at + 16]
        words = "".join(chunk[i : i + 4].hex().ljust(8) + " " for i in range(0, 16, 4))
        text = "".join(chr(byte) if 32 <= byte < 128 else "." for byte in chunk)
        yield f"  0x{section.address + at:08x} {words}{text}"
    yield ""


def address_ranges(section: DebugSection, sections: DebugSections) -> Iterator[str]:
    """`-wr`: .debug_aranges. Raises Malformed."""
    yield from title(section)
    info = sections.find(".debug_info")
    starts = {unit.offset for unit in scanned_units(sections)} if info else None
    cursor = section.cursor()
    while cursor:
        start = cursor.at
        length, offset_size = cursor.initial_length()
        if length > cursor.end - cursor.at:
            raise Malformed(
                f"Debug info is corrupted, {section.name} header at {start:#x} has length {length:#x}"
            )
        body = Cursor(cursor.data, cursor.at, cursor.at + length)
        version, info_at = body.number(2), body.number(offset_size)
        size, segment = body.number(1), body.number(1)
        if starts and info_at not in starts:
            sections.warn(
                f".debug_info offset of {info_at:#x} in {section.name} section does not point to a CU header."
            )
        if version not in (2, 3):
            if version:
                sections.warn("Only DWARF 2 and 3 aranges are currently supported.")
            break
        yield f"  Length:                   {length}"
        yield f"  Version:                  {version}"
        yield f"  Offset into .debug_info:  {hexadecimal(info_at)}"
        yield f"  Pointer Size:             {size}"
        yield f"  Segment Size:             {segment}"
        size += segment
        if size not in (1, 2, 4, 8):
            raise Malformed(f"Invalid address size in {section.name} section!")
        yield ""
        yield "    Address            Length" if size > 4 else "    Address    Length"
        body.at += -(body.at - start) % (2 * size)
        while 2 * size <= body.end - body.at:
            yield f"    {padded(body.number(size), size)} {padded(body.number(size), size)}"
        cursor.at = body.end
    yield ""


def addresses(section: DebugSection, sections: DebugSections) -> Iterator[str]:
    """`-wA`: .debug_addr. Raises Malformed."""
    yield from title(section)
    users = sorted(
        (unit for unit in scanned_units(sections) if unit.addr_base is not None and unit.addr_base < len(section.data)),
        key=lambda unit: unit.addr_base or 0,
    )  # fmt: skip
    bases = [unit.addr_base or 0 for unit in users]
    done = -1
    for unit, base, following in zip(users, bases, [*bases[1:], len(section.data)], strict=True):
        if base == done:
            continue  # units that share a table
        done = base
        yield f"  For compilation unit at offset {hexadecimal(unit.offset)}:"
        yield "\tIndex\tAddress"
        size, end = unit.pointer_size, following
        if unit.version >= 5:
            header = section.cursor(base - 8 if base >= 8 else 0)
            length, _ = header.initial_length()
            end = header.at + length
            header.number(2)
            size = header.number(1) + header.number(1)
        if not 1 <= size <= 8:
            raise Malformed(f"Corrupt {section.name} section: address size ({size:x}) is wrong")
        cursor = Cursor(section.data, base, end)
        index = 0
        while cursor.end - cursor.at >= size:
            yield f"\t{index}:\t{padded(cursor.number(size), size)}"
            index += 1
    yield ""


def string_offsets(section: DebugSection, sections: DebugSections) -> Iterator[str]:
    """`-wO`: .debug_str_offsets. Raises Malformed."""
    yield from title(section)
    cursor = section.cursor()
    while cursor:
        length, size = cursor.initial_length()
        if not length:  # of an older form, without a header
            length, cursor.at, end = len(section.data), 0, len(section.data)
            yield f"    Length: {hexadecimal(length)}"
        else:
            if length > cursor.end - cursor.at:
                sections.warn(f"Section {section.name} is too small {len(section.data):#x}")
            end = min(cursor.at + length, cursor.end)
            version, padding = cursor.number(2), cursor.number(2)
            if version != 5:
                sections.warn(f"Unexpected version number in str_offset header: {version:#x}")
            if padding:
                sections.warn(f"Unexpected value in str_offset header's padding field: {padding:#x}")
            yield f"    Length: {hexadecimal(length)}"
            yield f"    Version: {hexadecimal(version)}"
        yield "       Index   Offset [String]"
        index = 0
        while end - cursor.at >= size:
            offset = cursor.number(size)
            yield f"    {index:8} {padded(offset, size)}  {sections.string('.debug_str', offset)}"
            index += 1
        cursor.at = end


def public_names(section: DebugSection, sections: DebugSections) -> Iterator[str]:
    """`-wp`, `-wt`: .debug_pubnames, .debug_pubtypes and GNU's. Raises Malformed."""
    is_gnu = "_gnu_" in section.name
    yield from title(section)
    cursor = section.cursor()
    while cursor:
        length, offset_size = cursor.initial_length()
        if length > cursor.end - cursor.at:
            raise Malformed(f"Debug info is corrupted, {section.name} header has length {length:#x}")
        body = Cursor(cursor.data, cursor.at, cursor.at + length)
        cursor.at = body.end
        version, info_at, size = body.number(2), body.number(offset_size), body.number(offset_size)
        yield f"  Length:                              {length}"
        yield f"  Version:                             {version}"
        yield f"  Offset into .debug_info section:     {hexadecimal(info_at)}"
        yield f"  Size of area in .debug_info section: {size}"
        if version not in (2, 3):
            sections.warn("Only DWARF 2 and 3 pubnames are currently supported")
            continue
        yield ""
        yield "    Offset  Kind          Name" if is_gnu else "    Offset\tName"
        while offset := body.number(offset_size):
            if is_gnu:
                kind = body.number(1)
                scope = "s" if kind & 0x80 else "g"
                yield f"    {offset:<6x}  {scope},{_KINDS[kind >> 4 & 7]:<10}  {body.text()}"
            else:
                yield f"    {offset:<6x}\t{body.text()}"
    yield ""


def links(section: DebugSection, sections: DebugSections) -> Iterator[str]:
    """`-wk`: .gnu_debuglink and .gnu_debugaltlink. Raises Malformed."""
    yield from title(section)
    end = section.data.find(b"\0")
    if end < 0:
        raise Malformed("The debuglink filename is corrupt/missing")
    yield f"  Separate debug info file: {section.data[:end].decode('utf-8', 'surrogateescape')}"
    if section.name.startswith(".gnu_debuglink"):
        yield f"  CRC value: {hexadecimal(section.cursor(end + 4 & ~3).number(4))}"
    else:
        identity = section.data[end + 1 :]
        yield f"  Build-ID ({len(identity):#x} bytes):"
        for at in range(0, len(identity), 26):
            yield "".join(f" {byte:02x}" for byte in identity[at : at + 26])
    yield ""
