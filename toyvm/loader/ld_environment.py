"""The LD_* variables of a program's environment, as ld.so(8) describes them, read once at its start."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.record import Record

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


class LdEnvironment(Record):
    """LD_* settings. An empty element of `library_path` means the current directory."""

    library_path: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    bind_now: bool = False
    debug: frozenset[str] = frozenset()
    unknown_debug: tuple[str, ...] = ()
    debug_output: str = ""
    trace_objects: bool = False

    @classmethod
    def parse(cls, envp: Sequence[str]) -> LdEnvironment:
        """Read `NAME=VALUE` strings; of a name given twice the last counts, as in glibc."""
        values = dict(item.split("=", 1) for item in envp if item.startswith("LD_") and "=" in item)
        debug, unknown = _categories(values.get("LD_DEBUG", ""))
        path = values.get("LD_LIBRARY_PATH", "")
        return cls(
            library_path=tuple(path.replace(";", ":").split(":")) if path else (),
            preload=_words(values.get("LD_PRELOAD", ""), " :"),
            bind_now=bool(values.get("LD_BIND_NOW")),
            debug=debug,
            unknown_debug=unknown,
            debug_output=values.get("LD_DEBUG_OUTPUT", ""),
            trace_objects=bool(values.get("LD_TRACE_LOADED_OBJECTS")),
        )


def _words(text: str, separators: str) -> tuple[str, ...]:
    """What is between any of these characters, without empty words."""
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    return tuple(word for word in text.split(separators[0]) if word)


def _categories(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The words of LD_DEBUG, `all` written out, and those that are none of them."""
    words = _words(text, " ,:")
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
