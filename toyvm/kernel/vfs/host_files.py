"""A host directory as the guest sees it. Nothing outside it can be reached, whatever the guest or the host's links say.

Every step is one name relative to an open directory, with O_NOFOLLOW (what openat2's RESOLVE_BENEATH gives); symbolic
links and `..` are the business of the path walk above, which knows only guest directories. Host fifos, sockets
and devices can be seen but not opened. A named pipe or a socket that the guest makes lives in the guest's kernel; a
file of that kind on the host stands for it, so that names, links and renames are the host's.

What the guest adds to the host's disk has a limit: `HostFs.charge` counts the blocks of files and a page for each name.
"""

from __future__ import annotations

import errno
import os
import stat as st

from toyvm.base.errors import error
from toyvm.base.light_types import Protocol

from ..limits import GUEST_ID
from .nodes import DirNode, FileNode, Identity, Node, Stat, SymlinkNode

_BLOCK = 512  # bytes, of st_blocks
_NAME = 4096  # bytes that a new name is counted as: its inode, and its place in the directory
_UNLIMITED = 1 << 20  # descriptors, where the host sets no limit
_DIR_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Held:
    """An open descriptor of the host's."""

    __slots__ = ("_fs", "fd")

    def __init__(self, fs: HostFs, fd: int):
        self._fs = fs
        self.fd: int | None = fd

    def close(self) -> None:
        """Close it, once: when close(2) fails the descriptor is gone all the same, and may be another file's by the next time."""
        fd, self.fd = self.fd, None
        if fd is not None:
            self._fs.close(fd)

    __del__ = close


class Witness(Protocol):
    """What a recording is told of the host's files."""

    def looked_up(self, directory: HostDir, name: str, found: Node | OSError) -> None:
        """A name was looked up."""

    def listed(self, directory: HostDir, names: list[str]) -> None:
        """The names of a directory were read."""

    def opened(self, file: HostFile, fd: int) -> None:
        """A file was opened for its bytes or its size."""


class HostFs:
    """What the host directories of one run share. The guest sees one device and its own inode numbers, in the order in
    which it came by the files: so a run is the same on every machine."""

    DEVICE = 0x801
    _RESERVE = 32  # descriptors that are ours: Python opens a file for each module it imports

    def __init__(self, disk_limit: int | None = None) -> None:
        self.limit = disk_limit  # of what the guest adds to the disk, in bytes; None: no limit
        self.used = 0  # bytes that it has added; negative if it has removed more
        self._held = 0
        most = os.sysconf("SC_OPEN_MAX")  # RLIMIT_NOFILE, -1 without one
        self._most = max(most - self._RESERVE, 8) if most >= 0 else _UNLIMITED
        self._numbers: dict[tuple[int, int], int] = {}
        self.witness: Witness | None = None
        self.files: dict[Identity, HostFile] = {}
        self.made: dict[
            Identity, Node
        ] = {}  # the guest's pipes and sockets, by the host file that stands for them

    def hold(self, fd: int) -> Held:
        """Keep a host descriptor open as long as the result lives, or until it is closed.

        Raises OSError(ENFILE), `fd` closed, when none is left, even after closing those of files that are not in use.
        """
        if self._held >= self._most:
            for file in self.files.values():
                file.let_go()
        if self._held >= self._most:
            os.close(fd)
            raise error(errno.ENFILE)
        self._held += 1
        return Held(self, fd)

    def require(self, more: int) -> None:
        """Raises OSError(ENOSPC) if there is no room on the disk for `more` bytes."""
        if self.limit is not None and more > 0 and self.used + more > self.limit:
            raise error(errno.ENOSPC)

    def charge(self, more: int) -> None:
        """Count bytes that have been added to the disk, or removed."""
        self.used += more

    def close(self, fd: int) -> None:
        """Close what was held."""
        self._held -= 1
        os.close(fd)

    def identity(self, status: os.stat_result) -> Identity:
        """The guest's device and inode number of a host file."""
        key = (status.st_dev, status.st_ino)
        return self.DEVICE, self._numbers.setdefault(key, len(self._numbers) + 2)


def _convert(status: os.stat_result, identity: Identity, *, owned: bool = False) -> Stat:
    """`owned`: the guest may write there, so that the files of the host's user are the guest's own."""
    owner = GUEST_ID if owned and status.st_uid == os.geteuid() else 0
    return Stat(
        dev=identity[0],
        ino=identity[1],
        mode=status.st_mode,
        nlink=status.st_nlink,
        uid=owner,
        gid=owner,
        size=status.st_size,
        blocks=status.st_blocks,
        mtime=status.st_mtime_ns,
    )


class HostFile(FileNode):
    """A regular file of the host, opened when its bytes are first needed."""

    def __init__(self, directory: HostDir, name: str, status: os.stat_result):
        super().__init__()
        self.directory = directory
        self.name = name
        self.identity = directory.fs.identity(status)
        self._host = (status.st_dev, status.st_ino)
        self.writable = directory.writable
        self._fd: int | None = None
        self._removed: int | None = None  # the bytes of a file without a name, when it lost the last one

    @property
    def linked(self) -> bool:
        return self._removed is None

    def removed(self, blocks: int) -> None:
        """The last name is gone; the bytes of its blocks are the disk's again as soon as no process uses the file."""
        self._removed = blocks * _BLOCK

    def dropped(self) -> None:
        fs = self.directory.fs
        freed = self._removed or 0
        if self._fd is not None:
            freed = os.fstat(self._fd).st_blocks * _BLOCK
            self.let_go()
        fs.charge(-freed)
        if fs.files.get(self.identity) is self:
            del fs.files[self.identity]

    def _descriptor(self) -> int:
        if self._fd is None:
            access = os.O_RDWR if self.writable else os.O_RDONLY
            flags = access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            try:
                try:
                    fd = os.open(self.name, flags, dir_fd=self.directory.fd)
                except PermissionError:
                    if not self.writable:
                        raise
                    self.writable = False
                    fd = os.open(self.name, flags & ~os.O_RDWR, dir_fd=self.directory.fd)
            except OSError as failure:
                raise host_error(failure) from None
            status = os.fstat(fd)
            if not st.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) != self._host:
                os.close(fd)
                raise error(errno.ESTALE)
            self._held = self.directory.fs.hold(fd)
            self._fd = fd
            if self.directory.fs.witness is not None:
                self.directory.fs.witness.opened(self, fd)
        return self._fd

    def let_go(self) -> None:
        """Close the host's file if no process has it open or mapped; it is opened again when it is needed."""
        if self._fd is not None and not self.opens and not self.mappings:
            self._fd = None
            self._held.close()

    def is_host_file(self, status: os.stat_result) -> bool:
        """Whether this is the host's file of that status."""
        return self._host == (status.st_dev, status.st_ino)

    def open_host(self) -> None:
        """Open the host's file now, so that open(2) reports what is wrong with it. Raises OSError."""
        self._descriptor()

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor()).st_size

    def stat(self) -> Stat:
        try:
            if self._fd is not None:
                return _convert(os.fstat(self._fd), self.identity, owned=self.directory.writable)
            status = os.stat(self.name, dir_fd=self.directory.fd, follow_symlinks=False)
            return _convert(status, self.identity, owned=self.directory.writable)
        except OSError as failure:
            raise host_error(failure) from None

    def pread(self, offset: int, count: int) -> bytes:
        fd = self._descriptor()
        try:
            return os.pread(fd, count, offset)
        except OSError as failure:
            raise host_error(failure) from None

    def pwrite(self, offset: int, data: bytes) -> int:
        fd = self._descriptor()
        if not self.writable:
            raise error(errno.EROFS)
        fs, before = self.directory.fs, os.fstat(fd)
        allocated = before.st_blocks * _BLOCK
        holes = allocated < before.st_size  # any byte may be in one
        fs.require(len(data) if holes else offset + len(data) - max(offset, allocated))
        try:
            return os.pwrite(fd, data, offset)
        except OSError as failure:
            raise host_error(failure) from None
        finally:
            fs.charge(os.fstat(fd).st_blocks * _BLOCK - allocated)

    def set_attributes(self, **changes: int | None) -> None:
        if not self.directory.writable:
            raise error(errno.EROFS)
        _set_attributes(self._descriptor(), self.stat(), changes)

    def truncate(self, size: int) -> None:
        fd = self._descriptor()
        if not self.writable:
            raise error(errno.EROFS)
        fs, before = self.directory.fs, os.fstat(fd).st_blocks
        try:
            os.ftruncate(fd, size)
        except OSError as failure:
            raise host_error(failure) from None
        fs.charge((os.fstat(fd).st_blocks - before) * _BLOCK)


def _set_attributes(fd: int, before: Stat, changes: dict[str, int | None]) -> None:
    """Change the mode or the dates of an open file of the host; its owner stays. Raises OSError."""
    if changes.get("uid") not in (None, before.uid) or changes.get("gid") not in (None, before.gid):
        raise error(errno.EPERM)
    try:
        mode, atime, mtime = (changes.get(name) for name in ("mode", "atime", "mtime"))
        if mode is not None:
            os.fchmod(fd, mode & 0o777)
        if atime is not None or mtime is not None:
            old = os.fstat(fd)
            os.utime(
                fd,
                ns=(
                    old.st_atime_ns if atime is None else atime,
                    old.st_mtime_ns if mtime is None else mtime,
                ),
            )
    except (OSError, OverflowError) as failure:
        raise host_error(failure) if isinstance(failure, OSError) else error(errno.EINVAL) from None


class HostSymlink(SymlinkNode):
    """A symbolic link of the host; where it leads is decided inside the sandbox."""

    def __init__(self, target: str, status: os.stat_result, identity: Identity):
        self._target = target
        self._status = _convert(status, identity)
        self.identity = identity

    def readlink(self) -> str:
        return self._target

    def stat(self) -> Stat:
        return self._status


class HostSpecial(Node):
    """A fifo, socket or device of the host: it has a stat and no more."""

    def __init__(self, status: os.stat_result, identity: Identity):
        self._status = _convert(status, identity)
        self.identity = identity

    def stat(self) -> Stat:
        return self._status


class HostDir(DirNode):
    """A directory of the host, held open. `writable` is the sandbox's permission, not the host's."""

    def __init__(self, fd: int, fs: HostFs, *, writable: bool):
        self.fd = fd
        self.fs = fs
        self.writable = writable
        self._held = fs.hold(fd)
        self.identity = fs.identity(os.fstat(fd))

    @classmethod
    def open_root(cls, path: str, fs: HostFs, *, writable: bool = False) -> HostDir:
        """The root of a sandbox. Raises OSError as the host gives it."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), fs, writable=writable)

    def stat(self) -> Stat:
        return _convert(os.fstat(self.fd), self.identity, owned=self.writable)

    def set_attributes(self, **changes: int | None) -> None:
        self._writable()
        _set_attributes(self.fd, self.stat(), changes)

    def lookup(self, name: str) -> Node:
        witness = self.fs.witness
        if witness is None:
            return self._look_up(name)
        try:
            found = self._look_up(name)
        except OSError as failure:
            witness.looked_up(self, name, failure)
            raise
        witness.looked_up(self, name, found)
        return found

    def _look_up(self, name: str) -> Node:
        try:
            status = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
            if st.S_ISDIR(status.st_mode):
                fd = os.open(name, _DIR_FLAGS, dir_fd=self.fd)
                return HostDir(fd, self.fs, writable=self.writable)
            if st.S_ISLNK(status.st_mode):
                return HostSymlink(os.readlink(name, dir_fd=self.fd), status, self.fs.identity(status))
        except OSError as failure:
            raise host_error(failure) from None
        except ValueError:  # a NUL in the name
            raise error(errno.ENOENT) from None
        if st.S_ISREG(status.st_mode):
            return self._file(name, status)
        identity = self.fs.identity(status)
        made = self.fs.made.get(identity)
        if made is not None and st.S_IFMT(made.stat().mode) == st.S_IFMT(status.st_mode):
            return made
        return HostSpecial(status, identity)

    def _file(self, name: str, status: os.stat_result) -> HostFile:
        """One node for one inode while something holds it open or mapped."""
        known = self.fs.files.get(self.fs.identity(status))
        if known is not None and (known.opens or known.mappings):
            return known
        file = HostFile(self, name, status)
        self.fs.files[file.identity] = file
        return file

    def names(self) -> list[str]:
        try:
            names = sorted(os.listdir(self.fd))
        except OSError as failure:
            raise host_error(failure) from None
        if self.fs.witness is not None:
            self.fs.witness.listed(self, names)
        return names

    def _writable(self) -> None:
        if not self.writable:
            raise error(errno.EROFS)

    def _new_name(self) -> None:
        """Raises OSError if the directory cannot have another name."""
        self._writable()
        self.fs.require(_NAME)

    def create(self, name: str, mode: int) -> FileNode:
        self._new_name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            os.close(os.open(name, flags, mode & 0o777, dir_fd=self.fd))
            status = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except OSError as failure:
            raise host_error(failure) from None
        self.fs.charge(_NAME)
        return self._file(name, status)

    def mkdir(self, name: str, mode: int) -> None:
        self._new_name()
        try:
            os.mkdir(name, mode & 0o777, dir_fd=self.fd)
        except OSError as failure:
            raise host_error(failure) from None
        self.fs.charge(_NAME)

    def add(self, name: str, node: Node) -> None:
        self._new_name()
        mode = node.stat().mode
        try:
            os.mknod(name, st.S_IFMT(mode) | mode & 0o777, dir_fd=self.fd)
            status = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except OSError as failure:
            raise host_error(failure) from None
        self.fs.charge(_NAME)
        self.fs.made[self.fs.identity(status)] = node

    def _status(self, name: str) -> os.stat_result | None:
        """What `name` is, if it is there."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except OSError:
            return None

    def _gone(self, status: os.stat_result | None) -> None:
        """A name of what had this status is gone."""
        if status is None:
            return
        self.fs.charge(-_NAME)
        identity = self.fs.identity(status)
        made, file = self.fs.made.pop(identity, None), self.fs.files.get(identity)
        if made is not None:  # a pipe or a socket, which has one name
            made.unlinked()
        elif st.S_ISREG(status.st_mode) and status.st_nlink == 1 and file is not None:
            file.removed(status.st_blocks)

    def unlink(self, name: str) -> None:
        self._writable()
        status = self._status(name)
        try:
            os.unlink(name, dir_fd=self.fd)
        except OSError as failure:
            raise host_error(failure) from None
        self._gone(status)

    def rmdir(self, name: str) -> None:
        self._writable()
        try:
            os.rmdir(name, dir_fd=self.fd)
        except OSError as failure:
            raise host_error(failure) from None
        self.fs.charge(-_NAME)

    def symlink(self, name: str, target: str) -> None:
        self._new_name()
        try:
            os.symlink(target, name, dir_fd=self.fd)
        except OSError as failure:
            raise host_error(failure) from None
        self.fs.charge(_NAME)

    def link(self, name: str, node: Node) -> None:
        self._new_name()
        if not isinstance(node, HostFile):
            raise error(errno.EXDEV)
        node.directory._writable()
        try:
            os.link(node.name, name, src_dir_fd=node.directory.fd, dst_dir_fd=self.fd, follow_symlinks=False)
        except OSError as failure:
            raise host_error(failure) from None
        self.fs.charge(_NAME)

    def rename(self, name: str, target: DirNode, new_name: str) -> None:
        self._writable()
        if not isinstance(target, HostDir):
            raise error(errno.EXDEV)
        target._writable()
        status, replaced = self._status(name), target._status(new_name)
        same = status is not None and replaced is not None and os.path.samestat(status, replaced)
        try:
            os.rename(name, new_name, src_dir_fd=self.fd, dst_dir_fd=target.fd)
        except OSError as failure:
            raise host_error(failure) from None
        if not same:  # else both names stay (rename(2))
            self._gone(replaced)


def host_error(failure: OSError) -> OSError:
    """The same failure with nothing of the host in it (its paths are not the guest's business)."""
    number = failure.errno if failure.errno in errno.errorcode else errno.EIO
    return OSError(number, os.strerror(number or errno.EIO))
