"""`toyvm explain lookup NAME PROGRAM`: how the dynamic loader looked a symbol up."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...base.diagnostics import did_you_mean
from ...base.errors import ToyvmError
from . import asking_runs

if TYPE_CHECKING:
    from ...observe.why.run_watchers import LookupWatcher
    from .asking_runs import QuestionOptions

SUBJECT = "NAME[@VERSION]"


def parser() -> argparse.ArgumentParser:
    """The options of the kind."""
    return asking_runs.parser(
        "lookup",
        SUBJECT,
        "Run a program, and explain each look-up of a symbol: who asked, the scopes in order, each object tried with the "
        "verdict of its hash table and versions, the winner, and the rule. A loader that runs as a guest, such as "
        "glibc's, is asked by LD_DEBUG, and tells less.",
    )


def main(argv: list[str]) -> int:
    """Explain the look-ups."""
    from ...observe.why.json_form import to_json
    from ...observe.why.loader_text import lookups_text
    from ...observe.why.run_watchers import LookupWatcher

    name, options = asking_runs.read("lookup", SUBJECT, argv, parser())
    watcher = LookupWatcher(name)
    asking_runs.execute(options, watcher)
    if not watcher.names:
        _ask_the_guest(options, watcher, name)
    if not watcher.lookups:
        raise ToyvmError(f"{_nothing(watcher)} {did_you_mean(name, sorted(watcher.names))}".rstrip())
    text = lookups_text(watcher.lookups)
    if watcher.left_out:
        text += f"\n\nand {watcher.left_out:,} more"
    answer = {
        "schema": "toyvm.explain.lookup/1",
        "lookups": [to_json(lookup) for lookup in watcher.lookups],
        "left_out": watcher.left_out,
    }
    return asking_runs.show(options, text, answer)


def _ask_the_guest(options: QuestionOptions, watcher: LookupWatcher, name: str) -> None:
    """Run once more with LD_DEBUG, for a loader that runs as a guest: glibc's tells what it does."""
    from ...base.record import replace
    from ...observe.why.ld_debug_lookups import WORDS, lookups_of, names_of

    asked = replace(options, env=(*options.env, ("LD_DEBUG", WORDS)))
    told = asking_runs.execute(asked, watcher).stderr.decode("utf-8", "replace")
    symbol, _, version = name.partition("@")
    watcher.names |= names_of(told)
    watcher.lookups += [*lookups_of(told, symbol, version.lstrip("@"))][: watcher.MOST]


def _nothing(watcher: object) -> str:
    names = getattr(watcher, "names", ())
    if names:
        return f"the loader looked up {len(names)} other names, and not this one."
    return "no loader looked up a symbol: the program is static, or its loader does not know LD_DEBUG."
