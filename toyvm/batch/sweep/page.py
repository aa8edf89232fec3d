"""The page of a sweep: its charts, the runs that failed, and the whole table."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ...observe.html_page import document, plot, table
from ...observe.pictures.charts import with_dark_style
from . import running
from .axes import shown
from .table import Sweep

_STYLE = """\
img { width:100%; max-width:780px; height:auto; border-radius:6px } .plain td, .plain th { font-size:13px; white-space:nowrap }
.command { white-space:pre-wrap; overflow-wrap:anywhere } .zero { color:var(--soft); overflow-wrap:anywhere }
"""


def page(sweep: Sweep, charts: Sequence[str], command: str) -> str:
    """A self-contained page. `charts` are SVG files as text, `command` is what made them."""
    return document("toyvm sweep", [*_parts(sweep, charts, command)], _STYLE)


def _parts(sweep: Sweep, charts: Sequence[str], command: str) -> Iterator[str]:
    failed = sweep.failures()
    changing = {name for name in sweep.columns if len({row[name] for row in sweep.rows}) > 1}
    varied = [name for name in sweep.axes if name in changing] or ["program"]
    yield "<h1>toyvm sweep</h1>"
    yield f"<pre class=command>{escape(command)}</pre>"
    yield f"<p>{sweep.failures_text()}.</p>" if failed else f"<p>{_all_exited(len(sweep.rows))}</p>"
    for chart in charts:
        data = base64.b64encode(with_dark_style(chart).encode()).decode()
        yield plot(f'<img alt="chart" src="data:image/svg+xml;base64,{data}">')
    if failed:
        yield "<h2>Runs that did not exit by themselves</h2>"
        yield _table(sweep, failed, (*varied, "ending", "status", "reason"))
    yield "<h2>All runs</h2>"
    # The table above has the reasons, which are long.
    counted = (name for name in sweep.columns if name in changing and name not in (*varied, "reason"))
    yield _table(sweep, sweep.rows, (*varied, *counted))
    yield "<h2>The same in all runs</h2>"
    yield from _same({n: sweep.rows[0][n] for n in sweep.columns if n not in changing and n not in varied})


def _all_exited(count: int) -> str:
    return "1 run, which exited by itself." if count == 1 else f"{count:,} runs; all exited by themselves."


def _same(values: Mapping[str, Any]) -> Iterator[str]:
    """A table of values; the counters that are 0 are named below it, and those without a value are left out."""
    counters = set(running.counters())
    zero = [name for name, value in values.items() if name in counters and value == 0]
    there = {name: value for name, value in values.items() if name not in zero and value not in (None, "")}
    yield table(("column", "value"), [(name, _cell(name, value)) for name, value in there.items()])
    if zero:
        yield f"<p class=zero>0 in all runs: {escape(', '.join(zero))}.</p>"


def _table(sweep: Sweep, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    cells = [[_cell(name, row[name]) for name in columns] for row in rows]
    right = [all(isinstance(row[name], (int, type(None))) for row in rows) for name in columns]
    return table(columns, cells, right)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    text = shown(name, value)
    return f"{value:,}" if isinstance(value, int) and text.isdigit() else text
