"""Self-contained HTML pages: one style, light and dark, readable on a narrow screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

STYLE = """
:root { color-scheme:light dark;
  --bg:#fff; --fg:#1b1f24; --soft:#6b7280; --line:#d8dce2; --a:#3b6fb6; --b:#d9822b; --ok:#2e7d4f; --no:#b3261e }
@media (prefers-color-scheme: dark) {
  :root { --bg:#16181c; --fg:#e6e8eb; --soft:#9aa3ae; --line:#333941; --a:#7aa7e6; --b:#f0a860; --ok:#6cc08b; --no:#f2827a } }
body { background:var(--bg); color:var(--fg); font:15px/1.5 system-ui,sans-serif; max-width:960px; margin:2rem auto; padding:0 1rem }
h1 { font-size:1.5rem } h2 { font-size:1.1rem; margin-top:2rem }
table { border-collapse:collapse; width:100% } td,th { padding:.15rem .6rem; border-bottom:1px solid var(--line) }
td+td,th+th { text-align:right; font-variant-numeric:tabular-nums } th[colspan] { text-align:left; padding-top:1rem }
td:first-child { white-space:pre } .claim b { color:var(--ok) } .claim b.no { color:var(--no) } .claim small { color:var(--soft) }
svg { width:100%; max-width:720px; height:auto } svg text { fill:var(--fg); font:12px system-ui,sans-serif } svg .v { fill:var(--soft) }
.s0 { fill:var(--a) } .s1 { fill:var(--b) } .t0 { fill:var(--a)!important } .t1 { fill:var(--b)!important }
path { fill:none } .l0 { stroke:var(--a); stroke-width:2 } .l1 { stroke:var(--b); stroke-width:2 }
.axis { stroke:var(--fg) } .grid { stroke:var(--line) } .key i { display:inline-block; width:.8em; height:.8em; margin:0 .3em 0 1em }
pre { background:color-mix(in srgb,var(--fg) 6%,var(--bg)); padding:.6rem; overflow:auto }
.wide { overflow-x:auto } .plain { width:auto } .plain th { text-align:left } .plain td+td { text-align:left }
.plain td.n, .plain td+td.n, .plain th.n { text-align:right }
.wide table { border-collapse:separate; border-spacing:0 }
.wide td:first-child, .wide th:first-child:not([colspan]) { position:sticky; left:0; background:var(--bg) }
code, pre { font-family:ui-monospace,monospace } .plot { overflow-x:auto }
@media (max-width:640px) { .plot svg, .plot img { width:640px; max-width:none }
  .wide td:first-child { white-space:pre-wrap; overflow-wrap:break-word; max-width:45vw } }
"""


def document(title: str, parts: Iterable[str], style: str = "") -> str:
    """A page of the HTML elements `parts`; `style` is added to the common style."""
    head = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style>",
    ]
    return "\n".join([*head, *parts, "</html>"])


def plot(picture: str) -> str:
    """A picture of about 700 pixels, which scrolls sideways on a narrow screen: so its text stays legible."""
    return f"<div class=plot>{picture}</div>"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[bool] = (),
    markup: Callable[[str], str] = escape,
) -> str:
    """A table of text. Where it is too wide, it scrolls sideways under its first column.

    `right` says which columns hold numbers; `markup` makes HTML of a cell.
    """
    classes = [" class=n" if number else "" for number in right] or [""] * len(head)
    lines = [
        "<div class=wide><table class=plain><tr>"
        + "".join(f"<th{kind}>{escape(cell)}</th>" for cell, kind in zip(head, classes, strict=True))
        + "</tr>"
    ]
    for row in rows:
        cells = "".join(f"<td{kind}>{markup(cell)}</td>" for cell, kind in zip(row, classes, strict=True))
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</table></div>"])
