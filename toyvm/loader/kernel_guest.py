"""`guest_process.Guest` for a process of a running kernel."""

from __future__ import annotations

import errno

from toyvm.base.errors import error

from ..base.events import Event
from ..isa.registers import X_NAMES
from ..kernel.mm.address_space import AddressSpace
from ..kernel.mm.image_mapping import LoadedImage
from ..kernel.mm.vma import PROT_EXEC, PROT_READ
from ..kernel.proc.kernel_state import KernelState
from ..kernel.proc.process import Process
from ..kernel.vfs.nodes import FileNode
from ..kernel.vfs.open_file import O_APPEND, O_CREAT, O_WRONLY, WouldBlock
from ..machine.physical_memory import PAGE_SIZE
from . import stub
from .guest_process import LibraryFile

_STDOUT, _STDERR = 1, 2


class KernelGuest:
    """A process of a kernel."""

    def __init__(self, kernel: KernelState, process: Process, stub_file: FileNode) -> None:
        self.kernel = kernel
        self.process = process
        self._stub_file = stub_file

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def now(self) -> int:
        return self.kernel.now

    @property
    def cwd(self) -> str:
        return self.process.cwd

    @property
    def memory(self) -> AddressSpace:
        return self.process.mm

    def open(self, path: str) -> FileNode:
        """The regular file at `path`. Raises OSError."""
        node = self.kernel.vfs.node(path, self.process.cwd)
        if not isinstance(node, FileNode):
            raise error(errno.EISDIR)
        return node

    def map_image(self, path: str, file: LibraryFile) -> LoadedImage:
        """Map a shared object. Raises NotExecutableError, OSError."""
        assert isinstance(file, FileNode)
        return self.kernel.map_image(self.process, path, file=file)

    def map_stub(self, code: bytes) -> int:
        """Map the stub page. All processes share its frame in the page cache."""
        assert self._stub_file.size == len(code)
        return self.memory.mmap(0, PAGE_SIZE, PROT_READ | PROT_EXEC, file=self._stub_file, name=stub.NAME)

    def write_stdout(self, data: bytes) -> None:
        self._write(_STDOUT, data)

    def write_stderr(self, data: bytes) -> None:
        self._write(_STDERR, data)

    def _write(self, fd: int, data: bytes) -> None:
        """Write as much as possible without blocking, and ignore errors: the loader cannot wait."""
        try:
            file = self.process.fds.get(fd)
            while data:
                data = data[file.write(data) :]
        except (OSError, WouldBlock):
            return

    def append_file(self, path: str, data: bytes) -> None:
        """Append to a guest file. Raises OSError."""
        cache = self.kernel.system.cache
        file = self.kernel.vfs.open(path, O_WRONLY | O_CREAT | O_APPEND, 0o644, cache, self.process.cwd)
        file.users += 1
        try:
            file.write(data)
        finally:
            file.users -= 1
            file.released()

    def set_register(self, name: str, value: int) -> None:
        """Set a register of the process by its ABI name."""
        self.process.hart.x[X_NAMES.index(name)] = value

    def wants(self, event_type: type[Event]) -> bool:
        return self.kernel.bus.wants(event_type)

    def emit(self, event: Event) -> None:
        self.kernel.bus.emit(event)
