"""Translations on disk, so that a program's second run starts hot: one file a region.

    magic, CRC-32 of what follows, marshalled (version, key, runs, need, object code)

The name is made of checksums of the version (sources of the table and the printers, LLVM's, the host's CPU) and of the code's
first bytes, and of the entry point. What is damaged, of another version, or does not fit the code in memory is as good as
absent. Files are written whole and renamed, so that runs at the same time never see half of one. Above `LIMIT` bytes the
oldest go.
"""

from __future__ import annotations

import marshal
import os
import zlib

from toyvm.base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Runs = list[tuple[int, bytes]]
Translation = tuple[
    Runs, int, bytes
]  # the guest's code as (address, bytes), the budget it needs, the object file

FOLDER = "native"
LIMIT = 256 << 20
_MAGIC = b"toyvm native 1\n"
_SWEEP_EVERY = 64  # files written between two looks at the limit


class TranslationCache:
    """The folder of translations of one version. `limit` is in bytes."""

    def __init__(self, folder: str, version: bytes, limit: int = LIMIT):
        self._folder = folder
        self._version = version
        self._prefix = os.path.join(folder, f"{zlib.crc32(version):08x}")
        self._limit = limit
        self._written = 0

    def path(self, pc: int, text: bytes) -> str:
        """The file of a translation."""
        return f"{self._prefix}-{pc:x}-{zlib.crc32(text):08x}"

    def get(self, pc: int, text: bytes) -> Translation | None:
        """The translation for the entry point `pc`, where the code begins with `text`."""
        path = self.path(pc, text)
        if not os.access(
            path, os.R_OK
        ):  # most are not there, and to fail to open one takes several times as long
            return None
        try:
            with open(path, "rb") as stream:
                content = stream.read()
        except OSError:
            return None
        head = len(_MAGIC) + 4
        payload = content[head:]
        if (
            not content.startswith(_MAGIC)
            or zlib.crc32(payload).to_bytes(4, "little") != content[head - 4 : head]
        ):
            return None
        version, at, runs, need, code = marshal.loads(payload)
        return (runs, need, code) if (version, at) == (self._version, pc) else None

    def put(self, pc: int, text: bytes, translation: Translation) -> None:
        """Keep a translation; a disk that does not take it costs the next run some time, nothing else."""
        from toyvm.base.resources import write_atomically

        payload = marshal.dumps((self._version, pc, *translation))
        content = _MAGIC + zlib.crc32(payload).to_bytes(4, "little") + payload
        try:
            os.makedirs(self._folder, exist_ok=True)
            write_atomically(self.path(pc, text), content)
        except OSError:
            return
        self._written += 1
        if self._written % _SWEEP_EVERY == 1:
            shrink(self._folder, self._limit)


def files(folder: str) -> Iterator[tuple[str, int, float]]:
    """(path, bytes, time of last change) of each file of the cache."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if not entry.is_file(follow_symlinks=False):
                continue  # none of ours
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # another run has removed it
        yield entry.path, status.st_size, status.st_mtime


def shrink(folder: str, limit: int) -> tuple[int, int]:
    """Remove the oldest files until the rest fits into `limit` bytes; how many went, and their bytes."""
    found = sorted(files(folder), key=lambda file: file[2])
    total = sum(size for _, size, _ in found)
    count = removed = 0
    for path, size, _ in found:
        if total <= limit:
            break
        total -= size
        try:
            os.unlink(path)
        except OSError:
            continue  # another run has removed it
        count += 1
        removed += size
    return count, removed


def default_folder() -> str:
    """Where the translations of this user are."""
    from toyvm.base.resources import cache_path

    return cache_path(FOLDER)
