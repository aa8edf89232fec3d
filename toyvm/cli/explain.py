"""`toyvm explain KIND ...`: why a relocation, a section, an address is what it is. Each kind is a module of `explaining`."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from types import ModuleType

from .help_formatter import HelpFormatter

# kind -> (module with parser() and main(argv), summary)
KINDS: dict[str, tuple[str, str]] = {
    "reloc": ("relocations", "a relocation: its operands, formula, bits and bytes, and what relaxation did"),
    "section": ("sections", "a section: why it is kept or gone, the rule that placed it, its address"),
    "address": ("addresses", "an address: source line, object, section, segment, byte in the file"),
    "symbol": ("symbols", "a global symbol: who mentions it, who won by which rule, its address"),
    "member": ("members", "an archive member or library: what pulled it in, or why it stays out"),
    "lookup": (
        "lookup",
        "the look-ups of a symbol by the dynamic loader: scopes, objects, hash tables, rule",
    ),
    "got": ("got", "a word that the dynamic loader fills in: what it is for, when it was bound"),
    "fault": ("fault", "the Nth page fault of a run: entry before, rule, frame, entry after, cost"),
    "page": ("page", "what changed the page table entry of a page, from the first use on"),
    "frame": ("frame", "a frame of physical memory, and everyone who refers to it"),
    "process": ("process", "where a process's memory is"),
}

# kinds that `--run` asks of a run instead of a file
OF_A_RUN = {"address": "run_address", "symbol": "lookup"}


def parser() -> argparse.ArgumentParser:
    """The kinds as subcommands, each with its options."""
    p = argparse.ArgumentParser(
        prog="toyvm explain",
        formatter_class=HelpFormatter,
        description="Explain why something in a program is what it is.",
        epilog="`toyvm explain KIND --help` shows the options of a kind.",
    )
    kinds = p.add_subparsers(dest="kind", metavar="KIND", required=True)
    for name, (_, summary) in KINDS.items():
        kinds.add_parser(name, help=summary, parents=[_module(name).parser()], add_help=False)
    return p


def main(argv: list[str]) -> int:
    """Run one kind."""
    if argv and argv[0] in OF_A_RUN and "--run" in argv:
        argv.remove("--run")
        asked: int = import_module(f".explaining.{OF_A_RUN[argv[0]]}", __package__).main(argv[1:])
        return asked
    if argv and argv[0] in KINDS:
        status: int = _module(argv[0]).main(argv[1:])
        return status
    if not argv:
        print("usage: toyvm explain KIND ...", file=sys.stderr)
        print(f"The kinds are {', '.join(KINDS)} (see --help).", file=sys.stderr)
        return 2
    if argv[0].startswith("-"):
        parser().parse_args(argv)
        return 0
    from ..base.diagnostics import did_you_mean

    hint = did_you_mean(argv[0], KINDS)
    print(f"toyvm explain: '{argv[0]}' is no kind of thing to explain. {hint}".rstrip(), file=sys.stderr)
    print(f"The kinds are {', '.join(KINDS)}.", file=sys.stderr)
    return 2


def _module(kind: str) -> ModuleType:
    return import_module(f".explaining.{KINDS[kind][0]}", __package__)
