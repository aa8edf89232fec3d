"""Start-up: the loader's passes from a mapped program to its initial pc."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from ..kernel.mm.image_mapping import LoadedImage
from . import guest_calls, ld_debug, object_loading, stub
from .dlerror import DlError
from .guest_process import Guest
from .ld_environment import LdEnvironment
from .loader_state import LoaderState
from .objects import init_order, r_debug
from .objects.link_map import LinkMap
from .session import Session

_USUAL_NAME = "ld-linux-riscv64-lp64d.so.1"


def start(guest: Guest, image: LoadedImage, argv: Sequence[str], envp: Sequence[str]) -> tuple[Session, int]:
    """Load the dependencies of a mapped program, before it runs.

    Return the session and the initial pc.

    Raises DlError.
    """
    environment = LdEnvironment.parse(envp)
    program = argv[0] if argv else posixpath.basename(image.path)
    own_names = {_USUAL_NAME, posixpath.basename(image.interpreter or "")}
    state = LoaderState(program, frozenset(own_names))
    try:
        state.stub = guest.map_stub(stub.build().code)
        session = Session(guest, state, environment)
        return session, session.stub_address(_load(session, image))
    except OSError as error:
        raise DlError("", "cannot map or write the program's memory", error.errno or 0) from error


def _load(session: Session, image: LoadedImage) -> str:
    """Run the passes. Return the stub label to start at."""
    state, environment = session.state, session.environment
    if _print_help(session):
        return "_dl_exit"
    main = _program(session, image)
    preloaded = [
        obj for name in environment.preload if (obj := object_loading.preload(session, name)) is not None
    ]
    scope = object_loading.load_needed(session, [main, *preloaded], trace=environment.trace_objects)
    # From here on, the set of objects is fixed.
    _set_global_scope(main, scope)
    if environment.trace_objects:
        _trace(session)
        return "_dl_exit"
    if any(obj.symbols.version_table for obj in scope):
        from . import version_check  # few objects have versions

        version_check.check_program(session, scope)
    session.lay_out_tls(scope)
    session.debug.list_scopes(scope, "\nInitial object scopes")
    # From here on, scopes and addresses are fixed.
    in_order = main.init_list[::-1]
    guest_calls.queue_preinit(state)
    for obj in in_order:
        session.prepare(obj, lazy=True)
    r_debug.publish(state.namespace, session.memory, state.stub, session.stub_address("_dl_debug_state"))
    for obj in in_order:
        session.protect_relro(obj)
    # From here on, the image is complete. The guest runs the initialisers.
    session.debug.write_statistics()
    guest_calls.queue_init(state, in_order)
    return "_dl_start_user"


def _print_help(session: Session) -> bool:
    """Warn about unknown LD_DEBUG words. For LD_DEBUG=help, print the help and return True."""
    environment = session.environment
    for word in environment.unknown_debug:
        session.guest.write_stderr(
            f"warning: debug option `{word}' unknown; try LD_DEBUG=help\n".encode("utf-8", "surrogateescape")
        )
    if "help" in environment.debug:
        session.guest.write_stdout(ld_debug.help_text().encode())
        return True
    return False


def _program(session: Session, image: LoadedImage) -> LinkMap:
    main = object_loading.describe(session, image, "")
    main.executable = True
    main.names.add(image.path)
    object_loading.add(session, main)
    return main


def _set_global_scope(main: LinkMap, scope: tuple[LinkMap, ...]) -> None:
    """Set up the global scope.

    The objects loaded at start-up belong to it and are never unloaded.
    """
    main.searchlist = scope
    main.init_list = init_order.users_first([obj for obj in scope if not obj.missing], main)
    main.opencount = 1
    for obj in scope:
        obj.startup = obj.is_global = True
        obj.scope = [main]


def _trace(session: Session) -> None:
    """LD_TRACE_LOADED_OBJECTS: list the libraries, or with LD_DEBUG=unused the unused dependencies."""
    state = session.state
    if "unused" not in session.environment.debug:
        session.guest.write_stdout(ld_debug.trace_text(state).encode("utf-8", "surrogateescape"))
        return
    in_order = state.namespace.main.init_list[::-1]
    session.lay_out_tls(in_order)
    for obj in in_order:
        session.prepare(obj, lazy=False)
    session.guest.write_stdout(ld_debug.unused_text(state).encode("utf-8", "surrogateescape"))
