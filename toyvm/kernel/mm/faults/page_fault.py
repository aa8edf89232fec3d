"""The page fault: an access whose page-table entry is missing or does not permit it.

  find the VMA        none, or it forbids the access: SEGV; a stack may grow first
  swap entry          read the page, or find it in the swap cache; a write by the only user takes
                      its frame
  entry 0             anonymous: the zero page for a read, a zeroed frame for a write, or 512 frames
                      (`megapages`)
                      file: the page cache's frame; a private write copies it at once
                      beyond the end of the file: SIGBUS
  entry without W     private: copy-on-write, or the last user takes the frame; shared: W is set

The instruction is then executed again, and the machine sets A and D.
"""

from __future__ import annotations

from toyvm.base.events import CowFault, FaultKind, PageFault
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Access
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import (
    MEGAPAGE_SHIFT,
    MEGAPAGE_SIZE,
    PTE_A,
    PTE_COW,
    PTE_D,
    PTE_SWAP,
    PTE_W,
    entry_slot,
    make_pte,
    pte_frame,
)

from ..frame_allocator import BLOCK, ZERO_FRAME, OutOfFrames
from ..overcommit import admit
from ..user_memory import Fault
from ..vma import PROT_EXEC, PROT_READ, PROT_WRITE, Vma, flags_for

if TYPE_CHECKING:
    from toyvm.kernel.counters import FaultContext

    from ..machine_memory import MachineMemory
    from ..memory_map import MemoryMap

GUARD_GAP = 256 << PAGE_SHIFT  # stack_guard_gap

# An access needs one of these protections: a writable page can be read, because Sv39 has no W without R.
ALLOWS = {Access.READ: PROT_READ | PROT_WRITE, Access.WRITE: PROT_WRITE, Access.EXECUTE: PROT_EXEC}
RESOLVED_BADLY = frozenset({FaultKind.SEGV, FaultKind.SIGBUS, FaultKind.OOM})

_FILE = FaultKind.FILE_MINOR, FaultKind.FILE_MAJOR  # a page cache hit, and a miss
_SHARED = FaultKind.SHARED_ZERO, FaultKind.SWAP_IN


_Outcome = tuple[FaultKind, int | None]  # the kind of a fault, and the page's frame now


def handle_fault(
    system: MachineMemory, space: MemoryMap, context: FaultContext, va: int, access: Access, pc: int
) -> FaultKind:
    """Resolve one page fault of `space` at `va`; count it and emit the event.

    Returns its kind; the caller handles SEGV, SIGBUS and OOM. `context` is the process that the
    kernel works for, `pc` its instruction that makes the access.
    """
    frame: int | None = None
    grew = False
    context.pc = pc
    seen = _seen(system, space, va) if system.bus.wants(PageFault) else None
    area = space.vmas.find(va)
    if area is None:
        area = _extend_stack(system, space, va)
        grew = area is not None
    if area is None or not area.prot & ALLOWS[access]:
        kind = FaultKind.SEGV
    else:
        try:
            kind, frame = _resolve(system, space, context, area, va & ~PAGE_MASK, access)
        except OutOfFrames:
            kind = FaultKind.OOM
        except OSError:  # the file's host cannot give the page
            kind = FaultKind.SIGBUS
    if frame is not None:
        system.recent.append(frame)
    _count(system, space, context, kind)
    if grew:
        system.stats.stack_growths += 1
        context.counters.stack_growths += 1
    if seen is not None:
        text = area.describe() if area is not None else ""
        name = access.name.lower()
        before, tables, used = seen
        after, tables_now, used_now = _seen(system, space, va)
        more = tables_now - tables, used_now - used
        system.bus.emit(
            PageFault(system.now(), context.pid, kind, va, pc, name, text, frame, grew, before, after, *more)
        )
    return kind


def _seen(system: MachineMemory, space: MemoryMap, va: int) -> tuple[int, int, int]:
    """What a fault can change: the page's entry, the number of page tables, the frames in use."""
    return space.table.entry(va), space.table.table_count, system.frames.used


def growable_stack(space: MemoryMap, va: int) -> Vma | None:
    """The stack above `va` that may grow down to it; None if there is none.

    The stack must stay within its limit and keep its distance from the area below.
    """
    area = space.vmas.above(va)
    start = va & ~PAGE_MASK
    if area is None or not area.grows_down or area.end - start > space.rlimits.stack:
        return None
    below = space.vmas.below(va)
    if below is not None and below.prot and below.end + GUARD_GAP > start:
        return None
    return area


def _extend_stack(system: MachineMemory, space: MemoryMap, va: int) -> Vma | None:
    """The stack above `va`, extended down to it; None if none may grow that far."""
    area = growable_stack(space, va)
    if area is None:
        return None
    start = va & ~PAGE_MASK
    pages = area.start - start >> PAGE_SHIFT
    try:
        admit(system.commit, space, area, pages)
    except OSError:
        return None
    system.commit.add(pages if area.accounted else 0)
    space.vmas.move_start(area, start)
    return area


def _resolve(
    system: MachineMemory, space: MemoryMap, context: FaultContext, area: Vma, va: int, access: Access
) -> _Outcome:
    if space.table.megapages or (
        access == Access.WRITE and system.frames.megapages.wants(area, refused=space.no_megapages)
    ):
        outcome = _megapage(system, space, context, area, va, access)
        if outcome is not None:
            return outcome
    slot = space.table.slot(va, context)
    pte = space.table.u64[slot]
    if pte & PTE_SWAP:
        return _swapped(system, space, context, area, va, slot, access)
    if pte:
        if access != Access.WRITE or pte & PTE_W:
            return FaultKind.SPURIOUS, pte_frame(pte)
        if area.shared:
            space.table.u64[slot] = pte | PTE_W
            return FaultKind.WRITE_ENABLE, pte_frame(pte)
        return _write_private(system, space, context, area, va, slot)
    if area.file is None:
        return _anonymous(system, space, context, area, va, slot, access)
    return _from_file(system, space, context, area, va, slot, access)


def _megapage(
    system: MachineMemory, space: MemoryMap, context: FaultContext, area: Vma, va: int, access: Access
) -> _Outcome | None:
    """Resolve a fault in a megapage, or by mapping one; None if single pages must resolve it."""
    table, frames = space.table, system.frames
    start = va & -MEGAPAGE_SIZE
    if va >> MEGAPAGE_SHIFT in table.megapages:
        before = table.entry(va)
        frame = pte_frame(before)
        if access != Access.WRITE or before & PTE_W:
            return FaultKind.SPURIOUS, frame
        first = frame & -BLOCK
        if not frames.sole_block(first):
            return None
        flags = flags_for(area, writable=True) | before & (PTE_A | PTE_D)
        table.remap_megapage(va, make_pte(first, flags))  # cached translations for reads stay valid
        if not before & PTE_COW:
            return FaultKind.WRITE_ENABLE, frame
        if system.bus.wants(CowFault):
            _emit_copy(system, space, context, area, va, before, 1, frame, table.entry(va))
        return FaultKind.COW_REUSE, frame
    if access != Access.WRITE or start < area.start or start + MEGAPAGE_SIZE > area.end:
        return None
    if not frames.megapages.wants(area, refused=space.no_megapages):
        return None
    zeroes = table.only_zero_pages(va) if va >> MEGAPAGE_SHIFT in table.leaves else []
    if zeroes is None:
        return None
    table.slot(va, context)  # makes the tables
    block = frames.alloc_block(system.low, context)
    if block is None:
        frames.megapages.fallbacks += 1
        return None
    frames.megapages.allocated += 1
    frames.refs[ZERO_FRAME] -= len(zeroes)
    system.invalidate_pages(space.mmu, zeroes)
    table.map_megapage(va, make_pte(block, flags_for(area, writable=True)))
    space.high_water.came(BLOCK - 1)  # the fault counts as one
    return FaultKind.DEMAND_MEGAPAGE, block + (va - start >> PAGE_SHIFT)


def _anonymous(
    system: MachineMemory,
    space: MemoryMap,
    context: FaultContext,
    area: Vma,
    va: int,
    slot: int,
    access: Access,
) -> _Outcome:
    frames = system.frames
    system.windows.open(space, area, va)
    if access == Access.WRITE:
        frame = frames.alloc_in_span(
            space.spans, va >> PAGE_SHIFT, area.end - area.start >> PAGE_SHIFT, context
        )
        space.table.u64[slot] = make_pte(frame, flags_for(area, writable=True))
        return FaultKind.DEMAND_ZERO, frame
    frames.get(ZERO_FRAME)
    space.table.u64[slot] = make_pte(ZERO_FRAME, flags_for(area, writable=False))
    return FaultKind.ZERO_READ, ZERO_FRAME


def _from_file(
    system: MachineMemory,
    space: MemoryMap,
    context: FaultContext,
    area: Vma,
    va: int,
    slot: int,
    access: Access,
) -> _Outcome:
    file = area.file
    assert file is not None
    offset = area.offset_of(va)
    if offset >= file.size:
        return FaultKind.SIGBUS, None
    frame, read = system.cache.page(file, offset >> PAGE_SHIFT, context)
    if system.readahead is not None:
        system.frames.get(frame)  # read-ahead allocates, which may reclaim this frame
        system.readahead.touched(area, offset >> PAGE_SHIFT, read, context)
        system.frames.put(frame)
    minor, major = _FILE if file.backed else _SHARED
    kind = major if read else minor
    system.frames.get(frame)
    space.table.u64[slot] = make_pte(frame, flags_for(area, writable=area.shared))
    if access == Access.WRITE and not area.shared:
        if read:  # the read is counted as well as the copy
            _count(system, space, context, kind)
        space.high_water.came(1)  # the copy replaces no resident page
        return _write_private(system, space, context, area, va, slot)
    if system.fault_around > 1:
        if not area.shared:
            _map_around(system, space, context, area, va)
    elif not read and system.readahead is None and access == Access.READ:
        system.windows.open_file(space, area, va, frame, kind, system.cache.frames_of(file))
    return kind, frame


def _swapped(
    system: MachineMemory,
    space: MemoryMap,
    context: FaultContext,
    area: Vma,
    va: int,
    slot: int,
    access: Access,
) -> _Outcome:
    """A private page in the swap area.

    Until its first write it is mapped without W and stays in the swap cache.
    """
    swap = system.swap
    assert swap is not None
    place = entry_slot(space.table.u64[slot])
    frame, read = swap.bring(place, context)
    kind = FaultKind.SWAP_IN if read else FaultKind.SWAP_CACHED
    if access == Access.WRITE and swap.is_sole(frame, 1):
        swap.adopt(place, frame)
        space.table.u64[slot] = make_pte(frame, flags_for(area, writable=True))
        return kind, frame
    swap.exchange(place, frame)
    space.table.u64[slot] = make_pte(frame, flags_for(area, writable=False))
    if access == Access.WRITE:
        _count(system, space, context, kind)  # as well as the copy
        return _write_private(system, space, context, area, va, slot)
    return kind, frame


def _count(system: MachineMemory, space: MemoryMap, context: FaultContext, kind: FaultKind) -> None:
    system.stats.faults[kind] += 1
    space.faults[kind] += 1
    context.counters.faults[kind] += 1


def _map_around(system: MachineMemory, space: MemoryMap, context: FaultContext, area: Vma, va: int) -> None:
    """Map the neighbours of a file page that are cached, in one aligned window and one table."""
    assert area.file is not None
    window = system.fault_around << PAGE_SHIFT
    first = max(va & -window, area.start)
    last = min((va & -window) + window, area.end)
    flags = flags_for(area, writable=area.shared)
    for page in range(first, last, PAGE_SIZE):
        frame = system.cache.peek(area.file, area.offset_of(page) >> PAGE_SHIFT)
        slot = space.table.slot(page, context)
        if frame is not None and not space.table.u64[slot]:
            system.cache.found(frame)
            system.frames.get(frame)
            space.table.u64[slot] = make_pte(frame, flags)
            space.high_water.came(1)


def own_page(system: MachineMemory, space: MemoryMap, context: FaultContext, va: int) -> None:
    """Give `space` its own copy of the page at `va`, which is present and may be read-only.

    Raises OutOfFrames, and Fault if the page is shared.
    """
    area = space.vmas.find(va)
    if area is None or area.shared:
        raise Fault(va)
    space.high_water.came(1)  # if it was the zero page
    _write_private(system, space, context, area, va, space.table.slot(va, context))


def _write_private(
    system: MachineMemory, space: MemoryMap, context: FaultContext, area: Vma, va: int, slot: int
) -> _Outcome:
    """A write to a present private page without W: copy it, or the last user takes it."""
    u64 = space.table.u64
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
            new = frames.alloc_in_span(
                space.spans, va >> PAGE_SHIFT, area.end - area.start >> PAGE_SHIFT, context
            )
        else:
            frames.get(old)  # so that reclaim does not free it before the copy
            try:
                new = frames.alloc(context, zeroed=False)
            finally:
                frames.put(old)
            system.memory.copy_frame(old, new)
        u64[slot] = make_pte(new, flags)
        frames.put(old)
        if system.merged is not None:
            system.merged.copied(old)
        if swap is not None:
            swap.unmapped(old)
        kind = FaultKind.DEMAND_ZERO if old == ZERO_FRAME else FaultKind.COW
    if before & (PTE_A | PTE_D):  # an entry that the machine never used is cached nowhere
        system.invalidate(space.mmu, va, va + PAGE_SIZE)
    if kind != FaultKind.WRITE_ENABLE and system.bus.wants(CowFault):
        _emit_copy(system, space, context, area, va, before, count, new, u64[slot])
    return kind, new


def _emit_copy(
    system: MachineMemory,
    space: MemoryMap,
    context: FaultContext,
    area: Vma,
    va: int,
    before: int,
    count: int,
    new: int,
    after: int,
) -> None:
    """Emit the event of a write to a private page.

    Its entry changed from `before` to `after`, and its frame, which had `count` references, to
    `new`.
    """
    old = pte_frame(before)
    in_cache = old in system.cache.owner
    source = "zero" if old == ZERO_FRAME else "file" if in_cache else "anonymous"
    line = area.describe()
    left = system.frames.refcount(old)
    system.bus.emit(
        CowFault(
            system.now(),
            context.pid,
            va,
            context.pc,
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
