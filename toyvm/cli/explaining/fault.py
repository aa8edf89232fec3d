"""`toyvm explain fault N PROGRAM`: the Nth page fault of a run."""

from __future__ import annotations

import argparse

from ...base.errors import ToyvmError
from . import asking_runs

SUBJECT = "N"


def parser() -> argparse.ArgumentParser:
    """The options of the kind."""
    return asking_runs.parser(
        "fault",
        SUBJECT,
        "Run a program, and explain its Nth page fault, counted from 1 (with --pid, among those of that process): who "
        "accessed what, the page table entry before, the rule, the frame, the entry after, and the cost.",
    )


def main(argv: list[str]) -> int:
    """Explain the fault."""
    from ...observe.why.answer_text import fault_text
    from ...observe.why.json_form import to_json
    from ...observe.why.run_watchers import FaultWatcher

    text, options = asking_runs.read("fault", SUBJECT, argv, parser())
    number = asking_runs.number(text, "the number of a page fault, from 1")
    watcher = FaultWatcher(number, options.pid)
    asking_runs.execute(options, watcher)
    if watcher.answer is None:
        whose = f"process {options.pid}" if options.pid else "the run"
        raise ToyvmError(f"there is no page fault {number}: {whose} has {watcher.count}, counted from 1")
    return asking_runs.show(
        options, fault_text(watcher.answer), to_json(watcher.answer, "toyvm.explain.fault/1")
    )
