"""Charts as self-contained SVG files with their own style.

(`svg` makes plots for HTML pages, which define the style.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

from toyvm.base.record import Record

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#56b4e9", "#000000", "#7f7f7f")
DASHES = ("", "7 3", "2 2", "9 3 2 3", "12 4", "4 4", "", "2 5")
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #222 }
.title { font-size: 15px; font-weight: 600 }
.small { font-size: 11px; fill: #555 }
.axis { stroke: #222; fill: none }
.grid { stroke: #e2e2e2; fill: none }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
</style>"""
# Overrides the attributes of the elements: paper, black lines, and the colours that are dark themselves.
DARK_STYLE = """\
@media (prefers-color-scheme: dark) {
text { fill: #e6e8eb } .small { fill: #b4bbc4 } .axis { stroke: #e6e8eb } .grid { stroke: #333941 }
[fill="white"] { fill: #1e2126 }
[stroke="#000000"] { stroke: #ffffff } [fill="#000000"] { fill: #ffffff }
[stroke="#0072b2"] { stroke: #4a9fe0 } [fill="#0072b2"] { fill: #4a9fe0 }
[stroke="#8c6d00"] { stroke: #d4b106 } [fill="#8c6d00"] { fill: #d4b106 }
}
</style>"""


class Scale(Record):
    """An axis: maps values from `low` to `high` to pixels from `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def at(self, value: float) -> float:
        """The position of a value in pixels."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, self.low))
        share = (value - low) / (high - low) if high > low else 0.0
        return self.start + share * (self.stop - self.start)

    def ticks(self, base: int = 10) -> list[float]:
        """About five to ten round values, or powers of `base` on a logarithmic axis."""
        if not self.log:
            return _round_values(self.low, self.high)
        first, last = math.floor(math.log(self.low, base) + 1e-9), math.ceil(math.log(self.high, base) - 1e-9)
        step = max(1, -(-(last - first) // 12))
        found = [float(base) ** power for power in range(first, last + 1, step)]
        return [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]


def _round_values(low: float, high: float) -> list[float]:
    span = high - low
    if span <= 0:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 8)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A number as text: 4,096, 2.5 M, 0.01 or 1e-05."""
    for size, letter in ((1e9, " G"), (1e6, " M")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"


def percent(value: float) -> str:
    """A share as text: 12.5 %."""
    return f"{100 * value:.6g} %"


def document(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """An SVG file with a title and the elements `parts`."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
            STYLE,
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
            f'<text class="title" x="16" y="24">{escape(title)}</text>',
            *parts,
            "</svg>",
            "",
        ]
    )


def with_dark_style(chart: str) -> str:
    """The chart as a page that is dark for readers who want that shows it. A file by itself stays light."""
    return chart.replace("</style>", DARK_STYLE, 1)


def axes(
    x: Scale,
    y: Scale,
    x_title: str,
    y_title: str,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    x_text: Callable[[float], str] = number,
    y_text: Callable[[float], str] = number,
) -> list[str]:
    """A grid and two axes with numbers and titles. `y.start` is the lower end."""
    out = []
    for value in y_ticks:
        at = y.at(value)
        out.append(f'<path class="grid" d="M{x.start:.1f} {at:.1f}H{x.stop:.1f}"/>')
        out.append(
            f'<text class="small" x="{x.start - 8:.1f}" y="{at + 4:.1f}" text-anchor="end">{y_text(value)}</text>'
        )
    for value in x_ticks:
        at = x.at(value)
        out.append(f'<path class="grid" d="M{at:.1f} {y.start:.1f}V{y.stop:.1f}"/>')
        out.append(
            f'<text class="small" x="{at:.1f}" y="{y.start + 17:.1f}" text-anchor="middle">{x_text(value)}</text>'
        )
    middle = (y.start + y.stop) / 2
    out += [
        f'<path class="axis" d="M{x.start:.1f} {y.stop:.1f}V{y.start:.1f}H{x.stop:.1f}"/>',
        f'<text x="{(x.start + x.stop) / 2:.1f}" y="{y.start + 38:.1f}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text transform="translate(20 {middle:.1f}) rotate(-90)" text-anchor="middle">{escape(y_title)}</text>',
    ]
    return out


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    title: str,
    x_title: str,
    y_title: str,
    *,
    x_base: int = 0,
    y_log: bool = False,
    x_text: Callable[[float], str] = number,
    y_text: Callable[[float], str] = number,
    x_ticks: Sequence[float] = (),
    x_names: Sequence[str] = (),
    dots: bool = True,
) -> str:
    """A line chart with a legend.

    With an `x_base` other than 0, the x axis is logarithmic with ticks at powers of it. `x_ticks`
    are other ticks. With `x_names`, x counts these names from 0, and no line joins the points.
    Raises ValueError if there are no points.
    """
    width, height = 780, 420
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    if not xs:
        raise ValueError("no points")
    lowest = min((y for y in ys if y > 0), default=1.0) if y_log else 0.0
    x = Scale(min(xs), max(xs), 90, width - 130, bool(x_base))
    x_ticks = x_ticks or x.ticks(x_base or 10)
    if x_names:
        x = Scale(-0.5, len(x_names) - 0.5, 90, width - 130)
        x_ticks, x_text = list(map(float, range(len(x_names)))), lambda value: escape(x_names[int(value)])
    y_low = 10.0 ** math.floor(math.log10(lowest)) if y_log else 0.0
    y_high = max(*ys, lowest) if len(ys) > 1 else max(ys[0], lowest)
    if y_log:
        y_high = max(10.0 ** math.ceil(math.log10(y_high)), 10 * y_low)
    y = Scale(y_low, y_high or 1.0, height - 60, 44, y_log)
    out = axes(x, y, x_title, y_title, x_ticks, y.ticks(), x_text, y_text)
    for index, (name, points) in enumerate(series.items()):
        colour, dash = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
        places = [(x.at(a), y.at(b)) for a, b in points]
        path = "".join(f"{'L' if at else 'M'}{a:.1f} {b:.1f}" for at, (a, b) in enumerate(places))
        pattern = f' stroke-dasharray="{dash}"' if dash else ""
        if not x_names:
            out.append(f'<path class="line" stroke="{colour}"{pattern} d="{path}"/>')
        if dots or x_names:
            for (a, b), (at, value) in zip(places, points, strict=True):
                out.append(
                    f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"><title>{escape(name)}, {x_text(at)}: '
                    f"{y_text(value)}</title></circle>"
                )
        row = 60 + 22 * index
        out.append(
            f'<path class="line" stroke="{colour}"{pattern} d="M{width - 116} {row}h28"/>'
            f'<text x="{width - 80}" y="{row + 4}">{escape(name)}</text>'
        )
    return document(width, height, title, out)


def bars(values: Sequence[tuple[str, float]], title: str, x_title: str, y_title: str) -> str:
    """A chart of vertical bars with their shares. Raises ValueError if there are no bars."""
    if not values:
        raise ValueError("no bars")
    width, height = 780, 400
    x = Scale(0, len(values), 90, width - 20)
    y = Scale(0, max(value for _, value in values) or 1.0, height - 60, 52)
    out = axes(x, y, x_title, y_title, [], y.ticks(), y_text=percent)
    room = (x.stop - x.start) / len(values)
    for index, (name, value) in enumerate(values):
        left, top = x.at(index) + room * 0.1, y.at(value)
        middle = x.at(index + 0.5)
        out.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{room * 0.8:.1f}" height="{y.start - top:.1f}" fill="{COLOURS[0]}"/>'
            f'<text class="small" x="{middle:.1f}" y="{top - 5:.1f}" text-anchor="middle">{_short_percent(value)}</text>'
            f'<text class="small" x="{middle:.1f}" y="{y.start + 17:.1f}" text-anchor="middle">{escape(name)}</text>'
        )
    return document(width, height, title, out)


def _short_percent(value: float) -> str:
    return "" if not value else "&lt;0.1 %" if value < 0.0005 else f"{100 * value:.1f} %"
