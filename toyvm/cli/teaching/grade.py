"""`toyvm grade`: build, run and check submissions as an assignment says, and write reports."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...base.errors import UsageError
from ...base.light_types import TYPE_CHECKING
from ..help_formatter import HelpFormatter
from ..terminal.color import add_color, enabled

if TYPE_CHECKING:
    from ...batch.grade.assignment import Assignment

DEFAULT_FOLDER = "grades"
STORE = "jobs.sqlite"  # in the folder of the reports, until the grading is complete


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm grade`."""
    p = argparse.ArgumentParser(
        prog="toyvm grade",
        formatter_class=HelpFormatter,
        description="Build, run and check submissions as an assignment says. The reports are a page (index.html), "
        "tables (points.csv, results.csv, results.jsonl, junit.xml), and a text for each student (reports/NAME.txt).",
        epilog="A grading that was cut off goes on where it was when the same command is given again.",
    )
    p.add_argument("assignment", metavar="ASSIGNMENT.toml", help="what to build, to run and to expect")
    p.add_argument("submissions", nargs="*", metavar="SUBMISSION", help="a file or a folder for each student")
    p.add_argument(
        "-o",
        "--output",
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help="write the reports there (default: %(default)s)",
    )
    p.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="do the tests in this many processes (default: one a processor)",
    )
    p.add_argument(
        "--cluster",
        default="",
        metavar="ADDRESS",
        help="do the tests on the Dask cluster with this scheduler, such as tcp://10.0.0.1:8786",
    )
    p.add_argument(
        "--store",
        metavar="FILE",
        help="keep the results of tests in this SQLite file, and use those of equal tests that it has; later gradings "
        f"do only what has changed (default: DIR/{STORE}, removed when all is done)",
    )
    p.add_argument("--check", action="store_true", help="only check the assignment, and list its tests")
    p.add_argument(
        "--fail-under",
        type=float,
        metavar="PERCENT",
        help="exit with status 1 if a submission has less than this part of the points",
    )
    add_color(p)
    return p


def _list_tests(assignment: Assignment) -> int:
    from ...batch.grade.assignment import BUILD
    from ...batch.grade.grades import points_text

    rows = [(BUILD, assignment.build.points)] if assignment.build.points else []
    rows += [(case.name, case.points) for case in assignment.cases()]
    for name, points in (*rows, ("in all", assignment.points)):
        print(f"{points_text(points):>6}  {name}")
    return 0


def main(argv: list[str]) -> int:
    """Grade. Returns 0, or 1 if a submission is below --fail-under."""
    options = parser().parse_args(argv)
    if options.workers < 0:
        raise UsageError("--workers: expected a number, 1 or more")
    from ...batch.grade.assignment import read_assignment

    assignment = read_assignment(Path(options.assignment))
    if options.check:
        return _list_tests(assignment)
    from ...batch.grade.grading import grade_submissions
    from ...batch.grade.output import make_folder, write_reports
    from ...batch.grade.submissions import read_submissions
    from ...batch.grade.table import text_table
    from ...batch.grade.tables import percent
    from ...batch.pool.progress_bar import progress_bar

    submissions = read_submissions([Path(path) for path in options.submissions], assignment.build.accept)
    folder = Path(options.output)
    make_folder(folder)
    store = Path(options.store or folder / STORE)
    counts = (0, 0)
    with progress_bar("grading") as bar:

        def progress(done: int, total: int) -> None:
            nonlocal counts
            counts = (done, total)
            bar(done, total)

        try:
            grades = grade_submissions(
                assignment,
                submissions,
                workers=options.workers,
                store=store,
                cluster=options.cluster,
                progress=progress,
                reused=lambda count: print(
                    f"{store}: jobs that are done already: {count}; a job is up to eight tests of a program",
                    file=sys.stderr,
                ),
            )
        except KeyboardInterrupt:
            done, total = counts
            print(f"interrupted: {done} of {total} jobs are kept; the same command goes on", file=sys.stderr)
            raise
    write_reports(grades, folder)
    if not options.store:
        store.unlink(missing_ok=True)
    sys.stdout.write(text_table(grades, color=enabled(sys.stdout)))
    print(f"{folder / 'index.html'}: the page; {folder / 'reports'}: a report for each student")
    low = options.fail_under
    return int(low is not None and any(percent(grade) < low for grade in grades.grades))
