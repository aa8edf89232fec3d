"""Random programs of threads: the same result under every interleaving and on every engine as on the host's Linux.

`thread_programs.c` makes up a program from a seed. What it prints depends on no schedule, so a lost wake-up, a torn atomic
or a signal that goes astray is a different line or a deadlock. A guest runs many programs one after the other, which makes
a program a twentieth of a second. A few by default;
`TOYVM_THREAD_PROGRAMS=2000 TOYVM_THREAD_SCHEDULES=20` runs as many of each, in about an hour of one processor.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import OPTIONS
from tests.support.oracles import GCC, GO, HOST_GCC, require_oracle
from tests.support.ways import engines_made, facts
from toyvm.base.record import replace
from toyvm.result import RunResult
from toyvm.system import run

pytestmark = pytest.mark.oracle
SOURCE = Path(__file__).with_name("thread_programs.c")
PROGRAMS = int(os.environ.get("TOYVM_THREAD_PROGRAMS", "30"))
SCHEDULES = int(os.environ.get("TOYVM_THREAD_SCHEDULES", "3"))
BATCH = 400 if PROGRAMS >= 400 else 10  # programs of one guest
BATCHES = range(0, PROGRAMS, BATCH)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The program for the host and for toyvm."""
    require_oracle(GCC, HOST_GCC)
    folder = tmp_path_factory.mktemp("threads")
    here, there = folder / "here", folder / "there"
    subprocess.run([HOST_GCC, "-O2", "-w", "-o", here, SOURCE], check=True)
    subprocess.run([GCC, "-O2", "-w", "-static", "-o", there, SOURCE], check=True)
    return here, there


def run_batch(program: Path, first: int, schedule: int, way: str) -> RunResult:
    """The programs from `first` on under one schedule; nothing goes wrong and nothing is left."""
    with engines_made(way):
        options = replace(OPTIONS, schedule_seed=schedule, max_instructions=BATCH * 5_000_000)
        result = run(program, [program.name, str(first), str(BATCH)], options, stdin=b"", capture=True)
    assert (result.status, result.stderr) == (0, b""), (first, schedule, result.stdout[-300:])
    assert (result.frames_leaked, result.slots_leaked) == (0, 0)
    return result


@pytest.mark.parametrize("first", BATCHES)
def test_every_schedule_gives_the_hosts_result(built: tuple[Path, Path], first: int) -> None:
    here, there = built
    command = [here, str(first), str(BATCH)]
    expected = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.splitlines()
    assert len(expected) == BATCH + 1  # no line about an unexpected error
    switches = set()
    for schedule in range(SCHEDULES):
        result = run_batch(there, first, schedule, "llvm")
        assert result.stdout.splitlines() == expected, schedule
        switches.add(result.stats.context_switches)
    assert len(switches) > SCHEDULES // 2  # they are different interleavings


@pytest.mark.parametrize("first", BATCHES)
def test_every_engine_switches_at_the_same_instructions(built: tuple[Path, Path], first: int) -> None:
    expected = facts(run_batch(built[1], first, first, "llvm"))
    for way in ("reference", "eager") if first % 2000 == 0 else ("reference",):
        assert facts(run_batch(built[1], first, first, way)) == expected, way


@pytest.mark.parametrize("first", BATCHES if SCHEDULES >= 20 else BATCHES[::3])
def test_no_difference_in_lockstep(built: tuple[Path, Path], first: int) -> None:
    run_batch(built[1], first, first + 1, "lockstep")


@pytest.fixture(scope="module")
def goroutines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program for toyvm."""
    require_oracle(GO)
    folder = tmp_path_factory.mktemp("go")
    told = {"GOOS": "linux", "GOARCH": "riscv64", "GO111MODULE": "off", "GOCACHE": str(folder / "cache")}
    program = folder / "goroutines"
    source = Path(__file__).with_name("goroutines.go")
    subprocess.run([GO, "build", "-o", program, source], check=True, env={**os.environ, **told})
    return program


@pytest.mark.parametrize(("schedule", "processors"), [(2, 8), (1, 1)][: 1 if SCHEDULES < 20 else 2])
def test_a_thousand_goroutines(goroutines: Path, schedule: int, processors: int) -> None:
    options = replace(
        OPTIONS, schedule_seed=schedule, cpus=processors, max_instructions=10**9, memory=1 << 30
    )
    result = run(goroutines, ["goroutines"], options, stdin=b"", capture=True)
    assert (result.status, result.stdout) == (0, b"499500 499500 45000\n"), result.stderr
