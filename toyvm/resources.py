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


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/toyvm` (or `~/.cache/toyvm`), created; a temporary folder where neither can be written."""
    from pathlib import Path

    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "toyvm"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # a home that cannot be written: fall through to the temporary folder
    import tempfile

    folder = Path(tempfile.gettempdir()) / f"toyvm-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise ToyvmError(f"{folder}: belongs to somebody else; set XDG_CACHE_HOME to a folder of yours")
    return folder


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write `data` to `path` so that no reader ever sees half of it, and a failure leaves what was there."""
    import tempfile  # it brings half the standard library with it

    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
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
