"""Operations on mapped ranges: writeback (msync(2)) and locks (mlock(2), munlock, mlockall).

Reclaim spares the pages of locked areas. The child of a fork has no locks.
"""

from __future__ import annotations

import errno

from toyvm.base.errors import error
from toyvm.machine.sv39 import USER_TOP

from .address_space import AddressSpace
from .vma import end_of_pages
from .writeback import collect_dirty


def sync(mm: AddressSpace, addr: int, length: int, *, invalidate: bool = False) -> None:
    """Write the dirty pages of shared file mappings in the range to their files.

    `invalidate` is refused for locked pages. Raises OSError: EBUSY, EINVAL, ENOMEM, EIO...
    """
    end = end_of_pages(addr, length)
    if end < addr:
        raise error(errno.ENOMEM)
    if end == addr:
        return
    if invalidate and any(area.locked for area in mm.vmas.overlapping(addr, end)):
        raise error(errno.EBUSY)
    for area in mm.vmas.overlapping(addr, end):
        if area.shared and area.file is not None and area.file.backed:
            low, high = max(addr, area.start), min(end, area.end)
            collect_dirty(mm.system, mm.map, low, high)
            mm.system.cache.write_back(area.file, area.offset_of(low), area.offset_of(high))
    mm.require_mapped(addr, end)


def lock(mm: AddressSpace, start: int, end: int) -> None:
    """Lock the areas of a range, up to the first hole.

    Raises OSError: ENOMEM for a hole, or beyond RLIMIT_MEMLOCK; EPERM if that is 0.
    """
    require_locks(mm)
    already = sum(
        min(end, area.end) - max(start, area.start) for area in mm.vmas.overlapping(start, end) if area.locked
    )
    if mm.vmas.locked_bytes + (end - start) - already > mm.rlimits.locked:
        raise error(errno.ENOMEM)
    _mark_up_to_hole(mm, start, end, locked=True)


def require_locks(mm: AddressSpace) -> None:
    """Raises OSError(EPERM) if the process may lock no page."""
    if not mm.rlimits.locked:
        raise error(errno.EPERM)


def unlock(mm: AddressSpace, start: int, end: int) -> None:
    """Unlock the areas of a range, up to the first hole. Raises OSError(ENOMEM) for a hole."""
    _mark_up_to_hole(mm, start, end, locked=False)


def lock_all(mm: AddressSpace) -> None:
    """Lock all areas. Raises OSError(ENOMEM) beyond RLIMIT_MEMLOCK."""
    if sum(area.length for area in mm.vmas) > mm.rlimits.locked:
        raise error(errno.ENOMEM)
    _mark(mm, 0, USER_TOP, locked=True)


def unlock_all(mm: AddressSpace) -> None:
    """Unlock all areas."""
    _mark(mm, 0, USER_TOP, locked=False)


def _mark_up_to_hole(mm: AddressSpace, start: int, end: int, *, locked: bool) -> None:
    at = start
    for area in mm.vmas.overlapping(start, end):
        if area.start > at:
            break
        at = area.end
    _mark(mm, start, min(at, end), locked=locked)
    if at < end:
        raise error(errno.ENOMEM)


def _mark(mm: AddressSpace, start: int, end: int, *, locked: bool) -> None:
    if not locked and not mm.vmas.any_locked:
        return
    mm.vmas.any_locked = True
    mm.mark(start, end, "locked", locked)
