"""Kernels for tests: one with a bare process whose system calls the test makes itself, one that runs assembled programs."""

from __future__ import annotations

import io
import struct
from functools import cache

from toyvm.assembler import AssemblerOptions, assemble_text
from toyvm.base.bits import M64, sext
from toyvm.base.events import Bus
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.limits import Rlimits
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.proc.fd_table import FdTable
from toyvm.kernel.proc.process import Process, State
from toyvm.kernel.syscalls.table import SYSTEM_CALLS
from toyvm.kernel.trap_handling import serve
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.machine.hart import Hart
from toyvm.run_options import Limits

PAGE = 4096
AT_FDCWD = -100 & M64
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
RW = PROT_READ | PROT_WRITE
MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS = 1, 2, 0x10, 0x20


def number_of(name: str) -> int:
    """The number of a system call, from the table itself."""
    return next(number for number, row in SYSTEM_CALLS.items() if row[0] == name)


class Guest:
    """A kernel without an engine and one process with `scratch`, 64 KiB of mapped memory."""

    def __init__(self, memory: int = 4 << 20, vfs: Vfs | None = None, limits: Limits | None = None):
        self.out, self.err = io.BytesIO(), io.BytesIO()
        self.bus = Bus()
        self.kernel = Kernel(memory, None, vfs, self.bus, limits=limits, stdout=self.out, stderr=self.err)
        mm = AddressSpace(self.kernel.system, Rlimits())
        self.process = Process(
            self.kernel.take_pid(), mm, Hart(mm.mmu), FdTable(count=self.kernel.files), mm.rlimits
        )
        mm.set_brk_start(0x100000)
        self.kernel.first = self.process
        self.kernel.adopt(self.process)
        self.kernel._open_streams(self.process)
        self.scratch = mm.mmap(0, 1 << 16, RW)

    @property
    def mm(self) -> AddressSpace:
        return self.process.mm

    def call(self, name: str | int, *args: int, process: Process | None = None) -> int | None:
        """a0 of a system call as a signed number; None when the process went to sleep in it."""
        process = process or self.process
        x = process.hart.x
        x[10:16] = [a & M64 for a in (*args, 0, 0, 0, 0, 0, 0)[:6]]
        x[17] = (number_of(name) if isinstance(name, str) else name) & M64
        serve(self.kernel, process)
        return None if process.state is State.BLOCKED else sext(x[10], 64)

    def again(self, process: Process | None = None) -> int | None:
        """Let a process that was woken make its call again."""
        process = process or self.process
        serve(self.kernel, process)
        return None if process.state is State.BLOCKED else sext(process.hart.x[10], 64)

    def text(self, string: str | bytes, offset: int = 0) -> int:
        """Put a C string into scratch memory; its address."""
        data = string if isinstance(string, bytes) else string.encode()
        self.mm.write(self.scratch + offset, data + b"\0")
        return self.scratch + offset

    def open(self, path: str, flags: int = 0, mode: int = 0o644) -> int:
        result = self.call("openat", AT_FDCWD, self.text(path), flags, mode)
        assert result is not None
        return result

    def read(self, fd: int, count: int = 4096) -> bytes:
        got = self.call("read", fd, self.scratch + 0x8000, count)
        assert got is not None and got >= 0, got
        return self.mm.read(self.scratch + 0x8000, got)

    def write(self, fd: int, data: bytes) -> int | None:
        self.mm.write(self.scratch + 0x4000, data)
        return self.call("write", fd, self.scratch + 0x4000, len(data))

    def word(self, offset: int = 0) -> int:
        return self.mm.read_int(self.scratch + offset, 4)

    def fork(self) -> Process:
        pid = self.call("clone", 17)
        assert pid is not None and pid > 0, pid
        return self.kernel.processes[pid]

    def timespec(self, seconds: int, nanos: int = 0, offset: int = 0) -> int:
        self.mm.write(self.scratch + offset, struct.pack("<qq", seconds, nanos))
        return self.scratch + offset


@cache
def build(source: str) -> bytes:
    """A static executable from assembly text; `sys NUMBER` loads a7 and traps."""
    macro = ".macro sys number\n li a7, \\number\n ecall\n.endm\n.globl _start\n"
    assembled = assemble_text(
        macro + source + "\n.section .rodata\n.dword _start\n", "test.s", AssemblerOptions()
    )
    return link([Input(object=assembled)], LinkOptions(static=True)).image


class Run:
    """An assembled program run to its end: status, outputs, the kernel afterwards."""

    def __init__(
        self,
        source: str,
        *,
        memory: int = 8 << 20,
        limits: Limits | None = None,
        vfs: Vfs | None = None,
        stdin: bytes = b"",
        argv: list[str] | None = None,
        bus: Bus | None = None,
    ):
        vfs = vfs or Vfs.sandbox(None)
        vfs.add_file("/bin/test", build(source))
        self.out, self.err = io.BytesIO(), io.BytesIO()
        self.kernel = Kernel(
            memory,
            ReferenceEngine,
            vfs,
            bus,
            limits=limits or Limits(max_instructions=20_000_000),
            stdin=io.BytesIO(stdin),
            stdout=self.out,
            stderr=self.err,
        )
        self.process = self.kernel.spawn("/bin/test", argv or ["test"], {"HOME": "/tmp"})
        self.status = self.kernel.run()
        self.stdout = self.out.getvalue().decode(errors="replace")
        self.stderr = self.err.getvalue().decode()

    def frames_left(self) -> int:
        """Frames in use once the page cache has been emptied: 0 unless something leaked."""
        self.kernel.system.cache.drop()
        return self.kernel.frames.used
