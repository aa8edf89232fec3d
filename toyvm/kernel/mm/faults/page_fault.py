"""The page fault: what the kernel does when an address has no entry in the tables, or one that forbids the access.

    find the VMA        none, or it forbids the access: SEGV; the stack may grow first
    entry of the swap area   the page is brought back (or found in the swap cache); a write to one's own page takes it
    entry 0             anonymous: the zero page for a read, a zeroed frame for a write, or 512 (`megapages`)
                        file: the page cache's frame; a private write copies it at once
                        beyond the end of the file: SIGBUS
    entry without W     private: copy-on-write; the last sharer takes the frame; shared: W is given

The instruction runs again afterwards. A and D are left to the machine, which sets them when it does.
"""

from __future__ import annotations

from toyvm.base.events import CowFault, FaultKind, PageFault
from toyvm.base.light_types import TYPE_CHECKING, NamedTuple
from toyvm.machine.mmu import Access
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import (
    MEGAPAGE_SHIFT,
    MEGAPAGE_SIZE,
    PTE_A,
    PTE_COW,
    PTE_D,
    PTE_R,
    PTE_SHARED,
    PTE_SWAP,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    entry_slot,
    make_pte,
    pte_frame,
)

from ..frame_allocator import BLOCK, ZERO_FRAME, OutOfFrames
from ..user_memory import Fault
from ..vma import PROT_EXEC, PROT_READ, PROT_WRITE, Vma

if TYPE_CHECKING:
    from ..address_space import AddressSpace

# The protections of which an access needs one: a writable page can be read, because Sv39 has no W without R.
_ALLOWS = {Access.READ: PROT_READ | PROT_WRITE, Access.WRITE: PROT_WRITE, Access.EXECUTE: PROT_EXEC}
RESOLVED_BADLY = frozenset({FaultKind.SEGV, FaultKind.SIGBUS, FaultKind.OOM})

_FILE = FaultKind.FILE_MINOR, FaultKind.FILE_MAJOR  # found in the page cache, and not
_SHARED = FaultKind.SHARED_ZERO, FaultKind.SWAP_IN


class _Outcome(NamedTuple):
    kind: FaultKind
    frame: int | None = None


def flags_for(area: Vma, *, writable: bool) -> int:
    """The PTE flags that `area` grants. W implies R, because Sv39 reserves W alone; With PROT_NONE the
    entry keeps its frame but is not valid."""
    flags = PTE_U | (PTE_V if area.prot else 0)
    if area.prot & (PROT_READ | PROT_WRITE):
        flags |= PTE_R
    if area.prot & PROT_EXEC:
        flags |= PTE_X
    if area.shared:
        flags |= PTE_SHARED
    if area.prot & PROT_WRITE:
        flags |= PTE_W if writable else 0 if area.shared else PTE_COW
    return flags


def handle_fault(mm: AddressSpace, va: int, access: Access, pc: int, pid: int) -> FaultKind:
    """Resolve one page fault of `mm` at `va`; counts it and tells the bus. SEGV, SIGBUS and OOM are left to the caller."""
    grew = False
    mm.system.executing = mm, pc
    area = mm.vmas.find(va)
    if area is None:
        area = mm.grow_stack(va)
        grew = area is not None
    if area is None or not area.prot & _ALLOWS[access]:
        outcome = _Outcome(FaultKind.SEGV)
    else:
        try:
            outcome = _resolve(mm, area, va & ~PAGE_MASK, access, pc, pid)
        except OutOfFrames:
            outcome = _Outcome(FaultKind.OOM)
        except OSError:  # the file's host cannot give the page
            outcome = _Outcome(FaultKind.SIGBUS)
    system = mm.system
    if outcome.frame is not None:
        system.recent.append(outcome.frame)
    _count(mm, outcome.kind)
    if grew:
        system.stats.stack_growths += 1
        mm.counters.stack_growths += 1
    if system.bus.wants(PageFault):
        text = mm.describe_vma(area) if area is not None else ""
        name = access.name.lower()
        system.bus.emit(PageFault(system.now(), pid, outcome.kind, va, pc, name, text, outcome.frame, grew))
    return outcome.kind


def _resolve(mm: AddressSpace, area: Vma, va: int, access: Access, pc: int, pid: int) -> _Outcome:
    if mm.table.megapages or (access == Access.WRITE and mm.system.frames.megapages.wants(mm, area)):
        outcome = _megapage(mm, area, va, access, pc, pid)
        if outcome is not None:
            return outcome
    slot = mm.table.slot(va)
    pte = mm.table.u64[slot]
    if pte & PTE_SWAP:
        return _swapped(mm, area, va, slot, access, pc, pid)
    if pte:
        if access != Access.WRITE or pte & PTE_W:
            return _Outcome(FaultKind.SPURIOUS, pte_frame(pte))
        if area.shared:
            mm.table.u64[slot] = pte | PTE_W
            return _Outcome(FaultKind.WRITE_ENABLE, pte_frame(pte))
        return _write_private(mm, area, va, slot, pc, pid)
    if area.file is None:
        return _anonymous(mm, area, va, slot, access)
    return _from_file(mm, area, va, slot, access, pc, pid)


def _megapage(mm: AddressSpace, area: Vma, va: int, access: Access, pc: int, pid: int) -> _Outcome | None:
    """What the fault means to the megapage at `va`, or that could be there; None where it is the business of single pages."""
    table, frames = mm.table, mm.system.frames
    start = va & -MEGAPAGE_SIZE
    if va >> MEGAPAGE_SHIFT in table.megapages:
        before = table.entry(va)
        frame = pte_frame(before)
        if access != Access.WRITE or before & PTE_W:
            return _Outcome(FaultKind.SPURIOUS, frame)
        first = frame & -BLOCK
        if not frames.sole_block(first):
            return None
        flags = flags_for(area, writable=True) | before & (PTE_A | PTE_D)
        table.remap_megapage(va, make_pte(first, flags))  # what is known of reads stays true
        if not before & PTE_COW:
            return _Outcome(FaultKind.WRITE_ENABLE, frame)
        if mm.system.bus.wants(CowFault):
            _tell_of_copy(mm, area, va, pc, pid, before, 1, frame, table.entry(va))
        return _Outcome(FaultKind.COW_REUSE, frame)
    if access != Access.WRITE or start < area.start or start + MEGAPAGE_SIZE > area.end:
        return None
    if not frames.megapages.wants(mm, area):
        return None
    zeroes = table.only_zero_pages(va) if va >> MEGAPAGE_SHIFT in table.leaves else []
    if zeroes is None:
        return None
    table.slot(va)  # makes the tables
    block = frames.alloc_block(mm.system.low)
    if block is None:
        frames.megapages.fallbacks += 1
        return None
    frames.megapages.allocated += 1
    frames.refs[ZERO_FRAME] -= len(zeroes)
    mm.system.invalidate_pages(mm.mmu, zeroes)
    table.map_megapage(va, make_pte(block, flags_for(area, writable=True)))
    mm.high_water.came(BLOCK - 1)  # the fault counts as one
    return _Outcome(FaultKind.DEMAND_MEGAPAGE, block + (va - start >> PAGE_SHIFT))


def _anonymous(mm: AddressSpace, area: Vma, va: int, slot: int, access: Access) -> _Outcome:
    frames = mm.system.frames
    mm.system.windows.open(mm, area, va)
    if access == Access.WRITE:
        frame = frames.alloc_in_span(mm.spans, va >> PAGE_SHIFT, area.end - area.start >> PAGE_SHIFT)
        mm.table.u64[slot] = make_pte(frame, flags_for(area, writable=True))
        return _Outcome(FaultKind.DEMAND_ZERO, frame)
    frames.get(ZERO_FRAME)
    mm.table.u64[slot] = make_pte(ZERO_FRAME, flags_for(area, writable=False))
    return _Outcome(FaultKind.ZERO_READ, ZERO_FRAME)


def _from_file(
    mm: AddressSpace, area: Vma, va: int, slot: int, access: Access, pc: int, pid: int
) -> _Outcome:
    file = area.file
    assert file is not None
    offset = area.offset_of(va)
    if offset >= file.size:
        return _Outcome(FaultKind.SIGBUS)
    frame, read = mm.system.cache.page(file, offset >> PAGE_SHIFT)
    if mm.system.readahead is not None:
        mm.system.frames.get(frame)  # reading ahead may want frames
        mm.system.readahead.touched(area, offset >> PAGE_SHIFT, read)
        mm.system.frames.put(frame)
    minor, major = _FILE if file.backed else _SHARED
    kind = major if read else minor
    mm.system.frames.get(frame)
    mm.table.u64[slot] = make_pte(frame, flags_for(area, writable=area.shared))
    if area.shared:
        return _Outcome(kind, frame)
    if access == Access.WRITE:
        if read:  # the read is counted as well as the copy
            _count(mm, kind)
        mm.high_water.came(1)  # nothing was there to be copied
        return _write_private(mm, area, va, slot, pc, pid)
    if mm.system.fault_around > 1:
        _map_around(mm, area, va)
    return _Outcome(kind, frame)


def _swapped(mm: AddressSpace, area: Vma, va: int, slot: int, access: Access, pc: int, pid: int) -> _Outcome:
    """A private page that is in the swap area. Until somebody writes, it is mapped without W and stays in the swap cache."""
    swap = mm.system.swap
    assert swap is not None
    place = entry_slot(mm.table.u64[slot])
    frame, read = swap.bring(place)
    kind = FaultKind.SWAP_IN if read else FaultKind.SWAP_CACHED
    if access == Access.WRITE and swap.is_sole(frame, 1):
        swap.adopt(place, frame)
        mm.table.u64[slot] = make_pte(frame, flags_for(area, writable=True))
        return _Outcome(kind, frame)
    swap.exchange(place, frame)
    mm.table.u64[slot] = make_pte(frame, flags_for(area, writable=False))
    if access == Access.WRITE:
        _count(mm, kind)  # as well as the copy
        return _write_private(mm, area, va, slot, pc, pid)
    return _Outcome(kind, frame)


def _count(mm: AddressSpace, kind: FaultKind) -> None:
    mm.system.stats.faults[kind] += 1
    mm.counters.faults[kind] += 1


def _map_around(mm: AddressSpace, area: Vma, va: int) -> None:
    """Map the neighbours of a file page that are in the cache already, within one aligned window and one table."""
    assert area.file is not None
    window = mm.system.fault_around << PAGE_SHIFT
    first = max(va & -window, area.start)
    last = min((va & -window) + window, area.end)
    flags = flags_for(area, writable=area.shared)
    for page in range(first, last, PAGE_SIZE):
        frame = mm.system.cache.peek(area.file, area.offset_of(page) >> PAGE_SHIFT)
        slot = mm.table.slot(page)
        if frame is not None and not mm.table.u64[slot]:
            mm.system.cache.found(frame)
            mm.system.frames.get(frame)
            mm.table.u64[slot] = make_pte(frame, flags)
            mm.high_water.came(1)


def own_page(mm: AddressSpace, va: int) -> None:
    """Give `mm` a page of its own at `va`, which is present and may be read-only. Raises OutOfFrames; Fault where it is shared."""
    area = mm.vmas.find(va)
    if area is None or area.shared:
        raise Fault(va)
    mm.high_water.came(1)  # if it was the zero page
    _write_private(mm, area, va, mm.table.slot(va), mm.pc, mm.pid)


def _write_private(mm: AddressSpace, area: Vma, va: int, slot: int, pc: int, pid: int) -> _Outcome:
    """A write to a present page of a private mapping without W: copy-on-write, or the last sharer takes the frame."""
    system, u64 = mm.system, mm.table.u64
    frames = system.frames
    before = u64[slot]
    old = pte_frame(before)
    swap = system.swap
    if swap is not None and swap.is_cached(old) and swap.is_sole(old, 1):
        swap.drop(old)
    count = frames.refcount(old)
    flags = flags_for(area, writable=True)
    if count == 1 and old != ZERO_FRAME:
        u64[slot] = make_pte(old, flags | before & (PTE_A | PTE_D))
        new = old
        kind = FaultKind.COW_REUSE if before & PTE_COW else FaultKind.WRITE_ENABLE
    else:
        if old == ZERO_FRAME:
            new = frames.alloc_in_span(mm.spans, va >> PAGE_SHIFT, area.end - area.start >> PAGE_SHIFT)
        else:
            frames.get(old)  # reclaim must leave it alone until it has been copied
            try:
                new = frames.alloc(zeroed=False)
            finally:
                frames.put(old)
            mm.memory.copy_frame(old, new)
        u64[slot] = make_pte(new, flags)
        frames.put(old)
        if system.ksm is not None:
            system.ksm.copied(old)
        if swap is not None:
            swap.unmapped(old)
        kind = FaultKind.DEMAND_ZERO if old == ZERO_FRAME else FaultKind.COW
    if before & (PTE_A | PTE_D):  # nothing can be cached of an entry the machine never used
        system.invalidate(mm.mmu, va, va + PAGE_SIZE)
    if kind != FaultKind.WRITE_ENABLE and system.bus.wants(CowFault):
        _tell_of_copy(mm, area, va, pc, pid, before, count, new, u64[slot])
    return _Outcome(kind, new)


def _tell_of_copy(
    mm: AddressSpace, area: Vma, va: int, pc: int, pid: int, before: int, count: int, new: int, after: int
) -> None:
    """A page whose entry was `before` and whose frame had `count` holders has frame `new` and the entry `after` now."""
    system, old = mm.system, pte_frame(before)
    in_cache = old in system.cache.owner
    source = "zero" if old == ZERO_FRAME else "file" if in_cache else "anonymous"
    line = mm.describe_vma(area)
    left = system.frames.refcount(old)
    system.bus.emit(
        CowFault(
            system.now(),
            pid,
            va,
            pc,
            line,
            source,
            before,
            old,
            count,
            in_cache,
            new != old,
            new,
            left,
            after,
        )
    )
