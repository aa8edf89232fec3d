"""Operations on mapped ranges: writeback (msync(2)) and locks (mlock(2), munlock, mlockall).

Reclaim spares the pages of locked areas. The child of a fork has no locks.
"""

from __future__ import annotations

import errno

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SIZE
from toyvm.machine.sv39 import USER_TOP

from .address_space import AddressSpace
from .writeback import collect_dirty


def sync(mm: AddressSpace, addr: int, length: int) -> None:
    """Write the dirty pages of shared file mappings in the range to their files.

    Raises OSError: EINVAL, ENOMEM, EIO...
    """
    if addr & PAGE_MASK or length < 0 or addr + length > USER_TOP:
        raise error(errno.EINVAL if addr & PAGE_MASK else errno.ENOMEM)
    end = addr + align_up(length, PAGE_SIZE)
    if end == addr:
        return
    for area in mm.vmas.overlapping(addr, end):
        if area.shared and area.file is not None and area.file.backed:
            low, high = max(addr, area.start), min(end, area.end)
            collect_dirty(mm.system, mm.map, low, high)
            mm.system.cache.write_back(area.file, area.offset_of(low), area.offset_of(high))
    mm.require_mapped(addr, end)


def lock(mm: AddressSpace, start: int, end: int) -> None:
    """Lock the areas of a range.

    Raises OSError(ENOMEM) for a hole, or beyond RLIMIT_MEMLOCK.
    """
    mm.require_mapped(start, end)
    fresh = sum(
        min(end, area.end) - max(start, area.start)
        for area in mm.vmas.overlapping(start, end)
        if not area.locked
    )
    if mm.vmas.locked_bytes + fresh > mm.rlimits.locked:
        raise error(errno.ENOMEM)
    _mark(mm, start, end, locked=True)


def unlock(mm: AddressSpace, start: int, end: int) -> None:
    """Unlock the areas of a range. Raises OSError(ENOMEM) for a hole."""
    mm.require_mapped(start, end)
    _mark(mm, start, end, locked=False)


def lock_all(mm: AddressSpace) -> None:
    """Lock all areas. Raises OSError(ENOMEM) beyond RLIMIT_MEMLOCK."""
    if sum(area.length for area in mm.vmas) > mm.rlimits.locked:
        raise error(errno.ENOMEM)
    _mark(mm, 0, USER_TOP, locked=True)


def unlock_all(mm: AddressSpace) -> None:
    """Unlock all areas."""
    _mark(mm, 0, USER_TOP, locked=False)


def _mark(mm: AddressSpace, start: int, end: int, *, locked: bool) -> None:
    if not locked and not mm.vmas.any_locked:
        return
    mm.vmas.any_locked = True
    mm.mark(start, end, "locked", locked)
