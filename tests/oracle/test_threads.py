"""Random programs of threads: the same result under every interleaving and on every engine as on the host's Linux.

`thread_programs.c` makes up a program from a seed. What it prints depends on no schedule, so a lost wake-up, a torn atomic
or a signal that goes astray is a different line or a deadlock. A few programs by default;
`TOYVM_THREAD_PROGRAMS=2000 TOYVM_THREAD_SCHEDULES=20` runs as many of each.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import OPTIONS
from tests.support.oracles import GCC, HOST_GCC, require_oracle
from tests.support.ways import engines_made, facts
from toyvm.base.record import replace
from toyvm.result import RunResult
from toyvm.system import run

pytestmark = pytest.mark.oracle
SOURCE = Path(__file__).with_name("thread_programs.c")
PROGRAMS = int(os.environ.get("TOYVM_THREAD_PROGRAMS", "4"))
SCHEDULES = int(os.environ.get("TOYVM_THREAD_SCHEDULES", "5"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The program for the host and for toyvm."""
    require_oracle(GCC, HOST_GCC)
    folder = tmp_path_factory.mktemp("threads")
    here, there = folder / "here", folder / "there"
    subprocess.run([HOST_GCC, "-O2", "-w", "-o", here, SOURCE], check=True)
    subprocess.run([GCC, "-O2", "-w", "-static", "-o", there, SOURCE], check=True)
    return here, there


def run_one(program: Path, seed: int, schedule: int, way: str) -> RunResult:
    """One program under one schedule."""
    with engines_made(way):
        options = replace(OPTIONS, schedule_seed=schedule)
        return run(program, [program.name, str(seed)], options, stdin=b"", capture=True)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_every_schedule_gives_the_hosts_result(built: tuple[Path, Path], seed: int) -> None:
    here, there = built
    expected = subprocess.run([here, str(seed)], capture_output=True, timeout=60, check=True).stdout
    switches = set()
    for schedule in range(SCHEDULES):
        result = run_one(there, seed, schedule, "llvm")
        assert (result.status, result.stdout, result.stderr) == (0, expected, b""), schedule
        assert (result.frames_leaked, result.slots_leaked) == (0, 0)
        switches.add(result.stats.context_switches)
    assert len(switches) > SCHEDULES // 2  # they are different interleavings


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_every_engine_switches_at_the_same_instructions(built: tuple[Path, Path], seed: int) -> None:
    expected = facts(run_one(built[1], seed, seed, "reference"))
    for way in ("llvm", "eager"):
        assert facts(run_one(built[1], seed, seed, way)) == expected, way


@pytest.mark.parametrize("seed", range(-(-PROGRAMS // 4)))
def test_no_difference_in_lockstep(built: tuple[Path, Path], seed: int) -> None:
    result = run_one(built[1], seed, seed, "lockstep")
    assert (result.status, result.stderr) == (0, b"")
