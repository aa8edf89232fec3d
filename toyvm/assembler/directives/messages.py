"""Directives with a text: `.error` and `.warning` for the user, `.ident` for the .comment section."""

from __future__ import annotations

import struct

from toyvm.elf.constants import NT_VERSION, SHF_MERGE, SHF_STRINGS, SHT_NOTE, SHT_PROGBITS

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
        text = f"{kind} directive invoked in source file"
        if rest.strip():
            try:
                text = unquote(rest.strip()).decode("utf-8", "replace")
            except Problem as problem:
                problem.gnu = f"{kind} argument must be a string"
                raise
        if kind == ".err":
            raise Problem(text, gnu=".err encountered")
        if kind == ".warning":
            state.warn(text)
        elif kind == ".print":
            state.printed.append(text)
        else:
            raise Problem(text)

    return directive


def fail(state: AssemblyState, rest: str) -> None:
    """`.fail number`: an error below 500, a warning from 500 on."""
    number = state.number_of(rest, "the number") if rest.strip() else 0
    text = f".fail {number} encountered"
    if number < 500:
        raise Problem(text)
    state.warn(text)


def version(state: AssemblyState, rest: str) -> None:
    """`.version "text"`: a note of type NT_VERSION in the section .note, whose name is the text."""
    text = unquote(rest.strip()) + b"\0"
    chunk = state.section(".note", SHT_NOTE, 0, listed=False).chunk(0)
    chunk.section.align = 4
    chunk.data += struct.pack("<III", len(text), 0, NT_VERSION) + text + bytes(-len(text) % 4)


def ignored(reason: str) -> Directive:
    """A directive without effect, which a warning says."""
    return lambda state, rest: state.warn(reason)


MESSAGES: dict[str, Directive] = {
    ".ident": ident,
    ".err": message(".err"),
    ".error": message(".error"),
    ".warning": message(".warning"),
    ".print": message(".print"),
    ".fail": fail,
    ".version": version,
    ".linkonce": ignored(".linkonce is not supported for this object file format"),
    **dict.fromkeys(
        (".vtable_inherit", ".vtable_entry"), ignored("virtual table garbage collection is obsolete; ignored")
    ),
}
