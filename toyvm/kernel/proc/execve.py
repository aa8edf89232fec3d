"""execve(2): replace the image of a process, and build the initial stack of the System V ABI.

top     NULL word, AT_EXECFN string, environment strings, argument strings, 16 random bytes, padding
        auxiliary vector (pairs, ended by AT_NULL)
        envp pointers, NULL
        argv pointers, NULL
sp  ->  argc            (sp is a multiple of 16)
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence

from toyvm.base.errors import LoadError, NotExecutableError, error
from toyvm.base.events import ProcessExecuted
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.elf.constants import PT_LOAD
from toyvm.machine.hart import Hart
from toyvm.machine.physical_memory import PAGE_SIZE

from ..limits import ARG_MAX
from ..mm.address_space import AddressSpace
from ..mm.frame_allocator import OutOfFrames
from ..mm.image_mapping import LoadedImage, map_image
from ..vfs.nodes import FileNode
from ..vfs.open_file import O_RDONLY
from ..vfs.path_walk import Location
from .lifecycle import become_leader

if TYPE_CHECKING:
    from ..mm.no_mmu import Placement
    from .kernel_state import KernelState
    from .process import Process

AT_NULL, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY = 0, 3, 4, 5, 6, 7, 8, 9
AT_UID, AT_EUID, AT_GID, AT_EGID, AT_HWCAP, AT_CLKTCK, AT_SECURE = 11, 12, 13, 14, 16, 17, 23
AT_RANDOM, AT_EXECFN = 25, 31

HWCAP = sum(1 << ord(letter) - ord("a") for letter in "imafdc")
CLOCK_TICKS = 100
_PHENT = 56
_MAX_SCRIPT_DEPTH = 4


class ExecFailedError(Exception):
    """The new image cannot start, and the old one is gone: print `message`, exit with `status`."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


def execute(
    kernel: KernelState,
    process: Process,
    path: str,
    argv: Sequence[bytes],
    envp: Sequence[bytes],
    placement: Placement | None = None,
    place: Location | None = None,
    *,
    path_survives: bool = True,
) -> None:
    """Replace the image of `process`.

    `place` is the file, if the caller has found it (execveat(2)); `path` is its name for the new
    program. `path_survives`: whether the name still leads to the file afterwards, as an interpreter
    of a script needs.

    Raises OSError, NotExecutableError or WouldBlock (the file has a lease) and leaves the process unchanged, or ExecFailedError after
    the point of no return.
    """
    if place is None:
        place = kernel.vfs.resolve(path, process.cwd)
        name = path.rsplit("/", 1)[-1]
    else:
        name = place.name
    file, place, argv = _program(kernel, process, place, path, list(argv), path_survives=path_survives)
    _check_size(process, argv, envp)
    try:
        mm = kernel.new_space(
            process.rlimits, placement, pid=process.pid, counters=process.counters, group=process.group
        )
        mm.map.no_megapages = process.mm.map.no_megapages
    except OutOfFrames:
        raise error(errno.ENOMEM) from None
    try:
        image = _map_program(mm, file, place.path)
        mm.set_brk_start(image.end)
        mm.map.data_size = _data_size(image)
        loader = _map_interpreter(kernel, process, mm, image)
        sp = build_stack(kernel, mm, image, path, argv, envp, loader)
    except OutOfFrames:
        mm.release()
        raise error(errno.ENOMEM) from None
    except (OSError, NotExecutableError):
        mm.release()
        raise
    process = become_leader(kernel, process)
    _commit(kernel, process, mm, image, place.path, name)
    process.hart.x[2] = sp
    process.hart.pc = loader.entry if loader is not None else _entry(kernel, process, image, argv, envp)
    if kernel.bus.wants(ProcessExecuted):
        kernel.bus.emit(ProcessExecuted(kernel.now, process.pid, place.path, tuple(argv), process.hart.pc))


def _program(
    kernel: KernelState,
    process: Process,
    place: Location,
    path: str,
    argv: list[bytes],
    depth: int = 0,
    *,
    path_survives: bool = True,
) -> tuple[FileNode, Location, list[bytes]]:
    """Return the ELF file to run, its location, and argv.

    The file is `place` itself, or the interpreter that its #! line names. In the second case argv
    starts with the interpreter, its optional argument and the script, as execve(2) describes.
    """
    node = place.node
    if node is None:
        raise error(errno.ENOENT)
    if not isinstance(node, FileNode) or not node.stat().mode & 0o111:
        raise error(errno.EACCES)
    before = kernel.lease_breaker(process)
    if before is not None:
        before(node, O_RDONLY)
    if node.writers:
        raise error(errno.ETXTBSY)
    head = node.pread(0, 256)
    if not head.startswith(b"#!"):
        return node, place, argv
    if depth >= _MAX_SCRIPT_DEPTH:
        raise error(errno.ELOOP)
    words = head[2:].split(b"\n")[0].strip().split(None, 1)
    if not words:
        raise error(errno.ENOEXEC)
    if not path_survives:  # the interpreter could not open it
        raise error(errno.ENOENT)
    interpreter = words[0].decode("utf-8", "surrogateescape")
    script = path.encode("utf-8", "surrogateescape")
    argv = [*words, script, *argv[1:]]
    found = kernel.vfs.resolve(interpreter, process.cwd)
    return _program(kernel, process, found, interpreter, argv, depth + 1)


def _map_interpreter(
    kernel: KernelState, process: Process, mm: AddressSpace, image: LoadedImage
) -> LoadedImage | None:
    """Map the program that PT_INTERP names, as Linux's binfmt_elf does.

    Returns None if toyvm's own loader serves the image. The option `interp` decides; "auto" runs
    the interpreter if the guest has the file. Raises OSError: ENOENT, EACCES.
    """
    wanted = kernel.limits.interp
    if image.interpreter is None or wanted == "toyvm" or not mm.has_mmu:
        return None
    try:
        place = kernel.vfs.resolve(image.interpreter, process.cwd)
        if place.node is None:
            raise error(errno.ENOENT)
    except OSError as failure:
        if wanted == "program":
            text = f"needs the interpreter {image.interpreter}, which is not in the guest's files"
            raise OSError(failure.errno, text) from None
        return None
    if not isinstance(place.node, FileNode) or not place.node.stat().mode & 0o111:
        raise error(errno.EACCES)
    return map_image(mm, place.node, place.path, library=True)


def _map_program(mm: AddressSpace, file: FileNode, path: str) -> LoadedImage:
    """Map a program, or copy it to its place in physical memory on a machine without MMU.

    Raises NotExecutableError, OSError(ENOMEM).
    """
    if mm.has_mmu:
        return map_image(mm, file, path)
    from ..mm.no_mmu import PhysicalSpace

    assert isinstance(mm, PhysicalSpace)
    return mm.load(file, path)


def _data_size(image: LoadedImage) -> int:
    """Bytes of initialised data as binfmt_elf counts them.

    That is the distance from the highest segment start to the highest end of file-backed contents.
    """
    loads = [p for p in image.phdrs if p.type == PT_LOAD]
    return max(0, max(p.vaddr + p.filesz for p in loads) - max(p.vaddr for p in loads))


def _check_size(process: Process, argv: Sequence[bytes], envp: Sequence[bytes]) -> None:
    """Enforce Linux's limits: 128 KiB a string, 6 MiB and a quarter of the stack limit in all."""
    strings = [*argv, *envp]
    total = sum(len(s) + 9 for s in strings)
    if any(len(s) >= ARG_MAX for s in strings) or total > min(process.rlimits.stack // 4, 6 << 20):
        raise error(errno.E2BIG)


def _commit(
    kernel: KernelState, process: Process, mm: AddressSpace, image: LoadedImage, path: str, name: str
) -> None:
    """The point of no return: release the old image; reset descriptors, signals and registers.

    `name` is what the process is called (/proc/PID/comm): as on Linux, that of the script rather
    than of its interpreter, and of the link rather than of the file.
    """
    kernel.leave_image(process)
    process.mm = mm
    process.image = image
    process.exe = path
    process.comm = os.fsdecode(os.fsencode(name)[:15])
    process.fds = process.fds.alone()
    process.fds.exec()
    process.signals.exec()
    process.thread_group.drop_timers()
    process.executed = True
    process.clear_child_tid = process.robust_list = 0
    process.loader_state = None
    instret = process.hart.instret
    process.hart = Hart(mm.mmu)
    process.hart.instret = instret


def _entry(
    kernel: KernelState, process: Process, image: LoadedImage, argv: Sequence[bytes], envp: Sequence[bytes]
) -> int:
    if image.interpreter is None:
        return image.entry
    if kernel.interpreter is None:
        raise ExecFailedError(f"{image.path}: cannot run: no dynamic loader for {image.interpreter}", 127)
    try:
        return kernel.interpreter.start(kernel, process, image, argv, envp)
    except LoadError as failure:
        raise ExecFailedError(str(failure), failure.exit_code) from None
    except OutOfFrames:
        raise ExecFailedError(f"{image.path}: out of memory while loading libraries", 127) from None
    except OSError as failure:
        raise ExecFailedError(
            f"{image.path}: error while loading shared libraries: {failure.strerror}", 127
        ) from None


def build_stack(
    kernel: KernelState,
    mm: AddressSpace,
    image: LoadedImage,
    path: str,
    argv: Sequence[bytes],
    envp: Sequence[bytes],
    loader: LoadedImage | None = None,
) -> int:
    """Map the stack and write argc, argv, envp and the auxiliary vector. Return the initial sp."""
    top = mm.map_stack(executable=image.executable_stack) - 8
    name = path.encode("utf-8", "surrogateescape") + b"\0"
    arguments = [s + b"\0" for s in argv]
    environment = [s + b"\0" for s in envp]
    block = b"".join([*arguments, *environment, name])
    strings = top - len(block)
    arg_end = strings + sum(map(len, arguments))
    mm.map.arg_range = (strings, arg_end)
    mm.map.env_range = (arg_end, arg_end + sum(map(len, environment)))
    random = (strings - 16) & ~15
    pointers: list[int] = []
    at = strings
    for group in (arguments, environment):
        for string in group:
            pointers.append(at)
            at += len(string)
        pointers.append(0)
    auxv = _auxv(kernel, image, random, at, loader.bias if loader is not None else 0)
    words = [len(argv), *pointers, *auxv]
    sp = (random - 8 * len(words)) & ~15
    mm.write(strings, block)
    mm.write(random, kernel.random_bytes(16))
    mm.write(sp, struct.pack(f"<{len(words)}Q", *words))
    return sp


def _auxv(kernel: KernelState, image: LoadedImage, random: int, execfn: int, base: int) -> list[int]:
    pairs = [
        (AT_PHDR, image.phdr),
        (AT_PHENT, _PHENT),
        (AT_PHNUM, len(image.phdrs)),
        (AT_PAGESZ, PAGE_SIZE),
        (AT_BASE, base),
        (AT_FLAGS, 0),
        (AT_ENTRY, image.entry),
        (AT_UID, kernel.UID),
        (AT_EUID, kernel.UID),
        (AT_GID, kernel.UID),
        (AT_EGID, kernel.UID),
        (AT_HWCAP, HWCAP),
        (AT_CLKTCK, CLOCK_TICKS),
        (AT_RANDOM, random),
        (AT_SECURE, 0),
        (AT_EXECFN, execfn),
        (AT_NULL, 0),
    ]
    return [word for pair in pairs for word in pair]
