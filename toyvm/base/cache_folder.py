"""The user's cache folder, and the check of what is in it. Every start imports this module before it has the kept code of others."""

from __future__ import annotations

import os
import stat
from importlib.util import source_hash


def cache_path(*parts: str) -> str:
    """The path of `parts` in the cache folder `$XDG_CACHE_HOME/toyvm` or `~/.cache/toyvm`.

    The cache folder is made if necessary. It holds code that runs on the host; if it is not
    writable, or another user can write there, the path is in a temporary folder of this user. A relative
    `$XDG_CACHE_HOME` does not count, as its specification says: the cache is never in the current folder.
    Raises ToyvmError if another user can write to that folder too.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(base, "toyvm")
    try:
        if os.path.isabs(base):  # a user who is not listed has no home directory: "~" remains
            os.makedirs(folder, exist_ok=True)
            if os.access(folder, os.W_OK) and _is_ours(os.stat(folder)):
                return os.path.join(folder, *parts)
    except OSError:
        pass  # the home directory is not writable: use the temporary folder
    import tempfile

    folder = os.path.join(tempfile.gettempdir(), f"toyvm-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if not _is_ours(os.lstat(folder)):
        from .errors import ToyvmError

        raise ToyvmError(f"{folder}: belongs to another user; set XDG_CACHE_HOME to your own folder")
    return os.path.join(folder, *parts)


def _is_ours(status: os.stat_result) -> bool:
    """Whether a folder is this user's, and not everybody may write there."""
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & stat.S_IWOTH


def checksum(data: bytes | memoryview) -> bytes:
    """Eight bytes that differ for a damaged file. CRC-32 takes four times as long, and zlib must be loaded for it."""
    return source_hash(data)
