"""The script's part of a link map: its statements with the values that they have got (ld/ldlang.c: print_statements)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...base.bits import M64
from ..image_layout import MapLine
from .expression_text import expression_text, pattern_text, statement_text
from .placing import Placed
from .plan import DISCARD, Lone, Out
from .reading.tree import Assertion, Assignment, Data, Fill, InputPattern, Text
from .sizing import Sizing

_INDENT = " " * 16
_SIZES = {1: "BYTE", 2: "SHORT", 4: "LONG", 8: "QUAD"}


def map_lines(sizing: Sizing, index: Mapping[int, int]) -> tuple[MapLine, ...]:
    """The lines in the order of the script. `index`: id of a section -> its number in the layout's outputs."""
    found: list[MapLine] = []
    for item in sizing.plan.flow:
        if isinstance(item, Out):
            placed = sizing.placed[id(item)]
            if item.exists and item.matches and id(placed) in index:
                found.append(MapLine(output=index[id(placed)]))
                found += _body(sizing, placed)
            elif item.name == DISCARD:
                patterns = (each for each in item.statement.body if isinstance(each, InputPattern))
                found += [
                    MapLine(),
                    MapLine(DISCARD),
                    *(MapLine(f" {pattern_text(each)}") for each in patterns),
                ]
        else:
            found.append(MapLine(_statement(sizing, item)))
    return tuple(found)


def _statement(sizing: Sizing, item: Assignment | Assertion) -> str:
    value = sizing.shown.get(id(item))
    if value is not None:
        left = f"0x{value & M64:016x}"
    else:
        left = f"{'[!provide]' if isinstance(item, Assignment) and item.provide else '*undef*'}{'':8}"
    return f"{_INDENT}{left:<18}{_INDENT}{statement_text(item)}"


def _body(sizing: Sizing, placed: Placed) -> Iterator[MapLine]:
    """The statements of an output section, its members and the gaps between them."""
    pads = {at: (length, pattern) for at, length, pattern in placed.pads if length > 0}
    patterns = (item for item in placed.statement.body if isinstance(item, InputPattern))

    def gap(end: int) -> Iterator[MapLine]:
        """The gap that ends at an offset."""
        for at in [at for at, (length, _) in pads.items() if at + length == end]:
            length, pattern = pads.pop(at)
            fill = pattern.hex() if pattern.strip(b"\0") else ""
            yield MapLine(f" *fill*         0x{placed.vma + at & M64:016x} {length:>#10x} {fill}")

    for item in placed.out.items:
        if isinstance(item, list):
            if not isinstance(item, Lone):
                yield MapLine(f" {pattern_text(next(patterns))}")
            for sid in item:
                yield from gap(sizing.offset_of[sid])
                yield MapLine(member=sid)
        elif isinstance(item, Assignment | Assertion):
            yield MapLine(_statement(sizing, item))
            if isinstance(item, Assignment) and item.name == "." and id(item) in sizing.dot_after:
                yield from gap(sizing.dot_after[id(item)] - placed.vma)
        elif isinstance(item, Data):
            yield MapLine(_data(sizing, item))
        elif isinstance(item, Fill):
            yield MapLine(f" FILL mask {expression_text(item.value)}")
        elif isinstance(item, Text):
            yield MapLine(f"{_INDENT}{'':18} {len(item.data):>#10x} ASCIZ")


def _data(sizing: Sizing, item: Data) -> str:
    """A number that the script writes."""
    where, value = sizing.written_at.get(id(item), (0, 0))
    text = f"{_INDENT}0x{where & M64:016x} {item.size:>#10x} {_SIZES[item.size]} {value:#x}"
    expr = expression_text(item.value)
    return text if expr.startswith("0x") else f"{text} {expr}"
