"""`toyvm explain reloc`: the arithmetic of relocations."""

from __future__ import annotations

import argparse
import json

from . import link_request

SCHEMA = "toyvm.explain.reloc/1"


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm explain reloc`."""
    p = link_request.parser(
        "reloc",
        "Explain relocations: operands, formula, bits, bytes before and after, what relaxation made of the code, and "
        "what is left to the loader.",
    )
    p.add_argument(
        "place", metavar="PLACE",
        help="OBJECT:SECTION+OFFSET, OBJECT:FUNCTION[+OFFSET], OBJECT:SECTION, SOURCE.s:LINE, or OBJECT for all of it; "
        "OBJECT may be the member of an archive, such as puts.o",
    )  # fmt: skip
    link_request.add_link_options(p)
    p.add_argument("--brief", action="store_true", help="print one line for each relocation")
    p.add_argument("--markers", action="store_true", help="show R_RISCV_RELAX too, which changes no bytes")
    return p


def main(argv: list[str]) -> int:
    """Link, and print the explanations."""
    options, ld_words = link_request.parse(parser(), argv)
    from ...explain.relocations.relocation_explanations import RelocationExplainer, explain_rows
    from ...explain.relocations.relocation_places import parse_place, rows_of
    from ...explain.relocations.relocation_text import relocation_line, relocation_text
    from ...explain.values import tree
    from ...relocations import R

    place = parse_place(options.place)
    explainer = RelocationExplainer(link_request.linked(options, ld_words, place.file))
    found = explain_rows(explainer, rows_of(explainer, place))
    if options.json:
        print(json.dumps({"schema": SCHEMA, "relocations": [tree(each) for each in found]}, indent=2))
        return 0
    shown = [each for each in found if options.markers or each.type != R.RELAX] or list(found)
    for number, each in enumerate(shown):
        if options.brief:
            print(relocation_line(each))
        else:
            print(("\n" if number else "") + relocation_text(each))
    return 0
