"""process_vm_readv and process_vm_writev: copy between the memories of two processes."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SIZE

from ..arguments import MAX_RW_COUNT, vectors

if TYPE_CHECKING:
    from toyvm.kernel.mm.address_space import AddressSpace
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

Pieces = Iterator[tuple[int, int]]


def process_vm_readv(
    kernel: KernelState,
    process: Process,
    pid: int,
    local: int,
    locals_: int,
    remote: int,
    remotes: int,
    flags: int,
) -> int:
    """process_vm_readv(2): copy from another process to the caller. Return the number of bytes.

    Errors: EFAULT, EINVAL, ESRCH.
    """
    mine, theirs, other = _ends(kernel, process, pid, (local, locals_), (remote, remotes), flags)
    return _transfer(other, theirs, process.mm, mine)


def process_vm_writev(
    kernel: KernelState,
    process: Process,
    pid: int,
    local: int,
    locals_: int,
    remote: int,
    remotes: int,
    flags: int,
) -> int:
    """process_vm_writev(2): copy from the caller to another process. Return the number of bytes.

    Errors: EFAULT, EINVAL, ESRCH.
    """
    mine, theirs, other = _ends(kernel, process, pid, (local, locals_), (remote, remotes), flags)
    return _transfer(process.mm, mine, other, theirs)


def _ends(
    kernel: KernelState,
    process: Process,
    pid: int,
    local: tuple[int, int],
    remote: tuple[int, int],
    flags: int,
) -> tuple[Pieces, Pieces, AddressSpace]:
    """The local and remote ranges, and the remote address space.

    Raises OSError: EINVAL, EFAULT, ESRCH.
    """
    if flags:
        raise error(errno.EINVAL)
    mine = vectors(process, *local)
    if not any(length for _, length in mine):
        return iter(()), iter(()), process.mm
    theirs = vectors(process, *remote)
    other = kernel.threads.get(sext(pid, 32))
    if other is None or not other.alive:
        raise error(errno.ESRCH)
    return _pieces(mine), _pieces(theirs), other.mm


def _pieces(ranges: list[tuple[int, int]]) -> Pieces:
    """Split the ranges at page boundaries, so that a piece is either mapped or not."""
    for va, length in ranges:
        while length:
            size = min(length, PAGE_SIZE - (va & PAGE_MASK))
            yield va, size
            va, length = va + size, length - size


def _transfer(source: AddressSpace, froms: Pieces, target: AddressSpace, tos: Pieces) -> int:
    """Copy until a side is used up or a page is invalid.

    Return the bytes copied. Raises Fault if that is 0.
    """
    done = 0
    taken = given = (0, 0)
    while done < MAX_RW_COUNT:
        taken = taken if taken[1] else next(froms, (0, 0))
        given = given if given[1] else next(tos, (0, 0))
        size = min(taken[1], given[1], MAX_RW_COUNT - done)
        if not size:
            break
        try:
            target.write(given[0], source.read(taken[0], size))
        except OSError:
            if done:
                break
            raise
        done += size
        taken = taken[0] + size, taken[1] - size
        given = given[0] + size, given[1] - size
    return done
