"""The texts of /proc about the whole system, and those about a process that few programs read (proc(5))."""

from __future__ import annotations

import os
import struct

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.isa.extensions import MACHINE

from ..limits import RLIM_INFINITY
from ..proc.process import State

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process
    from ..vfs.open_file import OpenFile

CLOCK_TICK = 10_000_000  # nanoseconds
VERSION = "Linux version 6.1.0 (toyvm@toyvm) (toyvm) #1 SMP toyvm\n"
_ISA = "rv64" + "".join(name if len(name) == 1 else f"_{name}" for name in MACHINE)
_FILESYSTEMS = ("sysfs", "tmpfs", "proc", "devtmpfs", "pipefs", "devpts")
_LIMITS = (
    ("Max cpu time", "seconds"), ("Max file size", "bytes"), ("Max data size", "bytes"), ("Max stack size", "bytes"),
    ("Max core file size", "bytes"), ("Max resident set", "bytes"), ("Max processes", "processes"),
    ("Max open files", "files"), ("Max locked memory", "bytes"), ("Max address space", "bytes"),
    ("Max file locks", "locks"), ("Max pending signals", "signals"), ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""), ("Max realtime priority", ""), ("Max realtime timeout", "us"),
)  # fmt: skip


def cpuinfo(kernel: KernelState) -> bytes:
    """/proc/cpuinfo: the harts, as riscv64 shows them."""
    mmu = "none" if kernel.flat_memory is not None else "sv39"
    found = []
    for number in range(kernel.limits.cpus):
        fields = (
            ("processor\t", number), ("hart\t\t", number), ("isa\t\t", _ISA),
            ("mmu\t\t", mmu), ("uarch\t\t", "toyvm"), ("mvendorid\t", "0x0"), ("marchid\t\t", "0x0"),
            ("mimpid\t\t", "0x0"),
        )  # fmt: skip
        found.append("".join(f"{name}: {value}\n" for name, value in fields) + "\n")
    return "".join(found).encode()


def stat(kernel: KernelState) -> bytes:
    """/proc/stat: time is spent by user programs or not at all."""
    stats = kernel.stats
    user = stats.instructions // CLOCK_TICK
    idle = max(0, kernel.now // CLOCK_TICK - user)
    times = f"{user} 0 0 {idle} 0 0 0 0 0 0"
    running = sum(process.state is State.RUNNABLE for process in kernel.processes.values())
    blocked = 0
    lines = [
        f"cpu  {times}",
        f"cpu0 {times}",
        *(f"cpu{number} 0 0 0 0 0 0 0 0 0 0" for number in range(1, kernel.limits.cpus)),
        "intr 0",
        f"ctxt {stats.context_switches}",
        f"btime {kernel.epoch // 10**9}",
        f"processes {stats.forks + 1}",
        f"procs_running {running}",
        f"procs_blocked {blocked}",
        "softirq 0 0 0 0 0 0 0 0 0 0 0",
    ]
    return ("\n".join(lines) + "\n").encode()


def loadavg(kernel: KernelState) -> bytes:
    """/proc/loadavg: no averages are kept; the processes that can run, all of them, and the last number given."""
    running = sum(process.state is State.RUNNABLE for process in kernel.processes.values())
    return f"0.00 0.00 0.00 {running}/{len(kernel.threads)} {max(kernel.threads, default=0)}\n".encode()


def uptime(kernel: KernelState) -> bytes:
    """/proc/uptime: seconds since the start, and those that the processor was idle."""
    idle = max(0, kernel.now - kernel.stats.instructions)
    return f"{kernel.now / 1e9:.2f} {idle / 1e9:.2f}\n".encode()


def filesystems(kernel: KernelState) -> bytes:
    """/proc/filesystems."""
    return "".join([*(f"nodev\t{name}\n" for name in _FILESYSTEMS), "\text4\n"]).encode()


def _mounts(kernel: KernelState) -> list[tuple[int, str, str, str, str]]:
    """(device number, source, place, type, options) of each file system."""
    found = [(0x801, "/dev/root", "/", "ext4", "ro,relatime")]
    for place, _ in kernel.vfs.host_folders:
        if place != "/":
            found.append((0x801, "/dev/root", place, "ext4", "rw,relatime"))
    memory = kernel.vfs.memfs.dev
    found += [
        (0x14, "proc", "/proc", "proc", "rw,relatime"),
        (0x17, "sysfs", "/sys", "sysfs", "rw,relatime"),
        (memory, "tmpfs", "/tmp", "tmpfs", "rw,relatime"),
        (memory, "tmpfs", "/dev", "tmpfs", "rw,relatime"),
        (memory, "tmpfs", "/dev/shm", "tmpfs", "rw,relatime"),
    ]
    return found


def mounts(kernel: KernelState) -> bytes:
    """/proc/PID/mounts."""
    lines = (
        f"{source} {place} {kind} {options} 0 0\n" for _, source, place, kind, options in _mounts(kernel)
    )
    return os.fsencode("".join(lines))


def mountinfo(kernel: KernelState) -> bytes:
    """/proc/PID/mountinfo."""
    lines = []
    for number, (device, source, place, kind, options) in enumerate(_mounts(kernel), 21):
        parent = 1 if place == "/" else 21
        where = f"{device >> 8}:{device & 0xFF}"
        lines.append(f"{number} {parent} {where} / {place} {options} - {kind} {source} {options[:2]}\n")
    return os.fsencode("".join(lines))


def limits(process: Process) -> bytes:
    """/proc/PID/limits."""
    lines = [f"{'Limit':<25} {'Soft Limit':<20} {'Hard Limit':<20} {'Units':<10}\n"]
    for number, (name, unit) in enumerate(_LIMITS):
        both = process.rlimits.get(number), process.rlimits.get_hard(number)
        soft, hard = ("unlimited" if limit == RLIM_INFINITY else str(limit) for limit in both)
        lines.append(f"{name:<25} {soft:<20} {hard:<20} {unit:<10}\n")
    return "".join(lines).encode()


def auxv(process: Process) -> bytes:
    """/proc/PID/auxv: as it stands on the stack, above the environment's pointers."""
    mm = process.mm
    try:
        at = mm.map.arg_range[0]
        found = _vector_below(process, at)
    except OSError:  # the process has unmapped its stack
        return b""
    return found


def _vector_below(process: Process, strings: int) -> bytes:
    """The auxiliary vector of a process whose argument strings begin at `strings`: it ends by AT_NULL, below them.

    Its place is found from the first string's pointer, which is argv[0].
    """
    mm = process.mm
    for offset in range(8, 1 << 17, 8):
        at = (strings & ~7) - offset
        if mm.read_int(at) == strings:  # argv[0]
            words = iter(range(at, at + (1 << 17), 8))
            for _ in range(2):  # argv, then envp, each ended by NULL
                for va in words:
                    if not mm.read_int(va):
                        break
            vector = b""
            for va in words:
                pair = mm.read(va, 16)
                vector += pair
                next(words)
                if not struct.unpack("<Q", pair[:8])[0]:
                    return vector
            return vector
    return b""


def io(process: Process) -> bytes:
    """/proc/PID/io: transfers are not counted."""
    names = ("rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes")
    return "".join(f"{name}: 0\n" for name in names).encode()


def fdinfo(file: OpenFile, cloexec: bool) -> bytes:
    """/proc/PID/fdinfo/FD."""
    flags = file.flags | 0o100000 | (0o2000000 if cloexec else 0)
    return f"pos:\t{file.position}\nflags:\t0{flags:o}\nmnt_id:\t21\nino:\t{file.stat().ino}\n{file.fdinfo()}".encode()
