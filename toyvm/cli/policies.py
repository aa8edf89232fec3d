"""`toyvm policies`: replay a recorded run with page replacement policies, and count the misses."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ..base.errors import UsageError
from .help_formatter import HelpFormatter
from .terminal.progress_line import ProgressLine

if TYPE_CHECKING:
    from ..observe.pages.miss_ratio import Curves
    from ..observe.pages.page_trace import PageTrace
    from ..observe.pages.reference_string import ReferenceString

POLICIES = ("fifo", "clock", "lru", "lfu", "random", "arc", "opt")
SAMPLES = ("belady",)
FRAMES, FRAMES_OF_A_STRING = "4..4096", "1..8:1"


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm policies`."""
    p = argparse.ArgumentParser(
        prog="toyvm policies",
        formatter_class=HelpFormatter,
        description="Replay a recorded run with page replacement policies, and show the misses by number of frames.",
    )
    p.add_argument("trace", nargs="?", metavar="TRACE", help="a file made by `toyvm trace pages`")
    source = p.add_argument_group("instead of a trace")
    source.add_argument("--string", metavar="N,N,...", help="replay a reference string of page numbers")
    source.add_argument("--sample", choices=SAMPLES, help="replay a reference string from the literature")
    p.add_argument(
        "--frames",
        metavar="WHICH",
        help="set the numbers of frames: 4..4096 doubles, 1..16:1 counts in steps of 1, commas join "
        f"(default: {FRAMES}, or {FRAMES_OF_A_STRING} for a string)",
    )
    p.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="WHICH,...",
        help=f"replay only these policies (any of {', '.join(POLICIES)})",
    )
    add_selection(p)
    p.add_argument("--seed", type=int, default=1, metavar="N", help="seed the random policy (default: 1)")
    p.add_argument("--ratio", action="store_true", help="show misses in percent of all references")
    p.add_argument("--svg", metavar="FILE", help="write a plot of the miss ratios")
    p.add_argument("--json", action="store_true", help="print everything as JSON")
    return p


def add_selection(p: argparse.ArgumentParser) -> None:
    """Add the options that select references."""
    p.add_argument(
        "--references",
        choices=("all", "data", "code"),
        default="all",
        help="use only data references (loads and stores), only fetches of code, or all (default: all)",
    )
    p.add_argument("--space", type=int, metavar="N", help="use only one address space (0 is the first)")


def select(trace: PageTrace, options: argparse.Namespace) -> ReferenceString:
    """The references of a trace that the options select. Raises UsageError for an unknown space."""
    from ..observe.pages.reference_string import reference_string

    if options.space is not None and not 0 <= options.space < len(trace.spaces):
        raise UsageError(
            f"--space {options.space}: {options.trace} has {len(trace.spaces)} address spaces, numbered from 0"
        )
    return reference_string(trace, options.references, options.space)


def main(argv: list[str]) -> int:
    """Replay the references, and print the misses."""
    options = parser().parse_args(argv)
    if sum(source is not None for source in (options.trace, options.string, options.sample)) != 1:
        raise UsageError("expected one of TRACE, --string and --sample")
    wanted = [word for words in options.policy for word in words.split(",") if word] or POLICIES
    if unknown := sorted(set(wanted) - set(POLICIES)):
        raise UsageError(f"--policy {unknown[0]}: expected any of {', '.join(POLICIES)}")
    from ..base.resources import require_other_file
    from ..observe.pages.miss_ratio import curves, parse_frames, text_table
    from ..observe.pages.page_trace import read_trace

    if options.svg and options.trace:
        require_other_file(options.svg, [options.trace])
    frames = parse_frames(options.frames or (FRAMES if options.trace else FRAMES_OF_A_STRING))
    with ProgressLine() as progress:
        result = curves(
            select(read_trace(options.trace), options) if options.trace else _string(options),
            frames,
            [policy for policy in POLICIES if policy in wanted],
            options.seed,
            progress,
        )
    if options.svg:
        _draw(result, options.svg, os.path.basename(options.trace or options.sample or "a string"))
    if options.json:
        import json

        print(json.dumps(result.to_json(), indent=2))
    else:
        print(text_table(result, ratios=options.ratio), end="")
    return 0


def _string(options: argparse.Namespace) -> ReferenceString:
    from ..observe.pages.miss_ratio import BELADY
    from ..observe.pages.reference_string import from_pages

    if options.sample:
        return from_pages(BELADY)
    words = options.string.replace(",", " ").split()
    if not words or not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise UsageError("--string: expected page numbers such as 1,2,3,4,1,2,5")
    return from_pages([int(word) for word in words])


def _draw(result: Curves, path: str, name: str) -> None:
    from ..base.resources import write_atomically
    from ..observe.pictures.locality_charts import miss_ratios

    if not result.references:
        raise UsageError(f"--svg: {name} has no references to draw")
    picture = miss_ratios(result, f"Miss ratio by policy: {name}")
    write_atomically(path, picture.encode("utf-8", "replace"))
