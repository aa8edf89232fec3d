"""Translations: from the disk cache, or made by LLVM while the guest waits.

A translating thread beside the guest would be slower: hot code in Python is some fifty times slower
than native code, and after each call into LLVM the thread would wait up to a switch interval (5 ms)
for Python's lock.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import require_host_room

from ..python.code_cache import TRANSLATIONS, CodeCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..python.code_cache import Translation
    from .analysis.regions import Region
    from .compiler import Compiler

# The host's memory that LLVM may need for one translation, and for the first one, which loads its
# library. It is checked first, because LLVM aborts the process if memory runs out.
_EACH_BYTES, _FIRST_BYTES = 64 << 20, 256 << 20
_VERSION = "_version.py"  # of llvmlite
# The addresses in the cache keys of what comes from no guest, where no instruction is: the shared
# functions, and the interpreter's image.
RUNTIME, IMAGE = 0, 1
POLICY = ("kernel/mm/faults",)  # the folders with the sources of `FrameTable.policy`


def unavailable() -> str:
    """Why this host has no native code; an empty string if it has."""
    if not _llvmlite():
        return "llvmlite is not installed"
    if os.uname().machine != "x86_64" or sys.platform != "linux":
        return "native code is made for Linux on x86-64 only"
    return ""


def _llvmlite() -> str:
    """The folder of llvmlite; an empty string if it is not installed.

    It is usually in a folder of `sys.path`. The import system would list all of these.
    """
    for entry in sys.path:
        folder = os.path.join(entry, "llvmlite")
        if os.access(os.path.join(folder, _VERSION), os.R_OK):
            return folder
    spec = PathFinder.find_spec("llvmlite")
    return os.path.dirname(spec.origin) if spec is not None and spec.origin is not None else ""


def version() -> bytes:
    """What translations depend on besides the guest's code: sources, llvmlite, the host's CPU."""
    from toyvm.base.resources import source_version

    from ..python.prepared_rows import code_version

    parts = [code_version(), source_version(*POLICY)]
    if folder := _llvmlite():
        status = os.stat(os.path.join(folder, _VERSION))
        parts.append(f"{status.st_size} {status.st_mtime_ns}".encode())
    with open("/proc/cpuinfo", "rb") as stream:
        parts += [
            line for line in stream.read(4096).split(b"\n") if line.startswith((b"flags", b"model name"))
        ][:2]
    return b"\n".join(parts)


class Translator:
    """Makes each translation once. `folder` is the cache's; "": the user's and the installation's, None: no cache.

    `level` is how much LLVM optimises, from 0 to 2. The cache does not tell levels apart.
    """

    def __init__(self, folder: str | None = "", level: int = 2):
        self._level = level
        self._cache: CodeCache | None = None
        self._installed: CodeCache | None = None
        if folder is not None:
            from toyvm.base.resources import cache_path, installed_path

            now = version()
            self._cache = CodeCache(folder or cache_path(TRANSLATIONS), now)
            if not folder:
                self._installed = CodeCache(installed_path(TRANSLATIONS), now)
        self._asked: set[tuple[int, bytes]] = set()
        self._compiler: Compiler | None = None
        self.shared: dict[str, object] = {}  # what the engines with this translator share
        self.keeping = True  # new translations go into the cache

    def cached(self, head: int, text: bytes) -> Translation | None:
        """The translation from the disk cache, or from the installation; None if neither has it."""
        found = self._cache.get(head, text) if self._cache is not None else None
        if found is None and head in (RUNTIME, IMAGE) and self._installed is not None:
            found = self._installed.get(head, text)
        return found

    def forget(self) -> None:
        """Permit new requests for everything (by another engine)."""
        self._asked.clear()

    def runtime(self, policy: Callable[[], str] | None) -> bytes:
        """The object file of the functions that all regions share, with the kernel's policy."""
        text = b"policy" if policy is not None else b""
        found = self.cached(RUNTIME, text)
        if found is not None:
            return found[2]
        from .runtime.runtime_module import runtime

        code = self.compile(runtime(policy() if policy is not None else None), inline=True)
        self.keep(RUNTIME, text, code)
        return code

    def translate(
        self,
        head: int,
        text: bytes,
        find: Callable[[], Region | None],
    ) -> Translation | None:
        """Translate the region at `head`, which `find` returns, and cache the translation.

        None if there is no region, or if this was requested before. Raises MemoryError if the host
        is short of memory.
        """
        if (head, text) in self._asked:
            return None
        self._asked.add((head, text))
        region = find()
        if region is None:
            return None
        from .emit.region_printer import RegionPrinter

        module = RegionPrinter(region).text()
        translation = (region.runs, region.longest[region.entry], self.compile(module))
        if self._cache is not None and self.keeping:
            self._cache.put(head, text, translation)
        return translation

    def keep(self, head: int, text: bytes, code: bytes) -> None:
        """Cache code that depends on no code of a guest."""
        if self._cache is not None:
            self._cache.put(head, text, ([], 0, code))

    def compile(self, module: str, *, inline: bool = False, quick: bool = False) -> bytes:
        """The object file of a module; `quick`: with little optimisation.

        Raises MemoryError if the host is short of memory.
        """
        require_host_room(_EACH_BYTES if self._compiler is not None else _FIRST_BYTES)
        if self._compiler is None:
            from .compiler import Compiler  # imports llvmlite, which takes a tenth of a second

            self._compiler = Compiler(self._level)
        compiler = self._compiler.quick() if quick else self._compiler
        return compiler.compile(module, inline=inline)
