"""dlopen(3), dlsym(3), dlclose(3): load and unload libraries at run time.

References of an opened library are resolved in the global scope first, then in the search list of
the library that dlopen was called for. RTLD_GLOBAL adds that list to the global scope. `unloading`
decides when an object is unloaded.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from ..base.bits import M64
from ..elf import constants as c
from ..kernel.mm.frame_allocator import OutOfFrames
from . import guest_calls, object_loading, unloading
from .dlerror import DlError, undefined_symbol
from .objects import init_order, r_debug
from .objects.link_map import LinkMap, Namespace
from .session import Session
from .symbol_scope import Definition, Lookup

RTLD_LAZY, RTLD_NOW, RTLD_NOLOAD, RTLD_DEEPBIND, RTLD_GLOBAL, RTLD_NODELETE = 1, 2, 4, 8, 0x100, 0x1000
_FLAGS = RTLD_LAZY | RTLD_NOW | RTLD_NOLOAD | RTLD_DEEPBIND | RTLD_GLOBAL | RTLD_NODELETE
RTLD_DEFAULT, RTLD_NEXT = 0, M64


def dlopen(session: Session, name: str | None, flags: int, caller_va: int = 0) -> int:
    """Open library `name` (None or "": the program) and return its handle. Raises DlError.

    Returns 0 for RTLD_NOLOAD if the library is not loaded. The search uses $ORIGIN and DT_RUNPATH
    of the object that contains `caller_va`. On failure, all that was mapped is unmapped.
    """
    if flags & ~_FLAGS:
        raise DlError("", "invalid mode parameter")
    if not flags & (RTLD_LAZY | RTLD_NOW):
        raise DlError(name or "", "invalid mode for dlopen()", errno.EINVAL)
    namespace = session.state.own()
    main = namespace.main
    before = len(namespace.objects)
    namespace.opening = set()
    try:
        root = main if not name else _open(session, name, namespace.at(caller_va) or main, flags)
        if root is None:
            return 0
        if flags & RTLD_NODELETE:
            namespace.make_permanent(root)
        if not root.searchlist:
            _load_dependencies(session, root, flags)
        for obj in namespace.opening:
            obj.nodelete = True
    except (DlError, OSError, OutOfFrames):
        _undo_open(session, namespace.objects[before:])
        raise
    finally:
        namespace.opening = None
    if flags & RTLD_GLOBAL:
        _make_global(main, root)
    root.opencount += 1
    session.debug.say("files", f"\nopening file={root.name} [0]; direct_opencount={root.opencount}\n")
    return root.handle


def _open(session: Session, name: str, caller: LinkMap, flags: int) -> LinkMap | None:
    """The object for `name`; None for RTLD_NOLOAD if it is not loaded."""
    if flags & RTLD_NOLOAD:
        return object_loading.find_loaded(session, name, caller)
    return object_loading.open_object(session, name, caller, dlopened=True)


def _load_dependencies(session: Session, root: LinkMap, flags: int) -> None:
    """Load the dependencies of `root`, relocate the new objects, and queue their initialisers."""
    namespace = session.state.namespace
    searchlist = object_loading.load_needed(session, [root])
    fresh = [obj for obj in searchlist if not obj.relocated]
    for obj in fresh:
        obj.scope = [root, namespace.main] if flags & RTLD_DEEPBIND else [namespace.main, root]
    for obj in fresh:
        if obj.symbols.version_table is not None:
            from . import version_check  # few objects have versions

            version_check.check_opened(session, obj)
    root.searchlist = searchlist
    try:
        root.init_list = init_order.users_first(searchlist, namespace.main)
        root.reldeps = [obj for obj in root.reldeps if obj not in root.init_list]
        in_order = [obj for obj in reversed(root.init_list) if not obj.relocated]
        session.lay_out_tls(in_order)
        session.debug.list_scopes(in_order)
        for obj in in_order:
            session.prepare(obj, lazy=not flags & RTLD_NOW)
        for obj in in_order:
            session.protect_relro(obj)
    except (DlError, OSError, OutOfFrames):
        root.searchlist = root.init_list = ()
        raise
    for obj in searchlist:
        if not obj.startup and root not in obj.scope:
            obj.scope.append(root)
    r_debug.publish(namespace, session.memory, session.state.stub, session.stub_address("_dl_debug_state"))
    guest_calls.queue_init(session.state, in_order)


def _make_global(main: LinkMap, root: LinkMap) -> None:
    """Add the search list of `root` to the global scope (RTLD_GLOBAL), unless it is there already."""
    if not root.is_global:
        added = [obj for obj in root.searchlist if not obj.is_global]
        for obj in added:
            obj.is_global = True
        main.searchlist += tuple(added)


def _undo_open(session: Session, fresh: Sequence[LinkMap]) -> None:
    """Unload the new objects of a failed dlopen."""
    state = session.state
    namespace = state.namespace
    unloading.forget(namespace, set(fresh))
    for obj in fresh:
        state.libraries -= 1
        unloading.unload(session, obj)
    state.forget_initialisers(set(fresh))


def dlclose(session: Session, handle: int) -> None:
    """Decrement the open count of `handle`. Raises DlError.

    The guest runs the finalisers of the objects that are no longer needed, then they are unmapped.
    """
    state = session.state
    namespace = state.own()
    obj = namespace.by_handle.get(handle)
    if obj is None:
        raise DlError("", "shared object not open")
    if obj.nodelete:
        return
    if obj.opencount == 0:
        raise DlError(obj.name, "shared object not open")
    obj.opencount -= 1
    session.debug.say("files", f"\nclosing file={obj.name}; direct_opencount={obj.opencount}")
    if not obj.opencount and not obj.startup:
        unloading.collect(session)


def dlsym(session: Session, handle: int, name: bytes, caller_va: int, tp: int) -> int:
    """The address of symbol `name` in the scope of `handle`, for a call from `caller_va`.

    A thread-local variable is that of the thread with this `tp`. Raises DlError.
    """
    namespace = session.state.namespace
    caller = namespace.at(caller_va)
    reference, scopes = _dlsym_scopes(namespace, handle, caller)
    resolver = session.resolver
    resolver.begin()
    resolver.wanted_by = "dlsym", 0
    found = resolver.look_up(name, scopes, newest=True)
    if resolver.on_lookup is not None:
        resolver.on_lookup(Lookup(reference, name, scopes, 0, None, True, found))
    text = name.decode("utf-8", "surrogateescape")
    filename = session.state.filename
    if found is None:
        raise undefined_symbol(filename(reference), text)
    if handle == RTLD_DEFAULT:
        resolver.keep(reference, found.obj)
    session.debug.say(
        "bindings",
        f"binding file {filename(reference)} [0] to {filename(found.obj)} [0]: normal symbol `{text}'",
    )
    return _value(session, found, tp)


def _dlsym_scopes(
    namespace: Namespace, handle: int, caller: LinkMap | None
) -> tuple[LinkMap, list[Sequence[LinkMap]]]:
    """The referring object, as messages name it, and the lists of objects to search."""
    if handle == RTLD_DEFAULT:
        reference = caller or namespace.main
        return reference, reference.search_scopes()
    if handle == RTLD_NEXT:
        if caller is None:
            raise DlError("", "RTLD_NEXT used in code not dynamically loaded")
        return caller, [_objects_after(caller)]
    obj = namespace.by_handle.get(handle)
    if obj is None:
        raise DlError("", "invalid handle")
    return obj, [obj.searchlist]


def _objects_after(caller: LinkMap) -> Sequence[LinkMap]:
    """The objects that RTLD_NEXT searches: those after `caller` in the search list of its root.

    The root is the object that `caller` was first loaded for. If it has been unloaded, the search
    list of `caller` is used.
    """
    root = caller
    while root.loader is not None:
        root = root.loader
    within = root.searchlist if caller in root.searchlist else caller.searchlist or (caller, *caller.needed)
    return within[within.index(caller) + 1 :]


def _value(session: Session, found: Definition, tp: int) -> int:
    """The address of a definition; of a thread-local variable, in the thread with this `tp`."""
    if found.symbol.type == c.STT_GNU_IFUNC:
        raise DlError(found.obj.name, "dlsym of an IFUNC symbol is not supported")
    if found.symbol.type != c.STT_TLS:
        return found.address
    if not found.obj.tls_module:
        raise DlError(found.obj.name, "cannot handle TLS data")
    block = session.state.namespace.tls.block(found.obj.tls_module, tp, session.memory)
    return block + found.symbol.value
