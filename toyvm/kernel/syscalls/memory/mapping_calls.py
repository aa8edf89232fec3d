"""Less common calls on existing mappings: mremap, madvise, msync, mlock."""

from __future__ import annotations

import errno

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.mm import mapped_ranges, moved_mappings
from toyvm.kernel.mm.advice import madvise as advise
from toyvm.kernel.mm.vma import end_of_pages
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP = 1, 2, 4
MS_ASYNC, MS_INVALIDATE, MS_SYNC = 1, 2, 4
MLOCK_ONFAULT = 1
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4


def mremap(
    kernel: KernelState, process: Process, addr: int, old: int, new: int, flags: int, target: int
) -> int:
    """mremap(2): grow, shrink or move a mapping. Return its address.

    Errors: EAGAIN (RLIMIT_MEMLOCK), EFAULT (no mapping), EINVAL, ENOMEM.
    """
    fixed, keep = flags & MREMAP_FIXED, flags & MREMAP_DONTUNMAP
    if flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP):
        raise error(errno.EINVAL)
    if ((fixed or keep) and not flags & MREMAP_MAYMOVE) or (keep and old != new):
        raise error(errno.EINVAL)
    return moved_mappings.mremap(
        process.mm,
        addr,
        old,
        new,
        may_move=bool(flags & MREMAP_MAYMOVE),
        target=target if fixed else None,
        keep=bool(keep),
    )


def madvise(kernel: KernelState, process: Process, addr: int, length: int, advice: int) -> int:
    """madvise(2): give advice about pages; see `mm.advice`.

    Errors: EFAULT, EINVAL, ENOMEM (a hole).
    """
    advise(process.mm, addr, length, advice)
    return 0


def msync(kernel: KernelState, process: Process, addr: int, length: int, flags: int) -> int:
    """msync(2): write the dirty pages of shared file mappings back.

    Errors: EBUSY (MS_INVALIDATE of locked pages), EINVAL, ENOMEM (a hole).
    """
    if flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) or flags & (both := MS_ASYNC | MS_SYNC) == both:
        raise error(errno.EINVAL)
    mapped_ranges.sync(process.mm, addr, length, invalidate=bool(flags & MS_INVALIDATE))
    return 0


def mlock(kernel: KernelState, process: Process, addr: int, length: int) -> int:
    """mlock(2): bring pages in and lock them in memory.

    Errors: EINVAL, ENOMEM (a hole, RLIMIT_MEMLOCK, no frame), EPERM (a limit of 0).
    """
    return mlock2(kernel, process, addr, length, 0)


def mlock2(kernel: KernelState, process: Process, addr: int, length: int, flags: int) -> int:
    """mlock2(2): mlock(2); with MLOCK_ONFAULT, a page is brought in and locked at its first fault.

    Errors: EINVAL, ENOMEM (a hole, RLIMIT_MEMLOCK, no frame), EPERM (a limit of 0).
    """
    if flags & ~MLOCK_ONFAULT:
        raise error(errno.EINVAL)
    start, end = _whole_pages(addr, length)
    mapped_ranges.lock(process.mm, start, end)
    if not flags & MLOCK_ONFAULT:
        _populate_locked(process, start, end)
    return 0


def munlock(kernel: KernelState, process: Process, addr: int, length: int) -> int:
    """munlock(2): unlock pages, so that they can be reclaimed.

    Errors: EINVAL, ENOMEM (a hole).
    """
    mapped_ranges.unlock(process.mm, *_whole_pages(addr, length))
    return 0


def mlockall(kernel: KernelState, process: Process, flags: int) -> int:
    """mlockall(2): lock all current (MCL_CURRENT) or future mappings (MCL_FUTURE).

    It is not an error if a page cannot be brought in.

    Errors: EINVAL, ENOMEM (RLIMIT_MEMLOCK), EPERM (a limit of 0).
    """
    if not flags or flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) or flags == MCL_ONFAULT:
        raise error(errno.EINVAL)
    mm = process.mm
    mapped_ranges.require_locks(mm)
    if flags & MCL_CURRENT:
        mapped_ranges.lock_all(mm)
        if not flags & MCL_ONFAULT:
            for area in list(mm.vmas):
                mm.populate(area.start, area.length)  # mlockall ignores failures
    mm.map.lock_future = bool(flags & MCL_FUTURE)
    mm.map.lock_on_fault = bool(flags & MCL_ONFAULT)
    return 0


def munlockall(kernel: KernelState, process: Process) -> int:
    """munlockall(2): unlock all mappings, and lock nothing in future. It cannot fail."""
    process.mm.map.lock_future = False
    mapped_ranges.unlock_all(process.mm)
    return 0


def _whole_pages(addr: int, length: int) -> tuple[int, int]:
    """The range of pages. Raises OSError(EINVAL) if it leaves the 64 bits of an address."""
    start = addr & ~PAGE_MASK
    end = end_of_pages(start, length + (addr & PAGE_MASK))
    if end < start:
        raise error(errno.EINVAL)
    return start, end


def _populate_locked(process: Process, start: int, end: int) -> None:
    """Bring all pages in. Raises OSError(ENOMEM) if that fails for a page."""
    mm = process.mm
    mm.populate(start, end - start)
    for area in mm.vmas.overlapping(start, end):
        low, high = max(start, area.start), min(end, area.end)
        if not area.prot or sum(1 for _ in mm.table.present(low, high)) << PAGE_SHIFT < high - low:
            raise error(errno.ENOMEM)
