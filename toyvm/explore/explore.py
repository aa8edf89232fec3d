"""Runs a program, and makes the page about it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..base.errors import UsageError
from ..base.record import Record, replace
from ..system import Session, Start
from .page import page
from .recorder import DEFAULT_MOMENTS, Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from ..build import Program
    from ..observe.comparison import Comparison
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
    sources: Sequence[Path] = (),
    comparison: Comparison | None = None,
) -> Explored:
    """Run a program with its output captured, and make its page.

    `how` says in the page's head how the program was built. The first `moments` moments are shown.
    With `sources`, from which the program was built keeping the history of the link, the page shows
    the build; with `comparison`, the program linked both ways.
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
    if sources and not isinstance(program, str):
        from .build_view import build_view

        parts["build"] = json.dumps(build_view(program, sources), separators=(",", ":"))
    if result.libraries:
        parts["load"] = json.dumps(load_facts(program, result))
    if comparison is not None:
        parts["compare"] = json.dumps(_reproducible(comparison.to_json()))
    return Explored(page(parts), recorder.count, recorder.missed, result)


def load_facts(program: Program | str, result: RunResult) -> dict[str, Any]:
    """What the loader did in all: the page has each step among the moments."""
    return {
        "needed": [] if isinstance(program, str) else list(program.link.needed),
        "libraries": list(result.libraries),
        "at_load": dict(result.load_relocations),
        "lazy": dict(result.lazy_relocations),
        "lookups": result.symbol_lookups,
    }


def _reproducible(comparison: dict[str, Any]) -> dict[str, Any]:
    """A comparison without the times of this host, so that equal runs make equal pages."""
    for build in ("static", "dynamic"):
        del comparison[build]["link_seconds"]
    return comparison


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
