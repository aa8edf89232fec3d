"""LD_DEBUG and LD_TRACE_LOADED_OBJECTS: which lines are wanted, what they say, and where they go, in glibc's shapes.

A line of LD_DEBUG reads `     20536:\tbinding file A [0] to B [0]: ...`, with the process number in front. It goes to the guest's
standard error, or to the file LD_DEBUG_OUTPUT.PID in its file system.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..base.record import Record
from .guest_process import Guest
from .link_map import LinkMap
from .loader_state import LoaderState

CATEGORIES = {
    "libs": "display library search paths",
    "reloc": "display relocation processing",
    "files": "display progress for input file",
    "symbols": "display symbol table processing",
    "bindings": "display information about symbol binding",
    "versions": "display version dependencies",
    "scopes": "display scope information",
    "all": "all previous options combined",
    "statistics": "display relocation statistics",
    "unused": "determined unused DSOs",
    "help": "display this help message and exit",
}
_BEFORE_ALL = frozenset(list(CATEGORIES)[: list(CATEGORIES).index("all")])
_WITH_CALLS = _BEFORE_ALL - {"scopes"}
CALLS = "calls"
"""The category of `calling init` and its like, which most others bring with them."""


def categories_of(words: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The categories that the words of LD_DEBUG ask for, `all` written out, and the words that are no category."""
    words = tuple(words)
    known = {word for word in words if word in CATEGORIES}
    if "all" in known:
        known |= _BEFORE_ALL
    if known & _WITH_CALLS:
        known.add(CALLS)
    return frozenset(known), tuple(word for word in words if word not in CATEGORIES)


def help_text() -> str:
    """What LD_DEBUG=help prints."""
    rows = "".join(f"  {word:<10}  {meaning}\n" for word, meaning in CATEGORIES.items())
    return (
        "Valid options for the LD_DEBUG environment variable are:\n\n"
        f"{rows}\n"
        "To direct the debugging output into a file instead of standard output\n"
        "a filename can be specified using the LD_DEBUG_OUTPUT environment variable.\n"
    )


class DebugLog:
    """Writes the lines of the chosen categories for one process."""

    def __init__(self, guest: Guest, state: LoaderState, categories: frozenset[str], output: str) -> None:
        self._guest = guest
        self._state = state
        self._categories = categories
        self._output = output

    def on(self, category: str) -> bool:
        """Whether lines of `category` are wanted: ask before building one."""
        return category in self._categories

    def write(self, text: str) -> None:
        """Write `text`, a line or more, as _dl_debug_printf does. A file that cannot be written is given up for standard error."""
        pid = self._guest.pid
        lines = "".join(f"{pid:10d}:\t{line}\n" for line in text.split("\n"))
        data = lines.encode("utf-8", "surrogateescape")
        if self._output:
            try:
                self._guest.append_file(f"{self._output}.{pid}", data)
                return
            except OSError:
                self._output = ""
        self._guest.write_stderr(data)

    def say(self, category: str, text: str) -> None:
        """Write `text` when `category` is wanted."""
        if category in self._categories:
            self.write(text)

    def list_scopes(self, objects: Iterable[LinkMap], heading: str = "") -> None:
        """`scopes`: where each object's references are looked up."""
        if not self.on("scopes"):
            return
        if heading:
            self.write(heading)
        filename = self._state.filename
        for obj in objects:
            lines = [f"object={filename(obj)} [0]"]
            for number, scope in enumerate(obj.search_scopes()):
                lines.append(f" scope {number}: {' '.join(filename(member) for member in scope)}")
            self.write("\n".join([*lines, ""]))

    def tell_statistics(self) -> None:
        """`statistics` when the program is ready. Times are left out: the loader takes none of the guest's."""
        state = self._state
        self.say(
            "statistics",
            f"                 number of relocations: {state.lookups}\n"
            f"      number of relocations from cache: {state.cached}\n"
            f"        number of relative relocations: {state.relocations['R_RISCV_RELATIVE']}",
        )

    def tell_final_statistics(self) -> None:
        """`statistics` at the end."""
        self.say(
            "statistics",
            "\nruntime linker statistics:\n"
            f"           final number of relocations: {self._state.lookups}\n"
            f"final number of relocations from cache: {self._state.cached}",
        )


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


def objects_of(state: LoaderState) -> tuple[LoadedObject, ...]:
    """The libraries of a program, in load order."""
    return tuple(
        LoadedObject(_asked_for(obj), obj.name if obj.image else "", obj.image.start if obj.image else 0)
        for obj in state.namespace.objects
        if not obj.executable
    )


def _asked_for(obj: LinkMap) -> str:
    """The name by which the first object that needs it asks for it."""
    wanted: Sequence[str] = obj.loader.dynamic.needed if obj.loader else ()
    return next((name for name in wanted if name in obj.names), obj.name)


def trace_text(state: LoaderState) -> str:
    """What LD_TRACE_LOADED_OBJECTS prints."""
    lines = [found.line() for found in objects_of(state)] or ["\tstatically linked"]
    return "".join(f"{line}\n" for line in lines)


def unused_dependencies(state: LoaderState) -> tuple[str, ...]:
    """Direct dependencies of the program that nothing was bound to."""
    return tuple(obj.name for obj in state.namespace.main.needed if obj.handle not in state.used)


def unused_text(state: LoaderState) -> str:
    """LD_DEBUG=unused with LD_TRACE_LOADED_OBJECTS (`ldd -u`)."""
    unused = unused_dependencies(state)
    return "Unused direct dependencies:\n\n" + "".join(f"\t{name}\n" for name in unused) if unused else ""
