"""Limits of resources: getrlimit, setrlimit, prlimit64."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..limits import RLIM_INFINITY, RLIMIT_COUNT

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process


def _resource(resource: int) -> int:
    if resource >= RLIMIT_COUNT:
        raise error(errno.EINVAL)
    return resource


def _set_limit(process: Process, resource: int, va: int) -> None:
    soft, hard = struct.unpack("<QQ", process.mm.read(va, 16))
    if soft > hard:
        raise error(errno.EINVAL)
    process.rlimits.set(resource, soft)
    process.fds.limit = min(process.rlimits.open_files, process.fds.hard_limit)


def getrlimit(kernel: KernelState, process: Process, resource: int, va: int) -> int:
    """getrlimit(2): get the soft limit of a resource. The hard limit is infinite.

    Errors: EFAULT, EINVAL.
    """
    process.mm.write(va, struct.pack("<QQ", process.rlimits.get(_resource(resource)), RLIM_INFINITY))
    return 0


def setrlimit(kernel: KernelState, process: Process, resource: int, va: int) -> int:
    """setrlimit(2): set the soft limit of a resource.

    Errors: EFAULT, EINVAL.
    """
    _set_limit(process, _resource(resource), va)
    return 0


def prlimit64(kernel: KernelState, process: Process, pid: int, resource: int, new: int, old: int) -> int:
    """prlimit(2): get and set a soft limit of the calling process.

    Errors: EFAULT, EINVAL, EPERM (another process), ESRCH.
    """
    if sext(pid, 32) not in (0, process.pid, process.tid):
        raise error(errno.ESRCH if sext(pid, 32) not in kernel.threads else errno.EPERM)
    before = struct.pack("<QQ", process.rlimits.get(_resource(resource)), RLIM_INFINITY)
    if new:
        _set_limit(process, resource, new)
    if old:
        process.mm.write(old, before)
    return 0
