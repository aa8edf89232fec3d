"""dlopen(3), dlsym(3), dlclose(3): libraries while the program runs.

What is opened here is looked up in the global scope first and then among what was opened together (its root's search
list); RTLD_GLOBAL adds it to the global scope. An object goes when nobody that stays needs it: opened, or there from
the start, or marked never to be deleted, or needed by or bound to by such a one.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..elf import constants as c
from . import debug_listing, guest_calls, init_order, object_loading, r_debug, thread_storage
from .dlerror import DlError, undefined_symbol
from .link_map import LinkMap, Namespace
from .session import Session
from .symbol_scope import Definition, scopes_of

RTLD_LAZY, RTLD_NOW, RTLD_NOLOAD, RTLD_DEEPBIND, RTLD_GLOBAL, RTLD_NODELETE = 1, 2, 4, 8, 0x100, 0x1000
RTLD_DEFAULT, RTLD_NEXT = 0, (1 << 64) - 1
_EINVAL = 22
_DF_1_NOOPEN = 0x40


def dlopen(session: Session, name: str | None, flags: int, caller_va: int = 0) -> int:
    """The handle for library `name` (None or "": the program), 0 for RTLD_NOLOAD of one not there. Raises DlError.

    The object that `caller_va` lies in gives $ORIGIN and DT_RUNPATH to the search. On failure nothing that was mapped for it stays.
    """
    if not flags & (RTLD_LAZY | RTLD_NOW):
        raise DlError(name or "", "invalid mode for dlopen()", _EINVAL)
    namespace = session.state.own()
    main = namespace.main
    if not name:
        main.opencount += 1
        return main.handle
    if flags & RTLD_NOLOAD:
        found = object_loading.loaded(session, name)
        if found is None:
            return 0
        _promote(namespace, found, flags)
        found.opencount += 1
        return found.handle
    before = len(namespace.objects)
    try:
        root = object_loading.open_object(session, name, namespace.at(caller_va) or main, dlopened=True)
        _take_in(session, root, flags, namespace.objects[before:])
    except (DlError, OSError):
        _give_back(session, namespace.objects[before:])
        raise
    root.opencount += 1
    session.debug.say("files", f"\nopening file={root.name} [0]; direct_opencount={root.opencount}\n")
    return root.handle


def _take_in(session: Session, root: LinkMap, flags: int, fresh: Sequence[LinkMap]) -> None:
    """Load what `root` needs, and relocate and queue what is new. Everything that can fail comes first."""
    namespace = session.state.namespace
    for obj in fresh:
        if obj.dynamic.flag(0, _DF_1_NOOPEN):
            raise DlError(obj.name, "shared object cannot be dlopen()ed")
        if obj.dynamic.flag(0, c.DF_1_PIE):
            raise DlError(obj.name, "cannot dynamically load position-independent executable")
    scope = object_loading.load_needed(session, [root])
    root.searchlist = root.searchlist or scope
    in_order = [obj for obj in init_order.dependencies_first(scope, namespace.main) if not obj.relocated]
    for obj in in_order:
        obj.searchlist = init_order.breadth_first([obj])
        obj.roots.append(root)
        obj.deepbind = bool(flags & RTLD_DEEPBIND)
        thread_storage.place(namespace.tls, obj)
    if namespace.tls.modules and not namespace.tls.tp:
        session.guest.set_register("tp", thread_storage.allocate(namespace, session.memory))
    if session.debug.on("scopes"):
        debug_listing.scopes(session.debug, session.state, in_order)
    for obj in in_order:
        session.prepare(obj, lazy=not flags & RTLD_NOW)
    for obj in in_order:
        session.protect_relro(obj)
    for obj in scope:
        if not obj.startup and root not in obj.roots:
            obj.roots.append(root)
    _promote(namespace, root, flags)
    r_debug.publish(namespace, session.memory, session.state.stub, session.stub_address("_dl_debug_state"))
    guest_calls.queue_init(session.state, in_order)


def _promote(namespace: Namespace, root: LinkMap, flags: int) -> None:
    """RTLD_GLOBAL and RTLD_NODELETE, which a later dlopen of the same library may add."""
    if flags & RTLD_NODELETE:
        root.nodelete = True
    if flags & RTLD_GLOBAL:
        for obj in root.searchlist:
            if not obj.is_global:
                obj.is_global = True
                namespace.global_scope.append(obj)


def _give_back(session: Session, fresh: Sequence[LinkMap]) -> None:
    """Undo a dlopen that failed."""
    state = session.state
    namespace = state.namespace
    for obj in list(fresh):
        namespace.objects.remove(obj)
        del namespace.by_handle[obj.handle]
        state.libraries -= 1
        guest_calls.unmap(session, obj)
        r_debug.drop_link_map(namespace, obj)
    state.forget_initialisers(set(fresh))


def dlclose(session: Session, handle: int) -> None:
    """One use less of `handle`; what nobody needs any more is finalised by the guest and then unmapped. Raises DlError."""
    namespace = session.state.own()
    obj = namespace.by_handle.get(handle)
    if obj is None or obj.opencount == 0:
        raise DlError("", "shared object not open")
    obj.opencount -= 1
    session.debug.say("files", f"\nclosing file={obj.name}; direct_opencount={obj.opencount}")
    if obj.opencount or obj.startup:
        return
    staying = _staying(namespace)
    leaving = [gone for gone in namespace.objects if gone not in staying]
    if not leaving:
        return
    state = session.state
    in_order = init_order.dependencies_first(namespace.objects, namespace.main, root_last=False)
    guest_calls.queue_fini(state, [gone for gone in reversed(in_order) if gone not in staying])
    namespace.objects = [kept for kept in namespace.objects if kept in staying]
    namespace.global_scope = [kept for kept in namespace.global_scope if kept in staying]
    for gone in leaving:
        del namespace.by_handle[gone.handle]
    for kept in namespace.objects:
        kept.roots = [root for root in kept.roots if root in staying]
    state.unload.extend(leaving)
    state.forget_initialisers(set(leaving))
    r_debug.publish(namespace, session.memory, state.stub, session.stub_address("_dl_debug_state"))


def _staying(namespace: Namespace) -> set[LinkMap]:
    """All objects that are opened, permanent, or held by one that is."""
    queue = [obj for obj in namespace.objects if obj.opencount or obj.startup or obj.nodelete]
    staying = set(queue)
    for obj in queue:
        for held in (*obj.needed, *obj.reldeps):
            if held not in staying:
                staying.add(held)
                queue.append(held)
    return staying


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
    """Who is said to refer to the symbol, and where it is looked up."""
    if handle == RTLD_DEFAULT:
        reference = caller or namespace.main
        return reference, scopes_of(namespace, reference)
    if handle == RTLD_NEXT:
        if caller is None:
            raise DlError("", "RTLD_NEXT used in code not dynamically loaded")
        within = (
            namespace.main.searchlist if caller.startup or not caller.roots else caller.roots[0].searchlist
        )
        return caller, [within[within.index(caller) + 1 :]]
    obj = namespace.by_handle.get(handle)
    if obj is None:
        raise DlError("", "invalid handle")
    return obj, [obj.searchlist]


def _value(session: Session, found: Definition) -> int:
    """The address of a definition; of a thread-local one, in this thread."""
    if found.symbol.type == c.STT_GNU_IFUNC:
        raise DlError(found.obj.name, "dlsym of an IFUNC symbol is not supported")
    if found.symbol.type != c.STT_TLS:
        return found.address
    if not found.obj.tls_module:
        raise DlError(found.obj.name, "cannot handle TLS data")
    entry = session.state.namespace.tls.dtv + 8 * found.obj.tls_module
    return int.from_bytes(session.memory.read(entry, 8), "little") + found.symbol.value
