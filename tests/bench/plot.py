"""The compute programs as a picture: bars of CPU time relative to qemu's, as SVG that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tests.bench.tables import Row

WIDTH = 760
LEFT = 150
RIGHT = 60
TOP = 58
BAR = 9
GAP = 9
# Beyond this a bar is cut, its number says how long it is.
LONGEST = 2.0
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #222 } .value { font-size: 9.5px; fill: #555 } .back { fill: #fff }
.grid { stroke: #ddd } .aim { stroke: #2a7f3f; stroke-dasharray: 4 3 } .one { stroke: #444 }
.warm { fill: #2f6fb2 } .cold { fill: #9dbfe0 } .native { fill: #c9c9c9 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .value { fill: #aaa } .back { fill: #161616 } .grid { stroke: #383838 } .one { stroke: #bbb }
  .cold { fill: #1f456e } .native { fill: #5a5a5a }
}
"""
BARS = (
    ("warm", "toyvm, warm cache"),
    ("cold", "toyvm, cold cache"),
    ("native", "native x86-64"),
)


def ratios(rows: Sequence[Row], aim: float) -> str:
    """An SVG document: for each row warm, cold and native over qemu; lines where both are equal and at the aim."""
    height = TOP + len(rows) * (len(BARS) * BAR + GAP) + 34
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            "<title>CPU time of compute programs relative to qemu-riscv64</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="back" width="{WIDTH}" height="{height}"/>',
            *_legend(),
            *_axis(height - 28, aim),
            *_bars(rows),
            "</svg>\n",
        ]
    )


def _x(ratio: float) -> float:
    return LEFT + min(ratio, LONGEST) / LONGEST * (WIDTH - LEFT - RIGHT)


def _legend() -> Iterator[str]:
    for index, (name, words) in enumerate(BARS):
        x = LEFT + 170 * index
        yield f'<rect class="{name}" x="{x}" y="10" width="12" height="12"/>'
        yield f'<text x="{x + 18}" y="20">{escape(words)}</text>'


def _axis(bottom: int, aim: float) -> Iterator[str]:
    marks = [(step / 4, "grid", f"{step / 4:g}") for step in range(int(LONGEST * 4) + 1) if step != 4]
    for ratio, kind, words in [*marks, (1.0, "one", "qemu = 1"), (aim, "aim", f"aim {aim:g}")]:
        x = _x(ratio)
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom}"/>'
        y = TOP - 14 if kind != "grid" else bottom + 16
        yield f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{words}</text>'


def _bars(rows: Sequence[Row]) -> Iterator[str]:
    y = TOP
    for row in rows:
        middle = y + len(BARS) * BAR / 2 + 4
        yield f'<text x="{LEFT - 10}" y="{middle:.1f}" text-anchor="end">{escape(str(row["what"]))}</text>'
        for name, words in BARS:
            ratio = float(row[name] or 0) / float(row["qemu"] or 1)
            end = _x(ratio)
            yield (
                f'<rect class="{name}" x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" height="{BAR - 1}">'
                f"<title>{escape(words)}: {ratio:.2f}</title></rect>"
                f'<text class="value" x="{end + 4:.1f}" y="{y + BAR - 1}">{ratio:.2f}</text>'
            )
            y += BAR
        y += GAP
