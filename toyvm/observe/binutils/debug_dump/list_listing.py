"""`-wR` and `-wo`: lists of ranges and of locations (.debug_ranges, .debug_rnglists, .debug_loc, .debug_loclists)."""

from __future__ import annotations

from collections.abc import Iterator

from .byte_cursor import Cursor, Malformed, hexadecimal, padded
from .debug_sections import DebugSection, DebugSections
from .location_text import Shape, expression
from .unit_headers import NO_VIEW, Unit
from .unit_listing import scanned_units

_END, _BASEX, _STARTX_ENDX, _STARTX_LENGTH, _OFFSETS, _DEFAULT, _BASE, _START_END, _START_LENGTH, _VIEW = (
    range(10)
)
M64 = (1 << 64) - 1


def _is_max(address: int, size: int) -> bool:
    return address == (1 << 8 * size) - 1


def _order(begin: int, end: int) -> str:
    return " (start == end)" if begin == end else " (start > end)" if begin > end else ""


def ranges(section: DebugSection, sections: DebugSections) -> Iterator[str]:
    """`-wR` of .debug_ranges. Raises Malformed."""
    yield f"Contents of the {section.name} section:"
    yield ""
    places = {offset: unit for unit in reversed(scanned_units(sections)) for offset in reversed(unit.ranges)}
    if not places:
        yield "No range lists in .debug_info section."
        return
    yield ""
    yield "    Offset   Begin    End"
    for offset, unit in sorted(places.items(), key=lambda item: item[0]):
        if offset > len(section.data):
            sections.warn(f"Corrupt offset ({offset:#x}) in range entry")
            continue
        yield from _old_ranges(section.cursor(offset), unit)
    yield ""


def _old_ranges(cursor: Cursor, unit: Unit) -> Iterator[str]:
    size, base, offset = unit.pointer_size, unit.base_address, cursor.at
    while cursor:
        begin, end = cursor.number(size), cursor.number(size)
        prefix = f"    {offset:08x} "
        if not begin and not end:
            yield f"{prefix}<End of list>"
            return
        if _is_max(begin, size) and not _is_max(end, size):
            base = end
            yield f"{prefix}{padded(begin, size)} {padded(end, size)} (base address)"
            continue
        yield f"{prefix}{padded(begin + base, size)} {padded(end + base, size)}{_order(begin, end)}"


def rnglists(section: DebugSection, sections: DebugSections) -> Iterator[str]:
    """`-wR` of .debug_rnglists. Raises Malformed."""
    yield f"Contents of the {section.name} section:"
    yield ""
    at = 0
    while at < len(section.data):
        cursor = section.cursor(at)
        length, offset_size = cursor.initial_length()
        if length > cursor.end - cursor.at:
            raise Malformed(
                f"The length field ({length:#x}) in the debug_rnglists header is wrong - the section is too small"
            )
        end = cursor.at + length
        version, size, segment, count = cursor.number(2), cursor.number(1), cursor.number(1), cursor.number(4)
        yield f" Table at Offset: {hexadecimal(at)}:"
        yield f"  Length:          {hexadecimal(length)}"
        yield f"  DWARF version:   {version}"
        yield f"  Address size:    {size}"
        yield f"  Segment size:    {segment}"
        yield f"  Offset entries:  {count}"
        if segment or version < 5 or not 1 <= size <= 8:
            raise Malformed(
                f"The {section.name} section has an unsupported version, segment size or address size"
            )
        table = cursor.at
        if count:
            yield ""
            yield f"   Offsets starting at {cursor.at:#x}:"
            for number in range(count):
                yield f"    [{number:6}] {hexadecimal(cursor.number(offset_size))}"
        cursor.end = end
        for _ in range(count or 1):
            yield ""
            yield f"  Offset: {hexadecimal(cursor.at)}, Index: {hexadecimal(cursor.at - table)}"
            yield "    Offset   Begin    End"
            yield from _new_ranges(cursor, size, 8 if offset_size == 4 else 16, sections)
            if not cursor:
                break
        at = end
        if at < len(section.data):
            yield ""
    yield ""


def _new_ranges(cursor: Cursor, size: int, header: int, sections: DebugSections) -> Iterator[str]:
    base, start = 0, cursor.at
    while True:
        if not cursor:
            sections.warn(f"Range list starting at offset {start:#x} is not terminated.")
            return
        prefix = f"    {cursor.at:08x} "
        kind = cursor.number(1)
        if kind == 0:
            yield f"{prefix}<End of list>"
            return
        if kind in (1, 5):
            if kind == 1:
                index = cursor.uleb()
                base = sections.indexed_address(index * size + header, size)
                prefix += f"{padded(index, size)} (base address index) "
            else:
                base = cursor.number(size)
            yield f"{prefix}{padded(base, size)} (base address)"
            continue
        begin, end = _range(kind, cursor, size, header, sections)
        if kind == 4:
            begin, end = begin + base, end + base
        yield f"{prefix}{padded(begin, size)} {padded(end, size)} {_order(begin, end)}"


def _range(kind: int, cursor: Cursor, size: int, header: int, sections: DebugSections) -> tuple[int, int]:
    """(begin, end) of an entry DW_RLE_*."""
    if kind == 2:  # startx_endx
        first, second = cursor.uleb(), cursor.uleb()
        return tuple(sections.indexed_address(index * size + header, size) for index in (first, second))  # type: ignore[return-value]  # a pair of a generator
    if kind == 3:  # startx_length
        begin, length = cursor.uleb(), cursor.uleb()
        begin = sections.indexed_address(begin * size + header, size)
        return begin, begin + length
    if kind == 4:
        return cursor.uleb(), cursor.uleb()
    if kind == 6:
        return cursor.number(size), cursor.number(size)
    if kind == 7:
        begin = cursor.number(size)
        return begin, begin + cursor.uleb()
    raise Malformed(f"Invalid range list entry type {kind}")


class LocationListing:
    """`-wo`: the location lists that .debug_info names, in the order of the section."""

    def __init__(self, section: DebugSection, sections: DebugSections):
        self.section, self.sections = section, sections
        self.is_new = "loclists" in section.name

    def lines(self) -> Iterator[str]:
        """All lists. Raises Malformed."""
        if self.is_new and (tables := self._tables()):
            yield from tables
            return
        yield f"Contents of the {self.section.name} section:"
        yield ""
        if 0 in self.section.relocated:
            yield " Warning: This section has relocations - addresses seen here may not be accurate."
            yield ""
        yield "    Offset   Begin            End              Expression"
        shown = 0
        for unit in scanned_units(self.sections):
            if (unit.version >= 5) != self.is_new:
                continue
            places = sorted(zip(unit.locations, unit.views, unit.frame_bases, strict=True))
            done: set[tuple[int, int]] = set()
            for offset, view, has_frame_base in places:
                if (offset, view) not in done:
                    done.add((offset, view))
                    shown += 1
                    yield from self._list(unit, offset, view, has_frame_base)
        if not shown:
            raise Malformed("No location lists in .debug_info section!")
        yield ""

    def _tables(self) -> list[str]:
        """The listing of a section whose tables have offsets; [] if the first has none."""
        cursor = self.section.cursor()
        cursor.initial_length()
        if cursor.number(2) != 5:
            raise Malformed(
                f"The {self.section.name} section contains corrupt or unsupported version number."
            )
        cursor.number(2)
        return list(self._offset_tables()) if cursor.number(4) else []

    def _offset_tables(self) -> Iterator[str]:
        yield f"Contents of the {self.section.name} section:"
        yield ""
        cursor = self.section.cursor()
        while cursor:
            yield f"Table at Offset {hexadecimal(cursor.at)}"
            length, offset_size = cursor.initial_length()
            end = cursor.at + length
            version, size, segment, count = (
                cursor.number(2),
                cursor.number(1),
                cursor.number(1),
                cursor.number(4),
            )
            yield f"  Length:          {hexadecimal(length)}"
            yield f"  DWARF version:   {version}"
            yield f"  Address size:    {size}"
            yield f"  Segment size:    {segment}"
            yield f"  Offset entries:  {count}"
            if segment or version < 5 or not count or not 1 <= size <= 8:
                raise Malformed(f"The {self.section.name} section contains a table that is not supported")
            yield ""
            yield f"   Offset Entries starting at {cursor.at:#x}:"
            for number in range(count):
                yield f"    [{number:6}] {hexadecimal(cursor.number(offset_size))}"
            yield ""
            inside = Cursor(cursor.data, cursor.at, end)
            shape = Shape(size, offset_size, version)
            for number in range(count):
                if not inside:
                    break
                yield f"   Offset Entry {number}"
                yield from self._entries(inside, shape, 0, None, True)
                yield ""
            yield ""
            cursor.at = max(inside.at, min(end, cursor.end))

    def _list(self, unit: Unit, offset: int, view: int, has_frame_base: bool) -> Iterator[str]:
        size = len(self.section.data)
        if offset >= size:
            self.sections.warn(f"Offset {offset:#x} is bigger than {self.section.name} section size.")
            return
        views = None
        if view != NO_VIEW:
            if view >= size:
                self.sections.warn(f"View Offset {view:#x} is bigger than {self.section.name} section size.")
                return
            views = self.section.cursor(view)
            if view < offset:
                yield from self._view_pairs(view, offset, unit.pointer_size)
        cursor = self.section.cursor(offset)
        if self.is_new:
            yield from self._entries(cursor, unit.shape, unit.base_address, views, has_frame_base)
        else:
            yield from self._old_entries(cursor, unit, views, has_frame_base)
        if view != NO_VIEW and view == cursor.at:
            assert views is not None  # there is a view
            yield from self._view_pairs(view, views.at, unit.pointer_size)

    def _view_pairs(self, start: int, end: int, size: int) -> Iterator[str]:
        cursor = Cursor(self.section.data, start, end)
        yield ""
        while cursor:
            at = cursor.at
            begin = cursor.uleb()
            if not cursor:
                break
            yield f"    {at:08x} {_view(begin, size)}{_view(cursor.uleb(), size)}location view pair"
        yield ""

    def _views(self, views: Cursor, size: int) -> tuple[str, int, int]:
        """(the text before an entry, the view of its begin, of its end)."""
        at = views.at
        begin, end = views.uleb(), views.uleb()
        return f"{_view(begin, size)}{_view(end, size)}views at {at:08x} for:\n{'':13}", begin, end

    def _old_entries(
        self, cursor: Cursor, unit: Unit, views: Cursor | None, has_frame_base: bool
    ) -> Iterator[str]:
        size, base, start = unit.pointer_size, unit.base_address, cursor.at
        while True:
            at = cursor.at
            prefix = f"    {at:08x} "
            if 2 * size > cursor.end - at:
                self.sections.warn(f"Location list starting at offset {start:#x} is not terminated.")
                yield prefix.rstrip()
                return
            begin, end = cursor.number(size), cursor.number(size)
            relocated = self.section.relocated
            if not begin and not end and at not in relocated and at + size not in relocated:
                yield f"{prefix}<End of list>"
                return
            if _is_max(begin, size) and not _is_max(end, size):
                base = end
                yield f"{prefix}{padded(begin, size)} {padded(end, size)} (base address)"
                continue
            first = last = -1
            if views is not None:
                text, first, last = self._views(views, size)
                prefix += text
            data = cursor.block(cursor.number(2))
            places = f"{padded(begin + base, size)} {padded(end + base, size)} "
            yield prefix + places + _location(data, unit.shape, has_frame_base, begin, end, first, last)

    def _entries(
        self, cursor: Cursor, shape: Shape, base: int, views: Cursor | None, has_frame_base: bool
    ) -> Iterator[str]:
        """A list of .debug_loclists."""
        start, size = cursor.at, shape.pointer_size
        first = last = -1
        while True:
            prefix = f"    {cursor.at:08x} "
            if not cursor:
                self.sections.warn(f"Location list starting at offset {start:#x} is not terminated.")
                return
            kind = cursor.number(1)
            if views is not None and kind in (_OFFSETS, _START_END, _START_LENGTH):
                text, first, last = self._views(views, size)
                prefix += text
            if kind == _END:
                yield f"{prefix}<End of list>"
                return
            if kind == _VIEW:
                first, last = cursor.uleb(), cursor.uleb()
                yield f"{prefix}{_view(first, size)}{_view(last, size)}views for:"
                continue
            if kind in (_BASE, _BASEX):
                if kind == _BASEX:
                    index = cursor.uleb()
                    prefix += f"{padded(index, size)} (index into .debug_addr) "
                    base = self.sections.indexed_address(index, size)
                else:
                    base = cursor.number(size)
                yield f"{prefix}{padded(base, size)} (base address)"
                continue
            begin, end = self._places(kind, cursor, size)
            if kind == _OFFSETS:
                begin, end = begin + base, end + base
            data = cursor.block(cursor.uleb())
            places = f"{padded(begin, size)} {padded(end, size)} "
            yield prefix + places + _location(data, shape, has_frame_base, begin, end, first, last)
            first = last = -1

    def _places(self, kind: int, cursor: Cursor, size: int) -> tuple[int, int]:
        """(begin, end) of an entry DW_LLE_*."""
        if kind in (_STARTX_ENDX, _STARTX_LENGTH):
            begin = self.sections.indexed_address(cursor.uleb(), size)
            second = cursor.uleb()
            return begin, self.sections.indexed_address(
                second, size
            ) if kind == _STARTX_ENDX else begin + second
        if kind == _OFFSETS:
            return cursor.uleb(), cursor.uleb()
        if kind == _DEFAULT:
            return 0, 0
        if kind == _START_END:
            return cursor.number(size), cursor.number(size)
        if kind == _START_LENGTH:
            begin = cursor.number(size)
            return begin, begin + cursor.uleb()
        raise Malformed(f"Invalid location list entry type {kind}")


def _view(value: int, size: int) -> str:
    digits = 2 * size - 1
    return f"v{value & (1 << 4 * (digits + 1)) - 1:0{digits}x} "


def _location(
    data: bytes, shape: Shape, has_frame_base: bool, begin: int, end: int, first: int, last: int
) -> str:
    text, needs_base = expression(data, shape)
    without = " [without DW_AT_frame_base]" if needs_base and not has_frame_base else ""
    order = _order(begin, end)
    if begin == end and first != last:
        order = _order(first, last)
    return f"({text}){without}{order}"
