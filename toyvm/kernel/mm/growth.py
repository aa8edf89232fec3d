"""What grows without being mapped: the heap, by brk(2), and the stack, by being touched below its end."""

from __future__ import annotations

from toyvm.base.bits import align_up
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import USER_TOP

from .overcommit import admit
from .vma import PROT_READ, PROT_WRITE, Vma

if TYPE_CHECKING:
    from .address_space import AddressSpace

GUARD_GAP = 256 << PAGE_SHIFT  # stack_guard_gap


def move_break(mm: AddressSpace, wanted: int) -> int:
    """brk(2) as the kernel has it: the new program break, or the old one when it cannot move there."""
    if wanted < mm.brk_start or wanted > USER_TOP:
        return mm.brk_end
    old, new = align_up(mm.brk_end, PAGE_SIZE), align_up(wanted, PAGE_SIZE)
    if new > old:
        ceiling = mm.vmas.above(old - 1 if old else 0)
        room = ceiling.start - PAGE_SIZE if ceiling is not None else USER_TOP
        if new > room or wanted - mm.brk_start + mm.data_size > mm.rlimits.data:
            return mm.brk_end
        area = Vma(old, new, PROT_READ | PROT_WRITE, name="[heap]", accounted=True, locked=mm.lock_future)
        try:
            mm.require_room(1)
            admit(mm, area, area.length >> PAGE_SHIFT)
        except OSError:
            return mm.brk_end
        mm.system.commit.add(area.length >> PAGE_SHIFT)
        mm.vmas.add(area)
    elif new < old:
        mm.unmap_range(new, old)
    mm.brk_end = wanted
    mm.changed("brk", mm.brk_start, wanted, None)
    return wanted


def extend_stack(mm: AddressSpace, va: int) -> Vma | None:
    """Extend the area above `va` down to it, when that is a stack, within its limit and clear of what is below."""
    area = mm.vmas.above(va)
    start = va & ~PAGE_MASK
    if area is None or not area.grows_down or area.end - start > mm.rlimits.stack:
        return None
    below = mm.vmas.below(va)
    if below is not None and below.prot and below.end + GUARD_GAP > start:
        return None
    pages = area.start - start >> PAGE_SHIFT
    try:
        admit(mm, area, pages)
    except OSError:
        return None
    mm.system.commit.add(pages if area.accounted else 0)
    mm.vmas.move_start(area, start)
    return area
