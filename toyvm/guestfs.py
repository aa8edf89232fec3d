"""The guest's file system: the sandbox, the guest libraries in /lib, the program in /bin.

Mounting the guest libraries does not build them: a program that does not use /lib does not pay for
them.
"""

from __future__ import annotations

import os
import stat as st
import sys
from functools import cached_property
from os import PathLike, fspath

from .base.errors import ElfError, NotExecutableError, NotFoundError, ToyvmError, UsageError
from .base.light_types import TYPE_CHECKING
from .base.record import replace
from .base.resources import cache_path, has_content, libraries_path, library_files
from .elf.constants import PT_INTERP
from .elf.headers import names_interpreter, needed_libraries, read_phdrs
from .kernel.limits import GUEST_ID
from .kernel.vfs.host_files import HostFile
from .kernel.vfs.nodes import FileNode, Stat
from .kernel.vfs.path_walk import Vfs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .build import Program
    from .kernel.vfs.host_files import Witness
    from .run_options import RunOptions

_LIBRARY_DEVICE = 0x16
_PAGE = 4096
_LARGEST_PROGRAM = 256 << 20
# Where distributions install the riscv64 libraries of a cross compiler.
CROSS_SYSROOTS = ("/usr/riscv64-linux-gnu",)


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
        path = os.path.join(libraries_path(), self._name)
        if not has_content(path):
            from .build import guest_libraries  # imports the assembler and the linker

            path = os.path.join(guest_libraries().path, self._name)
        with open(path, "rb") as stream:
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


class MadeUpFile(FileNode):
    """A file of /etc that a system without one would miss."""

    writable = False

    def __init__(self, text: str):
        super().__init__()
        self._data = text.encode()
        self.identity = (_LIBRARY_DEVICE, 1000 + len(text))

    @property
    def size(self) -> int:
        return len(self._data)

    def stat(self) -> Stat:
        device, number = self.identity
        return Stat(dev=device, ino=number, mode=st.S_IFREG | 0o644, size=self.size, blocks=8)

    def pread(self, offset: int, count: int) -> bytes:
        return self._data[offset : offset + count]


_USER_FILES = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
    f"user:x:{GUEST_ID}:{GUEST_ID}:user:/tmp:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "/etc/group": f"root:x:0:\nuser:x:{GUEST_ID}:\nnogroup:x:65534:\n",
}


def find_sysroot(program: Program | str | PathLike[str]) -> str | None:
    """The folder of the host's riscv64 cross libraries, if the program is linked against them.

    This is the case if the folder contains the program's PT_INTERP and a library that the program
    needs and that the guest libraries do not include.
    """
    if not isinstance(program, (str, PathLike)) or not os.path.isfile(program):
        return None
    try:
        with open(program, "rb") as stream:
            head = stream.read(_PAGE)
            if not names_interpreter(head):
                return None
            data = head + stream.read(_LARGEST_PROGRAM)
        phdrs = read_phdrs(data, fspath(program))
        interpreter = next((p for p in phdrs if p.type == PT_INTERP), None)
        if interpreter is None:
            return None
        path = data[interpreter.offset : interpreter.offset + interpreter.filesz].rstrip(b"\0")
        needed = needed_libraries(data, fspath(program), phdrs)
    except (OSError, ElfError):
        return None  # the error is reported when the program is started
    own = library_files()
    for folder in CROSS_SYSROOTS:
        if os.path.isfile(folder + os.fsdecode(path)) and any(
            name not in own and os.path.exists(f"{folder}/lib/{name}") for name in needed
        ):
            return folder
    return None


def with_sysroot(programs: Iterable[Program | str | PathLike[str]], options: RunOptions) -> RunOptions:
    """Set `sysroot` to the host's cross libraries if a program needs them, and print a line."""
    if options.sysroot is not None or options.interp == "toyvm" or options.no_mmu:
        return options
    folder = next((found for program in programs if (found := find_sysroot(program))), None)
    if folder is None:
        return options
    print(f"toyvm: the guest's / is {folder}; --sysroot DIR chooses another", file=sys.stderr)
    return replace(options, sysroot=folder)


def sandbox(
    root: str | PathLike[str] | None,
    *,
    writable: bool,
    sysroot: str | PathLike[str] | None,
    libraries: bool,
    memfs_bytes: int,
    disk_limit: int = 0,
    witness: Witness | None = None,
) -> Vfs:
    """The file system of a run, without the program.

    `root` None is the current folder, "" an empty directory in memory. The guest may add
    `disk_limit` bytes to a writable `root`. `witness` is told of the host's files that are looked at.

    Raises ToyvmError if `root` or `sysroot` cannot be opened, UsageError if a writable `root` holds
    the cache, whose code runs on the host.
    """
    folder = fspath(root) if root is not None else "."
    try:
        system = fspath(sysroot) if sysroot is not None else None
        vfs = Vfs.sandbox(
            folder or None,
            writable=writable,
            sysroot=system,
            memfs_bytes=memfs_bytes,
            disk_limit=disk_limit,
            witness=witness,
        )
    except OSError as error:
        raise ToyvmError(f"{error.filename or folder}: {error.strerror}") from None
    if writable and folder:
        _keep_cache_out(folder)
    mount_system_files(vfs, libraries=libraries)
    return vfs


def mount_system_files(vfs: Vfs, *, libraries: bool) -> None:
    """Mount files of /etc, and the guest libraries, where the tree has none."""
    for path, text in _USER_FILES.items():
        vfs.mount(path, MadeUpFile(text), first=False)
    if libraries:
        for number, name in enumerate(library_files(), 1):
            vfs.mount(f"/lib/{name}", GuestLibraryFile(name, number), first=False)


def _keep_cache_out(root: str) -> None:
    """Raises UsageError if the guest could change the code that later runs take from the cache."""
    cache, top = os.path.realpath(cache_path()), os.path.realpath(root)
    if f"{cache}/".startswith(f"{top.rstrip('/')}/") or f"{top}/".startswith(f"{cache}/"):
        raise UsageError(
            f"--root {root}:rw: holds toyvm's cache {cache}, whose code runs on this host: "
            "choose another folder, or set XDG_CACHE_HOME to one outside"
        )


def add_program(vfs: Vfs, program: Program | str | PathLike[str], copy: int = 0) -> str:
    """Add a program and the files that it needs to the guest's file system.

    Returns the program's guest path.

    A `copy` other than 0 gives the path a suffix, so that a program can be added several times.
    Raises NotFoundError or NotExecutableError if the host file cannot be run.
    """
    suffix = f".{copy}" if copy else ""
    if not isinstance(program, (str, PathLike)):
        path = f"/bin/{program.name}{suffix}"
        vfs.add_file(path, program.image)
        for name, data in program.files.items():
            add_guest_file(vfs, name, data)
        return path
    name = fspath(program)
    if not os.path.exists(name):
        raise NotFoundError(f"{name}: No such file or directory")
    if os.path.isdir(name):
        raise NotExecutableError(f"{name}: Is a directory")
    if not os.access(name, os.R_OK):
        raise NotExecutableError(f"{name}: Permission denied")
    if not suffix and (place := _place_in_tree(vfs, name)):
        return place
    path = f"/bin/{os.path.basename(name)}{suffix}"
    vfs.add_host_file(path, name)
    return path


def _place_in_tree(vfs: Vfs, name: str) -> str | None:
    """The guest path of a host file that is in the guest's tree already, so that $ORIGIN works."""
    for path in (os.path.abspath(name), os.path.realpath(name)):
        for place, folder in vfs.host_folders:
            if path.startswith(folder.rstrip("/") + "/"):
                inside = f"{place.rstrip('/')}/{os.path.relpath(path, folder)}"
                try:
                    node = vfs.node(inside)
                except OSError:
                    continue
                if isinstance(node, HostFile) and node.is_host_file(os.stat(name)):
                    return inside
    return None


def add_guest_file(vfs: Vfs, path: str, data: bytes) -> None:
    """Add a file for a program: writable in /tmp, which is in memory; read-only elsewhere."""
    if not path.startswith("/tmp/"):
        vfs.add_file(path, data)
        return
    parts = path.split("/")
    for depth in range(3, len(parts)):
        folder = vfs.resolve("/".join(parts[:depth]))
        if folder.node is None:
            folder.parent.mkdir(folder.name, 0o777)
    place = vfs.vacancy(path)
    place.parent.create(place.name, 0o644).pwrite(0, data)
