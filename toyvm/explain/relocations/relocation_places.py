"""Places as a user writes them: `main.o:.text+0x14`, `main.o:main`, `main.s:12`, and the relocations there."""

from __future__ import annotations

import re

from toyvm.base.diagnostics import did_you_mean
from toyvm.base.errors import UnknownNameError, UsageError
from toyvm.base.record import Record
from toyvm.elf.constants import STT_SECTION

from ..link_index import short_name
from .relocation_explanations import RelocationExplainer

_ALL = 1 << 62
_PLACE = re.compile(r"(?P<name>[^+]+?)(?:\+(?P<offset>0[xX][0-9a-fA-F]+|[0-9]+))?\Z")


class PlaceName(Record):
    """`file`, and in it a section or function `name` with an `offset` (-1: none was given), a `line` (or 0), or everything."""

    file: str
    name: str = ""
    offset: int = -1
    line: int = 0

    def __str__(self) -> str:
        where = str(self.line) if self.line else self.name
        return ":".join(part for part in (self.file, where) if part) + (
            f"+{self.offset:#x}" if self.offset >= 0 else ""
        )


def parse_place(text: str) -> PlaceName:
    """Read FILE, FILE:SECTION+OFFSET, FILE:SECTION, FILE:FUNCTION[+OFFSET] or FILE:LINE. Raises UsageError."""
    file, colon, where = text.rpartition(":")
    if not colon or (where.endswith(")") and "(" not in where):
        return PlaceName(text)
    where = where.removeprefix("(").removesuffix(")")  # as messages write it: main.o:(.text+0x14)
    if where.isdigit():
        return PlaceName(file, line=int(where))
    match = _PLACE.match(where)
    if not file or match is None:
        raise UsageError(f"{text}: expected FILE:SECTION+OFFSET, FILE:FUNCTION or FILE:LINE")
    offset = match["offset"]
    return PlaceName(file, match["name"], int(offset, 0) if offset else -1)


def rows_of(explainer: RelocationExplainer, place: PlaceName) -> list[int]:
    """The relocations at a place. Raises UnknownNameError, with a suggestion where there is one."""
    index = explainer.index
    files = index.find_object(place.file)
    if not files:
        names = [short_name(name) for name in index.object_names]
        hint = did_you_mean(place.file, names) or f"the link has {', '.join(names[:8])}"
        raise UnknownNameError(f"{place.file}: no object of the link has this name; {hint}")
    rows = [row for file in files for row in _in_file(explainer, file, place)]
    if not rows:
        raise UnknownNameError(f"{place}: no relocation is there{_nearest(explainer, files, place)}")
    return rows


def _in_file(explainer: RelocationExplainer, file: int, place: PlaceName) -> list[int]:
    index = explainer.index
    sids = index.sections_of(file)
    if not place.name and not place.line:
        return [row for sid in sids for row in explainer.rows_at(sid)]
    if place.line:
        return [row for sid in sids for row in explainer.rows_at(sid) if _on_line(explainer, row, place)]
    low = max(place.offset, 0)
    named = [sid for sid in sids if index.read.sections.name[sid] == place.name]
    if named:
        high = low + 1 if place.offset >= 0 else _ALL
        return [row for sid in named for row in explainer.rows_at(sid, low, high)]
    ranges = _functions(explainer, file).get(place.name)
    if ranges is None:
        hint = did_you_mean(place.name, [*_functions(explainer, file), *_sections(explainer, file)])
        raise UnknownNameError(
            f"{place}: {place.file} has no section or function {place.name}. {hint}".rstrip()
        )
    sid, start, end = ranges
    if place.offset >= 0:
        return explainer.rows_at(sid, start + low, start + low + 1)
    return explainer.rows_at(sid, start, end)


def _on_line(explainer: RelocationExplainer, row: int, place: PlaceName) -> bool:
    relocs = explainer.index.read.relocs
    source = explainer.index.places.source(int(relocs.sid[row]), int(relocs.offset[row]))
    file, _, line = source.rpartition(":")
    return line == str(place.line) and _is_file(file, place)


def _lines(explainer: RelocationExplainer, file: int, place: PlaceName) -> list[int]:
    """The lines of the place's file that have relocations in an object."""
    relocs = explainer.index.read.relocs
    rows = [row for sid in explainer.index.sections_of(file) for row in explainer.rows_at(sid)]
    places = (
        explainer.index.places.source(int(relocs.sid[row]), int(relocs.offset[row])).rpartition(":")
        for row in rows
    )
    return [int(line) for name, _, line in places if line.isdigit() and _is_file(name, place)]


def _is_file(name: str, place: PlaceName) -> bool:
    return name == place.file or name.rsplit("/", 1)[-1] == place.file.rsplit("/", 1)[-1]


def _functions(explainer: RelocationExplainer, file: int) -> dict[str, tuple[int, int, int]]:
    """Name -> (section, start, end) of the functions and labels of an object; a label without a size ends at the next."""
    program, found = explainer.index.read, {}
    labels: dict[int, list[int]] = {}
    for number in sorted(set(program.file_symbols[file].tolist())):
        sid = int(program.symbols.sid[number])
        name = program.symbol_name(number)
        if sid not in explainer.index.sections_of(file) or program.symbols.type[number] == STT_SECTION:
            continue
        if name and not name.startswith((".L", "$")):
            start, size = int(program.symbols.value[number]), int(program.symbols.size[number])
            found[name] = (sid, start, start + size if size else -1)
            labels.setdefault(sid, []).append(start)
    for name, (sid, start, end) in found.items():
        if end < 0:
            following = [other for other in labels[sid] if other > start]
            found[name] = (sid, start, min(following, default=_ALL))
    return found


def _sections(explainer: RelocationExplainer, file: int) -> list[str]:
    names = explainer.index.read.sections.name
    return [names[sid] for sid in explainer.index.sections_of(file) if names[sid]]


def _nearest(explainer: RelocationExplainer, files: list[int], place: PlaceName) -> str:
    """`; the nearest is at .text+0x18`, or ""."""
    index = explainer.index
    if place.line:
        lines = sorted({line for file in files for line in _lines(explainer, file, place)})
        if not lines:
            return ": the object has no line information (as -g, gcc -g), or other files in it"
        return f"; the nearest is on line {min(lines, key=lambda line: abs(line - place.line))}"
    if place.offset < 0:
        return ""
    for file in files:
        for sid in index.sections_of(file):
            start = 0
            if index.read.sections.name[sid] != place.name:
                home = _functions(explainer, file).get(place.name)
                if home is None or home[0] != sid:
                    continue
                start = home[1]
            offsets = sorted({int(o) for o in index.read.relocs.offset[explainer.rows_at(sid)].tolist()})
            if offsets:
                nearest = min(offsets, key=lambda at: abs(at - start - place.offset))
                return f"; the nearest is at {index.read.sections.name[sid]}+{nearest:#x}"
    return ""
