"""Small plots as SVG elements for HTML reports that need no library and no network.

Colours are CSS variables of the page (`--a`, `--b`, ...), which defines a light and a dark palette.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 640
LABEL = 210
ROW = 22


def bars(series: Mapping[str, Mapping[str, float]], unit: str = "") -> str:
    """Horizontal bars: for each key of the inner mappings, a bar for each series."""
    keys = list(dict.fromkeys(key for values in series.values() for key in values))
    top = max((value for values in series.values() for value in values.values()), default=0) or 1
    height = len(keys) * (ROW * len(series) + 8) + 8
    out = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img">']
    y = 8
    for key in keys:
        middle = y + ROW * len(series) / 2 + 4
        out.append(f'<text x="{LABEL - 8}" y="{middle:.0f}" text-anchor="end">{escape(key)}</text>')
        for index, (name, values) in enumerate(series.items()):
            value = values.get(key, 0)
            width = (WIDTH - LABEL - 110) * value / top
            out.append(
                f'<rect x="{LABEL}" y="{y + 2}" width="{max(width, 1):.1f}" height="{ROW - 4}" class="s{index}">'
                f"<title>{escape(name)} {escape(key)}: {value:,.6g}{escape(unit)}</title></rect>"
                f'<text x="{LABEL + width + 6:.1f}" y="{y + 15}" class="v">{value:,.6g}{escape(unit)}</text>'
            )
            y += ROW
        y += 8
    return "\n".join([*out, "</svg>"])


def lines(series: Mapping[str, Sequence[tuple[float, float]]], x_title: str, y_title: str) -> str:
    """A line chart whose axes begin at zero."""
    height, left, bottom, right, top = 300, 60, 40, 150, 24
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_max, y_max = max(xs, default=1) or 1, max(ys, default=1) or 1

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + x / x_max * (WIDTH - left - right),
            height - bottom - y / y_max * (height - bottom - top),
        )

    out = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img">']
    out.append(
        f'<path class="axis" d="M{left} {top}V{height - bottom}H{WIDTH - right}"/>'
        f'<text x="{(left + WIDTH - right) / 2}" y="{height - 6}" text-anchor="middle">{escape(x_title)}</text>'
        f'<text x="{left}" y="{top - 8}" class="v">{escape(y_title)}</text>'
    )
    for value in dict.fromkeys(xs):
        x, y = at(value, 0)
        out.append(f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle" class="v">{value:g}</text>')
    for fraction in (0.5, 1.0):
        _, y = at(0, y_max * fraction)
        out.append(f'<path class="grid" d="M{left} {y:.1f}H{WIDTH - right}"/>')
        out.append(
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" class="v">{y_max * fraction:,.4g}</text>'
        )
    ends: list[float] = []
    for index, (name, points) in enumerate(series.items()):
        path = " ".join(
            f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(at(*p) for p in points)
        )
        out.append(f'<path class="l{index}" d="{path}"/>')
        for point in points:
            x, y = at(*point)
            out.append(
                f'<circle class="s{index}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{point[1]:g}</title></circle>'
            )
        if points:
            x, y = at(*points[-1])
            while any(abs(y - other) < 14 for other in ends):  # labels must not overlap
                y += 14
            ends.append(y)
            out.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" class="t{index}">{escape(name)}</text>')
    return "\n".join([*out, "</svg>"])
