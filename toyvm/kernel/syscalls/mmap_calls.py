"""brk, mmap, munmap, mprotect, mincore."""

from __future__ import annotations

import errno

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import USER_TOP

from ..mm.overcommit import NEVER
from ..mm.vma import PROT_EXEC, PROT_READ, PROT_WRITE, end_of_pages
from ..vfs.nodes import F_SEAL_FUTURE_WRITE, F_SEAL_WRITE, FileNode
from ..vfs.open_file import O_ACCMODE, O_RDWR
from .arguments import open_file

if TYPE_CHECKING:
    from ..mm.address_space import AddressSpace
    from ..mm.vma import Vma
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE = 1, 2, 3
MAP_FIXED, MAP_ANONYMOUS, MAP_GROWSDOWN, MAP_NORESERVE = 0x10, 0x20, 0x100, 0x4000
MAP_LOCKED, MAP_POPULATE, MAP_NONBLOCK, MAP_FIXED_NOREPLACE = 0x2000, 0x8000, 0x10000, 0x100000
_VALIDATED = 0x7C07F933  # the flags that MAP_SHARED_VALIDATE knows (LEGACY_MAP_MASK)
PROT_GROWSDOWN, PROT_GROWSUP = 0x1000000, 0x2000000
_MINCORE_BYTES = 16 << 20  # whose residency is looked up at a time
_PROT_SEM = 8  # for atomic operations: means nothing here
_PROT_GROWS = PROT_GROWSDOWN | PROT_GROWSUP
_PROT_ALL = PROT_READ | PROT_WRITE | PROT_EXEC


def brk(kernel: KernelState, process: Process, wanted: int) -> int:
    """brk(2): move the end of the heap to `wanted` if possible, and return the end.

    It cannot fail.
    """
    return process.mm.brk(wanted)


def mmap(
    kernel: KernelState, process: Process, addr: int, length: int, prot: int, flags: int, fd: int, offset: int
) -> int:
    """mmap(2): map a file or anonymous memory. Return the address.

    MAP_POPULATE and MAP_LOCKED bring in every page at once.

    Errors: EACCES, EAGAIN (RLIMIT_MEMLOCK), EBADF, EEXIST (MAP_FIXED_NOREPLACE), EINVAL, ENODEV,
    ENOMEM, EOVERFLOW, EPERM.
    """
    if not length or offset & PAGE_MASK:
        raise error(errno.EINVAL)
    sharing = flags & 0xF
    if sharing not in (MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE):
        raise error(errno.EINVAL)
    if sharing == MAP_SHARED_VALIDATE and (flags & MAP_ANONYMOUS or flags & ~_VALIDATED):
        raise error(errno.EINVAL if flags & MAP_ANONYMOUS else errno.EOPNOTSUPP)
    shared = sharing != MAP_PRIVATE
    prot &= _PROT_ALL
    file: FileNode | None = None
    may_write = True
    # Strict overcommit ignores MAP_NORESERVE.
    no_reserve = bool(flags & MAP_NORESERVE) and kernel.system.commit.mode != NEVER
    if not flags & MAP_ANONYMOUS and open_file(process, fd).maps_zeros:
        flags |= MAP_ANONYMOUS  # a mapping of /dev/zero is anonymous memory
    if not flags & MAP_ANONYMOUS:
        file, may_write = _mappable(process, fd, prot, shared)
    elif shared:
        from ..mm.shared_anonymous import ShmNode  # most mappings are private

        account = kernel.system.commit if not no_reserve else None
        file, offset = ShmNode(kernel.new_inode(), align_up(length, PAGE_SIZE), account), 0
    try:
        va = process.mm.mmap(
            addr,
            length,
            prot,
            shared=shared,
            fixed=bool(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)),
            no_replace=bool(flags & MAP_FIXED_NOREPLACE),
            file=file,
            offset=offset if file is not None else 0,
            name=_name(process, fd) if not flags & MAP_ANONYMOUS else "",
            grows_down=bool(flags & MAP_GROWSDOWN) and file is None,
            no_reserve=no_reserve,
            may_write=may_write,
            locked=bool(flags & MAP_LOCKED),
        )
    except OSError:
        if file is not None:  # free shared anonymous memory if the mapping failed
            kernel.system.cache.released(file)
        raise
    space = process.mm.map
    locked = flags & MAP_LOCKED or (space.lock_future and not space.lock_on_fault)
    if locked or flags & (MAP_POPULATE | MAP_NONBLOCK) == MAP_POPULATE:
        process.mm.populate(va, align_up(length, PAGE_SIZE))
    return va


def _mappable(process: Process, fd: int, prot: int, shared: bool) -> tuple[FileNode, bool]:
    """The file of `fd`, and whether its mapping may become writable.

    Raises OSError: EBADF, EACCES, ENODEV, EPERM (sealed).
    """
    opened = open_file(process, fd)
    if not opened.readable:
        raise error(errno.EACCES)
    node = opened.node
    if not isinstance(node, FileNode):
        raise error(errno.ENODEV)
    may_write = not shared or (opened.flags & O_ACCMODE == O_RDWR)
    if shared and node.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE):
        if prot & PROT_WRITE:
            raise error(errno.EPERM)
        may_write = False
    if prot & PROT_WRITE and not may_write:
        raise error(errno.EACCES)
    return node, may_write


def _name(process: Process, fd: int) -> str:
    return open_file(process, fd).path


def munmap(kernel: KernelState, process: Process, addr: int, length: int) -> int:
    """munmap(2): unmap whole pages. Unmapped pages in the range are not an error.

    Errors: EINVAL, ENOMEM (too many areas).
    """
    process.mm.munmap(addr, length)
    return 0


def mprotect(kernel: KernelState, process: Process, addr: int, length: int, prot: int) -> int:
    """mprotect(2): change the protection of whole pages. PROT_GROWSDOWN begins at the start of a stack.

    Errors: EACCES, EINVAL, ENOMEM (a hole, too many areas).
    """
    grows = prot & _PROT_GROWS
    end = end_of_pages(addr, length)
    if grows == _PROT_GROWS or (length and end > addr and prot & ~(_PROT_ALL | _PROT_SEM | grows)):
        raise error(errno.EINVAL)
    mm = process.mm
    if grows and end > addr:
        areas = mm.vmas.overlapping(addr, end)
        if not areas:
            raise error(errno.ENOMEM)
        if grows != PROT_GROWSDOWN or not areas[0].grows_down:
            raise error(errno.EINVAL)
        addr, length = areas[0].start, end - areas[0].start
    mm.mprotect(addr, length, prot & _PROT_ALL)
    return 0


def mincore(kernel: KernelState, process: Process, addr: int, length: int, vector: int) -> int:
    """mincore(2): store a byte at `vector` for each page: 1 if it is resident, of a file also if no process maps it.

    Before a hole the bytes are stored.

    Errors: EFAULT, EINVAL, ENOMEM (a hole).
    """
    mm = process.mm
    end = end_of_pages(addr, length)
    if addr + length > USER_TOP:
        raise error(errno.ENOMEM)
    at = addr
    while at < end:
        area = mm.vmas.find(at)
        if area is None:
            raise error(errno.ENOMEM)
        to = min(end, area.end, at + _MINCORE_BYTES)
        mm.write(vector + (at - addr >> PAGE_SHIFT), _residency(kernel, mm, area, at, to))
        at = to
    return 0


def _residency(kernel: KernelState, mm: AddressSpace, area: Vma, start: int, end: int) -> bytes:
    """A byte for each page of a part of an area, as mincore(2) stores them."""
    resident = bytearray(end - start >> PAGE_SHIFT)
    if area.file is not None:
        first = area.offset_of(start) >> PAGE_SHIFT
        for number in range(len(resident)):
            resident[number] = kernel.system.cache.holds(area.file, first + number)
    for va, _, _ in mm.table.present(start, end):
        resident[va - start >> PAGE_SHIFT] = 1
    return bytes(resident)
