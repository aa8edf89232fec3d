"""The compile unit of assembly text: .debug_info and what it refers to, as GNU as writes them.

DW_AT_high_pc is an address in every version, which a linker that shortens the code keeps right; GNU as
writes a constant from version 4 on. A range list of version 5 has start and end for the same reason.
"""

from __future__ import annotations

from toyvm.base.record import Record
from toyvm.elf.leb128 import uleb128

from .code_places import EmittedSection, L
from .section_writer import SectionWriter

Ranges = list[tuple[L, L]]


class Unit(Record):
    """The compile unit of hand-written assembly. `name` is that of its first file."""

    name: str
    comp_dir: str
    producer: str = "toyvm as"


# (attribute, form)
_ADDR, _DATA2, _DATA4, _STRP, _SEC_OFFSET = 0x01, 0x05, 0x06, 0x0E, 0x17
_STMT_LIST, _NAME, _LANGUAGE, _COMP_DIR, _PRODUCER, _RANGES = 0x10, 0x03, 0x13, 0x1B, 0x25, 0x55
_LOW_HIGH = ((0x11, _ADDR), (0x12, _ADDR))
_LAST = ((_NAME, _STRP), (_COMP_DIR, _STRP), (_PRODUCER, _STRP), (_LANGUAGE, _DATA2))
_LANG_MIPS_ASSEMBLER = 0x8001
_RNGLISTS_HEADER = 12


def compile_unit(unit: Unit, ranges: Ranges[L], version: int, word: int = 8) -> list[EmittedSection[L]]:
    """.debug_info, .debug_abbrev, .debug_aranges, .debug_str, and the ranges if there are several.

    Each of `ranges` is (start, end). `version` is that of DWARF, from 2 to 5.
    """
    one = len(ranges) == 1
    offset_form = _DATA4 if version < 4 else _SEC_OFFSET
    attributes = ((_STMT_LIST, offset_form), *(_LOW_HIGH if one else ((_RANGES, offset_form),)), *_LAST)
    abbrev = b"\1\x11\0" + b"".join(bytes(pair) for pair in attributes) + b"\0\0\0"
    strings = SectionWriter[L](word)
    info = _info(unit, ranges, version, word, strings)
    sections = [info.section(".debug_info"), EmittedSection[L](".debug_abbrev", False, 1, abbrev, [])]
    sections += [_aranges(ranges, word), strings.section(".debug_str", strings=True)]
    if not one:
        sections.append(_ranges(ranges, word) if version < 5 else _rnglists(ranges, word))
    return sections


def _info(
    unit: Unit, ranges: Ranges[L], version: int, word: int, strings: SectionWriter[L]
) -> SectionWriter[L]:
    info = SectionWriter[L](word)
    length = info.length()
    info.data += version.to_bytes(2, "little")
    if version >= 5:
        info.data += bytes((1, word))  # DW_UT_compile
    info.offset(".debug_abbrev")
    if version < 5:
        info.data.append(word)
    info.data += uleb128(1)
    info.offset(".debug_line")
    if len(ranges) == 1:
        info.address(ranges[0][0])
        info.address(ranges[0][1])
    else:
        # The section begins with the list, which in version 5 has a header.
        info.offset(*((".debug_ranges", 0) if version < 5 else (".debug_rnglists", _RNGLISTS_HEADER)))
    for text in (unit.name, unit.comp_dir, unit.producer):
        info.offset(".debug_str", len(strings.data))
        strings.string(text)
    info.data += _LANG_MIPS_ASSEMBLER.to_bytes(2, "little")
    info.close(length)
    return info


def _aranges(ranges: Ranges[L], word: int) -> EmittedSection[L]:
    out = SectionWriter[L](word)
    length = out.length()
    out.data += b"\2\0"
    out.offset(".debug_info")
    out.data += bytes((word, 0))  # address size, segment size
    out.data += bytes(-len(out.data) % (2 * word))
    for start, end in ranges:
        out.address(start)
        out.distance(start, end)
    out.data += bytes(2 * word)
    out.close(length)
    return out.section(".debug_aranges", 2 * word)


def _ranges(ranges: Ranges[L], word: int) -> EmittedSection[L]:
    out = SectionWriter[L](word)
    out.data += b"\xff" * word + bytes(word)  # the base address is 0
    for start, end in ranges:
        out.address(start)
        out.address(end)
    out.data += bytes(2 * word)
    return out.section(".debug_ranges", 2 * word)


def _rnglists(ranges: Ranges[L], word: int) -> EmittedSection[L]:
    out = SectionWriter[L](word)
    length = out.length()
    out.data += bytes((5, 0, word, 0)) + bytes(4)
    for start, end in ranges:
        out.data.append(6)  # DW_RLE_start_end
        out.address(start)
        out.address(end)
    out.data.append(0)
    out.close(length)
    return out.section(".debug_rnglists")
