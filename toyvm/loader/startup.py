"""From a mapped program to the pc it begins at: the loader's passes in their order."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from ..kernel.mm.image_mapping import LoadedImage
from . import debug_listing, guest_calls, init_order, object_loading, r_debug, stub, thread_storage
from .dlerror import DlError
from .guest_process import Guest
from .ld_environment import LdEnvironment, help_text
from .link_map import LinkMap, LoaderState
from .session import Session

_USUAL_NAME = "ld-linux-riscv64-lp64d.so.1"


def start(
    guest: Guest, image: LoadedImage, argv: Sequence[str], envp: Sequence[str]
) -> tuple[LoaderState, int]:
    """Load what the program needs; the loader's state for the process, and the pc to begin at.

    Raises DlError. `guest` has the program mapped; nothing of the program has run.
    """
    environment = LdEnvironment.parse(envp)
    program = argv[0] if argv else posixpath.basename(image.path)
    own_names = {_USUAL_NAME, posixpath.basename(image.interpreter or "")}
    state = LoaderState(environment, program, frozenset(own_names))
    try:
        state.stub = guest.map_stub(stub.build().code)
        session = Session(guest, state)
        return state, session.stub_address(_load(session, image))
    except OSError as error:
        raise DlError("", "cannot map or write the program's memory", error.errno or 0) from error


def _load(session: Session, image: LoadedImage) -> str:
    """The passes; the label of the stub to begin at."""
    state, environment = session.state, session.state.environment
    if _told_help(session):
        return "_dl_exit"
    main = _program(session, image)
    preloaded = [
        obj for name in environment.preload if (obj := object_loading.preload(session, name)) is not None
    ]
    scope = object_loading.load_needed(session, [main, *preloaded], trace=environment.trace_objects)
    # The set of objects is known from here on.
    _enter(state, main, scope)
    if environment.trace_objects:
        _trace(session)
        return "_dl_exit"
    _lay_out_tls(session, scope)
    if session.debug.on("scopes"):
        session.debug.write("\nInitial object scopes")
        debug_listing.scopes(session.debug, state, scope)
    # Scopes and addresses are known from here on.
    in_order = init_order.dependencies_first(scope, main)
    guest_calls.queue_preinit(state)
    for obj in in_order:
        session.prepare(obj, lazy=True)
    r_debug.publish(state.namespace, session.memory, state.stub, session.stub_address("_dl_debug_state"))
    for obj in in_order:
        session.protect_relro(obj)
    # The image is complete from here on; the guest does the rest.
    if session.debug.on("statistics"):
        debug_listing.statistics(session.debug, state)
    guest_calls.queue_init(state, in_order)
    return "_dl_start_user"


def _told_help(session: Session) -> bool:
    """LD_DEBUG=help instead of running; a word about unknown options."""
    environment = session.state.environment
    for word in environment.unknown_debug:
        session.guest.write_stderr(
            f"warning: debug option `{word}' unknown; try LD_DEBUG=help\n".encode("utf-8", "surrogateescape")
        )
    if "help" in environment.debug:
        session.guest.write_stdout(help_text().encode())
        return True
    return False


def _program(session: Session, image: LoadedImage) -> LinkMap:
    main = object_loading.describe(session, image, "")
    main.executable = True
    main.names.add(image.path)
    object_loading.add(session, main)
    return main


def _enter(state: LoaderState, main: LinkMap, scope: tuple[LinkMap, ...]) -> None:
    """All that is there at the start is in the global scope and stays."""
    main.searchlist = scope
    state.namespace.global_scope.extend(scope)
    for obj in scope:
        obj.startup = obj.is_global = True
        if obj is not main:
            obj.searchlist = init_order.breadth_first([obj])
    main.opencount = 1


def _lay_out_tls(session: Session, scope: Sequence[LinkMap]) -> None:
    namespace = session.state.namespace
    for obj in scope:
        thread_storage.place(namespace.tls, obj)
    if namespace.tls.modules:
        session.guest.set_register("tp", thread_storage.allocate(namespace, session.memory))


def _trace(session: Session) -> None:
    """LD_TRACE_LOADED_OBJECTS: tell instead of running; with LD_DEBUG=unused, what is needed for nothing."""
    state = session.state
    if "unused" not in state.environment.debug:
        session.guest.write_stdout(
            debug_listing.trace_text(state.namespace.objects).encode("utf-8", "surrogateescape")
        )
        return
    present = [obj for obj in state.namespace.main.searchlist if not obj.missing]
    _lay_out_tls(session, present)
    for obj in init_order.dependencies_first(present, state.namespace.main):
        session.prepare(obj, lazy=False)
    session.guest.write_stdout(debug_listing.unused_text(state).encode("utf-8", "surrogateescape"))
