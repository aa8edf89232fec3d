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
SETS = ("run",)  # commands that take less time than their imports
# A run with one of these compiles, builds or shows something: not all runs need what it has imported.
UNUSUAL = frozenset(f"{_NAME}.{name}" for name in ("isa.table", "assembler", "linker", "observe"))
MANY = 6  # modules that are missing in a set
LIMIT = 16 << 20  # bytes of all files: one for each copy of the package
NEEDED = frozenset(sys.modules)  # imported before a finder can be in place
_PREFIX = f"{_NAME}."
_NUMBERS = 8  # bytes of two numbers
# source, its time in nanoseconds and its size in bytes, whether the module is a package, marshalled code
_Kept = tuple[str, int, int, bool, Any]


class StartCode:
    """A finder of `sys.meta_path` for this package's modules whose code is kept in the file `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.version = f"{sys.version} {sys.flags.optimize} {PACKAGE}".encode()
        self.modules = _read(path, self.version)

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """The spec of a module whose source is the one that the kept code was made from.

        Follows `importlib.abc.MetaPathFinder`.
        """
        if not name.startswith(_PREFIX):
            return None
        kept = self.modules.get(name)
        if kept is None or not _is_current(kept):
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
            and not (spec.name in self.modules and _is_current(self.modules[spec.name]))
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


class StartSet:
    """The modules that the command `name` imports, in a file beside that of `code`."""

    def __init__(self, path: str, code: StartCode):
        self._path, self._code = path, code
        self._count = 0  # modules from the file

    def execute(self) -> None:
        """Execute the modules of the file, if the sources of all are as they were."""
        rows = _read_set(self._path, self._code.version)
        if not rows or not all(_is_current(kept) for _, kept in rows):
            return
        for name, kept in rows:
            if name not in sys.modules and not _execute(name, *kept):
                return
        self._count = len(_executed)

    def keep(self) -> None:
        """Write the modules that this process has executed to the file, if many of them were not there."""
        if len(_executed) - self._count < MANY or not UNUSUAL.isdisjoint(sys.modules):
            return
        rows, known = [], set(NEEDED)
        for name in _executed:
            kept = self._code.modules.get(name)
            if kept is None or name.rpartition(".")[0] not in known:
                return  # the code is not kept, or a package imports its own modules
            known.add(name)
            rows.append((name, (*kept[:4], marshal.loads(kept[4]))))
        payload = marshalled(rows)
        try:
            head = self._code.version + len(payload).to_bytes(_NUMBERS, "little")
            write_atomically(self._path, head + payload)
        except OSError:
            return  # the disk is full: the next start tries again


def _read_set(path: str, version: bytes) -> list[tuple[str, _Kept]]:
    """The modules in a file of `StartSet`: none if it is missing, cut off or of another version."""
    try:
        with open(path, "rb") as stream:
            content = memoryview(mmap(stream.fileno(), 0, prot=PROT_READ))
    except (OSError, ValueError):
        return []
    start = len(version) + _NUMBERS
    length = int.from_bytes(content[len(version) : start], "little")
    if content[: len(version)] != version or len(content) != start + length:
        return []
    rows: list[tuple[str, _Kept]] = marshal.loads(content[start:])
    return rows


def _execute(name: str, source: str, time: int, size: int, package: bool, code: CodeType) -> bool:
    """Import a module as the import system does; whether it could be, and its code raised no exception."""
    parent, _, child = name.rpartition(".")
    if parent not in sys.modules:
        return False  # the process that wrote the file had imported it before its finder was in place
    spec = ModuleSpec(name, _KeptCode(code), origin=source, is_package=package)
    spec.has_location = True
    module = ModuleType(name)
    module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, source
    module.__package__ = name if package else parent
    if package:
        spec.submodule_search_locations = module.__path__ = [os.path.dirname(source)]
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except Exception:
        del sys.modules[name]  # the command imports it again, and reports the error
        return False
    setattr(sys.modules[parent], child, module)
    _executed.append(name)
    return True


def read_from_source() -> list[ModuleType]:
    """This package's modules that were imported in the usual way, though a finder was in place."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == _NAME
        and name not in NEEDED
        and module.__spec__
        and isinstance(module.__spec__.loader, SourceFileLoader)
    ]


def _is_current(kept: _Kept) -> bool:
    """Whether the code was made from the source as it is now."""
    source, time, size, _, _ = kept
    try:
        status = os.stat(source)
    except OSError:
        return False
    return (status.st_mtime_ns, status.st_size) == (time, size)


def _kept(spec: ModuleSpec) -> _Kept:
    loader = spec.loader
    assert isinstance(loader, SourceFileLoader)
    status = os.stat(loader.path)  # before the code is read: a later change of the source is then noticed
    code = marshalled(loader.get_code(spec.name))
    return loader.path, status.st_mtime_ns, status.st_size, loader.is_package(spec.name), code


def _read(path: str, version: bytes) -> dict[str, _Kept]:
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


def _content(version: bytes, modules: dict[str, _Kept]) -> bytes:
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
        exec(self._code, module.__dict__)
        _executed.append(module.__name__)


class _Source(SourceFileLoader):
    """The loader of a module whose code is not kept yet."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module's code."""
        super().exec_module(module)
        _executed.append(module.__name__)


_executed: list[str] = []  # names of modules, in the order in which their code has ended


def install() -> StartCode | None:
    """Let imports of this package's modules use the kept code. Returns None if there is no cache folder."""
    try:
        path = cache_path(FOLDER, f"{zlib.crc32(PACKAGE.encode()):08x}")
    except (OSError, ToyvmError):
        return None
    finder = StartCode(path)
    sys.meta_path.insert(0, finder)
    return finder


def start_set(code: StartCode, command: str) -> StartSet | None:
    """The modules of a command, executed if they are kept; None for a command without a set."""
    if command not in SETS:
        return None
    found = StartSet(f"{code.path}-{command}", code)
    found.execute()
    return found
