"""Whether the versions that objects need are there (glibc: dl-version.c), before anything is bound.

A C library that works with its own dynamic loader only is refused here, too: glibc's libc.so.6 reads
and writes that loader's private data (`_rtld_global`, the thread descriptor), whose layout changes
with each release. The symbols have the version GLIBC_PRIVATE.
"""

from __future__ import annotations

from ..base.errors import LoadError
from .dlerror import DlError
from .objects.link_map import LinkMap
from .objects.version_table import NeededVersion
from .session import Session

_PRIVATE = b"GLIBC_PRIVATE"
_MISSING_STATUS = 1  # of a program that needs a version that is not there


def check_program(session: Session, objects: tuple[LinkMap, ...]) -> None:
    """Check a program and its libraries. All faults are told at once.

    Raises LoadError if a version is missing, DlError for a library that needs another loader. A
    library without versions is only reported.
    """
    for obj in objects:
        _refuse_private(session, obj)
    told: list[str] = []
    missing = False
    for fault, fatal in (found for obj in objects for found in _faults(session, obj)):
        told.append(f"{session.state.program}: {fault.text()}")
        missing |= fatal
    if missing:
        failure = LoadError("\n".join(told))
        failure.exit_code = _MISSING_STATUS
        raise failure
    for line in told:
        session.guest.write_stderr(f"{line}\n".encode("utf-8", "surrogateescape"))


def check_opened(session: Session, obj: LinkMap) -> None:
    """Check an object that dlopen loads. Raises DlError for the first version that is missing."""
    _refuse_private(session, obj)
    for fault, fatal in _faults(session, obj):
        if fatal:
            raise fault


def _refuse_private(session: Session, obj: LinkMap) -> None:
    """Raise DlError if `obj` uses private data of another dynamic loader."""
    table = obj.symbols.version_table
    for need in table.needed if table else ():
        if need.name == _PRIVATE and need.file in session.state.own_names:
            raise DlError(
                session.state.filename(obj),
                f"works only with its own dynamic loader, {need.file}, whose private data it uses; "
                "toyvm's loader has none. Run the program without --interp toyvm, or with --interp program",
            )


def _faults(session: Session, obj: LinkMap) -> list[tuple[DlError, bool]]:
    """The faults of one object, and whether the object cannot run with them."""
    table = obj.symbols.version_table
    found = []
    for need in table.needed if table else ():
        library = next((other for other in session.state.namespace.objects if _is_called(other, need)), None)
        if library is None or library.missing:
            continue
        fault = _fault(session, obj, need, library)
        if fault is not None:
            found.append(fault)
    return found


def _fault(
    session: Session, obj: LinkMap, need: NeededVersion, library: LinkMap
) -> tuple[DlError, bool] | None:
    filename = session.state.filename
    name = need.name.decode("utf-8", "surrogateescape")
    session.debug.say(
        "versions",
        f"checking for version `{name}' in file {filename(library)} [0] required by file {filename(obj)} [0]",
    )
    table = library.symbols.version_table
    required = f"(required by {filename(obj)})"
    if table is None or table.defined is None:
        return DlError(filename(library), f"no version information available {required}"), False
    if need.name in table.defined:
        return None
    if need.weak:
        return DlError(filename(library), f"weak version `{name}' not found {required}"), False
    return DlError(filename(library), f"version `{name}' not found {required}"), True


def _is_called(obj: LinkMap, need: NeededVersion) -> bool:
    return need.file in obj.names or obj.dynamic.soname == need.file
