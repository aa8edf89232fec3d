"""A host directory as the guest sees it. Nothing outside it can be reached, whatever the guest or the host's links say.

Every step is one name relative to an open directory, with O_NOFOLLOW (what openat2's RESOLVE_BENEATH gives); symbolic
links and `..` are the business of the path walk above, which knows only guest directories. Host fifos, sockets
and devices can be seen but not opened.
"""

from __future__ import annotations

import errno
import os
import stat as st
import weakref

from .node import DirNode, FileNode, Node, Stat, SymlinkNode, error
from .openfile import host_error

_DIR_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _convert(status: os.stat_result) -> Stat:
    return Stat(
        dev=status.st_dev,
        ino=status.st_ino,
        mode=status.st_mode,
        nlink=status.st_nlink,
        size=status.st_size,
        blocks=status.st_blocks,
        mtime=status.st_mtime_ns,
    )


class HostFile(FileNode):
    """A regular file of the host, opened when its bytes are first needed."""

    def __init__(self, directory: HostDir, name: str, status: os.stat_result):
        super().__init__()
        self._directory = directory
        self._name = name
        self.identity = (status.st_dev, status.st_ino)
        self.writable = directory.writable
        self._fd: int | None = None

    def _descriptor(self) -> int:
        if self._fd is None:
            access = os.O_RDWR if self.writable else os.O_RDONLY
            flags = access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            try:
                try:
                    fd = os.open(self._name, flags, dir_fd=self._directory.fd)
                except PermissionError:
                    if not self.writable:
                        raise
                    self.writable = False
                    fd = os.open(self._name, flags & ~os.O_RDWR, dir_fd=self._directory.fd)
            except OSError as failure:
                raise host_error(failure) from None
            status = os.fstat(fd)
            if not st.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) != self.identity:
                os.close(fd)
                raise error(errno.ESTALE)
            weakref.finalize(self, os.close, fd)
            self._fd = fd
        return self._fd

    def open_host(self) -> None:
        """Open the host's file now, so that open(2) reports what is wrong with it. Raises OSError."""
        self._descriptor()

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor()).st_size

    def stat(self) -> Stat:
        try:
            if self._fd is not None:
                return _convert(os.fstat(self._fd))
            return _convert(os.stat(self._name, dir_fd=self._directory.fd, follow_symlinks=False))
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
        try:
            return os.pwrite(fd, data, offset)
        except OSError as failure:
            raise host_error(failure) from None

    def truncate(self, size: int) -> None:
        fd = self._descriptor()
        if not self.writable:
            raise error(errno.EROFS)
        try:
            os.ftruncate(fd, size)
        except OSError as failure:
            raise host_error(failure) from None


class HostSymlink(SymlinkNode):
    """A symbolic link of the host; where it leads is decided inside the sandbox."""

    def __init__(self, target: str, status: os.stat_result):
        self._target = target
        self._status = _convert(status)
        self.identity = (status.st_dev, status.st_ino)

    def readlink(self) -> str:
        return self._target

    def stat(self) -> Stat:
        return self._status


class HostSpecial(Node):
    """A fifo, socket or device of the host: it has a stat and no more."""

    def __init__(self, status: os.stat_result):
        self._status = _convert(status)
        self.identity = (status.st_dev, status.st_ino)

    def stat(self) -> Stat:
        return self._status


class HostDir(DirNode):
    """A directory of the host, held open. `writable` is the sandbox's permission, not the host's."""

    def __init__(self, fd: int, *, writable: bool, files: dict[tuple[int, int], HostFile] | None = None):
        self.fd = fd
        self.writable = writable
        self._files = files if files is not None else {}
        status = os.fstat(fd)
        self.identity = (status.st_dev, status.st_ino)
        weakref.finalize(self, os.close, fd)

    @classmethod
    def open_root(cls, path: str, *, writable: bool = False) -> HostDir:
        """The root of a sandbox. Raises OSError as the host gives it."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), writable=writable)

    def stat(self) -> Stat:
        return _convert(os.fstat(self.fd))

    def lookup(self, name: str) -> Node:
        try:
            status = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
            if st.S_ISDIR(status.st_mode):
                fd = os.open(name, _DIR_FLAGS, dir_fd=self.fd)
                return HostDir(fd, writable=self.writable, files=self._files)
            if st.S_ISLNK(status.st_mode):
                return HostSymlink(os.readlink(name, dir_fd=self.fd), status)
        except OSError as failure:
            raise host_error(failure) from None
        except ValueError:  # a NUL in the name
            raise error(errno.ENOENT) from None
        if st.S_ISREG(status.st_mode):
            return self._file(name, status)
        return HostSpecial(status)

    def _file(self, name: str, status: os.stat_result) -> HostFile:
        """One node for one inode while something holds it open or mapped."""
        known = self._files.get((status.st_dev, status.st_ino))
        if known is not None and (known.opens or known.mappings):
            return known
        file = HostFile(self, name, status)
        self._files[file.identity] = file
        return file

    def names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.fd))
        except OSError as failure:
            raise host_error(failure) from None

    def _writable(self) -> None:
        if not self.writable:
            raise error(errno.EROFS)

    def create(self, name: str, mode: int) -> FileNode:
        self._writable()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            os.close(os.open(name, flags, mode & 0o777, dir_fd=self.fd))
            status = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except OSError as failure:
            raise host_error(failure) from None
        return self._file(name, status)

    def mkdir(self, name: str, mode: int) -> None:
        self._writable()
        try:
            os.mkdir(name, mode & 0o777, dir_fd=self.fd)
        except OSError as failure:
            raise host_error(failure) from None

    def unlink(self, name: str) -> None:
        self._writable()
        try:
            os.unlink(name, dir_fd=self.fd)
        except OSError as failure:
            raise host_error(failure) from None

    def rmdir(self, name: str) -> None:
        self._writable()
        try:
            os.rmdir(name, dir_fd=self.fd)
        except OSError as failure:
            raise host_error(failure) from None

    def symlink(self, name: str, target: str) -> None:
        self._writable()
        try:
            os.symlink(target, name, dir_fd=self.fd)
        except OSError as failure:
            raise host_error(failure) from None

    def rename(self, name: str, target: DirNode, new_name: str) -> None:
        self._writable()
        if not isinstance(target, HostDir):
            raise error(errno.EXDEV)
        target._writable()
        try:
            os.rename(name, new_name, src_dir_fd=self.fd, dst_dir_fd=target.fd)
        except OSError as failure:
            raise host_error(failure) from None
