"""What LD_DEBUG and LD_TRACE_LOADED_OBJECTS print about a program as a whole, in glibc's shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..base.record import Record
from .debug_log import DebugLog
from .link_map import LinkMap, LoaderState
from .symbol_scope import scopes_of


class LoadedObject(Record):
    """One line of `ldd`: the name asked for, the path found ("" = none), the address of its first page."""

    name: str
    path: str
    address: int

    def line(self) -> str:
        """The line as glibc writes it."""
        if not self.path:
            return f"\t{self.name} => not found"
        where = f"({self.address:#018x})"
        return f"\t{self.path} {where}" if self.name == self.path else f"\t{self.name} => {self.path} {where}"


def loaded_objects(objects: Iterable[LinkMap]) -> tuple[LoadedObject, ...]:
    """The libraries of a program, in load order."""
    return tuple(
        LoadedObject(_asked_for(obj), obj.name if obj.image else "", obj.image.start if obj.image else 0)
        for obj in objects
        if not obj.executable
    )


def _asked_for(obj: LinkMap) -> str:
    """The name by which the first object that needs it asks for it."""
    wanted = obj.loader.dynamic.needed if obj.loader else ()
    return next((name for name in wanted if name in obj.names), obj.name)


def trace_text(objects: Sequence[LinkMap]) -> str:
    """What LD_TRACE_LOADED_OBJECTS prints."""
    lines = [found.line() for found in loaded_objects(objects)] or ["\tstatically linked"]
    return "".join(f"{line}\n" for line in lines)


def scopes(debug: DebugLog, state: LoaderState, objects: Iterable[LinkMap]) -> None:
    """LD_DEBUG=scopes: where each object's references are looked up."""
    for obj in objects:
        lines = [f"object={state.filename(obj)} [0]"]
        for number, scope in enumerate(scopes_of(state.namespace, obj)):
            lines.append(f" scope {number}: {' '.join(state.filename(member) for member in scope)}")
        debug.write("\n".join([*lines, ""]))


def statistics(debug: DebugLog, state: LoaderState) -> None:
    """LD_DEBUG=statistics when the program is ready. Times are left out: the loader takes none of the guest's."""
    relative = state.relocations["R_RISCV_RELATIVE"]
    debug.write(
        f"                 number of relocations: {state.lookups}\n"
        f"      number of relocations from cache: {state.cached}\n"
        f"        number of relative relocations: {relative}"
    )


def final_statistics(debug: DebugLog, state: LoaderState) -> None:
    """LD_DEBUG=statistics at the end."""
    debug.write(
        "\nruntime linker statistics:\n"
        f"           final number of relocations: {state.lookups}\n"
        f"final number of relocations from cache: {state.cached}"
    )


def unused_objects(state: LoaderState) -> tuple[str, ...]:
    """Direct dependencies of the program that nothing was bound to."""
    return tuple(obj.name for obj in state.namespace.main.needed if obj.handle not in state.used)


def unused_text(state: LoaderState) -> str:
    """LD_DEBUG=unused with LD_TRACE_LOADED_OBJECTS (`ldd -u`)."""
    unused = unused_objects(state)
    return "Unused direct dependencies:\n\n" + "".join(f"\t{name}\n" for name in unused) if unused else ""
