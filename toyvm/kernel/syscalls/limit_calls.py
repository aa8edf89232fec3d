"""Limits of resources: getrlimit, setrlimit, prlimit64."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..limits import RLIMIT_COUNT, RLIMIT_CPU
from ..proc.lifecycle import send
from ..proc.signals import SI_USER, SigInfo, Signal
from ..vfs.nodes import FileNode
from ..vfs.open_file import O_APPEND, OpenFile

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process


def _resource(resource: int) -> int:
    if resource >= RLIMIT_COUNT:
        raise error(errno.EINVAL)
    return resource


def _set_limit(process: Process, resource: int, new: bytes) -> None:
    soft, hard = struct.unpack("<QQ", new)
    if soft > hard:
        raise error(errno.EINVAL)
    if hard > process.rlimits.get_hard(resource):
        raise error(errno.EPERM)
    process.rlimits.set(resource, soft, hard)
    if resource == RLIMIT_CPU:
        process.note_cpu_timers()
    process.fds.limit = min(process.rlimits.open_files, process.fds.hard_limit)


def _limits(process: Process, resource: int) -> bytes:
    """struct rlimit."""
    return struct.pack("<QQ", process.rlimits.get(resource), process.rlimits.get_hard(resource))


def within_file_limit(
    kernel: KernelState, process: Process, file: OpenFile, offset: int | None, size: int
) -> int:
    """How much of a write at `offset`, or at the file's position, stays below RLIMIT_FSIZE.

    Raises OSError(EFBIG), with SIGXFSZ, if nothing does.
    """
    if not isinstance(file.node, FileNode):
        return size
    if file.flags & O_APPEND:
        offset = file.node.size
    elif offset is None:
        offset = file.position
    require_file_size(kernel, process, offset + 1)
    return min(size, process.rlimits.file_size - offset)


def require_file_size(kernel: KernelState, process: Process, size: int) -> None:
    """Raises OSError(EFBIG), with SIGXFSZ, if a file may not grow to `size` bytes (RLIMIT_FSIZE)."""
    if size > process.rlimits.file_size:
        tell_of_file_limit(kernel, process)
        raise error(errno.EFBIG)


def tell_of_file_limit(kernel: KernelState, process: Process) -> None:
    """SIGXFSZ for a write beyond RLIMIT_FSIZE."""
    send(kernel, process, SigInfo(Signal.SIGXFSZ, SI_USER, pid=process.pid, uid=kernel.UID), to_thread=True)


def getrlimit(kernel: KernelState, process: Process, resource: int, va: int) -> int:
    """getrlimit(2): get the soft and the hard limit of a resource.

    Errors: EFAULT, EINVAL.
    """
    process.mm.write(va, _limits(process, _resource(resource)))
    return 0


def setrlimit(kernel: KernelState, process: Process, resource: int, va: int) -> int:
    """setrlimit(2): set the two limits of a resource. A hard limit can only go down.

    Errors: EFAULT, EINVAL, EPERM.
    """
    _set_limit(process, _resource(resource), process.mm.read(va, 16))
    return 0


def prlimit64(kernel: KernelState, process: Process, pid: int, resource: int, new: int, old: int) -> int:
    """prlimit(2): get and set the two limits of a resource, of any process.

    Errors: EFAULT, EINVAL, EPERM (a hard limit that goes up), ESRCH.
    """
    wanted = process.mm.read(new, 16) if new else b""
    number = _resource(resource & 0xFFFFFFFF)
    target = kernel.threads.get(sext(pid, 32)) if sext(pid, 32) else process
    if target is None:
        raise error(errno.ESRCH)
    before = _limits(target, number)
    if wanted:
        _set_limit(target, number, wanted)
    if old:
        process.mm.write(old, before)
    return 0
