"""inotify(7): files that are watched."""

from __future__ import annotations

import errno

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.vfs.events.inotify import (
    IN_DONT_FOLLOW,
    IN_MASK_ADD,
    IN_MASK_CREATE,
    IN_ONLYDIR,
    InotifyFile,
)
from toyvm.kernel.vfs.nodes import DirNode
from toyvm.kernel.vfs.open_file import O_CLOEXEC, O_NONBLOCK

from ..arguments import open_file, read_path

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

_KNOWN = 0xF700EFFF  # ALL_INOTIFY_BITS of Linux: besides the events, IN_UNMOUNT, IN_Q_OVERFLOW, IN_IGNORED and the flags


def inotify_init1(kernel: KernelState, process: Process, flags: int) -> int:
    """inotify_init1(2): an instance without watches; its descriptor. Flags: IN_CLOEXEC, IN_NONBLOCK.

    Errors: EINVAL, EMFILE.
    """
    if flags & 0xFFFFFFFF & ~(O_CLOEXEC | O_NONBLOCK):
        raise error(errno.EINVAL)
    made = kernel.file_events().new(flags & O_NONBLOCK)
    return process.fds.install(made, cloexec=bool(flags & O_CLOEXEC))


def inotify_add_watch(kernel: KernelState, process: Process, fd: int, path: int, mask: int) -> int:
    """inotify_add_watch(2): watch a file, or what happens in a directory; the watch descriptor.

    Errors: EBADF, EEXIST, EFAULT, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR.
    """
    mask &= 0xFFFFFFFF
    if not mask & _KNOWN:
        raise error(errno.EINVAL)
    instance = open_file(process, fd)
    if mask & IN_MASK_ADD and mask & IN_MASK_CREATE:
        raise error(errno.EINVAL)
    if not isinstance(instance, InotifyFile):
        raise error(errno.EINVAL)
    node = kernel.vfs.node(read_path(process, path), process.cwd, follow=not mask & IN_DONT_FOLLOW)
    if mask & IN_ONLYDIR and not isinstance(node, DirNode):
        raise error(errno.ENOTDIR)
    return instance.add(node, mask)


def inotify_rm_watch(kernel: KernelState, process: Process, fd: int, number: int) -> int:
    """inotify_rm_watch(2): remove a watch; IN_IGNORED tells of it.

    Errors: EBADF, EINVAL.
    """
    instance = open_file(process, fd)
    if not isinstance(instance, InotifyFile):
        raise error(errno.EINVAL)
    instance.remove(sext(number, 32))
    return 0
