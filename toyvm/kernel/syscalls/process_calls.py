"""Processes: clone, execve, exit, wait, process IDs, credentials, process groups and sessions."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable

from toyvm.base.bits import sext
from toyvm.base.errors import NotExecutableError, error
from toyvm.base.light_types import TYPE_CHECKING

from ..limits import ARG_MAX
from ..proc.execve import execute
from ..proc.lifecycle import exit_process, find_child, take_report
from ..proc.process import Process
from ..proc.signals import CLD_CONTINUED, CLD_STOPPED, MAX_SIGNAL, Signal
from ..vfs.open_file import O_NONBLOCK, WouldBlock
from .arguments import read_path

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState

WNOHANG, WUNTRACED, WEXITED, WCONTINUED, WNOWAIT = 1, 2, 4, 8, 0x1000000
WSTOPPED = WUNTRACED
WNOTHREAD, WALL, WCLONE = 0x20000000, 0x40000000, 0x80000000
_WAIT_LINUX = WNOTHREAD | WALL | WCLONE
P_ALL, P_PID, P_PGID, P_PIDFD = 0, 1, 2, 3
_MAX_STRINGS = 1 << 16


def execve(kernel: KernelState, process: Process, path: int, argv: int, envp: int) -> None:
    """execve(2): run the program at `path` in this process. It returns only on failure.

    Errors: E2BIG, EACCES, ENOEXEC, ENOMEM, EFAULT, ENAMETOOLONG, ELOOP, ENOENT, ENOTDIR, ETXTBSY (open for writing).
    """
    name = read_path(process, path)
    arguments = strings(process, argv)
    environment = strings(process, envp)
    try:
        execute(kernel, process, name, arguments or [b""], environment)
    except NotExecutableError:
        raise error(errno.ENOEXEC) from None


def strings(process: Process, va: int) -> list[bytes]:
    """The strings of a NULL-terminated array of pointers. Raises Fault, OSError(E2BIG)."""
    found: list[bytes] = []
    if not va:
        return found
    total = 0
    while pointer := process.mm.read_int(va + 8 * len(found)):
        try:
            found.append(process.mm.read_cstring(pointer, ARG_MAX))
        except OSError as failure:
            raise error(errno.E2BIG) if failure.errno == errno.ENAMETOOLONG else failure from None
        total += len(found[-1]) + 9
        if len(found) > _MAX_STRINGS or total > 6 << 20:
            raise error(errno.E2BIG)
    return found


def exit_group(kernel: KernelState, process: Process, status: int) -> None:
    """exit_group(2): end all threads of the process with the low 8 bits of `status`. It cannot fail."""
    exit_process(kernel, process, (status & 0xFF) << 8)


def _selector(process: Process, pid: int) -> Callable[[Process], bool]:
    if pid > 0:
        return lambda child: child.pid == pid
    if pid == -1:
        return lambda child: True
    group = process.pgid if pid == 0 else -pid
    return lambda child: child.pgid == group


def wait4(kernel: KernelState, process: Process, pid: int, status: int, options: int, usage: int) -> int:
    """wait4(2): wait for a child to end, and reap it, or to stop (WUNTRACED) or continue (WCONTINUED). Return its pid.

    With WNOHANG, return 0 if no child has anything to report.

    Errors: ECHILD, EFAULT, EINTR, EINVAL, ESRCH.
    """
    options &= 0xFFFFFFFF
    if options & ~(WNOHANG | WUNTRACED | WCONTINUED | _WAIT_LINUX):
        raise error(errno.EINVAL)
    if pid & 0xFFFFFFFF == 1 << 31:
        raise error(errno.ESRCH)
    found = _find_child(process, _selector(process, sext(pid, 32)), options | WEXITED)
    if found is None:
        if options & WNOHANG:
            return 0
        raise WouldBlock(process.child_ended)
    child, code, value = found
    take_report(kernel, process, child)
    if usage:
        process.mm.write(usage, rusage(child.counters.instructions, child))
    if status:
        words = {CLD_STOPPED: value << 8 | 0x7F, CLD_CONTINUED: 0xFFFF}
        process.mm.write_int(status, words.get(code, child.status), 4)
    return child.pid


def _find_child(
    process: Process, matches: Callable[[Process], bool], options: int
) -> tuple[Process, int, int] | None:
    return find_child(
        process,
        lambda child: matches(child) and _eligible(child, options),
        ended=bool(options & WEXITED),
        stopped=bool(options & WSTOPPED),
        continued=bool(options & WCONTINUED),
    )


def _eligible(child: Process, options: int) -> bool:
    """Whether a wait sees a child: __WCLONE asks for those that do not send SIGCHLD, __WALL for all."""
    return bool(options & WALL) or (child.exit_signal != Signal.SIGCHLD) == bool(options & WCLONE)


def waitid(
    kernel: KernelState, process: Process, kind: int, number: int, info: int, options: int, usage: int
) -> int:
    """waitid(2): wait for a child to end (WEXITED), stop (WSTOPPED) or continue (WCONTINUED), and store
    struct siginfo_t at `info`.

    WNOWAIT leaves the report to be waited for again.

    Errors: EAGAIN, EBADF, ECHILD, EFAULT, EINTR, EINVAL.
    """
    events = WEXITED | WSTOPPED | WCONTINUED
    options &= 0xFFFFFFFF
    if options & ~(events | WNOHANG | WNOWAIT | _WAIT_LINUX) or not options & events:
        raise error(errno.EINVAL)
    number = sext(number, 32)
    if kind == P_ALL:
        number = -1
    elif kind == P_PGID and number >= 0:
        number = -number
    elif kind == P_PIDFD:
        number = _pidfd_number(process, number, options)
    elif kind != P_PID or number <= 0:
        raise error(errno.EINVAL)
    try:
        found = _find_child(process, _selector(process, number), options)
    except OSError:  # ECHILD
        _write_wait_info(process, info, 0, 0, 0, 0, 0)
        raise
    if found is None:
        if not options & WNOHANG:
            raise WouldBlock(process.child_ended)
        _write_wait_info(process, info, 0, 0, 0, 0, 0)
        return 0
    child, code, value = found
    if not options & WNOWAIT:
        take_report(kernel, process, child)
    if usage:
        process.mm.write(usage, rusage(child.counters.instructions, child))
    _write_wait_info(process, info, Signal.SIGCHLD, code, child.pid, kernel.UID, value)
    return 0


def _pidfd_number(process: Process, fd: int, options: int) -> int:
    """The number of the process of a pidfd. Raises OSError: EAGAIN, EBADF, ECHILD, EINVAL."""
    from ..proc.signal_files import PidFile

    if fd < 0:
        raise error(errno.EINVAL)
    file = process.fds.get(fd)
    if not isinstance(file, PidFile):
        raise error(errno.EBADF)
    child = file.process
    if child not in process.children:
        raise error(errno.ECHILD)
    if file.flags & O_NONBLOCK and child.alive and not options & WNOHANG:
        raise error(errno.EAGAIN)
    return child.pid


def _write_wait_info(
    process: Process, va: int, signal: int, code: int, pid: int, uid: int, status: int
) -> None:
    """The fields of siginfo_t that waitid(2) sets; the others keep what they hold. Raises Fault."""
    if va:
        process.mm.write(va, struct.pack("<iii", signal, 0, code))
        process.mm.write(va + 16, struct.pack("<iii", pid, uid, status))


def rusage(instructions: int, process: Process) -> bytes:
    """struct rusage, 144 bytes: user time from instructions, minor and major faults."""
    seconds, micros = divmod(instructions // 1000, 10**6)
    counters = process.counters
    words = [
        seconds,
        micros,
        0,
        0,
        0,
        0,
        0,
        0,
        counters.page_faults - counters.major_faults,
        counters.major_faults,
    ]
    return struct.pack("<18q", *words, *[0] * 8)


def getpid(kernel: KernelState, process: Process) -> int:
    """getpid(2): the process's number, which is that of its first thread. It cannot fail."""
    return process.pid


def getppid(kernel: KernelState, process: Process) -> int:
    """getppid(2): the parent's number; 1 for an orphan. It cannot fail."""
    return process.ppid


def getuid(kernel: KernelState, process: Process) -> int:
    """getuid(2), geteuid(2), getgid(2), getegid(2): 1000, the only user and group.

    It cannot fail.
    """
    return kernel.UID


def set_tid_address(kernel: KernelState, process: Process, va: int) -> int:
    """set_tid_address(2): where to write 0 and wake a futex when the thread ends; its number.

    It cannot fail.
    """
    process.clear_child_tid = va
    return process.tid


def set_robust_list(kernel: KernelState, process: Process, head: int, size: int) -> int:
    """set_robust_list(2): the list of futexes that the thread holds, which its end releases.

    Errors: EINVAL (`size` is not 24).
    """
    if size != 24:
        raise error(errno.EINVAL)
    process.robust_list = head
    return 0


def _target(kernel: KernelState, process: Process, pid: int) -> Process:
    if not sext(pid, 32):
        return process.leader
    found = kernel.threads.get(sext(pid, 32))
    if found is None:
        raise error(errno.ESRCH)
    return found


def setpgid(kernel: KernelState, process: Process, pid: int, pgid: int) -> int:
    """setpgid(2): move the process or a child of it into a process group of its session.

    Errors: EACCES (a child that has run execve), EINVAL, EPERM (a session's leader, another session, no such
    group), ESRCH.
    """
    group = sext(pgid, 32) or sext(pid, 32) or process.pid
    if group < 0:
        raise error(errno.EINVAL)
    target = _target(kernel, process, pid)
    if target is not target.leader:
        raise error(errno.EINVAL)
    if target is not process.leader:
        if target not in process.children:
            raise error(errno.ESRCH)
        if target.sid != process.sid:
            raise error(errno.EPERM)
        if target.executed:
            raise error(errno.EACCES)
    if target.sid == target.pid:
        raise error(errno.EPERM)
    if group != target.pid and not any(
        other.pgid == group and other.sid == process.sid for other in kernel.processes.values()
    ):
        raise error(errno.EPERM)
    target.pgid = group
    return 0


def getpgid(kernel: KernelState, process: Process, pid: int) -> int:
    """getpgid(2): the process group of `pid`, 0 for the caller.

    Errors: ESRCH.
    """
    return _target(kernel, process, pid).pgid


def getsid(kernel: KernelState, process: Process, pid: int) -> int:
    """getsid(2): the session of `pid`, 0 for the caller.

    Errors: ESRCH.
    """
    return _target(kernel, process, pid).sid


def setsid(kernel: KernelState, process: Process) -> int:
    """setsid(2): create a session and a process group. Return the session number.

    Errors: EPERM (the caller leads a group, or a group has its number).
    """
    if any(other.pgid == process.pid for other in kernel.processes.values()):
        raise error(errno.EPERM)
    process.pgid = process.sid = process.pid
    return process.pid


PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE = 1, 2, 3, 4
PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP = 7, 8, 15, 16, 21
PR_GET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 27, 36, 37
PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK = 23, 24, 29, 30
PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE = 38, 39, 41, 42
_LAST_CAPABILITY = 40


def prctl(kernel: KernelState, process: Process, option: int, a: int, b: int, c: int, d: int) -> int:
    """prctl(2): settings of the process: its name, the signal at its parent's death, and what little else there is.

    Errors: EFAULT, EINVAL, EPERM (PR_CAPBSET_DROP).
    """
    group = process.thread_group
    option &= 0xFFFFFFFF
    if option == PR_SET_NAME:
        process.comm = os.fsdecode(process.mm.read(a, 16).split(b"\0")[0][:15])
    elif option == PR_GET_NAME:
        process.mm.write(a, os.fsencode(process.comm)[:15].ljust(16, b"\0"))
    elif option == PR_SET_PDEATHSIG and a <= MAX_SIGNAL:
        group.death_signal = a
    elif option == PR_GET_PDEATHSIG:
        process.mm.write_int(a, group.death_signal, 4)
    elif option == PR_SET_DUMPABLE and a in (0, 1):
        group.dumpable = a
    elif option == PR_GET_DUMPABLE:
        return group.dumpable
    elif option == PR_SET_KEEPCAPS and a in (0, 1):
        group.keep_capabilities = bool(a)
    elif option == PR_GET_KEEPCAPS:
        return int(group.keep_capabilities)
    elif option == PR_CAPBSET_READ and a <= _LAST_CAPABILITY:
        return 1
    elif option == PR_CAPBSET_DROP:
        raise error(errno.EPERM)
    elif option == PR_SET_TIMERSLACK:
        group.timer_slack = a or 50_000
    elif option == PR_GET_TIMERSLACK:
        return min(group.timer_slack, (1 << 31) - 1)
    elif option == PR_SET_NO_NEW_PRIVS and a == 1 and not b | c | d:
        group.no_new_privileges = True
    elif option == PR_GET_NO_NEW_PRIVS and not a | b | c | d:
        return int(group.no_new_privileges)
    elif option == PR_SET_THP_DISABLE and not b | c | d:
        process.mm.map.no_megapages = a != 0
    elif option == PR_GET_THP_DISABLE and not a | b | c | d:
        return process.mm.map.no_megapages
    elif option == PR_SET_CHILD_SUBREAPER:
        group.subreaper = bool(a)
    elif option == PR_GET_CHILD_SUBREAPER:
        process.mm.write_int(a, int(group.subreaper), 4)
    elif option not in (PR_GET_SECCOMP, PR_GET_SECUREBITS):
        raise error(errno.EINVAL)
    return 0
