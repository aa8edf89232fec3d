"""A process without an engine: a real address space and file system, for the loader to work on."""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping, Sequence

from toyvm.base.errors import error
from toyvm.base.events import Bus, Event
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.image_mapping import LoadedImage, map_image
from toyvm.kernel.mm.memory_system import MemorySystem
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.kernel.vfs.nodes import FileNode
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.loader.loader_state import LoaderState
from toyvm.loader.objects.link_map import LinkMap
from toyvm.loader.session import Session
from toyvm.loader.startup import start
from toyvm.machine.physical_memory import PhysicalMemory


class PaperGuest:
    """Fits `toyvm.loader.guest_process.Guest`. What the loader prints is in `stdout` and `stderr`, its events in `events`."""

    pid = 20536
    now = 0
    cwd = "/"

    def __init__(self, files: Mapping[str, bytes], memory_bytes: int = 16 << 20) -> None:
        self.system = MemorySystem(PhysicalMemory(memory_bytes), None, Bus(), lambda: 0)
        self.memory = AddressSpace(self.system)
        self.vfs = Vfs()
        for path, data in files.items():
            self.vfs.add_file(path, data)
        self.stdout = self.stderr = b""
        self.appended: dict[str, bytes] = {}
        self.registers: dict[str, int] = {}
        self.events: list[Event] = []

    def open(self, path: str) -> FileNode:
        node = self.vfs.node(path, self.cwd)
        if not isinstance(node, FileNode):
            raise error(errno.EISDIR)
        return node

    def map_image(self, path: str, file: FileNode) -> LoadedImage:
        return map_image(self.memory, file, path, library=True)

    def map_stub(self, code: bytes) -> int:
        file = MemFile(self.vfs.memfs, 0o555, code, read_only=True)
        return self.memory.mmap(0, 4096, 5, file=file, name="[ld.so]")

    def write_stderr(self, data: bytes) -> None:
        self.stderr += data

    def write_stdout(self, data: bytes) -> None:
        self.stdout += data

    def append_file(self, path: str, data: bytes) -> None:
        self.appended[path] = self.appended.get(path, b"") + data

    def set_register(self, name: str, value: int) -> None:
        self.registers[name] = value

    def wants(self, event_type: type[Event]) -> bool:
        return True

    def emit(self, event: Event) -> None:
        self.events.append(event)


class Loaded:
    """A program loaded into a PaperGuest, ready to be asked."""

    def __init__(
        self, files: Mapping[str, bytes], program: str = "/bin/prog", env: Sequence[str] = ()
    ) -> None:
        self.guest = PaperGuest(files)
        image = map_image(self.guest.memory, self.guest.open(program), program)
        self.session: Session
        self.session, self.pc = start(self.guest, image, [program], env)

    @property
    def state(self) -> LoaderState:
        """What the loader remembers of the process."""
        return self.session.state

    def object(self, name: str) -> LinkMap:
        """The object whose path ends with `name` ("" = the program)."""
        objects = self.state.namespace.objects
        return objects[0] if not name else next(obj for obj in objects if obj.name.endswith(name))

    def address(self, name: str, symbol: str) -> int:
        """Where object `name` defines `symbol`."""
        obj = self.object(name)
        found = next(s for _, s in obj.symbols.find(symbol.encode()) if s.shndx)
        return obj.bias + found.value

    def word(self, va: int) -> int:
        """The 64-bit word at `va`."""
        value: int = struct.unpack("<Q", self.guest.memory.read(va, 8))[0]
        return value

    def names(self) -> list[str]:
        """The libraries in load order."""
        return [obj.name for obj in self.state.namespace.objects[1:]]
