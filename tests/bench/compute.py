"""The compute programs: toyvm with a cold and a warm cache of translations, qemu-riscv64, and the native build."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bench.images import build
from tests.bench.measure import Command, environment_with, interleaved, progress
from tests.bench.settings import Cache, Settings
from tests.bench.tables import Column, Row, Table
from tests.support.oracles import QEMU

# How much work makes qemu take two seconds or more.
WORK = {
    "fib": 100,
    "sieve": 300,
    "matmul": 9,
    "matmul_double": 2,
    "quicksort": 4,
    "crc": 12_000,
    "interpreter": 15_000_000,
    "hash": 1000,
    "strings": 10_000,
    "sha256": 3000,
    "nbody": 1_000_000,
    "mix": 36_000,
}
# Loads that wait for loads, over some thousands of pages.
CHASING = {"list": 60, "tree": 25, "chains": 100}
# Code that runs a few times.
WIDE = {"wide": 100}
# Data that the host's caches hold.
SMALL = {"product128": 500}
# Nobody waits longer for a run of one program: one that takes so long is given a tenth of the work.
PATIENCE = 90.0

COLUMNS = (
    Column("what", "program"),
    Column("length", "length", ",d"),
    Column("cold", "cold"),
    Column("warm", "warm"),
    Column("qemu", "qemu"),
    Column("native", "native"),
    Column("warm/qemu", "warm/qemu"),
    Column("cold/qemu", "cold/qemu"),
    Column("warm/native", "warm/native", ".1f"),
    Column("instructions", "instructions", ",d"),
    Column("rate", "million/s", ",.0f"),
    Column("translating", "translating"),
    Column("translations", "translations", ",d"),
    Column("cache", "cache, KiB", ",.0f"),
)
TABLE = Table("compute programs, CPU seconds", COLUMNS)
POINTERS = Table("pointers, CPU seconds", COLUMNS)
PRODUCT = Table("a product of small matrices, CPU seconds", COLUMNS)
FEW = Table("code that runs a few times, CPU seconds", COLUMNS)


def rows(settings: Settings) -> Iterator[Row]:
    """The compute programs (see `_measured`)."""
    return _measured(WORK, settings)


def chasing(settings: Settings) -> Iterator[Row]:
    """The programs that follow pointers."""
    return _measured(CHASING, settings)


def product(settings: Settings) -> Iterator[Row]:
    """The product of two small matrices."""
    return _measured(SMALL, settings)


def wide(settings: Settings) -> Iterator[Row]:
    """The program with much code."""
    return _measured(WIDE, settings)


def _measured(programs: dict[str, int], settings: Settings) -> Iterator[Row]:
    """A row for each program, and the geometric mean of the ratios.

    Raises `AssertionError` if toyvm and qemu print different things, or two runs of toyvm count different instructions.
    """
    done = []
    for name, full in programs.items():
        if settings.wants(name):
            progress("building", about=name)
            done.append(measure(name, settings.length(full), settings))
            yield done[-1]
    measured = [row for row in done if row["warm"] is not None]
    if len(measured) > 1:
        mean: Row = {"what": "geometric mean"}
        for key in ("warm/qemu", "cold/qemu", "warm/native"):
            mean[key] = statistics.geometric_mean([float(row[key] or 0) for row in measured])
        yield mean


def measure(name: str, length: int, settings: Settings) -> Row:
    """All ways of running one program, in turn."""
    image = build(name, settings.folder)
    native = build(name, settings.folder, native=True)
    warm, cold = Cache(settings.folder / "warm"), Cache(settings.folder / "cold")
    checked = check(image, length, warm)
    while checked is None and length > 1:
        length = max(1, length // 10)
        checked = check(image, length, warm)
    if checked is None:
        return {"what": name, "length": length, "warm": None}
    work = str(length)
    timings = interleaved(
        {
            "cold": cold.run_without_translations(image, work),
            "warm": warm.run(image, work),
            "qemu": [QEMU, str(image), work],
            "native": [str(native), work],
        },
        settings.runs,
    )
    seconds = {way: timing.median for way, timing in timings.items()}
    files = [path.stat().st_size for path in cold.native.glob("*")]
    return {
        "what": name,
        "length": length,
        **seconds,
        "warm/qemu": seconds["warm"] / seconds["qemu"],
        "cold/qemu": seconds["cold"] / seconds["qemu"],
        "warm/native": seconds["warm"] / seconds["native"],
        "instructions": checked,
        "rate": checked / seconds["warm"] / 1e6,
        "translating": seconds["cold"] - seconds["warm"],
        "translations": len(files),
        "cache": sum(files) / 1024,
    }


def check(image: Path, length: int, cache: Cache) -> int | None:
    """How many instructions a program takes, or None if that takes too long; as a side effect the cache is filled.

    Raises `AssertionError` if it prints something else than under qemu, or if its second run has another count.
    """
    counts = set()
    for _ in range(2):
        command = cache.run("--stats", "--json", image, str(length))
        progress(f"checking its output for {length:,}")
        try:
            told = _outcome(command, PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        counts.add(json.loads(told.stderr)["instructions"])
        expected = subprocess.run([QEMU, image, str(length)], capture_output=True, check=True).stdout
        if told.stdout != expected:
            raise AssertionError(f"{image.name}: prints {told.stdout!r}, under qemu {expected!r}")
    if len(counts) != 1:
        raise AssertionError(f"{image.name}: two runs took {counts} instructions")
    return int(counts.pop())


def _outcome(command: Command, timeout: float) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command.words,
        capture_output=True,
        check=True,
        timeout=timeout,
        env=environment_with(command.environment),
    )
