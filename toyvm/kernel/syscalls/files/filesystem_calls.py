"""System calls on file systems and on the storage of files: statfs, sync, fallocate, fadvise64, openat2."""

from __future__ import annotations

import errno
import os
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.vfs.host_files import HostFs
from toyvm.kernel.vfs.memory_files import INODE, MemFile
from toyvm.kernel.vfs.nodes import F_SEAL_EXEC, F_SEAL_GROW, PROC_IDENTITY, SYS_IDENTITY, DirNode, FileNode
from toyvm.kernel.vfs.open_file import O_CREAT, O_PATH, O_RDWR, O_TMPFILE
from toyvm.kernel.vfs.opened_nodes import RegularFile
from toyvm.kernel.vfs.path_walk import RESOLVE_BENEATH, RESOLVE_CACHED, RESOLVE_IN_ROOT
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT

from ..arguments import open_file, read_path
from ..file_calls import IN_MODIFY
from ..path_calls import open_path, require_growth

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2
SYNC_FILE_RANGE_ALL = 7
MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL, MFD_EXEC = 1, 2, 8, 16
_MFD_ALL = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC
POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE = 3, 4, 5
_OPEN_HOW = 24
_OPEN_FLAGS = 0o37777703  # every O_ flag that openat2 knows
_PAGE = 4096
_MAX_BYTES = (1 << 63) - 1
_EXT4, _TMPFS = 0xEF53, 0x01021994
# st_dev to f_type; other devices are file systems in memory.
_KINDS = {
    PROC_IDENTITY[0]: 0x9FA0,
    SYS_IDENTITY[0]: 0x62656572,
    12: 0x50495045,
    9: 0x534F434B,
    15: 0x09041934,
    0x18: 0x1CD1,
}


def _filesystem(kernel: KernelState, device: int) -> bytes:
    """struct statfs of the file system with this st_dev. The host's is shown as a disk of fixed size, so that runs are
    repeatable."""
    memfs = kernel.vfs.memfs
    flags = 0x1020  # ST_VALID, ST_RELATIME
    blocks = free = files = free_files = 0
    if device == HostFs.DEVICE:
        kind, blocks, free, files, free_files = _EXT4, 1 << 28, 1 << 27, 1 << 24, 1 << 23
    elif device == memfs.dev:
        kind = _TMPFS
        blocks, free = memfs.limit // _PAGE, (memfs.limit - memfs.used) // _PAGE
        files, free_files = memfs.limit // INODE, (memfs.limit - memfs.used) // INODE
    else:
        kind = _KINDS.get(device, _TMPFS)
    body = struct.pack(
        "<7QIIQQQ", kind, _PAGE, blocks, free, free, files, free_files, device, 0, 255, _PAGE, flags
    )
    return body.ljust(120, b"\0")


def statfs(kernel: KernelState, process: Process, path: int, buffer: int) -> int:
    """statfs(2): struct statfs of the file system that a path is on.

    Errors: EFAULT, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR.
    """
    node = kernel.vfs.node(read_path(process, path), process.cwd)
    process.mm.write(buffer, _filesystem(kernel, node.stat().dev))
    return 0


def fstatfs(kernel: KernelState, process: Process, fd: int, buffer: int) -> int:
    """fstatfs(2): struct statfs of the file system that an open file is on.

    Errors: EBADF, EFAULT.
    """
    process.mm.write(buffer, _filesystem(kernel, process.fds.get(sext(fd, 32)).stat().dev))
    return 0


def sync(kernel: KernelState, process: Process) -> int:
    """sync(2): write the dirty pages of all files back. It cannot fail."""
    kernel.system.cache.sync()
    return 0


def syncfs(kernel: KernelState, process: Process, fd: int) -> int:
    """syncfs(2): write the dirty pages of all files back.

    Errors: EBADF.
    """
    open_file(process, fd)
    kernel.system.cache.sync()
    return 0


def fsync(kernel: KernelState, process: Process, fd: int) -> int:
    """fsync(2), fdatasync(2): write the file's dirty pages back.

    Errors: EBADF, EIO.
    """
    node = open_file(process, fd).node
    if isinstance(node, FileNode):
        kernel.system.cache.write_back(node)
    return 0


def sync_file_range(
    kernel: KernelState, process: Process, fd: int, offset: int, length: int, flags: int
) -> int:
    """sync_file_range(2): write the dirty pages of a range back; length 0 is all that follows.

    Errors: EBADF, EINVAL, ESPIPE.
    """
    file = open_file(process, fd)
    start, count = sext(offset, 64), sext(length, 64)
    if flags & ~SYNC_FILE_RANGE_ALL or start < 0 or count < 0 or start + count > _MAX_BYTES:
        raise error(errno.EINVAL)
    if not isinstance(file.node, (FileNode, DirNode)):
        raise error(errno.ESPIPE)
    if isinstance(file.node, FileNode) and flags:
        kernel.system.cache.write_back(file.node, start, start + count if count else None)
    return 0


def ftruncate(kernel: KernelState, process: Process, fd: int, length: int) -> int:
    """ftruncate(2): set the size of an open file.

    Errors: EBADF, EFBIG (RLIMIT_FSIZE), EINVAL (a negative length, not open for writing), ENOSPC, EPERM (sealed), EROFS.
    """
    file = open_file(process, fd)
    if sext(length, 64) < 0 or not file.writable:
        raise error(errno.EINVAL)
    require_growth(kernel, process, file, length)
    file.truncate(length)
    if kernel.inotify is not None:
        kernel.inotify.used(file, IN_MODIFY)
    return 0


def fallocate(kernel: KernelState, process: Process, fd: int, mode: int, offset: int, length: int) -> int:
    """fallocate(2): make sure that a range of a file has room, or with FALLOC_FL_PUNCH_HOLE fill it with zeros.
    FALLOC_FL_KEEP_SIZE leaves the size as it is.

    Errors: EBADF (not open for writing), EFBIG, EINVAL, EISDIR, ENODEV, ENOSPC, EOPNOTSUPP, EPERM
    (sealed), EROFS, ESPIPE.
    """
    file = open_file(process, fd)
    start, count = sext(offset, 64), sext(length, 64)
    if start < 0 or count <= 0:
        raise error(errno.EINVAL)
    hole = mode & FALLOC_FL_PUNCH_HOLE
    if mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE) or (hole and not mode & FALLOC_FL_KEEP_SIZE):
        raise error(errno.EOPNOTSUPP)
    if not file.writable:
        raise error(errno.EBADF)
    if not isinstance(file, RegularFile):
        raise error(errno.ESPIPE if file.stat().mode & 0o170000 == 0o010000 else errno.ENODEV)
    if start + count > _MAX_BYTES:
        raise error(errno.EFBIG)
    if not hole:
        require_growth(kernel, process, file, start + count)
    if hole:
        kernel.system.clear_file(file.file, start, start + count)
    elif file.file.seals & F_SEAL_GROW and start + count > file.file.size:
        raise error(errno.EPERM)
    elif not mode & FALLOC_FL_KEEP_SIZE and start + count > file.file.size:
        file.truncate(start + count)
    if not hole:
        file.file.fill(start, start + count)
    return 0


def fadvise64(kernel: KernelState, process: Process, fd: int, offset: int, length: int, advice: int) -> int:
    """posix_fadvise(2): WILLNEED brings pages into the page cache, DONTNEED drops them.

    Other advice is ignored. Reads through descriptors are not cached, so WILLNEED only helps later
    mappings.

    Errors: EBADF, EINVAL, ESPIPE.
    """
    opened = open_file(process, fd)
    from toyvm.kernel.vfs.pipe import PipeReader, PipeWriter

    if isinstance(opened, (PipeReader, PipeWriter)):
        raise error(errno.ESPIPE)
    if not 0 <= advice <= POSIX_FADV_NOREUSE or offset >> 63 or length >> 63:
        raise error(errno.EINVAL)
    file = opened.node
    if isinstance(file, FileNode):
        if advice == POSIX_FADV_WILLNEED:
            _read_ahead(kernel, process, file, offset, length)
        elif advice == POSIX_FADV_DONTNEED:
            kernel.system.cache.drop_range(file, offset, offset + length if length else None)
    return 0


def readahead(kernel: KernelState, process: Process, fd: int, offset: int, length: int) -> int:
    """readahead(2): bring pages of a file into the page cache.

    Errors: EBADF (not open for reading too), EINVAL (not a file).
    """
    opened = open_file(process, fd)
    if not opened.readable:
        raise error(errno.EBADF)
    if not isinstance(opened.node, FileNode):
        raise error(errno.EINVAL)
    _read_ahead(kernel, process, opened.node, offset, length)
    return 0


def _read_ahead(kernel: KernelState, process: Process, file: FileNode, offset: int, length: int) -> None:
    """Bring whole pages into the page cache. Length 0 means up to the end of the file."""
    first = offset >> PAGE_SHIFT
    last = (offset + length if length else max(file.size, offset)) + PAGE_MASK >> PAGE_SHIFT
    kernel.system.cache.read_ahead(file, first, last - first, process.mm.context)


def openat2(kernel: KernelState, process: Process, dirfd: int, va: int, how: int, size: int) -> int:
    """openat2(2): openat(2) by struct open_how, with RESOLVE_ rules for the path; unknown flags are refused.

    Errors: E2BIG, EACCES, EAGAIN (RESOLVE_CACHED), EBADF, EEXIST, EFAULT, EINTR, EINVAL, EISDIR, ELOOP, EMFILE,
    ENAMETOOLONG, ENFILE, ENOENT, ENOSPC, ENOTDIR, ENXIO, EOPNOTSUPP, EROFS, EXDEV.
    """
    if size < _OPEN_HOW:
        raise error(errno.EINVAL)
    if size > _PAGE:
        raise error(errno.E2BIG)
    if any(process.mm.read(how + _OPEN_HOW, size - _OPEN_HOW)):
        raise error(errno.E2BIG)
    flags, mode, rules = struct.unpack("<QQQ", process.mm.read(how, _OPEN_HOW))
    creates = flags & (O_CREAT | O_TMPFILE & ~0o200000)
    both = RESOLVE_BENEATH | RESOLVE_IN_ROOT
    if (
        flags & ~_OPEN_FLAGS
        or rules & ~0x3F
        or rules & both == both
        or mode & ~0o7777
        or (mode and not creates)
        or (flags & O_PATH and flags & ~(O_PATH | 0o2600000))
    ):
        raise error(errno.EINVAL)
    if rules & RESOLVE_CACHED and (creates or flags & 0o1000):
        raise error(errno.EAGAIN)
    return open_path(kernel, process, dirfd, va, flags, mode, rules)


def memfd_create(kernel: KernelState, process: Process, name: int, flags: int) -> int:
    """memfd_create(2): create an unnamed file, open for reading and writing. Return the descriptor.

    `name` is shown in /proc.

    Errors: EFAULT, EINVAL, EMFILE.
    """
    if flags & ~_MFD_ALL or flags & (both := MFD_NOEXEC_SEAL | MFD_EXEC) == both:
        raise error(errno.EINVAL)
    try:
        label = os.fsdecode(process.mm.read_cstring(name, 250))
    except OSError as failure:
        raise error(errno.EINVAL) if failure.errno == errno.ENAMETOOLONG else failure from None
    file = MemFile(kernel.vfs.memfs, 0o666 if flags & MFD_NOEXEC_SEAL else 0o777)
    file.links = 0
    if flags & MFD_NOEXEC_SEAL:
        file.seals = F_SEAL_EXEC
    elif flags & MFD_ALLOW_SEALING:
        file.seals = 0
    opened = RegularFile(file, kernel.system.cache, O_RDWR, f"/memfd:{label} (deleted)", counted=False)
    return process.fds.install(opened, cloexec=bool(flags & MFD_CLOEXEC))
