"""Whole-process CPU time of commands, interleaved so that a busy moment of the host hits all of them alike."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """What to run: its words, variables set for it, what to do before each run (outside of the measured time), and where."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] | None = None
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU seconds (user + system) of one command over several runs."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def environment_with(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment that commands are run in. Users run from byte code; without it every start would compile all sources."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **extra}


def cpu_seconds(command: Command | Sequence[str]) -> float:
    """User plus system time of one run of `command` and of the children that it waited for (wait4(2)).

    Its standard output is dropped. Raises `subprocess.CalledProcessError` if it fails.
    """
    usage = _usage(command)
    return usage.ru_utime + usage.ru_stime


def peak_mebibytes(command: Command | Sequence[str]) -> int | None:
    """The largest resident set of one run of `command`. None if that is not known.

    Linux counts what this process had when it started the command, so a smaller set cannot be seen.
    """
    peak = _usage(command).ru_maxrss
    return peak // 1024 if peak > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss else None


def _usage(command: Command | Sequence[str]) -> resource.struct_rusage:
    if not isinstance(command, Command):
        command = Command(command)
    if command.prepare is not None:
        command.prepare()
    process = subprocess.Popen(
        command.words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environment_with(command.environment),
        cwd=command.folder,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command.words)
    return usage


def interleaved(
    commands: Mapping[str, Command | Sequence[str]], runs: int = 5, *, warm_up: bool = True
) -> dict[str, Timing]:
    """Run each command `runs` times in turn with the others; before that once to warm caches, unless they are warm."""
    if warm_up:
        for name, command in commands.items():
            progress(f"{name}: warming up")
            cpu_seconds(command)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(runs):
        for name, command in commands.items():
            progress(f"{name}: run {run + 1} of {runs}")
            seconds[name].append(cpu_seconds(command))
    progress("")
    return {name: Timing(name, tuple(values)) for name, values in seconds.items()}


_about = [""]


def progress(text: str, about: str | None = None) -> None:
    """Say on a terminal what goes on now, in one line that the next replaces; `about` is kept in front of what follows."""
    if about is not None:
        _about[0] = about
    if sys.stderr.isatty():
        line = f"{_about[0]}: {text}"[:100] if text else ""
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
