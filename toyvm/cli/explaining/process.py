"""`toyvm explain process PID PROGRAM`: where a process's memory is."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...base.errors import UsageError
from ...base.record import replace
from . import asking_runs

if TYPE_CHECKING:
    from ...kernel.kernel import Kernel
    from ...kernel.proc.process import Process
    from ...observe.symbolize import Symbolizer
    from ...observe.why.memory_answers import ProcessAnswer

SUBJECT = "PID"


def parser() -> argparse.ArgumentParser:
    """The options of the kind."""
    return asking_runs.parser(
        "process",
        SUBJECT,
        "Run a program, and tell where the memory of a process is: area by area, private or shared and with whom, in "
        "the swap area or never touched. The first process is 100, and 0 means the first one.",
    )


def main(argv: list[str]) -> int:
    """Explain the process."""
    from ...observe.why.answer_text import process_text
    from ...observe.why.json_form import to_json
    from ...observe.why.process_answer import explain_process
    from ...observe.why.run_watchers import MomentWatcher

    text, options = asking_runs.read("process", SUBJECT, argv, parser())
    if options.pid:
        raise UsageError("process: the process is the first word; --pid is for the other kinds")
    options = replace(options, pid=asking_runs.number(text, "the number of a process, such as 100"))

    def ask(kernel: Kernel, process: Process, symbols: Symbolizer) -> ProcessAnswer:
        return explain_process(kernel, process)

    answer = asking_runs.answered(options, MomentWatcher(ask, options.pid, at_limit=options.at is not None))
    return asking_runs.show(options, process_text(answer), to_json(answer, "toyvm.explain.process/1"))
