"""The units of .debug_info: their headers, and what their entries say of lists in other sections."""

from __future__ import annotations

from collections.abc import Iterator

from .byte_cursor import Cursor, Malformed
from .debug_sections import DebugSection
from .location_text import Shape

UT_TYPE, UT_SKELETON, UT_SPLIT_COMPILE, UT_SPLIT_TYPE = 2, 4, 5, 6
NO_VIEW = -1


class Unit:
    """A unit, from its header at `offset`; its entries begin at `entries` and end at `end`."""

    def __init__(self, section: DebugSection, offset: int, types: bool):
        cursor = section.cursor(offset)
        self.offset = offset
        self.length, self.offset_size = cursor.initial_length()
        if self.length > cursor.end - cursor.at:
            raise Malformed(
                f"Corrupt unit length (got {self.length:#x} expected at most {cursor.end - cursor.at:#x}) in section {section.name}"
            )
        self.end = cursor.at + self.length
        cursor.end = self.end
        self.version = cursor.number(2)
        self.type = 1
        self.pointer_size = 0
        if self.version >= 5:
            self.type, self.pointer_size = cursor.number(1), cursor.number(1)
        self.abbreviations = cursor.number(self.offset_size)
        if self.version < 5:
            self.pointer_size = cursor.number(1)
        self.dwo_id: int | None = None
        self.signature: int | None = None
        self.type_offset = 0
        if self.type in (UT_SKELETON, UT_SPLIT_COMPILE):
            self.dwo_id = cursor.number(8)
        if not 2 <= self.pointer_size <= 8:
            raise Malformed(f"Invalid pointer size ({self.pointer_size}) in compunit header")
        if types or self.type == UT_TYPE:
            self.signature, self.type_offset = cursor.number(8), cursor.number(self.offset_size)
        self.entries = cursor.at
        # What the entries say.
        self.base_address = self.loclists_base = self.rnglists_base = self.str_offsets_base = 0
        self.addr_base: int | None = None
        self.locations: list[int] = []  # offsets of location lists
        self.views: list[int] = []  # of the lists of views that go with them, or NO_VIEW
        self.frame_bases: list[bool] = []  # whether a frame base was known there
        self.ranges: list[int] = []  # offsets of lists of ranges

    @property
    def shape(self) -> Shape:
        """What the operands of expressions depend on."""
        return Shape(self.pointer_size, self.offset_size, self.version, self.offset)

    def fault(self) -> str | None:
        """Why the entries cannot be read, or None."""
        if not 2 <= self.version <= 5:
            return f"CU at offset {self.offset:#x} contains corrupt or unsupported version number: {self.version}."
        if self.type not in (1, 2, 3, 4, 5):
            return f"CU at offset {self.offset:#x} contains corrupt or unsupported unit type: {self.type}."
        return None


def units(section: DebugSection, types: bool = False) -> Iterator[Unit]:
    """The units of .debug_info or, if `types`, .debug_types. Raises Malformed."""
    at = 0
    while at < len(section.data):
        unit = Unit(section, at, types)
        yield unit
        at = unit.end


def entry_cursor(section: DebugSection, unit: Unit) -> Cursor:
    """A cursor over the entries of a unit."""
    return Cursor(section.data, unit.entries, unit.end)
