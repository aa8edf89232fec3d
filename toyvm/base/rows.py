"""Tables of results: rows of named cells, which pandas takes and a notebook shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .notebook import fragment, table

SHOWN = 60  # rows in a notebook


class Rows(list[dict[str, Any]]):
    """A list of rows, each a dict with the same keys: `pandas.DataFrame(rows)` takes it.

    `columns` names the cells, also where there is no row.
    """

    def __init__(self, columns: Iterable[str], rows: Iterable[dict[str, Any]] = ()):
        super().__init__(rows)
        self.columns = tuple(columns)

    def __repr__(self) -> str:
        count = f"{len(self):,} row{'s' * (len(self) != 1)}"
        return f"<{count}: {', '.join(self.columns)}>"

    def html(self) -> str:
        """The table as a piece of HTML: the first rows, and the number of those that are not shown."""
        return rows_html(self.columns, self)

    def _repr_html_(self) -> str:
        return fragment([self.html()])

    def __reduce__(self) -> tuple[type[Rows], tuple[tuple[str, ...], list[dict[str, Any]]]]:
        return type(self), (self.columns, list(self))


def rows_html(columns: Iterable[str], rows: list[dict[str, Any]]) -> str:
    """A table of HTML with the first rows, and the number of those that are not shown."""
    names = list(columns)
    shown = table(names, [[_shown(name, row.get(name)) for name in names] for row in rows[:SHOWN]])
    left = len(rows) - SHOWN
    return shown + (f"<small>and {left:,} more rows</small>" if left > 0 else "")


def _shown(column: str, value: Any) -> Any:
    """Addresses are shown in hexadecimal."""
    return f"{value:#x}" if column == "address" and isinstance(value, int) else value
