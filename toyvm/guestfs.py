"""The guest's file system: the sandbox, the guest libraries in /lib, the program in /bin.

Mounting the guest libraries does not build them: a program that does not use /lib does not pay for
them.
"""

from __future__ import annotations

import os
import stat as st
from functools import cached_property
from os import PathLike, fspath

from .base.errors import NotExecutableError, NotFoundError, ToyvmError
from .base.resources import libraries_path, library_files
from .kernel.vfs.nodes import FileNode, Stat
from .kernel.vfs.path_walk import Vfs
from .program import Program

_LIBRARY_DEVICE = 0x16


class GuestLibraryFile(FileNode):
    """A file of the guest libraries.

    The first access to its bytes or its size builds them if necessary.
    """

    writable = False

    def __init__(self, name: str, number: int):
        super().__init__()
        self._name = name
        self.identity = (_LIBRARY_DEVICE, number)

    @cached_property
    def _data(self) -> bytes:
        folder = libraries_path()
        if not os.path.isdir(folder):
            from .build import guest_libraries  # imports the assembler and the linker

            folder = str(guest_libraries().path)
        with open(os.path.join(folder, self._name), "rb") as stream:
            return stream.read()

    @property
    def size(self) -> int:
        return len(self._data)

    def stat(self) -> Stat:
        device, number = self.identity
        return Stat(
            dev=device, ino=number, mode=st.S_IFREG | 0o755, size=self.size, blocks=(self.size + 511) // 512
        )

    def pread(self, offset: int, count: int) -> bytes:
        return self._data[offset : offset + count]


def sandbox(
    root: str | PathLike[str] | None,
    *,
    writable: bool,
    sysroot: str | PathLike[str] | None,
    libraries: bool,
    memfs_bytes: int,
) -> Vfs:
    """The file system of a run, without the program. `root` None is the current folder.

    Raises ToyvmError if `root` or `sysroot` cannot be opened.
    """
    folder = fspath(root) if root is not None else "."
    try:
        vfs = Vfs.sandbox(folder, writable=writable, memfs_bytes=memfs_bytes)
        if sysroot is not None:
            for place in ("lib", "usr/lib"):
                host = os.path.join(sysroot, place)
                if os.path.isdir(host):
                    vfs.overlay(f"/{place}", host)
    except OSError as error:
        raise ToyvmError(f"{error.filename or folder}: {error.strerror}") from None
    if libraries:
        for number, name in enumerate(library_files(), 1):
            vfs.mount(f"/lib/{name}", GuestLibraryFile(name, number), first=False)
    return vfs


def add_program(vfs: Vfs, program: Program | str | PathLike[str], copy: int = 0) -> str:
    """Add a program and the files that it needs to the guest's file system.

    Returns the program's guest path.

    A `copy` other than 0 gives the path a suffix, so that a program can be added several times.
    Raises NotFoundError or NotExecutableError if the host file cannot be run.
    """
    suffix = f".{copy}" if copy else ""
    if isinstance(program, Program):
        path = f"/bin/{program.name}{suffix}"
        vfs.add_file(path, program.image)
        for name, data in program.files.items():
            _add(vfs, name, data)
        return path
    name = fspath(program)
    if not os.path.exists(name):
        raise NotFoundError(f"{name}: No such file or directory")
    if os.path.isdir(name):
        raise NotExecutableError(f"{name}: Is a directory")
    if not os.access(name, os.R_OK):
        raise NotExecutableError(f"{name}: Permission denied")
    path = f"/bin/{os.path.basename(name)}{suffix}"
    vfs.add_host_file(path, name)
    return path


def _add(vfs: Vfs, path: str, data: bytes) -> None:
    """Add a file for the program: writable in /tmp, which is in memory; read-only elsewhere."""
    if not path.startswith("/tmp/"):
        vfs.add_file(path, data)
        return
    place = vfs.vacancy(path)
    place.parent.create(place.name, 0o644).pwrite(0, data)
