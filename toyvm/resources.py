"""Where the package's data and its cache live: samples and guest library sources in, built libraries out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .errors import ToyvmError

if TYPE_CHECKING:
    from pathlib import Path  # half the cost of a short run: functions that return one import it themselves

PACKAGE = os.path.dirname(os.path.realpath(__file__))
START_FILE = "crt1"


def data_dir(name: str) -> Path:
    """The folder `asm` or `libs`: beside the package in a checkout, inside it in an installed wheel."""
    from pathlib import Path

    return Path(_data_path(name))


def _data_path(name: str) -> str:
    for base in (os.path.join(PACKAGE, "_data"), os.path.dirname(PACKAGE)):
        path = os.path.join(base, name)
        if os.path.isdir(path):
            return path
    raise ToyvmError(f"the package's data folder '{name}' is missing: reinstall toyvm")


def library_name(folder: str) -> str:
    """The name after `-l` of a folder of sources: `libc` is c, `imath` is imath."""
    return folder.removeprefix("lib")


def library_files() -> list[str]:
    """The names of the files that the built guest libraries consist of, known without building them."""
    base = _data_path("libs")
    folders = [name for name in sorted(os.listdir(base)) if os.path.isdir(os.path.join(base, name))]
    names = [
        library_name(name)
        for name in folders
        if any(file.endswith(".s") for file in os.listdir(os.path.join(base, name)))
    ]
    return [f"{START_FILE}.o", *(f"lib{name}{suffix}" for name in names for suffix in (".a", ".so"))]


def cache_path(*parts: str) -> str:
    """The path of `parts` below `$XDG_CACHE_HOME/toyvm` (or `~/.cache/toyvm`), which is made if need be.

    Where that cannot be written, a temporary folder of this user stands in for it.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(base, "toyvm")
    try:
        os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            return os.path.join(folder, *parts)
    except OSError:
        pass  # a home that cannot be written: fall through to the temporary folder
    import tempfile

    folder = os.path.join(tempfile.gettempdir(), f"toyvm-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if os.stat(folder).st_uid != os.getuid():
        raise ToyvmError(f"{folder}: belongs to somebody else; set XDG_CACHE_HOME to a folder of yours")
    return os.path.join(folder, *parts)


def cache_dir() -> Path:
    """`cache_path()` as a Path."""
    from pathlib import Path

    return Path(cache_path())


def write_atomically(path: str | Path, data: bytes, mode: int = 0o644) -> None:
    """Write `data` to `path` so that no reader ever sees half of it, and a failure leaves what was there."""
    import tempfile  # it brings half the standard library with it

    descriptor, temporary = tempfile.mkstemp(
        dir=os.path.dirname(path) or ".", prefix=f".{os.path.basename(path)}."
    )
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, mode & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
