"""The keyword arguments of `toyvm.run` with their types, for type checkers and editors.

This module is printed from `run_options.py` by `python -m toyvm.cli.options_page settings`. A test
checks that it is current.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TypedDict


class RunSettings(TypedDict, total=False):
    """Options of a run; `help(toyvm.run)` describes them."""

    cpus: int
    date: str
    interp: str
    net: str
    memory_limit: int | str
    overcommit: int
    overcommit_ratio: int
    swap: int | str
    swap_readahead: int
    reclaim: str
    dirty_ratio: int
    readahead: int
    fault_around: int
    thp: str
    ksm: int
    no_mmu: bool
    max_instructions: int | None
    max_syscalls: int | None
    max_faults: int | None
    max_output: int | str | None
    virtual_seconds: float | None
    quantum: int
    schedule_seed: int | None
    seed: int
    processes: int
    open_files: int
    memfs_bytes: int | str
    disk_limit: int | str
    root: str | PathLike[str] | None
    root_writable: bool
    sysroot: str | PathLike[str] | None
    libraries: bool
    env: Mapping[str, str | None] | Iterable[tuple[str, str | None]]
    env_all: bool
    memory: int | str
    engine: str
    caching: bool
    trace: str | Iterable[str]
    trace_file: str | PathLike[str] | None
    views: str | Iterable[str]
    breakpoint: str
    break_count: int
    trace_range: str | Iterable[str]
    watch: str
