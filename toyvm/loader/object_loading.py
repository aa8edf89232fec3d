"""Object loading: find and map a library by name, create its LinkMap, and load its dependencies."""

from __future__ import annotations

from collections.abc import Iterable

from ..base.bits import align_down
from ..base.errors import NotExecutableError
from ..elf import constants as c
from ..kernel.mm.image_mapping import LoadedImage
from ..machine.physical_memory import PAGE_SIZE
from .dlerror import DlError
from .guest_process import LibraryFile
from .library_search import origin_of
from .load_relocation import highest_symbol
from .loader_events import LibraryMapped
from .objects import dynamic_section, dynamic_symbols, r_debug
from .objects.link_map import LinkMap
from .session import Session


def describe(session: Session, image: LoadedImage, name: str) -> LinkMap:
    """The LinkMap of a mapped image. Raises DlError if its dynamic section is invalid."""
    shown = name or session.state.program
    reader = dynamic_section.ImageReader(
        shown, session.memory, image.bias, image.start, image.end, image.file.size
    )
    section = dynamic_section.read(reader, image.phdrs)
    tables = (section.rela, section.plt_rela)
    table = dynamic_symbols.read(reader, section, highest_symbol(session.memory, shown, tables))
    origin = origin_of(image.path, session.guest.cwd)
    return LinkMap(name, image, section, table, image.file.identity, origin)


def add(session: Session, obj: LinkMap) -> None:
    """Add an object to the namespace, and create its `struct link_map` in guest memory."""
    namespace = session.state.namespace
    obj.handle = r_debug.new_link_map(namespace, session.memory, obj)
    namespace.objects.append(obj)
    namespace.by_handle[obj.handle] = obj
    if len(namespace.objects) > 1:
        session.state.libraries += 1


def _by_name(session: Session, name: str) -> LinkMap | None:
    """The loaded object that was requested as `name` before or has it as DT_SONAME, or None."""
    for obj in session.state.namespace.objects:
        if name in obj.names:
            return obj
        if obj.dynamic.soname and obj.dynamic.soname == name:
            obj.names.add(name)
            return obj
    return None


def _by_file(session: Session, name: str, file: LibraryFile) -> LinkMap | None:
    """The loaded object that was mapped from `file`, or None.

    `name` becomes another of its names.
    """
    for obj in session.state.namespace.objects:
        if obj.identity == file.identity and not obj.missing:
            obj.names.add(name)
            return obj
    return None


def find_loaded(session: Session, name: str, loader: LinkMap) -> LinkMap | None:
    """The loaded object that `name` means for `loader`, or None.

    Raises DlError if no library is found.
    """
    found = _by_name(session, name)
    if found is not None:
        return found
    return _by_file(session, name, session.search.find(name, loader, session.state.namespace.main)[1])


def open_object(session: Session, name: str, loader: LinkMap, *, dlopened: bool = False) -> LinkMap:
    """The object for `name`, needed by `loader`: one already loaded, or newly mapped.

    Raises DlError.

    With `dlopened`, `loader` is the caller of dlopen and only affects the search.
    """
    found = _by_name(session, name)
    if found is not None:
        return found
    how = "dynamically loaded by" if dlopened else "needed by"
    session.debug.say("files", f"\nfile={name} [0];  {how} {session.state.filename(loader)} [0]")
    path, file = session.search.find(name, loader, session.state.namespace.main)
    found = _by_file(session, name, file)
    if found is not None:
        return found
    obj = _map(session, name, path, file)
    if not dlopened:
        obj.loader = loader
    return obj


def _map(session: Session, name: str, path: str, file: LibraryFile) -> LinkMap:
    session.debug.say("files", f"file={name} [0];  generating link map")
    try:
        image = session.guest.map_image(path, file)
    except NotExecutableError as error:
        raise DlError(path, _without_frame(str(error), path)) from error
    except OSError as error:
        raise DlError(path, "failed to map segment from shared object", error.errno or 0) from error
    try:
        obj = describe(session, image, path)
        _require_kind(session, obj)
        obj.names.update((name, path))
        add(session, obj)
    except (DlError, OSError):
        unmap(session, image)
        raise
    if session.debug.on("files"):
        _log_mapped(session, obj, image)
    guest = session.guest
    if guest.wants(LibraryMapped):
        guest.emit(LibraryMapped(guest.now, guest.pid, name, path, image.start, image.end, image.bias))
    return obj


def _require_kind(session: Session, obj: LinkMap) -> None:
    """Raise DlError for a PIE, and during dlopen for an object with DF_1_NOOPEN."""
    if session.state.namespace.opening is not None and obj.dynamic.flag(0, c.DF_1_NOOPEN):
        raise DlError(obj.name, "shared object cannot be dlopen()ed")
    if obj.dynamic.flag(0, c.DF_1_PIE):
        raise DlError(obj.name, "cannot dynamically load position-independent executable")


def _without_frame(message: str, path: str) -> str:
    """The kernel's error message for an image, without the path and "cannot execute"."""
    return message.removeprefix(f"{path}: ").removeprefix("cannot execute: ").removesuffix(": cannot execute")


def _log_mapped(session: Session, obj: LinkMap, image: LoadedImage) -> None:
    session.debug.write(
        f"  dynamic: {obj.dynamic.va:#018x}  base: {image.bias:#018x}   size: {image.end - image.start:#018x}\n"
        f"    entry: {image.entry:#018x}  phdr: {image.phdr:#018x}  phnum: {len(image.phdrs):18d}\n"
    )


def unmap(session: Session, image: LoadedImage) -> None:
    """Unmap an image segment by segment, because a gap between segments may contain another
    mapping.
    """
    for phdr in image.phdrs:
        if phdr.type == c.PT_LOAD and phdr.memsz:
            start = align_down(image.bias + phdr.vaddr, PAGE_SIZE)
            session.memory.munmap(start, image.bias + phdr.vaddr + phdr.memsz - start)


def missing_object(session: Session, name: str, loader: LinkMap) -> LinkMap:
    """A placeholder for a library that was not found, which LD_TRACE_LOADED_OBJECTS reports."""
    nothing = dynamic_section.Table()
    section = dynamic_section.Dynamic(0, {}, (), "", "", "", b"", nothing, nothing, nothing, (), (), (), 0)
    table = dynamic_symbols.SymbolTable(name, b"", b"", None, b"")
    obj = LinkMap(name, None, section, table, loader=loader)
    session.state.namespace.objects.append(obj)
    return obj


def load_needed(session: Session, roots: Iterable[LinkMap], *, trace: bool = False) -> tuple[LinkMap, ...]:
    """Load all dependencies of `roots` breadth first, and return the resulting search list.

    Raises DlError.

    With `trace`, a missing library becomes a placeholder instead.
    """
    queue = dict.fromkeys(roots)
    order = list(queue)
    for obj in order:
        wanted = [name for name in obj.dynamic.needed if name not in session.state.own_names]
        for name in wanted[len(obj.needed) :]:
            try:
                needed = open_object(session, name, obj)
            except DlError:
                if not trace:
                    raise
                needed = missing_object(session, name, obj)
            obj.needed.append(needed)
        for needed in obj.needed:
            if needed not in queue:
                queue[needed] = None
                order.append(needed)
    return tuple(order)


def preload(session: Session, name: str) -> LinkMap | None:
    """Load an object of LD_PRELOAD. If that fails, print glibc's warning and return None."""
    try:
        return open_object(session, name, session.state.namespace.main)
    except DlError as error:
        text = f"ERROR: ld.so: object '{name}' from LD_PRELOAD cannot be preloaded ({error.what}): ignored.\n"
        session.guest.write_stderr(text.encode("utf-8", "surrogateescape"))
        return None
