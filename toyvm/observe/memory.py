"""Who holds which frame, of several processes at once: private, shared, and each one's proportional share (proc(5), smaps)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..kernel.process import Process
from ..machine.sv39 import pte_frame

PAGE = 4096


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """User frames of a set of processes: `private` are mapped by one of them, `shared` by several, `total` is both.

    `pss` in bytes, a process each: a frame that n of them map counts 4096 / n for each, so that the sum is `total` frames.
    """

    private: int
    shared: int
    total: int
    pss: tuple[int, ...]


def report(processes: Sequence[Process]) -> MemoryReport:
    """Count the frames of `processes` as they are now."""
    holdings = [
        {pte_frame(pte) for area in process.mm.vmas for _, pte in process.mm.resident(area)}
        for process in processes
    ]
    owners = Counter(frame for frames in holdings for frame in frames)
    private = sum(count == 1 for count in owners.values())
    pss = tuple(round(sum(PAGE / owners[frame] for frame in frames)) for frames in holdings)
    return MemoryReport(private, len(owners) - private, len(owners), pss)
