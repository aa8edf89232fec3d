"""The shared objects of a process: of toyvm's own loader, or of a program's ld.so (struct r_debug)."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.elf.constants import DT_DEBUG, PT_DYNAMIC
from toyvm.kernel.proc.process import Process
from toyvm.loader.session import Session

from .guest_memory import read
from .target import LibraryState

_MOST = 4096
_LONGEST_PATH = 4096


def libraries(process: Process) -> tuple[LibraryState, ...]:
    """Those in the order of link_map, the program itself first; empty for a static program."""
    if not process.alive:
        return ()
    if isinstance(process.loader_state, Session):
        return tuple(_own(process, process.loader_state))
    return tuple(_listed(process))


def _own(process: Process, session: Session) -> Iterator[LibraryState]:
    for obj in session.state.namespace.objects:
        image = obj.image
        if image is None:
            continue
        dynamic = next((p.vaddr for p in image.phdrs if p.type == PT_DYNAMIC), 0)
        path = obj.name or process.exe
        yield LibraryState(path, obj.handle, obj.bias, obj.bias + dynamic if dynamic else 0)


def _listed(process: Process) -> Iterator[LibraryState]:
    """The list that r_debug of the program's dynamic section leads to."""
    image, mm = process.image, process.mm
    if image is None:
        return

    def word(va: int) -> int:
        return int.from_bytes(read(mm, va, 8).ljust(8, b"\0"), "little")

    phdr = next((p for p in image.phdrs if p.type == PT_DYNAMIC), None)
    if phdr is None:
        return
    at = image.bias + phdr.vaddr
    for entry in range(at, at + phdr.memsz, 16):
        if word(entry) == DT_DEBUG:
            link_map = word(word(entry + 8) + 8) if word(entry + 8) else 0
            break
    else:
        return
    for _ in range(_MOST):
        if not link_map:
            return
        base, name, dynamic = word(link_map), word(link_map + 8), word(link_map + 16)
        path = read(mm, name, _LONGEST_PATH).split(b"\0")[0].decode("utf-8", "surrogateescape")
        yield LibraryState(path or process.exe, link_map, base, dynamic)
        link_map = word(link_map + 24)
