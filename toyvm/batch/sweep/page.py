"""The page of a sweep: its charts, the runs that failed, and the whole table."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from ...observe.html_page import document, table
from .axes import shown
from .table import Sweep

_STYLE = """\
img { width:100%; max-width:780px; height:auto; border-radius:6px } .plain td, .plain th { font-size:13px; white-space:nowrap }
"""


def page(sweep: Sweep, charts: Sequence[str], command: str) -> str:
    """A self-contained page. `charts` are SVG files as text, `command` is what made them."""
    return document("toyvm sweep", [*_parts(sweep, charts, command)], _STYLE)


def _parts(sweep: Sweep, charts: Sequence[str], command: str) -> Iterator[str]:
    failed = sweep.failures()
    yield "<h1>toyvm sweep</h1>"
    yield f"<pre>{escape(command)}</pre>"
    yield f"<p>{len(sweep.rows):,} runs, of which {len(failed):,} did not exit by themselves.</p>"
    for chart in charts:
        yield f'<img alt="chart" src="data:image/svg+xml;base64,{base64.b64encode(chart.encode()).decode()}">'
    if failed:
        yield "<h2>Runs that did not exit by themselves</h2>"
        yield _table(sweep, failed, ("program", *sweep.axes, "ending", "status", "reason"))
    yield "<h2>All runs</h2>"
    changing = [
        name for name in sweep.columns if name in sweep.axes or len({row[name] for row in sweep.rows}) > 1
    ]
    same = {name: sweep.rows[0][name] for name in sweep.columns if name not in changing}
    yield _table(sweep, sweep.rows, tuple(dict.fromkeys(("program", *changing))))
    yield "<h2>The same in all runs</h2>"
    yield table(("column", "value"), [(name, _cell(name, value)) for name, value in same.items()])


def _table(sweep: Sweep, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    cells = [[_cell(name, row[name]) for name in columns] for row in rows]
    right = [all(isinstance(row[name], (int, type(None))) for row in rows) for name in columns]
    return table(columns, cells, right)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    text = shown(name, value)
    return f"{value:,}" if isinstance(value, int) and text.isdigit() else text
