"""`toyvm explain got SLOT PROGRAM`: a word of the GOT, or any that the dynamic loader fills in."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...base.diagnostics import did_you_mean
from ...base.errors import ToyvmError
from ...base.record import Record
from . import asking_runs

if TYPE_CHECKING:
    from ...kernel.kernel import Kernel
    from ...kernel.proc.process import Process
    from ...observe.symbolize import Symbolizer
    from ...observe.why.got_answer import SlotWord

SUBJECT = "SYMBOL|ADDRESS"


class SlotWords(Record):
    """The words for one symbol or at one address."""

    words: tuple[SlotWord, ...]


def parser() -> argparse.ArgumentParser:
    """The options of the kind."""
    return asking_runs.parser(
        "got",
        SUBJECT,
        "Run a program with toyvm's dynamic loader, and explain the words that the loader fills in for a symbol (GOT, "
        "PLT slots, pointers), or the one at an address, or behind the PLT entry at an address: what the file holds, "
        "what the word holds at the moment, and when it was bound.",
    )


def main(argv: list[str]) -> int:
    """Explain the words."""
    from ...observe.why.got_answer import explain_slots, plt_slot, slots
    from ...observe.why.json_form import to_json
    from ...observe.why.loader_text import slots_text
    from ...observe.why.named_places import as_number
    from ...observe.why.run_watchers import BindingWatcher

    subject, options = asking_runs.read("got", SUBJECT, argv, parser())
    number = as_number(subject)

    def ask(kernel: Kernel, process: Process, symbols: Symbolizer) -> SlotWords:
        if process.loader_state is None:
            raise ToyvmError("toyvm's loader did not load this program: it is static, or has its own loader")
        wanted = subject if number is None else plt_slot(process, number, symbols) or number
        words = explain_slots(process, wanted, symbols, watcher.bound)
        if not words:
            names = sorted({name.decode("utf-8", "replace") for *_, name in slots(process)})
            raise ToyvmError(
                f"the loader fills in no word for '{subject}'. {did_you_mean(subject, names)}".rstrip()
            )
        return SlotWords(words)

    watcher = BindingWatcher(ask, options.pid, at_limit=options.at is not None)
    answer: SlotWords = asking_runs.answered(options, watcher)
    return asking_runs.show(options, slots_text(answer.words), to_json(answer, "toyvm.explain.got/1"))
