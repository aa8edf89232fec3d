"""LD_DEBUG and LD_TRACE_LOADED_OBJECTS: their categories and output, in glibc's format.

A line of LD_DEBUG starts with the pid: `     20536:\tbinding file A [0] to B [0]: ...`. It goes to the
guest's standard error, or to the guest file LD_DEBUG_OUTPUT.PID.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..base.record import Record
from .guest_process import Guest
from .loader_state import LoaderState
from .objects.link_map import LinkMap

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
"""The category of `calling init` and similar lines, which most other categories include."""


def categories_of(words: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The categories that the words of LD_DEBUG select, with `all` expanded, and the unknown words."""
    words = tuple(words)
    known = {word for word in words if word in CATEGORIES}
    if "all" in known:
        known |= _BEFORE_ALL
    if known & _WITH_CALLS:
        known.add(CALLS)
    return frozenset(known), tuple(word for word in words if word not in CATEGORIES)


def help_text() -> str:
    """The output of LD_DEBUG=help."""
    rows = "".join(f"  {word:<10}  {meaning}\n" for word, meaning in CATEGORIES.items())
    return (
        "Valid options for the LD_DEBUG environment variable are:\n\n"
        f"{rows}\n"
        "To direct the debugging output into a file instead of standard output\n"
        "a filename can be specified using the LD_DEBUG_OUTPUT environment variable.\n"
    )


class DebugLog:
    """Writes the lines of the selected categories for one process."""

    def __init__(self, guest: Guest, state: LoaderState, categories: frozenset[str], output: str) -> None:
        self._guest = guest
        self._state = state
        self._categories = categories
        self._output = output

    def on(self, category: str) -> bool:
        """Whether `category` is selected; checked before a line is formatted."""
        return category in self._categories

    def write(self, text: str) -> None:
        """Write lines, as glibc's _dl_debug_printf does, to the file or, if that fails, to stderr."""
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
        """Write `text` if `category` is selected."""
        if category in self._categories:
            self.write(text)

    def list_scopes(self, objects: Iterable[LinkMap], heading: str = "") -> None:
        """`scopes`: the search scopes of each object."""
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

    def write_statistics(self) -> None:
        """`statistics` before the program starts.

        There are no times: the loader takes no guest time.
        """
        state = self._state
        self.say(
            "statistics",
            f"                 number of relocations: {state.lookups}\n"
            f"      number of relocations from cache: {state.cached}\n"
            f"        number of relative relocations: {state.relocations['R_RISCV_RELATIVE']}",
        )

    def write_final_statistics(self) -> None:
        """`statistics` at the exit of the program."""
        self.say(
            "statistics",
            "\nruntime linker statistics:\n"
            f"           final number of relocations: {self._state.lookups}\n"
            f"final number of relocations from cache: {self._state.cached}",
        )


class LoadedObject(Record):
    """One line of `ldd`: the requested name, the path ("": not found), the address of the first
    page.
    """

    name: str
    path: str
    address: int

    def line(self) -> str:
        """The line in glibc's format, without newline."""
        if not self.path:
            return f"\t{self.name} => not found"
        where = f"({self.address:#018x})"
        return f"\t{self.path} {where}" if self.name == self.path else f"\t{self.name} => {self.path} {where}"


def objects_of(state: LoaderState) -> tuple[LoadedObject, ...]:
    """The libraries of a program, in load order."""
    return tuple(
        LoadedObject(_requested_name(obj), obj.name if obj.image else "", obj.image.start if obj.image else 0)
        for obj in state.namespace.objects
        if not obj.executable
    )


def _requested_name(obj: LinkMap) -> str:
    """The name in DT_NEEDED of the object that loaded it first."""
    wanted: Sequence[str] = obj.loader.dynamic.needed if obj.loader else ()
    return next((name for name in wanted if name in obj.names), obj.name)


def trace_text(state: LoaderState) -> str:
    """The output of LD_TRACE_LOADED_OBJECTS."""
    lines = [found.line() for found in objects_of(state)] or ["\tstatically linked"]
    return "".join(f"{line}\n" for line in lines)


def unused_dependencies(state: LoaderState) -> tuple[str, ...]:
    """The direct dependencies of the program that no reference was bound to."""
    return tuple(obj.name for obj in state.namespace.main.needed if obj.handle not in state.used)


def unused_text(state: LoaderState) -> str:
    """The output of LD_DEBUG=unused with LD_TRACE_LOADED_OBJECTS (`ldd -u`)."""
    unused = unused_dependencies(state)
    return "Unused direct dependencies:\n\n" + "".join(f"\t{name}\n" for name in unused) if unused else ""
