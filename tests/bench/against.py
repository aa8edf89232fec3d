"""`python -m tests.bench.against TREE`: this checkout beside another one, command by command in turn.

    python -m tests.bench.against TREE [--runs N] [--only NAME,...] [--length PERCENT]

Says whether a change made anything slower: a busy machine hits both trees alike. Each tree has a cache of its own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import images, sources
from tests.bench.compute import WORK
from tests.bench.measure import Command, cpu_seconds, interleaved, progress
from tests.bench.settings import TOYVM
from tests.bench.system import FORKS, MAPPINGS, START_RUNS
from tests.support.harness import ROOT
from tests.support.oracles import GNU_AS
from toyvm.base.resources import data_dir, write_atomically
from toyvm.build import build_program, guest_libraries

Job = Callable[[Path], list[str]]  # from a folder to write in, the words after `toyvm`


def jobs(folder: Path, percent: int) -> Iterator[tuple[str, int, Job]]:
    """Name, how many times as many runs, and command of each piece of work; inputs are made in `folder` when asked for."""

    def run(image: Path, *words: str) -> Job:
        return lambda _: ["run", str(image), *words]

    for name, full in WORK.items():
        yield name, 1, run(images.build(name, folder), str(max(1, full * percent // 100)))
    forks = max(1, FORKS * percent // 100)
    yield "forks", 1, run(images.build("forks", folder, flags=(f"-DN={forks}",)))
    yield "map_storm", 1, run(images.build("map_storm", folder), str(max(1, MAPPINGS * percent // 1000)))
    hello = data_dir("asm") / "hello.s"
    for linkage in ("static", "dynamic"):
        image = folder / f"hello-{linkage}"
        write_atomically(image, build_program([hello], linkage=linkage).image, 0o755)
        yield f"hello {linkage}", START_RUNS // 3, run(image)
    text = sources.compiler_output(folder, 100_000)
    yield "as, small", START_RUNS // 3, lambda out: ["as", str(hello), "-o", str(out / "small.o")]
    yield "as, large", 1, lambda out: ["as", str(text), "-o", str(out / "large.o")]
    libraries = guest_libraries().path
    small = folder / "hello.o"
    cpu_seconds([*TOYVM, "as", str(hello), "-o", str(small)])
    words = ["ld", "-static", str(libraries / "crt1.o"), str(small), "-L", str(libraries), "-lc"]
    yield "ld, small", START_RUNS // 3, lambda out: [*words, "-o", str(out / "small")]
    objects = _many_objects(folder)
    yield "ld, large", 1, lambda out: ["ld", "-o", str(out / "large"), *objects]


def _many_objects(folder: Path) -> list[str]:
    """Objects whose functions call each other and refer to each other's data, by GNU as."""
    names = []
    for number, text in enumerate(sources.web_of_calls(objects=200, functions=100)):
        source, target = folder / f"part{number}.s", folder / f"part{number}.o"
        source.write_text(text)
        subprocess.run([GNU_AS, "-march=rv64gc", "-mno-relax", "-o", target, source], check=True)
        names.append(str(target))
    return names


def compare(other: Path, runs: int, only: frozenset[str], percent: int) -> list[float]:
    """Print a row for each job; the ratios of this tree's CPU time to the other's."""
    ratios = []
    print(f"{'work':<24}{'other':>10}{'here':>10}{'here/other':>12}   CPU seconds, medians")
    with tempfile.TemporaryDirectory(prefix="toyvm-against-") as name:
        folder = Path(name)
        for what, times, job in jobs(folder, percent):
            if only and what not in only:
                continue
            progress("", about=what)
            commands = {
                side: Command(
                    [sys.executable, "-P", "-m", "toyvm", *job(folder)],
                    {"PYTHONPATH": str(tree), "XDG_CACHE_HOME": str(folder / f"cache-{side}")},
                )
                for side, tree in (("other", other), ("here", ROOT))
            }
            for command in commands.values():
                cpu_seconds(
                    command
                )  # fills the cache; `interleaved` runs it once more, from byte code and warm
            timings = interleaved(commands, runs * times)
            before, now = timings["other"].median, timings["here"].median
            ratios.append(now / before)
            print(f"{what:<24}{before:>10.3f}{now:>10.3f}{now / before:>12.3f}", flush=True)
    print(f"{'geometric mean':<44}{statistics.geometric_mean(ratios):>12.3f}")
    return ratios


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.against", description="Compare two checkouts."
    )
    parser.add_argument("tree", type=Path, help="the other checkout")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each command (default 5)")
    parser.add_argument("--only", default="", metavar="NAME,...", help="only these pieces of work")
    parser.add_argument(
        "--length", type=int, default=20, metavar="PERCENT", help="of the benchmarks' work (default 20)"
    )
    options = parser.parse_args(argv)
    if not (options.tree / "toyvm" / "__init__.py").exists():
        parser.error(f"{options.tree}: no checkout of toyvm")
    compare(
        options.tree.resolve(), options.runs, frozenset(filter(None, options.only.split(","))), options.length
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
