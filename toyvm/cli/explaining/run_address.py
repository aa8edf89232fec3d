"""`toyvm explain address PLACE PROGRAM --run`: an address of a run, from its name to its frame."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import asking_runs

if TYPE_CHECKING:
    from ...kernel.kernel import Kernel
    from ...kernel.proc.process import Process
    from ...observe.symbolize import Symbolizer
    from ...observe.why.memory_answers import AddressAnswer

SUBJECT = "PLACE --run"


def parser() -> argparse.ArgumentParser:
    """The options of the kind with --run."""
    return asking_runs.parser(
        "address",
        SUBJECT,
        "Run a program, and explain an address of a process: its mapping, the page table walk with each entry, the frame "
        "or swap slot, everyone else who has the frame, and what an access would do. PLACE is an address, a symbol, "
        "SYMBOL+OFFSET, or FILE:LINE.",
    )


def main(argv: list[str]) -> int:
    """Explain the address; `argv` is without --run."""
    from ...observe.why.address_answer import explain_address
    from ...observe.why.answer_text import address_text
    from ...observe.why.json_form import to_json
    from ...observe.why.run_watchers import MomentWatcher

    place, options = asking_runs.read("address", SUBJECT, argv, parser())

    def ask(kernel: Kernel, process: Process, symbols: Symbolizer) -> AddressAnswer:
        return explain_address(kernel, process, asking_runs.address_of(process, place, symbols), symbols)

    answer = asking_runs.answered(options, MomentWatcher(ask, options.pid, at_limit=options.at is not None))
    return asking_runs.show(options, address_text(answer), to_json(answer, "toyvm.explain.run-address/1"))
