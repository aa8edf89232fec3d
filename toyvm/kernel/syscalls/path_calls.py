"""System calls on paths and directories."""

from __future__ import annotations

import errno
import os
import stat as st
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..vfs.host_files import HostDir
from ..vfs.memory_files import X_OK, MemDir, MemNode, require_access
from ..vfs.nodes import DirNode, FileNode, Node, Stat, SymlinkNode
from ..vfs.open_file import (
    O_CLOEXEC,
    O_PATH,
    O_WRONLY,
    OpenFile,
    WaitQueue,
    WouldBlock,
)
from ..vfs.opened_nodes import DirectoryFile, UnopenedFile
from ..vfs.path_walk import RESOLVE_IN_ROOT, Location
from .arguments import open_file, read_path

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

AT_FDCWD = -100
O_NOCTTY = 0o400
IN_CREATE = 0x100  # inotify(7)
AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR, AT_EMPTY_PATH = 0x100, 0x200, 0x1000
AT_EACCESS, AT_NO_AUTOMOUNT, AT_STATX_SYNC = 0x200, 0x800, 0x6000
STATX_BASIC_STATS, STATX_RESERVED = 0x7FF, 1 << 31
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
_DT = {
    st.S_IFREG: 8,
    st.S_IFDIR: 4,
    st.S_IFLNK: 10,
    st.S_IFCHR: 2,
    st.S_IFIFO: 1,
    st.S_IFSOCK: 12,
    st.S_IFBLK: 6,
}


def base(process: Process, dirfd: int, path: str) -> str:
    """The guest directory that `path` is relative to. Raises OSError: EBADF, ENOENT, ENOTDIR."""
    if not path:
        raise error(errno.ENOENT)
    number = sext(dirfd, 32)
    if path.startswith("/") or number == AT_FDCWD:
        return process.cwd
    file = process.fds.get(number)
    if not isinstance(file.node, DirNode):
        raise error(errno.ENOTDIR)
    return file.path


def _or(date: int | None, other: int) -> int:
    return other if date is None else date


def pack_stat(s: Stat) -> bytes:
    """struct stat of asm-generic, 128 bytes."""
    times = (
        *divmod(_or(s.atime, s.mtime), 10**9),
        *divmod(s.mtime, 10**9),
        *divmod(_or(s.ctime, s.mtime), 10**9),
    )
    mask = (1 << 64) - 1
    return struct.pack(
        "<QQIIIIQQqiiq6qii",
        s.dev & mask, s.ino & mask, s.mode, s.nlink, s.uid, s.gid, s.rdev, 0, s.size, 4096, 0, s.blocks, *times, 0, 0,
    )  # fmt: skip


def openat(kernel: KernelState, process: Process, dirfd: int, va: int, flags: int, mode: int) -> int:
    """openat(2): open the file at a path relative to `dirfd`. Return the descriptor.

    Errors: EACCES, EINTR, EINVAL, ENXIO, EOPNOTSUPP, EEXIST, EISDIR, EMFILE, ENFILE, ENOSPC, EROFS, EBADF, EFAULT, ENAMETOOLONG,
    ELOOP, ENOENT, ENOTDIR.
    """
    return open_path(kernel, process, dirfd, va, flags & 0xFFFFFFFF, mode)


def open_path(
    kernel: KernelState, process: Process, dirfd: int, va: int, flags: int, mode: int, rules: int = 0
) -> int:
    """openat(2) with the RESOLVE_ rules of openat2(2). A named pipe may wait for its other end."""
    call = process.call
    if call.opening is not None:  # the second try
        from ..vfs.pipe import fifo_ready

        opened, opens = call.opening
        if not fifo_ready(opened, opens):
            raise WouldBlock(*_queues(opened))
        call.opening = None
        return process.fds.install(opened, cloexec=bool(flags & O_CLOEXEC))
    path = read_path(process, va)
    process.fds.require_room()
    inside = path.lstrip("/") or "." if rules & RESOLVE_IN_ROOT else path
    cwd = base(process, dirfd, inside)
    made = kernel.inotify is not None and not _exists(kernel, path, cwd)
    file = kernel.vfs.open(
        path,
        flags,
        mode & ~process.umask,
        kernel.system.cache,
        cwd,
        rules,
        kernel.lease_breaker(process),
    )
    if isinstance(file, UnopenedFile):
        from ..vfs.pipe import MemFifo, open_fifo

        assert isinstance(file.node, MemFifo)
        opened, wait = open_fifo(file.node, flags, file.path, kernel.pipes)
        if wait is not None:
            call.opening = (opened, wait)
            raise WouldBlock(*_queues(opened))
        file = opened
    if file.is_terminal and not flags & O_NOCTTY:
        from .tty_calls import acquire

        acquire(kernel, process, file)
    number = process.fds.install(file, cloexec=bool(flags & O_CLOEXEC))
    if kernel.inotify is not None and not flags & O_PATH:
        _tell_opened(kernel, file, made)
    return number


def _exists(kernel: KernelState, path: str, cwd: str) -> bool:
    try:
        return kernel.vfs.resolve(path, cwd).node is not None
    except OSError:
        return False


def _tell_opened(kernel: KernelState, file: OpenFile, made: bool) -> None:
    """inotify(7): a file was opened, and perhaps made."""
    assert kernel.inotify is not None
    try:
        place = kernel.vfs.resolve(file.path)
    except OSError:
        return
    if made:
        kernel.inotify.in_directory(place.parent, place.name, IN_CREATE, place.node)
    kernel.inotify.opened(file, place.parent, place.name)


def tell_made(kernel: KernelState, place: Location) -> None:
    """inotify(7): a name was made."""
    if kernel.inotify is not None:
        kernel.inotify.in_directory(place.parent, place.name, IN_CREATE, place.parent.lookup(place.name))


def _queues(file: OpenFile) -> list[WaitQueue]:
    queue = file.poll_queue()
    return [queue] if queue is not None else []


def _status(kernel: KernelState, process: Process, dirfd: int, va: int, flags: int) -> Stat:
    path = read_path(process, va)
    if not path and flags & AT_EMPTY_PATH:
        if sext(dirfd, 32) == AT_FDCWD:
            return kernel.vfs.node(process.cwd).stat()
        return process.fds.get(sext(dirfd, 32)).stat()
    cwd = base(process, dirfd, path)
    return kernel.vfs.node(path, cwd, follow=not flags & AT_SYMLINK_NOFOLLOW).stat()


def newfstatat(kernel: KernelState, process: Process, dirfd: int, path: int, buffer: int, flags: int) -> int:
    """fstatat(2): store struct stat of a path. Flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.

    Errors: EBADF, EFAULT, EINVAL, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT):
        raise error(errno.EINVAL)
    process.mm.write(buffer, pack_stat(_status(kernel, process, dirfd, path, flags)))
    return 0


def fstat(kernel: KernelState, process: Process, fd: int, buffer: int) -> int:
    """fstat(2): store struct stat of an open file.

    Errors: EBADF, EFAULT.
    """
    process.mm.write(buffer, pack_stat(process.fds.get(sext(fd, 32)).stat()))
    return 0


def statx(
    kernel: KernelState, process: Process, dirfd: int, path: int, flags: int, mask: int, buffer: int
) -> int:
    """statx(2): store struct statx of a path. The fields of stat(2) are filled in whatever `mask` asks
    for; there is no date of birth.

    Errors: EBADF, EFAULT, EINVAL, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    if (
        flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC)
        or mask & STATX_RESERVED
    ):
        raise error(errno.EINVAL)
    if flags & AT_STATX_SYNC == AT_STATX_SYNC:
        raise error(errno.EINVAL)
    s = _status(kernel, process, dirfd, path, flags)
    head = struct.pack(
        "<IIQIIIHHQQQQ", STATX_BASIC_STATS, 4096, 0, s.nlink, s.uid, s.gid, s.mode & 0xFFFF, 0,
        s.ino & (1 << 64) - 1, s.size, s.blocks, 0,
    )  # fmt: skip
    accessed, changed = _or(s.atime, s.mtime), _or(s.ctime, s.mtime)
    times = b"".join(struct.pack("<qIi", *divmod(date, 10**9), 0) for date in (accessed, 0, changed, s.mtime))
    devices = struct.pack("<IIII", s.rdev >> 8 & 0xFFF, s.rdev & 0xFF, s.dev >> 8 & 0xFFF, s.dev & 0xFF)
    process.mm.write(buffer, (head + times + devices).ljust(256, b"\0"))
    return 0


def readlinkat(kernel: KernelState, process: Process, dirfd: int, va: int, buffer: int, size: int) -> int:
    """readlinkat(2): store the target of a symbolic link, without NUL. Return its length.

    Errors: EINVAL (not a link, `size` not positive), EBADF, EFAULT, ENAMETOOLONG, ELOOP, ENOENT,
    ENOTDIR.
    """
    path = read_path(process, va)
    if sext(size, 32) <= 0:
        raise error(errno.EINVAL)
    node: Node | None
    if path:
        node = kernel.vfs.node(path, base(process, dirfd, path), follow=False)
    else:
        node = process.fds.get(sext(dirfd, 32)).node
        if not isinstance(node, SymlinkNode):
            raise error(errno.ENOENT)
    if not isinstance(node, SymlinkNode):
        raise error(errno.EINVAL)
    target = os.fsencode(node.readlink())[: sext(size, 32)]
    process.mm.write(buffer, target)
    return len(target)


def _access(kernel: KernelState, process: Process, dirfd: int, va: int, mode: int, flags: int) -> int:
    path = read_path(process, va)
    if mode & ~7 or flags & ~(AT_SYMLINK_NOFOLLOW | AT_EACCESS | AT_EMPTY_PATH):
        raise error(errno.EINVAL)
    node: Node | None
    if not path and flags & AT_EMPTY_PATH:
        node = process.fds.get(sext(dirfd, 32)).node
        if node is None:
            return 0
    else:
        node = kernel.vfs.node(path, base(process, dirfd, path), follow=not flags & AT_SYMLINK_NOFOLLOW)
    status = node.stat()
    if isinstance(node, MemNode):
        require_access(status, mode)
    elif mode & 1 and not status.mode & 0o111:
        raise error(errno.EACCES)
    if mode & 2 and isinstance(node, (FileNode, HostDir)) and not node.writable:
        raise error(errno.EROFS)
    return 0


def faccessat(kernel: KernelState, process: Process, dirfd: int, path: int, mode: int) -> int:
    """faccessat(2): check whether the process may read, write or execute a file.

    Errors: EACCES, EINVAL, EROFS, EBADF, EFAULT, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _access(kernel, process, dirfd, path, mode, 0)


def faccessat2(kernel: KernelState, process: Process, dirfd: int, path: int, mode: int, flags: int) -> int:
    """faccessat2(2): faccessat(2) with flags.

    Errors: EACCES, EINVAL, EROFS, EBADF, EFAULT, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    return _access(kernel, process, dirfd, path, mode, flags)


def getdents64(kernel: KernelState, process: Process, fd: int, buffer: int, size: int) -> int:
    """getdents64(2): store struct linux_dirent64 of the next entries of a directory.

    Returns the number of bytes, 0 at the end.

    Errors: EBADF, EFAULT, EINVAL (no room for one entry), ENOENT (a removed directory), ENOTDIR.
    """
    file = open_file(process, fd)
    if not isinstance(file, DirectoryFile):
        raise error(errno.ENOTDIR)
    if isinstance(file.directory, MemDir) and file.directory.removed:
        raise error(errno.ENOENT)
    names = file.entries()
    out = bytearray()
    size = min(size, 1 << 20)
    while file.position < len(names):
        name = names[file.position]
        encoded = os.fsencode(name)
        length = (19 + len(encoded) + 1 + 7) & ~7
        if len(out) + length > size:
            break
        ino, kind = _entry(kernel, process, file, name)
        record = struct.pack("<QqHB", ino & (1 << 64) - 1, file.position + 1, length, kind) + encoded
        out += record.ljust(length, b"\0")
        file.position += 1
    if not out and file.position < len(names):
        raise error(errno.EINVAL)
    process.mm.write(buffer, bytes(out))
    return len(out)


def _entry(kernel: KernelState, process: Process, file: DirectoryFile, name: str) -> tuple[int, int]:
    """(inode number, DT_ type) of a directory entry. A removed entry has type DT_UNKNOWN."""
    try:
        node: Node = kernel.vfs.node(name, file.path, follow=False)
        status = node.stat()
    except OSError:
        return 1, 0
    return status.ino or 1, _DT.get(st.S_IFMT(status.mode), 0)


def unlinkat(kernel: KernelState, process: Process, dirfd: int, va: int, flags: int) -> int:
    """unlinkat(2): remove a name, or with AT_REMOVEDIR an empty directory.

    Errors: EBUSY, EINVAL, EISDIR, ENOTEMPTY, EROFS, EBADF, EFAULT, ENAMETOOLONG, ELOOP, ENOENT,
    ENOTDIR.
    """
    path = read_path(process, va)
    if flags & ~AT_REMOVEDIR:
        raise error(errno.EINVAL)
    place = kernel.vfs.entry(path, base(process, dirfd, path))
    if flags & AT_REMOVEDIR:
        last = path.rstrip("/").rsplit("/", 1)[-1]
        if last in (".", ".."):
            raise error(errno.EINVAL if last == "." else errno.ENOTEMPTY)
        place.parent.rmdir(place.name)
    else:
        place.parent.unlink(place.name)
    if kernel.inotify is not None and place.node is not None:
        kernel.inotify.removed(place.parent, place.name, place.node)
    if isinstance(place.node, FileNode):
        kernel.system.cache.released(place.node)
    return 0


def mkdirat(kernel: KernelState, process: Process, dirfd: int, va: int, mode: int) -> int:
    """mkdirat(2): create a directory.

    Errors: EBUSY, EEXIST, ENOSPC, EROFS, EBADF, EFAULT, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    path = read_path(process, va)
    place = kernel.vfs.vacancy(path, base(process, dirfd, path))
    place.parent.mkdir(place.name, mode & ~process.umask & 0o7777)
    tell_made(kernel, place)
    return 0


def symlinkat(kernel: KernelState, process: Process, target: int, dirfd: int, va: int) -> int:
    """symlinkat(2): create a symbolic link.

    Errors: EBUSY, EEXIST, ENOSPC, EROFS, EBADF, EFAULT, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    text, path = read_path(process, target), read_path(process, va)
    if not text:
        raise error(errno.ENOENT)
    place = kernel.vfs.vacancy(path, base(process, dirfd, path))
    place.parent.symlink(place.name, text)
    tell_made(kernel, place)
    return 0


def renameat2(
    kernel: KernelState, process: Process, old_fd: int, old: int, new_fd: int, new: int, flags: int
) -> int:
    """renameat2(2): rename a file, replacing an existing one. Flags: RENAME_NOREPLACE, RENAME_EXCHANGE.

    Errors: EBUSY, EEXIST, EINVAL, EISDIR, ENOTEMPTY, EROFS, EXDEV, EBADF, EFAULT, ENAMETOOLONG,
    ELOOP, ENOENT, ENOTDIR.
    """
    source, target = read_path(process, old), read_path(process, new)
    flags &= 0xFFFFFFFF
    if flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) or flags == RENAME_NOREPLACE | RENAME_EXCHANGE:
        raise error(errno.EINVAL)
    place = kernel.vfs.resolve(source, base(process, old_fd, source), follow=False)
    there = kernel.vfs.resolve(target, base(process, new_fd, target), follow=False)
    if _ends_in_dots(source):
        raise error(errno.EBUSY)
    if _ends_in_dots(target):
        raise error(errno.EEXIST if flags & RENAME_NOREPLACE else errno.EBUSY)
    if place.parent.identity[0] != there.parent.identity[0]:
        raise error(errno.EXDEV)
    place = kernel.vfs.entry(source, base(process, old_fd, source))
    if there.node is not None:
        if flags & RENAME_NOREPLACE:
            raise error(errno.EEXIST)
        there = kernel.vfs.entry(target, base(process, new_fd, target))
    elif flags & RENAME_EXCHANGE:
        raise error(errno.ENOENT)
    elif target.endswith("/") and not isinstance(place.node, DirNode):
        raise error(errno.ENOTDIR)
    if flags & RENAME_EXCHANGE:
        place.parent.exchange(place.name, there.parent, there.name)
        kernel.directories_moved({place.path: there.path, there.path: place.path})
        return 0
    place.parent.rename(place.name, there.parent, there.name)
    if isinstance(place.node, DirNode):
        kernel.directories_moved({place.path: there.path})
    if kernel.inotify is not None and place.node is not None and place.node is not there.node:
        kernel.inotify.moved(place.parent, place.name, there.parent, there.name, place.node, there.node)
    if isinstance(there.node, FileNode):
        kernel.system.cache.released(there.node)
    return 0


def _ends_in_dots(path: str) -> bool:
    """Whether the last component of a path is `.`, `..` or nothing: a name that cannot be given or taken."""
    return path.rstrip("/").rsplit("/", 1)[-1] in ("", ".", "..")


def require_growth(kernel: KernelState, process: Process, file: OpenFile, size: int) -> None:
    """Raises OSError(EFBIG) if the file is to grow beyond RLIMIT_FSIZE."""
    if process.rlimits.file_size < size and isinstance(file.node, FileNode) and size > file.node.size:
        from .limit_calls import require_file_size

        require_file_size(kernel, process, size)


def truncate(kernel: KernelState, process: Process, va: int, length: int) -> int:
    """truncate(2): set the size of a file. It waits for the holders of leases.

    Errors: EACCES, EFBIG (RLIMIT_FSIZE), EINTR, EINVAL, EISDIR, ENOSPC, EROFS, EFAULT, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    if sext(length, 64) < 0:
        raise error(errno.EINVAL)
    file = kernel.vfs.open(
        read_path(process, va),
        O_WRONLY,
        0,
        kernel.system.cache,
        process.cwd,
        before=kernel.lease_breaker(process),
    )
    try:
        require_growth(kernel, process, file, length)
        file.truncate(length)
    finally:
        file.released()
    return 0


def getcwd(kernel: KernelState, process: Process, buffer: int, size: int) -> int:
    """getcwd(2): store the working directory with a NUL. Return the length.

    Errors: EFAULT, ERANGE.
    """
    text = os.fsencode(process.cwd) + b"\0"
    if size < len(text):
        raise error(errno.ERANGE)
    process.mm.write(buffer, text)
    return len(text)


def chdir(kernel: KernelState, process: Process, va: int) -> int:
    """chdir(2): set the working directory.

    Errors: EACCES, EFAULT, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    place = kernel.vfs.resolve(read_path(process, va), process.cwd)
    if place.node is None:
        raise error(errno.ENOENT)
    if not isinstance(place.node, DirNode):
        raise error(errno.ENOTDIR)
    if isinstance(place.node, MemNode):
        place.node.require(X_OK)
    process.cwd = place.path
    return 0


def fchdir(kernel: KernelState, process: Process, fd: int) -> int:
    """fchdir(2): set the working directory to an open directory.

    Errors: EACCES, EBADF, ENOTDIR.
    """
    file = process.fds.get(sext(fd, 32))
    if not isinstance(file.node, DirNode):
        raise error(errno.ENOTDIR)
    if isinstance(file.node, MemNode):
        file.node.require(X_OK)
    process.cwd = file.path
    return 0


def umask(kernel: KernelState, process: Process, mask: int) -> int:
    """umask(2): set the file mode creation mask. Return the old one. It cannot fail."""
    old, process.umask = process.umask, mask & 0o777
    return old
