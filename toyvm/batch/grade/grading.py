"""Grades submissions: makes the jobs, runs them in the pool, and collects the results.

A job builds the program of a submission and does some of its tests, so that submissions cannot
touch each other. If a job crashes or takes too long, the build and then each test get a job of their own: what
went wrong costs its own test only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...base.record import Record
from ..pool.batch import Progress, run_jobs
from ..pool.jobs import Job, Outcome
from . import building, running
from .assignment import BUILD, Assignment, Case
from .checks import Check
from .grades import Grade, Grades, Result, rounded
from .printable import file_name, printable_lines
from .submissions import Submission

_TOGETHER = 8  # tests of one job: a kill loses few, and one submission can use several workers
_SLACK = 10.0  # seconds of a job besides those of its steps


def grade_submissions(
    assignment: Assignment,
    submissions: Sequence[Submission],
    *,
    workers: int = 0,
    store: Path | None = None,
    cluster: str = "",
    progress: Progress = lambda done, total: None,
    reused: Callable[[int], None] = lambda count: None,
) -> Grades:
    """Grade every submission. The other arguments are those of `run_jobs`.

    The result depends on the assignment and the submissions alone, except where a test takes as
    much of the host's time as its limit.
    """
    building.build_libraries_once()
    plan = _Plan(assignment, submissions)
    outcomes: dict[str, Outcome] = {}
    total = 0

    def run(jobs: list[Job]) -> None:
        nonlocal total
        before, total = total, total + len(jobs)
        for outcome in run_jobs(
            jobs,
            workers=workers,
            store=store,
            cluster=cluster,
            progress=lambda done, _: progress(before + done, total),
            reused=reused,
        ):
            outcomes[outcome.key] = outcome

    run([plan.job(group, group.key, group.numbers) for group in plan.groups])
    broken = [group for group in plan.groups if outcomes[group.key].state != "done"]
    if broken:
        builds = {group.build_key: group for group in broken if group.submission.image is None}
        run([plan.job(group, key, ()) for key, group in builds.items()])
        split = [group for group in broken if plan.is_built(group, outcomes)]
        run([plan.job(group, group.key_of(n), (n,)) for group in split for n in group.numbers])
    return Grades(assignment, tuple(plan.cases), tuple(plan.grade(s, outcomes) for s in submissions))


class _Group(Record):
    """Some tests (numbers of cases) of a submission that need the same program."""

    submission: Submission
    linkage: str
    numbers: tuple[int, ...]

    @property
    def key(self) -> str:
        """The key of the job that does all of them."""
        return f"{self._program}/{self.numbers[0]}-{self.numbers[-1]}"

    def key_of(self, number: int) -> str:
        """The key of the job that does one of them."""
        return f"{self._program}/{number}"

    @property
    def build_key(self) -> str:
        """The key of the job that only builds, which groups of one program share."""
        return f"{self._program}/build"

    @property
    def _program(self) -> str:
        return f"{self.linkage}/{self.submission.name}"


class _Plan:
    """The jobs of a grading, and how their outcomes become grades."""

    def __init__(self, assignment: Assignment, submissions: Sequence[Submission]):
        self.assignment = assignment
        self.cases = assignment.cases()
        self.works = [running.case_work(case, assignment.files) for case in self.cases]
        linkages: dict[str, list[int]] = {}
        for number, case in enumerate(self.cases):
            linkages.setdefault(case.linkage, []).append(number)
        self.groups_of = {
            submission.name: [
                _Group(submission, linkage, tuple(of[first : first + _TOGETHER]))
                for linkage, of in linkages.items()
                for first in range(0, len(of), _TOGETHER)
            ]
            for submission in submissions
            if not submission.problem
        }

    @property
    def groups(self) -> list[_Group]:
        """All groups, in the order of the submissions."""
        return [group for groups in self.groups_of.values() for group in groups]

    def job(self, group: _Group, key: str, numbers: Sequence[int]) -> Job:
        """The job that does these tests of a group; without any it only builds."""
        submission, build = group.submission, self.assignment.build
        work = {
            "name": submission.name,
            "image": submission.image,
            "build": building.build_work(submission, build, group.linkage, self.assignment.files),
            "tests": [self.works[number] for number in numbers],
        }
        # The job ends itself when one of its steps takes too long; see `running.perform`.
        seconds = build.seconds + sum(self.cases[number].test.limits.seconds for number in numbers)
        return Job(key, running.__name__, work, seconds + _SLACK)

    def is_built(self, group: _Group, outcomes: Mapping[str, Outcome]) -> bool:
        """Whether a group whose job went wrong has a program."""
        if group.submission.image is not None:
            return True
        outcome = outcomes[group.build_key]
        return outcome.state == "done" and bool(outcome.value["built"])

    def grade(self, submission: Submission, outcomes: Mapping[str, Outcome]) -> Grade:
        """The grade of a submission, from the outcomes of its jobs."""
        results: dict[int, Result] = {}
        lines: tuple[str, ...] = ()
        state = "passed"  # of the build
        if submission.problem:
            lines, state = (submission.problem,), "unbuilt"
            results = {number: _without_run(case, state, lines) for number, case in enumerate(self.cases)}
        for group in self.groups_of.get(submission.name, ()):
            for number in group.numbers:
                result, is_build = self._result(group, number, outcomes)
                results[number] = result
                if is_build:
                    state, lines = result.state, lines or result.lines
        ordered = [results[number] for number in range(len(self.cases))]
        points = float(self.assignment.build.points)
        if points:
            got = points if state == "passed" else 0.0
            ordered.insert(0, Result(BUILD, "", state, got, points, lines=lines))
        name = submission.name
        unbuilt = lines if state == "unbuilt" else ()
        sources = tuple(sorted(submission.sources))
        was_built = not submission.problem
        return Grade(name, tuple(ordered), sources, file_name(name), unbuilt, was_built)

    def _result(self, group: _Group, number: int, outcomes: Mapping[str, Outcome]) -> tuple[Result, bool]:
        """The result of a case, and whether it is that of a build that failed."""
        case = self.cases[number]
        keys = (
            group.key_of(number),
            group.build_key,
            group.key,
        )  # a job of its own, the build's, that of all
        outcome = next(outcomes[key] for key in keys if key in outcomes)
        is_build = outcome.key == group.build_key
        what = "the build" if is_build else "the test"
        if outcome.state == "timeout" or running.TIME_IS_UP.name in outcome.detail:
            seconds = self.assignment.build.seconds if is_build else case.test.limits.seconds
            line = f"{what} took more than {seconds:g} s of the host's time"
            return _without_run(case, "unbuilt" if is_build else "timeout", (line,)), is_build
        if outcome.state == "crashed":
            reason = outcome.detail.strip().rpartition("\n")[2]
            lines = tuple(printable_lines(f"{what} failed inside toyvm: {reason}"))
            return _without_run(case, "error", lines), is_build
        if not outcome.value["built"]:
            return _without_run(case, "unbuilt", tuple(outcome.value["messages"])), True
        at = group.numbers.index(number) if outcome.key == group.key else 0
        return _ran(case, outcome.value["tests"][at]), False


def _ran(case: Case, value: Mapping[str, Any]) -> Result:
    """The result of a test that ran."""
    checks = tuple(Check(**{**item, "lines": tuple(item["lines"])}) for item in value["checks"])
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


def _state(case: Case, checks: Sequence[Check], value: Mapping[str, Any]) -> tuple[str, float]:
    """What became of a test that ran, and its points."""
    if all(check.holds for check in checks):
        return "passed", rounded(case.points)
    if value["stopped"]:
        return "limit", 0.0
    if value["signal"] and value["signal"] != case.test.expect.signal:
        return "signal", 0.0
    asked = [check for check in checks if check.asks]
    is_partly = case.test.partial and all(check.holds for check in checks if not check.asks)
    held = sum(check.holds for check in asked)
    points = rounded(case.points * held / len(asked)) if is_partly else 0.0
    return ("partly" if points else "failed"), points


def _without_run(case: Case, state: str, lines: tuple[str, ...]) -> Result:
    return Result(case.name, case.linkage, state, 0.0, case.points, lines=lines)
