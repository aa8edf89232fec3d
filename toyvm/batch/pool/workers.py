"""The workers of this host: starts fork servers, gives each a job at a time, replaces those that die."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

from ...base.errors import ToyvmError
from .jobs import Job, Outcome, unpacked

ATTEMPTS = 3  # with as many workers a job is tried that ends before it answers


class Worker:
    """One fork server. `folder` is for its jobs' files; the caller removes it."""

    def __init__(self, folder: Path, tasks: Sequence[str]):
        here, there = socket.socketpair()
        with there:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "toyvm.batch.pool.fork_server", str(there.fileno()), folder, *tasks],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.connection = Connection(here.detach())
        self.job: Job | None = None
        self.ready = False  # whether it has answered at all

    def give(self, job: Job) -> None:
        """Send a job. If the worker is dead, `take` says so."""
        self.job = job
        with contextlib.suppress(OSError):
            self.connection.send_bytes(pickle.dumps(job))

    def take(self) -> Outcome | None:
        """The next outcome, waiting for it; None for the message that the worker is ready.

        Raises EOFError or OSError if the worker is dead.
        """
        data = self.connection.recv_bytes()
        if not self.ready:
            self.ready = True
            return None
        self.job = None
        return unpacked(data)

    def close(self) -> None:
        """End the worker, and the child of its job."""
        self.connection.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_here(jobs: Sequence[Job], count: int) -> Iterator[Outcome]:
    """Do jobs with `count` workers, and yield outcomes as they come.

    A job whose worker dies is given to another, three times at most. Raises ToyvmError if workers
    do not start.
    """
    waiting = deque(jobs)
    attempts: dict[str, int] = {}
    tasks = sorted({job.task for job in jobs})
    folder = Path(tempfile.mkdtemp(prefix="toyvm-jobs-"))
    started = 0

    def start() -> Worker:
        nonlocal started
        started += 1
        return Worker(folder / str(started), tasks)

    workers = [start() for _ in range(min(count, len(waiting)))]
    try:
        while waiting or any(worker.job for worker in workers):
            by_connection: dict[object, Worker] = {
                worker.connection: worker for worker in workers if worker.job or not worker.ready
            }
            for connection in wait([w.connection for w in by_connection.values()]):
                worker = by_connection[connection]
                job = worker.job
                try:
                    outcome = worker.take()
                except (EOFError, OSError):
                    workers.remove(worker)
                    worker.close()
                    if not worker.ready:
                        raise ToyvmError(
                            f"a worker ended with status {worker.process.returncode} before it was ready"
                        ) from None
                    assert job  # a worker without one has sent nothing since it was ready
                    attempts[job.key] = attempts.get(job.key, 0) + 1
                    if attempts[job.key] < ATTEMPTS:
                        waiting.appendleft(job)
                        outcome = None
                    else:
                        outcome = Outcome(job.key, "crashed", None, f"{ATTEMPTS} workers died of this job")
                    if waiting:
                        workers.append(start())
                else:
                    if waiting:
                        worker.give(waiting.popleft())  # first: the worker need not wait for our caller
                if outcome:
                    yield outcome
    finally:
        for worker in workers:
            worker.close()
        shutil.rmtree(folder, ignore_errors=True)


def default_workers() -> int:
    """One worker for each processor that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
