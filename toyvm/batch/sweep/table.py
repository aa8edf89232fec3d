"""The result of a sweep: a table with a row for each run, as values, CSV and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...base import notebook
from ...base.errors import UsageError
from ...base.record import Record
from ...base.rows import rows_html
from .plots import Plot, chart, check_columns, read_plot

SCHEMA = "toyvm.sweep/1"
_SHOWN = (
    "ending",
    "status",
    "instructions",
    "faults",
    "cow_copies",
    "frames_peak",
    "swapped_in",
    "swapped_out",
)


class Sweep(Record, eq=False):
    """What a sweep has measured.

    `columns` are the names: `program`, `linkage`, the options that vary, `ending`, `status`, `reason`
    and the counters. Each row has a value for each column, None where the run did not get that far.
    Rows are in the order of the programs and of the values as given, so that the same sweep gives
    the same table. `pandas.DataFrame(sweep.rows)` takes it as it is.
    """

    axes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]

    def __repr__(self) -> str:
        return f"Sweep({len(self.rows):,} runs over {', '.join(self.axes)}, {len(self.columns)} columns)"

    def _repr_html_(self) -> str:
        shown = (*self.axes, *(name for name in _SHOWN if name in self.columns and name not in self.axes))
        title = notebook.heading("sweep", f"{len(self.rows):,} runs")
        return notebook.fragment([title, rows_html(shown, self.rows)])

    def failures(self) -> list[dict[str, Any]]:
        """The rows of runs that did not exit by themselves."""
        return [row for row in self.rows if row["ending"] != "exit"]

    def failures_text(self) -> str:
        """How many runs did not exit by themselves: "1 of 4 runs did not exit by itself"."""
        failed, count = len(self.failures()), len(self.rows)
        return (
            f"{failed:,} of {count:,} run{'s' * (count > 1)} did not exit by "
            f"{'itself' if failed == 1 else 'themselves'}"
        )

    def only(self, columns: Sequence[str]) -> Sweep:
        """The same runs with the axes and these columns. Raises UsageError for an unknown one."""
        check_columns(columns, self.columns)
        kept = tuple(dict.fromkeys((*self.axes, *columns)))
        return Sweep(self.axes, kept, [{name: row[name] for name in kept} for row in self.rows])

    def csv(self) -> str:
        """The table as CSV (RFC 4180, with line feeds). None is an empty cell."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([row[name] for name in self.columns] for row in self.rows)
        return out.getvalue()

    def write_parquet(self, path: str | Path) -> None:
        """Write the table as a Parquet file. Raises UsageError without the library pyarrow."""
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise UsageError(
                "Parquet: the library pyarrow is missing: pip install 'toyvm[parquet]'"
            ) from None
        columns = {name: [row[name] for row in self.rows] for name in self.columns}
        arrays = [pyarrow.array(cells, _arrow_type(pyarrow, cells)) for cells in columns.values()]
        parquet.write_table(pyarrow.table(dict(zip(columns, arrays, strict=True))), path)

    def plot(self, plot: str | Plot) -> str:
        """A chart as SVG: `plot("x=memory,y=faults,by=reclaim")`; see `plots`. Raises UsageError."""
        wanted = read_plot(plot, self.columns) if isinstance(plot, str) else plot
        return chart(wanted, self.rows, self.axes)

    def to_json(self) -> dict[str, Any]:
        """The table as JSON values; `schema` names the version of the format."""
        return {"schema": SCHEMA, "axes": list(self.axes), "columns": list(self.columns), "rows": self.rows}


def _arrow_type(pyarrow: Any, cells: Sequence[object]) -> Any:
    kinds = {type(cell) for cell in cells} - {type(None)}
    if kinds == {bool}:
        return pyarrow.bool_()
    if kinds == {int}:
        return pyarrow.int64()
    return pyarrow.float64() if kinds and kinds <= {int, float} else pyarrow.string()
