"""`make bench`: the figures that the aims are stated in, each beside its oracle, run in turn with it."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import compute, sources
from tests.bench.measure import interleaved
from tests.oracles import GNU_AS, GNU_LD
from toyvm.build import build_program, guest_libraries
from toyvm.resources import data_dir, write_atomically

TOYVM = [sys.executable, "-m", "toyvm"]


@dataclass(frozen=True)
class Row:
    """One result: our figure, the oracle's, their ratio, and the aim for it."""

    what: str
    ours: float
    oracle: float
    ratio: float
    aim: str


def assembling(folder: Path) -> Iterator[Row]:
    """`toyvm as` against GNU as on 100,000 lines of compiler output."""
    text = sources.compiler_output(folder)
    count = sum(1 for _ in text.open())
    times = interleaved(
        {
            "ours": [*TOYVM, "as", str(text), "-o", str(folder / "ours.o")],
            "gnu": [GNU_AS, str(text), "-o", str(folder / "gnu.o")],
        }
    )
    ours, gnu = times["ours"].median, times["gnu"].median
    yield Row(f"assemble {count:,} lines, s (GNU as)", ours, gnu, ours / gnu, "8 or less")


def linking(folder: Path) -> Iterator[Row]:
    """`toyvm ld` against GNU ld: static hello."""
    libraries = guest_libraries().path
    hello = folder / "hello.o"
    inputs = [str(libraries / "crt1.o"), str(hello), "-L", str(libraries), "-lc"]
    out = str(folder / "hello")
    from tests.bench.measure import cpu_seconds

    cpu_seconds([*TOYVM, "as", str(data_dir("asm") / "hello.s"), "-o", str(hello)])
    times = interleaved(
        {
            "ours": [*TOYVM, "ld", "-static", "-o", out, *inputs],
            "gnu": [GNU_LD, "-static", "-o", out, *inputs],
        }
    )
    ours, gnu = times["ours"].median, times["gnu"].median
    yield Row("link static hello, s (GNU ld)", ours, gnu, ours / gnu, "-")


def starting(folder: Path) -> Iterator[Row]:
    """`toyvm run` on the static and dynamic hello against an empty Python."""
    commands = {"python": [sys.executable, "-c", "pass"]}
    for linkage in ("static", "dynamic"):
        image = folder / f"hello-{linkage}"
        write_atomically(image, build_program([data_dir("asm") / "hello.s"], linkage=linkage).image, 0o755)
        commands[linkage] = [*TOYVM, "run", str(image)]
    times = interleaved(commands, runs=9)
    python = times["python"].median
    for linkage, aim in (("static", "under 5"), ("dynamic", "-")):
        ours = times[linkage].median
        yield Row(f"run {linkage} hello, s (python3 -c pass)", ours, python, ours / python, aim)


def executing(folder: Path) -> Iterator[Row]:
    """The reference engine on a loop with loads and stores, in million instructions a second."""
    commands = {}
    counts = {}
    for name, rounds in (("short", 10), ("long", 710)):
        text, counts[name] = sources.memory_loop(rounds)
        source, image = folder / f"{name}.s", folder / name
        source.write_text(text)
        write_atomically(image, build_program([source], linkage="static").image, 0o755)
        commands[name] = [*TOYVM, "run", "--engine", "reference", str(image)]
    times = interleaved(commands, runs=3)
    seconds = times["long"].median - times["short"].median
    rate = (counts["long"] - counts["short"]) / seconds / 1e6
    yield Row("reference engine, million instructions/s (1)", rate, 1.0, rate, "1 or more")


def computing(folder: Path) -> Iterator[Row]:
    """The LLVM engine on compute programs against qemu-riscv64, its cache cold and warm, and qemu against the native build."""
    warm, cold = [], []
    for result in compute.results(folder):
        warm.append(result.warm / result.qemu)
        cold.append(result.cold / result.qemu)
        for way, seconds, ratio, aim in (
            ("warm", result.warm, warm[-1], "1.0 or less"),
            ("cold", result.cold, cold[-1], "-"),
        ):
            yield Row(f"{result.name}, {way}, s (qemu-riscv64)", seconds, result.qemu, ratio, aim)
        yield Row(
            f"{result.name}, warm, s (native)", result.warm, result.native, result.warm / result.native, "-"
        )
    for way, ratios, aim in (("warm", warm, "0.6 or less"), ("cold", cold, "0.9 or less")):
        mean = statistics.geometric_mean(ratios)
        yield Row(f"geometric mean, {way}", mean, 1.0, mean, aim)


BENCHES: dict[str, Callable[[Path], Iterator[Row]]] = {
    "as": assembling,
    "ld": linking,
    "start": starting,
    "engine": executing,
    "compute": computing,
}


def main(argv: list[str]) -> int:
    """Run the benchmarks named in `argv` (all by default); `--json` for a machine to read."""
    names = [word for word in argv if not word.startswith("-")] or list(BENCHES)
    rows = []
    if "--json" not in argv:
        print(f"{'':<48}{'ours':>10}{'oracle':>10}{'ratio':>8}  aim")
    for name in names:
        with tempfile.TemporaryDirectory(prefix="toyvm-bench-") as folder:
            for row in BENCHES[name](Path(folder)):
                rows.append(row)
                if "--json" not in argv:
                    print(
                        f"{row.what:<48}{row.ours:>10.3f}{row.oracle:>10.3f}{row.ratio:>8.2f}  {row.aim}",
                        flush=True,
                    )
    if "--json" in argv:
        print(json.dumps({"schema": "toyvm.bench/1", "rows": [vars(row) for row in rows]}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
