"""The user of the machine and what it may not do: identities, groups, capabilities, and the calls of the
superuser, which are refused.

Every process belongs to user and group `KernelState.UID`. There is no other user that it could become.
"""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

_NO_CHANGE = 0xFFFFFFFF
_CAPABILITY_VERSIONS = {0x19980330: 1, 0x20071026: 2, 0x20080522: 2}  # and how many structs of data each has
_LATEST_VERSION = 0x20080522
PERSONALITY_QUERY = 0xFFFFFFFF


def _become(kernel: KernelState, *ids: int) -> int:
    """Take identities, each the one there is or -1 for no change. Raises OSError(EPERM)."""
    if any(number & _NO_CHANGE not in (kernel.UID, _NO_CHANGE) for number in ids):
        raise error(errno.EPERM)
    return 0


def setuid(kernel: KernelState, process: Process, number: int) -> int:
    """setuid(2): become a user: the one that the process is already.

    Errors: EINVAL, EPERM.
    """
    if number & _NO_CHANGE == _NO_CHANGE:
        raise error(errno.EINVAL)
    return _become(kernel, number)


def setgid(kernel: KernelState, process: Process, number: int) -> int:
    """setgid(2): become a group: the one that the process is already.

    Errors: EINVAL, EPERM.
    """
    if number & _NO_CHANGE == _NO_CHANGE:
        raise error(errno.EINVAL)
    return _become(kernel, number)


def setreuid(kernel: KernelState, process: Process, real: int, effective: int) -> int:
    """setreuid(2): set the real and effective user, each to what it is already; -1 is no change.

    Errors: EPERM.
    """
    return _become(kernel, real, effective)


def setregid(kernel: KernelState, process: Process, real: int, effective: int) -> int:
    """setregid(2): set the real and effective group, each to what it is already; -1 is no change.

    Errors: EPERM.
    """
    return _become(kernel, real, effective)


def setresuid(kernel: KernelState, process: Process, real: int, effective: int, saved: int) -> int:
    """setresuid(2): set the real, effective and saved user, each to what it is already; -1 is no change.

    Errors: EPERM.
    """
    return _become(kernel, real, effective, saved)


def setresgid(kernel: KernelState, process: Process, real: int, effective: int, saved: int) -> int:
    """setresgid(2): set the real, effective and saved group, each to what it is already; -1 is no change.

    Errors: EPERM.
    """
    return _become(kernel, real, effective, saved)


def getresuid(kernel: KernelState, process: Process, real: int, effective: int, saved: int) -> int:
    """getresuid(2): store the real, effective and saved user, which are the same.

    Errors: EFAULT.
    """
    for va in (real, effective, saved):
        process.mm.write_int(va, kernel.UID, 4)
    return 0


def getresgid(kernel: KernelState, process: Process, real: int, effective: int, saved: int) -> int:
    """getresgid(2): store the real, effective and saved group, which are the same.

    Errors: EFAULT.
    """
    for va in (real, effective, saved):
        process.mm.write_int(va, kernel.UID, 4)
    return 0


def setfsuid(kernel: KernelState, process: Process, number: int) -> int:
    """setfsuid(2): return the identity that file accesses are made with; it does not change. It cannot fail."""
    return kernel.UID


def setfsgid(kernel: KernelState, process: Process, number: int) -> int:
    """setfsgid(2): return the identity that file accesses are made with; it does not change. It cannot fail."""
    return kernel.UID


def getgroups(kernel: KernelState, process: Process, size: int, va: int) -> int:
    """getgroups(2): return the number of supplementary groups: none.

    Errors: EINVAL.
    """
    if sext(size, 32) < 0:
        raise error(errno.EINVAL)
    return 0


def setgroups(kernel: KernelState, process: Process, size: int, va: int) -> int:
    """setgroups(2): refused, as it needs CAP_SETGID.

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def _capability_structs(kernel: KernelState, process: Process, header: int) -> int:
    """How many structs of data follow the header at `header`. Raises Fault, OSError: EINVAL, ESRCH."""
    version, pid = struct.unpack("<Ii", process.mm.read(header, 8))
    count = _CAPABILITY_VERSIONS.get(version)
    if count is None:
        process.mm.write_int(header, _LATEST_VERSION, 4)
        raise error(errno.EINVAL)
    if pid < 0:
        raise error(errno.EINVAL)
    if pid and pid not in kernel.threads:
        raise error(errno.ESRCH)
    return count


def capget(kernel: KernelState, process: Process, header: int, data: int) -> int:
    """capget(2): store the capabilities of a process, of which it has none. An unknown version is replaced by the
    latest one.

    Errors: EFAULT, EINVAL, ESRCH.
    """
    try:
        count = _capability_structs(kernel, process, header)
    except OSError as failure:
        if failure.errno == errno.EINVAL and not data and process.mm.read_int(header, 4) == _LATEST_VERSION:
            return 0  # the caller asks only for the version
        raise
    if data:
        process.mm.write(data, bytes(12 * count))
    return 0


def capset(kernel: KernelState, process: Process, header: int, data: int) -> int:
    """capset(2): give up all capabilities; there are none to be had.

    Errors: EFAULT, EINVAL, EPERM, ESRCH.
    """
    count = _capability_structs(kernel, process, header)
    effective, permitted, _ = struct.unpack("<III", process.mm.read(data, 12 * count)[:12])
    if effective or permitted:
        raise error(errno.EPERM)
    return 0


def personality(kernel: KernelState, process: Process, wanted: int) -> int:
    """personality(2): set the execution domain; return the old one. It has no effect. It cannot fail."""
    old = process.thread_group.personality
    if wanted & _NO_CHANGE != PERSONALITY_QUERY:
        process.thread_group.personality = wanted & _NO_CHANGE
    return old
