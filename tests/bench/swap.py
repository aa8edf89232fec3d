"""What it costs to have less memory than programs use: a page that comes back and another that goes, by policy and by size."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bench.images import build
from tests.bench.measure import Command, environment_with, interleaved, progress
from tests.bench.settings import Cache, Settings
from tests.bench.tables import Column, Row, Table
from toyvm.run_options import RECLAIM_POLICIES

MEMORIES = {"4M": 1_000, "40M": 10_000, "400M": 100_000}  # about so many frames
QUARTER = "420K"  # of what the product of 256 x 256 uses

POLICIES = Table(
    "a product of 256 x 256 with a quarter of the memory it uses, CPU seconds",
    (
        Column("what", "policy"),
        Column("enough", "enough memory"),
        Column("warm", "a quarter"),
        Column("slower", "times slower", ".1f"),
        Column("in", "pages read", ",d"),
        Column("out", "pages written", ",d"),
        Column("each", "us a page", ",.1f"),
    ),
)
SWAPPING = Table(
    "one page that comes back while another goes, microseconds",
    (
        Column("what", "memory"),
        Column("read", "read", ",.1f"),
        Column("alone", "read, no neighbours", ",.1f"),
        Column("write", "written", ",.1f"),
    ),
)


def _statistics(command: Command) -> dict[str, int]:
    """What `--stats --json` tells of reclaim in a run."""
    words = [*command.words[:4], "--stats", "--json", *command.words[4:]]
    told = subprocess.run(words, capture_output=True, check=True, env=environment_with(command.environment))
    figures: dict[str, int] = json.loads(told.stderr)["reclaim"]
    return figures


def policies(settings: Settings) -> Iterator[Row]:
    """The same product under each policy of reclaim, beside the product with enough memory."""
    image = build("product", settings.folder)
    cache = Cache(settings.folder / "cache")
    for policy in RECLAIM_POLICIES:
        if not settings.wants(policy):
            continue
        progress("", about=policy)
        tight = cache.run("--memory", QUARTER, "--swap", "16M", "--reclaim", policy, image)
        timings = interleaved({"enough": cache.run(image), "warm": tight}, settings.runs)
        enough, warm = (timings[way].median for way in ("enough", "warm"))
        told = _statistics(tight)
        read, written = told["swapped_in"], told["swapped_out"]
        yield {
            "what": policy,
            "enough": enough,
            "warm": warm,
            "slower": warm / enough,
            "in": read,
            "out": written,
            "each": (warm - enough) / read * 1e6,
        }


def swapping(settings: Settings) -> Iterator[Row]:
    """Going in order through a quarter more pages than there are frames: the difference of two lengths, for each page."""
    for memory, frames in MEMORIES.items():
        if not settings.wants(memory):
            continue
        progress("building", about=memory)
        pages = frames * 5 // 4
        more = max(1, settings.length(50_000) // pages)
        row: Row = {"what": f"{memory}: {frames:,} frames"}
        for name, options, write in (
            ("read", (), 0),
            ("alone", ("--swap-readahead", "1"), 0),
            ("write", (), 1),
        ):
            ends: dict[str, Command] = {}
            for end, rounds in (("short", 1), ("long", 1 + more)):
                folder = settings.folder / f"{name}-{end}"
                folder.mkdir(exist_ok=True)
                image = build(
                    "cycle", folder, flags=(f"-DPAGES={pages}", f"-DROUNDS={rounds}", f"-DWRITE={write}")
                )
                ends[end] = _tight(settings.folder, memory, pages, *options, image)
            timings = interleaved(ends, settings.runs)
            row[name] = (timings["long"].median - timings["short"].median) / (more * pages) * 1e6
        yield row


def _tight(folder: Path, memory: str, pages: int, *words: str | Path) -> Command:
    return Cache(folder / "cache").run("--memory", memory, "--swap", f"{pages // 128 + 16}M", *words)


GROUPS = {"policies": (POLICIES, policies), "swapping": (SWAPPING, swapping)}
