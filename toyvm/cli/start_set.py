"""The modules that a command's runs import, executed without the import system.

A *group* is a module that a run imports inside a function, with the modules that it needs in turn
(`start_code.GROUPS`). Their code is together in one file. The groups of FIRST are executed at once,
another one when its module is imported. So a run of a static program does not execute the loader
of a dynamic one, though both use the same file.
"""

from __future__ import annotations

import marshal
import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from mmap import PROT_READ, mmap
from types import CodeType, ModuleType

from ..base.light_types import TYPE_CHECKING, Any
from ..base.resources import marshalled, write_atomically
from .start_code import GROUPS, StartCode, is_current

if TYPE_CHECKING:
    from collections.abc import Sequence

# command -> its groups that every run needs; commands without a row take more time than their imports
FIRST = {
    "run": tuple(
        f"{__name__.partition('.')[0]}.{name}"
        for name in ("cli.run", "system", "engines.llvm.interp.interpreting_engine")
    )
}
# A run with one of these compiles, builds or shows something: not all runs need what it has imported.
UNUSUAL = frozenset(
    f"{__name__.partition('.')[0]}.{name}" for name in ("isa.table", "assembler", "linker", "observe")
)
_NUMBER = 8  # bytes of a number
_HEAD = 2 * _NUMBER  # the file's size, and where in it the list of groups is
_Row = tuple[str, str, int, int, bool]  # a module's name, and of `start_code.Kept` all but the code


class StartSet:
    """A finder of `sys.meta_path` for the modules of the file of `command`."""

    def __init__(self, code: StartCode, command: str) -> None:
        self._path, self._code = f"{code.path}-{command}", code
        self._content, self._groups = _read(self._path, code.version)

    def execute(self, command: str) -> None:
        """Execute the groups that every run needs."""
        all(map(self._execute, FIRST[command]))  # up to one that has changed: others may need its modules

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """Execute the group of the module. Follows `importlib.abc.MetaPathFinder`."""
        self._execute(name)
        return sys.modules[name].__spec__ if name in sys.modules else None

    def _execute(self, key: str) -> bool:
        """Execute the group, if the sources of all its modules are as they were; whether this was done."""
        rows, offset = self._groups.pop(key, ((), 0))
        if not rows or not all(is_current(*row[1:]) for row in rows):
            return False
        codes = marshal.loads(self._content[offset:])
        return all(row[0] in sys.modules or _import(row, code) for row, code in zip(rows, codes, strict=True))

    def keep(self) -> None:
        """Add the groups that this process has found in another way to the file."""
        found = [names for names in GROUPS if names]
        if not found or not UNUSUAL.isdisjoint(sys.modules):
            return
        kept = self._code.modules
        _, old = _read(self._path, self._code.version)  # another command may have added some
        groups = {key: [row[0] for row in rows] for key, (rows, _) in old.items()}
        groups.update((names[-1], names) for names in found)
        contained = [names for names in groups.values() if all(name in kept for name in names)]
        try:
            write_atomically(self._path, _content(self._code, contained))
        except (OSError, MemoryError):
            return  # the disk is full: the next start tries again


def _read(path: str, version: bytes) -> tuple[memoryview, dict[str, tuple[list[_Row], int]]]:
    """The file's content, and for each group its modules and where their code is: none if the file
    is missing, cut off or of another version.
    """
    try:
        with open(path, "rb") as stream:
            content = memoryview(mmap(stream.fileno(), 0, prot=PROT_READ))
    except (OSError, ValueError):  # ValueError: the file is empty
        return memoryview(b""), {}
    head = len(version)
    size, index = (int.from_bytes(content[at : at + _NUMBER], "little") for at in (head, head + _NUMBER))
    if content[:head] != version or len(content) != size:
        return content, {}
    return content, {rows[-1][0]: (rows, offset) for rows, offset in marshal.loads(content[index:])}


def _content(code: StartCode, groups: list[list[str]]) -> bytes:
    """The file: version, two numbers, code of each group, list of the groups."""
    parts, index = [], []
    at = len(code.version) + _HEAD
    for names in groups:
        rows = [(name, *code.modules[name][:4]) for name in names]
        index.append((rows, at))
        parts.append(marshalled([marshal.loads(code.modules[name][4]) for name in names]))
        at += len(parts[-1])
    parts.append(marshalled(index))
    numbers = (at + len(parts[-1]), at)
    return b"".join((code.version, *(number.to_bytes(_NUMBER, "little") for number in numbers), *parts))


def _import(row: _Row, code: CodeType) -> bool:
    """Import a module as the import system does; whether its code raised no exception."""
    name, source, _, _, package = row
    parent, _, child = name.rpartition(".")
    if parent not in sys.modules:
        import_module(parent)
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
    """The loader of modules of a set, which are executed when they are found (`importlib.abc.Loader`)."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, for the import system."""
        return sys.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module's code has been executed."""


_EXECUTED: Any = _Executed()


def start_set(code: StartCode, command: str) -> StartSet | None:
    """The modules of a command, with those of its first groups executed; None for a command without a set."""
    if command not in FIRST:
        return None
    found = StartSet(code, command)
    sys.meta_path.insert(0, found)  # a group may need a package of another one
    found.execute(command)
    return found
