"""madvise(2): a program's advice about the use of its pages, as in Linux 6.1."""

from __future__ import annotations

import errno

from toyvm.base.errors import error
from toyvm.base.events import FaultKind
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Access
from toyvm.machine.physical_memory import PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import PTE_A, PTE_D, PTE_SWAP, PTE_U, entry_slot, pte_frame

from .address_space import AddressSpace
from .cache.read_ahead import MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL
from .faults.page_fault import RESOLVED_BADLY
from .frame_allocator import ZERO_FRAME
from .vma import PROT_READ, PROT_WRITE, Vma, end_of_pages

if TYPE_CHECKING:
    from collections.abc import Callable

MADV_WILLNEED, MADV_DONTNEED, MADV_FREE = 3, 4, 8
MADV_REMOVE = 9
MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE, MADV_UNMERGEABLE = 10, 11, 12, 13
MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP = 14, 15, 16, 17
MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT = 18, 19, 20, 21
MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTNEED_LOCKED = 22, 23, 24

# Advice that sets a field of the areas: the field and its value.
_FIELDS: dict[int, tuple[str, int | bool]] = {
    MADV_NORMAL: ("advice", MADV_NORMAL),
    MADV_RANDOM: ("advice", MADV_RANDOM),
    MADV_SEQUENTIAL: ("advice", MADV_SEQUENTIAL),
    MADV_DONTFORK: ("dont_fork", True),
    MADV_DOFORK: ("dont_fork", False),
    MADV_WIPEONFORK: ("wipe_on_fork", True),
    MADV_KEEPONFORK: ("wipe_on_fork", False),
    MADV_HUGEPAGE: ("megapages", True),
    MADV_NOHUGEPAGE: ("megapages", False),
}
_MERGING = frozenset({MADV_MERGEABLE, MADV_UNMERGEABLE})
_POPULATING = {MADV_POPULATE_READ: Access.READ, MADV_POPULATE_WRITE: Access.WRITE}
_IGNORED = frozenset({MADV_DONTDUMP, MADV_DODUMP})  # there are no core dumps


def madvise(mm: AddressSpace, addr: int, length: int, advice: int) -> None:
    """Apply advice to whole pages. In a range with holes, it applies to the mapped parts.

    Raises OSError: EINVAL for unknown advice or advice that does not fit the area, ENOMEM for a
    hole, EFAULT or ENOMEM from populating, EACCES and EPERM from removing.
    """
    if advice not in _KNOWN:
        raise error(errno.EINVAL)
    end = end_of_pages(addr, length)
    if end == addr and not length:
        return
    if end <= addr:
        raise error(errno.EINVAL)
    if advice in _MERGING:
        _merge(mm, addr, end, mergeable=advice == MADV_MERGEABLE)
    elif advice in _POPULATING:
        _populate(mm, addr, end, _POPULATING[advice])
    elif advice in _FIELDS:
        name, value = _FIELDS[advice]
        if advice == MADV_WIPEONFORK:
            for area in mm.vmas.overlapping(addr, end):
                if area.shared or area.file is not None:
                    raise error(errno.EINVAL)
        mm.mark(addr, end, name, value)
    elif advice not in _IGNORED:
        for area in mm.vmas.overlapping(addr, end):
            _ACTIONS[advice](mm, area, max(addr, area.start), min(end, area.end))
    mm.require_mapped(addr, end)


def _merge(mm: AddressSpace, start: int, end: int, *, mergeable: bool) -> None:
    """MADV_MERGEABLE or MADV_UNMERGEABLE; shared areas do not change. Raises OSError(ENOMEM)."""
    merged = mm.system.merged
    if not mergeable and merged is not None:
        merged.unmerge(mm.map, start, end, mm.context)
    for area in mm.vmas.overlapping(start, end):
        if not area.shared:
            mm.mark(max(start, area.start), min(end, area.end), "mergeable", mergeable)


def _populate(mm: AddressSpace, start: int, end: int, access: Access) -> None:
    """Fault in every page. Raises OSError for the first one that fails."""
    needed = PROT_WRITE if access == Access.WRITE else PROT_READ | PROT_WRITE
    for va in range(start, end, PAGE_SIZE):
        area = mm.vmas.find(va)
        if area is None:
            raise error(errno.ENOMEM)
        if not area.prot & needed:
            raise error(errno.EINVAL)
        present = mm.table.entry(va) & PTE_U
        if present and access == Access.READ:
            continue
        kind = mm.resolve(va, access)
        if kind in RESOLVED_BADLY:
            raise error(errno.ENOMEM if kind is FaultKind.OOM else errno.EFAULT)


def _will_need(mm: AddressSpace, area: Vma, start: int, end: int) -> None:
    """Read the pages of files and of the swap area ahead."""
    system = mm.system
    if area.file is not None and area.file.backed:
        first, count = area.offset_of(start) >> PAGE_SHIFT, end - start >> PAGE_SHIFT
        system.cache.read_ahead(area.file, first, count, mm.context)
        return
    if system.swap is not None:
        for _, _, pte in mm.table.entries(start, end):
            if pte & PTE_SWAP and system.frames.free > system.swap.reserve:
                system.swap.bring(entry_slot(pte), mm.context)


def _dont_need(mm: AddressSpace, area: Vma, start: int, end: int) -> None:
    _require_unlocked(area)
    mm.release_pages(start, end)


def _require_unlocked(area: Vma) -> None:
    if area.locked:
        raise error(errno.EINVAL)


def _free(mm: AddressSpace, area: Vma, start: int, end: int) -> None:
    """Let reclaim discard the pages, unless they are written again before memory runs low."""
    _require_unlocked(area)
    if area.file is not None or area.shared:
        raise error(errno.EINVAL)
    mm.table.split(start, end)
    system, u64 = mm.system, mm.table.u64
    for _, slot, pte in list(mm.table.entries(start, end)):
        if pte & PTE_SWAP:
            assert system.swap is not None
            u64[slot] = 0
            system.swap.release(entry_slot(pte))
            continue
        frame = pte_frame(pte)
        if frame != ZERO_FRAME and system.frames.refs[frame] == 1:
            u64[slot] = pte & ~(PTE_A | PTE_D)
            system.lazily_freed[frame] = system.frames.born[frame]
    system.invalidate(mm.mmu, start, end)


def _cold(mm: AddressSpace, area: Vma, start: int, end: int) -> None:
    """Mark the pages as not accessed."""
    _require_unlocked(area)
    mm.table.split(start, end)
    for _, slot, pte in list(mm.table.present(start, end)):
        mm.table.u64[slot] = pte & ~PTE_A
    mm.system.invalidate(mm.mmu, start, end)


def _page_out(mm: AddressSpace, area: Vma, start: int, end: int) -> None:
    """Reclaim the pages that no other process maps, now."""
    _require_unlocked(area)
    frames = {pte_frame(pte) for _, _, pte in mm.table.present(start, end)}
    own = [frame for frame in frames if frame != ZERO_FRAME and mm.system.mappings(frame) == 1]
    if own:
        mm.system.page_out(own, mm.context)


def _remove(mm: AddressSpace, area: Vma, start: int, end: int) -> None:
    """Give back the pages of a file or of shared memory, for all its mappings: they read as zeros."""
    _require_unlocked(area)
    if area.file is None:
        raise error(errno.EINVAL)
    if not area.shared or not area.may_write:
        raise error(errno.EACCES)
    mm.system.clear_file(area.file, area.offset_of(start), area.offset_of(end))


CLEAR_ALL, CLEAR_ANON, CLEAR_MAPPED, CLEAR_SOFT_DIRTY, CLEAR_PEAK = 1, 2, 3, 4, 5


def clear_references(mm: AddressSpace, kind: int) -> None:
    """Write `kind` to /proc/PID/clear_refs: clear A of some pages, or reset the peak of RSS.

    riscv64 has no soft-dirty bits, so clearing them changes nothing. Raises OSError(EINVAL).
    """
    if kind not in range(CLEAR_ALL, CLEAR_PEAK + 1):
        raise error(errno.EINVAL)
    if kind == CLEAR_PEAK:
        mm.map.high_water.reset()
    if kind in (CLEAR_SOFT_DIRTY, CLEAR_PEAK):
        return
    for area in mm.vmas:
        if kind == CLEAR_ALL or (area.file is None) == (kind == CLEAR_ANON):
            for _, slot, pte in list(mm.table.present(area.start, area.end)):
                mm.table.u64[slot] = pte & ~PTE_A
    mm.system.invalidate(mm.mmu)


_ACTIONS: dict[int, Callable[[AddressSpace, Vma, int, int], None]] = {
    MADV_WILLNEED: _will_need,
    MADV_DONTNEED: _dont_need,
    MADV_FREE: _free,
    MADV_REMOVE: _remove,
    MADV_COLD: _cold,
    MADV_PAGEOUT: _page_out,
    MADV_DONTNEED_LOCKED: lambda mm, area, start, end: mm.release_pages(start, end),
}
_KNOWN = _IGNORED | _MERGING | _FIELDS.keys() | _ACTIONS.keys() | _POPULATING.keys()
