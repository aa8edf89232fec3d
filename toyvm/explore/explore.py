"""Runs a program, and makes the page about it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..base.errors import UsageError
from ..base.record import Record, replace
from ..system import Session, Start
from .page import page
from .recorder import DEFAULT_MOMENTS, Recorder

if TYPE_CHECKING:
    from ..build import Program
    from ..result import RunResult
    from ..run_options import RunOptions

SCHEMA = "toyvm.explore/1"


class Explored(Record):
    """A page, what it shows, and how the run ended."""

    html: str
    moments: int
    missed: int
    result: RunResult


def explore(
    program: Program | str,
    argv: Sequence[str],
    options: RunOptions,
    *,
    how: str = "",
    moments: int = DEFAULT_MOMENTS,
    stdin: bytes | None = None,
) -> Explored:
    """Run a program with its output captured, and make its page.

    `how` says in the page's head how the program was built. The first `moments` moments are shown.
    Raises UsageError for a machine without MMU, and the exceptions of `system.run`.
    """
    if options.no_mmu:
        raise UsageError("--no-mmu: a machine without page tables has nothing to explore")
    recorder, result = record(program, argv, options, moments, stdin)
    head = {
        "schema": SCHEMA,
        "name": os.path.basename(program) if isinstance(program, str) else program.name,
        "how": how,
        "status": result.status,
    }
    parts = {"page": json.dumps(head), "run": recorder.to_json()}
    return Explored(page(parts), recorder.count, recorder.missed, result)


def record(
    program: Program | str,
    argv: Sequence[str],
    options: RunOptions,
    moments: int = DEFAULT_MOMENTS,
    stdin: bytes | None = None,
) -> tuple[Recorder, RunResult]:
    """Run a program under a recorder."""
    recorder = Recorder(options, moments)
    session = Session(replace(options, trace=frozenset()), [recorder], stdin=stdin, capture=True)
    recorder.watch_output(stdout=session.out, stderr=session.err)
    session.start(Start(program, argv))
    result = session.finish()
    recorder.finish()
    return recorder, result
