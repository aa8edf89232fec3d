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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Job:
    """A piece of work: `words` makes its inputs in a folder, and returns what follows `toyvm`.

    A short job has more `runs`: as many for each run of a long one.
    """

    words: Callable[[Path], list[str]]
    runs: int = 1


def jobs(percent: int) -> dict[str, Job]:
    """The pieces of work by name, at `percent` of the benchmarks' length."""

    def length(full: int) -> int:
        return max(1, full * percent // 100)

    def program(name: str, *args: int, flags: tuple[str, ...] = ()) -> Job:
        return Job(lambda folder: ["run", str(images.build(name, folder, flags=flags)), *map(str, args)])

    often = START_RUNS // 3
    return {
        **{name: program(name, length(full)) for name, full in WORK.items()},
        "forks": program("forks", flags=(f"-DN={length(FORKS)}",)),
        "map_storm": program("map_storm", length(MAPPINGS // 10)),
        **{f"hello {linkage}": Job(_hello(linkage), often) for linkage in ("static", "dynamic")},
        "as small": Job(_assemble_hello, often),
        "as large": Job(_assemble_compiled),
        "ld small": Job(_link_hello, often),
        "ld large": Job(_link_many),
    }


HELLO = data_dir("asm") / "hello.s"


def _hello(linkage: str) -> Callable[[Path], list[str]]:
    def words(folder: Path) -> list[str]:
        image = folder / f"hello-{linkage}"
        write_atomically(image, build_program([HELLO], linkage=linkage).image, 0o755)
        return ["run", str(image)]

    return words


def _assemble_hello(folder: Path) -> list[str]:
    return ["as", str(HELLO), "-o", str(folder / "small.o")]


def _assemble_compiled(folder: Path) -> list[str]:
    return ["as", str(sources.compiler_output(folder, 100_000)), "-o", str(folder / "large.o")]


def _link_hello(folder: Path) -> list[str]:
    libraries, hello = guest_libraries().path, folder / "hello.o"
    cpu_seconds([*TOYVM, "as", str(HELLO), "-o", str(hello)])
    inputs = ["-static", str(libraries / "crt1.o"), str(hello), "-L", str(libraries), "-lc"]
    return ["ld", *inputs, "-o", str(folder / "small")]


def _link_many(folder: Path) -> list[str]:
    """Objects whose functions call each other and refer to each other's data, by GNU as."""
    names = []
    for number, text in enumerate(sources.web_of_calls(objects=200, functions=100)):
        source, target = folder / f"part{number}.s", folder / f"part{number}.o"
        source.write_text(text)
        subprocess.run([GNU_AS, "-march=rv64gc", "-mno-relax", "-o", target, source], check=True)
        names.append(str(target))
    return ["ld", "-o", str(folder / "large"), *names]


def compare(other: Path, work: Mapping[str, Job], runs: int) -> list[float]:
    """Print a row for each job; the ratios of this tree's CPU time to the other's."""
    ratios = []
    print(f"{'work':<24}{'other':>10}{'here':>10}{'here/other':>12}   CPU seconds, medians")
    with tempfile.TemporaryDirectory(prefix="toyvm-against-") as name:
        folder = Path(name)
        for what, job in work.items():
            progress("", about=what)
            words = job.words(folder)
            commands = {
                side: Command(
                    [sys.executable, "-P", "-m", "toyvm", *words],
                    {"PYTHONPATH": str(tree), "XDG_CACHE_HOME": str(folder / f"cache-{side}")},
                )
                for side, tree in (("other", other), ("here", ROOT))
            }
            for command in commands.values():
                # This fills the cache; `interleaved` runs it once more, from byte code and warm.
                cpu_seconds(command)
            timings = interleaved(commands, runs * job.runs)
            before, now = timings["other"].median, timings["here"].median
            ratios.append(now / before)
            print(f"{what:<24}{before:>10.3f}{now:>10.3f}{now / before:>12.3f}", flush=True)
    print(f"{'geometric mean':<44}{statistics.geometric_mean(ratios):>12.3f}")
    return ratios


def parse(argv: list[str]) -> tuple[Path, dict[str, Job], int]:
    """The other tree, the work, and the runs of each command. Ends the process where they make no sense."""
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
    if options.runs < 1:
        parser.error("--runs: at least one")
    work = jobs(options.length)
    only = list(filter(None, options.only.split(",")))
    unknown = set(only) - set(work)
    if unknown:
        parser.error(f"no work named {', '.join(sorted(unknown))}; there are {', '.join(work)}")
    return options.tree.resolve(), {name: work[name] for name in only or work}, options.runs


def main(argv: list[str]) -> int:
    compare(*parse(argv))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
