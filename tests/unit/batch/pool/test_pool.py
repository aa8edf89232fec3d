"""Jobs in children of workers: what one job does touches no other, and nothing is lost or done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.harness import ROOT
from toyvm.base.errors import ToyvmError
from toyvm.batch.pool import workers
from toyvm.batch.pool.batch import run_jobs
from toyvm.batch.pool.fork_server import MOST_OUTCOME
from toyvm.batch.pool.jobs import Job, Outcome
from toyvm.batch.pool.store import Store

TASK = "tests.support.pool_tasks"


@pytest.fixture(autouse=True)
def _tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def job(key: str, deed: str, argument: Any = None, seconds: float = 60.0) -> Job:
    return Job(key, TASK, [deed, argument], seconds)


def results(jobs: list[Job], **options: Any) -> dict[str, Outcome]:
    return {outcome.key: outcome for outcome in run_jobs(jobs, workers=2, **options)}


def test_every_job_has_its_outcome() -> None:
    found = results([job(str(n), "double", n) for n in range(50)])
    assert {key: outcome.value for key, outcome in found.items()} == {str(n): 2 * n for n in range(50)}


BAD = {
    "hang": (job("hang", "hang", seconds=0.3), "timeout", "more time"),
    "raise": (job("raise", "raise", "that text"), "crashed", "ValueError: that text"),
    "segv": (job("segv", "kill_itself"), "crashed", "SIGSEGV"),
    "hoard": (job("hoard", "hoard", 64 << 30), "crashed", "memory"),
    "chatter": (job("chatter", "chatter", MOST_OUTCOME + 1), "crashed", "64 MiB"),
    "leave": (job("leave", "leave_early"), "crashed", "status 7"),
    "kill": (job("kill", "kill_worker", ""), "crashed", "3 workers"),
}


def test_a_job_that_goes_wrong_touches_no_other() -> None:
    good = [job(f"good {n}", "double", n) for n in range(20)]
    bad = [bad for bad, _, _ in BAD.values()]
    mixed = [one for pair in zip(bad, good, strict=False) for one in pair] + good[len(bad) :]
    found = results(mixed)
    assert all(found[one.key].value == 2 * int(one.key.split()[1]) for one in good)
    for name, (_, state, detail) in BAD.items():
        assert found[name].state == state, found[name]
        assert detail in found[name].detail


def test_a_job_of_a_killed_worker_is_done_by_another(tmp_path: Path) -> None:
    found = results([job("once", "kill_worker", str(tmp_path / "flag")), job("other", "double", 4)])
    assert found["once"].value == "survived"
    assert found["other"].value == 8


def test_a_job_finds_its_folder_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(workers.tempfile, "tempdir", None)
    assert [outcome.value for outcome in results([job(str(n), "litter") for n in range(6)]).values()] == [
        []
    ] * 6
    assert not list(tmp_path.iterdir())


def test_kept_outcomes_are_not_made_again(tmp_path: Path) -> None:
    count, store = tmp_path / "count", tmp_path / "store"
    jobs = [job("a", "note", str(count)), job("b", "double", 1)]
    first = results(jobs, store=store)
    assert results(jobs, store=store) == first
    assert count.read_bytes() == b"."
    changed = [jobs[0], job("b", "double", 2)]
    assert results(changed, store=store)["b"].value == 4


def test_a_batch_that_was_killed_goes_on(tmp_path: Path) -> None:
    """Killed at several moments: at the end every job has been done, and those that were kept once only."""
    store = tmp_path / "store"
    counts = [tmp_path / f"count {n}" for n in range(40)]
    jobs = [job(path.name, "slow_note", str(path)) for path in counts]
    program = (
        "import sys; from pathlib import Path; from toyvm.batch.pool.batch import run_jobs\n"
        "from toyvm.batch.pool.jobs import Job\n"
        f"jobs = {[(j.key, j.work) for j in jobs]!r}\n"
        f"for o in run_jobs([Job(k, {TASK!r}, w) for k, w in jobs], workers=2, store=Path({str(store)!r})):\n"
        "    print(o.key, flush=True)\n"
    )
    for enough in (1, 7, 12):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout
            for _ in range(enough):
                process.stdout.readline()
            process.kill()
    done = sum(path.exists() for path in counts)
    assert done < len(counts)
    with Store(store) as kept:
        before = [path for path, one in zip(counts, jobs, strict=True) if kept.kept(one)]
    times = {path: path.read_bytes() for path in before}
    assert sorted(results(jobs, store=store)) == sorted(one.key for one in jobs)
    assert {path: path.read_bytes() for path in before} == times


def test_a_store_has_one_user(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with Store(path), pytest.raises(ToyvmError, match="another process"):
        Store(path)


@pytest.mark.parametrize(
    "content", [b"something else, and long enough for a header" * 30, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store"
    path.write_bytes(content)
    with pytest.raises(ToyvmError, match="not a store"):
        Store(path)
    assert path.read_bytes() == content


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    """Also in the middle of a job, and if that process is killed."""
    mark = tmp_path / "mark"
    program = (
        "from toyvm.batch.pool.batch import run_jobs; from toyvm.batch.pool.jobs import Job\n"
        f"list(run_jobs([Job('a', {TASK!r}, ['note', {str(mark)!r}]), Job('b', {TASK!r}, ['hang', None])], workers=1))"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) as process:
        while not mark.exists():
            time.sleep(0.02)
        children = _descendants(process.pid)
        assert children
        process.kill()
    for _ in range(200):
        if not any(map(_alive, children)):
            return
        time.sleep(0.05)
    pytest.fail("a worker or a job is still there")


def _descendants(pid: int) -> list[int]:
    found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [below for child in found for below in _descendants(child)]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIG_DFL)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
