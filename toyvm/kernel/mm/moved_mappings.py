"""mremap(2): resize or move a mapping. Pages move with it: only page-table entries change."""

from __future__ import annotations

import errno

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.record import replace
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import MEGAPAGE_SIZE, USER_TOP

from .address_space import AddressSpace
from .overcommit import admit, require_limits
from .vma import Vma

_MOST_NEW_AREAS = 3  # the moved one, and the rest on both sides of its old place


def mremap(
    mm: AddressSpace,
    addr: int,
    old_length: int,
    new_length: int,
    *,
    may_move: bool = False,
    target: int | None = None,
    keep: bool = False,
) -> int:
    """Resize the mapping at `addr` to `new_length` bytes; returns its address.

    It moves if necessary and `may_move`, or to `target` if that is given (MREMAP_FIXED). `keep`
    leaves the old area, empty (MREMAP_DONTUNMAP). With `old_length` 0, the same shared pages are
    mapped a second time.

    Raises OSError: EINVAL for bad arguments, EFAULT if `addr` is not in such a mapping, ENOMEM.
    """
    if addr & PAGE_MASK:
        raise error(errno.EINVAL)
    old_length, new_length = align_up(old_length, PAGE_SIZE), align_up(new_length, PAGE_SIZE)
    if not new_length:
        raise error(errno.EINVAL)
    if target is not None:
        _clear_target(mm, addr, old_length, new_length, target)
    elif mm.vmas.find(addr) is None:
        raise error(errno.EFAULT)
    if new_length < old_length:
        mm.munmap(addr + new_length, old_length - new_length)
        old_length = new_length
    if target is None and not keep and new_length == old_length:
        return addr
    area = _source(mm, addr, old_length, new_length)
    end = addr + new_length
    if target is None and not keep:
        if addr + old_length == area.end and end <= USER_TOP and not mm.vmas.overlapping(area.end, end):
            admit(mm.system.commit, mm.map, area, new_length - old_length >> PAGE_SHIFT)
            _add(mm, area, area.end, new_length - old_length, area.end)
            if area.locked:
                mm.populate(addr + old_length, new_length - old_length)
            return addr
        if not may_move:
            raise error(errno.ENOMEM)
    return _move(mm, area, addr, old_length, new_length, target, keep)


def _clear_target(mm: AddressSpace, addr: int, old_length: int, new_length: int, target: int) -> None:
    """Unmap the target range of a move. Raises OSError: EINVAL, EPERM, ENOMEM."""
    if target & PAGE_MASK or target + new_length > USER_TOP:
        raise error(errno.EINVAL)
    if addr + old_length > target and target + new_length > addr:
        raise error(errno.EINVAL)
    _source(mm, addr, old_length, new_length)
    mm.require_room(_MOST_NEW_AREAS + 1)
    mm.place(target, new_length, fixed=True)
    mm.munmap(target, new_length)


def _source(mm: AddressSpace, addr: int, old_length: int, new_length: int) -> Vma:
    """The area to change, which must contain the whole range. Raises OSError: EFAULT, EINVAL."""
    area = mm.vmas.find(addr)
    if area is None:
        raise error(errno.EFAULT)
    if not old_length and not area.shared:
        raise error(errno.EINVAL)
    if addr + old_length > area.end:
        raise error(errno.EFAULT)
    if area.file is not None and area.offset_of(addr) + new_length >= 1 << 63:
        raise error(errno.EINVAL)
    return area


def _move(
    mm: AddressSpace, area: Vma, addr: int, old_length: int, new_length: int, target: int | None, keep: bool
) -> int:
    mm.require_room(_MOST_NEW_AREAS)
    to = mm.place(0, new_length) if target is None else target
    _admit_moved(mm, area, old_length, new_length, keep=keep)
    touched = next(mm.table.entries(area.start, area.end), None) is not None
    _add(mm, area, to, new_length, addr, to - addr if touched and area.file is None else 0)
    _move_pages(mm, addr, old_length, to)
    if old_length and not keep:
        mm.munmap(addr, old_length)
    if area.locked:
        if keep:  # the lock goes with the pages
            mm.mark(addr, addr + old_length, "locked", False)
        mm.populate(to + old_length, new_length - old_length)
    return to


def _admit_moved(mm: AddressSpace, area: Vma, old_length: int, new_length: int, *, keep: bool) -> None:
    """Check limits and overcommit for a move. Raises OSError(ENOMEM).

    As in Linux, overcommit counts both places for a moment; the limits count only what remains.
    """
    require_limits(mm.map, area, (new_length if keep else new_length - old_length) >> PAGE_SHIFT)
    if area.accounted:
        mm.system.commit.require(new_length >> PAGE_SHIFT, mm.vmas.pages)


def _add(mm: AddressSpace, area: Vma, start: int, length: int, shows: int, distance: int = 0) -> None:
    """Add an area like `area` at `start`, with the content that belongs at `shows` in `area`."""
    offset = area.offset_of(shows) if area.file is not None else 0
    new = replace(area, start=start, end=start + length, offset=offset, moved=area.moved + distance)
    mm.insert("mremap", new)


def _move_pages(mm: AddressSpace, addr: int, length: int, to: int) -> None:
    table = mm.table
    if (to - addr) % MEGAPAGE_SIZE:
        table.split(addr, addr + length)
    else:  # whole megapages stay megapages
        table.split_borders(addr, addr + length)
    # Create the new tables first: if there is no frame for one, nothing must have moved yet, and the
    # allocation may make reclaim change entries.
    for va in [va for va, _, _ in table.entries(addr, addr + length)]:
        table.slot(va - addr + to, mm.context)
    pages = list(table.entries(addr, addr + length))
    for va, _, pte in pages:
        table.u64[table.slot(va - addr + to, mm.context)] = pte
    for va in table.megapages_in(addr, addr + length):
        table.join(va - addr + to)
    if pages:
        table.clear(addr, addr + length)
        mm.system.invalidate(mm.mmu, addr, addr + length)
