"""The byte code of this package's modules, in one file of the cache, and how the files of groups are written.

Without this file, the import system looks for each module, and opens, checks and reads its `.pyc`.
An installation that keeps no byte code would compile all of them at each start.

The file holds each module's code with the time and the size of its source, and a module whose
source differs is imported in the usual way. At the end of a command, modules that the file
lacks are added to it.
"""

from __future__ import annotations

import marshal
import os
import sys
from functools import cached_property
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from mmap import PROT_READ, mmap
from types import ModuleType

from .groups import HEAD, NAME, NUMBER, is_current, read_groups, sealed, unsealed

TYPE_CHECKING = False  # type checkers treat this name as true. No import: the finder is not yet in place
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader as _Loader  # an import at run time takes longer than it is worth
    from types import CodeType
    from typing import Any
else:
    _Loader = object

_PREFIX = f"{NAME}."
# A run with one of these compiles, builds or shows something: not all runs need what it has imported.
UNUSUAL = frozenset(_PREFIX + name for name in ("isa.table", "assembler", "linker", "observe"))
# source, its time in nanoseconds and its size in bytes, whether the module is a package, marshalled code, sealed
Kept = tuple[str, int, int, bool, bytes | memoryview]


class StartCode:
    """A finder of `sys.meta_path` for this package's modules whose code is kept in the file `path`."""

    def __init__(self, path: str, version: bytes) -> None:
        self.path, self.version = path, version

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
        data = unsealed(kept[-1]) if kept is not None and is_current(*kept) else None
        if kept is None or data is None:
            self.modules.pop(name, None)  # `keep` adds it again
            found = PathFinder.find_spec(name, path, target)
            if found is not None and isinstance(found.loader, SourceFileLoader):
                found.loader = _Source(name, found.loader.path)
            return found
        source, _, _, package, _ = kept
        spec = ModuleSpec(name, _KeptCode(marshal.loads(data)), origin=source, is_package=package)
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
        from ..base.resources import write_atomically

        try:
            modules = _read(self.path, self.version)  # another command may have added some
            modules.update((spec.name, _kept(spec)) for spec in added)
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            write_atomically(self.path, _content(self.version, modules))
        except (OSError, SyntaxError, ValueError, MemoryError):  # ValueError: a source has a NUL
            return False  # the disk is full, or a source is being edited: the next start tries again
        self.modules = modules
        return True

    def keep_groups(self, path: str) -> bool:
        """Add the groups that this process has executed to the file `path`; whether it was written."""
        found = [names for names in GROUPS if names]
        if not found or not UNUSUAL.isdisjoint(sys.modules):
            return False
        from ..base.resources import write_atomically

        _, old = read_groups(path, self.version)  # another command may have added some
        groups = {key: [row[0] for row in rows] for key, (rows, _, _) in old.items()}
        groups.update((names[-1], names) for names in found)
        try:
            write_atomically(path, self._groups_content(list(groups.values())))
        except (OSError, MemoryError):
            return False  # the disk is full: the next start tries again
        return True

    def _groups_content(self, groups: list[list[str]]) -> bytes:
        """The file as `groups` describes it."""
        from ..base.resources import marshalled

        parts, index = [], []
        at = len(self.version) + HEAD
        for names in groups:
            kept = [self.modules[name] for name in names if name in self.modules]
            codes = [data for *_, code in kept if (data := unsealed(code)) is not None]
            if len(codes) < len(names):
                continue
            rows = [(name, *row[:4]) for name, row in zip(names, kept, strict=True)]
            parts.append(sealed(marshalled(list(map(marshal.loads, codes)))))
            index.append((rows, at, at + len(parts[-1])))
            at += len(parts[-1])
        parts.append(sealed(marshalled(index)))
        numbers = (at + len(parts[-1]), at)
        return b"".join((self.version, *(number.to_bytes(NUMBER, "little") for number in numbers), *parts))


def read_from_source() -> list[ModuleType]:
    """This package's modules that were imported in the usual way, though a finder was in place."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(_PREFIX) and module.__spec__ and isinstance(module.__spec__.loader, _Source)
    ]


def _kept(spec: ModuleSpec) -> Kept:
    loader = spec.loader
    assert isinstance(loader, SourceFileLoader)
    status = os.stat(loader.path)  # before the code is read: a later change of the source is then noticed
    from ..base.resources import marshalled

    code = sealed(marshalled(loader.get_code(spec.name)))
    return loader.path, status.st_mtime_ns, status.st_size, loader.is_package(spec.name), code


def _read(path: str, version: bytes) -> dict[str, Kept]:
    """The modules in the file `path`: none if it is missing, damaged or of another version."""
    try:
        with open(path, "rb") as stream:
            content = memoryview(mmap(stream.fileno(), 0, prot=PROT_READ))
    except (OSError, ValueError):  # ValueError: the file is empty
        return {}
    start = len(version) + NUMBER
    end = start + int.from_bytes(content[len(version) : start], "little")
    index = unsealed(content[start:end])
    if content[: len(version)] != version or index is None:
        return {}
    codes = content[end:]
    rows = marshal.loads(index)
    if rows[-1][-1] != len(codes):
        return {}  # the file was cut off
    return {name: (*state, codes[first:last]) for name, *state, first, last in rows}


def _content(version: bytes, modules: dict[str, Kept]) -> bytes:
    """The file: version, length of the index, the index, code of each module."""
    from ..base.resources import marshalled

    rows, codes, at = [], [], 0
    for name, (source, time, size, package, code) in modules.items():
        rows.append((name, source, time, size, package, at, at + len(code)))
        codes.append(code)
        at += len(code)
    index = sealed(marshalled(rows))
    return b"".join((version, len(index).to_bytes(NUMBER, "little"), index, *codes))


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
