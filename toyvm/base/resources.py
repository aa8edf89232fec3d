"""The package's data folders, its cache, and safe reading and writing of files."""

from __future__ import annotations

import errno
import gc
import marshal
import os
import stat
import sys
from mmap import PROT_READ, mmap

from .cache_folder import cache_path as cache_path
from .cache_folder import checksum
from .errors import ToyvmError, UsageError
from .light_types import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path  # slow to import: functions that return a Path import it themselves
    from typing import BinaryIO

T = TypeVar("T")
PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
INSTALLED = os.path.join(PACKAGE, "__pycache__", "made")
_RUNNING = PACKAGE + os.sep
START_FILE = "crt1"


def data_dir(name: str) -> Path:
    """The folder `asm` or `libs`: next to the package in a checkout, inside it in a wheel."""
    from pathlib import Path

    return Path(_data_path(name))


def _data_path(name: str) -> str:
    for base in (os.path.join(PACKAGE, "_data"), os.path.dirname(PACKAGE)):
        path = os.path.join(base, name)
        if os.path.isdir(path):
            return path
    raise ToyvmError(f"the package's data folder '{name}' is missing: reinstall toyvm")


def library_name(folder: str) -> str:
    """The name for `-l` of a folder of sources: "c" for libc, "imath" for imath."""
    return folder.removeprefix("lib")


def library_files() -> list[str]:
    """The names of the files of the built guest libraries, without building them."""
    base = _data_path("libs")
    folders = [name for name in sorted(os.listdir(base)) if os.path.isdir(os.path.join(base, name))]
    names = [
        library_name(name)
        for name in folders
        if any(file.endswith(".s") for file in os.listdir(os.path.join(base, name)))
    ]
    return [f"{START_FILE}.o", *(f"lib{name}{suffix}" for name in names for suffix in (".a", ".so"))]


def installed_path(*parts: str) -> str:
    """The path of `parts` in the folder that `toyvm cache fill` fills: beside the package's byte code.

    It belongs to the installation, as the byte code does, and has what the cache would have after a
    first run, except what comes from programs.
    """
    return os.path.join(INSTALLED, *parts)


def cache_dir() -> Path:
    """`cache_path()` as a Path."""
    from pathlib import Path

    return Path(cache_path())


def source_version(*names: str) -> bytes:
    """A version for cached data: Python's version, and the path, time and size of each source.

    `names` are folders of the package (`isa`), modules (`build.py`), or `libs`. They must include
    every module that takes part in making the data; `tests/test_house.py` checks this.
    """
    parts = [sys.version]
    for name in names:
        path = _data_path(name) if name == "libs" else os.path.join(PACKAGE, name)
        parts += [_state(path, os.stat(path))] if name.endswith(".py") else _folder_states(path)
    return "\n".join(parts).encode(errors="surrogateescape")


_read: dict[str, list[str]] = {}


def _folder_states(path: str) -> list[str]:
    """The state of each source below `path`. A folder of the running code is read once: its modules are loaded already."""
    if not path.startswith(_RUNNING):
        return sorted(_states(path))
    if path not in _read:
        _read[path] = sorted(_states(path))
    return _read[path]


def _states(path: str) -> Iterator[str]:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".s", ".inc", ".ll")):
                yield _state(entry.path, entry.stat())
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _states(entry.path)


def _state(path: str, status: os.stat_result) -> str:
    return f"{path} {status.st_mtime_ns} {status.st_size}"


def kept(name: str, version: bytes, make: Callable[[], T]) -> T:
    """Return data from the cache file `name`, or from the installation's.

    If neither has it, call `make` and try to store its result in the cache. The data is anything
    that `marshal` can write. A file of another version or a damaged file is replaced.
    """
    path = cache_path(name)
    data: T | None = _read_kept(path, version)
    if data is None:
        data = _read_kept(installed_path(name), version)
    if data is None:
        data = make()
        keep(path, version, data)
    return data


def _read_kept(path: str, version: bytes) -> Any:
    """The data in a cache file, or None if the file is missing, damaged or of another version."""
    try:
        with open(path, "rb") as stream:
            content = memoryview(mmap(stream.fileno(), 0, prot=PROT_READ))
    except (OSError, ValueError):  # ValueError: the file is empty
        return None
    prefix = version + b"\0"
    if content[: len(prefix)] != prefix:
        return None
    check, payload = content[len(prefix) : len(prefix) + 8], content[len(prefix) + 8 :]
    return marshal.loads(payload) if checksum(payload) == check else None


def marshalled(data: Any) -> bytes:
    """`data`, which is of types that marshal knows, as bytes. Raises MemoryError.

    CPython 3.11 to 3.13 says "unmarshallable object" where there is no memory for the table of shared objects.
    """
    try:
        return marshal.dumps(data)
    except ValueError:
        raise MemoryError from None


def keep(path: str, version: bytes, data: Any) -> None:
    """Try to store data in a file for `kept`."""
    try:
        store(path, version, data)
    except OSError:
        return  # on a full or read-only disk, the next start makes the data again


def store(path: str, version: bytes, data: Any) -> None:
    """Store data in a file for `kept`. Raises OSError."""
    payload = marshalled(data)
    write_atomically(path, version + b"\0" + checksum(payload) + payload)


def libraries_version() -> bytes:
    """The version of the guest libraries' sources and of the tools that build them."""
    return source_version(
        "libs",
        "base",
        "isa",
        "elf",
        "assembler",
        "linker",
        "relocations.py",
        "relocation_fields.py",
        "build.py",
    )


def libraries_name() -> str:
    """The name of the folder of the built guest libraries, which contains their version."""
    return f"libs-{checksum(libraries_version()).hex()}"


def libraries_path() -> str:
    """The folder of the built guest libraries: the installation's, or the cache's, which may not exist yet."""
    name = libraries_name()
    installed = installed_path(name)
    readable = os.access(installed, os.R_OK | os.X_OK)  # the installing user may have a mask of 0o077
    return installed if readable else cache_path(name)


def has_content(path: str) -> bool:
    """Whether a file is there that is not empty, as one may be after a power failure."""
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


MAX_STREAM = 256 << 20  # the most bytes read from a pipe or a device


def read_input(path: str | Path) -> bytes:
    """Read a file that the user, or a text, named.

    Raises OSError: EFBIG for a device or pipe of more than MAX_STREAM, ENOENT for a name that has
    a NUL.
    """
    if "\0" in str(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    with open(path, "rb") as stream:
        return stream.read() if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else read_stream(stream)


def read_stream(stream: BinaryIO) -> bytes:
    """Read a pipe or a device to its end. Raises OSError(EFBIG) after MAX_STREAM bytes."""
    data = stream.read(MAX_STREAM + 1)
    if len(data) > MAX_STREAM:
        raise OSError(errno.EFBIG, f"gives more than {MAX_STREAM >> 20} MiB", stream.name)
    return data


def require_other_file(output: str | Path, inputs: Iterable[str]) -> None:
    """Raise UsageError if a command would overwrite one of its inputs."""
    if os.path.isfile(output):
        for name in inputs:
            if os.path.exists(name) and os.path.samefile(name, output):
                raise UsageError(f"the input '{name}' and the output '{output}' are the same file")


def require_regular(path: str | Path) -> None:
    """Raise ToyvmError if something is at `path` that is not a regular file, or a symbolic link to one.

    For a file that is read at any place, which a pipe or a device does not allow, and for an output
    that takes the place of what is there: /dev/null would be an ordinary file from then on.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise ToyvmError(f"{os.fspath(path)}: not a regular file")


def write_atomically(path: str | Path, data: bytes, mode: int = 0o644) -> None:
    """Replace the file at `path` atomically; on failure, the old file remains.

    A device or a pipe is written to, not replaced. Raises OSError.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as stream:
            stream.write(data)
        return
    # As `tempfile.mkstemp` does, which imports many modules.
    temporary = os.path.join(
        os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid():x}{os.urandom(4).hex()}"
    )
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as failure:
        failure.filename = path  # the message names the output, not the temporary file
        raise
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, mode & ~umask())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def umask() -> int:
    """The process's mask of modes for new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


class NoCollection:
    """Disables the garbage collector in a `with` block.

    It takes a fifth of the time of a short command, and finds almost nothing. A caller in the same
    process may go on afterwards, so it is enabled again.
    """

    def __enter__(self) -> None:
        self._enabled = gc.isenabled()
        gc.disable()

    def __exit__(self, *exception: object) -> None:
        if self._enabled:
            gc.enable()
