"""The counters of a run that an assignment can limit, and the names for several system calls at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...result import RunResult


class Counter(NamedTuple):
    """What a counter counts, and how to get it from a result."""

    help: str
    of: Callable[[RunResult], int]


COUNTERS: dict[str, Counter] = {
    "instructions": Counter("instructions executed", lambda run: run.stats.instructions),
    "faults": Counter("page faults", lambda run: run.stats.page_faults),
    "major_faults": Counter(
        "page faults that read a file or the swap area", lambda run: run.stats.major_faults
    ),
    "copies": Counter(
        "frames copied by copy-on-write; the first write to a page of initialised data is one",
        lambda run: run.stats.cow_copies,
    ),
    "syscalls": Counter("system calls", lambda run: run.stats.syscalls),
    "processes": Counter("processes", lambda run: len(run.stats.processes) + run.stats.processes_forgotten),
    "threads": Counter("threads besides the first of each process", lambda run: run.stats.threads),
    "context_switches": Counter("context switches", lambda run: run.stats.context_switches),
    "frames": Counter("the most frames of 4096 bytes in use at once", lambda run: run.stats.frames_peak),
    "tlb_misses": Counter("TLB misses", lambda run: run.stats.tlb_misses),
    "swapped_in": Counter("pages read from the swap area", lambda run: run.stats.swapped_in),
    "swapped_out": Counter("pages written to the swap area", lambda run: run.stats.swapped_out),
    "megapages": Counter("megapages mapped", lambda run: run.stats.megapages),
    "symbol_lookups": Counter("symbols looked up by the dynamic loader", lambda run: run.symbol_lookups),
}

# A name that is no system call of riscv64, and how often it was done.
SPECIAL_CALLS: dict[str, Callable[[RunResult], int]] = {
    "fork": lambda run: run.stats.forks,
    "thread": lambda run: run.stats.threads,
}
