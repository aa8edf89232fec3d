"""execveat(2): a program by an open folder and a path, or by an open file."""

from __future__ import annotations

import errno
import os

from toyvm.base.bits import sext
from toyvm.base.errors import NotExecutableError, error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import replace
from toyvm.kernel.proc.execve import execute
from toyvm.kernel.vfs.nodes import SymlinkNode
from toyvm.kernel.vfs.path_walk import PATH_MAX, Location

from ..path_calls import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, base
from ..process_calls import strings

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process


def execveat(
    kernel: KernelState, process: Process, dirfd: int, path: int, argv: int, envp: int, flags: int
) -> None:
    """execveat(2): execve(2) of a path relative to `dirfd`, or with AT_EMPTY_PATH of the open file `dirfd` itself.
    AT_SYMLINK_NOFOLLOW refuses a link as the last component.

    The program sees itself as /dev/fd/N or /dev/fd/N/PATH. A script needs that name, so its descriptor
    must not be close-on-exec.

    Errors: those of execve(2), EBADF, EINVAL, ELOOP (a link with AT_SYMLINK_NOFOLLOW), ENOENT (also a script whose
    descriptor is close-on-exec).
    """
    flags &= 0xFFFFFFFF
    name = os.fsdecode(process.mm.read_cstring(path, PATH_MAX))
    if not name and not flags & AT_EMPTY_PATH:
        raise error(errno.ENOENT)
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise error(errno.EINVAL)
    fd = sext(dirfd, 32)
    survives = True
    if name.startswith("/") or fd == AT_FDCWD:
        place = kernel.vfs.resolve(name or process.cwd, process.cwd, follow=not flags & AT_SYMLINK_NOFOLLOW)
        place = replace(place, name=name.rsplit("/", 1)[-1])
    else:
        survives = not process.fds.cloexec(fd)
        if name:
            cwd = base(process, dirfd, name)
            place = kernel.vfs.resolve(name, cwd, follow=not flags & AT_SYMLINK_NOFOLLOW)
            place = replace(place, name=name.rsplit("/", 1)[-1])
            name = f"/dev/fd/{fd}/{name}"
        else:
            file = process.fds.get(fd)
            called = file.path.rsplit("/", 1)[-1].removesuffix(" (deleted)")
            place = Location(kernel.vfs.root, called, file.node, file.path, file)
            if file.node is None:
                raise error(errno.EACCES)
            name = f"/dev/fd/{fd}"
    if isinstance(place.node, SymlinkNode):
        raise error(errno.ELOOP)
    arguments, environment = strings(process, argv), strings(process, envp)
    try:
        execute(kernel, process, name, arguments or [b""], environment, place=place, path_survives=survives)
    except NotExecutableError:
        raise error(errno.ENOEXEC) from None
