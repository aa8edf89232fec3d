"""The functions that the guest calls for the loader: initialisers, finalisers, IFUNC resolvers.

The loader cannot call into the guest. Instead the stub requests the next function (DL_NEXT_INIT,
DL_NEXT_FINI) and calls it. The result of an IFUNC resolver is passed in a0 of the next request.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ..base.bits import u64
from ..kernel.mm.address_space import AddressSpace
from ..kernel.mm.vma import PROT_READ, PROT_WRITE
from ..machine.physical_memory import PAGE_SIZE
from .dlerror import DlError
from .ld_debug import CALLS
from .loader_state import InitBatch, LoaderState, Pending
from .objects import init_order
from .objects.link_map import LinkMap
from .session import Session

_WORD = struct.Struct("<Q")


def queue_init(state: LoaderState, in_order: Iterable[LinkMap]) -> None:
    """Queue the initialisers of those objects of `in_order` that are not yet initialised.

    The program's DT_INIT and DT_INIT_ARRAY are not queued: its C start-up code calls them, as with
    glibc.
    """
    queue = state.init_batches[-1].queue
    for obj in in_order:
        if obj.handle in state.initialised or obj.missing:
            continue
        if obj.executable:
            queue.append(Pending(obj, 0, "quiet"))
            continue
        queue.append(Pending(obj, 0, "init"))
        queue.extend(Pending(obj, function, "call") for function in obj.dynamic.init_functions)


def queue_preinit(state: LoaderState) -> None:
    """Queue the program's DT_PREINIT_ARRAY."""
    main = state.namespace.main
    if main.dynamic.preinit_functions:
        state.queue_call(Pending(main, 0, "preinit"))
    for function in main.dynamic.preinit_functions:
        state.queue_call(Pending(main, function, "call"))


def queue_fini(state: LoaderState, in_order: Iterable[LinkMap]) -> None:
    """Queue the finalisers of those objects of `in_order` that were initialised."""
    queue = state.pending_fini
    for obj in in_order:
        if obj.handle in state.initialised:
            state.initialised.discard(obj.handle)
            if obj.dynamic.fini_functions:
                queue.append(Pending(obj, 0, "fini"))
            queue.extend(Pending(obj, function, "call") for function in reversed(obj.dynamic.fini_functions))


def entering_open(state: LoaderState) -> None:
    """Start a dlopen.

    If an initialiser or resolver calls it, it gets a batch of functions of its own.
    """
    if state.init_batches[-1].calling is not None:
        state.init_batches.append(InitBatch())


def entering_close(state: LoaderState) -> None:
    """Start a dlclose.

    If a finaliser calls it, it runs no finalisers: the current ones finish first.
    """
    if state.finalising:
        state.nested_closes += 1


def next_init(session: Session, answer: int) -> int:
    """The next function of the current batch to call; 0: none is left. Raises DlError.

    `answer` is the return value of the previous function.
    """
    state = session.state
    batch = state.init_batches[-1]
    called, batch.calling = batch.calling, None
    if called is not None and called.kind == "ifunc":
        _store_result(session.memory, called, answer)
    while batch.queue:
        item = batch.queue.popleft()
        if item.kind in ("init", "quiet", "preinit"):
            if item.kind != "preinit":
                state.initialised.add(item.obj.handle)
            if item.kind != "quiet":
                session.debug.say(CALLS, f"\ncalling {item.kind}: {state.filename(item.obj)}\n")
            continue
        function = _function(session.memory, item)
        if function:
            batch.calling = item
            return function
    if len(state.init_batches) > 1:
        state.init_batches.pop()
    elif not state.started:
        state.started = True
        session.debug.say(CALLS, f"\ntransferring control: {state.program}\n")
    return 0


def begin_exit(session: Session) -> None:
    """Queue all finalisers at the exit of the program, an object before its dependencies."""
    state = session.state
    namespace = state.namespace
    state.exiting = True
    state.finalising = False
    state.nested_closes = 0
    queue_fini(state, init_order.users_first(namespace.objects, namespace.main, bindings=True))
    session.debug.write_final_statistics()


def next_finaliser(session: Session) -> int:
    """The next finaliser in the queue; 0: none is left. Raises DlError."""
    state = session.state
    while state.pending_fini:
        item = state.pending_fini.popleft()
        if item.kind == "fini":
            session.debug.say(CALLS, f"\ncalling fini: {state.filename(item.obj)} [0]\n")
            continue
        function = _function(session.memory, item)
        if function:
            return function
    return 0


def _function(memory: AddressSpace, item: Pending) -> int:
    """The function to call, read from its array slot if necessary (see
    `dynamic_section._functions`).
    """
    if item.va >= 0:
        return item.va
    try:
        return int(_WORD.unpack(memory.read(-item.va, 8))[0])
    except OSError as error:
        raise DlError(item.obj.name, f"function array at {-item.va:#x} is not mapped") from error


def _store_result(memory: AddressSpace, item: Pending, answer: int) -> None:
    """Store the result of an IFUNC resolver. RELRO may have made the page read-only already."""
    data = _WORD.pack(u64(answer + item.addend))
    try:
        memory.write(item.slot, data)
    except OSError:
        page = item.slot & -PAGE_SIZE
        memory.mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE)
        memory.write(item.slot, data)
        memory.mprotect(page, PAGE_SIZE, PROT_READ)
