"""Charts of a sweep: `x=memory,y=faults,by=reclaim` draws a line of points for each policy.

x, y and by are columns of the table. `by` may be several joined by `+`, or be left out: then each
combination of the other options that vary is a line of its own. Runs with the same x on a line
(other seeds, say) are a point at their mean. Runs that did not exit by themselves have no point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ...base.diagnostics import did_you_mean
from ...base.errors import UsageError
from ...base.record import Record
from ...base.sizes import size_text
from ...observe.pictures.charts import lines, number
from .axes import ROWS, flag_of, shown

MOST_LINES = 24
MOST_TICKS = 12
_GEOMETRIC = 1.01  # the most that two ratios of neighbouring values may differ


class Plot(Record):
    """The columns of a chart."""

    x: str
    y: str
    by: tuple[str, ...] | None = None


def read_plot(text: str, columns: Sequence[str]) -> Plot:
    """A chart from text. Raises UsageError for anything but x, y and by, or an unknown column."""
    given: dict[str, str] = {}
    for word in text.split(","):
        key, equals, value = word.strip().partition("=")
        if key not in ("x", "y", "by") or not equals or not value:
            raise UsageError(f"--plot {text}: expected x=COLUMN,y=COLUMN and perhaps by=COLUMN+COLUMN")
        given[key] = value
    if "x" not in given or "y" not in given:
        raise UsageError(f"--plot {text}: x and y are both needed")
    by = tuple(given["by"].split("+")) if "by" in given else None
    check_columns((given["x"], given["y"], *(by or ())), columns)
    return Plot(given["x"], given["y"], by)


def check_columns(names: Sequence[str], columns: Sequence[str]) -> None:
    """Raise UsageError for a name that is none of the columns."""
    for name in names:
        if name in columns:
            continue
        if name in ROWS:
            raise UsageError(
                f"no column '{name}': the sweep gives it no values; add {flag_of(ROWS[name])} VALUES"
            )
        raise UsageError(f"no column '{name}'. {did_you_mean(name, columns)}".rstrip())


def chart(plot: Plot, rows: Sequence[Mapping[str, Any]], axes: Sequence[str]) -> str:
    """The chart as SVG. Raises UsageError if there is nothing to draw."""
    by = plot.by if plot.by is not None else tuple(name for name in axes if name != plot.x)
    done = [row for row in rows if row["ending"] == "exit" and row[plot.x] is not None]
    if not done:
        raise UsageError("--plot: no run has exited by itself: there is nothing to draw")
    if not all(isinstance(row[plot.y], (int, float)) for row in done):
        raise UsageError(f"--plot: {plot.y} is no number")
    series: dict[str, dict[Any, list[float]]] = {}
    for row in done:
        line = series.setdefault(_line_name(row, by), {})
        line.setdefault(row[plot.x], []).append(row[plot.y])
    if len(series) > MOST_LINES:
        raise UsageError(f"--plot: {len(series)} lines are too many to tell apart; by=COLUMN chooses fewer")
    title = f"{plot.y} by {plot.x}" + (f" and {', '.join(by)}" if by and len(series) > 1 else "")
    points = {name: [(x, sum(ys) / len(ys)) for x, ys in line.items()] for name, line in series.items()}
    values = list(dict.fromkeys(x for line in points.values() for x, _ in line))
    if all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in values):
        ordered = {name: sorted(line) for name, line in points.items()}
        return lines(
            ordered,
            title,
            plot.x,
            plot.y,
            x_base=_base(values),
            x_text=_text_of(plot.x),
            x_ticks=_ticks(values),
        )
    places = {x: place for place, x in enumerate(values)}
    named = {name: [(places[x], y) for x, y in line] for name, line in points.items()}
    return lines(named, title, plot.x, plot.y, x_names=[shown(plot.x, x) for x in values])


def _line_name(row: Mapping[str, Any], by: Sequence[str]) -> str:
    return ", ".join(shown(name, row[name]) for name in by if row[name] is not None) or "all"


def _base(values: Sequence[float]) -> int:
    """The base of a logarithmic axis for values that grow by a factor, else 0."""
    ordered = sorted(values)
    if len(ordered) < 3 or ordered[0] <= 0:
        return 0
    factors = [high / low for low, high in pairwise(ordered)]
    return 2 if max(factors) / min(factors) <= _GEOMETRIC and factors[0] > 1 else 0


def _ticks(values: Sequence[float]) -> list[float]:
    """Some of the values: as many as have room, at equal steps."""
    ordered = sorted(values)
    return ordered[:: -(-len(ordered) // MOST_TICKS)]


def _text_of(name: str) -> Callable[[float], str]:
    """How a tick of the x axis is written: sizes as 64K, other numbers as 4,096."""
    row = ROWS.get(name)
    if row is not None and row.unit == "bytes":
        return lambda value: size_text(int(value))
    return number
