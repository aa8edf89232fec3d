"""The lecturer's table on the terminal."""

from __future__ import annotations

import io
import sys

from .assignment import BUILD
from .grades import STATES, Grades, points_text
from .tables import percent

_MOST_MARKS = 40  # tests whose marks are shown


def text_table(grades: Grades, width: int | None = None, *, color: bool = False) -> str:
    """A row for each submission, a mark for each test. The default width is that of the terminal, or 110."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(
        file=io.StringIO(),
        force_terminal=color,
        no_color=not color,
        width=width or (None if terminal else 110),
    )
    table = Table(title=Text(grades.assignment.title), title_justify="left")
    for name in ("submission", "points", "%", "tests", "first problem"):
        right = name in ("points", "%")
        table.add_column(
            name, justify="right" if right else "left", no_wrap=name != "first problem", overflow="ellipsis"
        )
    for grade in grades.grades:
        marks = "".join(STATES[result.state][0] for result in grade.results[:_MOST_MARKS])
        more = "..." if len(grade.results) > _MOST_MARKS else ""
        bad = next((result for result in grade.results if result.state != "passed"), None)
        reason = "" if bad is None else bad.reason
        if bad is not None and bad.test != BUILD and bad.state != "unbuilt":
            reason = f"{bad.test}: {reason}"
        cells = (grade.submission, points_text(grade.points), f"{percent(grade):.0f}", marks + more, reason)
        table.add_row(*map(Text, cells))
    console.print(table)
    used = dict.fromkeys(result.state for grade in grades.grades for result in grade.results)
    legend = "   ".join(f"{mark} {words}" for state, (mark, words) in STATES.items() if state in used)
    console.print(Text(legend))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
