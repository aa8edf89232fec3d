"""Whole-process CPU time of commands, interleaved so that a busy moment of the host hits all of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from resource import RUSAGE_CHILDREN, getrusage


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU seconds (user + system) of one command over several runs."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def cpu_seconds(command: Sequence[str], stdin: bytes = b"") -> float:
    """User plus system time of one run of `command` and the children it waited for. Raises if it fails."""
    # Users run from byte code; without it every start would compile all sources.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = getrusage(RUSAGE_CHILDREN)  # in microseconds, where os.times() counts ticks
    subprocess.run(command, input=stdin, stdout=subprocess.DEVNULL, env=environment, check=True)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def interleaved(commands: Mapping[str, Sequence[str]], runs: int = 5) -> dict[str, Timing]:
    """Run each command once to warm caches, then `runs` times in turn with the others."""
    for command in commands.values():
        cpu_seconds(command)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            seconds[name].append(cpu_seconds(command))
    return {name: Timing(name, tuple(values)) for name, values in seconds.items()}
