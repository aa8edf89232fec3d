"""What few programs ask of mappings that are there: to move them, advice, locks."""

from __future__ import annotations

import errno

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import USER_TOP

from ..mm import locked_memory, moved_mappings
from ..mm.advice import madvise as advise
from .table import syscall

if TYPE_CHECKING:
    from ..kernel import Kernel
    from ..proc.process import Process

MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP = 1, 2, 4
MLOCK_ONFAULT = 1
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4


@syscall(216, "mremap", "ptr uint uint hex ptr", needs_mmu=True)
def mremap(kernel: Kernel, process: Process, addr: int, old: int, new: int, flags: int, target: int) -> int:
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


@syscall(233, "madvise", "ptr uint int", needs_mmu=True)
def madvise(kernel: Kernel, process: Process, addr: int, length: int, advice: int) -> int:
    advise(process.mm, addr, length, advice)
    return 0


@syscall(228, "mlock", "ptr uint", needs_mmu=True)
def mlock(kernel: Kernel, process: Process, addr: int, length: int) -> int:
    return mlock2(kernel, process, addr, length, 0)


@syscall(284, "mlock2", "ptr uint hex")
def mlock2(kernel: Kernel, process: Process, addr: int, length: int, flags: int) -> int:
    if flags & ~MLOCK_ONFAULT:
        raise error(errno.EINVAL)
    start, end = _whole_pages(addr, length)
    locked_memory.lock(process.mm, start, end)
    if not flags & MLOCK_ONFAULT:
        _populate_locked(process, start, end)
    return 0


@syscall(229, "munlock", "ptr uint", needs_mmu=True)
def munlock(kernel: Kernel, process: Process, addr: int, length: int) -> int:
    locked_memory.unlock(process.mm, *_whole_pages(addr, length))
    return 0


@syscall(230, "mlockall", "hex")
def mlockall(kernel: Kernel, process: Process, flags: int) -> int:
    if not flags or flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) or flags == MCL_ONFAULT:
        raise error(errno.EINVAL)
    mm = process.mm
    if flags & MCL_CURRENT:
        locked_memory.lock_all(mm)
        if not flags & MCL_ONFAULT:
            for area in list(mm.vmas):
                mm.populate(area.start, area.length)  # what cannot be had is no error of mlockall
    mm.lock_future = bool(flags & MCL_FUTURE)
    return 0


@syscall(231, "munlockall", "")
def munlockall(kernel: Kernel, process: Process) -> int:
    process.mm.lock_future = False
    locked_memory.unlock_all(process.mm)
    return 0


def _whole_pages(addr: int, length: int) -> tuple[int, int]:
    if addr + length > USER_TOP:
        raise error(errno.ENOMEM)
    return addr & ~PAGE_MASK, align_up(addr + length, PAGE_SIZE)


def _populate_locked(process: Process, start: int, end: int) -> None:
    """Bring all pages in. Raises OSError(ENOMEM) where one cannot be had."""
    mm = process.mm
    mm.populate(start, end - start)
    for area in mm.vmas.overlapping(start, end):
        low, high = max(start, area.start), min(end, area.end)
        if area.prot and sum(1 for _ in mm.table.present(low, high)) << PAGE_SHIFT < high - low:
            raise error(errno.ENOMEM)
