"""Files about processes and signals: pidfd, signalfd."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.proc.lifecycle import send
from toyvm.kernel.proc.signal_files import PidFile, SignalFile
from toyvm.kernel.proc.signals import MAX_SIGNAL, SI_USER, UNBLOCKABLE, SigInfo
from toyvm.kernel.vfs.open_file import O_CLOEXEC, O_NONBLOCK

from ..arguments import open_file

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

_SIGSET_SIZE = 8
_SI_TKILL = -6
SIGNAL_THREAD, SIGNAL_THREAD_GROUP, SIGNAL_PROCESS_GROUP = 1, 2, 4


def signalfd4(kernel: KernelState, process: Process, fd: int, mask: int, size: int, flags: int) -> int:
    """signalfd4(2): a file to read pending signals from, or another mask for `fd`; its descriptor. Flags:
    SFD_CLOEXEC, SFD_NONBLOCK.

    Errors: EBADF, EFAULT, EINVAL, EMFILE.
    """
    if size != _SIGSET_SIZE:
        raise error(errno.EINVAL)
    wanted = process.mm.read_int(mask) & ~UNBLOCKABLE
    if flags & 0xFFFFFFFF & ~(O_CLOEXEC | O_NONBLOCK):
        raise error(errno.EINVAL)
    if sext(fd, 32) == -1:
        made = SignalFile(lambda: kernel.current or process, wanted, flags & O_NONBLOCK)
        return process.fds.install(made, cloexec=bool(flags & O_CLOEXEC))
    file = open_file(process, fd)
    if not isinstance(file, SignalFile):
        raise error(errno.EINVAL)
    file.mask = wanted
    process.thread_group.signal_queue().wake()
    return sext(fd, 32)


def pidfd_open(kernel: KernelState, process: Process, pid: int, flags: int) -> int:
    """pidfd_open(2): a file for a process; its descriptor. Flag: PIDFD_NONBLOCK.

    Errors: EINVAL, EMFILE, ENOENT (a thread that is not the first), ESRCH.
    """
    pid = sext(pid, 32)
    if flags & 0xFFFFFFFF & ~O_NONBLOCK or pid <= 0:
        raise error(errno.EINVAL)
    target = kernel.processes.get(pid)
    if target is None:
        raise error(errno.ENOENT if pid in kernel.threads else errno.ESRCH)
    return process.fds.install(PidFile(target.leader, flags & O_NONBLOCK), cloexec=True)


def _process_of(process: Process, fd: int) -> Process:
    file = open_file(process, fd)
    if not isinstance(file, PidFile):
        raise error(errno.EBADF)
    return file.process


def pidfd_send_signal(
    kernel: KernelState, process: Process, fd: int, signal: int, info: int, flags: int
) -> int | None:
    """pidfd_send_signal(2): send a signal to the process of a file, to its first thread, or to its process group.

    Errors: EBADF, EFAULT, EINVAL, EPERM, ESRCH.
    """
    if flags & 0xFFFFFFFF not in (0, SIGNAL_THREAD, SIGNAL_THREAD_GROUP, SIGNAL_PROCESS_GROUP):
        raise error(errno.EINVAL)
    target = _process_of(process, fd)
    number, code, raw = sext(signal, 32), SI_USER, b""
    if info:
        given, _, code = struct.unpack("<iii", process.mm.read(info, 12))
        raw = process.mm.read(info + 12, 116)
        if given != number:
            raise error(errno.EINVAL)
        if target is not process.leader and (code >= 0 or code == _SI_TKILL):
            raise error(errno.EPERM)
    if not 0 <= number <= MAX_SIGNAL:
        raise error(errno.EINVAL)
    if target.thread_group.reaped:
        raise error(errno.ESRCH)
    targets = [target]
    if flags == SIGNAL_PROCESS_GROUP:
        targets = [p for p in kernel.processes.values() if p.pgid == target.pid]
    sent = SigInfo(number, code, pid=process.pid, uid=kernel.UID, raw=raw)
    for receiver in targets:
        send(kernel, receiver, sent, to_thread=flags == SIGNAL_THREAD)
    return 0 if process.tid in process.thread_group.members else None


def pidfd_getfd(kernel: KernelState, process: Process, fd: int, target_fd: int, flags: int) -> int:
    """pidfd_getfd(2): a descriptor for an open file of another process.

    Errors: EBADF, EINVAL, EMFILE, ESRCH.
    """
    if flags & 0xFFFFFFFF:
        raise error(errno.EINVAL)
    target = _process_of(process, fd)
    if not target.alive:
        raise error(errno.ESRCH)
    return process.fds.install(target.fds.get(sext(target_fd, 32)), cloexec=True)
