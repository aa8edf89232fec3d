"""From submissions to jobs, and from outcomes of any kind to grades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from toyvm.batch.grade import building, running
from toyvm.batch.grade.assignment import parse_assignment
from toyvm.batch.grade.grades import Grades
from toyvm.batch.grade.grading import grade_submissions
from toyvm.batch.grade.submissions import Submission
from toyvm.batch.pool.jobs import Job, Outcome

SOURCE = {"ada.s": b".globl main\nmain: li a0, 7\n ret\n"}
TWO = '[build]\npoints = 1\n[[test]]\nname = "a"\nexpect.status = 7\n[[test]]\nname = "b"\npoints = 2\nexpect.status = 8\n'


class Pool:
    """Does jobs here, in reversed order, except those whose outcome is given."""

    def __init__(self, given: dict[str, Outcome]):
        self.given = given
        self.jobs: list[Job] = []

    def run(self, jobs: Sequence[Job], **settings: Any) -> Iterator[Outcome]:
        self.jobs += jobs
        for job in reversed(jobs):
            yield self.given.get(job.key) or Outcome(job.key, "done", running.perform(job.work))


def grade(
    monkeypatch: pytest.MonkeyPatch, text: str, *submissions: Submission, given: Sequence[Outcome] = ()
) -> tuple[Grades, Pool]:
    pool = Pool({outcome.key: outcome for outcome in given})
    monkeypatch.setattr("toyvm.batch.grade.grading.run_jobs", pool.run)
    return grade_submissions(parse_assignment(text, "a.toml", lambda name: b""), submissions), pool


def states(grades: Grades) -> list[list[tuple[str, float]]]:
    return [[(result.state, result.points) for result in grade.results] for grade in grades.grades]


def test_a_job_does_all_tests_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    made, pool = grade(monkeypatch, TWO, Submission("ada", SOURCE), Submission("bill", {"b.s": b"x"}))
    assert [(job.key, job.seconds) for job in pool.jobs] == [
        ("static/ada/0-1", 160),
        ("static/bill/0-1", 160),
    ]
    assert states(made) == [
        [("passed", 1), ("passed", 1), ("failed", 0)],
        [("unbuilt", 0), ("unbuilt", 0), ("unbuilt", 0)],
    ]
    assert (made.grades[0].points, made.grades[0].of) == (2, 4)
    assert made.grades[1].build_lines[0].startswith("b.s:1:1: error")


def test_an_image_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    made = parse_assignment(TWO, "a.toml", lambda name: b"")
    image = building.build(building.build_work(Submission("ada", SOURCE), made.build, "static", {}))
    assert isinstance(image, bytes)
    found, pool = grade(
        monkeypatch,
        TWO,
        Submission("ada", image=image),
        given=[Outcome("static/ada/0-1", "crashed", None, "x")],
    )
    assert [job.key for job in pool.jobs] == ["static/ada/0-1", "static/ada/0", "static/ada/1"]
    assert states(found) == [[("passed", 1), ("passed", 1), ("failed", 0)]]


def test_tests_that_share_a_job_or_not_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that forks, maps memory and writes a file, four times in one process and in four."""
    source = {
        "f.s": b".globl main\nmain: li a7, 220\n li a0, 17\n li a1, 0\n ecall\n li a0, 7\n sd a0, 0(sp)\n ret\n"
    }
    text = "".join(f'[[test]]\nname = "{n}"\nexpect = {{ status = 7, no_leak = true }}\n' for n in range(4))
    together, pool = grade(monkeypatch, text, Submission("f", source))
    assert len(pool.jobs) == 1
    apart, pool = grade(
        monkeypatch, text, Submission("f", source), given=[Outcome("static/f/0-3", "timeout", None, "x")]
    )
    assert [job.key for job in pool.jobs[1:]] == ["static/f/build", *(f"static/f/{n}" for n in range(4))]
    assert apart.rows == together.rows and together.rows[0]["state"] == "passed"


def test_many_tests_of_a_program_are_several_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One build tells whether all of them have a program."""
    text = "".join(f'[[test]]\nname = "{n}"\nexpect.status = 7\n' for n in range(10))
    given = [Outcome(f"static/ada/{key}", "crashed", None, "x") for key in ("0-7", "8-9")]
    made, pool = grade(monkeypatch, text, Submission("ada", SOURCE), given=given)
    keys = [job.key.removeprefix("static/ada/") for job in pool.jobs]
    assert keys == ["0-7", "8-9", "build", *map(str, range(10))]
    assert states(made) == [[("passed", 1)] * 10]


def test_a_submission_with_a_problem_has_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    made, pool = grade(monkeypatch, TWO, Submission("ada", problem="it is a pipe"))
    assert not pool.jobs
    assert states(made) == [[("unbuilt", 0), ("unbuilt", 0), ("unbuilt", 0)]]
    assert made.grades[0].build_lines == ("it is a pipe",)


@pytest.mark.parametrize(
    ("outcome", "expected", "line"),
    [
        (
            Outcome("static/ada/build", "timeout", None, "..."),
            [("unbuilt", 0), ("unbuilt", 0), ("unbuilt", 0)],
            "the build took more than 30 s of the host's time",
        ),
        (
            Outcome("static/ada/build", "crashed", None, "Traceback\n  ...\nKeyError: 'x'\n"),
            [("error", 0), ("error", 0), ("error", 0)],
            "the build failed inside toyvm: KeyError: 'x'",
        ),
        (
            Outcome("static/ada/1", "crashed", None, "the job's process was killed by SIGALRM"),
            [("passed", 1), ("passed", 1), ("timeout", 0)],
            "the test took more than 60 s of the host's time",
        ),
        (
            Outcome("static/ada/1", "crashed", None, "the job's process was killed by SIGSEGV"),
            [("passed", 1), ("passed", 1), ("error", 0)],
            "the test failed inside toyvm: the job's process was killed by SIGSEGV",
        ),
    ],
)
@pytest.mark.parametrize("state", ["timeout", "crashed"])
def test_what_goes_wrong_costs_what_it_touches(
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    outcome: Outcome,
    expected: list[tuple[str, float]],
    line: str,
) -> None:
    given = [outcome, Outcome("static/ada/0-1", state, None, "...")]
    made, _ = grade(monkeypatch, TWO, Submission("ada", SOURCE), Submission("bill", SOURCE), given=given)
    assert states(made) == [expected, [("passed", 1), ("passed", 1), ("failed", 0)]]
    assert made.grades[0].results[-1].lines == (line,)
    assert made.grades[0].results[-1].reason == line


def test_a_build_without_end_is_told_from_a_test_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there is one test."""
    killed = "the job's process was killed by SIGALRM"
    text = '[[test]]\nname = "a"\nexpect.status = 7\n'
    given = [
        Outcome("static/ada/0-0", "crashed", None, killed),
        Outcome("static/ada/build", "crashed", None, killed),
    ]
    made, _ = grade(monkeypatch, text, Submission("ada", SOURCE), given=given)
    assert made.grades[0].results[0].reason == "the build took more than 30 s of the host's time"
    made, pool = grade(monkeypatch, text, Submission("ada", SOURCE), given=given[:1])
    assert [job.key for job in pool.jobs] == ["static/ada/0-0", "static/ada/build", "static/ada/0"]
    assert states(made) == [[("passed", 1)]]


def test_partial_points_are_for_programs_that_end(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        '[[test]]\nname = "a"\npoints = 3\npartial = true\nlimits.instructions = 5_000\n'
        'expect = { status = 7, stdout = "x", stderr = "" }\n'
    )
    loops = {"l.s": b".globl main\nmain: j main\n"}
    crashes = {"c.s": b".globl main\nmain: sd zero, 0(zero)\n"}
    made, _ = grade(
        monkeypatch, text, Submission("ada", SOURCE), Submission("c", crashes), Submission("l", loops)
    )
    assert states(made) == [[("partly", 1.5)], [("signal", 0)], [("limit", 0)]]
    assert [made.grades[n].results[0].reason for n in range(3)] == [
        "standard output",
        "killed by SIGSEGV",
        "stopped: limit of 5000 instructions reached",
    ]


def test_a_program_that_does_nothing_earns_no_part_of_the_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not do, and its status of 0, are conditions: the others' parts depend on them."""
    text = (
        '[[test]]\nname = "a"\npartial = true\nexpect = { stdout = "", stderr = { pattern = "" }, no_leak = true, '
        'forbids = ["execve"], at_most = { faults = 90 }, files = { "/tmp/a" = "1", "/b" = "2" } }\nfiles = { "/b" = "2" }\n'
        '[[test]]\nname = "b"\npartial = true\nexpect = { stdout = "x", uses = ["exit_group"], at_most = { faults = 0 } }\n'
    )
    nothing = Submission("ada", {"a.s": b".globl main\nmain: li a0, 0\n ret\n"})
    made, _ = grade(monkeypatch, text, nothing)
    assert states(made) == [[("failed", 0), ("failed", 0)]]
