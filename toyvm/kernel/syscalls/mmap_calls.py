"""brk, mmap, munmap, mprotect, mincore."""

from __future__ import annotations

import errno

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SIZE

from ..mm.overcommit import NEVER
from ..mm.vma import PROT_EXEC, PROT_READ, PROT_WRITE
from ..vfs.nodes import FileNode
from ..vfs.open_file import O_ACCMODE, O_RDWR
from .arguments import open_file

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE = 1, 2, 3
MAP_FIXED, MAP_ANONYMOUS, MAP_GROWSDOWN, MAP_NORESERVE = 0x10, 0x20, 0x100, 0x4000
MAP_LOCKED, MAP_POPULATE, MAP_FIXED_NOREPLACE = 0x2000, 0x8000, 0x100000
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
    if flags & (MAP_POPULATE | MAP_LOCKED) or process.mm.map.lock_future:
        process.mm.populate(va, align_up(length, PAGE_SIZE))
    return va


def _mappable(process: Process, fd: int, prot: int, shared: bool) -> tuple[FileNode, bool]:
    """The file of `fd`, and whether its mapping may become writable.

    Raises OSError: EBADF, EACCES, ENODEV.
    """
    opened = open_file(process, fd)
    if not opened.readable:
        raise error(errno.EACCES)
    node = opened.node
    if not isinstance(node, FileNode):
        raise error(errno.ENODEV)
    may_write = not shared or (opened.flags & O_ACCMODE == O_RDWR)
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
    """mprotect(2): change the protection of whole pages.

    Errors: EACCES, EINVAL, ENOMEM (a hole, too many areas).
    """
    if prot & ~_PROT_ALL:
        raise error(errno.EINVAL)
    process.mm.mprotect(addr, length, prot)
    return 0


def mincore(kernel: KernelState, process: Process, addr: int, length: int, vector: int) -> int:
    """mincore(2): store a byte at `vector` for each page: 1 if it is resident.

    Errors: EFAULT, EINVAL, ENOMEM (a hole).
    """
    if addr & PAGE_MASK:
        raise error(errno.EINVAL)
    if length > process.mm.memory.size * 64 or addr + length > 1 << 38:
        raise error(errno.ENOMEM)
    end = addr + align_up(length, PAGE_SIZE)
    process.mm.require_mapped(addr, end)
    present = bytearray((end - addr) // PAGE_SIZE)
    for va, _, _ in process.mm.table.present(addr, end):
        present[(va - addr) // PAGE_SIZE] = 1
    process.mm.write(vector, bytes(present))
    return 0
