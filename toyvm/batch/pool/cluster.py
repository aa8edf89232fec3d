"""Jobs on a Dask cluster: each thread of its workers has a fork server, which does the jobs there.

Jobs travel with the bytes of their files, and outcomes travel back; no path is shared. If a worker
of the cluster is lost, Dask gives its jobs to another.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...base.errors import ToyvmError, UsageError
from ...base.version import VERSION
from .jobs import Job, Outcome, packed, unpacked
from .workers import ATTEMPTS, Worker

_WAIT = 15  # seconds for the scheduler, and for its first worker
_AHEAD = 4  # jobs given out for each thread of the cluster


def run_on_cluster(jobs: Sequence[Job], address: str) -> Iterator[Outcome]:
    """Do jobs on the cluster whose scheduler is at `address`, and yield outcomes as they come.

    Raises UsageError without the library, ToyvmError if the scheduler or workers are missing or
    have another version of toyvm.
    """
    try:
        import distributed
    except ImportError:
        raise UsageError(
            "--cluster: the library distributed is missing: pip install 'toyvm[cluster]'"
        ) from None
    try:
        client = distributed.Client(address, timeout=_WAIT)  # type: ignore[no-untyped-call] # it has no types
    except (OSError, ValueError, TimeoutError) as problem:
        raise ToyvmError(f"--cluster {address}: {_reason(problem)}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_WAIT)
        except TimeoutError:
            raise ToyvmError(f"--cluster {address}: the cluster has no worker") from None
        yield from _all(distributed, client, jobs, address)


def _all(distributed: Any, client: Any, jobs: Sequence[Job], address: str) -> Iterator[Outcome]:
    by_future: dict[str, Job] = {}

    def submit(job: Job) -> Any:
        future = client.submit(perform, VERSION, job, pure=False)
        by_future[future.key] = job
        return future

    waiting = iter(jobs)
    ahead = _AHEAD * max(2, sum(client.nthreads().values()))
    futures = distributed.as_completed([submit(job) for job in itertools.islice(waiting, ahead)])
    for future in futures:
        for job in itertools.islice(waiting, 1):
            futures.add(submit(job))
        job = by_future.pop(future.key)
        if future.status == "finished":
            yield unpacked(future.result())
            continue
        problem = future.exception()
        if not isinstance(problem, distributed.KilledWorker):
            raise ToyvmError(f"--cluster {address}: {_reason(problem)}")
        yield Outcome(job.key, "crashed", None, "the cluster gave up: workers died of this job")


def _reason(problem: BaseException) -> str:
    return str(problem).strip().split("\n")[0] or type(problem).__name__


_idle: dict[str, list[Worker]] = {}  # by task; of this process, which is a worker of the cluster
_lock = threading.Lock()


def perform(version: str, job: Job) -> bytes:
    """Do a job in a worker of the cluster. Raises ToyvmError for another version of toyvm."""
    if version != VERSION:
        raise ToyvmError(f"a worker has toyvm {VERSION}, this is {version}")
    for _ in range(ATTEMPTS):
        with _lock:
            idle = _idle.setdefault(job.task, [])
            worker = (
                idle.pop() if idle else Worker(Path(tempfile.mkdtemp(prefix="toyvm-jobs-")) / "1", [job.task])
            )
        try:
            if not worker.ready:
                worker.take()
            worker.give(job)
            outcome = worker.take()
        except (EOFError, OSError):
            worker.close()
            continue
        with _lock:
            idle.append(worker)
        assert outcome  # only the first message of a worker is none
        return packed(outcome)
    return packed(Outcome(job.key, "crashed", None, f"{ATTEMPTS} workers died of this job"))
