"""`toyvm explain page PLACE PROGRAM`: the history of a page."""

from __future__ import annotations

import argparse

from ...base.errors import ToyvmError
from . import asking_runs

SUBJECT = "PLACE"


def parser() -> argparse.ArgumentParser:
    """The options of the kind."""
    return asking_runs.parser(
        "page",
        SUBJECT,
        "Run a program, and tell what changed the page table entry of the page at PLACE: faults, fork, eviction, "
        "system calls. PLACE is an address, a symbol, SYMBOL+OFFSET, or FILE:LINE.",
    )


def main(argv: list[str]) -> int:
    """Tell the history."""
    from ...observe.why.answer_text import page_text
    from ...observe.why.json_form import to_json
    from ...observe.why.run_watchers import PageWatcher

    place, options = asking_runs.read("page", SUBJECT, argv, parser())
    watcher = PageWatcher(place, options.pid)
    asking_runs.execute(options, watcher)
    answer = watcher.answer
    if answer is None:
        raise ToyvmError(f"'{place}' is neither an address nor a place of the program or its libraries")
    return asking_runs.show(options, page_text(answer), to_json(answer, "toyvm.explain.page/1"))
