"""Pieces of HTML that values show in a notebook.

Text is escaped. Colours are those of the notebook, lines are a quarter of its text's colour: so a
value is legible on a light page and on a dark one. Nothing is wider than the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

LINES = 40  # of a text
STYLE = (
    ".toyvm{max-width:100%;overflow-x:auto;line-height:1.4}"
    ".toyvm table{border-collapse:collapse;margin:.3em 0;width:auto;color:inherit;background:none}"
    ".toyvm tr{background:none!important}"
    ".toyvm th,.toyvm td{text-align:left;padding:.1em .6em;border:0;color:inherit;"
    "border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent)}"
    ".toyvm .n{text-align:right;font-variant-numeric:tabular-nums}"
    ".toyvm pre{margin:.3em 0;padding:.3em .6em;color:inherit;"
    "background:color-mix(in srgb,currentColor 7%,transparent)}"
    ".toyvm small{opacity:.75}"
)


def fragment(parts: Iterable[str]) -> str:
    """One value, made of pieces of HTML."""
    return f"<style>{STYLE}</style><div class=toyvm>{''.join(parts)}</div>"


def heading(text: str, note: str = "") -> str:
    """The first line of a value."""
    return f"<b>{escape(text)}</b>" + (f" <small>{escape(note)}</small>" if note else "")


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """Names and what they stand for, as a table without a head."""
    cells = "".join(f"<tr><td>{escape(name)}</td>{_left(value)}</tr>" for name, value in rows)
    return f"<table>{cells}</table>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers are aligned to the right, and so are the heads above them."""
    lines = [list(row) for row in rows]
    numbers = [
        bool(lines) and all(_is_number(row[index]) or row[index] is None for row in lines)
        for index in range(len(head))
    ]
    top = "".join(
        f"<th{' class=n' * number}>{escape(cell)}</th>" for cell, number in zip(head, numbers, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in lines)
    return f"<table><tr>{top}</tr>{body}</table>"


def text(content: str, most: int = LINES) -> str:
    """The first lines of a text, in a face of one width."""
    lines = content.splitlines()
    shown = "\n".join(lines[:most])[: 200 * most]
    left = f"<small>and {len(lines) - most:,} more lines</small>" if len(lines) > most else ""
    return f"<pre>{escape(shown)}</pre>{left}" if content else ""


def folded(title: str, content: str) -> str:
    """Something that shows when its title is clicked."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _left(value: object) -> str:
    return _cell(value).replace("<td class=n>", "<td>", 1)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if value is None:
        return "<td class=n>-</td>"
    if _is_number(value):
        return f"<td class=n>{value:,}</td>"
    return f"<td>{escape(str(value))}</td>"
