"""dlopen(3), dlsym(3), dlclose(3): libraries while the program runs.

What is opened here is looked up in the global scope first and then among what was opened together (its root's search
list); RTLD_GLOBAL adds it to the global scope. `unloading` says when an object goes.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from ..base.bits import M64
from ..elf import constants as c
from ..kernel.mm.frame_allocator import OutOfFrames
from . import guest_calls, init_order, object_loading, r_debug, unloading
from .dlerror import DlError, undefined_symbol
from .link_map import LinkMap, Namespace
from .session import Session
from .symbol_scope import Definition

RTLD_LAZY, RTLD_NOW, RTLD_NOLOAD, RTLD_DEEPBIND, RTLD_GLOBAL, RTLD_NODELETE = 1, 2, 4, 8, 0x100, 0x1000
_FLAGS = RTLD_LAZY | RTLD_NOW | RTLD_NOLOAD | RTLD_DEEPBIND | RTLD_GLOBAL | RTLD_NODELETE
RTLD_DEFAULT, RTLD_NEXT = 0, M64


def dlopen(session: Session, name: str | None, flags: int, caller_va: int = 0) -> int:
    """The handle for library `name` (None or "": the program), 0 for RTLD_NOLOAD of one not there. Raises DlError.

    The object that `caller_va` lies in gives $ORIGIN and DT_RUNPATH to the search. On failure nothing that was mapped for it stays.
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
            _take_in(session, root, flags)
        for obj in namespace.opening:
            obj.nodelete = True
    except (DlError, OSError, OutOfFrames):
        _give_back(session, namespace.objects[before:])
        raise
    finally:
        namespace.opening = None
    if flags & RTLD_GLOBAL:
        _make_global(main, root)
    root.opencount += 1
    session.debug.say("files", f"\nopening file={root.name} [0]; direct_opencount={root.opencount}\n")
    return root.handle


def _open(session: Session, name: str, caller: LinkMap, flags: int) -> LinkMap | None:
    """The object for `name`; None where it is not loaded and is not to be (RTLD_NOLOAD)."""
    if flags & RTLD_NOLOAD:
        return object_loading.find_loaded(session, name, caller)
    return object_loading.open_object(session, name, caller, dlopened=True)


def _take_in(session: Session, root: LinkMap, flags: int) -> None:
    """Load what `root` needs; relocate what is new, and queue its initialisers."""
    namespace = session.state.namespace
    searchlist = object_loading.load_needed(session, [root])
    fresh = [obj for obj in searchlist if not obj.relocated]
    for obj in fresh:
        obj.scope = [root, namespace.main] if flags & RTLD_DEEPBIND else [namespace.main, root]
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
    """RTLD_GLOBAL, which a later dlopen of the same library may add."""
    if not root.is_global:
        added = [obj for obj in root.searchlist if not obj.is_global]
        for obj in added:
            obj.is_global = True
        main.searchlist += tuple(added)


def _give_back(session: Session, fresh: Sequence[LinkMap]) -> None:
    """Undo a dlopen that failed."""
    state = session.state
    namespace = state.namespace
    unloading.forget(namespace, set(fresh))
    for obj in fresh:
        state.libraries -= 1
        unloading.unload(session, obj)
    state.forget_initialisers(set(fresh))


def dlclose(session: Session, handle: int) -> None:
    """One use less of `handle`; what nothing needs any more is finalised by the guest and then unmapped. Raises DlError."""
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


def dlsym(session: Session, handle: int, name: bytes, caller_va: int) -> int:
    """The address of symbol `name` as seen through `handle`, called from `caller_va`. Raises DlError."""
    namespace = session.state.namespace
    caller = namespace.at(caller_va)
    reference, scopes = _dlsym_scopes(namespace, handle, caller)
    found = session.resolver.look_up(name, scopes)
    text = name.decode("utf-8", "surrogateescape")
    filename = session.state.filename
    if found is None:
        raise undefined_symbol(filename(reference), text)
    if handle == RTLD_DEFAULT:
        session.resolver.keep(reference, found.obj)
    session.debug.say(
        "bindings",
        f"binding file {filename(reference)} [0] to {filename(found.obj)} [0]: normal symbol `{text}'",
    )
    return _value(session, found)


def _dlsym_scopes(
    namespace: Namespace, handle: int, caller: LinkMap | None
) -> tuple[LinkMap, list[Sequence[LinkMap]]]:
    """The object that messages name as the one that refers to the symbol, and the lists of objects to look in."""
    if handle == RTLD_DEFAULT:
        reference = caller or namespace.main
        return reference, reference.search_scopes()
    if handle == RTLD_NEXT:
        if caller is None:
            raise DlError("", "RTLD_NEXT used in code not dynamically loaded")
        return caller, [_behind(caller)]
    obj = namespace.by_handle.get(handle)
    if obj is None:
        raise DlError("", "invalid handle")
    return obj, [obj.searchlist]


def _behind(caller: LinkMap) -> Sequence[LinkMap]:
    """What follows `caller` where RTLD_NEXT looks: in the search list of the object for which it was loaded first.

    When that one is gone and `caller` is kept by another reason, in `caller`'s own.
    """
    root = caller
    while root.loader is not None:
        root = root.loader
    within = root.searchlist if caller in root.searchlist else caller.searchlist or (caller, *caller.needed)
    return within[within.index(caller) + 1 :]


def _value(session: Session, found: Definition) -> int:
    """The address of a definition; of a thread-local one, in this thread."""
    if found.symbol.type == c.STT_GNU_IFUNC:
        raise DlError(found.obj.name, "dlsym of an IFUNC symbol is not supported")
    if found.symbol.type != c.STT_TLS:
        return found.address
    if not found.obj.tls_module:
        raise DlError(found.obj.name, "cannot handle TLS data")
    block = session.state.namespace.tls.block(found.obj.tls_module, session.memory)
    return block + found.symbol.value
