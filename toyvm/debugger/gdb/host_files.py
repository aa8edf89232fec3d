"""vFile: the guest's files, read by the debugger to find programs and libraries. Nothing can be written."""

from __future__ import annotations

import errno
import re
import struct
from collections.abc import Callable

from ..target import Target
from .packets import MAX_PACKET, PacketError, escape
from .thread_ids import hex_bytes, hex_number

# errno -> the protocol's number
_ERRORS = {
    **{number: number for number in (1, 2, 4, 9, 13, 14, 16, 17, 19, 20, 21, 22, 23, 24, 27, 28, 29, 30)},
    errno.ENOSYS: 88,
    errno.ENAMETOOLONG: 91,
}
_UNKNOWN = 9999
_MOST_OPEN = 32
_LONGEST_PATH = 4096
_WRITING = 0x3 | 0x8 | 0x200 | 0x400  # O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC of the protocol
_STAT = struct.Struct(">7I3Q3I")
_REGULAR = 0o100444
_BLOCK = 4096


class HostFiles:
    """The files that the debugger has open: copies of what they held when they were opened."""

    def __init__(self, target: Target):
        self._target = target
        self._open: dict[int, bytes] = {}
        self._pid = 0  # whose file system; 0: the first process's

    def answer(self, operation: str, arguments: str) -> bytes:
        """The reply to `vFile:OPERATION:ARGUMENTS`; empty for an operation that does not exist."""
        handler: Callable[..., bytes] | None = _OPERATIONS.get(operation)
        if handler is None:
            return b"F-1,%x" % _ERRORS[errno.EROFS] if operation in _CHANGING else b""
        try:
            return handler(self, *arguments.split(","))
        except OSError as error:
            return b"F-1,%x" % _ERRORS.get(error.errno or 0, _UNKNOWN)
        except (PacketError, TypeError):  # the wrong number of arguments
            return b"F-1,%x" % errno.EINVAL

    def _setfs(self, pid: str) -> bytes:
        self._pid = hex_number(pid, 8)
        return b"F0"

    def _open_file(self, path: str, flags: str, mode: str) -> bytes:
        hex_number(mode, 8)
        if hex_number(flags, 8) & _WRITING:
            raise OSError(errno.EROFS, "")
        if len(self._open) >= _MOST_OPEN:
            raise OSError(errno.EMFILE, "")
        number = next(n for n in range(3, 4 + _MOST_OPEN) if n not in self._open)
        self._open[number] = self._read(path)
        return b"F%x" % number

    def _read(self, path: str) -> bytes:
        name = hex_bytes(path)
        if not 0 < len(name) <= _LONGEST_PATH or b"\0" in name:
            raise OSError(errno.ENOENT, "")
        return self._target.read_file(self._process(), name.decode(errors="surrogateescape"))

    def _process(self) -> int:
        pids = [process.pid for process in self._target.processes()]
        if self._pid in pids or not pids:
            return self._pid
        return pids[0]

    def _pread(self, fd: str, count: str, offset: str) -> bytes:
        data = self._file(fd)
        start = hex_number(offset)
        return _attachment(data[start : start + min(hex_number(count), MAX_PACKET // 2 - 32)])

    def _close(self, fd: str) -> bytes:
        self._file(fd)
        del self._open[hex_number(fd, 8)]
        return b"F0"

    def _fstat(self, fd: str) -> bytes:
        return _attachment(_stat(len(self._file(fd))))

    def _stat_path(self, path: str) -> bytes:
        return _attachment(_stat(len(self._read(path))))

    def _readlink(self, path: str) -> bytes:
        """The links to programs in /proc; for another path it says that it is no link, so the path is used as it is."""
        name = hex_bytes(path)
        found = re.fullmatch(rb"/proc/(self|\d{1,9})/exe", name)
        if found is None:
            raise OSError(errno.EINVAL, "")
        pid = self._process() if found[1] == b"self" else int(found[1])
        for process in self._target.processes():
            if process.pid == pid:
                return _attachment(process.exe.encode(errors="surrogateescape"))
        raise OSError(errno.ENOENT, "")

    def _file(self, fd: str) -> bytes:
        number = hex_number(fd, 8)
        if number not in self._open:
            raise OSError(errno.EBADF, "")
        return self._open[number]


_OPERATIONS: dict[str, Callable[..., bytes]] = {
    "setfs": HostFiles._setfs,
    "open": HostFiles._open_file,
    "pread": HostFiles._pread,
    "close": HostFiles._close,
    "fstat": HostFiles._fstat,
    "stat": HostFiles._stat_path,
    "lstat": HostFiles._stat_path,
    "readlink": HostFiles._readlink,
}
_CHANGING = ("pwrite", "unlink")


def _stat(size: int) -> bytes:
    blocks = (size + 511) // 512
    return _STAT.pack(0, 0, _REGULAR, 1, 0, 0, 0, size, _BLOCK, blocks, 0, 0, 0)


def _attachment(data: bytes) -> bytes:
    return b"F%x;%b" % (len(data), escape(data))
