"""Writes the reports of a grading into a folder. The same grades give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...base.errors import UsageError
from ...base.resources import write_atomically
from .grades import Grades
from .page import html_page
from .student_report import student_report
from .tables import json_lines, junit_xml, points_csv, results_csv

REPORTS = "reports"
_REPORT = re.compile(r".+\n=+\n\n[\d.]+ of [\d.]+ points?, \d+ of \d+ tests passed\n")
_HEAD = 4096  # bytes of a file that show whether it is a report


def report_files(grades: Grades) -> Iterator[tuple[str, str]]:
    """(name, text) of each report."""
    yield "index.html", html_page(grades)
    yield "points.csv", points_csv(grades)
    yield "results.csv", results_csv(grades)
    yield "results.jsonl", json_lines(grades)
    yield "junit.xml", junit_xml(grades)
    for grade in grades.grades:
        yield f"{REPORTS}/{grade.file}.txt", student_report(grades, grade)


def make_folder(folder: Path) -> None:
    """Make a folder and those around it. Raises UsageError if a file is in the way, OSError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{folder}: not a folder") from None


def write_reports(grades: Grades, folder: Path) -> None:
    """Write all reports, in place of those of the same names.

    Reports on submissions that are not graded now are removed: an earlier grading wrote them. Nothing else in the folder
    is touched. Raises UsageError if `folder` cannot be made, OSError.
    """
    make_folder(folder / REPORTS)
    for name, text in report_files(grades):
        write_atomically(folder / name, text.encode("utf-8", "backslashreplace"))
    current = {f"{grade.file}.txt" for grade in grades.grades}
    for path in (folder / REPORTS).glob("*.txt"):
        if path.name not in current and _is_report(path):
            path.unlink()


def _is_report(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with open(path, "rb") as stream:
        return _REPORT.match(stream.read(_HEAD).decode("utf-8", "replace")) is not None
