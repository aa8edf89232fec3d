"""Locked memory: mlock(2), munlock, mlockall. Reclaim leaves the pages of locked areas alone; a fork's child has no locks."""

from __future__ import annotations

import errno

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.sv39 import USER_TOP

if TYPE_CHECKING:
    from .address_space import AddressSpace


def lock(mm: AddressSpace, start: int, end: int) -> None:
    """Pages of the range stay in memory once they are there. Raises OSError(ENOMEM): a hole, or more than RLIMIT_MEMLOCK."""
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
    """Raises OSError(ENOMEM) for a hole."""
    mm.require_mapped(start, end)
    _mark(mm, start, end, locked=False)


def lock_all(mm: AddressSpace) -> None:
    """All areas that there are. Raises OSError(ENOMEM): more than RLIMIT_MEMLOCK."""
    if sum(area.length for area in mm.vmas) > mm.rlimits.locked:
        raise error(errno.ENOMEM)
    _mark(mm, 0, USER_TOP, locked=True)


def unlock_all(mm: AddressSpace) -> None:
    """No area is locked any more."""
    _mark(mm, 0, USER_TOP, locked=False)


def _mark(mm: AddressSpace, start: int, end: int, *, locked: bool) -> None:
    if not locked and not mm.vmas.any_locked:
        return
    mm.vmas.any_locked = True
    mm.mark(start, end, "locked", locked)
