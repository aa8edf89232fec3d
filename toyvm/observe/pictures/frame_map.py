"""A picture of physical memory: each frame is coloured by its owner and its use."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from toyvm.base.events import ProcessEnding
from toyvm.base.record import Record
from toyvm.kernel.mm.frame_allocator import ZERO_FRAME
from toyvm.kernel.proc.process import State
from toyvm.machine.physical_memory import PAGE_SHIFT
from toyvm.machine.sv39 import pte_frame

from .charts import document

if TYPE_CHECKING:
    from toyvm.engines.engine import Engine
    from toyvm.kernel.kernel import Kernel
    from toyvm.kernel.mm.memory_map import MemoryMap
    from toyvm.kernel.proc.process import Process
    from toyvm.machine.physical_memory import PhysicalMemory

NO_OWNER, SEVERAL = 0, -1  # in place of a process number


class Use(StrEnum):
    """The use of a frame."""

    FREE = "free"
    ZERO = "the shared zero page"
    TABLE = "page tables"
    ANONYMOUS = "anonymous"
    FILE = "file and shared memory"
    CACHE = "page cache, not mapped"
    SWAP_CACHE = "swap cache, not mapped"
    OTHER = "in use otherwise"


class FrameMap(Record):
    """(use, owner) of each frame. An owner is a process number, SEVERAL or NO_OWNER.

    `names` maps process numbers to commands. `instructions` is the time of the snapshot.
    """

    uses: tuple[tuple[Use, int], ...]
    names: dict[int, str]
    instructions: int

    @property
    def used(self) -> int:
        """The number of frames in use, without the zero page."""
        return sum(use not in (Use.FREE, Use.ZERO) for use, _ in self.uses)


def frame_map(kernel: Kernel) -> FrameMap:
    """Take a snapshot of all frames."""
    frames, cache, swap = kernel.frames, kernel.system.cache, kernel.system.swap
    names = {process.pid: process.comm for process in _living(kernel)}
    mapped: dict[int, int] = {}
    tables: dict[int, int] = {}
    for pid, space in _spaces(kernel).items():
        tables.update((frame, pid) for frame in space.table.table_frames())
        for area in space.vmas:
            for _, pte in space.resident(area):
                frame = pte_frame(pte)
                mapped[frame] = pid if mapped.get(frame, pid) == pid else SEVERAL
    uses = []
    for frame, held in enumerate(frames.refs):
        if frame == ZERO_FRAME:
            uses.append((Use.ZERO, NO_OWNER))
        elif not held:
            uses.append((Use.FREE, NO_OWNER))
        elif frame in tables:
            uses.append((Use.TABLE, tables[frame]))
        elif frame in mapped:
            uses.append((Use.FILE if frame in cache.owner else Use.ANONYMOUS, mapped[frame]))
        elif frame in cache.owner:
            uses.append((Use.CACHE, NO_OWNER))
        else:
            swapped = swap is not None and swap.is_cached(frame)
            uses.append((Use.SWAP_CACHE if swapped else Use.OTHER, NO_OWNER))
    return FrameMap(tuple(uses), names, kernel.stats.instructions)


def _living(kernel: Kernel) -> list[Process]:
    """The processes that have memory, ordered by number."""
    everyone = {process.pid: process for process in [*kernel.processes.values(), *kernel.held]}
    gone = (State.ZOMBIE, State.DEAD)
    return [p for _, p in sorted(everyone.items()) if p.state not in gone or p in kernel.held]


def _spaces(kernel: Kernel) -> dict[int, MemoryMap]:
    """The address spaces, by the lowest number of their processes."""
    spaces: dict[MemoryMap, int] = {}
    for process in _living(kernel):
        spaces.setdefault(process.mm.map, process.pid)
    return {pid: space for space, pid in spaces.items()}


class FrameWatcher:
    """Takes a snapshot whenever a process is about to exit (`system.Watcher`).

    It keeps the snapshot with the most frames in use.
    """

    def __init__(self) -> None:
        self.seen: FrameMap | None = None
        self._most = -1

    def engine(self, memory: PhysicalMemory) -> Engine | None:
        """No engine of its own."""
        return None

    def start(self, kernel: Kernel) -> None:
        """Subscribe to the exits of processes."""

        def ending(event: ProcessEnding) -> None:
            if kernel.frames.used > self._most:
                self._most = kernel.frames.used
                self.seen = frame_map(kernel)

        kernel.bus.subscribe(ProcessEnding, ending)

    def write(self, path: str, title: str) -> None:
        """Write the picture. Raises OSError."""
        from toyvm.base.resources import write_atomically

        if self.seen is not None:
            write_atomically(path, picture(self.seen, title).encode("utf-8", "replace"))


# --- the picture ---

WIDTH = 640  # of a row of cells, in pixels
SHAPES = ((32, 24), (64, 64), (128, 192))  # (cells in a row, most rows), in the order of preference
FOLD = 16.0  # height of a run of free rows, in pixels
LEFT, TOP = 100, 44
MAX_PROCESSES = 6  # with their own colours; other processes share one
# (anonymous, file, page tables)
PALETTE = (
    ("#0072b2", "#8ec4e6", "#003a5c"),
    ("#d55e00", "#f2b68c", "#6e3000"),
    ("#009e73", "#8fd6c0", "#00523b"),
    ("#cc79a7", "#ebc9dc", "#7a3a5d"),
    ("#b59b00", "#e8dc8a", "#5f5200"),
    ("#7a5c3e", "#cbb8a4", "#3f2f1f"),
    ("#6b6b6b", "#bdbdbd", "#333333"),
)
SHARED_COLOURS = {Use.ANONYMOUS: "#7b3fbf", Use.FILE: "#c9aee8"}
COMMON_COLOURS = {
    Use.FREE: "#f0f0f0",
    Use.ZERO: "#fff3a0",
    Use.CACHE: "#dcd5b8",
    Use.SWAP_CACHE: "#a4d233",
    Use.OTHER: "#000000",
}
_COLUMN = {Use.ANONYMOUS: 0, Use.FILE: 1, Use.TABLE: 2}


def picture(found: FrameMap, title: str) -> str:
    """The frames as an SVG file, low addresses first. Runs of free rows are collapsed."""
    rows, across, per_cell = _arranged(found)
    cell = WIDTH / across
    ranks = _ranks(found)
    strokes: dict[str, list[str]] = {}
    labels: list[str] = []
    y, folded = float(TOP), 0
    for number, row in enumerate([*rows, ()]):
        if row is None:
            folded += 1
            continue
        if folded:
            labels.append(_folded(folded * across * per_cell, y))
            y, folded = y + FOLD, 0
        if row and (number % 8 == 0 or rows[number - 1] is None):
            labels.append(
                f'<text class="small" x="{LEFT - 8}" y="{y + cell / 2 + 4:.1f}" text-anchor="end">'
                f"{number * across * per_cell << PAGE_SHIFT:x}</text>"
            )
        at = 0
        for what, run in groupby(row):
            length = len(list(run))
            strokes.setdefault(_colour(what, ranks), []).append(
                f"M{LEFT + at * cell:.0f} {y + cell / 2:.1f}h{length * cell:.0f}"
            )
            at += length
        y += cell
    out = [
        f'<path stroke="{colour}" stroke-width="{cell - 1:.0f}" stroke-dasharray="{cell - 1:.0f} 1" fill="none" d="{"".join(paths)}"/>'
        for colour, paths in strokes.items()
    ]
    legend = _legend(found, ranks)
    height = round(max(y + 34, TOP + 19 * len(legend) + 30))
    width = round(LEFT + WIDTH + 350)
    for index, (colour, text) in enumerate(legend):
        row_at, column = TOP + 19 * index, LEFT + WIDTH + 24
        out.append(
            f'<rect x="{column:.0f}" y="{row_at}" width="12" height="12" fill="{colour}" stroke="#999"/>'
            f'<text x="{column + 20:.0f}" y="{row_at + 11}">{escape(text)}</text>'
        )
    unit = f"one cell: {per_cell} frame{'s' * (per_cell > 1)} of 4 KiB, {across} in a row; at the left physical addresses"
    out.append(f'<text class="small" x="16" y="{height - 12}">{unit}</text>')
    return document(width, height, title, [*labels, *out])


Rows = list[tuple[tuple[Use, int], ...] | None]


def _arranged(found: FrameMap) -> tuple[Rows, int, int]:
    """(rows, cells in a row, frames in a cell), with the largest cells that fit.

    A free row is None.
    """
    per_cell = 1
    while True:
        cells = found.uses
        if per_cell > 1:
            groups = (cells[at : at + per_cell] for at in range(0, len(cells), per_cell))
            cells = tuple(_most_common(group) for group in groups)
        for across, limit in SHAPES:
            rows = [cells[at : at + across] for at in range(0, len(cells), across)]
            shown = [row if any(use is not Use.FREE for use, _ in row) else None for row in rows]
            if sum(row is not None for row in shown) <= limit:
                return shown, across, per_cell
        per_cell *= 2


def _most_common(group: tuple[tuple[Use, int], ...]) -> tuple[Use, int]:
    """The most common (use, owner) of the frames in use."""
    in_use = Counter(what for what in group if what[0] is not Use.FREE)
    return in_use.most_common(1)[0][0] if in_use else group[0]


def _folded(frames: int, y: float) -> str:
    return (
        f'<text class="small" x="{LEFT + WIDTH / 2:.0f}" y="{y + FOLD - 2:.1f}" text-anchor="middle">'
        f"{frames:,} free frames</text>"
    )


def _ranks(found: FrameMap) -> dict[int, int]:
    """The palette index of each process. The processes with most frames have their own."""
    counts = Counter(owner for _, owner in found.uses if owner > 0)
    most = sorted(counts, key=lambda pid: (-counts[pid], pid))[:MAX_PROCESSES]
    return {pid: sorted(most).index(pid) if pid in most else len(PALETTE) - 1 for pid in counts}


def _colour(what: tuple[Use, int], ranks: dict[int, int]) -> str:
    use, owner = what
    if owner == SEVERAL:
        return SHARED_COLOURS[use]
    return PALETTE[ranks[owner]][_COLUMN[use]] if owner > 0 else COMMON_COLOURS[use]


def _legend(found: FrameMap, ranks: dict[int, int]) -> list[tuple[str, str]]:
    """(colour, text with the number of frames) for each use and owner in the picture."""
    totals: Counter[tuple[int, int, str, str]] = Counter()
    for what in found.uses:
        use, owner = what
        rank = ranks.get(owner, 0)
        if owner > 0:
            who = f"{owner} {found.names.get(owner, '')}" if rank < len(PALETTE) - 1 else "other processes"
            place = (0, rank * 4 + _COLUMN[use])
        else:
            who = "several processes" if owner == SEVERAL else ""
            place = (1 if owner == SEVERAL else 2, list(Use).index(use))
        text = f"{who}: {use}" if who else str(use)
        totals[(*place, _colour(what, ranks), text)] += 1
    return [(colour, f"{text}, {count:,}") for (_, _, colour, text), count in sorted(totals.items())]
