"""System calls on the attributes of files and on their names: modes, owners, dates, links, named pipes."""

from __future__ import annotations

import errno
import os
import stat as st
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record
from toyvm.kernel.vfs.host_files import HostDir, HostFile
from toyvm.kernel.vfs.memory_files import R_OK, W_OK, require_access
from toyvm.kernel.vfs.nodes import DirNode, Node, SymlinkNode

from ..arguments import open_file, read_path
from ..path_calls import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, base, tell_made

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

AT_SYMLINK_FOLLOW = 0x400
IN_ATTRIB = 4  # inotify(7)
UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
XATTR_CREATE, XATTR_REPLACE = 1, 2
XATTR_NAME_MAX, XATTR_SIZE_MAX = 255, 1 << 16
_NO_ID = 0xFFFFFFFF


class _Named(Record):
    """An inode and how it was named: a path from `cwd`."""

    node: Node
    path: str
    cwd: str = "/"
    follow: bool = True


def _named(process: Process, fd: int) -> _Named:
    """An open file. Raises OSError: EBADF, EROFS for what has no inode."""
    file = open_file(process, fd)
    if file.node is None:
        raise error(errno.EROFS)
    return _Named(file.node, file.path)


def _inode(process: Process, fd: int) -> Node:
    """The inode of an open file. Raises OSError: EBADF, EROFS for what has no inode."""
    return _named(process, fd).node


def _named_at(kernel: KernelState, process: Process, dirfd: int, va: int, flags: int) -> _Named:
    """What `dirfd` and a path name, by AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH. Raises Fault, OSError."""
    path = read_path(process, va)
    if not path and flags & AT_EMPTY_PATH:
        if sext(dirfd, 32) == AT_FDCWD:
            return _Named(kernel.vfs.node(process.cwd), process.cwd)
        file = process.fds.get(sext(dirfd, 32))
        if file.node is None:
            raise error(errno.EROFS)
        return _Named(file.node, file.path)
    cwd, follow = base(process, dirfd, path), not flags & AT_SYMLINK_NOFOLLOW
    return _Named(kernel.vfs.node(path, cwd, follow=follow), path, cwd, follow)


def _inode_at(kernel: KernelState, process: Process, dirfd: int, va: int, flags: int) -> Node:
    """The inode that `dirfd` and a path name, by AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH. Raises Fault, OSError."""
    return _named_at(kernel, process, dirfd, va, flags).node


def _tell_attributes(kernel: KernelState, named: _Named) -> None:
    """inotify(7): a file's mode, owner or dates were set."""
    if kernel.inotify is None:
        return
    try:
        place = kernel.vfs.resolve(named.path, named.cwd, follow=named.follow)
    except OSError:  # it has no name any more
        kernel.inotify.happened(named.node, IN_ATTRIB, None, "")
        return
    directory = place.parent if place.node is named.node else None
    kernel.inotify.happened(named.node, IN_ATTRIB, directory, place.name)


def _set_mode(kernel: KernelState, named: _Named, mode: int) -> int:
    node = named.node
    if isinstance(node, SymlinkNode):
        raise error(errno.EOPNOTSUPP)
    if node.stat().uid != kernel.UID:
        raise error(errno.EPERM)
    node.set_attributes(mode=mode & 0o7777)
    _tell_attributes(kernel, named)
    return 0


def fchmod(kernel: KernelState, process: Process, fd: int, mode: int) -> int:
    """fchmod(2): set the mode of an open file.

    Errors: EBADF, EOPNOTSUPP, EPERM (another's file), EROFS.
    """
    return _set_mode(kernel, _named(process, fd), mode)


def fchmodat(kernel: KernelState, process: Process, dirfd: int, path: int, mode: int) -> int:
    """fchmodat(2): set the mode of a file.

    Errors: EBADF, EFAULT, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM (another's file), EROFS.
    """
    return _set_mode(kernel, _named_at(kernel, process, dirfd, path, 0), mode)


def fchmodat2(kernel: KernelState, process: Process, dirfd: int, path: int, mode: int, flags: int) -> int:
    """fchmodat2(2): fchmodat(2) with AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH.

    Errors: EBADF, EFAULT, EINVAL, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP (a symbolic link), EPERM
    (another's file), EROFS.
    """
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise error(errno.EINVAL)
    return _set_mode(kernel, _named_at(kernel, process, dirfd, path, flags), mode)


def _set_owner(kernel: KernelState, named: _Named, uid: int, gid: int) -> int:
    """A user may give a file only to itself. Writing to a file's owner takes its set-user-ID bits away."""
    node = named.node
    before = node.stat()
    user, group = uid & _NO_ID, gid & _NO_ID
    if (user != _NO_ID or group != _NO_ID) and before.uid != kernel.UID:
        raise error(errno.EPERM)
    if user not in (_NO_ID, before.uid) or group not in (_NO_ID, before.gid):
        raise error(errno.EPERM)
    mode = before.mode & 0o7777
    if st.S_ISREG(before.mode):
        mode &= ~st.S_ISUID & ~(st.S_ISGID if mode & st.S_IXGRP else 0)
    node.set_attributes(mode=mode if mode != before.mode & 0o7777 else None)
    _tell_attributes(kernel, named)
    return 0


def fchown(kernel: KernelState, process: Process, fd: int, uid: int, gid: int) -> int:
    """fchown(2): set the owner of an open file. The one user can give it only to itself.

    Errors: EBADF, EPERM, EROFS.
    """
    return _set_owner(kernel, _named(process, fd), uid, gid)


def fchownat(
    kernel: KernelState, process: Process, dirfd: int, path: int, uid: int, gid: int, flags: int
) -> int:
    """fchownat(2): set the owner of a file. The one user can give it only to itself.

    Errors: EBADF, EFAULT, EINVAL, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR, EPERM, EROFS.
    """
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise error(errno.EINVAL)
    return _set_owner(kernel, _named_at(kernel, process, dirfd, path, flags), uid, gid)


def utimensat(kernel: KernelState, process: Process, dirfd: int, va: int, times: int, flags: int) -> int:
    """utimensat(2): set the dates of last access and change; NULL: both to now. A path of NULL means `dirfd` itself.

    Errors: EBADF, EFAULT, EINVAL, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR, EPERM (another's file), EROFS.
    """
    dates: list[int | None] = [kernel.date, kernel.date]
    explicit = False
    if times:
        for number in range(2):
            seconds, nanos = struct.unpack("<qq", process.mm.read(times + 16 * number, 16))
            if nanos == UTIME_OMIT:
                dates[number] = None
            elif nanos != UTIME_NOW:
                if not 0 <= nanos < 10**9:
                    raise error(errno.EINVAL)
                dates[number] = seconds * 10**9 + nanos
                explicit = True
    if dates == [None, None]:
        return 0
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise error(errno.EINVAL)
    if not va and sext(dirfd, 32) != AT_FDCWD:
        if flags:
            raise error(errno.EINVAL)
        named = _named(process, dirfd)
    else:
        named = _named_at(kernel, process, dirfd, va, flags)
    node = named.node
    if explicit and node.stat().uid != kernel.UID:
        raise error(errno.EPERM)
    node.set_attributes(atime=dates[0], mtime=dates[1])
    _tell_attributes(kernel, named)
    return 0


def linkat(
    kernel: KernelState, process: Process, old_fd: int, old: int, new_fd: int, new: int, flags: int
) -> int:
    """linkat(2): give a file another name. Flags: AT_SYMLINK_FOLLOW, AT_EMPTY_PATH (for an O_TMPFILE).

    Errors: EBADF, EEXIST, EFAULT, EINVAL, ENAMETOOLONG, ELOOP, ENOENT, ENOSPC, ENOTDIR, EPERM (a directory),
    EROFS, EXDEV.
    """
    if flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH):
        raise error(errno.EINVAL)
    nofollow = 0 if flags & AT_SYMLINK_FOLLOW else AT_SYMLINK_NOFOLLOW
    node = _inode_at(kernel, process, old_fd, old, flags & AT_EMPTY_PATH | nofollow)
    path = read_path(process, new)
    place = kernel.vfs.vacancy(path, base(process, new_fd, path))
    if path.endswith("/"):
        raise error(errno.ENOENT)
    if isinstance(node, DirNode):
        raise error(errno.EPERM)
    place.parent.link(place.name, node)
    tell_made(kernel, place)
    return 0


def mknodat(kernel: KernelState, process: Process, dirfd: int, va: int, mode: int, device: int) -> int:
    """mknodat(2): make an empty regular file or a named pipe. Devices need CAP_MKNOD.

    Errors: EBADF, EEXIST, EFAULT, EINVAL, ENAMETOOLONG, ELOOP, ENOENT, ENOSPC, ENOTDIR, EPERM, EROFS.
    """
    path = read_path(process, va)
    kind = st.S_IFMT(mode)
    if kind in (st.S_IFCHR, st.S_IFBLK) and not (kind == st.S_IFCHR and not device):
        raise error(errno.EPERM)
    if kind == st.S_IFDIR:
        raise error(errno.EPERM)
    if kind not in (0, st.S_IFREG, st.S_IFIFO):
        raise error(errno.EINVAL)
    place = kernel.vfs.vacancy(path, base(process, dirfd, path))
    if path.endswith("/"):
        raise error(errno.ENOENT)
    bits = mode & ~process.umask & 0o7777
    if kind == st.S_IFIFO:
        from toyvm.kernel.vfs.pipe import MemFifo

        place.parent.add(place.name, MemFifo(kernel.vfs.memfs, bits))
    else:
        place.parent.create(place.name, bits)
    tell_made(kernel, place)
    return 0


# Extended attributes: those of the user, of regular files and directories in memory


def _attribute_name(process: Process, va: int) -> str:
    """The name of an extended attribute. Raises Fault, OSError."""
    try:
        name = process.mm.read_cstring(va, XATTR_NAME_MAX + 1)
    except OSError as failure:
        raise error(errno.ERANGE) if failure.errno == errno.ENAMETOOLONG else failure from None
    if not name:
        raise error(errno.ERANGE)
    return os.fsdecode(name)


def _user_attributes(node: Node, name: str, *, writing: bool) -> dict[str, bytes]:
    """The attributes of a node where `name` may be one. Raises OSError: EACCES, EOPNOTSUPP, EPERM, ENODATA."""
    if writing and name.startswith("security."):
        raise error(errno.EPERM)
    if name.startswith("trusted."):
        raise error(errno.EPERM if writing else errno.ENODATA)
    if not name.startswith("user.") or name == "user.":
        raise error(errno.EINVAL if name == "user." else errno.EOPNOTSUPP)
    status = node.stat()
    if not st.S_ISREG(status.mode) and not st.S_ISDIR(status.mode):
        raise error(errno.EPERM if writing else errno.ENODATA)
    if not isinstance(node, (HostFile, HostDir)):
        require_access(status, W_OK if writing else R_OK)
    return node.attributes


def _set_attribute(process: Process, node: Node, name_va: int, va: int, size: int, flags: int) -> int:
    if flags & ~(XATTR_CREATE | XATTR_REPLACE):
        raise error(errno.EINVAL)
    name = _attribute_name(process, name_va)
    if size > XATTR_SIZE_MAX:
        raise error(errno.E2BIG)
    value = process.mm.read(va, size) if size else b""
    attributes = _user_attributes(node, name, writing=True)
    old = attributes.get(name)
    if old is not None and flags & XATTR_CREATE:
        raise error(errno.EEXIST)
    if old is None and flags & XATTR_REPLACE:
        raise error(errno.ENODATA)
    node.charge(len(value) - len(old) if old is not None else len(name) + len(value))
    attributes[name] = value
    node.set_attributes()
    return 0


def _get_attribute(process: Process, node: Node, name_va: int, va: int, size: int) -> int:
    name = _attribute_name(process, name_va)
    value = _user_attributes(node, name, writing=False).get(name)
    if value is None:
        raise error(errno.ENODATA)
    if size:
        if size < len(value):
            raise error(errno.ERANGE)
        process.mm.write(va, value)
    return len(value)


def _list_attributes(process: Process, node: Node, va: int, size: int) -> int:
    try:
        names = node.attributes
    except OSError:
        return 0
    text = b"".join(os.fsencode(name) + b"\0" for name in names)
    if size:
        if size < len(text):
            raise error(errno.ERANGE)
        process.mm.write(va, text)
    return len(text)


def _remove_attribute(process: Process, node: Node, name_va: int) -> int:
    name = _attribute_name(process, name_va)
    attributes = _user_attributes(node, name, writing=True)
    value = attributes.pop(name, None)
    if value is None:
        raise error(errno.ENODATA)
    node.charge(-len(name) - len(value))
    node.set_attributes()
    return 0


def setxattr(
    kernel: KernelState, process: Process, path: int, name: int, va: int, size: int, flags: int
) -> int:
    """setxattr(2): set an extended attribute of a file. Flags: XATTR_CREATE, XATTR_REPLACE.

    Errors: E2BIG, EEXIST, EFAULT, EINVAL, ENODATA, ENOSPC, EOPNOTSUPP, EPERM, ERANGE, EBADF, EROFS, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _set_attribute(
        process, _inode_at(kernel, process, AT_FDCWD & _NO_ID, path, 0), name, va, size, flags
    )


def getxattr(kernel: KernelState, process: Process, path: int, name: int, va: int, size: int) -> int:
    """getxattr(2): the value of an extended attribute of a file. Return its length; with `size` 0, do
    nothing else.

    Errors: EFAULT, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE, EBADF, EROFS, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _get_attribute(process, _inode_at(kernel, process, AT_FDCWD & _NO_ID, path, 0), name, va, size)


def listxattr(kernel: KernelState, process: Process, path: int, va: int, size: int) -> int:
    """listxattr(2): the names of the extended attributes of a file, each with a NUL.

    Errors: EFAULT, ERANGE, EBADF, EROFS, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _list_attributes(process, _inode_at(kernel, process, AT_FDCWD & _NO_ID, path, 0), va, size)


def removexattr(kernel: KernelState, process: Process, path: int, name: int) -> int:
    """removexattr(2): remove an extended attribute of a file.

    Errors: EFAULT, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE, EBADF, EROFS, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _remove_attribute(process, _inode_at(kernel, process, AT_FDCWD & _NO_ID, path, 0), name)


def lsetxattr(
    kernel: KernelState, process: Process, path: int, name: int, va: int, size: int, flags: int
) -> int:
    """lsetxattr(2): set an extended attribute of a file, not following a last symbolic link. Flags: XATTR_CREATE, XATTR_REPLACE.

    Errors: E2BIG, EEXIST, EFAULT, EINVAL, ENODATA, ENOSPC, EOPNOTSUPP, EPERM, ERANGE, EBADF, EROFS, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _set_attribute(
        process,
        _inode_at(kernel, process, AT_FDCWD & _NO_ID, path, AT_SYMLINK_NOFOLLOW),
        name,
        va,
        size,
        flags,
    )


def lgetxattr(kernel: KernelState, process: Process, path: int, name: int, va: int, size: int) -> int:
    """lgetxattr(2): the value of an extended attribute of a file, not following a last symbolic link. Return its length; with `size` 0, do
    nothing else.

    Errors: EFAULT, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE, EBADF, EROFS, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _get_attribute(
        process, _inode_at(kernel, process, AT_FDCWD & _NO_ID, path, AT_SYMLINK_NOFOLLOW), name, va, size
    )


def llistxattr(kernel: KernelState, process: Process, path: int, va: int, size: int) -> int:
    """llistxattr(2): the names of the extended attributes of a file, not following a last symbolic link, each with a NUL.

    Errors: EFAULT, ERANGE, EBADF, EROFS, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _list_attributes(
        process, _inode_at(kernel, process, AT_FDCWD & _NO_ID, path, AT_SYMLINK_NOFOLLOW), va, size
    )


def lremovexattr(kernel: KernelState, process: Process, path: int, name: int) -> int:
    """lremovexattr(2): remove an extended attribute of a file, not following a last symbolic link.

    Errors: EFAULT, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE, EBADF, EROFS, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _remove_attribute(
        process, _inode_at(kernel, process, AT_FDCWD & _NO_ID, path, AT_SYMLINK_NOFOLLOW), name
    )


def fsetxattr(
    kernel: KernelState, process: Process, fd: int, name: int, va: int, size: int, flags: int
) -> int:
    """fsetxattr(2): set an extended attribute of an open file. Flags: XATTR_CREATE, XATTR_REPLACE.

    Errors: E2BIG, EEXIST, EFAULT, EINVAL, ENODATA, ENOSPC, EOPNOTSUPP, EPERM, ERANGE, EBADF, EROFS.
    """
    return _set_attribute(process, _inode(process, fd), name, va, size, flags)


def fgetxattr(kernel: KernelState, process: Process, fd: int, name: int, va: int, size: int) -> int:
    """fgetxattr(2): the value of an extended attribute of an open file. Return its length; with `size` 0, do
    nothing else.

    Errors: EFAULT, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE, EBADF, EROFS.
    """
    return _get_attribute(process, _inode(process, fd), name, va, size)


def flistxattr(kernel: KernelState, process: Process, fd: int, va: int, size: int) -> int:
    """flistxattr(2): the names of the extended attributes of an open file, each with a NUL.

    Errors: EFAULT, ERANGE, EBADF, EROFS.
    """
    return _list_attributes(process, _inode(process, fd), va, size)


def fremovexattr(kernel: KernelState, process: Process, fd: int, name: int) -> int:
    """fremovexattr(2): remove an extended attribute of an open file.

    Errors: EFAULT, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE, EBADF, EROFS.
    """
    return _remove_attribute(process, _inode(process, fd), name)
