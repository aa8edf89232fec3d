"""What the loader needs to know of the process it works for, apart from its memory: files, standard error, its number."""

from __future__ import annotations

from collections.abc import Hashable

from ..base.events import Event
from ..base.light_types import Protocol
from ..kernel.mm.address_space import AddressSpace
from ..kernel.mm.image_mapping import LoadedImage


class LibraryFile(Protocol):
    """An open file. `identity` is equal for two paths that lead to one file."""

    @property
    def identity(self) -> Hashable: ...

    @property
    def size(self) -> int: ...

    def pread(self, offset: int, count: int) -> bytes: ...


class Guest(Protocol):
    """One process, as the loader sees it."""

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
        """Map the loader's own page, readable and executable; one frame for all processes."""

    def write_stderr(self, data: bytes) -> None: ...

    def write_stdout(self, data: bytes) -> None: ...

    def append_file(self, path: str, data: bytes) -> None:
        """Append to a file of the sandbox, making it where it is missing. Raises OSError."""

    def set_register(self, name: str, value: int) -> None:
        """Set a register, by its ABI name, that the loader hands over to the program: tp, gp."""

    def wants(self, event_type: type[Event]) -> bool: ...

    def emit(self, event: Event) -> None: ...
