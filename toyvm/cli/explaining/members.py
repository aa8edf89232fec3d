"""`toyvm explain member`: why an archive member or a library takes part, or stays out."""

from __future__ import annotations

import argparse
import json

from . import link_request

SCHEMA = "toyvm.explain.member/1"


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm explain member`."""
    p = link_request.parser(
        "member",
        "Explain why an archive member or a library takes part in a link, with the chain of references that pulled it in, "
        "or why it stays out.",
    )
    p.add_argument(
        "name",
        metavar="MEMBER",
        help="a member (puts.o, 'libc.a(puts.o)'), an archive, a library, or its soname",
    )
    link_request.add_link_options(p)
    return p


def main(argv: list[str]) -> int:
    """Link, and print the explanations."""
    words, ld_words = link_request.split(argv)
    options = parser().parse_intermixed_args(words)
    from ...explain.member_chain import explain_member
    from ...explain.symbol_history import SymbolHistory
    from ...explain.symbol_text import members_text
    from ...explain.values import tree

    answers = explain_member(
        SymbolHistory(link_request.linked(options, ld_words, forgiving=True)), options.name
    )
    if options.json:
        print(json.dumps({"schema": SCHEMA, "members": [tree(answer) for answer in answers]}, indent=2))
    else:
        print(members_text(answers))
    return 0
