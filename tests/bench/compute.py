"""The compute programs: toyvm with a cold and a warm cache of translations, qemu-riscv64, and the native build."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import cpu_seconds
from tests.oracles import GCC, QEMU

PROGRAMS = Path(__file__).parent / "programs"
# How much work makes qemu take two seconds or more.
WORK = {
    "fib": 40,
    "sieve": 220,
    "matmul": 8,
    "quicksort": 4,
    "crc": 12000,
    "interpreter": 15_000_000,
    "hash": 1000,
    "strings": 9000,
    "sha256": 3000,
}
FLAGS = [
    "-O2",
    "-static",
    "-nostdlib",
    "-nostartfiles",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-stack-protector",
]
RISCV = ["-march=rv64imac", "-mabi=lp64"]


@dataclass(frozen=True)
class Result:
    """CPU seconds of one program, each the median of its runs."""

    name: str
    cold: float
    warm: float
    qemu: float
    native: float


def build(name: str, folder: Path, *, native: bool) -> Path:
    """The program as a static executable without a library."""
    out = folder / (f"{name}.native" if native else name)
    source = PROGRAMS / f"{name}.c"
    compiler = ["gcc", "-fno-pie", "-no-pie", "-fno-tree-vectorize"] if native else [GCC, *RISCV]
    subprocess.run([*compiler, *FLAGS, f"-DN={WORK[name]}", "-o", str(out), str(source)], check=True)
    return out


def measure(name: str, folder: Path, runs: int = 3) -> Result:
    """All ways of running one program, in turn. The cache is one of our own. Raises if outputs differ."""
    image, native = build(name, folder, native=False), build(name, folder, native=True)
    toyvm = [sys.executable, "-m", "toyvm", "run", "--engine", "llvm"]
    warm = [*toyvm, str(image)]
    told = {
        subprocess.run(command, capture_output=True, check=True).stdout
        for command in ([*warm], [QEMU, str(image)])
    }
    if len(told) != 1:
        raise AssertionError(f"{name}: outputs differ: {told}")
    subprocess.run(warm, capture_output=True, check=True)
    commands = {
        "cold": [*toyvm, "--no-cache", str(image)],
        "warm": warm,
        "qemu": [QEMU, str(image)],
        "native": [str(native)],
    }
    seconds: dict[str, list[float]] = {way: [] for way in commands}
    for _ in range(runs):
        for way, command in commands.items():
            seconds[way].append(cpu_seconds(command))
    return Result(name, **{way: statistics.median(times) for way, times in seconds.items()})


def results(folder: Path) -> Iterator[Result]:
    """Every program."""
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    for name in WORK:
        yield measure(name, folder)
