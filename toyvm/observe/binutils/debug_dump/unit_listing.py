"""`-wi`: the entries of .debug_info and .debug_types; and a pass over them that finds their lists."""

from __future__ import annotations

from collections.abc import Iterator

from .abbreviations import Abbreviation, Abbreviations
from .attribute_values import (
    AT_LOCLISTS_BASE,
    AT_RNGLISTS_BASE,
    AT_STR_OFFSETS_BASE,
    FORM_DATA4,
    FORM_DATA8,
    FORM_LOCLISTX,
    FORM_REF_ADDR,
    FORM_RNGLISTX,
    FORM_SEC_OFFSET,
    FORM_STRING,
    FORM_STRP,
    LISTS,
    REFERENCES,
    Value,
    further_text,
    is_list,
    read_value,
    value_text,
)
from .byte_cursor import Cursor, Malformed, hexadecimal
from .debug_sections import DebugSection, DebugSections
from .dwarf_names import UNIT_TYPES, attribute_name, tag_name
from .unit_headers import NO_VIEW, Unit, entry_cursor, units

_UNIT_TAGS, _FUNCTION_TAGS = {0x11, 0x4A}, {0x03, 0x2E}
_AT_IMPORT, _AT_LOW_PC, _AT_RANGES, _AT_FRAME_BASE, _AT_DISCR_LIST, _AT_TYPE = (
    0x18,
    0x11,
    0x55,
    0x40,
    0x3D,
    0x49,
)
_AT_LOCVIEWS = 0x2137
_LISTS = (LISTS | {_AT_LOCVIEWS}) - {AT_RNGLISTS_BASE, AT_STR_OFFSETS_BASE, AT_LOCLISTS_BASE}
_NAMES = {0x03, 0x6E}  # DW_AT_name, DW_AT_linkage_name
_MAX_NESTING = 20  # types of types
_ADDR_BASES = {0x73, 0x2133}


class UnitReader:
    """Reads the entries of one section, each unit with its abbreviations."""

    def __init__(self, sections: DebugSections, section: DebugSection):
        self.sections = sections
        self.section = section
        dwo = ".dwo" if section.name.endswith(".dwo") else ""
        table = sections.find(f".debug_abbrev{dwo}")
        if table is None:
            raise Malformed(f"Unable to locate .debug_abbrev{dwo} section!")
        self.abbreviations = Abbreviations(table)

    def scanned(self, types: bool = False) -> list[Unit]:
        """All units, with the lists and bases that their entries name. What cannot be read ends a unit."""
        found = []
        try:
            for unit in units(self.section, types):
                found.append(unit)
                if unit.fault() is None:
                    self.scan(unit)
        except Malformed as error:
            self.sections.warn(str(error))
        return found

    def scan(self, unit: Unit) -> None:
        """Note what the entries of a unit say. Raises Malformed."""
        table = self.abbreviations.at(unit.abbreviations)
        cursor = entry_cursor(self.section, unit)
        has_frame_base = False
        while cursor:
            number = cursor.uleb()
            if not number:
                continue
            entry = _entry(table, number, cursor.at)
            if entry.tag in _FUNCTION_TAGS:
                has_frame_base = False
            for attribute, form, constant in entry.attributes:
                if attribute:
                    value = read_value(
                        cursor, form, constant, unit.pointer_size, unit.offset_size, unit.version
                    )
                    has_frame_base |= attribute == _AT_FRAME_BASE
                    self._note(unit, entry, attribute, value, has_frame_base)
            if len(unit.views) > len(unit.locations):
                self.sections.warn("DIE has locviews without loclist")
            del unit.views[len(unit.locations) :]
            while len(unit.views) < len(unit.locations):
                unit.views.append(NO_VIEW)

    def _note(
        self, unit: Unit, entry: Abbreviation, attribute: int, value: Value, has_frame_base: bool
    ) -> None:
        if attribute in _LISTS and is_list(value, unit.version):
            place: int | None = value.number
            if value.form == FORM_LOCLISTX:
                place = self.sections.indexed_value(".debug_loclists", value.number, unit.loclists_base)
                place = None if place is None else place + unit.loclists_base
            if place is None:
                return
            if attribute == _AT_LOCVIEWS:
                unit.views.append(place)
            else:
                unit.locations.append(place)
                unit.frame_bases.append(has_frame_base)
        elif attribute == _AT_LOW_PC and entry.tag in _UNIT_TAGS:
            unit.base_address = self._address(unit, value)
        elif attribute == _AT_RANGES:
            self._note_ranges(unit, value)
        elif attribute == AT_LOCLISTS_BASE:
            unit.loclists_base = value.number
        elif attribute == AT_RNGLISTS_BASE:
            unit.rnglists_base = value.number
        elif attribute == AT_STR_OFFSETS_BASE:
            unit.str_offsets_base = value.number
        elif attribute in _ADDR_BASES:
            unit.addr_base = value.number

    def _address(self, unit: Unit, value: Value) -> int:
        if value.form in (0x1B, 0x29, 0x2A, 0x2B, 0x2C, 0x1F01) and unit.addr_base is not None:
            return self.sections.indexed_address(
                unit.addr_base + value.number * unit.pointer_size, unit.pointer_size
            )
        return value.number

    def _note_ranges(self, unit: Unit, value: Value) -> None:
        if value.form == FORM_RNGLISTX:
            found = self.sections.indexed_value(".debug_rnglists", value.number, 0)
            if found is not None:
                unit.ranges.append(found)
        elif value.form == FORM_SEC_OFFSET or (unit.version < 4 and value.form in (FORM_DATA4, FORM_DATA8)):
            unit.ranges.append(value.number)

    def prepare(self, unit: Unit) -> None:
        """Note the bases of tables that the first entry of a unit names, which values before it may need."""
        cursor = entry_cursor(self.section, unit)
        entry = self.abbreviations.at(unit.abbreviations).get(cursor.uleb()) if cursor else None
        for attribute, form, constant in entry.attributes if entry else ():
            if attribute:
                value = read_value(cursor, form, constant, unit.pointer_size, unit.offset_size, unit.version)
                if attribute in _ADDR_BASES or attribute in (
                    AT_LOCLISTS_BASE,
                    AT_RNGLISTS_BASE,
                    AT_STR_OFFSETS_BASE,
                ):
                    assert entry is not None  # the loop has attributes
                    self._note(unit, entry, attribute, value, False)


def _entry(table: dict[int, Abbreviation], number: int, at: int) -> Abbreviation:
    entry = table.get(number)
    if entry is None:
        raise Malformed(f"DIE at offset {at:#x} refers to abbreviation number {number} which does not exist")
    return entry


def scanned_units(sections: DebugSections) -> list[Unit]:
    """The units of .debug_info with what they say of lists; none without that section."""
    section = sections.find(".debug_info")
    return [] if section is None else UnitReader(sections, section).scanned()


class UnitListing:
    """The lines of `-wi` for one section. `wide` names the form of each value (-W).

    `depth` is the number of levels to show, or None; `start` the offset of the only entry to show with its children.
    """

    def __init__(
        self, sections: DebugSections, section: DebugSection, wide: bool, depth: int | None, start: int
    ):
        self.reader = UnitReader(sections, section)
        self.sections = sections
        self.section = section
        self.wide = wide
        self.depth = depth
        self.start = start
        self._has_frame_base = False
        self._signed: dict[int, bool] = {}  # of the type of the entry at a level
        self._finished = False

    def lines(self, types: bool = False) -> Iterator[str]:
        """All units. Raises Malformed."""
        if not self.start:
            yield f"Contents of the {self.section.name} section:"
            yield ""
        for unit in units(self.section, types):
            if self.start >= unit.end or self._finished:
                continue
            if not self.start:
                yield from _header(unit)
            fault = unit.fault()
            if fault:
                self.sections.warn(fault)
                continue
            self.reader.prepare(unit)
            yield from self._entries(unit)
        yield ""

    def _entries(self, unit: Unit) -> Iterator[str]:
        table = self.reader.abbreviations.at(unit.abbreviations)
        cursor = entry_cursor(self.section, unit)
        level, started_at = 0, -1
        hidden_before = False
        while cursor:
            at = cursor.at
            number = cursor.uleb()
            shown = at >= self.start and (self.depth is None or level < self.depth)
            if not number:
                if (
                    level == 0
                    and not cursor.data[cursor.at : cursor.end].strip(b"\0")
                    and unit.end == len(self.section.data)
                ):
                    return
                if shown:
                    yield f" <{level}><{at:x}>: Abbrev Number: 0"
                level -= 1
                if level < 0:
                    self.sections.warn(
                        f"Bogus end-of-siblings marker detected at offset {at:x} in {self.section.name} section"
                    )
                if self.start and level < started_at:
                    self._finished = True
                    return
                continue
            if self.start == at and self.start:
                started_at = level
            if at >= self.start and not shown and not hidden_before:
                yield f" <{level}><{at:x}>: ..."
            hidden_before = at >= self.start and not shown
            entry = table.get(number)
            if shown:
                yield f" <{level}><{at:x}>: Abbrev Number: {number}" + (
                    f" ({tag_name(entry.tag)})" if entry else ""
                )
            yield from self._attributes(unit, _entry(table, number, at), cursor, level, shown)
            level += entry.children if entry else 0

    def _attributes(
        self, unit: Unit, entry: Abbreviation, cursor: Cursor, level: int, shown: bool
    ) -> Iterator[str]:
        if entry.tag in _FUNCTION_TAGS:
            self._has_frame_base = False
        for attribute, form, constant in entry.attributes:
            if not attribute:
                continue
            at = cursor.at
            value = read_value(cursor, form, constant, unit.pointer_size, unit.offset_size, unit.version)
            if attribute == _AT_FRAME_BASE:
                self._has_frame_base = True
            if shown:
                text = value_text(value, self.sections, unit, unit.offset_size, self.wide)
                more = self._more(unit, attribute, value, level)
                yield f"    <{at:x}>   {attribute_name(attribute):<18}:{text}{more}"

    def _more(self, unit: Unit, attribute: int, value: Value, level: int) -> str:
        if attribute == _AT_IMPORT:
            return self._imported(unit, value)
        if attribute == _AT_DISCR_LIST:
            return "\t" + _discriminants(value, self._signed.get(level - 1, False))
        if attribute == _AT_TYPE:
            names: list[str] = []
            self._signed[level] = self._is_signed(unit, value, 0, names)
            return "".join(f", {name}" for name in names) if self.wide else ""
        return further_text(attribute, value, unit, self._has_frame_base)

    def _target(self, unit: Unit, value: Value) -> tuple[Abbreviation, Cursor, int] | None:
        """(the abbreviation, a cursor at the attributes, the number) of the entry that a reference names."""
        place = value.number + (unit.offset if value.form in REFERENCES else 0)
        if value.form not in (FORM_REF_ADDR, *REFERENCES) or not unit.entries <= place < unit.end:
            return None
        cursor = Cursor(self.section.data, place, unit.end)
        number = cursor.uleb()
        entry = self.reader.abbreviations.at(unit.abbreviations).get(number)
        return None if entry is None else (entry, cursor, number)

    def _imported(self, unit: Unit, value: Value) -> str:
        found = self._target(unit, value)
        return "" if found is None else f"\t[Abbrev Number: {found[2]} ({tag_name(found[0].tag)})]"

    def _is_signed(self, unit: Unit, value: Value, nesting: int, names: list[str]) -> bool:
        """Whether the type that a reference names is signed. `names` gets the names of the types on the way."""
        found = self._target(unit, value)
        if found is None or nesting > _MAX_NESTING:
            return False
        entry, cursor, _ = found
        signed = False
        for attribute, form, constant in entry.attributes:
            if not attribute:
                break
            part = read_value(cursor, form, constant, unit.pointer_size, unit.offset_size, unit.version)
            if attribute == _AT_TYPE:
                signed = self._is_signed(unit, part, nesting + 1, names)
            elif attribute in _NAMES and part.form == FORM_STRP:
                names.append(self.sections.string(".debug_str", part.number))
            elif attribute in _NAMES and part.form == FORM_STRING:
                names.append(part.data.decode("utf-8", "surrogateescape"))
            elif attribute == 0x3E:  # DW_AT_encoding
                signed = part.number not in (1, 2, 7, 8, 14, 16)
        return signed


def _header(unit: Unit) -> Iterator[str]:
    yield f"  Compilation Unit @ offset {hexadecimal(unit.offset)}:"
    yield f"   Length:        {hexadecimal(unit.length)} ({8 * unit.offset_size}-bit)"
    yield f"   Version:       {unit.version}"
    if unit.version >= 5:
        yield f"   Unit Type:     {UNIT_TYPES.get(unit.type, 'unknown')} ({unit.type:x})"
    yield f"   Abbrev Offset: {hexadecimal(unit.abbreviations)}"
    yield f"   Pointer Size:  {unit.pointer_size}"
    if unit.signature is not None:
        yield f"   Signature:     {hexadecimal(unit.signature)}"
        yield f"   Type Offset:   {hexadecimal(unit.type_offset)}"
    if unit.dwo_id is not None:
        yield f"   DWO ID:        {hexadecimal(unit.dwo_id)}"


def _discriminants(value: Value, signed: bool) -> str:
    """The values of a variant part's discriminant (DW_AT_discr_list)."""
    if not value.number:
        return "[default]"
    if not value.data:
        return "<corrupt>"
    cursor = Cursor(value.data)
    parts = []
    read = cursor.sleb if signed else cursor.uleb
    while cursor:
        kind = cursor.number(1)
        if kind == 0:
            parts.append(f"label {read()}")
        elif kind == 1:
            parts.append(f"range {read()}..{read()}")
        else:
            parts.append("<corrupt>")
            break
    return f"({', '.join(parts)})({'signed' if signed else 'unsigned'})"
