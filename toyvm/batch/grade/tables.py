"""The results for other programs: CSV, JSON Lines, JUnit XML. Everything in them may come from a hostile submission."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ...base.record import as_dict
from .assignment import POINT_COLUMNS
from .grades import STATES, Grade, Grades, Result, points_text, row

SCHEMA = "toyvm.grade/1"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def results_csv(grades: Grades) -> str:
    """A row for each submission and test."""
    columns = list(dict.fromkeys(name for record in grades.rows for name in record))
    rows = ([record.get(name) for name in columns] for record in grades.rows)
    return _csv(columns, rows)


def points_csv(grades: Grades) -> str:
    """A row for each submission: its points, what they are of, and the points of each test."""
    columns = [*POINT_COLUMNS, *grades.tests]
    rows = (
        [
            grade.submission,
            grade.points,
            grade.of,
            percent(grade),
            *(result.points for result in grade.results),
        ]
        for grade in grades.grades
    )
    return _csv(columns, rows)


def percent(grade: Grade) -> float:
    """The part of the points, in percent with one decimal."""
    return round(100 * grade.points / grade.of, 1) if grade.of else 100.0


def _csv(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(value) for value in values] for values in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    """A value for a spreadsheet. Text that it would take for a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, float):
        return points_text(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def json_lines(grades: Grades) -> str:
    """A JSON object on a line for each submission and test: its row, the expectations and the machine's messages."""
    return "".join(
        json.dumps(_details(grade, result), separators=(", ", ": ")) + "\n"
        for grade in grades.grades
        for result in grade.results
    )


def _details(grade: Grade, result: Result) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        **row(grade, result),
        "checks": [as_dict(check) for check in result.checks],
        "messages": list(result.lines),
        "stderr": list(result.stderr),
    }


def junit_xml(grades: Grades) -> str:
    """A test suite for each submission, as continuous integration and course systems read them."""
    total = sum(len(grade.results) for grade in grades.grades)
    failed = sum(len(grade.results) - grade.passed for grade in grades.grades)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name={_quoted(grades.assignment.title)} tests="{total}" failures="{failed}">',
    ]
    for grade in grades.grades:
        bad = len(grade.results) - grade.passed
        name = _quoted(grade.submission)
        lines.append(f'  <testsuite name={name} tests="{len(grade.results)}" failures="{bad}">')
        lines += [_case(grade, result) for result in grade.results]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _case(grade: Grade, result: Result) -> str:
    start = f"    <testcase classname={_quoted(grade.submission)} name={_quoted(result.test)}"
    if result.state == "passed":
        return f"{start}/>"
    parts = [line for check in result.failed for line in (f"{check.what}:", *check.lines)]
    text = "\n".join([*parts, *result.lines])
    message, kind = _quoted(result.reason), _quoted(STATES[result.state][1])
    return f"{start}>\n      <failure message={message} type={kind}>{_text(text)}</failure>\n    </testcase>"


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _quoted(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text))
