"""The interface between the loader and the process that it serves: memory, files, output, pid."""

from __future__ import annotations

from collections.abc import Hashable

from ..base.events import Event
from ..base.light_types import Protocol
from ..kernel.mm.address_space import AddressSpace
from ..kernel.mm.image_mapping import LoadedImage


class LibraryFile(Protocol):
    """An open file. Two paths to the same file give equal `identity` values."""

    @property
    def identity(self) -> Hashable: ...

    @property
    def size(self) -> int: ...

    def pread(self, offset: int, count: int) -> bytes: ...


class Guest(Protocol):
    """The process that the loader serves."""

    @property
    def pid(self) -> int: ...

    @property
    def now(self) -> int: ...

    @property
    def cwd(self) -> str: ...

    @property
    def memory(self) -> AddressSpace: ...

    def open(self, path: str) -> LibraryFile:
        """The regular file at `path` (relative to the current directory). Raises OSError."""

    def map_image(self, path: str, file: LibraryFile) -> LoadedImage:
        """Map the segments of a shared object. Raises NotExecutableError or OSError."""

    def map_stub(self, code: bytes) -> int:
        """Map the loader's stub page, readable and executable. All processes share its frame."""

    def write_stderr(self, data: bytes) -> None: ...

    def write_stdout(self, data: bytes) -> None: ...

    def append_file(self, path: str, data: bytes) -> None:
        """Append to a guest file, which is created if it does not exist. Raises OSError."""

    def set_register(self, name: str, value: int) -> None:
        """Set the initial value of a register, given by ABI name: tp, gp."""

    def wants(self, event_type: type[Event]) -> bool: ...

    def emit(self, event: Event) -> None: ...
