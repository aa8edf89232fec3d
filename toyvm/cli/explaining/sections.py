"""`toyvm explain section`: why a section is kept or gone, and where it is."""

from __future__ import annotations

import argparse
import json

from . import link_request

SCHEMA = "toyvm.explain.section/1"


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm explain section`."""
    p = link_request.parser(
        "section",
        "Explain sections: why each is kept or gone, the chain of references that keeps it under --gc-sections, the rule "
        "that placed it, and the arithmetic of its address.",
    )
    p.add_argument(
        "name", metavar="NAME", help="the section of the output, of all inputs, or of one object: OBJECT:NAME"
    )
    link_request.add_link_options(p)
    return p


def main(argv: list[str]) -> int:
    """Link, and print the explanations."""
    options, ld_words = link_request.parse(parser(), argv)
    from ...explain.address_text import input_section_text, output_section_text
    from ...explain.section_explanations import SectionExplainer
    from ...explain.values import tree

    explainer = SectionExplainer(link_request.linked(options, ld_words))
    sids, outputs = explainer.find(options.name)
    whole = [explainer.output_section(output) for output in outputs]
    parts = [explainer.input_section(sid) for sid in sids if not outputs or options.json]
    if options.json:
        found = {"outputs": [tree(each) for each in whole], "inputs": [tree(each) for each in parts]}
        print(json.dumps({"schema": SCHEMA, **found}, indent=2))
        return 0
    print("\n\n".join([*map(output_section_text, whole), *map(input_section_text, parts)]))
    return 0
