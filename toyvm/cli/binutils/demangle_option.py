"""`-C`, `--demangle[=STYLE]`: names of C++ as programmers write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

DEMANGLE = ("-C", "--demangle")
DEMANGLE_HELP = "write the names of C++ readably"


def without_style(argv: Sequence[str]) -> list[str]:
    """The command line with --demangle for --demangle=STYLE: there is one style."""
    return ["--demangle" if word.startswith("--demangle=") else word for word in argv]


def spelling(demangle: bool) -> Callable[[str], str]:
    """How a symbol's name is written."""
    return _readable if demangle else str


def _readable(name: str) -> str:
    from ...elf.demangling import demangled

    text, at, version = name.partition("@")
    return demangled(text) + at + version
