"""The values that grading makes: a result for each submission and test, and the sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base import notebook
from ...base.record import Record
from .assignment import BUILD, Assignment, Case
from .checks import Check

# What became of a test -> (mark, in words)
STATES: dict[str, tuple[str, str]] = {
    "passed": ("✓", "passed"),
    "partly": ("½", "some expectations hold"),
    "failed": ("✗", "an expectation does not hold"),
    "signal": ("!", "killed by a signal"),
    "limit": ("∞", "stopped by a limit"),
    "timeout": ("⏱", "took more of the host's time than it may"),
    "unbuilt": ("–", "not built"),
    "error": ("?", "could not be graded"),
}


class Result(Record):
    """One test of one submission. `of` are the test's points; `lines` say what is wrong besides the checks."""

    test: str
    linkage: str
    state: str
    points: float
    of: float
    ending: str = ""
    status: int | None = None
    signal: str = ""
    stopped: str = ""
    checks: tuple[Check, ...] = ()
    counters: Mapping[str, int] = {}
    lines: tuple[str, ...] = ()
    stderr: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """The expectations that do not hold."""
        return tuple(check for check in self.checks if not check.holds)

    @property
    def reason(self) -> str:
        """In a few words, why the test did not pass; "" if it did."""
        if self.state == "passed":
            return ""
        if self.state in ("signal", "limit"):
            return self.ending
        if self.failed:
            return ", ".join(check.what for check in self.failed)
        return self.lines[0] if self.lines else STATES[self.state][1]


class Grade(Record):
    """A submission with its results, in the order of the assignment; `build_lines` say why it was not built.

    `sources` are the names of its sources, `file` is the name of its report without a suffix. `was_built` is False if
    there was nothing to build: the files that were handed in were not even read.
    """

    submission: str
    results: tuple[Result, ...]
    sources: tuple[str, ...] = ()
    file: str = ""
    build_lines: tuple[str, ...] = ()
    was_built: bool = True

    @property
    def points(self) -> float:
        return rounded(sum(result.points for result in self.results))

    @property
    def of(self) -> float:
        return rounded(sum(result.of for result in self.results))

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(result.state == "passed" for result in self.results)


class Grades(Record):
    """The grades of all submissions, sorted by name."""

    assignment: Assignment
    cases: tuple[Case, ...]
    grades: tuple[Grade, ...]

    def __repr__(self) -> str:
        return f"Grades({len(self.grades):,} submissions, {len(self.tests)} tests)"

    def _repr_html_(self) -> str:
        head = ("submission", *self.tests, "points", "of")
        marks = [
            (g.submission, *(STATES[result.state][0] for result in g.results), g.points, g.of)
            for g in self.grades
        ]
        used = dict.fromkeys(result.state for grade in self.grades for result in grade.results)
        key = ", ".join(" ".join(STATES[state]) for state in used)
        return notebook.fragment([notebook.heading("grades", key), notebook.table(head, marks)])

    @property
    def tests(self) -> list[str]:
        """The names of the tests, as in each grade's results."""
        names = [case.name for case in self.cases]
        return [BUILD, *names] if self.assignment.build.points else names

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each submission and test: `pandas.DataFrame(grades.rows)`.

        `status` is None, and the counters are missing, if the program did not run.
        """
        return [row(grade, result) for grade in self.grades for result in grade.results]


def row(grade: Grade, result: Result) -> dict[str, Any]:
    """One result as JSON values."""
    return {
        "submission": grade.submission,
        "test": result.test,
        "linkage": result.linkage,
        "state": result.state,
        "points": result.points,
        "of": result.of,
        "reason": result.reason,
        "status": result.status,
        "signal": result.signal,
        "stopped": result.stopped,
        **result.counters,
    }


def rounded(points: float) -> float:
    """Points to two decimals, so that a sum of parts is the same in any order."""
    return round(points + 0.0, 2)


def points_text(points: float) -> str:
    """Points without decimals that say nothing: 3, 2.5, 0.33."""
    return f"{points:.2f}".rstrip("0").rstrip(".")
