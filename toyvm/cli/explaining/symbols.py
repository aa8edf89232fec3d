"""`toyvm explain symbol`: who won a symbol, and by which rule."""

from __future__ import annotations

import argparse
import json
import sys

from ...base.diagnostics import did_you_mean
from ...base.errors import ToyvmError
from . import link_request

SCHEMA = "toyvm.explain.symbol/1"


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm explain symbol`."""
    p = link_request.parser(
        "symbol",
        "Explain a global symbol: every reference and definition in the order of reading, who won by which rule, and its "
        "address. A star marks the winner.",
    )
    p.add_argument("name", metavar="NAME", help="the symbol")
    link_request.add_link_options(p)
    return p


def main(argv: list[str]) -> int:
    """Link, and print the explanation."""
    words, ld_words = link_request.split(argv)
    options = parser().parse_intermixed_args(words)
    from ...explain.symbol_history import SymbolHistory
    from ...explain.symbol_text import symbol_text
    from ...explain.values import tree

    history = SymbolHistory(link_request.linked(options, ld_words, forgiving=True))
    try:
        answer = history.explain(options.name)
    except ToyvmError as error:
        print(
            f"toyvm explain: {error}. {did_you_mean(options.name, history.names())}".rstrip(), file=sys.stderr
        )
        return 1
    print(json.dumps({"schema": SCHEMA, **tree(answer)}, indent=2) if options.json else symbol_text(answer))
    return 0
