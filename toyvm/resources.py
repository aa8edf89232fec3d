"""Where the package's data and its cache live: samples and guest library sources in, built libraries out."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .errors import ToyvmError

PACKAGE = Path(__file__).resolve().parent
START_FILE = "crt1"


def data_dir(name: str) -> Path:
    """The folder `asm` or `libs`: beside the package in a checkout, inside it in an installed wheel."""
    for candidate in (PACKAGE / "_data" / name, PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise ToyvmError(f"the package's data folder '{name}' is missing: reinstall toyvm")


def library_name(folder: Path) -> str:
    """The name after `-l` of a folder of sources: `libs/libc` is c, `libs/imath` is imath."""
    return folder.name.removeprefix("lib")


def library_files() -> list[str]:
    """The names of the files that the built guest libraries consist of, known without building them."""
    names = [library_name(folder) for folder in sorted(data_dir("libs").iterdir()) if any(folder.glob("*.s"))]
    return [f"{START_FILE}.o", *(f"lib{name}{suffix}" for name in names for suffix in (".a", ".so"))]


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/toyvm` (or `~/.cache/toyvm`), created; a temporary folder where neither can be written."""
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
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
