"""Unloading: run the finalisers of an unused library in the guest, then unmap it.

An object stays loaded if it is open, was loaded at start-up, or is permanent, and as long as
another such object depends on it or was bound to it. The rules are glibc's (dl-close.c).
"""

from __future__ import annotations

from collections.abc import Collection

from . import guest_calls, object_loading
from .loader_events import LibraryUnmapped
from .objects import init_order, r_debug
from .objects.link_map import LinkMap, Namespace
from .session import Session


def collect(session: Session) -> None:
    """Remove the objects that are no longer needed from the namespace, and queue their finalisers.

    A call from a finaliser is deferred until the pending finalisers are done. At the exit of the
    program, nothing is unloaded.
    """
    state = session.state
    if state.exiting:
        return
    if state.finalising:
        state.close_again = True
        return
    namespace = state.own()
    staying = _staying(namespace)
    leaving = [gone for gone in namespace.objects if gone not in staying]
    if not leaving:
        return
    in_order = init_order.users_first(namespace.objects, namespace.main, bindings=True)
    guest_calls.queue_fini(state, [gone for gone in in_order if gone not in staying])
    forget(namespace, set(leaving))
    for kept in namespace.objects:
        _leave_scopes(kept, staying)
    state.unload.extend(leaving)
    state.forget_initialisers(set(leaving))
    r_debug.publish(namespace, session.memory, state.stub, session.stub_address("_dl_debug_state"))


def _staying(namespace: Namespace) -> set[LinkMap]:
    """All objects that are open or permanent, and the objects that those depend on or were bound
    to.
    """
    queue = [obj for obj in namespace.objects if obj.opencount or namespace.is_permanent(obj)]
    staying = set(queue)
    for obj in queue:
        for held in (*obj.dependencies, *obj.reldeps):
            if held not in staying:
                staying.add(held)
                queue.append(held)
    return staying


def forget(namespace: Namespace, gone: Collection[LinkMap]) -> None:
    """Remove objects from the lists of a namespace."""
    for obj in gone:
        namespace.by_handle.pop(obj.handle, None)
    namespace.objects = [kept for kept in namespace.objects if kept not in gone]
    if any(obj.is_global for obj in gone):
        main = namespace.main
        main.searchlist = tuple(obj for obj in main.searchlist if obj not in gone)
    namespace.unique = {name: found for name, found in namespace.unique.items() if found[0] not in gone}


def _leave_scopes(kept: LinkMap, staying: Collection[LinkMap]) -> None:
    """Remove unloaded roots from the scope of an object that stays.

    If it has no search list, it becomes a root itself.
    """
    if kept.loader is not None and kept.loader not in staying:
        kept.loader = None
    if all(root in staying for root in kept.scope):
        return
    stand_in = [] if kept.searchlist else [kept]
    scope = []
    for root in kept.scope:
        if root in staying:
            scope.append(root)
        else:
            scope += stand_in
            stand_in = []
    kept.scope = scope
    kept.searchlist = kept.searchlist or (kept, *kept.needed)


def next_fini(session: Session) -> int:
    """The next finaliser; if none is left, unmap the closed libraries and return 0.

    Raises DlError.
    """
    state = session.state
    if state.nested_closes:
        state.nested_closes -= 1
        return 0
    state.finalising = False
    function = guest_calls.next_finaliser(session)
    while not function and (state.unload or state.close_again):
        _unload_all(session)
        if state.close_again:
            state.close_again = False
            collect(session)
        function = guest_calls.next_finaliser(session)
    state.finalising = function != 0
    return function


def _unload_all(session: Session) -> None:
    state = session.state
    if state.unload:
        state.own()
        leaving, state.unload = state.unload, []
        for obj in leaving:
            unload(session, obj)


def unload(session: Session, obj: LinkMap) -> None:
    """Free an object's segments, TLS block and link map."""
    namespace = session.state.namespace
    session.debug.say("files", f"\nfile={obj.name} [0];  destroying link map")
    if obj.image is not None:
        object_loading.unmap(session, obj.image)
        guest = session.guest
        if guest.wants(LibraryUnmapped):
            guest.emit(LibraryUnmapped(guest.now, guest.pid, obj.name, obj.image.start, obj.image.end))
    if obj.tls_module:
        namespace.tls.release(obj.tls_module, namespace.heap, session.memory)
    r_debug.drop_link_map(namespace, session.memory, obj)
