"""Grades submissions: makes the jobs, runs them in the pool, and collects the results.

A program that several tests need is built once, by a job of its own; a program for a single test is
built by the test's job, which saves a process. Each test is a job, so that nothing that happens in
one touches another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..pool.batch import Progress, run_jobs
from ..pool.jobs import Job, Outcome
from . import building, running
from .assignment import Assignment, Case
from .checks import Check
from .grades import BUILD, Grade, Grades, Result, rounded
from .printable import file_name, printable_lines
from .submissions import Submission


def grade_submissions(
    assignment: Assignment,
    submissions: Sequence[Submission],
    *,
    workers: int = 0,
    store: Path | None = None,
    cluster: str = "",
    progress: Progress = lambda done, total: None,
) -> Grades:
    """Grade every submission. The other arguments are those of `run_jobs`.

    The result depends on the assignment and the submissions alone, except where a test takes as
    much of the host's time as its limit.
    """
    building.build_libraries_once()
    plan = _Plan(assignment, submissions)
    built: dict[str, Outcome] = {}
    done: dict[str, Outcome] = {}
    total = len(plan.build_jobs) + plan.count

    def count(finished: int, _: int) -> None:
        progress(len(built) + len(done), total)

    def run(jobs: Sequence[Job], outcomes: dict[str, Outcome]) -> None:
        for outcome in run_jobs(jobs, workers=workers, store=store, cluster=cluster, progress=count):
            outcomes[outcome.key] = outcome

    run(plan.build_jobs, built)
    run(list(plan.test_jobs(built)), done)
    progress(total, total)
    return Grades(assignment, tuple(plan.cases), tuple(plan.grade(s, built, done) for s in submissions))


class _Plan:
    """The jobs of a grading, and how their outcomes become grades."""

    def __init__(self, assignment: Assignment, submissions: Sequence[Submission]):
        self.assignment = assignment
        self.submissions = [submission for submission in submissions if not submission.problem]
        self.cases = assignment.cases()
        self.works = [running.case_work(case, assignment.files) for case in self.cases]
        uses = Counter(case.linkage for case in self.cases)
        self.prebuilt = sorted(linkage for linkage, count in uses.items() if count > 1)
        self.count = len(self.cases) * len(self.submissions)
        self.seconds: dict[str, float] = {}  # of each test job
        self.build_jobs = [
            Job(
                _build_key(s, linkage),
                building.__name__,
                self._build_work(s, linkage),
                assignment.build.seconds,
            )
            for s in self.submissions
            if s.image is None
            for linkage in self.prebuilt
        ]

    def _build_work(self, submission: Submission, linkage: str) -> dict[str, Any]:
        return building.build_work(submission, self.assignment.build, linkage, self.assignment.files)

    def test_jobs(self, built: dict[str, Outcome]) -> Iterator[Job]:
        """The jobs of the tests whose programs were built, or are built by the test."""
        for submission in self.submissions:
            images: dict[str, bytes | None] = {}
            for number, case in enumerate(self.cases):
                seconds = case.test.limits.seconds
                work: dict[str, Any] = {"name": submission.name, "test": self.works[number], "build": None}
                if submission.image is not None:
                    work["image"] = submission.image
                elif case.linkage not in self.prebuilt:
                    work["image"], work["build"] = None, self._build_work(submission, case.linkage)
                    seconds += self.assignment.build.seconds
                else:
                    if case.linkage not in images:
                        outcome = built[_build_key(submission, case.linkage)]
                        done = outcome.state == "done"
                        images[case.linkage] = building.image_of(outcome.value) if done else None
                    if images[case.linkage] is None:
                        continue
                    work["image"] = images[case.linkage]
                key = _test_key(submission, number)
                self.seconds[key] = seconds
                yield Job(key, running.__name__, work, seconds)

    def grade(self, submission: Submission, built: dict[str, Outcome], done: dict[str, Outcome]) -> Grade:
        """The grade of a submission, from the outcomes of its jobs."""
        if submission.problem:
            lines: tuple[str, ...] = (submission.problem,)
            results = [_unbuilt(case, lines) for case in self.cases]
            return self._with_build(submission, results, lines, "unbuilt")
        results = []
        lines = ()
        build_state = "passed"
        for number, case in enumerate(self.cases):
            outcome = done.get(_test_key(submission, number)) or built[_build_key(submission, case.linkage)]
            result = self._result(case, outcome)
            if result.state == "unbuilt":
                lines = lines or result.lines
            if result.state == "unbuilt" or outcome.key.startswith("build/"):
                build_state = result.state
            results.append(result)
        return self._with_build(submission, results, lines, build_state)

    def _with_build(
        self, submission: Submission, results: list[Result], lines: tuple[str, ...], state: str
    ) -> Grade:
        points = self.assignment.build.points
        if points:
            got = points if state == "passed" else 0.0
            results = [Result(BUILD, "", state, got, points, lines=lines), *results]
        name = submission.name
        return Grade(name, tuple(results), tuple(sorted(submission.sources)), file_name(name), lines)

    def _result(self, case: Case, outcome: Outcome) -> Result:
        """The result of a case, from the outcome of its job, or of the build that failed."""
        is_build = outcome.key.startswith("build/")
        if outcome.state == "timeout":
            seconds = self.assignment.build.seconds if is_build else self.seconds[outcome.key]
            line = f"{'building' if is_build else 'the test'} took more than {seconds:g} s of the host's time"
            return _unbuilt(case, (line,)) if is_build else _without_run(case, "timeout", (line,))
        if outcome.state == "crashed":
            reason = outcome.detail.strip().rpartition("\n")[2]
            lines = tuple(
                printable_lines(f"{'the build' if is_build else 'the test'} failed inside toyvm: {reason}")
            )
            return _without_run(case, "error", lines)
        value = outcome.value
        if is_build or not value["built"]:
            return _unbuilt(case, tuple(value["messages"]))
        checks = tuple(Check(what, holds, tuple(lines)) for what, holds, lines in value["checks"])
        return Result(
            case.name,
            case.linkage,
            *_state(case, checks, value),
            of=case.points,
            ending=value["ending"],
            status=value["status"],
            signal=value["signal"],
            stopped=value["stopped"],
            checks=checks,
            counters=value["counters"],
            lines=tuple(value["messages"]),
            stderr=tuple(value["stderr"]),
        )


def _state(case: Case, checks: Sequence[Check], value: dict[str, Any]) -> tuple[str, float]:
    """What became of a test that ran, and its points."""
    held = sum(check.holds for check in checks)
    if held == len(checks):
        return "passed", rounded(case.points)
    if value["stopped"]:
        return "limit", 0.0
    if value["signal"] and value["signal"] != case.test.expect.signal:
        return "signal", 0.0
    points = rounded(case.points * held / len(checks)) if case.test.partial else 0.0
    return ("partly" if points else "failed"), points


def _unbuilt(case: Case, lines: tuple[str, ...]) -> Result:
    return _without_run(case, "unbuilt", lines)


def _without_run(case: Case, state: str, lines: tuple[str, ...]) -> Result:
    return Result(case.name, case.linkage, state, 0.0, case.points, lines=lines)


def _build_key(submission: Submission, linkage: str) -> str:
    return f"build/{linkage}/{submission.name}"


def _test_key(submission: Submission, number: int) -> str:
    return f"test/{number}/{submission.name}"
