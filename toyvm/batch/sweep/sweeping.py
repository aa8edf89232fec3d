"""Makes a job of each program and each combination of options, and a table of their outcomes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...base.errors import UsageError
from ...base.record import Record
from ...base.sample_directives import LINKAGES
from ...build import build_program, directives_of, read_file
from ..pool.batch import Progress, run_jobs
from ..pool.jobs import DEFAULT_SECONDS, Job, Outcome
from . import running
from .axes import LINKAGE, Axis, shown
from .table import Sweep

MEMORY = 256 << 20  # of the machine, if no axis says otherwise
MOST_RUNS = 200_000
BUILT = (".s", ".S", ".o")


class Point(Record, eq=False):
    """One run: a program and its options."""

    key: str
    program: str
    linkage: str | None
    options: Mapping[str, Any]
    work: Mapping[str, Any]


def sweep(
    programs: Sequence[Path],
    axes: Sequence[Axis],
    *,
    args: Sequence[str] | None = None,
    stdin: bytes | None = None,
    with_: Sequence[str] = (),
    libs: Sequence[str] = (),
    seconds: float = DEFAULT_SECONDS,
    workers: int = 0,
    store: Path | None = None,
    cluster: str = "",
    progress: Progress = lambda done, total: None,
) -> Sweep:
    """Run every program with every combination of the axes' values.

    Programs are sources, objects or ELF images; `with_` and `libs` are linked with each one that is
    built. `args` and `stdin` are those of every program (None: as its directives say). A run that
    takes more than `seconds` of the host's time is given up. The other arguments are those of
    `run_jobs`. A run that fails is a row of the table.

    Raises UsageError for a grid that is too large or has an option twice, ToyvmError if a program
    cannot be read or built.
    """
    names = [axis.name for axis in axes]
    if len({*names}) < len(names):
        raise UsageError("an option is given twice")
    if not programs:
        raise UsageError("no program to run")
    count = len(programs)
    for axis in axes:
        count *= len(axis.values)
    if count > MOST_RUNS:
        raise UsageError(f"{count:,} runs are more than a sweep may have ({MOST_RUNS:,})")
    points = list(_points(programs, axes, args, stdin, with_, libs))
    jobs = [
        Job(point.key, running.__name__, {**point.work, "options": dict(point.options)}, seconds)
        for point in points
    ]
    outcomes = {
        outcome.key: outcome
        for outcome in run_jobs(jobs, workers=workers, store=store, cluster=cluster, progress=progress)
    }
    varied = tuple(name for name in names if name != LINKAGE)
    rows = [_row(point, varied, outcomes[point.key], seconds) for point in points]
    columns = columns_of(axes)
    for row in rows:
        for name in columns:
            row.setdefault(name, None)
    axis_columns = ("program", *(name for name in ("linkage", *varied) if name in varied or LINKAGE in names))
    return Sweep(axis_columns, columns, rows)


def columns_of(axes: Sequence[Axis]) -> tuple[str, ...]:
    """The columns of a sweep with these axes."""
    varied = (axis.name for axis in axes if axis.name != LINKAGE)
    return ("program", "linkage", *varied, *running.ENDING, *running.counters())


def _points(
    programs: Sequence[Path],
    axes: Sequence[Axis],
    args: Sequence[str] | None,
    stdin: bytes | None,
    with_: Sequence[str],
    libs: Sequence[str],
) -> Iterator[Point]:
    """The runs, in the order of the rows."""
    linkages: tuple[str | None, ...] = next(
        (tuple(map(str, axis.values)) for axis in axes if axis.name == LINKAGE), (None,)
    )
    others = [axis for axis in axes if axis.name != LINKAGE]
    taken: dict[str, int] = {}
    for path in programs:
        taken[path.name] = taken.get(path.name, 0) + 1
        name = path.name if taken[path.name] == 1 else f"{path.name}.{taken[path.name]}"
        for linkage, work in _built(path, linkages, args, stdin, with_, libs):
            for values in itertools.product(*(axis.values for axis in others)):
                options = dict(zip((axis.name for axis in others), values, strict=True))
                text = ",".join(f"{key}={shown(key, value)}" for key, value in options.items())
                key = f"{name}/{linkage or '-'}/{text}"
                yield Point(key, name, linkage, {"memory": MEMORY, **options}, work)


def _built(
    path: Path,
    linkages: Sequence[str | None],
    args: Sequence[str] | None,
    stdin: bytes | None,
    with_: Sequence[str],
    libs: Sequence[str],
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """A program in each linkage; an image is what it is."""
    if path.suffix not in BUILT:
        yield None, running.image_work(path.name, read_file(path), list(args or ()), stdin or b"")
        return
    directives = directives_of(path)
    chosen_args = list(directives.args if args is None else args)
    chosen_stdin = directives.stdin.encode() if stdin is None else stdin
    for linkage in linkages:
        if linkage is not None and linkage not in directives.linkages and len(linkages) == len(LINKAGES):
            continue  # both were asked for, and this program has one
        program = build_program([path, *map(Path, with_)], linkage=linkage, libs=libs)
        yield program.linkage, running.program_work(program, chosen_args, chosen_stdin)


def _row(point: Point, varied: Sequence[str], outcome: Outcome, seconds: float) -> dict[str, Any]:
    row: dict[str, Any] = {"program": point.program, "linkage": point.linkage}
    row.update({name: point.options[name] for name in varied})
    if outcome.state == "done":
        row.update(outcome.value)
        return row
    reason = outcome.detail.strip().rpartition("\n")[2]
    if outcome.state == "timeout":
        reason = f"more than {seconds:g} s of the host's time"
    return row | {"ending": outcome.state, "status": None, "reason": reason}
