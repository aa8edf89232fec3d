"""Memory usage: resident and proportional set sizes of every area, as exact fractions.

A frame with n mappings counts 1/n in each (PSS), so the PSS of all address spaces add up to the
user frames in use. The shared zero page is not counted, as in Linux. Sizes are in pages of 4096
bytes.
"""

from __future__ import annotations

from fractions import Fraction

from toyvm.base.light_types import TYPE_CHECKING, Any
from toyvm.base.record import Record
from toyvm.machine.sv39 import PTE_A, PTE_D, PTE_SWAP, entry_slot, pte_frame

from ..mm.address_space import AddressSpace
from ..mm.cache.page_cache import BACKED
from ..mm.frame_allocator import BLOCK
from ..mm.vma import Vma
from ..proc.process import State

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState


class Usage(Record):
    """Page counts of an area, a process, or all processes.

    A page is `shared` if another page table entry maps its frame, else `private`.
    """

    size: int = 0
    rss: int = 0
    pss: Fraction = Fraction(0)
    pss_dirty: Fraction = Fraction(0)
    shared_clean: int = 0
    shared_dirty: int = 0
    private_clean: int = 0
    private_dirty: int = 0
    referenced: int = 0
    anonymous: int = 0
    swap: int = 0
    swap_pss: Fraction = Fraction(0)
    locked: Fraction = Fraction(0)
    megapages: int = 0  # pages mapped as part of a megapage
    merged: int = 0  # pages whose frame is shared by same-page merging
    lazily_freed: int = 0  # pages freed by MADV_FREE that are not yet reclaimed or written again

    @property
    def shared(self) -> int:
        return self.shared_clean + self.shared_dirty

    @property
    def private(self) -> int:
        return self.private_clean + self.private_dirty

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.record_fields))


class AreaReport(Record):
    """One area: its maps line, name and usage."""

    maps_line: str
    name: str
    usage: Usage


class ProcessReport(Record):
    """One address space."""

    pid: int
    comm: str
    areas: tuple[AreaReport, ...]
    usage: Usage
    table_frames: int


class MemoryReport(Record):
    """All address spaces, and the use of every frame.

    `user_frames` is exactly the sum of all PSS.
    """

    processes: tuple[ProcessReport, ...]
    total: Usage
    user_frames: int
    cache_only_frames: int
    swap_cache_only_frames: int
    table_frames: int
    used_frames: int

    def to_json(self) -> dict[str, Any]:
        """The report as numbers and strings for JSON; PSS in pages as a float."""
        return {
            "schema": "toyvm.memory/1",
            "user_frames": self.user_frames,
            "cache_only_frames": self.cache_only_frames,
            "swap_cache_only_frames": self.swap_cache_only_frames,
            "table_frames": self.table_frames,
            "used_frames": self.used_frames,
            "total": _usage_json(self.total),
            "processes": [
                {
                    "pid": p.pid,
                    "comm": p.comm,
                    "table_frames": p.table_frames,
                    "usage": _usage_json(p.usage),
                    "areas": [
                        {"maps": a.maps_line, "name": a.name, "usage": _usage_json(a.usage)} for a in p.areas
                    ],
                }
                for p in self.processes
            ],
        }


def _usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "size": usage.size,
        "rss": usage.rss,
        "pss": float(usage.pss),
        "shared": usage.shared,
        "private": usage.private,
        "anonymous": usage.anonymous,
    }


def area_usage(mm: AddressSpace, area: Vma) -> Usage:
    """Count the present pages of one area."""
    mappings, kinds = mm.system.mappings, mm.system.cache.kind
    dirty_pages = mm.system.cache.dirty
    stable = mm.system.merged.stable if mm.system.merged is not None else {}
    lazy, born = mm.system.lazily_freed, mm.system.frames.born
    by_sharers: dict[tuple[int, bool], int] = {}
    referenced = anonymous = merged = lazily_freed = 0
    for _, pte in mm.map.resident(area):
        frame = pte_frame(pte)
        kind = kinds[frame]
        dirty = (
            bool(pte & PTE_D) or kind != BACKED or frame in dirty_pages
        )  # only a page of a file can be clean
        key = (mappings(frame), dirty)
        by_sharers[key] = by_sharers.get(key, 0) + 1
        referenced += bool(pte & PTE_A)
        anonymous += not kind
        merged += frame in stable
        lazily_freed += not pte & PTE_D and lazy.get(frame) == born[frame]
    pss = sum((Fraction(pages, sharers) for (sharers, _), pages in by_sharers.items()), Fraction(0))
    pss_dirty = sum((Fraction(n, sharers) for (sharers, d), n in by_sharers.items() if d), Fraction(0))

    def count(shared: bool, dirty: bool) -> int:
        return sum(n for (sharers, d), n in by_sharers.items() if (sharers > 1) == shared and d == dirty)

    return Usage(
        area.length >> 12,
        sum(by_sharers.values()),
        pss,
        pss_dirty,
        count(True, False),
        count(True, True),
        count(False, False),
        count(False, True),
        referenced,
        anonymous,
        *swap_usage(mm, area),
        pss if area.locked else Fraction(0),
        BLOCK * len(mm.table.megapages_in(area.start, area.end)),
        merged,
        lazily_freed,
    )


def swap_usage(mm: AddressSpace, area: Vma) -> tuple[int, Fraction]:
    """The swapped-out pages of one area, and their proportional share.

    A page counts 1/n if n page table entries refer to its slot. Shared anonymous memory is not
    included: its file counts it.
    """
    swap = mm.system.swap
    if swap is None or not swap.used:
        return 0, Fraction(0)
    holders = [
        swap.refs[entry_slot(pte)] for _, _, pte in mm.table.entries(area.start, area.end) if pte & PTE_SWAP
    ]
    return len(holders), sum((Fraction(1, count) for count in holders), Fraction(0))


def usage(mm: AddressSpace) -> Usage:
    """The usage of all areas of an address space."""
    return sum((area_usage(mm, area) for area in mm.vmas), Usage())


def _process_report(pid: int, comm: str, mm: AddressSpace) -> ProcessReport:
    areas = []
    for area in mm.vmas:
        line = area.describe()
        areas.append(AreaReport(line, line[73:], area_usage(mm, area)))
    total = sum((a.usage for a in areas), Usage())
    return ProcessReport(pid, comm, tuple(areas), total, mm.table.table_count)


def memory_report(kernel: KernelState) -> MemoryReport:
    """Report every address space of a live or held process once."""
    seen: dict[int, ProcessReport] = {}
    spaces: list[AddressSpace] = []
    for process in [*kernel.held, *kernel.processes.values()]:
        gone = process.state in (State.ZOMBIE, State.DEAD)
        if not gone and id(process.mm.map) not in seen:
            seen[id(process.mm.map)] = _process_report(process.pid, process.comm, process.mm)
            spaces.append(process.mm)
    mapped = {pte_frame(pte) for mm in spaces for area in mm.vmas for _, pte in mm.map.resident(area)}
    reports = tuple(sorted(seen.values(), key=lambda report: report.pid))
    cache_only = sum(1 for frame in kernel.system.cache.owner if frame not in mapped)
    swap = kernel.system.swap
    swap_cache_only = (
        sum(1 for frame in swap.cached_frames() if frame not in mapped) if swap is not None else 0
    )
    return MemoryReport(
        reports,
        sum((report.usage for report in reports), Usage()),
        len(mapped),
        cache_only,
        swap_cache_only,
        sum(report.table_frames for report in reports),
        kernel.frames.used,
    )
