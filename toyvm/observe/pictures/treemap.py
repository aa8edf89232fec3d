"""A treemap as SVG: nested rectangles whose areas are sizes, squarified (Bruls, Huizing, van Wijk), for a light or a dark page.

Colours say what kind of bytes a rectangle has. They are those of Okabe and Ito, which colour-blind readers can tell apart;
a legend names them, and every rectangle says its name and size when the pointer is on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from toyvm.base.record import Record

WIDTH, HEIGHT = 960, 600
_HEADER, _GAP, _LEGEND = 15.0, 2.0, 24
_LETTER = 6.2  # the width of a letter of 11 pixels, about
_MIN = 1.5  # rectangles with a side below this are not drawn

# kind -> (name in the legend, light fill, dark fill)
KINDS: dict[str, tuple[str, str, str]] = {
    "code": ("code", "#56b4e9", "#0b5c8f"),
    "rodata": ("read-only data", "#66c9a8", "#0a6b50"),
    "data": ("data", "#f0b75a", "#8f5a00"),
    "bss": ("zeros (bss)", "#f3e97a", "#6b6408"),
    "linker": ("made by the linker", "#dfa3c6", "#7d3a63"),
    "padding": ("padding", "#c9c9c9", "#555555"),
}


class Area(Record):
    """A rectangle: a name, a size in bytes, and its parts. `kind` (of KINDS) colours a rectangle without parts."""

    name: str
    size: int
    kind: str = ""
    parts: tuple[Area, ...] = ()


class _Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


def treemap(root: Area) -> str:
    """The picture as a file of its own."""
    style = "".join(f".{kind}{{fill:{light}}}" for kind, (_, light, _) in KINDS.items())
    dark = "".join(f".{kind}{{fill:{color}}}" for kind, (_, _, color) in KINDS.items())
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + _LEGEND}" role="img" '
        f'aria-label="{escape(root.name)}: {root.size} bytes">',
        "<style>svg{background:#fff;font:11px sans-serif}text{fill:#111;pointer-events:none}"
        ".group{fill:#f2f2f2;stroke:#888}rect{stroke:#fff;stroke-width:.5}"
        f"{style}@media(prefers-color-scheme:dark){{svg{{background:#111}}text{{fill:#eee}}"
        f".group{{fill:#222;stroke:#777}}rect{{stroke:#111}}{dark}}}</style>",
    ]
    out += _draw(root, _Box(0, 0, WIDTH, HEIGHT), "")
    out += _legend(root)
    return "\n".join([*out, "</svg>", ""])


def _draw(area: Area, box: _Box, path: str) -> Iterator[str]:
    if box.width < _MIN or box.height < _MIN:
        return
    name = f"{path} > {area.name}" if path else area.name
    kind = "group" if area.parts else area.kind or "padding"
    yield (
        f'<rect class="{kind}" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}">'
        f"<title>{escape(name)}: {area.size} bytes</title></rect>"
    )
    if not area.parts:
        yield from _label(area, box, box.y + min(box.height / 2 + 4, 13))
        return
    header = _HEADER if box.height > 2.5 * _HEADER and box.width > 30 else _GAP
    if header == _HEADER:
        yield from _label(area, box, box.y + 11)
    inner = _Box(
        box.x + _GAP, box.y + header, max(box.width - 2 * _GAP, 0), max(box.height - header - _GAP, 0)
    )
    for part, where in squarified(area.parts, inner):
        yield from _draw(part, where, name)


def _label(area: Area, box: _Box, y: float) -> Iterator[str]:
    room = int((box.width - 6) / _LETTER)
    if box.height < 12 or room < 3:
        return
    text = f"{area.name} {area.size}"
    if len(text) > room:
        text = area.name if len(area.name) <= room else area.name[: room - 1] + "\u2026"
    yield f'<text x="{box.x + 3:.1f}" y="{y:.1f}">{escape(text)}</text>'


def squarified(parts: Sequence[Area], box: _Box) -> Iterator[tuple[Area, _Box]]:
    """The parts, the largest first, each with its share of the box; rectangles are as square as a greedy choice makes them."""
    waiting = sorted((part for part in parts if part.size > 0), key=lambda part: (-part.size, part.name))
    total = sum(part.size for part in waiting)
    if not total or box.width <= 0 or box.height <= 0:
        return
    scale = box.width * box.height / total
    while waiting:
        side = min(box.width, box.height)
        row = [waiting[0]]
        for part in waiting[1:]:
            if _worst([*row, part], side, scale) > _worst(row, side, scale):
                break
            row.append(part)
        waiting = waiting[len(row) :]
        depth = sum(part.size for part in row) * scale / side if side > 0 else 0
        at = 0.0
        for part in row:
            length = part.size * scale / depth if depth else 0
            if box.width >= box.height:
                yield part, _Box(box.x, box.y + at, depth, length)
            else:
                yield part, _Box(box.x + at, box.y, length, depth)
            at += length
        if box.width >= box.height:
            box = _Box(box.x + depth, box.y, max(box.width - depth, 0), box.height)
        else:
            box = _Box(box.x, box.y + depth, box.width, max(box.height - depth, 0))


def _worst(row: Sequence[Area], side: float, scale: float) -> float:
    """The largest ratio of sides in a row of rectangles along `side`."""
    areas = [part.size * scale for part in row]
    total = sum(areas)
    if side <= 0 or total <= 0:
        return float("inf")
    return max(side * side * max(areas) / (total * total), total * total / (side * side * min(areas)))


def _legend(root: Area) -> Iterator[str]:
    sizes = dict.fromkeys(KINDS, 0)
    for leaf in _leaves(root):
        sizes[leaf.kind or "padding"] += leaf.size
    x = 2.0
    for kind, size in sizes.items():
        if size:
            text = f"{KINDS[kind][0]} {size}"
            yield f'<rect class="{kind}" x="{x:.1f}" y="{HEIGHT + 7}" width="12" height="12"/>'
            yield f'<text x="{x + 16:.1f}" y="{HEIGHT + 17}">{escape(text)}</text>'
            x += 16 + len(text) * _LETTER + 14


def _leaves(area: Area) -> Iterator[Area]:
    if not area.parts:
        yield area
    for part in area.parts:
        yield from _leaves(part)
