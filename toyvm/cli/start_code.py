"""The byte code of the modules that commands import, in one file of the cache.

Without this file, the import system looks for each of a hundred modules, and opens, checks and reads its
`.pyc`; this takes a tenth of the time of a short run. An installation that keeps no byte code would
compile all of them at each start.

The file holds each module's code with the time and the size of its source, and a module whose
source differs is imported in the usual way. At the end of a command, modules that the file
lacks are added to it.
"""

from __future__ import annotations

import marshal
import os
import sys
import zlib
from functools import cached_property
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from mmap import PROT_READ, mmap
from types import ModuleType

from ..base.errors import ToyvmError
from ..base.light_types import TYPE_CHECKING, Any
from ..base.resources import PACKAGE, cache_path, marshalled, write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader as _Loader  # an import at run time takes longer than it is worth
    from types import CodeType
else:
    _Loader = object

_NAME = __name__.partition(".")[0]
FOLDER = "start"  # of the user's cache
LIMIT = 16 << 20  # bytes of all files: one for each copy of the package
_PREFIX = f"{_NAME}."
_NUMBERS = 8  # bytes of two numbers
# source, its time in nanoseconds and its size in bytes, whether the module is a package, marshalled code
Kept = tuple[str, int, int, bool, Any]


class StartCode:
    """A finder of `sys.meta_path` for this package's modules whose code is kept in the file `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.version = f"{sys.version} {sys.flags.optimize} {PACKAGE}".encode()

    @cached_property
    def modules(self) -> dict[str, Kept]:
        """The modules of the file, which is not read while a `StartSet` has all that is imported."""
        return _read(self.path, self.version)

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """The spec of a module whose source is the one that the kept code was made from.

        Follows `importlib.abc.MetaPathFinder`.
        """
        if not name.startswith(_PREFIX):
            return None
        kept = self.modules.get(name)
        if kept is None or not is_current(*kept):
            found = PathFinder.find_spec(name, path, target)
            if found is not None and isinstance(found.loader, SourceFileLoader):
                found.loader = _Source(name, found.loader.path)
            return found
        source, _, _, package, code = kept
        spec = ModuleSpec(name, _KeptCode(marshal.loads(code)), origin=source, is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [os.path.dirname(source)]
        return spec

    def keep(self) -> bool:
        """Add the modules that were imported in the usual way to the file; whether it was written."""
        added = [
            spec
            for module in read_from_source()
            if (spec := module.__spec__)
            and not (spec.name in self.modules and is_current(*self.modules[spec.name]))
        ]
        if not added:
            return False
        try:
            modules = _read(self.path, self.version)  # another command may have added some
            modules.update((spec.name, _kept(spec)) for spec in added)
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            write_atomically(self.path, _content(self.version, modules))
        except (OSError, SyntaxError, MemoryError):
            return False  # the disk is full, or a source is being edited: the next start tries again
        self.modules = modules
        return True


def read_from_source() -> list[ModuleType]:
    """This package's modules that were imported in the usual way, though a finder was in place."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(_PREFIX) and module.__spec__ and isinstance(module.__spec__.loader, _Source)
    ]


def is_current(source: str, time: int, size: int, *_: object) -> bool:
    """Whether the code was made from the source as it is now."""
    try:
        status = os.stat(source)
    except OSError:
        return False
    return (status.st_mtime_ns, status.st_size) == (time, size)


def _kept(spec: ModuleSpec) -> Kept:
    loader = spec.loader
    assert isinstance(loader, SourceFileLoader)
    status = os.stat(loader.path)  # before the code is read: a later change of the source is then noticed
    code = marshalled(loader.get_code(spec.name))
    return loader.path, status.st_mtime_ns, status.st_size, loader.is_package(spec.name), code


def _read(path: str, version: bytes) -> dict[str, Kept]:
    """The modules in the file `path`: none if it is missing, damaged or of another version."""
    try:
        with open(path, "rb") as stream:
            content = memoryview(mmap(stream.fileno(), 0, prot=PROT_READ))
    except (OSError, ValueError):  # ValueError: the file is empty
        return {}
    start = len(version) + _NUMBERS
    length, check = (int.from_bytes(content[start - at : start - at + 4], "little") for at in (8, 4))
    index = content[start : start + length]
    if content[: len(version)] != version or zlib.crc32(index) != check:
        return {}
    codes = content[start + length :]
    rows = marshal.loads(index)
    if rows[-1][-1] != len(codes):
        return {}  # the file was cut off
    return {name: (*state, codes[first:last]) for name, *state, first, last in rows}


def _content(version: bytes, modules: dict[str, Kept]) -> bytes:
    """The file: version, length and checksum of the index, index, code of each module."""
    rows, codes, at = [], [], 0
    for name, (source, time, size, package, code) in modules.items():
        rows.append((name, source, time, size, package, at, at + len(code)))
        codes.append(code)
        at += len(code)
    index = marshalled(rows)
    numbers = len(index).to_bytes(4, "little") + zlib.crc32(index).to_bytes(4, "little")
    return b"".join((version, numbers, index, *codes))


class _KeptCode(_Loader):
    """The loader of one module (`importlib.abc.Loader`)."""

    def __init__(self, code: CodeType) -> None:
        self._code = code

    def create_module(self, spec: ModuleSpec) -> None:
        """Let the import system make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module's code."""
        with GROUPS:
            exec(self._code, module.__dict__)
            GROUPS.add(module.__name__)


class _Source(SourceFileLoader):
    """The loader of a module whose code is not kept yet."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module's code."""
        with GROUPS:
            super().exec_module(module)
            GROUPS.add(module.__name__)


class _Groups(list[list[str]]):
    """The modules that finders of this module have loaded: a group for each import that no other module's code made.

    The names of a group are in the order in which their code has ended. The last one is the module that was asked for.
    """

    _depth = 0

    def __enter__(self) -> None:
        if not self._depth:
            self.append([])
        self._depth += 1

    def __exit__(self, *exception: object) -> None:
        self._depth -= 1

    def add(self, name: str) -> None:
        """Note that a module's code has ended."""
        self[-1].append(name)


GROUPS = _Groups()


def install() -> StartCode | None:
    """Let imports of this package's modules use the kept code. Returns None if there is no cache folder."""
    try:
        path = cache_path(FOLDER, f"{zlib.crc32(PACKAGE.encode()):08x}")
    except (OSError, ToyvmError):
        return None
    finder = StartCode(path)
    sys.meta_path.insert(0, finder)
    return finder
