"""Abbreviations: what the entries of .debug_info are made of (DWARF 5, 7.5.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .byte_cursor import Malformed
from .debug_sections import DebugSection
from .dwarf_names import attribute_name, form_name, tag_name

FORM_IMPLICIT_CONST = 0x21
_MAX_SHARED = 64  # all lists that units name have at most this many times the bytes of the section


class Abbreviation(NamedTuple):
    """One abbreviation. `attributes`: (attribute, form, value of DW_FORM_implicit_const), the final zeros included."""

    number: int
    tag: int
    children: bool
    attributes: list[tuple[int, int, int]]


class Abbreviations:
    """The lists of abbreviations of one section, read when a unit names them."""

    def __init__(self, section: DebugSection):
        self.section = section
        self._lists: dict[int, dict[int, Abbreviation]] = {}
        self._room = _MAX_SHARED * len(section.data)

    def at(self, offset: int) -> dict[int, Abbreviation]:
        """Number -> abbreviation, for the list at `offset`. The first of a number counts. Raises Malformed."""
        if offset not in self._lists:
            found: dict[int, Abbreviation] = {}
            entries, end = read_list(self.section, offset)
            self._room -= end - offset
            if self._room < 0:
                raise Malformed(f"the lists of abbreviations in {self.section.name} overlap")
            for entry in entries:
                found.setdefault(entry.number, entry)
            self._lists[offset] = found
        return self._lists[offset]


def read_list(section: DebugSection, offset: int) -> tuple[list[Abbreviation], int]:
    """(the abbreviations of the list at `offset`, the offset behind it). Raises Malformed."""
    size = len(section.data)
    if offset >= size:
        raise Malformed(
            f"Debug info is corrupted, abbrev offset ({offset:#x}) is larger than abbrev section size ({size:#x})"
        )
    cursor = section.cursor(offset)
    entries: list[Abbreviation] = []
    while cursor and (number := cursor.uleb()):
        tag, children = cursor.uleb(), bool(cursor.number(1))
        attributes = []
        while True:
            attribute, form = cursor.uleb(), cursor.uleb()
            constant = cursor.sleb() if form == FORM_IMPLICIT_CONST else 0
            attributes.append((attribute, form, constant))
            if not attribute and not form:
                break
        entries.append(Abbreviation(number, tag, children, attributes))
    return entries, cursor.at


def listing(section: DebugSection) -> Iterator[str]:
    """`-wa`: all lists of abbreviations."""
    yield f"Contents of the {section.name} section:"
    yield ""
    at = 0
    while at < len(section.data):
        entries, end = read_list(section, at)
        if entries:
            yield f"  Number TAG ({'0' if not at else hex(at)})"
        for entry in entries:
            kind = "has children" if entry.children else "no children"
            yield f"   {entry.number}      {tag_name(entry.tag)}    [{kind}]"
            for attribute, form, constant in entry.attributes:
                value = f": {constant}" if form == FORM_IMPLICIT_CONST else ""
                yield f"    {attribute_name(attribute):<18} {form_name(form)}{value}"
        at = end
    yield ""
