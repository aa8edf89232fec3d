"""What a group of benchmarks gives: rows of cells, shown as text or as Markdown from one description of the columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Cell = float | str | None
Row = dict[str, Cell]


@dataclass(frozen=True)
class Column:
    """A key of the rows, the words above it, and how its numbers are written (a format of `str.format`)."""

    key: str
    heading: str
    form: str = ".2f"


@dataclass(frozen=True)
class Table:
    """A group's title and columns; the first column names the row."""

    title: str
    columns: tuple[Column, ...]

    def heading(self) -> list[str]:
        """The words above the columns."""
        return [column.heading for column in self.columns]

    def cells(self, row: Row) -> list[str]:
        """A row as text; what it lacks is a dash."""
        out = []
        for column in self.columns:
            value = row.get(column.key)
            out.append(
                "-" if value is None else value if isinstance(value, str) else format(value, column.form)
            )
        return out

    def markdown(self, rows: list[Row]) -> Iterator[str]:
        """Lines of a Markdown table, numbers to the right."""
        yield f"| {' | '.join(self.heading())} |"
        yield "|".join(["", "---", *["---:"] * (len(self.columns) - 1), ""])
        for row in rows:
            yield f"| {' | '.join(self.cells(row))} |"

    def line(self, cells: list[str]) -> str:
        """One line of the table as text."""
        widths = [max(12, len(word) + 2) for word in self.heading()]
        return f"{cells[0]:<44}" + "".join(
            f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True)
        )
