"""The start of a process: where it finds the code of this package's modules.

Only this module, `groups`, `base.cache_folder` and the packages that they are in are imported in the
usual way. All others are in files of the cache.

A *group* is a module that a run imports inside a function, with the modules that it needs in turn.
Their code is together in one file (`groups`), and executed without the import system.
The groups of FIRST are executed at once, another one when its module is imported. So a run of a
static program does not execute the loader of a dynamic one, though both use the same file. A module
that is in no group comes from `kept_code`.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys

from ..base.cache_folder import cache_path
from .groups import NAME, is_current, read_groups, unsealed

TYPE_CHECKING = False  # type checkers treat this name as true
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

    from .groups import Row
    from .kept_code import StartCode
else:
    ModuleSpec, ModuleType = type(__spec__), type(sys)  # without importing the modules that export them

FOLDER = "start"  # of the user's cache
LIMIT = 16 << 20  # bytes of all files: one for each copy of the package
# command -> its groups that every run needs; commands without a row take more time than their imports
FIRST = {"run": ("cli", "cli.run", "system", "engines.llvm.interp.interpreting_engine")}


class Finder:
    """A finder of `sys.meta_path` for this package's modules. `groups` is the file of groups, if there is one."""

    def __init__(self, path: str, version: bytes, groups: str | None) -> None:
        self._path, self._version, self._file = path, version, groups
        self._content, self._groups = read_groups(groups, version) if groups else (memoryview(b""), {})
        self._code: StartCode | None = None
        self._loading = False

    def execute(self, names: Sequence[str]) -> None:
        """Execute groups, up to one that has changed: the others may need its modules."""
        all(self._execute(f"{NAME}.{name}") for name in names)

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """Execute the group of the module, or find its own code. Follows `importlib.abc.MetaPathFinder`."""
        if not name.startswith(f"{NAME}."):
            return None
        self._execute(name)
        if name in sys.modules:
            return sys.modules[name].__spec__
        if not self._loading:
            self._loading = True  # `kept_code` itself is imported in the usual way
            from .kept_code import StartCode

            self._code = StartCode(self._path, self._version)
        return self._code.find_spec(name, path, target) if self._code else None

    def _execute(self, key: str) -> bool:
        """Execute the group, if it is whole and the sources of all its modules are as they were; whether this was done."""
        rows, first, last = self._groups.pop(key, ((), 0, 0))
        if not rows or not all(is_current(*row[1:]) for row in rows):
            return False
        found = unsealed(self._content[first:last])
        if found is None:
            return False
        codes = marshal.loads(found)
        return all(row[0] in sys.modules or _import(row, code) for row, code in zip(rows, codes, strict=True))

    def keep(self) -> bool:
        """Keep the code of the modules that were not in the files; whether a file was written."""
        if self._code is None:
            return False
        written = self._code.keep()
        return (self._file is not None and self._code.keep_groups(self._file)) or written


def _import(row: Row, code: CodeType) -> bool:
    """Import a module as the import system does; whether its code raised no exception."""
    name, source, _, _, package = row
    parent, _, child = name.rpartition(".")
    if parent not in sys.modules:
        __import__(parent)
    spec = ModuleSpec(name, _EXECUTED, origin=source, is_package=package)
    spec.has_location = True
    module = ModuleType(name)
    module.__spec__, module.__loader__, module.__file__ = spec, _EXECUTED, source
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
    return True


class _Executed:
    """The loader of modules of a group, which are executed when they are found (`importlib.abc.Loader`)."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, for the import system."""
        return sys.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module's code has been executed."""


_EXECUTED: Any = _Executed()
_installed: list[Finder] = []


def begin() -> Finder | None:
    """Let imports of this package's modules use the kept code, and execute what the command of `sys.argv`
    needs. Returns None if there is no cache folder.
    """
    if _installed:
        return _installed[0]
    # By default the garbage collector runs after 700 allocations, a dozen times during the imports.
    gc.set_threshold(50_000)
    package = os.path.dirname(os.path.dirname(__file__))
    name = int.from_bytes(package.encode(errors="surrogateescape"), "little") % (2**61 - 1)
    try:
        path = cache_path(FOLDER, f"{name:016x}")
    except Exception:  # OSError or ToyvmError, which is not imported yet: the command reports it
        return None
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    version = f"{sys.version} {sys.flags.optimize} {package}".encode(errors="surrogateescape")
    finder = Finder(path, version, f"{path}-{command}" if command in FIRST else None)
    _installed.append(finder)
    sys.meta_path.insert(0, finder)
    finder.execute(FIRST.get(command, ()))
    return finder
