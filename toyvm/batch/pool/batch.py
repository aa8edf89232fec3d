"""Runs a batch of jobs: what is kept already, then the rest on this host or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from .jobs import Job, Outcome
from .store import Store
from .workers import default_workers, run_here

Progress = Callable[[int, int], None]  # called with the number of outcomes and of jobs


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int = 0,
    store: Path | None = None,
    cluster: str = "",
    progress: Progress = lambda done, total: None,
    reused: Callable[[int], None] = lambda count: None,
) -> Iterator[Outcome]:
    """Do every job and yield its outcome, in the order in which outcomes come.

    `workers` is the number of processes (0: one for each processor); `cluster` is the address of a
    Dask scheduler, which then does the jobs in their place. With `store`, outcomes are kept in that
    file as they come, and those of equal jobs kept there before are yielded without doing the jobs
    again; `reused` is called with their number. Raises ValueError if two jobs have one key,
    ToyvmError if the store, the workers or the cluster cannot be used.
    """
    by_key = {job.key: job for job in jobs}
    if len(by_key) < len(jobs):
        raise ValueError("two jobs have the same key")
    done = 0
    with ExitStack() as stack:
        kept = stack.enter_context(Store(store)) if store else None
        rest = []
        progress(0, len(jobs))
        for job in jobs:
            outcome = kept.kept(job) if kept else None
            if outcome is None:
                rest.append(job)
                continue
            done += 1
            progress(done, len(jobs))
            yield outcome
        if done:
            reused(done)
        if not rest:
            return
        if cluster:
            from .cluster import run_on_cluster

            outcomes = run_on_cluster(rest, cluster)
        else:
            outcomes = run_here(rest, workers or default_workers())
        stack.callback(outcomes.close)  # type: ignore[attr-defined] # both are generators
        for outcome in outcomes:
            if kept:
                kept.keep(by_key[outcome.key], outcome)
            done += 1
            progress(done, len(jobs))
            yield outcome
