"""What an access would do now: the rules of `kernel.mm.faults.page_fault`, asked without being applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toyvm.base.events import FaultKind
from toyvm.kernel.mm.faults.page_fault import ALLOWS, growable_stack
from toyvm.kernel.mm.frame_allocator import BLOCK, ZERO_FRAME
from toyvm.machine.mmu import Access
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT
from toyvm.machine.sv39 import (
    MEGAPAGE_SHIFT,
    MEGAPAGE_SIZE,
    PTE_COW,
    PTE_SWAP,
    PTE_W,
    entry_slot,
    pte_frame,
)

from .memory_answers import Outcome

if TYPE_CHECKING:
    from toyvm.kernel.mm.machine_memory import MachineMemory
    from toyvm.kernel.mm.memory_map import MemoryMap
    from toyvm.kernel.mm.vma import Vma

_NOUN = {Access.READ: "read", Access.WRITE: "write", Access.EXECUTE: "execute"}
_Found = tuple[FaultKind | None, str]


def next_access(system: MachineMemory, space: MemoryMap, va: int, access: Access) -> Outcome:
    """What `access` to `va` would do: which fault, and by which rule. It changes nothing."""
    kind, rule = _fault(system, space, va, access)
    return Outcome(_NOUN[access], kind, rule)


def _fault(system: MachineMemory, space: MemoryMap, va: int, access: Access) -> _Found:
    area = space.vmas.find(va)
    if area is None:
        area = growable_stack(space, va)
        if area is None:
            return FaultKind.SEGV, "nothing is mapped there"
        if not area.prot & ALLOWS[access]:
            return FaultKind.SEGV, "the stack would grow, but its pages do not allow it"
        kind, rule = _absent(system, space, area, va, access)
        return kind, f"the stack grows down to it; {rule}"
    if not area.prot & ALLOWS[access]:
        return FaultKind.SEGV, f"the mapping is {area.permissions()}"
    pte = space.table.entry(va)
    if pte & PTE_SWAP:
        return _swapped(system, pte, access)
    if not pte:
        return _absent(system, space, area, va, access)
    if access != Access.WRITE:
        return None, "the entry is valid and allows it"
    if pte & PTE_W:
        return None, "the entry is valid and has W"
    if area.shared:
        return FaultKind.WRITE_ENABLE, "a shared page: W is set, and nothing is copied"
    if va >> MEGAPAGE_SHIFT in space.table.megapages and system.frames.sole_block(pte_frame(pte) & -BLOCK):
        return _sole(pte, "the megapage has")
    return _private_write(system, pte)


def _sole(pte: int, who: str) -> _Found:
    kind = FaultKind.COW_REUSE if pte & PTE_COW else FaultKind.WRITE_ENABLE
    return kind, f"{who} no other user: W is set, and nothing is copied"


def _private_write(system: MachineMemory, pte: int) -> _Found:
    """A write to a present private page without W."""
    frame = pte_frame(pte)
    references = system.frames.refs[frame]
    if frame == ZERO_FRAME:
        return FaultKind.DEMAND_ZERO, "the shared zero page is replaced by a zeroed frame"
    swap = system.swap
    if swap is not None and swap.is_cached(frame) and swap.is_sole(frame, 1):
        references -= 1  # the swap cache gives it up
    if references == 1:
        return _sole(pte, f"frame {frame:#x} has")
    holders = f"frame {frame:#x} has {references} references"
    if frame in system.cache.owner:
        holders += ", one of them the page cache's"
    return FaultKind.COW, f"copy-on-write: {holders}, so the writer gets a copy"


def _swapped(system: MachineMemory, pte: int, access: Access) -> _Found:
    swap, slot = system.swap, entry_slot(pte)
    assert swap is not None, "a swap entry on a machine without a swap area"
    frame = swap.frame_of[slot]
    kind = FaultKind.SWAP_CACHED if frame else FaultKind.SWAP_IN
    how = f"found in frame {frame:#x} of the swap cache" if frame else "read from the swap area"
    users = swap.refs[slot] + (system.frames.refs[frame] - 1 if frame else 0)
    if access != Access.WRITE:
        return kind, f"slot {slot:#x} is {how} and mapped without W"
    if users == 1:
        return kind, f"slot {slot:#x} is {how}; it has no other user, so the slot becomes free"
    return FaultKind.COW, f"slot {slot:#x} is {how}; it has {users} users, so the writer gets a copy"


def _absent(system: MachineMemory, space: MemoryMap, area: Vma, va: int, access: Access) -> _Found:
    if area.file is not None:
        return _of_file(system, area, va & ~PAGE_MASK, access)
    if access != Access.WRITE:
        return FaultKind.ZERO_READ, "anonymous memory that was never written: the shared zero page is mapped"
    start = va & -MEGAPAGE_SIZE
    fits = area.start <= start and start + MEGAPAGE_SIZE <= area.end
    if fits and system.frames.megapages.wants(area, refused=space.no_megapages):
        zeroes = space.table.only_zero_pages(va) if va >> MEGAPAGE_SHIFT in space.table.leaves else []
        if zeroes is not None:
            return FaultKind.DEMAND_MEGAPAGE, f"{BLOCK} zeroed frames, if so many neighbours are free"
    return FaultKind.DEMAND_ZERO, "anonymous memory: a zeroed frame is mapped"


def _of_file(system: MachineMemory, area: Vma, va: int, access: Access) -> _Found:
    file = area.file
    assert file is not None
    offset = area.offset_of(va)
    if offset >= file.size:
        return FaultKind.SIGBUS, f"the page is beyond the end of the file, which has {file.size:,} bytes"
    page = offset >> PAGE_SHIFT
    frame, slot = system.cache.peek(file, page), system.cache.slot_of(file, page)
    if frame is not None:
        how = f"page {page} is in the page cache, in frame {frame:#x}"
        kind = FaultKind.FILE_MINOR if file.backed else FaultKind.SHARED_ZERO
    elif slot is not None:
        how, kind = f"page {page} is in slot {slot:#x} of the swap area", FaultKind.SWAP_IN
        if system.swap is not None and system.swap.frame_of[slot]:
            kind = FaultKind.SHARED_ZERO
    elif file.backed:
        how, kind = f"page {page} is read from the file into the page cache", FaultKind.FILE_MAJOR
    else:
        how, kind = f"page {page} of shared memory gets a zeroed frame", FaultKind.SHARED_ZERO
    if access == Access.WRITE and not area.shared:
        return FaultKind.COW, f"{how}; the page cache keeps that frame, so the writer gets a copy"
    return kind, how
