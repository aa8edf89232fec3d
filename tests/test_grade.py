"""`toyvm grade` as a whole: 20 tests on generated submissions, whose verdicts are known by construction.

TOYVM_GRADE_FULL=1 takes 50 submissions, kills and resumes 20 times, and loses a worker of a cluster.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

import toyvm
from tests.support.graded import KINDS, states_of_cases, write_assignment, write_submissions
from tests.support.harness import ROOT
from toyvm.batch.grade.assignment import read_assignment
from toyvm.batch.grade.grades import Grades
from toyvm.batch.grade.grading import grade_submissions
from toyvm.batch.grade.output import report_files
from toyvm.batch.grade.submissions import read_submissions
from toyvm.batch.pool.jobs import Job, Outcome
from toyvm.batch.pool.workers import run_here
from toyvm.cli import main as run_command

FULL = bool(os.environ.get("TOYVM_GRADE_FULL"))
COUNT = 50 if FULL else len(KINDS) + 2
KILLS = 20 if FULL else 1


class Course:
    """An assignment, its submissions, the states that they must have, and one grading of them."""

    def __init__(self, folder: Path):
        self.assignment = write_assignment(folder)
        submissions = folder / "submissions"
        submissions.mkdir()
        self.expected = write_submissions(submissions, COUNT)
        self.submissions = sorted(submissions.iterdir())
        self.grades = self.grade()
        self.reports = dict(report_files(self.grades))

    def grade(self, **settings: object) -> Grades:
        return toyvm.grade(self.assignment, self.submissions, **settings)  # type: ignore[arg-type] # passed on

    def command(self, out: Path) -> list[str]:
        words = [
            sys.executable,
            "-m",
            "toyvm",
            "grade",
            "--workers",
            "2",
            "-o",
            str(out),
            str(self.assignment),
        ]
        return [*words, *map(str, self.submissions)]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return Course(tmp_path_factory.mktemp("course"))


def test_every_verdict_is_right(course: Course) -> None:
    found = {grade.submission: [result.state for result in grade.results] for grade in course.grades.grades}
    assert found == {name: states_of_cases(states) for name, states in course.expected.items()}
    for grade in course.grades.grades:
        right = grade.submission.startswith("right")
        assert (grade.points == grade.of == 24) == right
        assert 0 <= grade.points <= grade.of
        assert bool(grade.build_lines) == grade.submission.startswith("unbuilt")


def test_another_grading_gives_the_same_bytes(course: Course) -> None:
    """With another number of workers, other file system order, and results that come in another order."""
    some = course.submissions[::-1] if FULL else course.submissions[2::-1]
    again = dict(report_files(toyvm.grade(course.assignment, some, workers=3)))
    same = {name for name, text in again.items() if course.reports[name] == text}
    assert same == (set(again) if FULL else {name for name in again if name.startswith("reports/")})
    assert len(again) == 5 + len(some)


def test_a_grading_that_is_killed_goes_on(course: Course, tmp_path: Path) -> None:
    """SIGKILL at random moments, and the same command again; one that comes to its end starts anew."""
    rng = random.Random(7)
    out = tmp_path / "out"
    kept = []  # how many outcomes were in the store when the grading was killed
    while len(kept) < KILLS:
        process = subprocess.Popen(course.command(out), cwd=ROOT, stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.5, 10.0 if FULL else 1.0))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kept.append(outcomes_in(out / "jobs.sqlite"))
        else:
            assert process.returncode == 0
            assert written(out) == course.reports
            shutil.rmtree(out)
    subprocess.run(course.command(out), cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    assert written(out) == course.reports  # and the store of results is gone
    if FULL:
        assert len(set(kept)) > 2


def outcomes_in(path: Path) -> int:
    """How many outcomes a store has; none if it was not made yet."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as store:
        try:
            return int(store.execute("select count(*) from outcomes").fetchone()[0])
        except sqlite3.OperationalError:  # it was killed before it had made the tables
            return 0


def written(out: Path) -> dict[str, str]:
    """The files of a folder, by name."""
    return {str(path.relative_to(out)): path.read_text() for path in out.rglob("*") if path.is_file()}


@pytest.fixture
def cluster() -> Iterator[object]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made:
        yield made


@pytest.mark.slow
def test_a_cluster_gives_the_same_bytes(course: Course, cluster: object) -> None:
    """In the full test, one of the two workers is killed in the middle."""
    made = []

    def progress(done: int, total: int) -> None:
        if FULL and done > total // 3 and not made:
            made.append(1)
            worker = next(iter(cluster.workers.values()))  # type: ignore[attr-defined] # distributed is untyped
            os.kill(worker.pid, signal.SIGKILL)

    grades = course.grade(cluster=cluster.scheduler_address, progress=progress)  # type: ignore[attr-defined] # untyped
    assert dict(report_files(grades)) == course.reports
    assert bool(made) == FULL


def test_a_store_keeps_what_has_not_changed(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later grading with the same store does the submission that changed, and nothing else."""
    paths = [tmp_path / course.submissions[number].name for number in (0, 1)]
    for path, source in zip(paths, course.submissions, strict=False):
        path.write_text(source.read_text())
    done: list[str] = []

    def noting(jobs: Sequence[Job], count: int) -> Iterator[Outcome]:
        done.extend(job.key for job in jobs)
        return run_here(jobs, count)

    monkeypatch.setattr("toyvm.batch.pool.batch.run_here", noting)
    first = toyvm.grade(course.assignment, paths, store=tmp_path / "store")
    count = len(done)
    done.clear()
    paths[0].write_text(paths[0].read_text() + ".data\n.byte 1\n")
    reused: list[int] = []
    made, submissions = read_assignment(course.assignment), read_submissions(paths, ["source"])
    again = grade_submissions(made, submissions, store=tmp_path / "store", reused=reused.append)
    assert reused == [len(done)]
    assert again.rows == first.rows
    assert len(done) == count // 2 and all(f"/{paths[0].stem}/" in key for key in done)


def test_a_pattern_without_end_costs_its_own_test(tmp_path: Path) -> None:
    """A regular expression that backtracks for ever; the program is right, and so are the other tests."""
    program = tmp_path / "ada.s"
    program.write_text(
        ".globl main\nmain: li a0, 1\n la a1, text\n li a2, 41\n li a7, 64\n ecall\n li a0, 0\n ret\n"
        '.data\ntext: .ascii "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"\n'
    )
    assignment = tmp_path / "a.toml"
    assignment.write_text(
        "[[test]]\nname = 'endless'\nlimits.seconds = 1\nexpect.stdout = { pattern = '^(a+)+$' }\n"
        "[[test]]\nname = 'good'\nexpect.stdout = { contains = 'ab' }\n"
    )
    grades = toyvm.grade(assignment, [program], workers=2)
    assert [row["state"] for row in grades.rows] == ["timeout", "passed"]
    assert grades.rows[0]["reason"] == "the test took more than 1 s of the host's time"


def test_ctrl_c_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_text('[[test]]\nname = "a"\n')
    (tmp_path / "ada.s").write_text("nop\n")

    def interrupted(*_: object, progress: Callable[[int, int], None], **__: object) -> None:
        progress(3, 8)
        raise KeyboardInterrupt

    monkeypatch.setattr("toyvm.batch.grade.grading.grade_submissions", interrupted)
    assert (
        run_command(["grade", str(tmp_path / "a.toml"), str(tmp_path / "ada.s"), "-o", str(tmp_path / "out")])
        == 130
    )
    assert capsys.readouterr().err == "interrupted: 3 of 8 jobs are kept; the same command goes on\n"
