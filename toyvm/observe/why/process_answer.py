"""Where the memory of a process is: area by area, private or shared, and with whom."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from toyvm.kernel.accounts.memory_report import area_usage
from toyvm.machine.physical_memory import PAGE_SHIFT
from toyvm.machine.sv39 import pte_frame

from .frame_owners import mappings_of, users
from .memory_answers import AreaMemory, ProcessAnswer

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process


def explain_process(kernel: KernelState, process: Process) -> ProcessAnswer:
    """Where the memory of `process` is at this moment. Without an MMU, it has areas and no pages."""
    mm = process.mm
    if not mm.has_mmu:
        areas = tuple(
            AreaMemory(area.describe(), area.length >> PAGE_SHIFT, 0, 0, 0, 0, 0.0, ()) for area in mm.vmas
        )
        return ProcessAnswer(process.pid, process.comm, areas, 0, ())
    space = mm.map
    others = _other_users(kernel, process)
    made = []
    for area in mm.vmas:
        use = area_usage(mm, area)
        frames = {pte_frame(pte) for _, pte in space.resident(area)}
        with_whom = sorted({pid for frame in frames for pid in others.get(frame, ())})
        made.append(
            AreaMemory(
                area.describe(),
                use.size,
                use.private,
                use.shared,
                use.swap,
                use.size - use.rss - use.swap,
                float(use.pss),
                tuple(with_whom),
            )
        )
    sharers = tuple(user.pid for user in users(kernel).get(space, []) if user.pid != process.pid)
    return ProcessAnswer(process.pid, process.comm, tuple(made), mm.table.table_count, sharers)


def _other_users(kernel: KernelState, process: Process) -> dict[int, set[int]]:
    """The frames of `process`, with the pids of other address spaces that map them."""
    space = process.mm.map
    frames = frozenset(pte_frame(pte) for area in space.vmas for _, pte in space.resident(area))
    found: dict[int, set[int]] = {}
    own = {user.pid for user in users(kernel).get(space, [])}
    for frame, mapping in mappings_of(kernel, frames):
        if mapping.pid not in own:
            found.setdefault(frame, set()).add(mapping.pid)
    return found


def total(answer: ProcessAnswer) -> tuple[int, int, int, int, int, Fraction]:
    """The sums over all areas: pages, private, shared, swapped, untouched, PSS."""
    areas = answer.areas
    return (
        sum(area.pages for area in areas),
        sum(area.private for area in areas),
        sum(area.shared for area in areas),
        sum(area.swapped for area in areas),
        sum(area.untouched for area in areas),
        sum((Fraction(area.proportional).limit_denominator(1 << 20) for area in areas), Fraction(0)),
    )
