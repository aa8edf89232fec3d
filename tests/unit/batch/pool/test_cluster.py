"""The pool on a Dask cluster: a real scheduler and two worker processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import pytest

from tests.support.harness import ROOT
from toyvm.base.errors import ToyvmError
from toyvm.batch.pool.batch import run_jobs
from toyvm.batch.pool.jobs import Job

TASK = "tests.support.pool_tasks"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        folder = tmp_path_factory.mktemp("dask")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(folder)
        ) as made:
            yield made


def test_a_lost_worker_loses_nothing_and_doubles_nothing(cluster: Any, tmp_path: Path) -> None:
    jobs = [Job(str(n), TASK, ["slow_note", str(tmp_path / str(n))]) for n in range(60)]
    keys = []
    for number, outcome in enumerate(
        run_jobs(jobs, cluster=cluster.scheduler_address, store=tmp_path / "store")
    ):
        keys.append(outcome.key)
        assert outcome.state == "done"
        if number == 15:
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    assert sorted(keys) == sorted(job.key for job in jobs)
    assert list(run_jobs(jobs, store=tmp_path / "store"))  # all are kept: no worker is started
    assert all((tmp_path / job.key).exists() for job in jobs)


def test_a_job_that_goes_wrong_is_an_outcome(cluster: Any) -> None:
    jobs = [
        Job("raise", TASK, ["raise", "that text"]),
        Job("hang", TASK, ["hang", None], 0.3),
        Job("kill", TASK, ["kill_worker", ""]),
        Job("good", TASK, ["double", 4]),
    ]
    found = {outcome.key: outcome for outcome in run_jobs(jobs, cluster=cluster.scheduler_address)}
    assert {key: outcome.state for key, outcome in found.items()} == {
        "raise": "crashed",
        "hang": "timeout",
        "kill": "crashed",
        "good": "done",
    }
    assert "that text" in found["raise"].detail


def test_another_version_is_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toyvm.batch.pool.cluster.VERSION", "0.0")
    with pytest.raises(ToyvmError, match=r"this is 0\.0"):
        list(run_jobs([Job("good", TASK, ["double", 4])], cluster=cluster.scheduler_address))


def test_a_missing_cluster_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toyvm.batch.pool.cluster._WAIT", 0.5)
    with pytest.raises(ToyvmError, match=r"tcp://127\.0\.0\.1:9"):
        list(run_jobs([Job("good", TASK, ["double", 4])], cluster="tcp://127.0.0.1:9"))
