"""Protection of mapped memory: mprotect(2)."""

from __future__ import annotations

import errno

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SIZE
from toyvm.machine.sv39 import USER_TOP, make_pte, pte_frame

from .faults.page_fault import flags_for
from .frame_allocator import ZERO_FRAME
from .overcommit import becomes_accounted
from .vma import PROT_WRITE

if TYPE_CHECKING:
    from .address_space import AddressSpace
    from .vma import Vma


def protect(mm: AddressSpace, addr: int, length: int, prot: int) -> None:
    """Change the protection; splits and joins areas. Raises OSError: EINVAL, ENOMEM for a hole, EACCES for a read-only file."""
    if addr & PAGE_MASK or length < 0 or addr + length > USER_TOP:
        raise error(errno.EINVAL if addr & PAGE_MASK else errno.ENOMEM)
    end = addr + align_up(length, PAGE_SIZE)
    if end == addr:
        return
    end, refused = _up_to(mm, addr, end, prot)
    mm.require_room(2)
    for area in mm.vmas.overlapping(addr, end):
        if area.prot != prot:
            part = mm.vmas.part(area, addr, end)
            mm.table.split_borders(part.start, part.end)
            try:
                accounted = becomes_accounted(mm, part, prot)
            except OSError as failure:
                refused = failure.errno or errno.ENOMEM
                mm.vmas.remove(part)
                mm.vmas.add(part)  # joined with the rest again
                break
            mm.vmas.remove(part)
            part.prot, part.accounted = prot, accounted
            _reprotect(mm, part)
            mm.vmas.add(part)
    mm.changed("mprotect", addr, end, mm.vmas.find(addr))
    if refused:
        raise error(refused)


def _up_to(mm: AddressSpace, start: int, end: int, prot: int) -> tuple[int, int]:
    """How far from `start` the areas are without a hole and may have `prot`, and the errno for what is beyond.

    Raises OSError when that is nowhere. (Linux too changes what comes before the first area that stops it.)
    """
    at, refused = start, errno.ENOMEM
    for area in mm.vmas.overlapping(start, end):
        if area.start > at:
            break
        if prot & PROT_WRITE and not area.may_write:
            refused = errno.EACCES
            break
        at = area.end
    if at == start:
        raise error(refused)
    return min(at, end), 0 if at >= end else refused


def _reprotect(mm: AddressSpace, area: Vma) -> None:
    refs, u64 = mm.system.frames.refs, mm.table.u64
    kept = 0b11 << 6  # A and D
    changed = False
    for _, slot, pte in mm.table.present(area.start, area.end):
        frame = pte_frame(pte)
        writable = area.shared or (refs[frame] == 1 and frame != ZERO_FRAME)
        u64[slot] = make_pte(frame, flags_for(area, writable=writable) | pte & kept)
        changed = True
    if changed:
        mm.table.changed(area.start, area.end)
        mm.system.invalidate(mm.mmu, area.start, area.end)
