"""Snapshots of a running machine for `toyvm top`: its processes, and the use of its frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..base.events import ProcessEnding
from ..base.record import Record
from ..engines.engine_choice import make_engine
from ..engines.watching.sliced_engine import SlicedEngine
from ..kernel.accounts.memory_report import memory_report
from ..kernel.proc.process import State
from ..machine.physical_memory import PAGE_SHIFT

if TYPE_CHECKING:
    from ..kernel.kernel import Kernel
    from ..kernel.proc.process import Process
    from ..machine.physical_memory import PhysicalMemory

SCHEMA = "toyvm.top/1"
COLUMNS = (
    "PID",
    "S",
    "SIZE",
    "RSS",
    "PSS",
    "SWAP",
    "FAULTS",
    "MAJOR",
    "COPIES",
    "INSTRUCTIONS",
    "%CPU",
    "COMMAND",
)
SHORTEST, LONGEST = 10_000, 50_000_000  # instructions between two readings of the clock
PAUSE = 0.25  # the shortest time between two snapshots, in seconds
MAX_ROWS = 20


class ProcessLine(Record):
    """One process. Sizes are in bytes, counts are since its start.

    `share` is its share of the instructions since the last snapshot.
    """

    pid: int
    state: str
    size: int
    rss: int
    pss: int
    swap: int
    faults: int
    major_faults: int
    cow_copies: int
    instructions: int
    share: float
    command: str
    threads: int = 1

    @property
    def cells(self) -> list[str]:
        """The cells of its line, in the order of COLUMNS."""
        sizes = [size_text(size) for size in (self.size, self.rss, self.pss, self.swap)]
        counts = [f"{n:,}" for n in (self.faults, self.major_faults, self.cow_copies, self.instructions)]
        threads = f" ({self.threads} threads)" if self.threads > 1 else ""
        return [str(self.pid), self.state, *sizes, *counts, f"{100 * self.share:.1f}", self.command + threads]


class Snapshot(Record):
    """The machine at one moment.

    `mapped`, `tables`, `cached`, `swap_cached`, `used` and `total` count frames: mapped by
    processes, page tables, in the page cache but not mapped, in the swap cache but not mapped, all
    in use, all of the machine. `swap_used` and `swap_total` count swap slots.
    """

    instructions: int
    virtual_ns: int
    mapped: int
    tables: int
    cached: int
    swap_cached: int
    used: int
    total: int
    swap_used: int
    swap_total: int
    processes: tuple[ProcessLine, ...]

    def to_json(self) -> dict[str, Any]:
        """The snapshot as JSON values."""
        return {
            "schema": SCHEMA,
            "instructions": self.instructions,
            "virtual_ns": self.virtual_ns,
            "frames": {
                "mapped": self.mapped,
                "tables": self.tables,
                "cached": self.cached,
                "swap_cached": self.swap_cached,
                "used": self.used,
                "total": self.total,
            },
            "swap": {"used": self.swap_used, "total": self.swap_total},
            "processes": [
                {name: getattr(line, name) for name in ProcessLine.record_fields} for line in self.processes
            ],
        }

    @property
    def parts(self) -> dict[str, int]:
        """The numbers of frames by use."""
        return {
            "mapped": self.mapped,
            "tables": self.tables,
            "cached": self.cached,
            "swap cache": self.swap_cached,
        }

    def bar(self, width: int) -> list[tuple[str, int]]:
        """A bar of `width` cells as (use, cells): mapped, tables, cached, swap cache, other, free.

        A use with any frames has at least one cell.
        """
        parts = [*self.parts.items(), ("other", max(self.used - sum(self.parts.values()), 0))]
        cells = [(name, max(round(width * count / self.total), 1) if count else 0) for name, count in parts]
        rest = width - sum(number for _, number in cells)
        if rest < 0:  # rounding up has added cells: take them from the largest use
            name, most = max(cells, key=lambda cell: cell[1])
            cells[cells.index((name, most))] = (name, most + rest)
        return [*cells, ("free", max(rest, 0))]


def size_text(size: int) -> str:
    """A number of bytes as 4K, 1,020K or 12M."""
    return f"{size >> 10:,}K" if size < 10 << 20 else f"{size >> 20:,}M"


def _state(process: Process) -> State:
    """The state of a process: runnable if any of its threads is."""
    states = [thread.state for thread in process.thread_group.members.values()]
    return State.RUNNABLE if State.RUNNABLE in states else states[0] if states else process.state


def snapshot(kernel: Kernel, engine: SlicedEngine, before: Snapshot | None) -> Snapshot:
    """Take a snapshot. `before` is the last one, for the shares."""
    report, swap = memory_report(kernel), kernel.system.swap
    usages = {entry.pid: entry.usage for entry in report.processes}
    since = {line.pid: line.instructions for line in before.processes} if before is not None else {}
    ran = engine.total - (before.instructions if before is not None else 0)
    late = engine.total - kernel.system.stats.instructions  # executed, but not yet counted by the kernel
    running = next((thread.leader for thread in kernel.threads.values() if thread.hart is engine.hart), None)
    if running is not None:
        kernel.system.windows.collect(running.mm.map, running.mm.context)
    lines = []
    for pid, process in sorted(kernel.processes.items()):
        if process.state is State.DEAD:
            continue
        counters, usage = process.counters, usages.get(pid)
        done = counters.instructions + (late if process is running else 0)
        lines.append(
            ProcessLine(
                pid,
                _state(process).value[0],
                usage.size << PAGE_SHIFT if usage else 0,
                usage.rss << PAGE_SHIFT if usage else 0,
                round(usage.pss * (1 << PAGE_SHIFT)) if usage else 0,
                usage.swap << PAGE_SHIFT if usage else 0,
                counters.page_faults,
                counters.major_faults,
                counters.cow_copies,
                done,
                (done - since.get(pid, 0)) / ran if ran else 0.0,
                process.comm,
                max(1, len(process.thread_group.members)),
            )
        )
    return Snapshot(
        engine.total,
        kernel.now + late,
        report.user_frames,
        report.table_frames,
        report.cache_only_frames,
        report.swap_cache_only_frames,
        report.used_frames,
        kernel.frames.count - 1,
        swap.used if swap is not None else 0,
        swap.slots if swap is not None else 0,
        tuple(lines),
    )


def heading(found: Snapshot) -> str:
    """The line above the bar."""
    swap = f", {found.swap_used:,} of {found.swap_total:,} slots of swap" if found.swap_total else ""
    return (
        f"{found.virtual_ns / 1e9:.3f} s, {found.instructions:,} instructions, {len(found.processes)} "
        f"process{'es' * (len(found.processes) != 1)}, {found.used:,} of {found.total:,} frames in use{swap}"
    )


def shown(found: Snapshot) -> tuple[list[ProcessLine], int]:
    """(up to MAX_ROWS processes, the busiest first; the number of those left out)."""
    ordered = sorted(found.processes, key=lambda line: (-line.share, line.pid))
    return ordered[:MAX_ROWS], max(len(ordered) - MAX_ROWS, 0)


def text(found: Snapshot) -> str:
    """A snapshot as plain text."""
    marks = {"mapped": "#", "tables": "t", "cached": "c", "swap cache": "s", "other": "o", "free": "."}
    bar = "".join(marks[what] * cells for what, cells in found.bar(60))
    legend = ", ".join(f"{count:,} {what} {marks[what]}" for what, count in found.parts.items() if count)
    lines, left_out = shown(found)
    rows: Sequence[Sequence[str]] = [COLUMNS, *(line.cells for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    out = [
        heading(found),
        f"[{bar}] {legend}",
    ]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        out.append("  ".join([*cells, row[-1]]))
    if left_out:
        out.append(f"... and {left_out:,} more")
    return "\n".join(out) + "\n"


class TopWatcher:
    """Takes snapshots of a run (`system.Watcher`) and passes them to `show`.

    It takes one after each `every` instructions, which is reproducible, or with 0 a few each
    second. `engine_name` and `caching` are as in `engines.engine_choice`.
    """

    def __init__(
        self, show: Callable[[Snapshot], None], every: int, engine_name: str = "auto", caching: bool = True
    ):
        self._show = show
        self._every = every
        self._engine_name, self._caching = engine_name, caching
        self._kernel: Kernel
        self._engine: SlicedEngine
        self._last: Snapshot | None = None
        self._clock = self._shown_at = time.monotonic()
        self._pause = 0.0

    def engine(self, memory: PhysicalMemory) -> SlicedEngine:
        """The engine that the options name, run in slices."""
        inner = make_engine(self._engine_name, memory, caching=self._caching)
        look = self._look_if_due if not self._every else self._look_always
        self._engine = SlicedEngine(inner, look, self._every or SHORTEST)
        return self._engine

    def start(self, kernel: Kernel) -> None:
        """Take the last snapshot when the first process ends."""
        self._kernel = kernel

        def ending(event: ProcessEnding) -> None:
            if kernel.processes[event.pid] is kernel.first:
                self.look()

        kernel.bus.subscribe(ProcessEnding, ending)

    def look(self) -> None:
        """Take and show a snapshot."""
        self._last = snapshot(self._kernel, self._engine, self._last)
        self._show(self._last)

    def _look_always(self, engine: SlicedEngine) -> None:
        self.look()

    def _look_if_due(self, engine: SlicedEngine) -> None:
        """Take a snapshot if one is due; snapshots take at most a fifth of the time.

        The slices are adjusted so that the clock is read about twenty times a second.
        """
        now = time.monotonic()
        if now - self._clock < 0.03:
            engine.slice = min(2 * engine.slice, LONGEST)
        elif now - self._clock > 0.1:
            engine.slice = max(engine.slice // 2, SHORTEST)
        if now - self._shown_at >= self._pause:
            self.look()
            self._shown_at = time.monotonic()
            self._pause = max(PAUSE, 4 * (self._shown_at - now))
        self._clock = time.monotonic()
