"""`toyvm explain lookup NAME PROGRAM`: how the dynamic loader looked a symbol up."""

from __future__ import annotations

import argparse

from ...base.diagnostics import did_you_mean
from ...base.errors import ToyvmError
from . import asking_runs

SUBJECT = "NAME[@VERSION]"


def parser() -> argparse.ArgumentParser:
    """The options of the kind."""
    return asking_runs.parser(
        "lookup",
        SUBJECT,
        "Run a program with toyvm's dynamic loader, and explain each look-up of a symbol: who asked, the scopes in order, "
        "each object tried with the verdict of its hash table and versions, the winner, and the rule.",
    )


def main(argv: list[str]) -> int:
    """Explain the look-ups."""
    from ...observe.why.json_form import to_json
    from ...observe.why.loader_text import lookups_text
    from ...observe.why.run_watchers import LookupWatcher

    name, options = asking_runs.read("lookup", SUBJECT, argv, parser())
    watcher = LookupWatcher(name)
    asking_runs.execute(options, watcher)
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


def _nothing(watcher: object) -> str:
    names = getattr(watcher, "names", ())
    if names:
        return f"toyvm's loader looked up {len(names)} other names, and not this one."
    return (
        "toyvm's loader looked up no symbol: the program is static, or runs with the loader in its PT_INTERP "
        "(there, LD_DEBUG=symbols,bindings tells; --interp toyvm chooses toyvm's)."
    )
