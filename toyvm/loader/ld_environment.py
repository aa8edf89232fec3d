"""The LD_* environment variables of ld.so(8), parsed once when a program starts."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.record import Record
from .ld_debug import categories_of


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
        """Parse `NAME=VALUE` strings.

        If a name occurs twice, the last value counts, as in glibc.
        """
        values = dict(item.split("=", 1) for item in envp if item.startswith("LD_") and "=" in item)
        debug, unknown = categories_of(_words(values.get("LD_DEBUG", ""), " ,:"))
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
    """Split `text` at any of the separators, and drop empty words."""
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    return tuple(word for word in text.split(separators[0]) if word)
