"""/proc: processes as files. The text of a file is generated when the file is opened.

The generators are imported at that time too, because many programs only read /proc/self/exe.
"""

from __future__ import annotations

import errno
import os
import stat as st
from collections.abc import Callable
from functools import partial

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.mm.overcommit import ALWAYS, GUESS, NEVER
from toyvm.kernel.mm.vma import MACHINE_MAP_COUNT

from ..nodes import PROC_IDENTITY, DirNode, Node, Stat, SymlinkNode
from ..open_file import DeviceNode, MagicLink, OpenFile
from .settings import Command, Setting, SettingFile
from .text_file import TextFile

if TYPE_CHECKING:
    from types import ModuleType

    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

_DEVICE = PROC_IDENTITY[0]


class Text(DeviceNode):
    """A read-only file whose contents are the result of `make()`."""

    def __init__(self, ino: int, make: Callable[[], bytes], device: int = _DEVICE):
        self.identity = (device, ino)
        self._make = make

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFREG | 0o444)

    def open(self, flags: int, path: str) -> OpenFile:
        if flags & 3:
            raise error(errno.EACCES)
        return TextFile(flags, path, self._make(), self.stat())


class _Link(SymlinkNode):
    def __init__(self, ino: int, target: Callable[[], str], *, magic: bool = False):
        self.identity = (_DEVICE, ino)
        self.magic = magic
        self._target = target

    def readlink(self) -> str:
        return self._target()

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFLNK | 0o777)


class Directory(DirNode):
    """A read-only directory whose entries are created on lookup."""

    no_change = errno.EACCES

    def __init__(self, ino: int, entries: Callable[[], dict[str, Callable[[], Node]]], device: int = _DEVICE):
        self.identity = (device, ino)
        self._entries = entries
        self.no_new_name = errno.ENOENT if device == _DEVICE else errno.EACCES

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFDIR | 0o555, 2)

    def lookup(self, name: str) -> Node:
        make = self._entries().get(name)
        if make is None:
            raise error(errno.ENOENT)
        return make()

    def names(self) -> list[str]:
        return sorted(self._entries())


def _texts() -> ModuleType:
    from toyvm.kernel.accounts import proc_text

    return proc_text


def _system() -> ModuleType:
    from toyvm.kernel.accounts import system_text

    return system_text


def _pagemap(process: Process, ino: int) -> Node:
    from .page_words import USER_PAGES, PageWords, pagemap

    return PageWords((_DEVICE, ino), lambda first, number: pagemap(process.mm, first, number), USER_PAGES)


def _frame_words(kernel: KernelState, name: str, ino: int) -> Node:
    """/proc/kpagecount or /proc/kpageflags."""
    from .page_words import PageWords, kpagecount, kpageflags

    words = kpagecount if name == "kpagecount" else kpageflags
    return PageWords((_DEVICE, ino), partial(words, kernel.system), kernel.frames.count)


def _oom_score(kernel: KernelState, process: Process) -> bytes:
    from toyvm.kernel.proc.oom_killer import score

    return f"{score(kernel, process)}\n".encode()


def _fd_text(process: Process, fd: int) -> bytes:
    text: bytes = _system().fdinfo(process.fds.get(fd), process.fds.cloexec(fd))
    return text


class CommFile(Text):
    """/proc/PID/comm: the name of a process, which can be written."""

    def __init__(self, ino: int, process: Process):
        super().__init__(ino, lambda: os.fsencode(process.comm) + b"\n")
        self._process = process

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFREG | 0o644)

    def open(self, flags: int, path: str) -> OpenFile:
        return SettingFile(flags, path, self._make(), self.stat(), self._store)

    def _store(self, name: bytes) -> None:
        self._process.comm = os.fsdecode(name[:15])


def _process_entries(kernel: KernelState, process: Process) -> dict[str, Callable[[], Node]]:
    base = process.tid << 8

    def text(number: int, make: Callable[[], bytes]) -> Callable[[], Node]:
        return lambda: Text(base + number, make)

    def link(number: int, target: Callable[[], str]) -> Callable[[], Node]:
        return lambda: _Link(base + number, target, magic=True)

    def adjust(value: int) -> None:
        if value > 1000:
            raise error(errno.EINVAL)
        process.oom_score_adj = value

    def clear_refs(value: int) -> None:
        from toyvm.kernel.mm.advice import clear_references

        clear_references(process.mm, value)

    def fdinfo() -> dict[str, Callable[[], Node]]:
        return {str(fd): text(64 + fd, partial(_fd_text, process, fd)) for fd in process.fds}

    def thread(member: Process) -> Callable[[], Node]:
        return lambda: Directory((member.tid << 8) + 20, lambda: _process_entries(kernel, member))

    def threads() -> dict[str, Callable[[], Node]]:
        members = process.thread_group.members or {process.tid: process}
        return {str(tid): thread(member) for tid, member in sorted(members.items())}

    def descriptors() -> dict[str, Callable[[], Node]]:
        return {
            str(fd): partial(MagicLink, (_DEVICE, base + 32 + fd), process.fds.get(fd)) for fd in process.fds
        }

    return {
        "maps": text(1, lambda: _texts().maps(process.mm)),
        "smaps": text(2, lambda: _texts().smaps(process.mm)),
        "smaps_rollup": text(3, lambda: _texts().smaps_rollup(process.mm)),
        "status": text(4, lambda: _texts().status(process, kernel.limits.cpus)),
        "stat": text(5, lambda: _texts().stat(process)),
        "statm": text(6, lambda: _texts().statm(process)),
        "cmdline": text(7, lambda: _texts().strings(process.mm, process.mm.map.arg_range)),
        "environ": text(8, lambda: _texts().strings(process.mm, process.mm.map.env_range)),
        "comm": lambda: CommFile(base + 9, process),
        "cgroup": text(18, lambda: f"0::/{process.group.number if process.group else ''}\n".encode()),
        "clear_refs": lambda: Command((_DEVICE, base + 19), clear_refs),
        "pagemap": lambda: _pagemap(process, base + 10),
        "exe": link(11, lambda: process.exe),
        "cwd": link(12, lambda: process.cwd),
        "root": link(13, lambda: "/"),
        "fd": lambda: Directory(base + 14, descriptors),
        "limits": text(22, lambda: _system().limits(process)),
        "auxv": text(23, lambda: _system().auxv(process)),
        "io": text(24, lambda: _system().io(process)),
        "mounts": text(25, lambda: _system().mounts(kernel)),
        "mountinfo": text(26, lambda: _system().mountinfo(kernel)),
        "fdinfo": lambda: Directory(base + 27, fdinfo),
        "loginuid": text(28, lambda: b"4294967295"),
        "wchan": text(29, lambda: b"0"),
        "oom_adj": text(30, lambda: f"{process.oom_score_adj * 17 // 1000}\n".encode()),
        "task": lambda: Directory(base + 21, threads),
        "oom_score": text(15, lambda: _oom_score(kernel, process)),
        "oom_score_adj": lambda: Setting(
            (_DEVICE, base + 16), lambda: process.oom_score_adj, adjust, least=-1000
        ),
    }


def proc_directory(kernel: KernelState) -> DirNode:
    """The root directory of /proc for `kernel`."""

    def itself() -> str:
        return str(kernel.current.pid) if kernel.current is not None else "1"

    def thread_itself() -> str:
        thread = kernel.current
        return f"{thread.pid}/task/{thread.tid}" if thread is not None else "1/task/1"

    def directory(process: Process) -> Callable[[], Node]:
        return lambda: Directory(process.pid << 8, lambda: _process_entries(kernel, process))

    def top() -> dict[str, Callable[[], Node]]:
        entries: dict[str, Callable[[], Node]] = {
            str(pid): directory(process) for pid, process in kernel.processes.items()
        }
        entries["self"] = lambda: _Link(2, itself)
        entries["thread-self"] = lambda: _Link(33, thread_itself)
        entries["meminfo"] = lambda: Text(3, lambda: _texts().meminfo(kernel))
        entries["sysvipc"] = lambda: Directory(5, lambda: {"shm": lambda: Text(6, kernel.segments.text)})
        entries["sys"] = lambda: Directory(
            7,
            lambda: {
                "vm": lambda: Directory(8, lambda: _vm(kernel)),
                "kernel": lambda: Directory(34, lambda: _kernel_settings(kernel)),
                "fs": lambda: Directory(35, lambda: _fs_settings(kernel)),
            },
        )
        entries["swaps"] = lambda: Text(11, lambda: _texts().swaps(kernel))
        entries["vmstat"] = lambda: Text(12, lambda: _texts().vmstat(kernel))
        for ino, name in enumerate(("kpagecount", "kpageflags"), 13):
            entries[name] = partial(_frame_words, kernel, name, ino)
        for ino, name in enumerate(_SYSTEM_TEXTS, 15):
            entries[name] = partial(_system_text, kernel, name, ino)
        entries["uptime"] = partial(_system_text, kernel, "uptime", 4)
        entries["version"] = lambda: Text(30, lambda: _system().VERSION.encode())
        entries["cmdline"] = lambda: Text(31, lambda: b"toyvm\n")
        entries["net"] = lambda: Directory(40, lambda: _net(kernel))
        entries["mounts"] = lambda: _Link(32, lambda: "self/mounts")
        return entries

    return Directory(1, top)


def _net(kernel: KernelState) -> dict[str, Callable[[], Node]]:
    """The files of /proc/net."""

    def text(name: str, ino: int) -> Callable[[], Node]:
        def make() -> bytes:
            from toyvm.kernel.accounts import socket_text

            return socket_text.text(kernel, name)

        return lambda: Text(ino, make)

    return {name: text(name, ino) for ino, name in enumerate(("unix", "tcp", "tcp6", "udp", "udp6"), 41)}


_SYSTEM_TEXTS = ("cpuinfo", "stat", "loadavg", "filesystems")


def _system_text(kernel: KernelState, name: str, ino: int) -> Node:
    return Text(ino, lambda: bytes(getattr(_system(), name)(kernel)))


def _constants(first: int, texts: dict[str, str]) -> dict[str, Callable[[], Node]]:
    """Read-only settings."""

    def text(ino: int, value: str) -> Callable[[], Node]:
        return lambda: Text(ino, lambda: f"{value}\n".encode())

    return {name: text(ino, value) for ino, (name, value) in enumerate(texts.items(), first)}


def _kernel_settings(kernel: KernelState) -> dict[str, Callable[[], Node]]:
    """/proc/sys/kernel."""
    boot = f"00000000-0000-4000-8000-{kernel.limits.seed & (1 << 48) - 1:012x}"
    entries = _constants(
        40,
        {
            "ostype": "Linux", "osrelease": "6.1.0", "version": "#1 SMP toyvm", "hostname": "toyvm",
            "domainname": "(none)", "pid_max": "4194304", "threads-max": str(kernel.limits.processes),
            "ngroups_max": "65536", "cap_last_cap": "40", "randomize_va_space": "0", "core_pattern": "core",
            "overflowuid": "65534", "overflowgid": "65534", "shmmax": "18446744073692774399", "shmmni": "4096",
            "sched_rr_timeslice_ms": "100", "perf_event_paranoid": "2", "tainted": "0",
        },
    )  # fmt: skip
    entries["random"] = lambda: Directory(
        36, lambda: _constants(70, {"boot_id": boot, "entropy_avail": "256", "poolsize": "256"})
    )
    return entries


def _fs_settings(kernel: KernelState) -> dict[str, Callable[[], Node]]:
    """/proc/sys/fs."""
    files = kernel.files
    texts = {
        "file-max": str(files.most),
        "nr_open": "1048576",
        "pipe-max-size": "1048576",
        "lease-break-time": "45",
        "leases-enable": "1",
        "dir-notify-enable": "1",
    }
    entries = _constants(80, texts)
    # The text is made before the file that shows it is counted.
    entries["file-nr"] = lambda: Text(86, lambda: f"{files.used + 1}\t0\t{files.most}\n".encode())
    return entries


def _vm(kernel: KernelState) -> dict[str, Callable[[], Node]]:
    """/proc/sys/vm."""
    system, commit = kernel.system, kernel.system.commit

    def set_mode(value: int) -> None:
        if value not in (GUESS, ALWAYS, NEVER):
            raise error(errno.EINVAL)
        commit.mode = value

    def set_ratio(value: int) -> None:
        commit.ratio = value

    def set_areas(value: int) -> None:
        if value > MACHINE_MAP_COUNT:
            raise error(errno.EINVAL)
        system.max_map_count = value

    return {
        "max_map_count": lambda: Setting((_DEVICE, 15), lambda: system.max_map_count, set_areas),
        "overcommit_memory": lambda: Setting((_DEVICE, 9), lambda: commit.mode, set_mode),
        "overcommit_ratio": lambda: Setting((_DEVICE, 10), lambda: commit.ratio, set_ratio),
    }
