"""Directives for the listing (`-a`): `.title`, `.list`, `.eject` and their kin. Without a listing they do nothing."""

from __future__ import annotations

from ..problems import Problem
from ..state import AssemblyState
from ..statements import split_operands, unquote
from .data import Directive
from .symbol_attributes import accepted

_MIN_WIDTH = 40


def title(kind: int) -> Directive:
    """`.title "words"` (0) and `.sbttl "words"` (1), for the heading of each page."""

    def directive(state: AssemblyState, rest: str) -> None:
        text = (
            unquote(rest.strip()).decode("utf-8", "replace") if rest.strip().startswith('"') else rest.strip()
        )
        state.listing.titles[kind, *state.listing.at] = text

    return directive


def level(change: int) -> Directive:
    """`.list`, `.nolist`: print lines while there were more of the former."""

    def directive(state: AssemblyState, rest: str) -> None:
        at = state.listing.at
        state.listing.levels[at] = state.listing.levels.get(at, 0) + change

    return directive


def eject(state: AssemblyState, rest: str) -> None:
    """`.eject`: begin a page."""
    state.listing.ejects.add(state.listing.at)


def page_size(state: AssemblyState, rest: str) -> None:
    """`.psize lines, columns`: the size of a page; 0 lines is one endless page."""
    pieces = split_operands(rest)
    if not 1 <= len(pieces) <= 2:
        raise Problem(".psize takes a number of lines", expected="lines, columns")
    lines = state.number_or_report(pieces[0], "the number of lines")
    if not 0 <= lines <= 1000:
        state.warn("strange paper height, set to no form", pieces[0])
        lines = 0
    if len(pieces) == 2 and state.number_of(pieces[1], "the number of columns") < _MIN_WIDTH:
        raise Problem("new paper width is too small", pieces[1])
    state.listing.height = lines


LISTING: dict[str, Directive] = {
    **dict.fromkeys((".title", ".ttl"), title(0)),
    ".sbttl": title(1),
    ".list": level(1),
    ".nolist": level(-1),
    **dict.fromkeys((".eject", ".page"), eject),
    ".psize": page_size,
    **dict.fromkeys(
        (".llen", ".plen", ".nopage", ".format", ".noformat", ".name", ".debug", ".spc", ".func", ".endfunc"),
        accepted,
    ),
}
