"""A picture of an address space: its areas, and the share of each that is in memory.

High addresses are at the top.
"""

from __future__ import annotations

import math
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

from toyvm.base.events import ProcessEnding
from toyvm.base.record import Record
from toyvm.kernel.accounts.memory_report import area_usage
from toyvm.kernel.mm.vma import PROT_EXEC, PROT_WRITE
from toyvm.machine.physical_memory import PAGE_SHIFT

from .charts import document

if TYPE_CHECKING:
    from toyvm.engines.engine import Engine
    from toyvm.kernel.kernel import Kernel
    from toyvm.kernel.mm.address_space import AddressSpace
    from toyvm.kernel.mm.vma import Vma
    from toyvm.machine.physical_memory import PhysicalMemory


class AreaKind(StrEnum):
    """The purpose of an area."""

    CODE = "code"
    CONSTANTS = "constants"
    DATA = "data"
    BSS = "bss: zeros that no file stores"
    HEAP = "heap, grows up"
    MAPPING = "private mapping"
    SHARED = "shared mapping"
    STACK = "stack, grows down"


class LayoutArea(Record):
    """An area `start`..`end` (exclusive) with `resident` pages in memory.

    `name` is the file's, or "".
    """

    start: int
    end: int
    permissions: str
    kind: AreaKind
    name: str
    resident: int


def layout(mm: AddressSpace) -> tuple[LayoutArea, ...]:
    """The areas of an address space, low addresses first."""
    areas: list[LayoutArea] = []
    for area in mm.vmas:
        name = "" if area.name in ("[heap]", "[stack]") else area.name
        kind = _kind(area, areas[-1] if areas and areas[-1].end == area.start else None)
        areas.append(
            LayoutArea(area.start, area.end, area.permissions(), kind, name, area_usage(mm, area).rss)
        )
    return tuple(areas)


def _kind(area: Vma, below: LayoutArea | None) -> AreaKind:
    """The kind of an area; `below` is the adjacent area at lower addresses, if any."""
    if area.grows_down:
        return AreaKind.STACK
    if area.name == "[heap]":
        return AreaKind.HEAP
    if area.shared:
        return AreaKind.SHARED
    if area.prot & PROT_EXEC:
        return AreaKind.CODE
    if area.file is not None:
        return AreaKind.DATA if area.prot & PROT_WRITE else AreaKind.CONSTANTS
    return AreaKind.BSS if below is not None and below.kind is AreaKind.DATA else AreaKind.MAPPING


class LayoutWatcher:
    """Keeps the layout of the first process at its exit (`system.Watcher`)."""

    def __init__(self) -> None:
        self.seen: tuple[LayoutArea, ...] = ()
        self._first: int | None = None

    def engine(self, memory: PhysicalMemory) -> Engine | None:
        """No engine of its own."""
        return None

    def start(self, kernel: Kernel) -> None:
        """Subscribe to the exits of processes; the lowest process number counts."""

        def ending(event: ProcessEnding) -> None:
            if self._first is None or event.pid < self._first:
                self._first = event.pid
                self.seen = layout(kernel.processes[event.pid].mm)

        kernel.bus.subscribe(ProcessEnding, ending)

    def write(self, path: str, title: str) -> None:
        """Write the picture. Raises OSError."""
        from toyvm.base.resources import write_atomically

        write_atomically(path, picture(self.seen, title).encode("utf-8", "replace"))


# --- the picture ---

MAX_AREAS = 64  # in a picture; of more areas, those in the middle are omitted
LEFT, TOP, BOX = 120, 60, 300  # pixels
LEAST, PER_DOUBLING = 20.0, 2.5  # height of an area of one page; additional height for each doubling
GAP = 30.0
COLOURS = {
    AreaKind.CODE: "#0072b2",
    AreaKind.CONSTANTS: "#56b4e9",
    AreaKind.DATA: "#009e73",
    AreaKind.BSS: "#8c6d00",
    AreaKind.HEAP: "#d55e00",
    AreaKind.MAPPING: "#cc79a7",
    AreaKind.SHARED: "#7b3fbf",
    AreaKind.STACK: "#555555",
}


def picture(areas: tuple[LayoutArea, ...], title: str) -> str:
    """The areas as an SVG file.

    The height grows with the logarithm of the size; gaps have a fixed height.
    """
    hidden = max(0, len(areas) - MAX_AREAS)
    half = (MAX_AREAS + 1) // 2
    shown = [*areas[:half], *areas[half + hidden :]]
    out = []
    y = float(TOP)
    for number in range(len(shown) - 1, -1, -1):
        area, above = shown[number], shown[number + 1] if number + 1 < len(shown) else None
        if above is not None and (above.start != area.end or (hidden and number == half - 1)):
            skipped = f"{hidden:,} more areas" if hidden and number == half - 1 else ""
            out += _gap(y, skipped or f"{size(above.start - area.end)} not mapped")
            y += GAP
        if above is None or above.start != area.end:
            out.append(_address(area.end, y))
        height = LEAST + PER_DOUBLING * math.log2((area.end - area.start) >> PAGE_SHIFT)
        out += _box(area, y, height)
        y += height
        out.append(_address(area.start, y))
    out.append(
        '<text class="small" x="16" y="44">full colour: the share that is in memory; high addresses at the top, not to scale</text>'
    )
    return document(LEFT + BOX + 440, round(y + 24), title, out)


def size(count: int) -> str:
    """A number of bytes in the largest unit that fits: 4 KiB, 1.5 MiB, 255.8 GiB."""
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.1f}".removesuffix(".0") + f" {units[0]}"


def _box(area: LayoutArea, y: float, height: float) -> list[str]:
    colour, pages = COLOURS[area.kind], (area.end - area.start) >> PAGE_SHIFT
    filled = BOX * area.resident / pages
    middle = y + height / 2 + 4
    what = f"{area.kind} of {area.name}" if area.name else str(area.kind)
    detail = (
        f"{size(area.end - area.start)}, {area.resident:,} of {pages:,} page{'s' * (pages > 1)} in memory"
    )
    return [
        f'<rect x="{LEFT}" y="{y:.1f}" width="{BOX}" height="{height:.1f}" fill="{colour}" fill-opacity="0.25"/>',
        f'<rect x="{LEFT}" y="{y:.1f}" width="{filled:.1f}" height="{height:.1f}" fill="{colour}"/>',
        f'<path class="axis" d="M{LEFT} {y:.1f}h{BOX}v{height:.1f}h-{BOX}z"/>',
        f'<text x="{LEFT + BOX + 12}" y="{middle:.1f}">{area.permissions}</text>',
        f'<text x="{LEFT + BOX + 52}" y="{middle:.1f}">{escape(what)}: {detail}</text>',
    ]


def _gap(y: float, text: str) -> list[str]:
    return [
        f'<path class="axis" stroke-dasharray="2 4" d="M{LEFT} {y:.1f}v{GAP:.0f}M{LEFT + BOX} {y:.1f}v{GAP:.0f}"/>',
        f'<text class="small" x="{LEFT + BOX / 2:.0f}" y="{y + GAP / 2 + 4:.1f}" text-anchor="middle">{text}</text>',
    ]


def _address(address: int, y: float) -> str:
    return f'<text class="small" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{address:x}</text>'
