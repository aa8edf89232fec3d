"""Directives with a text: `.error` and `.warning` for the user, `.ident` for the .comment section."""

from __future__ import annotations

from toyvm.elf.constants import SHF_MERGE, SHF_STRINGS, SHT_PROGBITS

from ..problems import Problem
from ..state import AssemblyState
from ..statements import unquote
from .data import Directive


def ident(state: AssemblyState, rest: str) -> None:
    """`.ident "text"`: append to .comment, which begins with a zero byte."""
    text = unquote(rest.strip())
    section = state.section(".comment", SHT_PROGBITS, SHF_MERGE | SHF_STRINGS, 1, listed=False)
    chunk = section.chunk(0)
    if not len(chunk.data):
        chunk.data += b"\0"
    chunk.data += text + b"\0"


def message(kind: str) -> Directive:
    """`.error`, `.warning`, `.err`, `.print`."""

    def directive(state: AssemblyState, rest: str) -> None:
        text = (
            unquote(rest.strip()).decode("utf-8", "replace")
            if rest.strip()
            else f"{kind} directive invoked in source file"
        )
        if kind == ".warning":
            state.warn(text)
        elif kind == ".print":
            state.printed.append(text)
        else:
            raise Problem(text)

    return directive


MESSAGES: dict[str, Directive] = {
    ".ident": ident,
    ".err": message(".err"),
    ".error": message(".error"),
    ".warning": message(".warning"),
    ".print": message(".print"),
}
