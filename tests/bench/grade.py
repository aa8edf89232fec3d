"""What `toyvm grade` does in a second: many submissions with a test each, and few with many tests, by one worker and by two."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import toyvm
from tests.bench.measure import progress
from tests.bench.settings import Settings
from tests.bench.tables import Column, Row, Table
from toyvm.base.resources import data_dir

TABLE = Table(
    "Grading programs of the size of hello",
    (
        Column("what", "submissions and tests"),
        Column("workers", "workers", ",d"),
        Column("jobs", "tests", ",d"),
        Column("seconds", "seconds", ".1f"),
        Column("rate", "tests a second", ".1f"),
        Column("memory", "MiB a worker, most", ".0f"),
        Column("growth", "MiB from half to end", ".1f"),
    ),
)
JOBS = 1000
TESTS = 20


def rows(settings: Settings) -> Iterator[Row]:
    """One test of each of many submissions; 20 tests of each, which share a job and a build."""
    count = settings.length(JOBS)
    for what, submissions, tests in (
        (f"{count} × 1", count, 1),
        (f"{count // TESTS} × {TESTS}", count // TESTS, TESTS),
    ):
        if settings.wants(what):
            folder = settings.folder / str(tests)
            folder.mkdir()
            assignment, paths = _write(folder, submissions, tests)
            for workers in (1, 2):
                progress(f"{what}, {workers} workers")
                yield {"what": what, "workers": workers, **_measure(assignment, paths, workers)}


def _write(folder: Path, submissions: int, tests: int) -> tuple[Path, list[Path]]:
    """An assignment with `tests` tests, and as many different programs as asked for."""
    text = (data_dir("asm") / "hello.s").read_text()
    paths = []
    for number in range(submissions):
        path = folder / f"student{number:05}.s"
        path.write_text(text.replace("addi    sp, sp, 16\n", f"li a5, {number}\n addi sp, sp, 16\n"))
        paths.append(path)
    assignment = folder / "hello.toml"
    one = '[[test]]\nname = "test {}"\nexpect.stdout = "hello, world\\n"\n'
    assignment.write_text("".join(one.format(number) for number in range(tests)))
    return assignment, paths


def _measure(assignment: Path, paths: list[Path], workers: int) -> dict[str, float]:
    """Grade once. The rate includes the start of the workers."""
    sizes: list[float] = []

    def note(done: int, total: int) -> None:
        if done in (total // 2, total - workers):
            sizes.append(max(_memory_of_children(), default=0.0))

    started = time.perf_counter()
    grades = toyvm.grade(assignment, paths, workers=workers, progress=note)
    seconds = time.perf_counter() - started
    assert all(row["state"] == "passed" for row in grades.rows)
    jobs = len(grades.rows)
    growth = sizes[-1] - sizes[0]
    return {"jobs": jobs, "seconds": seconds, "rate": jobs / seconds, "memory": max(sizes), "growth": growth}


def _memory_of_children() -> Iterator[float]:
    """Resident MiB of each child of this process: the workers, shared pages included."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[1]) == os.getpid():
            yield int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
