"""`toyvm ldd`: load a program and list its libraries, without running it."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import NotExecutableError
from ..elf import constants as c
from ..kernel.kernel import Kernel
from ..kernel.mm.address_space import AddressSpace
from ..kernel.mm.image_mapping import LoadedImage, map_image
from ..kernel.proc.fd_table import FdTable
from ..kernel.proc.process import Process
from ..kernel.vfs.nodes import FileNode
from ..kernel.vfs.path_walk import Vfs
from ..machine.hart import Hart
from . import ld_debug
from .dynamic_loader import DynamicLoader, state_of


def loaded_objects(vfs: Vfs, path: str, env: Sequence[str] = ()) -> tuple[ld_debug.LoadedObject, ...] | None:
    """The libraries of the program or library at guest path `path`, in load order.

    Missing libraries are included. None if the file is not a dynamic executable. `env` may contain
    LD_LIBRARY_PATH and LD_PRELOAD. Raises OSError, LoadError.
    """
    process = _load(vfs, path, [*env, "LD_TRACE_LOADED_OBJECTS=1"])
    return ld_debug.objects_of(state_of(process)) if process else None


def unused_objects(vfs: Vfs, path: str, env: Sequence[str] = ()) -> tuple[str, ...] | None:
    """The direct dependencies that no reference would be bound to; None as for `loaded_objects`."""
    process = _load(vfs, path, [*env, "LD_TRACE_LOADED_OBJECTS=1", "LD_DEBUG=unused"])
    return ld_debug.unused_dependencies(state_of(process)) if process else None


def _load(vfs: Vfs, path: str, env: Sequence[str]) -> Process | None:
    """A process with the program and its libraries mapped."""
    loader = DynamicLoader()
    kernel = Kernel(vfs=vfs, interpreter=loader)
    memory = AddressSpace(kernel.system)
    process = Process(kernel.take_pid(), memory, Hart(memory.mmu), FdTable(), rlimits=memory.rlimits)
    image = _map(vfs, path, memory)
    if image is None:
        return None
    process.image = image
    loader.start(
        kernel, process, image, [path.encode("utf-8", "surrogateescape")], [_bytes(item) for item in env]
    )
    return process


def _map(vfs: Vfs, path: str, memory: AddressSpace) -> LoadedImage | None:
    file = vfs.node(path)
    if not isinstance(file, FileNode):
        return None
    try:
        image = map_image(memory, file, path)
    except NotExecutableError:
        return None
    dynamic = any(phdr.type == c.PT_DYNAMIC for phdr in image.phdrs)
    return image if dynamic else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
